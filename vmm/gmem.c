/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory. */
#include "vmm/gmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORD_BITS 64U

static size_t dirty_words(uint64_t size)
{
	return (size_t)((size / GMEM_DIRTY_PAGE + WORD_BITS - 1) / WORD_BITS);
}

static int check_region(const struct gmem *gmem, uint64_t gpa, uint64_t size,
			struct error *err)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (size == 0 || size % page != 0 || gpa % page != 0 ||
	    !range_fits(gpa, size, UINT64_MAX) || size > SIZE_MAX)
		return error_host(
			err, -EINVAL,
			"cannot place 0x%llx bytes of RAM at 0x%llx: "
			"both must be multiples of the page size %llu",
			(unsigned long long)size, (unsigned long long)gpa,
			(unsigned long long)page);
	if (gmem->nr_regions == GMEM_MAX_REGIONS)
		return error_host(err, -ENOSPC,
				  "cannot add RAM at 0x%llx: the machine has "
				  "%u regions already",
				  (unsigned long long)gpa, GMEM_MAX_REGIONS);
	for (unsigned i = 0; i < gmem->nr_regions; i++) {
		const struct gmem_region *r = &gmem->regions[i];

		if (ranges_overlap(gpa, size, r->gpa, r->size))
			return error_host(err, -EEXIST,
					  "cannot add RAM at 0x%llx: it "
					  "overlaps RAM at 0x%llx",
					  (unsigned long long)gpa,
					  (unsigned long long)r->gpa);
	}
	return 0;
}

int gmem_add(struct gmem *gmem, uint64_t gpa, uint64_t size, struct error *err)
{
	int ret = check_region(gmem, gpa, size, err);

	if (ret < 0)
		return ret;

	uint64_t *dirty = calloc(dirty_words(size), sizeof(*dirty));
	if (dirty == NULL)
		return error_nomem(err, "the guest's dirty page map");

	void *host = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host == MAP_FAILED) {
		ret = -errno;
		free(dirty);
		return error_host(
			err, ret,
			"cannot reserve %llu MiB for the guest's RAM: "
			"%s; try less --mem or raise the limit on "
			"address space",
			(unsigned long long)(size >> 20), strerror(-ret));
	}
	gmem->regions[gmem->nr_regions++] = (struct gmem_region){
		.gpa = gpa,
		.size = size,
		.host = host,
		.dirty = dirty,
	};
	return 0;
}

void gmem_destroy(struct gmem *gmem)
{
	for (unsigned i = 0; i < gmem->nr_regions; i++) {
		struct gmem_region *r = &gmem->regions[i];

		munmap(r->host, (size_t)r->size);
		free(r->dirty);
	}
	gmem->nr_regions = 0;
}

int gmem_clear(struct gmem *gmem)
{
	for (unsigned i = 0; i < gmem->nr_regions; i++) {
		struct gmem_region *r = &gmem->regions[i];

		/* Private anonymous memory reads as zero after this. */
		if (madvise(r->host, (size_t)r->size, MADV_DONTNEED) < 0)
			return -errno;
		memset(r->dirty, 0, dirty_words(r->size) * sizeof(*r->dirty));
	}
	return 0;
}

uint64_t gmem_total(const struct gmem *gmem)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < gmem->nr_regions; i++)
		total += gmem->regions[i].size;
	return total;
}

void *gmem_range(const struct gmem *gmem, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return NULL;
	for (unsigned i = 0; i < gmem->nr_regions; i++) {
		const struct gmem_region *r = &gmem->regions[i];

		if (gpa >= r->gpa && range_fits(gpa - r->gpa, len, r->size))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}

int gmem_read(const struct gmem *gmem, uint64_t gpa, void *buf, uint64_t len)
{
	if (len == 0)
		return 0;

	const void *host = gmem_range(gmem, gpa, len);
	if (host == NULL)
		return -EFAULT;
	gmem_copy_in(buf, host, (size_t)len);
	return 0;
}

int gmem_write(struct gmem *gmem, uint64_t gpa, const void *buf, uint64_t len)
{
	if (len == 0)
		return 0;

	void *host = gmem_range(gmem, gpa, len);
	if (host == NULL)
		return -EFAULT;
	memcpy(host, buf, (size_t)len);
	gmem_mark_dirty(gmem, host, len);
	return 0;
}

static void mark_pages(struct gmem_region *r, uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page <= last; page++) {
		uint64_t *word = &r->dirty[page / WORD_BITS];
		uint64_t bit = 1ULL << (page % WORD_BITS);

		/* Most pages are marked already: spare the shared write. */
		if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) == 0)
			__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	}
}

void gmem_mark_dirty(struct gmem *gmem, const void *host, uint64_t len)
{
	if (len == 0)
		return;
	for (unsigned i = 0; i < gmem->nr_regions; i++) {
		struct gmem_region *r = &gmem->regions[i];
		uintptr_t start = (uintptr_t)r->host;

		if ((uintptr_t)host < start ||
		    !range_fits((uintptr_t)host - start, len, r->size))
			continue;

		uint64_t off = (uintptr_t)host - start;
		mark_pages(r, off / GMEM_DIRTY_PAGE,
			   (off + len - 1) / GMEM_DIRTY_PAGE);
		return;
	}
}

void gmem_take_dirty(struct gmem *gmem, unsigned region, uint64_t *bitmap)
{
	struct gmem_region *r = &gmem->regions[region];
	size_t words = dirty_words(r->size);

	for (size_t i = 0; i < words; i++)
		bitmap[i] =
			__atomic_exchange_n(&r->dirty[i], 0, __ATOMIC_RELAXED);
}
