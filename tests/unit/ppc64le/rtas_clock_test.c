/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS: time of day, against a clock that the test sets. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <errno.h>
#include <time.h>
#include "arch/ppc64le/rtas_clock.h"

#define GET 0x2001U
#define SET 0x2002U

/* 2026-11-21 12:34:56 UTC */
#define TODAY UINT64_C(1795264496)

static uint64_t host_time;

static uint64_t fake_now(void)
{
	return host_time;
}

static int setup(void **state)
{
	struct rtas_fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	fix_init(f);
	fake_vm_add(f->vm, &rtas_clock_device, NULL);
	f->machine.clock->now = fake_now;
	host_time = TODAY * NSEC_PER_SEC + 7;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fix_fini(*state);
	free(*state);
	return 0;
}

static void assert_date(struct rtas_fixture *f, uint32_t year, uint32_t month,
			uint32_t day, uint32_t hour, uint32_t minute,
			uint32_t second, uint32_t ns)
{
	const uint32_t want[] = {
		0, year, month, day, hour, minute, second, ns
	};

	assert_int_equal(fix_rtas(f, GET, 8), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(f->rets[i], want[i]);
}

static void host_time_is_told(void **state)
{
	struct rtas_fixture *f = *state;

	assert_date(f, 2026, 11, 21, 12, 34, 56, 7);
	host_time = 0;
	assert_date(f, 1970, 1, 1, 0, 0, 0, 0);
	host_time = NSEC_PER_SEC - 1;
	assert_date(f, 1970, 1, 1, 0, 0, 0, 999999999);
	host_time = UINT64_C(4107542399) * NSEC_PER_SEC;
	assert_date(f, 2100, 2, 28, 23, 59, 59, 0);
	host_time += NSEC_PER_SEC;
	assert_date(f, 2100, 3, 1, 0, 0, 0, 0);
	host_time = UINT64_MAX;
	assert_date(f, 2554, 7, 21, 23, 34, 33, 709551615);
}

/* The C library's calendar, which the monitor does not use, agrees. */
static void every_day_is_right(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 213503; day++) {
		time_t seconds = (time_t)day * 86400 + 86399;
		uint64_t ns = (uint64_t)seconds * NSEC_PER_SEC;
		struct rtas_date date = rtas_date_of(ns);
		struct tm tm;
		uint64_t back = 0;

		assert_non_null(gmtime_r(&seconds, &tm));
		assert_int_equal(date.year, tm.tm_year + 1900);
		assert_int_equal(date.month, tm.tm_mon + 1);
		assert_int_equal(date.day, tm.tm_mday);
		assert_int_equal(date.hour, 23);
		assert_int_equal(date.minute, 59);
		assert_int_equal(date.second, 59);
		assert_int_equal(rtas_date_ns(&date, &back), date.year < 2554);
		if (date.year < 2554)
			assert_int_equal(back, ns);
	}
}

static void clock_can_be_set(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, SET, 1, 2000, 2, 29, 23, 59, 58, 5), 0);
	assert_date(f, 2000, 2, 29, 23, 59, 58, 5);
	host_time += 2 * NSEC_PER_SEC + 1;
	assert_date(f, 2000, 3, 1, 0, 0, 0, 6);
	/* Also forwards, and to both ends. */
	assert_int_equal(fix_rtas(f, SET, 1, 2553, 12, 31, 23, 59, 59, 0), 0);
	assert_date(f, 2553, 12, 31, 23, 59, 59, 0);
	assert_int_equal(fix_rtas(f, SET, 1, 1970, 1, 1, 0, 0, 0, 0), 0);
	assert_date(f, 1970, 1, 1, 0, 0, 0, 0);
	host_time += NSEC_PER_SEC;
	assert_date(f, 1970, 1, 1, 0, 0, 1, 0);
}

