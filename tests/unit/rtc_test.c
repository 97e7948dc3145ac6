/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, driven through the MMIO bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <libfdt.h>
#include "devices/table.h"
#include "tests/fakes/fake_vm.h"
#include "tests/fakes/skip.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/snapshot.h"

/* Offsets in numbers, so that a mistake in rtc.c shows. */
#define TIME_LOW        0x00
#define TIME_HIGH       0x04
#define ALARM_LOW       0x08
#define ALARM_HIGH      0x0c
#define IRQ_ENABLED     0x10
#define CLEAR_ALARM     0x14
#define ALARM_STATUS    0x18
#define CLEAR_INTERRUPT 0x1c

#define STATE_LEN       32

static uint32_t rd(struct vm *vm, uint64_t off)
{
	return (uint32_t)fake_mmio_read(vm, arch_info.rtc.base + off, 4);
}

static void wr(struct vm *vm, uint64_t off, uint32_t value)
{
	fake_mmio_write(vm, arch_info.rtc.base + off, 4, value);
}

static bool irq(struct vm *vm)
{
	return fake_irq_level(vm, arch_info.rtc.irq);
}

static uint64_t host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t guest_now(struct vm *vm)
{
	uint64_t low = rd(vm, TIME_LOW);

	return low | (uint64_t)rd(vm, TIME_HIGH) << 32;
}

/* As Linux does it: high half first. */
static void set_time(struct vm *vm, uint64_t time)
{
	wr(vm, TIME_HIGH, (uint32_t)(time >> 32));
	wr(vm, TIME_LOW, (uint32_t)time);
}

static void set_alarm(struct vm *vm, uint64_t time)
{
	wr(vm, ALARM_HIGH, (uint32_t)(time >> 32));
	wr(vm, ALARM_LOW, (uint32_t)time);
}

/* The clock shows @want, give or take what this machine was asleep. */
static void assert_near(uint64_t have, uint64_t want)
{
	if (have - want > 5 * NSEC_PER_SEC)
		fail_msg("clock shows %llu, wanted %llu",
			 (unsigned long long)have, (unsigned long long)want);
}

static int setup(void **state)
{
	struct vm *vm = fake_vm_create(MIB(1));

	fake_vm_add(vm, &rtc_device, NULL);
	fake_vm_freeze(vm);
	*state = vm;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_destroy(*state);
	return 0;
}

static void call(struct vm *vm, void (*fn)(struct device *dev))
{
	pthread_mutex_lock(&vm->devices[0]->lock);
	fn(vm->devices[0]);
	pthread_mutex_unlock(&vm->devices[0]->lock);
}

static void test_time(void **state)
{
	struct vm *vm = *state;
	uint64_t before = host_now();
	uint64_t shown = guest_now(vm);
	uint64_t after = host_now();

	assert_true(before <= shown && shown <= after);
	assert_true(guest_now(vm) >= shown);
}

/* TIME_HIGH belongs to the last TIME_LOW, whatever time it is by now. */
static void test_high_is_latched(void **state)
{
	struct vm *vm = *state;

	set_time(vm, UINT64_C(0x1234567700000000));
	rd(vm, TIME_LOW);
	set_time(vm, UINT64_C(0x2345678900000000));
	assert_int_equal(rd(vm, TIME_HIGH), 0x12345677);
	rd(vm, TIME_LOW);
	assert_int_equal(rd(vm, TIME_HIGH), 0x23456789);
}

static void test_set_time(void **state)
{
	struct vm *vm = *state;
	static const uint64_t times[] = {
		0,
		1,
		0xffffffff,
		UINT64_C(0x100000000),
		UINT64_C(0x17a2b3c4ffffffff),
		UINT64_C(0x7fffffffffffffff),
		UINT64_C(0x8000000000000000),
		UINT64_C(0xffffffff00000000),
	};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		set_time(vm, times[i]);
		assert_near(guest_now(vm), times[i]);
	}
	/* The low half alone keeps the high half. */
	set_time(vm, UINT64_C(0x1111111100000000));
	wr(vm, TIME_LOW, 0x22222222);
	assert_near(guest_now(vm), UINT64_C(0x1111111122222222));
	/* The high half alone takes effect at once. */
	wr(vm, TIME_HIGH, 0x33333333);
	assert_near(guest_now(vm), UINT64_C(0x3333333322222222));
}

