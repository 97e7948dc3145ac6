/* SPDX-License-Identifier: Apache-2.0 */
/* The power button: from the press to the log that the guest reads. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <errno.h>
#include <libfdt.h>
#include "arch/ppc64le/rtas_clock.h"
#include "arch/ppc64le/tree.h"

#define CHECK     0x200eU
#define SCAN      0x200fU
#define IRQ       0x1000U
#define EPOW      0x40000000U
#define LOG_SIZE  116U
#define STATE_LEN 13U

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
	fake_vm_add(f->vm, &events_device, NULL);
	fake_vm_add(f->vm, &rtas_clock_device, NULL);
	f->machine.clock->now = fake_now;
	/* 2026-11-21 12:34:56 UTC */
	host_time = UINT64_C(1795264496) * NSEC_PER_SEC + 123;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fix_fini(*state);
	free(*state);
	return 0;
}

static unsigned pulses(struct rtas_fixture *f)
{
	return fake_irq_pulses(f->vm, IRQ);
}

static int32_t check(struct rtas_fixture *f, uint32_t mask, uint32_t buf,
		     uint32_t len)
{
	return fix_rtas(f, CHECK, 1, 0x500, IRQ, mask, 0, buf, len);
}

static void press(struct rtas_fixture *f)
{
	assert_true(vm_press_power_button(f->vm));
}

static void log_is_byte_exact(void **state)
{
	static const uint8_t want[LOG_SIZE + 4] = {
		/* summary, extended length */
		0x06, 0x34, 0x00, 0x40, 0x00, 0x00, 0x00, 0x6c,
		/* version 6 header */
		0x86, 0x00, 0x8e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 'I', 'B', 'M', 0x00,
		/* PH: 48 bytes, 2026-11-21, 12:34:56.00 */
		'P', 'H', 0x00, 0x30, 0x00, 0x00, 0x00, 0x00, 0x20, 0x26, 0x11,
		0x21, 0x12, 0x34, 0x56, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 'H', 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
		/* UH: 24 bytes */
		'U', 'H', 0x00, 0x18, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x00, 0x00,
		0xd0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00,
		/* EP: 20 bytes, version 2 */
		'E', 'P', 0x00, 0x14, 0x02, 0x00, 0x00, 0x00, 0x03, 0x01, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		/* what follows stays */
		0x77, 0x77, 0x77, 0x77
	};
	struct rtas_fixture *f = *state;
	uint8_t have[sizeof(want)];

	memset(have, 0x77, sizeof(have));
	fix_write(f, FIX_BUF, have, sizeof(have));
	press(f);
	assert_int_equal(pulses(f), 1);
	/* It is the time of the press that counts. */
	host_time += 3600 * NSEC_PER_SEC;
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	fix_read(f, FIX_BUF, have, sizeof(have));
	assert_memory_equal(have, want, sizeof(want));
	/* There is no more. */
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 1);
	assert_int_equal(pulses(f), 0);
}

static void seven_arguments_are_as_good(void **state)
{
	struct rtas_fixture *f = *state;

	press(f);
	assert_int_equal(
		fix_rtas(f, CHECK, 1, 0x500, IRQ, EPOW, 1, FIX_BUF, 116), 0);
	press(f);
	assert_int_equal(fix_rtas(f, CHECK, 1, 0x500, IRQ, EPOW, 1, FIX_BUF,
				  116, 0xffffffff),
			 0);
	press(f);
	assert_int_equal(fix_rtas(f, CHECK, 1, 0x500, IRQ, EPOW, 1, FIX_BUF),
			 -3);
	assert_int_equal(
		fix_rtas(f, CHECK, 1, 0x500, IRQ, EPOW, 1, FIX_BUF, 116, 0, 0),
		-3);
	/* Those did not take it. */
	assert_int_equal(check(f, EPOW, FIX_BUF, 116), 0);
	assert_int_equal(fix_read_word(f, FIX_BUF + 24 + 40), 3);
}

