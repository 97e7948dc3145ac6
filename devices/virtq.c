/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues.
 *
 * The three areas of a ring are shared with a guest that may change any byte
 * at any time. Indices and flags are read and written with C11 atomics, with
 * the order that the other side's barriers pair with on a weakly ordered
 * machine:
 *
 * - the available index is read with acquire, so that the slots and the
 *   descriptors it covers are seen as the driver wrote them before it;
 * - the used index is written with release, after the used elements and after
 *   what was written into the buffers;
 * - a full fence stands between writing the used index and reading what the
 *   driver says about interrupts, and between writing what we want of
 *   doorbells and looking at the available index again. The driver has its
 *   two fences the other way round, so one side always sees the other.
 */
#include "devices/virtq.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include "vmm/bytes.h"
#include "vmm/fence.h"

/* Layout of the areas, virtio 1.2, 2.7 */
#define DESC_SIZE   16U
#define AVAIL_FLAGS 0U
#define AVAIL_IDX   2U
#define AVAIL_RING  4U
#define USED_FLAGS  0U
#define USED_IDX    2U
#define USED_RING   4U
#define USED_ELEM   8U

/* virtio 1.2, 2.7.5, 2.7.6 and 2.7.8 */
#define DESC_F_NEXT          1U
#define DESC_F_WRITE         2U
#define DESC_F_INDIRECT      4U
#define AVAIL_F_NO_INTERRUPT 1U
#define USED_F_NO_NOTIFY     1U

#define WORD_BITS            64U

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/**
 * struct walk - A chain being followed
 * @left: descriptors that may still be followed
 * @total: bytes so far, below 2^32
 */
struct walk {
	const struct virtq *vq;
	struct virtq_chain *chain;
	unsigned left;
	uint64_t total;
};

static uint16_t ring_load(const uint8_t *at, memory_order order)
{
	return le16toh(
		atomic_load_explicit((_Atomic uint16_t *)(uintptr_t)at, order));
}

static void ring_store(const struct virtq *vq, uint8_t *at, uint16_t value,
		       memory_order order)
{
	atomic_store_explicit((_Atomic uint16_t *)(void *)at, htole16(value),
			      order);
	gmem_mark_dirty(vq->gmem, at, sizeof(value));
}

static uint64_t avail_size(const struct virtq *vq)
{
	return AVAIL_RING + 2ULL * vq->size + 2;
}

static uint64_t used_size(const struct virtq *vq)
{
	return USED_RING + USED_ELEM * (uint64_t)vq->size + 2;
}

/* Where the driver says when it wants an interrupt (VIRTIO_F_EVENT_IDX). */
static uint8_t *used_event(const struct virtq *vq)
{
	return vq->avail_host + AVAIL_RING + (size_t)2 * vq->size;
}

/* Where we say when we want a doorbell. */
static uint8_t *avail_event(const struct virtq *vq)
{
	return vq->used_host + USED_RING + (size_t)USED_ELEM * vq->size;
}

static bool head_in_flight(const struct virtq *vq, uint16_t head)
{
	return vq->in_flight[head / WORD_BITS] >> (head % WORD_BITS) & 1;
}

static void set_in_flight(struct virtq *vq, uint16_t head)
{
	vq->in_flight[head / WORD_BITS] |= 1ULL << (head % WORD_BITS);
}

static void clear_in_flight(struct virtq *vq, uint16_t head)
{
	vq->in_flight[head / WORD_BITS] &= ~(1ULL << (head % WORD_BITS));
}

static bool usable(const struct virtq *vq)
{
	return vq->ready && !vq->broken;
}

void virtq_init(struct virtq *vq, struct gmem *gmem, uint16_t max)
{
	memset(vq, 0, sizeof(*vq));
	vq->gmem = gmem;
	vq->max = max;
	vq->size = max;
	vq->signalled_valid = true;
}

void virtq_reset(struct virtq *vq)
{
	virtq_init(vq, vq->gmem, vq->max);
}

void virtq_set_size(struct virtq *vq, uint32_t size)
{
	bool good = size <= vq->max && is_power_of_two(size);

	vq->size = good ? (uint16_t)size : 0;
}

static uint8_t *map_area(const struct virtq *vq, uint64_t gpa, uint64_t len,
			 uint64_t align)
{
	if (gpa % align != 0)
		return NULL;
	return gmem_range(vq->gmem, gpa, len);
}

static bool areas_overlap(const struct virtq *vq)
{
	uint64_t desc_size = (uint64_t)vq->size * DESC_SIZE;

	return ranges_overlap(vq->desc, desc_size, vq->driver,
			      avail_size(vq)) ||
	       ranges_overlap(vq->desc, desc_size, vq->device, used_size(vq)) ||
	       ranges_overlap(vq->driver, avail_size(vq), vq->device,
			      used_size(vq));
}