/* A carry between the two writes would add 4 seconds. */
static void test_set_time_across_carry(void **state)
{
	struct vm *vm = *state;

	set_time(vm, UINT64_C(0x11111111ffffffff) - 20 * NSEC_PER_MSEC);
	wr(vm, TIME_HIGH, 0x22222222);
	uint64_t end = host_now() + 30 * NSEC_PER_MSEC;
	while (host_now() < end)
		;
	wr(vm, TIME_LOW, 0x10000000);
	uint32_t low = rd(vm, TIME_LOW);
	assert_int_equal(rd(vm, TIME_HIGH),
			 low < 0x10000000 ? 0x22222223 : 0x22222222);
}

static bool fired(void *arg)
{
	return rd(arg, ALARM_STATUS) == 0;
}

static void test_alarm(void **state)
{
	struct vm *vm = *state;
	uint64_t when = guest_now(vm) + 20 * NSEC_PER_MSEC;

	wr(vm, IRQ_ENABLED, 1);
	set_alarm(vm, when);
	assert_int_equal(rd(vm, ALARM_LOW), (uint32_t)when);
	assert_int_equal(rd(vm, ALARM_HIGH), (uint32_t)(when >> 32));
	fake_vm_wait(vm, fired, vm, "the alarm");
	assert_true(guest_now(vm) >= when);
	assert_true(irq(vm));
	assert_int_equal(rd(vm, IRQ_ENABLED), 1);
	wr(vm, CLEAR_INTERRUPT, 1);
	assert_false(irq(vm));
	assert_int_equal(fake_irq_pulses(vm, arch_info.rtc.irq), 1);
	/* It rings once. */
	fake_vm_io(vm);
	assert_false(irq(vm));
}

static void test_alarm_in_the_past(void **state)
{
	struct vm *vm = *state;
	const uint64_t past[] = { 0, 1, guest_now(vm) - 1, guest_now(vm) };

	for (size_t i = 0; i < ARRAY_SIZE(past); i++) {
		wr(vm, IRQ_ENABLED, 1);
		set_alarm(vm, past[i]);
		assert_true(irq(vm));
		assert_int_equal(rd(vm, ALARM_STATUS), 0);
		wr(vm, CLEAR_INTERRUPT, 1);
		assert_false(irq(vm));
	}
}

static void test_alarm_far_away(void **state)
{
	struct vm *vm = *state;
	const uint64_t far[] = { guest_now(vm) + 3600 * NSEC_PER_SEC, INT64_MAX,
				 UINT64_C(1) << 63, UINT64_MAX };

	wr(vm, IRQ_ENABLED, 1);
	for (size_t i = 0; i < ARRAY_SIZE(far); i++) {
		set_alarm(vm, far[i]);
		assert_int_equal(rd(vm, ALARM_STATUS), 1);
		fake_vm_io(vm);
		assert_int_equal(rd(vm, ALARM_STATUS), 1);
		assert_false(irq(vm));
		wr(vm, CLEAR_ALARM, 1);
		assert_int_equal(rd(vm, ALARM_STATUS), 0);
		assert_false(irq(vm));
	}
}

/* Setting the clock decides about the alarm, both ways. */
static void test_alarm_follows_clock(void **state)
{
	struct vm *vm = *state;

	wr(vm, IRQ_ENABLED, 1);
	set_time(vm, 1000 * NSEC_PER_SEC);
	set_alarm(vm, 5000 * NSEC_PER_SEC);
	set_time(vm, 4000 * NSEC_PER_SEC);
	assert_false(irq(vm));
	set_time(vm, 5000 * NSEC_PER_SEC);
	assert_true(irq(vm));
	assert_int_equal(rd(vm, ALARM_STATUS), 0);
}

static void test_enable(void **state)
{
	struct vm *vm = *state;

	/* An alarm without interrupt shows when that is enabled. */
	set_alarm(vm, 0);
	assert_false(irq(vm));
	assert_int_equal(rd(vm, ALARM_STATUS), 0);
	wr(vm, IRQ_ENABLED, 1);
	assert_true(irq(vm));
	wr(vm, IRQ_ENABLED, 0);
	assert_false(irq(vm));
	wr(vm, IRQ_ENABLED, 0xfffffffe);
	assert_int_equal(rd(vm, IRQ_ENABLED), 0);
	wr(vm, IRQ_ENABLED, 0xffffffff);
	assert_int_equal(rd(vm, IRQ_ENABLED), 1);
	assert_true(irq(vm));
	wr(vm, CLEAR_INTERRUPT, 0);
	assert_false(irq(vm));
}