static void nothing_happened_at_first(void **state)
{
	struct rtas_fixture *f = *state;

	fix_write_word(f, FIX_BUF, FIX_GUARD);
	assert_int_equal(check(f, 0xffffffff, FIX_BUF, 2048), 1);
	assert_int_equal(check(f, 0xffffffff, 0xffffffff, 2048), 1);
	assert_int_equal(fix_rtas(f, SCAN, 1, 0xffffffff, 0, FIX_BUF, 2048), 1);
	assert_int_equal(fix_read_word(f, FIX_BUF), FIX_GUARD);
	assert_int_equal(pulses(f), 0);
}

static void only_the_right_mask_takes_it(void **state)
{
	struct rtas_fixture *f = *state;

	press(f);
	for (unsigned bit = 0; bit < 32; bit++) {
		if (bit != 30)
			assert_int_equal(
				check(f, UINT32_C(1) << bit, FIX_BUF, 2048), 1);
	}
	assert_int_equal(check(f, 0, FIX_BUF, 2048), 1);
	assert_int_equal(fix_rtas(f, SCAN, 1, 0xffffffff, 0, FIX_BUF, 2048), 1);
	assert_int_equal(check(f, 0xffffffff, FIX_BUF, 2048), 0);
}

static void short_buffers_get_a_part(void **state)
{
	static const uint32_t lens[] = {
		0, 1, 4, 8, 115, 116, 117, 0xffffffff
	};
	struct rtas_fixture *f = *state;
	uint8_t whole[LOG_SIZE], have[LOG_SIZE + 1];

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		size_t len = min_size(lens[i], LOG_SIZE);

		fix_device(f, events_device.reset);
		press(f);
		assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
		fix_read(f, FIX_BUF, whole, sizeof(whole));
		fix_device(f, events_device.reset);
		press(f);
		memset(have, 0x77, sizeof(have));
		fix_write(f, FIX_BUF, have, sizeof(have));
		assert_int_equal(check(f, EPOW, FIX_BUF, lens[i]), 0);
		fix_read(f, FIX_BUF, have, sizeof(have));
		assert_memory_equal(have, whole, len);
		assert_int_equal(have[len], 0x77);
	}
}

static void wild_buffers_do_not_take_it(void **state)
{
	static const uint32_t wild[] = { FIX_RAM, FIX_RAM - 115, 0xffffffff,
					 0x80000000 };
	struct rtas_fixture *f = *state;

	press(f);
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		assert_int_equal(check(f, EPOW, wild[i], 2048), -3);
	assert_int_equal(check(f, EPOW, FIX_RAM - 116, 2048), 0);
}

static void presses_do_not_pile_up(void **state)
{
	struct rtas_fixture *f = *state;

	for (unsigned i = 0; i < 1000; i++)
		press(f);
	assert_int_equal(pulses(f), 1000);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 1);
	press(f);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	assert_int_equal(fix_read_word(f, FIX_BUF + 24 + 40), 2);
}

static void reset_forgets(void **state)
{
	struct rtas_fixture *f = *state;

	press(f);
	fix_device(f, events_device.reset);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 1);
	pulses(f);
	fix_device(f, events_device.resume);
	assert_int_equal(pulses(f), 0);
}

/* Before the machine is on, and between two lives of it. */
static void press_while_off_is_heard_later(void **state)
{
	struct rtas_fixture *f = *state;
	struct device *dev = f->vm->devices[0];
	struct error err = { 0 };

	fix_device(f, events_device.reset);
	events_device.power_off(dev);
	press(f);
	press(f);
	/* The line was nobody's: what came of these is gone. */
	pulses(f);
	assert_int_equal(events_device.power_on(dev, &err), 0);
	assert_int_equal(pulses(f), 1);
	fix_device(f, events_device.resume);
	assert_int_equal(pulses(f), 0);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);

	/* Nobody pressed. */
	events_device.power_off(dev);
	assert_int_equal(events_device.power_on(dev, &err), 0);
	assert_int_equal(pulses(f), 0);
}

