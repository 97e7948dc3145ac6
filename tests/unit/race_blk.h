/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk's driver that writes and reads back, in slots: each has sectors, a
 * buffer and at most one request of its own.
 */
#ifndef PRIVET_TESTS_RACE_BLK_H
#define PRIVET_TESTS_RACE_BLK_H

#include "tests/unit/race_guest.h"

/* Three descriptors for each. */
#define BLK_SLOTS      5U
#define BLK_SLOT_BYTES 4096U
#define BLK_DISK_BYTES (BLK_SLOTS * BLK_SLOT_BYTES)

enum {
	BLK_READ = 0,
	BLK_WRITE = 1,
	BLK_FLUSH = 4
};

/**
 * struct blk_slot - What is known of it
 * @busy: its request is in flight
 * @head, @type: of that request
 * @seed: what was written last
 * @known: and that this arrived; a write that a reset cut off may have
 * @gpa: header, data and status
 */
struct blk_slot {
	bool busy;
	uint16_t head;
	uint32_t type;
	unsigned seed;
	bool known;
	uint64_t gpa;
};

struct blk_guest {
	struct guest_dev g;
	struct blk_slot slots[BLK_SLOTS];
	unsigned written;
	unsigned compared;
};

/* After a start: the memory of the slots is found anew. */
static inline void blk_start(struct blk_guest *b)
{
	guest_start(&b->g);
	for (unsigned i = 0; i < BLK_SLOTS; i++)
		b->slots[i].gpa =
			fake_alloc(&b->g.m.drv, 16 + BLK_SLOT_BYTES + 1, 16);
}

static inline void blk_forget(struct blk_guest *b)
{
	for (unsigned i = 0; i < BLK_SLOTS; i++) {
		struct blk_slot *slot = &b->slots[i];

		if (slot->busy && slot->type == BLK_WRITE)
			slot->known = false;
		slot->busy = false;
	}
}

static inline void blk_submit(struct blk_guest *b, unsigned i, uint32_t type)
{
	struct blk_slot *slot = &b->slots[i];
	struct fake_buf bufs[3] = {
		{ slot->gpa, 16, false },
		{ slot->gpa + 16, BLK_SLOT_BYTES, type == BLK_READ },
		{ slot->gpa + 16 + BLK_SLOT_BYTES, 1, true },
	};
	uint8_t header[16] = { 0 }, none = 0xee;

	le32_store(header, type);
	if (type != BLK_FLUSH)
		le64_store(header + 8,
			   i * (uint64_t)(BLK_SLOT_BYTES / DISK_SECTOR));
	fake_write(&b->g.m.drv, slot->gpa, header, sizeof(header));
	if (type == BLK_WRITE) {
		uint8_t data[BLK_SLOT_BYTES];

		slot->seed++;
		slot->known = true;
		guest_fill(data, sizeof(data), slot->seed * BLK_SLOTS + i);
		fake_write(&b->g.m.drv, bufs[1].gpa, data, sizeof(data));
	}
	fake_write(&b->g.m.drv, bufs[2].gpa, &none, 1);
	if (type == BLK_FLUSH)
		bufs[1] = bufs[2];
	slot->head = guest_add(&b->g, 0, bufs, type == BLK_FLUSH ? 2 : 3);
	slot->type = type;
	slot->busy = true;
}

static inline void blk_complete(struct blk_guest *b, unsigned i)
{
	struct blk_slot *slot = &b->slots[i];
	uint8_t data[BLK_SLOT_BYTES], status;

	fake_read(&b->g.m.drv, slot->gpa + 16 + BLK_SLOT_BYTES, &status, 1);
	must(status == 0);
	slot->busy = false;
	b->written += slot->type == BLK_WRITE;
	if (slot->type != BLK_READ || !slot->known)
		return;
	fake_read(&b->g.m.drv, slot->gpa + 16, data, sizeof(data));
	must(guest_filled(data, sizeof(data), slot->seed * BLK_SLOTS + i));
	b->compared++;
}

static inline void blk_take(struct blk_guest *b)
{
	struct fake_used used;

	while (guest_take(&b->g, 0, &used)) {
		unsigned i = 0;

		while (i < BLK_SLOTS &&
		       !(b->slots[i].busy && b->slots[i].head == used.id))
			i++;
		must(i < BLK_SLOTS);
		blk_complete(b, i);
	}
}

/* Return: a bit for each queue whose doorbell is to be rung. */
static inline unsigned blk_step(struct blk_guest *b, uint64_t x)
{
	static const uint32_t types[] = { BLK_READ,  BLK_WRITE, BLK_READ,
					  BLK_WRITE, BLK_READ,  BLK_FLUSH };
	unsigned ring = 0;

	must(!guest_broken(&b->g));
	blk_take(b);
	for (unsigned i = 0; i < BLK_SLOTS; i++, x >>= 8) {
		if (b->slots[i].busy || (x & 1) == 0 ||
		    !guest_has_room(&b->g, 0, 3))
			continue;
		blk_submit(b, i, types[(x >> 1) % 6]);
		ring = 1;
	}
	return ring;
}

#endif
