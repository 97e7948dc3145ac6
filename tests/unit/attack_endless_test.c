/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that is never done: while one of its CPUs waits, another one makes
 * each buffer available again as soon as it is used. A device that goes on
 * until its queue is empty would keep the I/O thread for good; here it may do a
 * bounded piece, and then it is the others' turn.
 *
 * The linker sends the devices' virtq_push() here.
 */
#include "tests/unit/attack_fixture.h"

/* What one turn of the loop may give back, and how many turns are looked at. */
#define MOST  256U
#define TURNS 40U
/* A device without a bound would be at it until then. */
#define END 20000U

/**
 * struct endless - The driver's other CPU
 * @queue: that it works on; NULL: none
 * @pushes: elements that came back
 */
static struct endless {
	struct fake_queue *queue;
	unsigned pushes;
} endless;

void __real_virtq_push(struct virtq *vq, uint16_t head, uint32_t written);
void __wrap_virtq_push(struct virtq *vq, uint16_t head, uint32_t written);

void __wrap_virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	__real_virtq_push(vq, head, written);
	if (endless.queue == NULL || vq->desc != endless.queue->desc)
		return;
	if (endless.pushes++ < END)
		fake_queue_publish(endless.queue, head);
}

static void turn(struct arena *a, unsigned queue)
{
	unsigned before = endless.pushes;

	assert_true(evloop_run_once(a->vm->loop, 0) >= 0);
	if (endless.pushes - before > MOST)
		fail_msg("%s, queue %u: %u elements in one turn",
			 a->victim->name, queue, endless.pushes - before);
}

/* The bystander's request is answered while the attack goes on. */
static void expect_a_turn(struct arena *a, unsigned queue)
{
	struct fake_queue *its = ask_bystander(a);
	struct fake_used used;

	for (unsigned i = 0; i < 4; i++) {
		turn(a, queue);
		if (fake_queue_used(its, &used))
			return;
	}
	fail_msg("%s, queue %u: the bystander has no turn", a->victim->name,
		 queue);
}

static unsigned attack(struct arena *a, unsigned queue)
{
	bool fills = a->victim->device_writes >> queue & 1;

	revive(a, queue);
	endless = (struct endless){ .queue = &a->m.queues[queue] };
	post(a, queue, a->buf, 8, fills);
	fake_mmio_kick(&a->m, queue);
	expect_a_turn(a, queue);
	for (unsigned i = 0; i < TURNS; i++)
		turn(a, queue);
	expect_a_turn(a, queue);

	unsigned pushes = endless.pushes;
	endless.queue = NULL;
	assert_true(pushes < END);
	return pushes;
}

/* Where the device waits for something else, it cannot be kept busy so. */
static bool waits_for_others(struct arena *a, unsigned queue)
{
	return (a->victim->device_writes >> queue & 1) &&
	       a->victim->add != add_rng;
}

static void each_queue(struct arena *a)
{
	for (unsigned queue = 0; queue < FAKE_MMIO_QUEUES; queue++) {
		if (!(a->victim->queues >> queue & 1))
			continue;
		/* Several times its bound, so that the bound was met. */
		if (attack(a, queue) < MOST && !waits_for_others(a, queue))
			fail_msg("%s, queue %u was not kept busy",
				 a->victim->name, queue);
		fake_vm_io(a->vm);
		expect_undisturbed(a);
	}
	revive(a, 0);
	expect_serves(a);
}

static void drivers_that_are_never_done(void **state)
{
	(void)state;
	each_victim(each_queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers_that_are_never_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
