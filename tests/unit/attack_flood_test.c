/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods: of packets, keys and presses that the guest never takes, and of
 * requests that it makes without end. Work and memory are bounded, the rest of
 * the machine goes on.
 */
#include "tests/unit/attack_fixture.h"

#define FLOOD 20000U

static const struct victim *find_victim(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		if (strcmp(victims[i].name, name) == 0)
			return &victims[i];
	}
	fail_msg("no victim %s", name);
	return NULL;
}

/*
 * A guest that never reads its queue: one packet waits in the device, the rest
 * in the host's queue until that is full. Nothing is called any more.
 */
static void flood_unread(struct arena *a, unsigned posted)
{
	uint8_t packet[HDR + 60] = { 0 };
	unsigned taken = 0;
	int calls = 0;

	revive(a, 0);
	for (unsigned i = 0; i < posted; i++)
		post(a, RX, a->buf, 4096, true);
	kick(a, RX);
	for (unsigned i = 0; i < FLOOD; i++) {
		taken += send(tap_state.fd, packet, sizeof(packet), 0) > 0;
		calls += fake_vm_io(a->vm);
		if (i % 1000 == 0)
			expect_undisturbed(a);
	}
	assert_true(taken < FLOOD);
	/* Twenty of them are the bystander's. */
	assert_true(calls <= 64 + (int)posted);
	assert_int_equal(fake_queue_used_idx(&a->m.queues[RX]), posted);
}

static void tap_floods_who_does_not_read(void **state)
{
	struct arena *a = arena_open(find_victim("net"));

	(void)state;
	flood_unread(a, 0);
	flood_unread(a, 3);
	expect_undisturbed(a);
	expect_no_flood(a);
	revive(a, 0);
	expect_serves(a);
	arena_close(a);
}

/* No driver at all: the host's queue is full, and nobody looks at it. */
static void tap_floods_who_is_not_there(void **state)
{
	struct arena *a = arena_open(find_victim("net"));
	uint8_t packet[HDR + 60] = { 0 };
	int calls = 0;

	(void)state;
	for (unsigned i = 0; i < FLOOD; i++) {
		if (send(tap_state.fd, packet, sizeof(packet), 0) < 0)
			break;
		calls += fake_vm_io(a->vm);
	}
	assert_true(calls <= 16);
	expect_undisturbed(a);
	revive(a, 0);
	expect_serves(a);
	arena_close(a);
}

static void keys_flood_who_does_not_read(void **state)
{
	struct arena *a = arena_open(find_victim("console"));
	char keys[4096];
	size_t taken = 0;

	(void)state;
	memset(keys, 'k', sizeof(keys));
	revive(a, 0);
	for (unsigned i = 0; i < FLOOD / 10; i++) {
		ssize_t n = send(a->peers[0], keys, sizeof(keys), MSG_DONTWAIT);

		taken += n > 0 ? (size_t)n : 0;
		fake_vm_io(a->vm);
	}
	/* What the ring and the socket hold. */
	assert_true(taken < MIB(2));
	expect_undisturbed(a);
	revive(a, 0);
	expect_serves(a);
	arena_close(a);
}

static void presses_flood_who_does_not_look(void **state)
{
	struct arena *a = arena_open(find_victim("input"));
	struct fake_used used;
	unsigned events = 0;

	(void)state;
	revive(a, 0);
	for (unsigned i = 0; i < FLOOD; i++)
		press_input(a, 0);
	expect_undisturbed(a);
	/* As many as are kept, however many there were. */
	for (unsigned i = 0; i < 24; i++) {
		post(a, 0, a->buf, 8, true);
		kick(a, 0);
		while (fake_queue_used(&a->m.queues[0], &used))
			events++;
	}
	assert_int_equal(events, 16);
	arena_close(a);
}

/* Output that nobody reads stays where it is; the bystander goes on. */
static void output_floods_who_does_not_read(void **state)
{
	struct arena *a = arena_open(find_victim("console"));
	struct fake_queue *q;

	(void)state;
	revive(a, 0);
	q = &a->m.queues[1];
	for (unsigned i = 0; i < FLOOD; i++) {
		struct fake_used used;

		if (q->nr_free > 0)
			post(a, 1, a->buf, KIB(64), false);
		kick(a, 1);
		while (fake_queue_used(q, &used))
			;
		if (i % 1000 == 0)
			expect_undisturbed(a);
	}
	expect_no_flood(a);
	/* What is in the ring already goes out when somebody reads. */
	revive(a, 0);
	expect_undisturbed(a);
	arena_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap_floods_who_does_not_read),
		cmocka_unit_test(tap_floods_who_is_not_there),
		cmocka_unit_test(keys_flood_who_does_not_read),
		cmocka_unit_test(presses_flood_who_does_not_look),
		cmocka_unit_test(output_floods_who_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
