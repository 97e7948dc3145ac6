/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest with a virtio device, which does what the input says: it sets the
 * device up as a driver would, mostly, and then makes requests, breaks the
 * rules of the queues, touches registers, resets, and looks at what it got.
 *
 * The first byte of the input chooses the transport.
 */
#ifndef PRIVET_TESTS_FUZZ_GUEST_H
#define PRIVET_TESTS_FUZZ_GUEST_H

#include <errno.h>

#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "tests/fuzz/input.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define GUEST_RAM       MIB(1)
#define GUEST_ARENA     KIB(64)
#define GUEST_MAX_QUEUE 64U

/**
 * struct guest - The guest and its machine
 * @m: driver of the device
 * @dev: device
 * @arena: GUEST_ARENA bytes for buffers and indirect tables
 * @next: descriptor to be used next, of each queue
 * @features: of the device, that a driver takes mostly
 */
struct guest {
	struct input in;
	struct vm *vm;
	struct fake_mmio m;
	struct device *dev;
	uint64_t arena;
	uint16_t next[FAKE_MMIO_QUEUES];
	uint64_t features;
};

/** struct guest_target - What a device adds
 * @request: buffers of a request to @queue; Return: how many of @max
 * @host: something happens on the host; may be NULL
 */
struct guest_target {
	unsigned (*request)(struct guest *g, unsigned queue,
			    struct fake_buf *bufs, unsigned max);
	void (*host)(struct guest *g);
};

#define GUEST_MAX_BUFS 8U

static inline uint64_t guest_gpa(struct guest *g)
{
	const struct fake_queue *q = &g->m.queues[0];
	uint8_t kind = take_u8(&g->in);

	if (kind < 224)
		return g->arena + (take_u16(&g->in) & 0xfff0U) + (kind & 3);
	if (kind < 232)
		return arch_info.ram_base + GUEST_RAM - take_u8(&g->in);
	if (kind < 244)
		return q->desc + take_u16(&g->in) % 4096;
	if (kind < 248)
		return g->m.base + take_u8(&g->in);
	return take_number(&g->in);
}

static inline uint32_t guest_len(struct guest *g)
{
	uint8_t kind = take_u8(&g->in);

	if (kind < 160)
		return kind * 4U;
	if (kind < 224)
		return (kind - 159U) * 512;
	return (uint32_t)take_number(&g->in);
}

static inline void guest_write(struct guest *g, uint64_t gpa, const void *data,
			       size_t len)
{
	void *host = gmem_range(&g->vm->gmem, gpa, len);

	if (host != NULL)
		memcpy(host, data, len);
}

/** guest_fill() - Bytes of the input's into the arena */
static inline uint64_t guest_fill(struct guest *g, size_t len)
{
	uint8_t buf[64];
	uint64_t gpa = guest_gpa(g);

	take_bytes(&g->in, buf, min_size(len, sizeof(buf)));
	guest_write(g, gpa, buf, min_size(len, sizeof(buf)));
	return gpa;
}

/** guest_bufs() - Up to @max buffers without any meaning */
static inline unsigned guest_bufs(struct guest *g, struct fake_buf *bufs,
				  unsigned max, bool write)
{
	unsigned count = take_below(&g->in, max + 1);

	for (unsigned i = 0; i < count; i++)
		bufs[i] =
			(struct fake_buf){ guest_gpa(g), guest_len(g), write };
	return count;
}

static inline bool guest_queue_ok(const struct guest *g, unsigned queue)
{
	return queue < g->m.nr_queues && g->m.queues[queue].size > 0;
}

