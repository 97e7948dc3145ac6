/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_range(), gmem_read(): what they let through is RAM.
 *
 * For every address and length of 64 bits, and one or two regions of any place
 * and of any size up to 1 TiB: a translation that succeeds can be read and
 * written for all of its length, one is refused exactly when the range is not
 * wholly in one region, and a copy touches nothing but what it was given.
 *
 * Does not cover: more than two regions; copies of more than 64 bytes.
 */
#include "tests/prove/ram.h"

static bool inside(const struct gmem_region *r, uint64_t gpa, uint64_t len)
{
	return gpa >= r->gpa && gpa - r->gpa < r->size &&
	       len <= r->size - (gpa - r->gpa);
}

int main(void)
{
	uint64_t gpa = nondet_u64(), len = nondet_u64();
	struct gmem gmem;

	ram_init(&gmem);

	void *host = gmem_range(&gmem, gpa, len);
	bool ram = inside(&gmem.regions[0], gpa, len) ||
		   (gmem.nr_regions == 2 && inside(&gmem.regions[1], gpa, len));

	prove((host != NULL) == (ram && len > 0));
	if (host != NULL) {
		prove(__CPROVER_r_ok(host, len));
		prove(__CPROVER_w_ok(host, len));
	}

	uint64_t some = nondet_u64();
	suppose(some <= 64);
	prove(gmem_read(&gmem, gpa, any_bytes(some), some) <= 0);
	return 0;
}
