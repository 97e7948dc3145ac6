/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by virtqueues on every virtio device: each row of the table is done
 * to each queue of each kind. What breaks the protocol needs a reset; what does
 * not is answered. In both cases a bystander is undisturbed, the log stays
 * short, and after a reset the device serves.
 */
#include "tests/unit/attack_fixture.h"

#define STORM 200U

/**
 * struct attack - What a driver does to a queue
 * @legal: answered, or DEVICE_NEEDS_RESET where it makes no sense to the
 *	device; else always the latter
 * @make: writes descriptors and rings; index 0 is for the head
 */
struct attack {
	const char *name;
	bool legal;
	void (*make)(struct arena *a, struct fake_queue *q, uint16_t flags);
};

/* Publishes head 0, a descriptor as given. */
static void one(struct fake_queue *q, uint64_t gpa, uint32_t len,
		uint16_t flags, uint16_t next)
{
	fake_queue_set_desc(q, 0, gpa, len, flags, next);
	fake_queue_publish(q, 0);
}

/* The window of the bystander's registers. */
static uint64_t device_window(const struct arena *a)
{
	return a->m.is_pci ? a->other_m.pci.common : a->other_m.base;
}

#define ATTACK(name)                                              \
	static void name(struct arena *a __attribute__((unused)), \
			 struct fake_queue *q,                    \
			 uint16_t flags __attribute__((unused)))

ATTACK(index_jumps)
{
	fake_queue_set_avail_idx(q, (uint16_t)(q->avail_idx + q->size + 1));
}

ATTACK(index_jumps_back)
{
	fake_queue_set_avail_idx(q, (uint16_t)(q->avail_idx - 1));
}

ATTACK(index_jumps_far)
{
	fake_queue_set_avail_idx(q, (uint16_t)(q->avail_idx + 0x8000));
}

ATTACK(head_is_size)
{
	fake_queue_publish(q, q->size);
}

ATTACK(head_is_huge)
{
	fake_queue_publish(q, 0xffff);
}

ATTACK(next_is_size)
{
	one(q, a->buf, 1, flags | FAKE_DESC_NEXT, q->size);
}

ATTACK(next_is_huge)
{
	one(q, a->buf, 1, flags | FAKE_DESC_NEXT, 0xffff);
}

ATTACK(loop_of_one)
{
	one(q, a->buf, 1, flags | FAKE_DESC_NEXT, 0);
}

ATTACK(loop_of_all)
{
	for (uint16_t i = 0; i < q->size; i++)
		fake_queue_set_desc(q, i, a->buf, 1, flags | FAKE_DESC_NEXT,
				    (uint16_t)((i + 1) % q->size));
	fake_queue_publish(q, 0);
}

ATTACK(end_of_ram)
{
	one(q, RAM_END, 1, flags, 0);
}

ATTACK(across_end_of_ram)
{
	one(q, RAM_END - 1, 2, flags, 0);
}

ATTACK(wraps_to_0)
{
	one(q, UINT64_MAX, 2, flags, 0);
}

ATTACK(wraps_to_ram)
{
	one(q, UINT64_MAX - 0xfff, 0x2000, flags, 0);
}

ATTACK(last_address)
{
	one(q, UINT64_MAX, 1, flags, 0);
}

ATTACK(device_registers)
{
	one(q, device_window(a), 16, flags, 0);
}

ATTACK(longest_length)
{
	one(q, a->buf, UINT32_MAX, flags, 0);
}

ATTACK(sum_beyond_32_bits)
{
	for (uint16_t i = 0; i < 5; i++)
		fake_queue_set_desc(q, i, RAM_BASE, RAM_SIZE,
				    flags | (i < 4 ? FAKE_DESC_NEXT : 0),
				    (uint16_t)(i + 1));
	fake_queue_publish(q, 0);
}

ATTACK(readable_after_writable)
{
	fake_queue_set_desc(q, 0, a->buf, 64, FAKE_DESC_WRITE | FAKE_DESC_NEXT,
			    1);
	fake_queue_set_desc(q, 1, a->buf, 64, 0, 0);
	fake_queue_publish(q, 0);
}

/* An indirect table of one good entry, unless @gpa, @len say otherwise. */
static uint64_t table(struct arena *a, uint64_t gpa, uint32_t len,
		      uint16_t flags, uint16_t next)
{
	uint64_t at = fake_alloc(&a->m.drv, 64, 16);

	fake_table_set(&a->m.drv, at, 0, gpa, len, flags, next);
	return at;
}