int virtq_enable(struct virtq *vq)
{
	if (!is_power_of_two(vq->size) || vq->size > vq->max)
		return -EINVAL;

	uint8_t *desc =
		map_area(vq, vq->desc, (uint64_t)vq->size * DESC_SIZE, 16);
	uint8_t *avail = map_area(vq, vq->driver, avail_size(vq), 2);
	uint8_t *used = map_area(vq, vq->device, used_size(vq), 4);

	/* In RAM they cannot wrap, which the overlap check relies on. */
	if (desc == NULL || avail == NULL || used == NULL || areas_overlap(vq))
		return -EINVAL;
	vq->desc_host = desc;
	vq->avail_host = avail;
	vq->used_host = used;
	vq->ready = true;
	return 0;
}

void virtq_disable(struct virtq *vq)
{
	struct virtq old = *vq;

	virtq_reset(vq);
	vq->size = old.size;
	vq->desc = old.desc;
	vq->driver = old.driver;
	vq->device = old.device;
	vq->event_idx = old.event_idx;
	vq->indirect = old.indirect;
}

/*
 * Copy a descriptor once. Two 64-bit loads keep address and length whole when
 * the guest changes them meanwhile. A table of indirect descriptors need not
 * be aligned.
 */
static void load_desc(const uint8_t *at, struct desc *d)
{
	uint64_t raw[2];

	if ((uintptr_t)at % sizeof(raw[0]) == 0) {
		_Atomic uint64_t *words = (void *)(uintptr_t)at;

		raw[0] = atomic_load_explicit(&words[0], memory_order_relaxed);
		raw[1] = atomic_load_explicit(&words[1], memory_order_relaxed);
	} else {
		gmem_copy_in(raw, at, sizeof(raw));
	}

	uint64_t rest = le64toh(raw[1]);

	d->addr = le64toh(raw[0]);
	d->len = (uint32_t)rest;
	d->flags = (uint16_t)(rest >> 32);
	d->next = (uint16_t)(rest >> 48);
}

/* Bytes from @gpa to the end of its region; 0 when it is not RAM. */
static uint64_t left_in_region(const struct gmem *gmem, uint64_t gpa)
{
	for (unsigned i = 0; i < gmem->nr_regions; i++) {
		const struct gmem_region *r = &gmem->regions[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size)
			return r->size - (gpa - r->gpa);
	}
	return 0;
}

/* A buffer that crosses from one region of RAM into the next is split. */
static int add_iovs(struct virtq_chain *chain, unsigned *nr,
		    const struct gmem *gmem, uint64_t gpa, uint64_t len)
{
	while (len > 0) {
		uint64_t part = min_u64(len, left_in_region(gmem, gpa));
		void *host = gmem_range(gmem, gpa, part);
		unsigned at = chain->nr_out + chain->nr_in;

		if (host == NULL || at == VIRTQ_MAX_IOV)
			return -EPROTO;
		chain->iov[at].iov_base = host;
		chain->iov[at].iov_len = (size_t)part;
		(*nr)++;
		gpa += part;
		len -= part;
	}
	return 0;
}

static int add_buffer(struct walk *walk, const struct desc *d, bool *writing)
{
	struct virtq_chain *chain = walk->chain;
	bool write = d->flags & DESC_F_WRITE;

	if (*writing && !write)
		return -EPROTO;
	*writing = write;
	walk->total += d->len;
	if (walk->total > UINT32_MAX)
		return -EPROTO;
	if (write)
		chain->in_len += d->len;
	else
		chain->out_len += d->len;
	return add_iovs(chain, write ? &chain->nr_in : &chain->nr_out,
			walk->vq->gmem, d->addr, d->len);
}

/*
 * Follow a chain through a table of @count descriptors from @index on. Stops
 * after the last buffer, or with @last at a descriptor that refers to an
 * indirect table: that one does not count, so the table may have as many
 * entries as the queue.
 */
static int walk_table(struct walk *walk, const uint8_t *table, unsigned count,
		      unsigned index, bool *writing, struct desc *last)
{
	for (;;) {
		if (index >= count)
			return -EPROTO;
		load_desc(table + (size_t)index * DESC_SIZE, last);
		if (last->flags & DESC_F_INDIRECT)
			return 0;
		if (walk->left == 0)
			return -EPROTO;
		walk->left--;
		if (add_buffer(walk, last, writing))
			return -EPROTO;
		if (!(last->flags & DESC_F_NEXT))
			return 0;
		index = last->next;
	}
}

/* virtio 1.2, 2.7.5.3: DESC_F_WRITE means nothing in such a descriptor. */
static int walk_indirect(struct walk *walk, const struct desc *d, bool *writing)
{
	const struct virtq *vq = walk->vq;
	struct desc last;

	if (!vq->indirect || (d->flags & DESC_F_NEXT) ||
	    d->len % DESC_SIZE != 0 || d->len > vq->size * DESC_SIZE)
		return -EPROTO;

	const uint8_t *table = gmem_range(vq->gmem, d->addr, d->len);

	if (table == NULL)
		return -EPROTO;
	if (walk_table(walk, table, d->len / DESC_SIZE, 0, writing, &last))
		return -EPROTO;
	/* No table inside a table. */
	return last.flags & DESC_F_INDIRECT ? -EPROTO : 0;
}

