/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header that another vCPU changes, all the time, between what may be and
 * what may not. A device that reads it twice, to check and to use, would sooner
 * or later use what it has not checked: a disk would grow, a host would get
 * a packet that was not negotiated.
 */
#include "tests/unit/attack_fixture.h"

#include <sched.h>
#include <stdatomic.h>

#define ROUNDS 3000U
/* On a machine that is busy the two may take turns rarely. */
#define MAX_ROUNDS   1000000U
#define BEYOND       (DISK_SIZE / 512 + 8)
#define GSO_TYPE     1
#define GSO_NONSENSE 0x55

/**
 * struct flipper - A vCPU that writes by turns
 * @at: eight bytes in guest RAM
 * @values: that it has by turns
 */
struct flipper {
	_Atomic uint64_t *at;
	uint64_t values[2];
	atomic_bool over;
	pthread_t thread;
};

static void *flip(void *arg)
{
	struct flipper *f = arg;

	for (unsigned i = 0; !atomic_load(&f->over); i++)
		atomic_store_explicit(f->at, f->values[i & 1],
				      memory_order_relaxed);
	return NULL;
}

static void flip_begin(struct flipper *f, struct arena *a, uint64_t gpa,
		       const void *one, const void *two)
{
	f->at = gmem_range(&a->vm->gmem, gpa, 8);
	assert_non_null(f->at);
	memcpy(&f->values[0], one, 8);
	memcpy(&f->values[1], two, 8);
	atomic_init(&f->over, false);
	assert_int_equal(pthread_create(&f->thread, NULL, flip, f), 0);
}

static void flip_end(struct flipper *f)
{
	atomic_store(&f->over, true);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
}

/* Whether to go on: until enough was tried, and both kinds were met. */
static bool more(unsigned round, unsigned good, unsigned bad)
{
	if (round % 64 == 0)
		sched_yield();
	return round < ROUNDS ||
	       (round < MAX_ROUNDS && (good == 0 || bad == 0));
}

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
 * A header in pieces of two bytes, so that it takes long to read. Return: the
 * descriptors that it takes.
 */
static unsigned cut_header(struct fake_buf *bufs, uint64_t gpa, unsigned len)
{
	for (unsigned i = 0; i < len / 2; i++)
		bufs[i] = (struct fake_buf){ gpa + 2 * i, 2, false };
	return len / 2;
}

/* Return: the status byte of a write of a sector at the header's place. */
static uint8_t write_sector(struct arena *a)
{
	struct fake_buf bufs[QUEUE_SIZE];
	unsigned n = cut_header(bufs, a->buf, 16);
	uint8_t status = 0xee;

	bufs[n++] = (struct fake_buf){ a->buf + 16, 512, false };
	bufs[n++] = (struct fake_buf){ a->buf + 4096, 1, true };

	fake_write(&a->m.drv, a->buf + 4096, &status, 1);
	fake_queue_add(&a->m.queues[0], bufs, n, false);
	fake_mmio_kick(&a->m, 0);
	await_used(a, 0);
	fake_read(&a->m.drv, a->buf + 4096, &status, 1);
	return status;
}

static void sector_flips(void **state)
{
	struct arena *a = arena_open(find_victim("blk"));
	uint8_t inside[8], beyond[8];
	unsigned seen[3] = { 0 };
	struct flipper f;
	struct stat st;

	(void)state;
	revive(a, 0);
	put_blk_header(a, 1, 0);
	le64_store(inside, 7);
	le64_store(beyond, BEYOND);
	flip_begin(&f, a, a->buf + 8, inside, beyond);
	for (unsigned i = 0; more(i, seen[0], seen[1]); i++) {
		uint8_t status = write_sector(a);

		assert_in_range(status, 0, 1);
		seen[status]++;
	}
	flip_end(&f);
	/* Both have happened, or nothing was tried. */
	assert_true(seen[0] > 0 && seen[1] > 0);
	assert_int_equal(stat(a->path, &st), 0);
	assert_int_equal(st.st_size, DISK_SIZE);
	expect_undisturbed(a);
	expect_serves(a);
	arena_close(a);
}

/* Between a write and what nobody knows. */
static void type_flips(void **state)
{
	struct arena *a = arena_open(find_victim("blk"));
	uint8_t good[8] = { 1 }, bad[8] = { 2 };
	unsigned seen[3] = { 0 };
	struct flipper f;

	(void)state;
	revive(a, 0);
	put_blk_header(a, 1, 0);
	flip_begin(&f, a, a->buf, good, bad);
	for (unsigned i = 0; more(i, seen[0], seen[2]); i++) {
		uint8_t status = write_sector(a);

		assert_true(status == 0 || status == 2);
		seen[status]++;
	}
	flip_end(&f);
	assert_true(seen[0] > 0 && seen[2] > 0);
	expect_undisturbed(a);
	expect_serves(a);
	arena_close(a);
}

static void send_packet(struct arena *a)
{
	struct fake_buf bufs[QUEUE_SIZE];
	unsigned n = cut_header(bufs, a->buf, HDR);

	bufs[n++] = (struct fake_buf){ a->buf + HDR, 60, false };
	fake_queue_add(&a->m.queues[TX], bufs, n, false);
	kick(a, TX);
	await_used(a, TX);
}

static void packet_header_flips(void **state)
{
	struct arena *a = arena_open(find_victim("net"));
	uint8_t good[8] = { 0 }, bad[8] = { [GSO_TYPE] = GSO_NONSENSE };
	uint8_t packet[HDR + 60] = { 0 };
	unsigned sent = 0, rounds = 0;
	struct flipper f;

	(void)state;
	revive(a, 0);
	fake_write(&a->m.drv, a->buf, packet, sizeof(packet));
	flip_begin(&f, a, a->buf, good, bad);
	for (; more(rounds, sent, rounds - sent); rounds++) {
		send_packet(a);
		while (host_receive(packet, sizeof(packet)) > 0) {
			assert_int_equal(packet[GSO_TYPE], 0);
			sent++;
		}
	}
	flip_end(&f);
	assert_true(sent > 0 && sent < rounds);
	expect_undisturbed(a);
	expect_no_flood(a);
	expect_serves(a);
	arena_close(a);
}

/* The port's number, of which there are two. */
static void control_message_flips(void **state)
{
	struct arena *a = arena_open(find_victim("ports"));
	uint8_t good[8] = { 1, 0, 0, 0, 6, 0, 1, 0 };
	uint8_t bad[8] = { 0, 0x40, 0, 0x40, 6, 0, 1, 0 };
	struct flipper f;

	(void)state;
	revive(a, 0);
	flip_begin(&f, a, a->buf, good, bad);
	for (unsigned i = 0; more(i, 1, 1); i++) {
		post(a, 3, a->buf, 8, false);
		kick(a, 3);
		await_used(a, 3);
	}
	flip_end(&f);
	expect_undisturbed(a);
	expect_no_flood(a);
	expect_serves(a);
	arena_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sector_flips),
		cmocka_unit_test(type_flips),
		cmocka_unit_test(packet_header_flips),
		cmocka_unit_test(control_message_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