ATTACK(table_of_no_entries)
{
	one(q, table(a, a->buf, 64, flags, 0), 0, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_of_half_an_entry)
{
	one(q, table(a, a->buf, 64, flags, 0), 8, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_of_entry_and_a_byte)
{
	one(q, table(a, a->buf, 64, flags, 0), 17, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_across_end_of_ram)
{
	one(q, RAM_END - 16, 32, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_wraps)
{
	one(q, UINT64_MAX - 15, 32, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_in_device)
{
	one(q, device_window(a), 16, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_longer_than_queue)
{
	one(q, RAM_BASE + MIB(16), 16 * (q->size + 1U), FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_of_4_gib)
{
	one(q, RAM_BASE, 0xfffffff0, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_in_table)
{
	uint64_t inner = table(a, a->buf, 64, flags, 0);
	uint64_t outer = table(a, inner, 16, FAKE_DESC_INDIRECT, 0);

	one(q, outer, 16, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_with_next)
{
	one(q, table(a, a->buf, 64, flags, 0), 16,
	    FAKE_DESC_INDIRECT | FAKE_DESC_NEXT, 1);
}

ATTACK(table_that_loops)
{
	uint64_t at = table(a, a->buf, 64, flags | FAKE_DESC_NEXT, 0);

	one(q, at, 16, FAKE_DESC_INDIRECT, 0);
}

ATTACK(table_that_leaves)
{
	uint64_t at = table(a, a->buf, 64, flags | FAKE_DESC_NEXT, 1);

	one(q, at, 16, FAKE_DESC_INDIRECT, 0);
}

ATTACK(buffer_in_table_beyond_ram)
{
	one(q, table(a, RAM_END, 64, flags, 0), 16, FAKE_DESC_INDIRECT, 0);
}

ATTACK(nothing_at_nowhere)
{
	one(q, UINT64_MAX, 0, flags, 0);
}

ATTACK(nothing_many_times)
{
	for (uint16_t i = 0; i < q->size; i++)
		fake_queue_set_desc(
			q, i, a->buf, 0,
			flags | (i + 1U < q->size ? FAKE_DESC_NEXT : 0),
			(uint16_t)(i + 1));
	fake_queue_publish(q, 0);
}

ATTACK(the_same_bytes_many_times)
{
	for (uint16_t i = 0; i < q->size; i++)
		fake_queue_set_desc(
			q, i, a->buf, 4096,
			flags | (i + 1U < q->size ? FAKE_DESC_NEXT : 0),
			(uint16_t)(i + 1));
	fake_queue_publish(q, 0);
}

/* The device may write over its own orders: it has its copies. */
ATTACK(over_its_own_rings)
{
	one(q, q->desc, 16 * QUEUE_SIZE, flags, 0);
}

ATTACK(same_head_twice)
{
	one(q, a->buf, 4096, flags, 0);
	fake_queue_publish(q, 0);
}

ATTACK(wrong_direction)
{
	one(q, a->buf, 4096, flags ^ FAKE_DESC_WRITE, 0);
}

#define BREAKS(fn)                       \
	{                                \
		.name = #fn, .make = fn, \
	}
#define LEGAL(fn)                                       \
	{                                               \
		.name = #fn, .make = fn, .legal = true, \
	}

static const struct attack attacks[] = {
	BREAKS(index_jumps),
	BREAKS(index_jumps_back),
	BREAKS(index_jumps_far),
	BREAKS(head_is_size),
	BREAKS(head_is_huge),
	BREAKS(next_is_size),
	BREAKS(next_is_huge),
	BREAKS(loop_of_one),
	BREAKS(loop_of_all),
	BREAKS(end_of_ram),
	BREAKS(across_end_of_ram),
	BREAKS(wraps_to_0),
	BREAKS(wraps_to_ram),
	BREAKS(last_address),
	BREAKS(device_registers),
	BREAKS(longest_length),
	BREAKS(sum_beyond_32_bits),
	BREAKS(readable_after_writable),
	BREAKS(table_of_no_entries),
	BREAKS(table_of_half_an_entry),
	BREAKS(table_of_entry_and_a_byte),
	BREAKS(table_across_end_of_ram),
	BREAKS(table_wraps),
	BREAKS(table_in_device),
	BREAKS(table_longer_than_queue),
	BREAKS(table_of_4_gib),
	BREAKS(table_in_table),
	BREAKS(table_with_next),
	BREAKS(table_that_loops),
	BREAKS(table_that_leaves),
	BREAKS(buffer_in_table_beyond_ram),
	LEGAL(nothing_at_nowhere),
	LEGAL(nothing_many_times),
	LEGAL(the_same_bytes_many_times),
	LEGAL(over_its_own_rings),
	LEGAL(same_head_twice),
	LEGAL(wrong_direction),
};

struct answer {
	struct arena *a;
	const struct fake_queue *q;
	uint16_t before;
};

static bool answered(void *arg)
{
	struct answer *answer = arg;

	return needs_reset(answer->a) ||
	       fake_queue_used_idx(answer->q) != answer->before;
}

static void look(struct arena *a, unsigned queue)
{
	kick(a, queue);
	if (a->victim->provoke != NULL)
		a->victim->provoke(a, queue);
}

/* Broken for good, whatever the driver does but a reset. */
static void expect_broken(struct arena *a, unsigned queue, const char *name)
{
	uint16_t before = fake_queue_used_idx(&a->m.queues[queue]);

	if (!needs_reset(a))
		fail_msg("%s, queue %u: %s goes unnoticed", a->victim->name,
			 queue, name);
	assert_true(fake_mmio_irq(&a->m) & VIRTIO_ISR_CONFIG);
	for (unsigned i = 0; i < STORM; i++)
		fake_mmio_kick(&a->m, queue);
	fake_vm_io(a->vm);
	assert_int_equal(fake_queue_used_idx(&a->m.queues[queue]), before);
	fake_mmio_driver_ok(&a->m);
	assert_true(needs_reset(a));
}

static void attack_queue(struct arena *a, unsigned queue,
			 const struct attack *attack)
{
	uint16_t flags =
		a->victim->device_writes >> queue & 1 ? FAKE_DESC_WRITE : 0;

	revive(a, queue);
	fake_mmio_irq(&a->m);

	struct fake_queue *q = &a->m.queues[queue];
	struct answer answer = { a, q, fake_queue_used_idx(q) };

	attack->make(a, q, flags);
	look(a, queue);
	if (attack->legal)
		fake_vm_wait(a->vm, answered, &answer, attack->name);
	else
		expect_broken(a, queue, attack->name);
	expect_undisturbed(a);
}

static void attack_all(struct arena *a)
{
	for (unsigned queue = 0; queue < FAKE_MMIO_QUEUES; queue++) {
		if (!(a->victim->queues >> queue & 1))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(attacks); i++)
			attack_queue(a, queue, &attacks[i]);
		revive(a, 0);
		expect_serves(a);
	}
}

static void queues_are_attacked(void **state)
{
	(void)state;
	each_victim(attack_all);
}

/*
 * Set-up that no device may use.
 */

#define SIZE_0 UINT32_MAX

/** struct setup - Registers of a queue, in place of good ones; 0: good */
struct setup {
	uint32_t size;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
};

static void put_address(struct arena *a, uint64_t reg, uint64_t gpa)
{
	fake_mmio_set(&a->m, reg, (uint32_t)gpa);
	fake_mmio_set(&a->m, reg + 4, (uint32_t)(gpa >> 32));
}

static void expect_refused(struct arena *a, unsigned queue,
			   const struct setup *s)
{
	uint64_t at = RAM_BASE + MIB(1);

	fake_mmio_set(&a->m, REG_QUEUE_SEL, queue);
	if (s->size == SIZE_0)
		fake_mmio_set(&a->m, REG_QUEUE_NUM, 0);
	else
		fake_mmio_set(&a->m, REG_QUEUE_NUM,
			      s->size ? s->size : QUEUE_SIZE);
	put_address(a, REG_DESC, s->desc ? s->desc : at);
	put_address(a, REG_DRIVER, s->driver ? s->driver : at + 4096);
	put_address(a, REG_DEVICE, s->device ? s->device : at + 8192);
	fake_mmio_set(&a->m, REG_QUEUE_READY, 1);
	if (fake_mmio_get(&a->m, REG_QUEUE_READY) != 0)
		fail_msg("%s, queue %u: size %u, desc 0x%llx, driver 0x%llx, "
			 "device 0x%llx are taken",
			 a->victim->name, queue, s->size,
			 (unsigned long long)s->desc,
			 (unsigned long long)s->driver,
			 (unsigned long long)s->device);
}

static void bad_setups(struct arena *a)
{
	uint64_t at = RAM_BASE + MIB(1);
	const struct setup setups[] = {
		{ .size = SIZE_0 },
		{ .size = 3 },
		{ .size = 2048 },
		{ .size = 0xffff },
		{ .desc = RAM_END },
		{ .desc = RAM_END - 16 },
		{ .desc = at + 8 },
		{ .desc = UINT64_MAX - 15 },
		{ .desc = device_window(a) },
		{ .driver = RAM_END },
		{ .driver = RAM_END - 4 },
		{ .driver = at + 4097 },
		{ .driver = UINT64_MAX - 1 },
		{ .driver = device_window(a) },
		{ .device = RAM_END },
		{ .device = RAM_END - 4 },
		{ .device = at + 8194 },
		{ .device = UINT64_MAX - 3 },
		{ .device = device_window(a) },
		/* Over each other. */
		{ .driver = at + 16 * QUEUE_SIZE - 2 },
		{ .device = at + 16 * QUEUE_SIZE - 4 },
		{ .device = at + 4096 },
		{ .device = at },
	};

	for (unsigned queue = 0; queue < FAKE_MMIO_QUEUES; queue++) {
		if (!(a->victim->queues >> queue & 1))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(setups); i++) {
			begin_driver(a);
			expect_refused(a, queue, &setups[i]);
			/* It goes on as if the queue were there. */
			fake_mmio_driver_ok(&a->m);
			look(a, queue);
		}
	}
	expect_undisturbed(a);
	revive(a, 0);
	expect_serves(a);
}

static void setups_are_attacked(void **state)
{
	(void)state;
	each_victim(bad_setups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_are_attacked),
		cmocka_unit_test(setups_are_attacked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