/* The chain as a driver writes it; one in 32 descriptors is anything. */
static inline void guest_put(struct guest *g, unsigned queue,
			     const struct fake_buf *bufs, unsigned count)
{
	struct fake_queue *q = &g->m.queues[queue];
	uint16_t head = (uint16_t)(g->next[queue] % q->size);
	uint8_t shape = take_u8(&g->in);
	bool indirect = (shape & 1) || count > q->size;
	uint64_t table = g->arena + GUEST_ARENA - 256 * (1U + shape / 64);

	for (unsigned i = 0; i < count; i++) {
		uint16_t at = indirect ? (uint16_t)i
				       : (uint16_t)((head + i) % q->size);
		uint16_t next =
			(uint16_t)(indirect ? i + 1 : (at + 1U) % q->size);
		uint16_t flags =
			(uint16_t)((bufs[i].write ? FAKE_DESC_WRITE : 0) |
				   (i + 1 < count ? FAKE_DESC_NEXT : 0));

		if (shape >= 248)
			flags ^= take_u8(&g->in) & 7;
		if (indirect)
			fake_table_set(&g->m.drv, table, i, bufs[i].gpa,
				       bufs[i].len, flags, next);
		else
			fake_queue_set_desc(q, at, bufs[i].gpa, bufs[i].len,
					    flags, next);
	}
	if (indirect)
		fake_queue_set_desc(q, head, table, count * 16,
				    FAKE_DESC_INDIRECT, 0);
	g->next[queue] = (uint16_t)(head + (indirect ? 1 : count));
	fake_queue_publish(q, head);
}

static inline void guest_request(struct guest *g, const struct guest_target *t)
{
	struct fake_buf bufs[GUEST_MAX_BUFS];
	unsigned nr = g->m.nr_queues;

	if (nr == 0)
		return;
	unsigned queue = take_below(&g->in, nr);

	if (!guest_queue_ok(g, queue))
		return;
	unsigned count = t->request(g, queue, bufs, GUEST_MAX_BUFS);

	if (count > 0)
		guest_put(g, queue, bufs, count);
	if (!take_rarely(&g->in, 4))
		fake_mmio_kick(&g->m, queue);
}

/* Return: used elements that there are; the driver forgets the chains. */
static inline unsigned guest_reap(struct guest *g, unsigned queue)
{
	struct fake_queue *q = &g->m.queues[queue];
	unsigned count = (uint16_t)(fake_queue_used_idx(q) - q->used_seen);

	q->used_seen = (uint16_t)(q->used_seen + count);
	if (q->event_idx)
		fake_queue_set_used_event(q, q->used_seen);
	return count;
}

/* Sizes that a driver chooses, and now and then one that it may not. */
static inline void guest_start(struct guest *g)
{
	uint64_t features = g->features & fake_mmio_offered(&g->m);
	uint16_t size = (uint16_t)(4U << take_below(&g->in, 4));

	fake_driver_init(&g->m.drv, &g->vm->gmem);
	memset(g->next, 0, sizeof(g->next));
	if (take_rarely(&g->in, 4))
		features ^= VIRTIO_BIT(take_below(&g->in, 40));
	if (fake_mmio_start(&g->m, features, size) < 0)
		g->m.nr_queues = 0;
	g->arena = fake_alloc(&g->m.drv, GUEST_ARENA, 4096);
}

static inline void guest_break(struct guest *g)
{
	unsigned queue = take_below(&g->in, FAKE_MMIO_QUEUES);
	struct fake_queue *q = &g->m.queues[queue];
	uint8_t kind = take_u8(&g->in);
	uint16_t value = take_u16(&g->in);

	if (!guest_queue_ok(g, queue))
		return;
	if (kind < 64)
		fake_queue_set_avail_idx(q, value);
	else if (kind < 128)
		fake_queue_set_avail(q, value, take_u16(&g->in));
	else if (kind < 160)
		fake_queue_set_avail_flags(q, value);
	else if (kind < 192)
		fake_queue_set_used_event(q, value);
	else
		fake_queue_set_desc(q, value % q->size, guest_gpa(g),
				    guest_len(g), take_u8(&g->in),
				    take_u16(&g->in));
}

/* Where the device's registers are: its window, or the structures of PCI. */
static inline uint64_t guest_register(struct guest *g)
{
	const struct fake_pci *p = &g->m.pci;
	const uint64_t bases[] = { p->common, p->notify,     p->isr,
				   p->device, p->msix_table, p->msix_pba };
	unsigned off = take_u8(&g->in);

	if (!g->m.is_pci)
		return g->m.base + (off & ~3U) + (off < 64 ? 256U : 0);
	return bases[take_below(&g->in, ARRAY_SIZE(bases))] + (off & 0x7f);
}