static void impossible_dates_are_refused(void **state)
{
	static const uint32_t bad[][7] = {
		{ 1969, 12, 31, 23, 59, 59, 0 },
		{ 2554, 1, 1, 0, 0, 0, 0 },
		{ 0, 1, 1, 0, 0, 0, 0 },
		{ 0xffffffff, 1, 1, 0, 0, 0, 0 },
		{ 2026, 0, 1, 0, 0, 0, 0 },
		{ 2026, 13, 1, 0, 0, 0, 0 },
		{ 2026, 0xffffffff, 1, 0, 0, 0, 0 },
		{ 2026, 1, 0, 0, 0, 0, 0 },
		{ 2026, 1, 32, 0, 0, 0, 0 },
		{ 2026, 2, 29, 0, 0, 0, 0 },
		{ 2024, 2, 30, 0, 0, 0, 0 },
		{ 2100, 2, 29, 0, 0, 0, 0 },
		{ 2026, 4, 31, 0, 0, 0, 0 },
		{ 2026, 1, 0x80000001, 0, 0, 0, 0 },
		{ 2026, 1, 1, 24, 0, 0, 0 },
		{ 2026, 1, 1, 0, 60, 0, 0 },
		{ 2026, 1, 1, 0, 0, 60, 0 },
		{ 2026, 1, 1, 0, 0, 0, 1000000000 },
		{ 2026, 1, 1, 0xffffffff, 0xffffffff, 0xffffffff, 0 },
	};
	struct rtas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(fix_rtas_array(f, SET, 7, 1, bad[i]), -3);
		assert_date(f, 2026, 11, 21, 12, 34, 56, 7);
	}
	assert_int_equal(fix_rtas(f, SET, 1, 2000, 1, 1, 0, 0, 0), -3);
	assert_int_equal(fix_rtas(f, GET, 7), -3);
}

static void reset_keeps_the_time(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, SET, 1, 2001, 2, 3, 4, 5, 6, 7), 0);
	fix_device(f, rtas_clock_device.quiesce);
	fix_device(f, rtas_clock_device.resume);
	fix_device(f, rtas_clock_device.reset);
	assert_date(f, 2001, 2, 3, 4, 5, 6, 7);
}

static void state_goes_round(void **state)
{
	struct rtas_fixture *f = *state;
	uint8_t body[64], again[64];

	assert_int_equal(fix_rtas(f, SET, 1, 2001, 2, 3, 4, 5, 6, 7), 0);
	size_t len = fix_save(f, body, sizeof(body));
	assert_int_equal(len, 8);
	assert_int_equal(fix_rtas(f, SET, 1, 2030, 1, 1, 0, 0, 0, 0), 0);
	assert_int_equal(fix_restore(f, body, len), 0);
	assert_date(f, 2001, 2, 3, 4, 5, 6, 7);
	assert_int_equal(fix_save(f, again, sizeof(again)), len);
	assert_memory_equal(body, again, len);
	fix_restore_refuses_lengths(f, body, len);
	assert_date(f, 2001, 2, 3, 4, 5, 6, 7);
}

/* The real clock, by its own source. */
static void default_source_is_the_host(void **state)
{
	struct vm *vm = fake_vm_create(MIB(1));
	struct machine machine = { 0 };

	(void)state;
	vm->arch = &machine;
	fake_vm_add(vm, &rtas_clock_device, NULL);
	uint64_t before = (uint64_t)time(NULL);
	uint64_t now = rtas_clock_now(machine.clock) / NSEC_PER_SEC;
	assert_in_range(now, before - 1, before + 60);
	fake_vm_destroy(vm);
	assert_null(machine.clock);
	assert_int_equal(rtas_clock_now(NULL), 0);
}

static void it_is_always_there(void **state)
{
	struct rtas_fixture *f = *state;

	assert_true(rtas_clock_device.implied(f->vm, false));
	assert_true(rtas_clock_device.implied(f->vm, true));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(host_time_is_told),          T(every_day_is_right),
		T(clock_can_be_set),           T(impossible_dates_are_refused),
		T(reset_keeps_the_time),       T(state_goes_round),
		T(default_source_is_the_host), T(it_is_always_there),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
