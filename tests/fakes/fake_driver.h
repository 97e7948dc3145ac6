/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of virtio, for tests: a driver that builds chains in a
 * fake machine's RAM, and one for a virtio-mmio window.
 *
 * Nothing here looks into the device under test: it writes and reads guest
 * memory through gmem, and registers through mmio_access(), as a guest does.
 * The raw calls (fake_queue_set_*) let a test be a hostile guest.
 *
 * A test that only wants a working device and one request:
 *
 *	struct fake_mmio m;
 *	fake_mmio_init(&m, vm, 0);
 *	assert_int_equal(fake_mmio_start(&m, VIRTIO_BIT(5), 8), 0);
 *	uint64_t buf = fake_alloc(&m.drv, 512, 16);
 *	struct fake_buf bufs[] = { { .gpa = buf, .len = 512, .write = true } };
 *	fake_queue_add(&m.queues[0], bufs, 1, false);
 *	fake_mmio_kick(&m, 0);
 *	fake_mmio_run(&m);
 *	struct fake_used used;
 *	assert_true(fake_queue_used(&m.queues[0], &used));
 *
 * Misuse of these functions (no room, no free descriptor) aborts the test.
 */
#ifndef PRIVET_TESTS_FAKE_DRIVER_H
#define PRIVET_TESTS_FAKE_DRIVER_H

#include "devices/virtio.h"
#include "tests/fakes/fake_pci.h"
#include "vmm/vm.h"

/* Descriptor flags, virtio 1.2, 2.7.5 */
#define FAKE_DESC_NEXT      1U
#define FAKE_DESC_WRITE     2U
#define FAKE_DESC_INDIRECT  4U

#define FAKE_AVAIL_NO_IRQ   1U
#define FAKE_USED_NO_NOTIFY 1U

#define FAKE_MMIO_QUEUES    16U

/**
 * struct fake_driver - Memory of the guest, given out bottom up
 * @gmem: not owned
 * @next: next free address of the first region; its first 64 KiB stay free
 * @end: end of the first region
 */
struct fake_driver {
	struct gmem *gmem;
	uint64_t next;
	uint64_t end;
};