static int walk_chain(const struct virtq *vq, struct virtq_chain *chain)
{
	struct walk walk = { .vq = vq, .chain = chain, .left = vq->size };
	bool writing = false;
	struct desc last;

	if (walk_table(&walk, vq->desc_host, vq->size, chain->head, &writing,
		       &last))
		return -EPROTO;
	if (last.flags & DESC_F_INDIRECT)
		return walk_indirect(&walk, &last, &writing);
	return 0;
}

static void empty_chain(struct virtq_chain *chain, uint16_t head)
{
	chain->head = head;
	chain->nr_out = 0;
	chain->nr_in = 0;
	chain->out_len = 0;
	chain->in_len = 0;
}

static int broken(struct virtq *vq, struct virtq_chain *chain)
{
	empty_chain(chain, 0);
	vq->broken = true;
	return -EPROTO;
}

int virtq_pop(struct virtq *vq, struct virtq_chain *chain)
{
	if (!usable(vq))
		return 0;

	uint16_t idx =
		ring_load(vq->avail_host + AVAIL_IDX, memory_order_acquire);
	uint16_t distance = (uint16_t)(idx - vq->last_avail);

	if (distance == 0)
		return 0;
	if (distance > vq->size)
		return broken(vq, chain);

	size_t slot = vq->last_avail & (vq->size - 1U);
	uint16_t head = ring_load(vq->avail_host + AVAIL_RING + 2 * slot,
				  memory_order_relaxed);

	if (head >= vq->size || head_in_flight(vq, head))
		return broken(vq, chain);
	empty_chain(chain, head);
	if (walk_chain(vq, chain))
		return broken(vq, chain);
	set_in_flight(vq, head);
	vq->last_avail++;
	return 1;
}

void virtq_undo_pop(struct virtq *vq, const struct virtq_chain *chain)
{
	if (!vq->ready || !head_in_flight(vq, chain->head))
		return;
	clear_in_flight(vq, chain->head);
	vq->last_avail--;
}

static void put_used(struct virtq *vq, uint16_t head, uint32_t written)
{
	size_t slot = vq->used_idx & (vq->size - 1U);
	uint8_t *at = vq->used_host + USED_RING + USED_ELEM * slot;

	le32_store(at, head);
	le32_store(at + 4, written);
	gmem_mark_dirty(vq->gmem, at, USED_ELEM);
	vq->used_idx++;
	/* As far as 16 bits count: nobody can tell what was signalled. */
	if (vq->used_idx == vq->signalled)
		vq->signalled_valid = false;
}

void virtq_push_batch(struct virtq *vq, const uint16_t *heads,
		      const uint32_t *written, unsigned count)
{
	bool pushed = false;

	for (unsigned i = 0; i < count; i++) {
		/* Not popped since the last reset: nothing to give back. */
		if (heads[i] >= vq->size || !head_in_flight(vq, heads[i]))
			continue;
		clear_in_flight(vq, heads[i]);
		if (!usable(vq))
			continue;
		put_used(vq, heads[i], written[i]);
		pushed = true;
	}
	if (pushed)
		ring_store(vq, vq->used_host + USED_IDX, vq->used_idx,
			   memory_order_release);
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	virtq_push_batch(vq, &head, &written, 1);
}

/* virtio 1.2, 2.7.7.2: whether @event was passed on the way to @now */
static bool event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool virtq_must_signal(struct virtq *vq)
{
	if (!usable(vq))
		return false;

	uint16_t old = vq->signalled;
	bool valid = vq->signalled_valid;

	if (valid && old == vq->used_idx)
		return false;
	vq->signalled = vq->used_idx;
	vq->signalled_valid = true;
	full_fence();
	if (!vq->event_idx)
		return !(ring_load(vq->avail_host + AVAIL_FLAGS,
				   memory_order_relaxed) &
			 AVAIL_F_NO_INTERRUPT);
	if (!valid)
		return true;
	return event_passed(ring_load(used_event(vq), memory_order_relaxed),
			    vq->used_idx, old);
}

bool virtq_has_avail(struct virtq *vq)
{
	return usable(vq) && ring_load(vq->avail_host + AVAIL_IDX,
				       memory_order_acquire) != vq->last_avail;
}

bool virtq_enable_notify(struct virtq *vq)
{
	if (!usable(vq))
		return false;
	if (vq->event_idx)
		ring_store(vq, avail_event(vq), vq->last_avail,
			   memory_order_relaxed);
	else
		ring_store(vq, vq->used_host + USED_FLAGS, 0,
			   memory_order_relaxed);
	full_fence();
	return virtq_has_avail(vq);
}

/* With VIRTIO_F_EVENT_IDX the event that has passed asks for no doorbell. */
void virtq_disable_notify(struct virtq *vq)
{
	if (usable(vq) && !vq->event_idx)
		ring_store(vq, vq->used_host + USED_FLAGS, USED_F_NO_NOTIFY,
			   memory_order_relaxed);
}
