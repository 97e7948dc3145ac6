/* SPDX-License-Identifier: Apache-2.0 */
/* The MMIO bus: lookup, sizes, locking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>

#include "vmm/mmio.h"

struct seen {
	unsigned reads, writes;
	uint64_t off, value;
	unsigned size;
	pthread_mutex_t *lock;
	bool was_locked;
};

static uint64_t on_read(void *opaque, uint64_t off, unsigned size)
{
	struct seen *seen = opaque;

	seen->reads++;
	seen->off = off;
	seen->size = size;
	return 0x1122334455667788ULL;
}

static void on_write(void *opaque, uint64_t off, unsigned size, uint64_t val)
{
	struct seen *seen = opaque;

	seen->writes++;
	seen->off = off;
	seen->size = size;
	seen->value = val;
	if (seen->lock != NULL)
		seen->was_locked = pthread_mutex_trylock(seen->lock) == EBUSY;
}

static const struct mmio_ops word_ops = { on_read, on_write, 4, 4 };
static const struct mmio_ops any_ops = { on_read, on_write, 1, 8 };

static struct mmio_bus *new_bus(struct seen seen[2])
{
	struct mmio_bus *bus = calloc(1, sizeof(*bus));
	const struct mmio_region high = { "high",    0x20000, 0x100,
					  &word_ops, NULL,    &seen[1] };
	const struct mmio_region low = { "low",    0x10000, 0x1000,
					 &any_ops, NULL,    &seen[0] };

	assert_non_null(bus);
	assert_int_equal(mmio_add(bus, &high, NULL), 0);
	assert_int_equal(mmio_add(bus, &low, NULL), 0);
	mmio_freeze(bus);
	return bus;
}

static void test_lookup_and_values(void **state)
{
	struct seen seen[2] = { 0 };
	struct mmio_bus *bus = new_bus(seen);
	uint8_t data[8] = { 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80 };

	(void)state;
	assert_true(mmio_access(bus, 0x10ffc, data, 4, true));
	assert_int_equal(seen[0].writes, 1);
	assert_int_equal(seen[0].off, 0xffc);
	/* Little-endian, and nothing above the access's size. */
	assert_int_equal(seen[0].value, 0x40302010);

	assert_true(mmio_access(bus, 0x20010, data, 4, false));
	assert_int_equal(seen[1].reads, 1);
	static const uint8_t want[8] = { 0x88, 0x77, 0x66, 0x55,
					 0x50, 0x60, 0x70, 0x80 };
	/* Bytes behind the access are not touched. */
	assert_memory_equal(data, want, 8);
	free(bus);
}

static void test_nobody_answers(void **state)
{
	struct seen seen[2] = { 0 };
	struct mmio_bus *bus = new_bus(seen);
	static const uint64_t holes[] = { 0,       0xffff,  0x11000,
					  0x1ffff, 0x20100, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		uint8_t data[8];

		memset(data, 0xff, sizeof(data));
		assert_false(mmio_access(bus, holes[i], data, 4, false));
		assert_int_equal(data[0], 0);
		assert_false(mmio_access(bus, holes[i], data, 1, true));
	}
	assert_int_equal(seen[0].reads + seen[1].reads, 0);
	free(bus);
}

static void test_undeclared_accesses_never_arrive(void **state)
{
	struct seen seen[2] = { 0 };
	struct mmio_bus *bus = new_bus(seen);
	static const struct {
		uint64_t gpa;
		unsigned size;
	} bad[] = {
		{ 0x20000, 1 }, { 0x20000, 2 }, { 0x20000, 8 }, { 0x20002, 4 },
		{ 0x10001, 2 }, { 0x10004, 8 }, { 0x10fff, 2 }, { 0x10ffc, 8 },
		{ 0x10000, 3 }, { 0x10000, 0 }, { 0x200fe, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t data[8];

		memset(data, 0xff, sizeof(data));
		assert_true(
			mmio_access(bus, bad[i].gpa, data, bad[i].size, false));
		if (bad[i].size > 0)
			assert_int_equal(data[0], 0);
		mmio_access(bus, bad[i].gpa, data, bad[i].size, true);
	}
	assert_int_equal(seen[0].reads + seen[0].writes, 0);
	assert_int_equal(seen[1].reads + seen[1].writes, 0);

	/* A window that ends within an access. */
	const struct mmio_region odd = { "odd",    0x30000, 12,
					 &any_ops, NULL,    &seen[0] };

	bus->frozen = false;
	assert_int_equal(mmio_add(bus, &odd, NULL), 0);
	mmio_freeze(bus);
	assert_true(mmio_access(bus, 0x30008, (uint8_t[8]){ 0 }, 8, true));
	assert_int_equal(seen[0].writes, 0);
	assert_true(mmio_access(bus, 0x30008, (uint8_t[8]){ 0 }, 4, true));
	assert_int_equal(seen[0].writes, 1);

	uint8_t data[16];
	memset(data, 0xff, sizeof(data));
	assert_false(mmio_access(bus, 0x10000, data, 9, false));
	assert_int_equal(data[0], 0xff);
	free(bus);
}

static void test_map_is_checked(void **state)
{
	struct seen seen[2] = { 0 };
	struct mmio_bus *bus = calloc(1, sizeof(*bus));
	struct mmio_region r = { "first",  0x1000, 0x1000,
				 &any_ops, NULL,   &seen[0] };
	struct error err;

	(void)state;
	assert_non_null(bus);
	assert_int_equal(mmio_add(bus, &r, &err), 0);
	r.name = "second";
	assert_int_equal(mmio_add(bus, &r, &err), -EEXIST);
	assert_non_null(strstr(err.text, "first"));
	assert_non_null(strstr(err.text, "second"));
	r.base = 0x1fff;
	assert_int_equal(mmio_add(bus, &r, &err), -EEXIST);
	r.base = 1;
	assert_int_equal(mmio_add(bus, &r, &err), -EEXIST);
	r.base = UINT64_MAX - 10;
	assert_int_equal(mmio_add(bus, &r, &err), -EINVAL);
	r.base = 0x5000;
	r.size = 0;
	assert_int_equal(mmio_add(bus, &r, &err), -EINVAL);
	r.size = 0x10;
	for (unsigned i = 1; i < MMIO_MAX_REGIONS; i++) {
		r.base = 0x10000 + i * 0x10;
		assert_int_equal(mmio_add(bus, &r, &err), 0);
	}
	r.base = 0x5000;
	assert_int_equal(mmio_add(bus, &r, &err), -ENOSPC);
	mmio_freeze(bus);
	assert_int_equal(mmio_add(bus, &r, &err), -EBUSY);
	free(bus);
}

static void test_handler_runs_under_the_lock(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct seen seen = { .lock = &lock };
	struct mmio_bus *bus = calloc(1, sizeof(*bus));
	const struct mmio_region r = { "dev",    0x1000, 0x1000,
				       &any_ops, &lock,  &seen };
	uint8_t data[8] = { 0 };

	(void)state;
	assert_non_null(bus);
	assert_int_equal(mmio_add(bus, &r, NULL), 0);
	mmio_freeze(bus);
	assert_true(mmio_access(bus, 0x1000, data, 1, true));
	assert_true(seen.was_locked);
	assert_int_equal(pthread_mutex_trylock(&lock), 0);
	pthread_mutex_unlock(&lock);
	free(bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup_and_values),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_undeclared_accesses_never_arrive),
		cmocka_unit_test(test_map_is_checked),
		cmocka_unit_test(test_handler_runs_under_the_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
