/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine to be attacked: a virtio device of any kind, whose driver is
 * hostile, and a bystander, another virtio device of another kind.
 *
 * After each attack the bystander must still serve, the log must be short, and
 * a reset must bring the attacked device back to work. Include it once in a
 * test; fake_vm_create() decides about the transport.
 */
#ifndef PRIVET_TESTS_ATTACK_FIXTURE_H
#define PRIVET_TESTS_ATTACK_FIXTURE_H

#include "tests/unit/attack_victims.h"

/*
 * The machine.
 */

/*
 * Entropy is asked for, or lamps are set where entropy is what is attacked.
 *
 * Return: the queue that the answer comes in.
 */
static inline struct fake_queue *ask_bystander(struct arena *a)
{
	bool rng = a->other->type == &virtio_rng_device;
	unsigned queue = rng ? 0 : 1;
	struct fake_buf buf = { a->buf + 0x8000, 8, rng };

	fake_queue_add(&a->other_m.queues[queue], &buf, 1, false);
	fake_mmio_kick(&a->other_m, queue);
	return &a->other_m.queues[queue];
}

static inline void expect_undisturbed(struct arena *a)
{
	bool rng = a->other->type == &virtio_rng_device;
	struct fake_queue *q = ask_bystander(a);
	struct fake_used used;

	fake_vm_io(a->vm);
	assert_true(fake_queue_used(q, &used));
	assert_int_equal(used.len, rng ? 8 : 0);
	assert_false(fake_mmio_status(&a->other_m) & VIRTIO_STATUS_NEEDS_RESET);
}

/* What a machine may say, however often it was attacked within a minute. */
static inline void expect_no_flood(struct arena *a)
{
	const char *text = fake_vm_log(a->vm);
	unsigned lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	if (lines > 16 + DEADLINE * 1000 / LOG_LIMIT_PERIOD_MS)
		fail_msg("%s: %u lines in the log", a->victim->name, lines);
}

static inline void begin_driver(struct arena *a)
{
	a->m.drv.next = a->mark;
	assert_int_equal(
		fake_mmio_negotiate(&a->m, a->victim->features &
						   fake_mmio_offered(&a->m) &
						   ~EVENT_IDX),
		0);
}

/* The driver begins anew, which must work whatever it did before. */
static inline void revive(struct arena *a, unsigned queue)
{
	begin_driver(a);
	for (unsigned i = 0; i < FAKE_MMIO_QUEUES; i++)
		if (fake_mmio_queue(&a->m, i, QUEUE_SIZE) != 0)
			break;
	assert_true(a->victim->queues >> a->m.nr_queues == 0);
	fake_mmio_driver_ok(&a->m);
	assert_false(needs_reset(a));
	fake_vm_io(a->vm);
	if (a->victim->open != NULL)
		a->victim->open(a, queue);
}

static inline void expect_serves(struct arena *a)
{
	a->victim->serve(a);
	assert_false(needs_reset(a));
}

static inline struct arena *arena_open(const struct victim *victim)
{
	struct arena *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	a->victim = victim;
	a->peers[0] = -1;
	a->peers[1] = -1;
	alarm(DEADLINE);
	a->vm = fake_vm_create(RAM_SIZE);
	a->dev = victim->add(a);
	a->other = fake_vm_add(a->vm,
			       victim->add == add_rng ? &virtio_input_device
						      : &virtio_rng_device,
			       NULL);
	fake_vm_freeze(a->vm);
	fake_mmio_init(&a->m, a->vm, 0);
	fake_mmio_init(&a->other_m, a->vm, 1);
	a->other_m.drv.next = RAM_BASE + MIB(8);
	assert_int_equal(fake_mmio_start(&a->other_m, 0, 0), 0);
	a->m.drv.end = RAM_BASE + MIB(8);
	a->buf = fake_alloc(&a->m.drv, KIB(64), 4096);
	a->mark = a->m.drv.next;
	expect_undisturbed(a);
	return a;
}

static inline void arena_close(struct arena *a)
{
	while (a->vm->nr_devices > 0) {
		struct device *dev = a->vm->devices[a->vm->nr_devices - 1];

		pthread_mutex_lock(&dev->lock);
		dev->type->reset(dev);
		pthread_mutex_unlock(&dev->lock);
		dev->type->power_off(dev);
		dev->type->destroy(dev);
		a->vm->nr_devices--;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (a->peers[i] < 0)
			continue;
		close(a->peers[i]);
		chardev_close(a->vm->consoles[i]);
	}
	fake_vm_destroy(a->vm);
	if (a->opts != NULL)
		params_free(virtio_blk_device.option->params, a->opts);
	free(a->opts);
	if (a->path[0] != '\0')
		unlink(a->path);
	free(a);
	alarm(0);
}

/* Have @fn attack each kind of device, each in a machine of its own. */
static inline void each_victim(void (*fn)(struct arena *a))
{
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		struct arena *a = arena_open(&victims[i]);

		fn(a);
		expect_undisturbed(a);
		expect_no_flood(a);
		arena_close(a);
	}
}

#endif
