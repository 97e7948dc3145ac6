/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's RAM: two regions of any place and size, up to 1 TiB each, or
 * one. What is
 * in it may be anything at any time, so nothing is stored: a write only has to
 * be inside. Translation is the real one; for dirty pages see gmem_dirty.
 */
#ifndef PRIVET_TESTS_PROVE_RAM_H
#define PRIVET_TESTS_PROVE_RAM_H

#include "tests/prove/copy.h"
#include "vmm/gmem.h"

#define gmem_mark_dirty real_mark_dirty
#define gmem_write      real_write
void gmem_mark_dirty(struct gmem *gmem, const void *host, uint64_t len);
#include "vmm/gmem.c"
#undef gmem_mark_dirty
#undef gmem_write

void gmem_mark_dirty(struct gmem *gmem, const void *host, uint64_t len)
{
	(void)gmem;
	if (len > 0)
		prove(__CPROVER_w_ok(host, len));
}

int gmem_write(struct gmem *gmem, uint64_t gpa, const void *buf, uint64_t len)
{
	if (len == 0)
		return 0;

	void *host = gmem_range(gmem, gpa, len);

	if (host == NULL)
		return -EFAULT;
	prove(__CPROVER_r_ok(buf, len));
	prove(__CPROVER_w_ok(host, len));
	return 0;
}

/* As gmem_add() lets it through. */
static inline void ram_add(struct gmem *gmem)
{
	uint64_t gpa = nondet_u64(), size = nondet_u64();

	suppose(size > 0 && size <= 1ULL << 40);
	suppose(size % GMEM_DIRTY_PAGE == 0 && gpa % GMEM_DIRTY_PAGE == 0);
	suppose(gpa <= UINT64_MAX - size);
	for (unsigned i = 0; i < gmem->nr_regions; i++)
		suppose(!ranges_overlap(gpa, size, gmem->regions[i].gpa,
					gmem->regions[i].size));
	gmem->regions[gmem->nr_regions++] = (struct gmem_region){
		.gpa = gpa,
		.size = size,
		.host = any_bytes(size),
	};
}

static inline void ram_init(struct gmem *gmem)
{
	*gmem = (struct gmem){ .nr_regions = 0 };
	ram_add(gmem);
#ifndef PROVE_ONE_REGION
	if (nondet_bool())
		ram_add(gmem);
#endif
}

#endif
