/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mmio_access(): a handler sees only what it declared.
 *
 * For up to five regions of any place and size, sorted and apart as
 * mmio_add() and mmio_freeze() leave them, and every address, size and
 * direction: handlers get aligned accesses of a declared size inside their
 * region, writes with upper bytes zero; exactly @size bytes of the caller's
 * are written; the lock is let go.
 *
 * Does not cover: more regions, which only make the search longer; sizes of
 * more than 64 bytes, which no exit has.
 */
#include "tests/prove/env.h"
#include "vmm/mmio.c"

static struct mmio_bus bus;

static void check(void *opaque, uint64_t off, unsigned size)
{
	struct mmio_region *r = opaque;

	prove(r >= bus.regions && r < bus.regions + bus.nr_regions);
	prove(size == 1 || size == 2 || size == 4 || size == 8);
	prove(size >= r->ops->min_size && size <= r->ops->max_size);
	prove(off % size == 0);
	prove(size <= r->size && off <= r->size - size);
	prove(r->lock == NULL || locks_held == 1);
}

static uint64_t region_read(void *opaque, uint64_t off, unsigned size)
{
	check(opaque, off, size);
	return nondet_u64();
}

static void region_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t value)
{
	check(opaque, off, size);
	prove(size == 8 || value >> (8 * size) == 0);
}

int main(void)
{
	static pthread_mutex_t lock;
	struct mmio_ops ops = { .read = region_read, .write = region_write };
	uint64_t end = 0, gpa = nondet_u64();
	unsigned size = nondet_u32();

	ops.min_size = nondet_u32();
	ops.max_size = nondet_u32();
	suppose(is_power_of_two(ops.min_size) && ops.min_size <= 8);
	suppose(is_power_of_two(ops.max_size) && ops.max_size <= 8);
	bus.nr_regions = nondet_u32();
	suppose(bus.nr_regions <= 5);
	for (unsigned i = 0; i < bus.nr_regions; i++) {
		struct mmio_region *r = &bus.regions[i];

		r->base = nondet_u64();
		r->size = nondet_u64();
		suppose(r->size > 0 && r->base >= end);
		suppose(r->base <= UINT64_MAX - r->size);
		end = r->base + r->size;
		r->ops = &ops;
		r->lock = nondet_bool() ? &lock : NULL;
		r->opaque = r;
	}
	suppose(size <= 64);
	mmio_access(&bus, gpa, any_bytes(size), size, nondet_bool());
	prove(locks_held == 0);
	return 0;
}