static inline void guest_access(struct guest *g)
{
	static const uint8_t sizes[] = { 4, 4, 4, 2, 1, 8, 4, 3 };
	uint8_t kind = take_u8(&g->in);
	unsigned size = sizes[kind & 7];
	uint64_t gpa = guest_register(g);

	if (kind & 0x80)
		fake_mmio_write(g->vm, gpa, size, take_number(&g->in));
	else
		fake_mmio_read(g->vm, gpa, size);
}

static inline void guest_pci(struct guest *g)
{
	static const uint8_t sizes[] = { 4, 4, 2, 1 };
	uint8_t kind = take_u8(&g->in);
	unsigned off = take_u8(&g->in);
	unsigned size = sizes[kind & 3];
	uint32_t value;

	if (!g->m.is_pci)
		return;
	if (kind & 0x40)
		off = (kind & 0x20 ? g->m.pci.cfg_cap : 0x10U) + off % 24;
	if (kind & 0x80)
		pci_config_write(g->vm->pci, g->m.pci.rid, off, size,
				 (uint32_t)take_number(&g->in));
	else
		pci_config_read(g->vm->pci, g->m.pci.rid, off, size, &value);
}

/* What migration does, with a byte of the state changed now and then. */
static inline void guest_restore(struct guest *g)
{
	struct device *dev = g->dev;
	struct snap_writer w = { 0 };

	pthread_mutex_lock(&dev->lock);
	dev->type->quiesce(dev);
	int ret = dev->type->save(dev, &w);

	FUZZ_CHECK(ret == 0 && w.error == 0);
	if (take_u8(&g->in) & 1) {
		dev->type->reset(dev);
		if (w.len > 0 && (take_u8(&g->in) & 1))
			w.data[take_u16(&g->in) % w.len] = take_u8(&g->in);
		struct snap_reader r = { .data = w.data,
					 .len = w.len,
					 .end = w.len };
		pthread_mutex_unlock(&dev->lock);
		ret = device_restore(dev, &r, dev->type->state_version);
		pthread_mutex_lock(&dev->lock);
		if (ret < 0)
			dev->type->reset(dev);
	}
	dev->type->resume(dev);
	pthread_mutex_unlock(&dev->lock);
	snap_writer_free(&w);
}

static inline void guest_op(struct guest *g, const struct guest_target *t)
{
	static const uint8_t weights[] = { 40, 20, 10, 12, 8, 6, 4, 2, 1 };

	switch (take_pick(&g->in, weights, ARRAY_SIZE(weights))) {
	case 0:
		guest_request(g, t);
		break;
	case 1:
		fake_vm_io(g->vm);
		break;
	case 2:
		for (unsigned i = 0; i < g->m.nr_queues; i++)
			if (guest_queue_ok(g, i))
				guest_reap(g, i);
		break;
	case 3:
		if (t->host != NULL)
			t->host(g);
		break;
	case 4:
		guest_access(g);
		break;
	case 5:
		guest_pci(g);
		break;
	case 6:
		guest_break(g);
		break;
	case 7:
		guest_restore(g);
		break;
	default:
		guest_start(g);
	}
}

/** guest_begin() - A machine without devices; @data: not owned */
static inline struct guest *guest_begin(const uint8_t *data, size_t len)
{
	struct guest *g = calloc(1, sizeof(*g));

	FUZZ_CHECK(g != NULL);
	g->in = (struct input){ data, len };
	g->features = ~VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	uint8_t kind = take_u8(&g->in);

	if (kind & 2)
		g->features |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	g->vm = kind & 1 ? fake_vm_create_pci(GUEST_RAM)
			 : fake_vm_create(GUEST_RAM);
	if (kind & 4)
		fake_vm_take_msis(g->vm);
	return g;
}

/** guest_end() - Release the machine */
static inline void guest_end(struct guest *g)
{
	fake_vm_destroy(g->vm);
	free(g);
}

/** guest_run() - The rest of the input, with the device that was added */
static inline void guest_run(struct guest *g, struct device *dev,
			     const struct guest_target *t)
{
	g->dev = dev;
	fake_vm_freeze(g->vm);
	fake_mmio_init(&g->m, g->vm, 0);
	guest_start(g);
	for (unsigned op = 0; op < FUZZ_MAX_OPS && g->in.len > 0; op++)
		guest_op(g, t);
	fake_vm_io(g->vm);
}

#endif
