/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MMIO bus: a sorted array of regions.
 *
 * Regions are added while the machine is built, then mmio_freeze() sorts them
 * and lookups on the vCPU threads take no lock.
 */
#ifndef PRIVET_VMM_MMIO_H
#define PRIVET_VMM_MMIO_H

#include <pthread.h>
#include "vmm/error.h"

#define MMIO_MAX_REGIONS 64

struct vcpu;

/**
 * struct mmio_ops - Handlers of a region
 * @read: returns the value, low @size bytes used
 * @write: takes the value, upper bytes zero
 * @min_size: smallest access in bytes that handlers see (1, 2, 4 or 8)
 * @max_size: largest access in bytes that handlers see
 *
 * Handlers cannot fail and are called with the region's lock held, with an
 * offset and size that are naturally aligned, within the declared sizes and
 * inside the region. Accesses outside the declared sizes, unaligned ones and
 * those that cross the end never reach a handler: they read as zero, writes
 * are dropped.
 * Context: a vCPU thread; must not block.
 */
struct mmio_ops {
	uint64_t (*read)(void *opaque, uint64_t off, unsigned size);
	void (*write)(void *opaque, uint64_t off, unsigned size, uint64_t val);
	unsigned min_size;
	unsigned max_size;
};

/**
 * struct mmio_region - A device's window
 * @name: for messages; not owned
 * @lock: taken around every handler call; not owned; may be NULL
 * @opaque: first argument of the handlers; not owned
 */
struct mmio_region {
	const char *name;
	uint64_t base;
	uint64_t size;
	const struct mmio_ops *ops;
	pthread_mutex_t *lock;
	void *opaque;
};

struct mmio_bus {
	struct mmio_region regions[MMIO_MAX_REGIONS];
	unsigned nr_regions;
	bool frozen;
};

/**
 * mmio_add() - Add a region (copied)
 *
 * Return: 0, -EEXIST (@err names both) on overlap, -ENOSPC, -EINVAL for an
 * empty or wrapping region, -EBUSY after mmio_freeze().
 * Context: main thread while building.
 */
int mmio_add(struct mmio_bus *bus, const struct mmio_region *region,
	     struct error *err);

/** mmio_freeze() - Sort; from here on lookups take no lock */
void mmio_freeze(struct mmio_bus *bus);

/**
 * mmio_access() - Carry out a guest's access
 * @data: value in guest memory order (little-endian); filled for a read
 * @size: bytes, 1 to 8
 *
 * Return: false when no region answers; a read gives zeros then.
 * Context: a vCPU thread; takes the region's lock.
 */
bool mmio_access(struct mmio_bus *bus, uint64_t gpa, uint8_t *data,
		 unsigned size, bool is_write);

#endif