static void pause_does_not_press_again(void **state)
{
	struct rtas_fixture *f = *state;

	press(f);
	assert_int_equal(pulses(f), 1);
	fix_device(f, events_device.quiesce);
	fix_device(f, events_device.resume);
	assert_int_equal(pulses(f), 0);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
}

static void state_goes_round(void **state)
{
	struct rtas_fixture *f = *state;
	uint8_t body[64], again[64], log[LOG_SIZE], second[LOG_SIZE];

	press(f);
	assert_int_equal(fix_save(f, body, sizeof(body)), STATE_LEN);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	fix_read(f, FIX_BUF, log, sizeof(log));
	pulses(f);
	fix_device(f, events_device.reset);
	host_time += 1000 * NSEC_PER_SEC;
	assert_int_equal(fix_restore(f, body, STATE_LEN), 0);
	assert_int_equal(fix_save(f, again, sizeof(again)), STATE_LEN);
	assert_memory_equal(body, again, STATE_LEN);
	/* Nobody is to wait for a pulse that came before. */
	assert_int_equal(pulses(f), 0);
	fix_device(f, events_device.resume);
	assert_int_equal(pulses(f), 1);
	fix_device(f, events_device.resume);
	assert_int_equal(pulses(f), 0);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	fix_read(f, FIX_BUF, second, sizeof(second));
	assert_memory_equal(log, second, sizeof(log));
}

static void bad_state_is_refused(void **state)
{
	struct rtas_fixture *f = *state;
	uint8_t body[STATE_LEN] = { 0 };

	body[0] = 2;
	assert_int_equal(fix_restore(f, body, STATE_LEN), -EBADMSG);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 1);
	/* Any time and number is one that may have been. */
	memset(body, 0xff, sizeof(body));
	body[0] = 1;
	fix_restore_refuses_lengths(f, body, STATE_LEN);
	assert_int_equal(fix_restore(f, body, STATE_LEN), 0);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	assert_int_equal(fix_read_word(f, FIX_BUF + 24 + 8), 0x25540721);
	press(f);
	assert_int_equal(check(f, EPOW, FIX_BUF, 2048), 0);
	assert_int_equal(fix_read_word(f, FIX_BUF + 24 + 40), 0);
}

static void node_is_as_linux_wants(void **state)
{
	struct rtas_fixture *f = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	events_fdt(f->vm, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	int node = fdt_path_offset(blob, "/event-sources");
	assert_true(node > 0);
	assert_non_null(fdt_getprop(blob, node, "interrupt-controller", &len));
	const uint8_t *p = fdt_getprop(blob, node, "interrupt-ranges", &len);
	assert_int_equal(len, 8);
	assert_int_equal(be32_load(p), IRQ);
	assert_int_equal(be32_load(p + 4), 1);
	p = fdt_getprop(blob, node, "#interrupt-cells", &len);
	assert_int_equal(be32_load(p), 2);
	node = fdt_path_offset(blob, "/event-sources/epow-events");
	assert_true(node > 0);
	p = fdt_getprop(blob, node, "interrupts", &len);
	assert_int_equal(len, 8);
	assert_int_equal(be32_load(p), IRQ);
	assert_non_null(fdt_getprop(blob, node, "interrupt-parent", &len));
	assert_int_equal(len, 4);
	fdt_builder_free(&b);
}

static void it_is_always_there(void **state)
{
	struct rtas_fixture *f = *state;

	assert_true(events_device.implied(f->vm, true));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(log_is_byte_exact),
		T(seven_arguments_are_as_good),
		T(nothing_happened_at_first),
		T(only_the_right_mask_takes_it),
		T(short_buffers_get_a_part),
		T(wild_buffers_do_not_take_it),
		T(presses_do_not_pile_up),
		T(reset_forgets),
		T(pause_does_not_press_again),
		T(state_goes_round),
		T(bad_state_is_refused),
		T(node_is_as_linux_wants),
		T(press_while_off_is_heard_later),
		T(it_is_always_there),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
