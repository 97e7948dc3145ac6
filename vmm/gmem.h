/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: the only way to the guest's RAM.
 *
 * Every translation takes a length and fails unless the whole range lies in
 * RAM. Every write by the monitor marks the pages dirty, because KVM's dirty
 * log sees only the guest's own writes.
 *
 * Regions are added while the machine is built by one thread; after that they
 * do not change, so lookups take no lock. The memory's contents are shared
 * with a hostile guest: copy in once, check the copy, use the copy.
 */
#ifndef PRIVET_VMM_GMEM_H
#define PRIVET_VMM_GMEM_H

#include <stdatomic.h>
#include <string.h>
#include "vmm/error.h"

#define GMEM_MAX_REGIONS 4
#define GMEM_DIRTY_PAGE  4096

/**
 * struct gmem_region - A contiguous piece of RAM; its index is its KVM slot
 * @gpa: guest-physical address of its first byte
 * @size: bytes, a multiple of the host's page size
 * @host: mapping; owned
 * @dirty: one bit for each GMEM_DIRTY_PAGE that the monitor wrote; owned
 */
struct gmem_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
	uint64_t *dirty;
};

struct gmem {
	struct gmem_region regions[GMEM_MAX_REGIONS];
	unsigned nr_regions;
};

/**
 * gmem_add() - Add a zeroed region of RAM
 * @gpa: page aligned; [gpa, gpa + size) must not overlap another region
 * @size: bytes, page aligned, not 0
 *
 * Host memory is reserved, not touched: it counts when the guest uses it.
 *
 * Return: 0, -ENOMEM (with what to do in @err), -EINVAL, -EEXIST, -ENOSPC.
 * Context: main thread while building.
 */
int gmem_add(struct gmem *gmem, uint64_t gpa, uint64_t size, struct error *err);

/** gmem_destroy() - Release everything; also good for a zeroed struct */
void gmem_destroy(struct gmem *gmem);

/** gmem_clear() - Make all RAM read as zero again and give it back */
int gmem_clear(struct gmem *gmem);

/** gmem_total() - Bytes of RAM in all regions */
uint64_t gmem_total(const struct gmem *gmem);

/**
 * gmem_range() - Translate a range
 * @len: bytes, 1 or more
 *
 * Return: the host address of @gpa, where @len bytes may be accessed, or NULL
 * unless the whole range lies in one region of RAM.
 */
void *gmem_range(const struct gmem *gmem, uint64_t gpa, uint64_t len);

/**
 * gmem_copy_in() - Copy what a vCPU may be changing at this moment
 * @from: in guest RAM, checked for @len
 *
 * The copy is made once: the compiler may not look at @from again in its place.
 *
 * For ThreadSanitizer a store that is not atomic is a driver's, which has to be
 * over before the device was told of the buffer: a race with one is reported. A
 * guest that changes memory under the device's eyes does so with atomic stores
 * in tests, and those may meet this copy.
 */
static inline void gmem_copy_in(void *to, const void *from, size_t len)
{
#ifdef __SANITIZE_THREAD__
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = __atomic_load_n((const uint8_t *)from + i,
						     __ATOMIC_RELAXED);
#else
	memcpy(to, from, len);
#endif
	atomic_signal_fence(memory_order_seq_cst);
}

/**
 * gmem_read() - Copy out of guest memory
 *
 * Return: 0, or -EFAULT when any byte of the range is not RAM (nothing is
 * copied then). A length of 0 succeeds.
 */
int gmem_read(const struct gmem *gmem, uint64_t gpa, void *buf, uint64_t len);

/** gmem_write() - Copy into guest memory and mark it dirty; else as read */
int gmem_write(struct gmem *gmem, uint64_t gpa, const void *buf, uint64_t len);

/**
 * gmem_mark_dirty() - Note that the monitor wrote through a host address
 * @host: address from gmem_range(); any other is ignored
 *
 * Context: any thread; the bitmap is updated atomically.
 */
void gmem_mark_dirty(struct gmem *gmem, const void *host, uint64_t len);

/**
 * gmem_take_dirty() - Fetch and clear a region's dirty bitmap
 * @region: index
 * @bitmap: receives (size / GMEM_DIRTY_PAGE + 63) / 64 words
 */
void gmem_take_dirty(struct gmem *gmem, unsigned region, uint64_t *bitmap);

#endif
