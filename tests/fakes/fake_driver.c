/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of virtio: see fake_driver.h. */
#include "tests/fakes/fake_driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fence.h"

#define DESC_SIZE   16U
#define LOW_RESERVE KIB(64)

/* Registers, virtio 1.2, 4.2.2 */
enum {
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = 0x050,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC = 0x080,
	REG_QUEUE_DRIVER = 0x090,
	REG_QUEUE_DEVICE = 0x0a0,
	REG_CONFIG = 0x100,
};

#define CHECK(cond)                              \
	do {                                     \
		if (!(cond))                     \
			misuse(__func__, #cond); \
	} while (0)

static void misuse(const char *func, const char *cond)
{
	fprintf(stderr, "fake driver: %s: not true: %s\n", func, cond);
	abort();
}

void fake_driver_init(struct fake_driver *drv, struct gmem *gmem)
{
	CHECK(gmem->nr_regions > 0);
	CHECK(gmem->regions[0].size > LOW_RESERVE);
	drv->gmem = gmem;
	drv->next = gmem->regions[0].gpa + LOW_RESERVE;
	drv->end = gmem->regions[0].gpa + gmem->regions[0].size;
}

uint64_t fake_alloc(struct fake_driver *drv, uint64_t len, uint64_t align)
{
	uint64_t gpa = align_up(drv->next, align);

	CHECK(gpa <= drv->end && len <= drv->end - gpa);
	drv->next = gpa + len;
	return gpa;
}

uint64_t fake_alloc_data(struct fake_driver *drv, const void *data,
			 uint64_t len)
{
	uint64_t gpa = fake_alloc(drv, len, 1);

	fake_write(drv, gpa, data, len);
	return gpa;
}

void fake_read(const struct fake_driver *drv, uint64_t gpa, void *buf,
	       uint64_t len)
{
	CHECK(gmem_read(drv->gmem, gpa, buf, len) == 0);
}

/*
 * Not gmem_write(): a guest's stores are not in the monitor's dirty bitmap,
 * and tests look at that.
 */
void fake_write(struct fake_driver *drv, uint64_t gpa, const void *buf,
		uint64_t len)
{
	if (len == 0)
		return;
	void *host = gmem_range(drv->gmem, gpa, len);

	CHECK(host != NULL);
	memcpy(host, buf, len);
}

static _Atomic uint16_t *ring_u16(const struct fake_driver *drv, uint64_t gpa)
{
	void *host = gmem_range(drv->gmem, gpa, 2);

	CHECK(host != NULL);
	return host;
}

static uint16_t load_u16(const struct fake_driver *drv, uint64_t gpa)
{
	_Atomic uint16_t *host = ring_u16(drv, gpa);

	return le16toh(atomic_load_explicit(host, memory_order_acquire));
}

static void store_u16(struct fake_driver *drv, uint64_t gpa, uint16_t value)
{
	atomic_store_explicit(ring_u16(drv, gpa), htole16(value),
			      memory_order_release);
}

static void clear(struct fake_driver *drv, uint64_t gpa, uint64_t len)
{
	void *host = gmem_range(drv->gmem, gpa, len);

	CHECK(host != NULL);
	memset(host, 0, len);
}

void fake_queue_init(struct fake_queue *q, struct fake_driver *drv,
		     uint16_t size)
{
	CHECK(size > 0 && size <= VIRTQ_MAX_SIZE);
	memset(q, 0, sizeof(*q));
	q->drv = drv;
	q->size = size;
	q->desc = fake_alloc(drv, (uint64_t)size * DESC_SIZE, 16);
	q->avail = fake_alloc(drv, 6 + 2 * (uint64_t)size, 2);
	q->used = fake_alloc(drv, 6 + 8 * (uint64_t)size, 4);
	fake_queue_restart(q);
}

void fake_queue_restart(struct fake_queue *q)
{
	clear(q->drv, q->desc, (uint64_t)q->size * DESC_SIZE);
	clear(q->drv, q->avail, 6 + 2 * (uint64_t)q->size);
	clear(q->drv, q->used, 6 + 8 * (uint64_t)q->size);
	q->avail_idx = 0;
	q->used_seen = 0;
	q->kicked = 0;
	q->nr_free = q->size;
	for (uint16_t i = 0; i < q->size; i++)
		q->free[i] = (uint16_t)(q->size - 1 - i);
	memset(q->chain, 0, sizeof(q->chain));
}

void fake_table_set(struct fake_driver *drv, uint64_t table, unsigned index,
		    uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t raw[DESC_SIZE];

	le64_store(raw, gpa);
	le32_store(raw + 8, len);
	le16_store(raw + 12, flags);
	le16_store(raw + 14, next);
	fake_write(drv, table + (uint64_t)index * DESC_SIZE, raw, sizeof(raw));
}

void fake_queue_set_desc(struct fake_queue *q, uint16_t index, uint64_t gpa,
			 uint32_t len, uint16_t flags, uint16_t next)
{
	CHECK(index < q->size);
	fake_table_set(q->drv, q->desc, index, gpa, len, flags, next);
}

static uint16_t take_free(struct fake_queue *q)
{
	CHECK(q->nr_free > 0);
	return q->free[--q->nr_free];
}

static uint16_t buf_flags(const struct fake_buf *bufs, unsigned i,
			  unsigned count)
{
	return (uint16_t)((bufs[i].write ? FAKE_DESC_WRITE : 0) |
			  (i + 1 < count ? FAKE_DESC_NEXT : 0));
}

static uint16_t build_indirect(struct fake_queue *q,
			       const struct fake_buf *bufs, unsigned count)
{
	uint16_t head = take_free(q);
	uint32_t len = count * DESC_SIZE;
	uint64_t table = fake_alloc(q->drv, len, 16);

	for (unsigned i = 0; i < count; i++)
		fake_table_set(q->drv, table, i, bufs[i].gpa, bufs[i].len,
			       buf_flags(bufs, i, count), (uint16_t)(i + 1));
	fake_queue_set_desc(q, head, table, len, FAKE_DESC_INDIRECT, 0);
	q->chain[head] = 1;
	return head;
}

uint16_t fake_queue_build(struct fake_queue *q, const struct fake_buf *bufs,
			  unsigned count, bool indirect)
{
	CHECK(count > 0 && count <= VIRTQ_MAX_SIZE);
	if (indirect)
		return build_indirect(q, bufs, count);

	uint16_t head = take_free(q);
	uint16_t at = head;

	for (unsigned i = 0; i < count; i++) {
		uint16_t next = i + 1 < count ? take_free(q) : 0;

		fake_queue_set_desc(q, at, bufs[i].gpa, bufs[i].len,
				    buf_flags(bufs, i, count), next);
		q->next[at] = next;
		at = next;
	}
	q->chain[head] = (uint16_t)count;
	return head;
}

void fake_queue_set_avail(struct fake_queue *q, uint16_t slot, uint16_t head)
{
	store_u16(q->drv, q->avail + 4 + 2 * (uint64_t)(slot % q->size), head);
}

void fake_queue_set_avail_idx(struct fake_queue *q, uint16_t idx)
{
	q->avail_idx = idx;
	store_u16(q->drv, q->avail + 2, idx);
}

void fake_queue_publish(struct fake_queue *q, uint16_t head)
{
	fake_queue_set_avail(q, q->avail_idx, head);
	fake_queue_set_avail_idx(q, (uint16_t)(q->avail_idx + 1));
}

uint16_t fake_queue_add(struct fake_queue *q, const struct fake_buf *bufs,
			unsigned count, bool indirect)
{
	uint16_t head = fake_queue_build(q, bufs, count, indirect);

	fake_queue_publish(q, head);
	return head;
}

static void free_chain(struct fake_queue *q, uint32_t head)
{
	if (head >= q->size)
		return;
	uint16_t at = (uint16_t)head;

	for (unsigned n = q->chain[head]; n > 0; n--) {
		q->free[q->nr_free++] = at;
		at = q->next[at];
	}
	q->chain[head] = 0;
}

bool fake_queue_used(struct fake_queue *q, struct fake_used *used)
{
	if (fake_queue_used_idx(q) == q->used_seen)
		return false;
	uint8_t raw[8];

	fake_read(q->drv, q->used + 4 + 8 * (uint64_t)(q->used_seen % q->size),
		  raw, sizeof(raw));
	used->id = le32_load(raw);
	used->len = le32_load(raw + 4);
	q->used_seen++;
	free_chain(q, used->id);
	if (q->event_idx)
		fake_queue_set_used_event(q, q->used_seen);
	return true;
}

bool fake_queue_wants_kick(struct fake_queue *q)
{
	uint16_t now = q->avail_idx;
	uint16_t old = q->kicked;

	full_fence();
	q->kicked = now;
	if (!q->event_idx)
		return now != old &&
		       !(fake_queue_used_flags(q) & FAKE_USED_NO_NOTIFY);
	return (uint16_t)(now - fake_queue_avail_event(q) - 1) <
	       (uint16_t)(now - old);
}

void fake_queue_set_avail_flags(struct fake_queue *q, uint16_t flags)
{
	store_u16(q->drv, q->avail, flags);
}

void fake_queue_set_used_event(struct fake_queue *q, uint16_t idx)
{
	store_u16(q->drv, q->avail + 4 + 2 * (uint64_t)q->size, idx);
}

uint16_t fake_queue_used_idx(const struct fake_queue *q)
{
	return load_u16(q->drv, q->used + 2);
}

uint16_t fake_queue_used_flags(const struct fake_queue *q)
{
	return load_u16(q->drv, q->used);
}

uint16_t fake_queue_avail_event(const struct fake_queue *q)
{
	return load_u16(q->drv, q->used + 4 + 8 * (uint64_t)q->size);
}

void fake_mmio_init(struct fake_mmio *m, struct vm *vm, unsigned slot)
{
	struct arch_device where;

	CHECK(arch_virtio_mmio_slot(slot, &where) == 0);
	memset(m, 0, sizeof(*m));
	m->vm = vm;
	m->is_pci = vm->pci != NULL;
	m->base = where.base;
	if (m->is_pci)
		fake_pci_init(&m->pci, vm, slot);
	fake_driver_init(&m->drv, &vm->gmem);
}

static uint64_t access_read(struct fake_mmio *m, uint64_t off, unsigned size)
{
	uint64_t gpa = m->base + off;
	uint8_t data[8] = { 0 };

	/* A test may have moved the driver to another machine. */
	m->pci.vm = m->vm;
	if (m->is_pci && off < REG_CONFIG)
		return fake_pci_reg_get(&m->pci, off);
	if (m->is_pci)
		gpa = m->pci.device + off - REG_CONFIG;
	CHECK(mmio_access(&m->vm->mmio, gpa, data, size, false));
	return le64_load(data);
}

static void access_write(struct fake_mmio *m, uint64_t off, unsigned size,
			 uint64_t value)
{
	uint64_t gpa = m->base + off;
	uint8_t data[8];

	m->pci.vm = m->vm;
	if (m->is_pci && off < REG_CONFIG) {
		fake_pci_reg_set(&m->pci, off, (uint32_t)value);
		return;
	}
	if (m->is_pci)
		gpa = m->pci.device + off - REG_CONFIG;
	le64_store(data, value);
	CHECK(mmio_access(&m->vm->mmio, gpa, data, size, true));
}

uint32_t fake_mmio_get(struct fake_mmio *m, uint64_t off)
{
	return (uint32_t)access_read(m, off, 4);
}

void fake_mmio_set(struct fake_mmio *m, uint64_t off, uint32_t value)
{
	access_write(m, off, 4, value);
}

uint64_t fake_mmio_offered(struct fake_mmio *m)
{
	fake_mmio_set(m, REG_DEVICE_FEATURES_SEL, 0);
	uint64_t low = fake_mmio_get(m, REG_DEVICE_FEATURES);

	fake_mmio_set(m, REG_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)fake_mmio_get(m, REG_DEVICE_FEATURES) << 32;
}

static void add_status(struct fake_mmio *m, uint32_t bit)
{
	fake_mmio_set(m, REG_STATUS, fake_mmio_status(m) | bit);
}

int fake_mmio_negotiate(struct fake_mmio *m, uint64_t features)
{
	features |= VIRTIO_BIT(VIRTIO_F_VERSION_1);
	fake_mmio_reset(m);
	add_status(m, VIRTIO_STATUS_ACKNOWLEDGE);
	add_status(m, VIRTIO_STATUS_DRIVER);
	for (unsigned sel = 0; sel < 2; sel++) {
		fake_mmio_set(m, REG_DRIVER_FEATURES_SEL, sel);
		fake_mmio_set(m, REG_DRIVER_FEATURES,
			      (uint32_t)(features >> (32 * sel)));
	}
	add_status(m, VIRTIO_STATUS_FEATURES_OK);
	if (!(fake_mmio_status(m) & VIRTIO_STATUS_FEATURES_OK))
		return -EINVAL;
	m->features = features;
	return 0;
}

static void write_addr(struct fake_mmio *m, uint64_t reg, uint64_t gpa)
{
	fake_mmio_set(m, reg, (uint32_t)gpa);
	fake_mmio_set(m, reg + 4, (uint32_t)(gpa >> 32));
}

int fake_mmio_queue(struct fake_mmio *m, unsigned index, uint16_t size)
{
	CHECK(index < FAKE_MMIO_QUEUES);
	fake_mmio_set(m, REG_QUEUE_SEL, index);
	uint32_t max = fake_mmio_get(m, REG_QUEUE_NUM_MAX);

	if (max == 0)
		return -ENODEV;
	struct fake_queue *q = &m->queues[index];

	fake_queue_init(q, &m->drv, size ? size : (uint16_t)max);
	q->event_idx = m->features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	fake_mmio_set(m, REG_QUEUE_NUM, q->size);
	write_addr(m, REG_QUEUE_DESC, q->desc);
	write_addr(m, REG_QUEUE_DRIVER, q->avail);
	write_addr(m, REG_QUEUE_DEVICE, q->used);
	fake_mmio_set(m, REG_QUEUE_READY, 1);
	if (fake_mmio_get(m, REG_QUEUE_READY) != 1)
		return -EINVAL;
	if (index >= m->nr_queues)
		m->nr_queues = index + 1;
	return 0;
}

void fake_mmio_driver_ok(struct fake_mmio *m)
{
	add_status(m, VIRTIO_STATUS_DRIVER_OK);
}

int fake_mmio_start(struct fake_mmio *m, uint64_t features, uint16_t size)
{
	int err = fake_mmio_negotiate(m, features);

	if (err)
		return err;
	for (unsigned i = 0; i < FAKE_MMIO_QUEUES; i++) {
		err = fake_mmio_queue(m, i, size);
		if (err == -ENODEV)
			break;
		if (err)
			return err;
	}
	fake_mmio_driver_ok(m);
	return 0;
}

void fake_mmio_reset(struct fake_mmio *m)
{
	fake_mmio_set(m, REG_STATUS, 0);
	m->features = 0;
	m->nr_queues = 0;
}

uint32_t fake_mmio_status(struct fake_mmio *m)
{
	return fake_mmio_get(m, REG_STATUS);
}

void fake_mmio_kick(struct fake_mmio *m, unsigned index)
{
	fake_mmio_set(m, REG_QUEUE_NOTIFY, index);
}

void fake_mmio_run(struct fake_mmio *m)
{
	for (unsigned turn = 0; turn < 1000; turn++)
		if (evloop_run_once(m->vm->loop, 0) <= 0)
			return;
	misuse(__func__, "the event loop comes to rest");
}

uint32_t fake_mmio_irq(struct fake_mmio *m)
{
	uint32_t isr = fake_mmio_get(m, REG_INTERRUPT_STATUS);

	if (isr)
		fake_mmio_set(m, REG_INTERRUPT_ACK, isr);
	return isr;
}

uint64_t fake_mmio_config(struct fake_mmio *m, uint64_t off, unsigned size)
{
	return access_read(m, REG_CONFIG + off, size);
}

void fake_mmio_config_write(struct fake_mmio *m, uint64_t off, unsigned size,
			    uint64_t value)
{
	access_write(m, REG_CONFIG + off, size, value);
}
