/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_write(), gmem_mark_dirty(), gmem_take_dirty(): the dirty map is not
 * left, and has every page that was written.
 *
 * For every address, every length up to 8 KiB, and a region of any place and
 * of 64 to 66 pages, so that the map has one or two words. Addresses of the
 * host may be any, also such as are no RAM.
 *
 * Does not cover: other sizes of regions; threads that mark at the same time.
 */
#include "tests/prove/copy.h"

/* One thread: what a plain access does. */
#define __atomic_load_n(at, order)         (*(at))
#define __atomic_fetch_or(at, bits, order) (*(at) |= (bits))
#define __atomic_exchange_n(at, value, order)   \
	({                                      \
		__typeof__(*(at)) was_ = *(at); \
		*(at) = (value);                \
		was_;                           \
	})
#include "vmm/gmem.c"

#define MOST (2 * GMEM_DIRTY_PAGE)

int main(void)
{
	uint64_t gpa = nondet_u64(), len = nondet_u64(), at = nondet_u64();
	uint64_t base = nondet_u64(), pages = nondet_u64();
	uint64_t taken[2] = { 0 };

	suppose(pages >= 64 && pages <= 66);
	uint64_t size = pages * GMEM_DIRTY_PAGE;
	suppose(base % GMEM_DIRTY_PAGE == 0 && base <= UINT64_MAX - size);
	suppose(len <= MOST);

	size_t words = dirty_words(size);
	prove(words == (pages == 64 ? 1 : 2));

	struct gmem gmem = { .nr_regions = 1 };
	gmem.regions[0] = (struct gmem_region){
		.gpa = base,
		.size = size,
		.host = any_bytes(size),
		.dirty = calloc(words, sizeof(uint64_t)),
	};
	suppose(gmem.regions[0].dirty != NULL);

	int ret = gmem_write(&gmem, gpa, any_bytes(MOST), len);
	gmem_take_dirty(&gmem, 0, taken);
	if (ret == 0 && at < len) {
		uint64_t page = (gpa - base + at) / GMEM_DIRTY_PAGE;

		prove(taken[page / 64] >> (page % 64) & 1);
	}
	prove(gmem.regions[0].dirty[0] == 0);
	return 0;
}
