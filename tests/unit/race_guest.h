/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's drivers that keep count of every chain, for tests where devices
 * are used, reset, paused and switched off by several threads at once.
 *
 * Each driver belongs to one vCPU, and to the test's thread while no vCPU
 * runs. Nothing in here may use cmocka.
 */
#ifndef PRIVET_TESTS_RACE_GUEST_H
#define PRIVET_TESTS_RACE_GUEST_H

#include "devices/virtio_blk.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/race_watch.h"
#include "vmm/bytes.h"

#define GUEST_QUEUE_SIZE 16U
#define GUEST_QUEUES     8U

/**
 * struct guest_dev - A device and its driver
 * @m: the driver
 * @low: where its memory begins; it ends at m.drv.end
 * @features: what is accepted at each start
 * @in_flight: heads that were given to the device, by queue
 * @nr_in_flight: how many of them
 * @added, @used, @dropped: chains given, taken back, and lost in resets
 * @old_used: the used indices when the device was reset last
 */
struct guest_dev {
	struct fake_mmio m;
	uint64_t low;
	uint64_t features;
	bool in_flight[GUEST_QUEUES][GUEST_QUEUE_SIZE];
	unsigned nr_in_flight;
	unsigned added;
	unsigned used;
	unsigned dropped;
	uint16_t old_used[GUEST_QUEUES];
};

static inline void guest_init(struct guest_dev *g, struct vm *vm, unsigned slot,
			      uint64_t features, uint64_t low, uint64_t size)
{
	*g = (struct guest_dev){ .low = low, .features = features };
	fake_mmio_init(&g->m, vm, slot);
	must(low >= g->m.drv.next && low + size <= g->m.drv.end);
	g->m.drv.end = low + size;
}

/* Registers of the common configuration, virtio 1.2, 4.1.4.3 */
#define PCI_CONFIG_VECTOR 16U
#define PCI_QUEUE_SELECT  22U
#define PCI_QUEUE_VECTOR  26U

/* Vector 0 for the configuration, and one for each queue as far as they go. */
static inline void guest_use_msix(struct guest_dev *g)
{
	const struct fake_pci *p = &g->m.pci;

	for (unsigned i = 0; i < p->msix_vectors; i++) {
		uint64_t entry = p->msix_table + 16ULL * i;

		fake_mmio_write(p->vm, entry, 4, 0x1000);
		fake_mmio_write(p->vm, entry + 4, 4, 0);
		fake_mmio_write(p->vm, entry + 8, 4, i);
		fake_mmio_write(p->vm, entry + 12, 4, 0);
	}
	fake_pci_set(p, p->msix_cap + 2, 2, 0x8000);
	fake_mmio_write(p->vm, p->common + PCI_CONFIG_VECTOR, 2, 0);
	for (unsigned i = 0; i < g->m.nr_queues; i++) {
		fake_mmio_write(p->vm, p->common + PCI_QUEUE_SELECT, 2, i);
		fake_mmio_write(p->vm, p->common + PCI_QUEUE_VECTOR, 2,
				(i + 1) % p->msix_vectors);
	}
}

static inline void guest_start(struct guest_dev *g)
{
	unsigned queues = 0;

	g->m.drv.next = g->low;
	must(fake_mmio_negotiate(&g->m, g->features) == 0);
	while (queues < GUEST_QUEUES &&
	       fake_mmio_queue(&g->m, queues, GUEST_QUEUE_SIZE) == 0)
		queues++;
	must(queues > 0);
	if (g->m.is_pci && g->m.pci.msix_cap != 0)
		guest_use_msix(g);
	fake_mmio_driver_ok(&g->m);
}

/* The rings are where they were: nothing may have been written since. */
static inline void guest_check_rest(struct guest_dev *g)
{
	for (unsigned i = 0; i < GUEST_QUEUES; i++) {
		const struct fake_queue *q = &g->m.queues[i];

		if (q->drv != NULL)
			must(fake_queue_used_idx(q) == g->old_used[i]);
	}
}

/* What is in flight is the device's no more, and nobody's. */
static inline void guest_forget(struct guest_dev *g)
{
	for (unsigned i = 0; i < GUEST_QUEUES; i++) {
		const struct fake_queue *q = &g->m.queues[i];

		g->old_used[i] = q->drv != NULL ? fake_queue_used_idx(q) : 0;
	}
	g->dropped += g->nr_in_flight;
	g->nr_in_flight = 0;
	memset(g->in_flight, 0, sizeof(g->in_flight));
}

static inline void guest_reset(struct guest_dev *g)
{
	fake_mmio_reset(&g->m);
	must(fake_mmio_status(&g->m) == 0);
	guest_forget(g);
}

static inline bool guest_has_room(const struct guest_dev *g, unsigned queue,
				  unsigned count)
{
	return queue < g->m.nr_queues && g->m.queues[queue].nr_free >= count;
}

static inline uint16_t guest_add(struct guest_dev *g, unsigned queue,
				 const struct fake_buf *bufs, unsigned count)
{
	struct fake_queue *q = &g->m.queues[queue];
	uint16_t head = fake_queue_build(q, bufs, count, false);

	must(head < GUEST_QUEUE_SIZE && !g->in_flight[queue][head]);
	g->in_flight[queue][head] = true;
	g->nr_in_flight++;
	g->added++;
	fake_queue_publish(q, head);
	return head;
}

/* Each chain comes back once, and nothing else does. */
static inline bool guest_take(struct guest_dev *g, unsigned queue,
			      struct fake_used *used)
{
	if (!fake_queue_used(&g->m.queues[queue], used))
		return false;
	must(used->id < GUEST_QUEUE_SIZE && g->in_flight[queue][used->id]);
	g->in_flight[queue][used->id] = false;
	g->nr_in_flight--;
	g->used++;
	return true;
}

static inline unsigned guest_in_flight(const struct guest_dev *g,
				       unsigned queue)
{
	unsigned count = 0;

	for (unsigned i = 0; i < GUEST_QUEUE_SIZE; i++)
		count += g->in_flight[queue][i];
	return count;
}

static inline void guest_check_counts(const struct guest_dev *g)
{
	must(g->added == g->used + g->dropped + g->nr_in_flight);
}

static inline bool guest_broken(struct guest_dev *g)
{
	return (fake_mmio_status(&g->m) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

/* Bytes by which a buffer is known again. */
static inline void guest_fill(uint8_t *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 7 + i / 251 + seed * 37);
}

static inline bool guest_filled(const uint8_t *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != (uint8_t)(i * 7 + i / 251 + seed * 37))
			return false;
	}
	return true;
}

#endif
