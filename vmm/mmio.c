/* SPDX-License-Identifier: Apache-2.0 */
/* The MMIO bus. */
#include "vmm/mmio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bytes.h"

int mmio_add(struct mmio_bus *bus, const struct mmio_region *region,
	     struct error *err)
{
	if (bus->frozen)
		return error_host(err, -EBUSY,
				  "cannot add %s to the MMIO map: the machine "
				  "is complete",
				  region->name);
	if (region->size == 0 ||
	    !range_fits(region->base, region->size, UINT64_MAX))
		return error_host(err, -EINVAL,
				  "cannot map %s at 0x%llx: bad size 0x%llx",
				  region->name,
				  (unsigned long long)region->base,
				  (unsigned long long)region->size);
	if (bus->nr_regions == MMIO_MAX_REGIONS)
		return error_host(err, -ENOSPC,
				  "cannot map %s: the machine has %u windows "
				  "already; use fewer devices",
				  region->name, MMIO_MAX_REGIONS);
	for (unsigned i = 0; i < bus->nr_regions; i++) {
		const struct mmio_region *r = &bus->regions[i];

		if (ranges_overlap(region->base, region->size, r->base,
				   r->size))
			return error_host(
				err, -EEXIST,
				"cannot map %s at 0x%llx: %s is there",
				region->name, (unsigned long long)region->base,
				r->name);
	}
	bus->regions[bus->nr_regions++] = *region;
	return 0;
}

static int compare_base(const void *a, const void *b)
{
	const struct mmio_region *ra = a, *rb = b;

	return (ra->base > rb->base) - (ra->base < rb->base);
}

void mmio_freeze(struct mmio_bus *bus)
{
	qsort(bus->regions, bus->nr_regions, sizeof(bus->regions[0]),
	      compare_base);
	bus->frozen = true;
}

static struct mmio_region *find_region(struct mmio_bus *bus, uint64_t gpa)
{
	unsigned low = 0, high = bus->nr_regions;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		struct mmio_region *r = &bus->regions[mid];

		if (gpa < r->base)
			high = mid;
		else if (gpa - r->base >= r->size)
			low = mid + 1;
		else
			return r;
	}
	return NULL;
}

static bool access_declared(const struct mmio_region *r, uint64_t off,
			    unsigned size)
{
	return is_power_of_two(size) && size >= r->ops->min_size &&
	       size <= r->ops->max_size && (off & (size - 1)) == 0 &&
	       range_fits(off, size, r->size);
}

bool mmio_access(struct mmio_bus *bus, uint64_t gpa, uint8_t *data,
		 unsigned size, bool is_write)
{
	uint8_t raw[8] = { 0 };
	struct mmio_region *r = find_region(bus, gpa);

	if (size > sizeof(raw))
		return false;
	if (is_write)
		memcpy(raw, data, size);
	else
		memset(data, 0, size);
	if (r == NULL)
		return false;

	uint64_t off = gpa - r->base;
	if (!access_declared(r, off, size))
		return true;

	if (r->lock != NULL)
		pthread_mutex_lock(r->lock);
	if (is_write)
		r->ops->write(r->opaque, off, size, le64_load(raw));
	else
		le64_store(raw, r->ops->read(r->opaque, off, size));
	if (r->lock != NULL)
		pthread_mutex_unlock(r->lock);

	if (!is_write)
		memcpy(data, raw, size);
	return true;
}