static void test_odd_accesses(void **state)
{
	struct vm *vm = *state;
	uint64_t base = arch_info.rtc.base;

	assert_int_equal(rd(vm, CLEAR_ALARM), 0);
	assert_int_equal(rd(vm, CLEAR_INTERRUPT), 0);
	wr(vm, ALARM_STATUS, 1);
	assert_int_equal(rd(vm, ALARM_STATUS), 0);
	wr(vm, 0x20, 0xffffffff);
	assert_int_equal(rd(vm, 0x20), 0);
	assert_int_equal(rd(vm, arch_info.rtc.size - 4), 0);
	assert_int_equal(fake_mmio_read(vm, base, 8), 0);
	assert_int_equal(fake_mmio_read(vm, base, 1), 0);
	fake_mmio_write(vm, base + IRQ_ENABLED, 1, 1);
	assert_int_equal(rd(vm, IRQ_ENABLED), 0);
}

static void test_reset(void **state)
{
	struct vm *vm = *state;

	set_time(vm, 1000 * NSEC_PER_SEC);
	wr(vm, IRQ_ENABLED, 1);
	set_alarm(vm, 0);
	wr(vm, ALARM_HIGH, 7);
	call(vm, rtc_device.reset);
	assert_false(irq(vm));
	assert_int_equal(rd(vm, TIME_HIGH), 0);
	assert_int_equal(rd(vm, ALARM_LOW), 0);
	assert_int_equal(rd(vm, ALARM_HIGH), 0);
	assert_int_equal(rd(vm, IRQ_ENABLED), 0);
	assert_int_equal(rd(vm, ALARM_STATUS), 0);
	/* The clock goes on. */
	assert_near(guest_now(vm), 1000 * NSEC_PER_SEC);
}

static bool is_past(void *arg)
{
	return host_now() > *(uint64_t *)arg;
}

static void test_quiesce(void **state)
{
	struct vm *vm = *state;

	wr(vm, IRQ_ENABLED, 1);
	set_alarm(vm, guest_now(vm) + 300 * NSEC_PER_MSEC);
	call(vm, rtc_device.quiesce);
	uint64_t until = host_now() + 300 * NSEC_PER_MSEC;
	fake_vm_wait(vm, is_past, &until, "the time of the alarm");
	assert_int_equal(rd(vm, ALARM_STATUS), 1);
	assert_false(irq(vm));
	/* It is made up for. */
	call(vm, rtc_device.resume);
	assert_int_equal(rd(vm, ALARM_STATUS), 0);
	assert_true(irq(vm));
}

static void get_state(struct vm *vm, uint8_t body[STATE_LEN])
{
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section sec;
	struct error err = { 0 };

	snap_writer_init(&w, "test");
	assert_int_equal(device_save(vm->devices[0], &w), 0);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "test", &err), 0);
	assert_int_equal(snap_next(&r, &sec), 1);
	assert_string_equal(sec.name, "rtc");
	assert_string_equal(sec.id, "rtc0");
	assert_int_equal(snap_left(&r), STATE_LEN - 4);
	snap_get_bytes(&r, body, STATE_LEN - 4);
	snap_writer_free(&w);
}

static int put_state(struct vm *vm, const uint8_t *body, size_t len)
{
	struct snap_reader r = { .data = body, .len = len, .end = len };

	return device_restore(vm->devices[0], &r, 1);
}