/** struct fake_buf - One descriptor of a chain to be built */
struct fake_buf {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

/** struct fake_used - One element of the used ring */
struct fake_used {
	uint32_t id;
	uint32_t len;
};

/**
 * struct fake_queue - A virtqueue, driver's side
 * @drv: memory; not owned
 * @size: entries
 * @desc, @avail, @used: guest-physical addresses of the three areas
 * @avail_idx: next available index to publish
 * @used_seen: next used index to look at
 * @kicked: available index at the last fake_queue_wants_kick()
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @nr_free: descriptors not in use
 * @free: the indices of those, used as a stack
 * @chain: descriptors of the chain that begins at an index; 0: none
 * @next: successor of each descriptor in its chain
 */
struct fake_queue {
	struct fake_driver *drv;
	uint16_t size;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	uint16_t avail_idx;
	uint16_t used_seen;
	uint16_t kicked;
	bool event_idx;
	unsigned nr_free;
	uint16_t free[VIRTQ_MAX_SIZE];
	uint16_t chain[VIRTQ_MAX_SIZE];
	uint16_t next[VIRTQ_MAX_SIZE];
};

/*
 * Memory.
 */
void fake_driver_init(struct fake_driver *drv, struct gmem *gmem);

/** fake_alloc() - Guest memory; @align: a power of two */
uint64_t fake_alloc(struct fake_driver *drv, uint64_t len, uint64_t align);

/** fake_alloc_data() - Guest memory with a copy of @data in it */
uint64_t fake_alloc_data(struct fake_driver *drv, const void *data,
			 uint64_t len);

/** fake_read(), fake_write() - gmem_read() and gmem_write() that must succeed
 */
void fake_read(const struct fake_driver *drv, uint64_t gpa, void *buf,
	       uint64_t len);
void fake_write(struct fake_driver *drv, uint64_t gpa, const void *buf,
		uint64_t len);

/*
 * A queue.
 */

/** fake_queue_init() - Allocate and clear the areas of a queue of @size */
void fake_queue_init(struct fake_queue *q, struct fake_driver *drv,
		     uint16_t size);

/** fake_queue_restart() - Empty again, same areas: after a device reset */
void fake_queue_restart(struct fake_queue *q);

/**
 * fake_queue_build() - Write a chain of descriptors without publishing it
 * @indirect: one descriptor that points to a table with the chain
 *
 * Return: the head.
 */
uint16_t fake_queue_build(struct fake_queue *q, const struct fake_buf *bufs,
			  unsigned count, bool indirect);

/** fake_queue_publish() - Make a head available */
void fake_queue_publish(struct fake_queue *q, uint16_t head);

/** fake_queue_add() - Build and publish; Return: the head */
uint16_t fake_queue_add(struct fake_queue *q, const struct fake_buf *bufs,
			unsigned count, bool indirect);

/**
 * fake_queue_used() - Take the next used element, if there is one
 *
 * Frees the chain's descriptors.
 */
bool fake_queue_used(struct fake_queue *q, struct fake_used *used);

/**
 * fake_queue_wants_kick() - Whether the device asked for a doorbell for what
 * was published since the last call
 */
bool fake_queue_wants_kick(struct fake_queue *q);

/** fake_queue_set_desc() - Write one descriptor as it is */
void fake_queue_set_desc(struct fake_queue *q, uint16_t index, uint64_t gpa,
			 uint32_t len, uint16_t flags, uint16_t next);

/** fake_table_set() - The same in an indirect table at @table */
void fake_table_set(struct fake_driver *drv, uint64_t table, unsigned index,
		    uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next);

/** fake_queue_set_avail() - Write one slot of the available ring */
void fake_queue_set_avail(struct fake_queue *q, uint16_t slot, uint16_t head);

/** fake_queue_set_avail_idx() - Publish an index as it is */
void fake_queue_set_avail_idx(struct fake_queue *q, uint16_t idx);

/** fake_queue_set_avail_flags() - FAKE_AVAIL_NO_IRQ or 0 */
void fake_queue_set_avail_flags(struct fake_queue *q, uint16_t flags);

/** fake_queue_set_used_event() - When the driver wants an interrupt */
void fake_queue_set_used_event(struct fake_queue *q, uint16_t idx);

uint16_t fake_queue_used_idx(const struct fake_queue *q);
uint16_t fake_queue_used_flags(const struct fake_queue *q);
uint16_t fake_queue_avail_event(const struct fake_queue *q);

/*
 * A virtio device, over virtio-mmio or, on a machine of fake_vm_create_pci(),
 * over PCI. The registers are those of virtio-mmio in both cases.
 */

/**
 * struct fake_mmio - Driver of one device
 * @vm: not owned
 * @is_pci: it is a function of the bus, @pci
 * @base: guest-physical address of the window; else
 * @drv: memory of the guest
 * @features: accepted
 * @queues, @nr_queues: those that were set up
 */
struct fake_mmio {
	struct vm *vm;
	bool is_pci;
	struct fake_pci pci;
	uint64_t base;
	struct fake_driver drv;
	uint64_t features;
	struct fake_queue queues[FAKE_MMIO_QUEUES];
	unsigned nr_queues;
};

/** fake_mmio_init() - Driver for slot, or PCI function, @slot of @vm */
void fake_mmio_init(struct fake_mmio *m, struct vm *vm, unsigned slot);

uint32_t fake_mmio_get(struct fake_mmio *m, uint64_t off);
void fake_mmio_set(struct fake_mmio *m, uint64_t off, uint32_t value);

/** fake_mmio_offered() - All 64 feature bits that the device offers */
uint64_t fake_mmio_offered(struct fake_mmio *m);

/**
 * fake_mmio_negotiate() - Reset, ACKNOWLEDGE, DRIVER, FEATURES_OK
 * @features: to accept; VERSION_1 is added
 *
 * Return: 0, or -EINVAL when FEATURES_OK did not read back.
 */
int fake_mmio_negotiate(struct fake_mmio *m, uint64_t features);

/**
 * fake_mmio_queue() - Set up a queue and write QueueReady
 * @size: entries; 0 takes QueueNumMax
 *
 * Return: 0, or -EINVAL when QueueReady did not read back as 1; -ENODEV when
 * QueueNumMax is 0.
 */
int fake_mmio_queue(struct fake_mmio *m, unsigned index, uint16_t size);

/** fake_mmio_driver_ok() - Set DRIVER_OK */
void fake_mmio_driver_ok(struct fake_mmio *m);

/**
 * fake_mmio_start() - All of the above, for every queue the device has
 *
 * Return: 0 or what failed.
 */
int fake_mmio_start(struct fake_mmio *m, uint64_t features, uint16_t size);

/** fake_mmio_reset() - Write status 0 and forget the queues */
void fake_mmio_reset(struct fake_mmio *m);

uint32_t fake_mmio_status(struct fake_mmio *m);

/** fake_mmio_kick() - Ring the doorbell, wanted or not */
void fake_mmio_kick(struct fake_mmio *m, unsigned index);

/** fake_mmio_run() - Turn vm->loop until nothing is left to do (bounded) */
void fake_mmio_run(struct fake_mmio *m);

/** fake_mmio_irq() - Read InterruptStatus and acknowledge what it has */
uint32_t fake_mmio_irq(struct fake_mmio *m);

/** fake_mmio_config() - Read configuration space; @size: 1, 2, 4 or 8 */
uint64_t fake_mmio_config(struct fake_mmio *m, uint64_t off, unsigned size);
void fake_mmio_config_write(struct fake_mmio *m, uint64_t off, unsigned size,
			    uint64_t value);

#endif