static void test_round_trip(void **state)
{
	struct vm *vm = *state;
	uint8_t first[STATE_LEN] = { 0 }, second[STATE_LEN] = { 0 };

	set_time(vm, 1001 * NSEC_PER_SEC);
	rd(vm, TIME_LOW);
	wr(vm, IRQ_ENABLED, 1);
	set_alarm(vm, 0);
	set_alarm(vm, UINT64_C(0x1122334455667788));
	assert_true(irq(vm));
	get_state(vm, first);
	/* offset 8, latched 4, set_high 4, setting 1, alarm 8, 3 flags */
	assert_int_equal(le32_load(first + 8), (1001 * NSEC_PER_SEC) >> 32);
	assert_int_equal(le32_load(first + 12), (1001 * NSEC_PER_SEC) >> 32);
	assert_int_equal(first[16], 0);
	assert_int_equal(le64_load(first + 17), UINT64_C(0x1122334455667788));
	assert_int_equal(first[25], 1);
	assert_int_equal(first[26], 1);
	assert_int_equal(first[27], 1);

	set_time(vm, 0);
	call(vm, rtc_device.reset);
	assert_false(irq(vm));
	assert_int_equal(put_state(vm, first, STATE_LEN - 4), 0);
	get_state(vm, second);
	assert_memory_equal(first, second, STATE_LEN);
	assert_true(irq(vm));
	assert_near(guest_now(vm), 1001 * NSEC_PER_SEC);
	call(vm, rtc_device.resume);
	assert_int_equal(rd(vm, ALARM_STATUS), 1);
}

static void test_restore_rejects(void **state)
{
	struct vm *vm = *state;
	static const size_t flags[] = { 16, 25, 26, 27 };
	uint8_t body[STATE_LEN] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		memset(body, 0, sizeof(body));
		body[flags[i]] = 2;
		wr(vm, IRQ_ENABLED, 1);
		assert_int_equal(put_state(vm, body, STATE_LEN - 4), -EBADMSG);
		assert_int_equal(rd(vm, IRQ_ENABLED), 0);
	}
	memset(body, 0, sizeof(body));
	for (size_t len = 0; len < STATE_LEN - 4; len++)
		assert_true(put_state(vm, body, len) < 0);
	/* Bytes left over are no better. */
	assert_int_equal(put_state(vm, body, STATE_LEN), -EBADMSG);
	assert_int_equal(put_state(vm, body, STATE_LEN - 4), 0);
}

static void test_storm(void **state)
{
	struct vm *vm = *state;
	uint64_t x = 0x9e3779b97f4a7c15;
	uint8_t body[STATE_LEN];

	for (int i = 0; i < 50000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		uint64_t at = arch_info.rtc.base + (x & 0x3c);
		if ((x >> 8 & 1) != 0)
			fake_mmio_write(vm, at, 4, x >> 16 & 0xffffffff);
		else
			fake_mmio_read(vm, at, 4);
		/* The line says no more than the registers do. */
		if (irq(vm))
			assert_int_equal(rd(vm, IRQ_ENABLED), 1);
		if (i % 500 == 0) {
			fake_vm_io(vm);
			get_state(vm, body);
			assert_int_equal(put_state(vm, body, STATE_LEN - 4), 0);
		}
	}
}

static void test_fdt(void **state)
{
	struct vm *vm = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	char path[64];
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	rtc_device.fdt(vm->devices[0], &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	snprintf(path, sizeof(path), "/rtc@%llx",
		 (unsigned long long)arch_info.rtc.base);
	int node = fdt_path_offset(blob, path);
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(blob, node, "compatible", &len),
			    "google,goldfish-rtc");
	const uint8_t *p = fdt_getprop(blob, node, "reg", &len);
	assert_int_equal(len, 16);
	assert_int_equal(be64_load(p), arch_info.rtc.base);
	assert_int_equal(be64_load(p + 8), arch_info.rtc.size);
	p = fdt_getprop(blob, node, "interrupts", &len);
	assert_int_equal(be32_load(p), arch_info.rtc.irq);
	assert_int_equal(be32_load(p + 4), 4);
	fdt_builder_free(&b);
}

static void test_implied(void **state)
{
	assert_true(rtc_device.implied(*state, false));
	assert_true(rtc_device.implied(*state, true));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_time),           T(test_high_is_latched),
		T(test_set_time),       T(test_set_time_across_carry),
		T(test_alarm),          T(test_alarm_in_the_past),
		T(test_alarm_far_away), T(test_alarm_follows_clock),
		T(test_enable),         T(test_odd_accesses),
		T(test_reset),          T(test_quiesce),
		T(test_round_trip),     T(test_restore_rejects),
		T(test_storm),          T(test_fdt),
		T(test_implied),
	};
#undef T
	if (arch_info.rtc.size == 0)
		return skip_all("this machine has no clock chip");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
