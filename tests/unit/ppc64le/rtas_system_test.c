/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS: the end of the machine, its parameters, and small calls. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <stdio.h>
#include "arch/ppc64le/vty.h"

#define DISPLAY   0x2000U
#define POWER_OFF 0x2003U
#define REBOOT    0x2004U
#define GET_PARAM 0x2008U
#define SET_PARAM 0x2009U
#define BYPASS    0x2010U
#define QUIESCE   0x2011U
#define OS_TERM   0x201fU

static int setup(void **state)
{
	struct rtas_fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	fix_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fix_fini(*state);
	free(*state);
	return 0;
}

static void assert_stop(struct rtas_fixture *f, enum vm_stop why,
			const char *text)
{
	assert_int_equal(f->vm->stop, why);
	assert_int_equal(f->vm->result.stop, why);
	assert_string_equal(f->vm->result.text, text);
	assert_int_equal(f->action, EXIT_STOP);
	f->vm->stop = VM_STOP_NONE;
}

static void power_off_ends(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, POWER_OFF, 1, 0xffffffff, 0xffffffff), 0);
	assert_stop(f, VM_STOP_POWEROFF, "guest powered off");
	assert_int_equal(fix_rtas(f, POWER_OFF, 1, 0xffffffff), -3);
	assert_int_equal(f->vm->stop, VM_STOP_NONE);
	assert_int_equal(f->action, EXIT_RESUME);
}

static void reboot_is_cold(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, REBOOT, 1), 0);
	assert_stop(f, VM_STOP_COLD_REBOOT, "guest asked for a cold reboot");
}

/*
 * Panic.
 */

static void os_term(struct rtas_fixture *f, const char *words, const char *want)
{
	fix_write(f, FIX_BUF, words, strlen(words) + 1);
	assert_int_equal(fix_rtas(f, OS_TERM, 1, FIX_BUF), 0);
	assert_stop(f, VM_STOP_PANIC, want);
}

static void panic_has_a_text(void **state)
{
	struct rtas_fixture *f = *state;

	os_term(f, "OS panic: sysrq triggered crash",
		"guest panicked: sysrq triggered crash");
	os_term(f, "hello", "guest panicked: hello");
	os_term(f, "OS panic:x", "guest panicked: OS panic:x");
	os_term(f, "", "guest panicked");
	os_term(f, "OS panic: ", "guest panicked: OS panic:");
	os_term(f, "\n\n", "guest panicked");
	os_term(f, "a\x1b[31mb\r\n\tc\x7f\x80\xff d\n",
		"guest panicked: a?[31mb   c??? d");
}

static void panic_text_is_bounded(void **state)
{
	struct rtas_fixture *f = *state;
	char words[600], want[600];

	memset(words, 'x', sizeof(words));
	for (size_t len = 254; len <= 256; len++) {
		words[len] = '\0';
		snprintf(want, sizeof(want), "guest panicked: %.*s",
			 (int)min_size(len, 255), words);
		os_term(f, words, want);
		words[len] = 'x';
	}
	words[599] = '\0';
	snprintf(want, sizeof(want), "guest panicked: %.255s", words);
	os_term(f, words, want);
}

/* A text that nothing ends, at the end of RAM. */
static void panic_text_ends_with_ram(void **state)
{
	struct rtas_fixture *f = *state;

	fix_write(f, FIX_RAM - 3, "abc", 3);
	assert_int_equal(fix_rtas(f, OS_TERM, 1, FIX_RAM - 3), 0);
	assert_stop(f, VM_STOP_PANIC, "guest panicked: abc");
	assert_int_equal(fix_rtas(f, OS_TERM, 1, FIX_RAM), -3);
	assert_int_equal(fix_rtas(f, OS_TERM, 1, 0xffffffff), -3);
	assert_int_equal(f->vm->stop, VM_STOP_NONE);
	assert_int_equal(f->action, EXIT_RESUME);
}

/* Without a pointer, what is at address 0 is no text. */
static void panic_text_is_not_at_zero(void **state)
{
	struct rtas_fixture *f = *state;

	fix_write(f, 0, "vector", 7);
	assert_int_equal(fix_rtas(f, OS_TERM, 1, 0), 0);
	assert_stop(f, VM_STOP_PANIC, "guest panicked");
}

static void null_panic(struct rtas_fixture *f, uint64_t args, const char *want)
{
	static const uint32_t words[] = { OS_TERM, 1, 1, 0, FIX_GUARD };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		fix_write_word(f, args + 4 * i, words[i]);
	assert_int_equal(fix_h_rtas(f, args), H_SUCCESS);
	assert_int_equal(fix_read_word(f, args + 16), 0);
	assert_stop(f, VM_STOP_PANIC, want);
}

/* As Linux does it: no pointer, but the text is not far away. */
static void panic_text_is_found(void **state)
{
	static const char words[] = "OS panic: not syncing";
	static const char want[] = "guest panicked: not syncing";
	static const uint64_t args[] = { 0, 0x800, 0x20000, FIX_RAM - 20 };
	struct rtas_fixture *f = *state;
	uint8_t zeros[sizeof(words)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		null_panic(f, args[i], "guest panicked");
	/* Before it and behind it, across the pieces that are looked at. */
	for (int64_t off = -2100; off < 2100; off++) {
		if (off > -22 && off < 20)
			continue;
		uint64_t at = (uint64_t)(0x20000 + off);

		fix_write(f, at, words, sizeof(words));
		null_panic(f, 0x20000, want);
		fix_write(f, at, zeros, sizeof(zeros));
	}
	fix_write(f, 0x20000 - KIB(16), words, sizeof(words));
	null_panic(f, 0x20000, want);
	fix_write(f, 0x20000 - KIB(16), "x", 1);
	null_panic(f, 0x20000, "guest panicked");
	fix_write(f, 0x20000 + KIB(32), words, sizeof(words));
	null_panic(f, 0x20000, "guest panicked");
	fix_write(f, FIX_RAM - 2000, words, sizeof(words));
	null_panic(f, FIX_RAM - 20, want);
	fix_write(f, 100, words, sizeof(words));
	null_panic(f, 0x800, want);
}

/*
 * System parameters.
 */

static void assert_param(struct rtas_fixture *f, uint32_t number,
			 const void *want, size_t len)
{
	uint32_t size = (uint32_t)len + 2;
	uint8_t have[300], guard[300];

	memset(guard, 0x5a, sizeof(guard));
	/* Not even a part of it where it does not fit. */
	for (uint32_t n = 0; n < size; n++) {
		fix_write(f, FIX_BUF, guard, sizeof(guard));
		assert_int_equal(fix_rtas(f, GET_PARAM, 1, number, FIX_BUF, n),
				 -9999);
		fix_read(f, FIX_BUF, have, sizeof(have));
		assert_memory_equal(have, guard, sizeof(have));
	}
	for (uint32_t n = size; n != 0; n = n == size ? 0xffffffff : 0) {
		fix_write(f, FIX_BUF, guard, sizeof(guard));
		assert_int_equal(fix_rtas(f, GET_PARAM, 1, number, FIX_BUF, n),
				 0);
		fix_read(f, FIX_BUF, have, sizeof(have));
		assert_int_equal(be16_load(have), len);
		assert_memory_equal(have + 2, want, len);
		assert_memory_equal(have + size, guard, sizeof(have) - size);
	}
}

static void parameters_are_byte_exact(void **state)
{
	static const char splpar[] =
		"MaxEntCap=4,DesMem=1024,DesProcs=4,MaxPlatProcs=4";
	struct rtas_fixture *f = *state;
	struct vm_config *cfg = fake_vm_config(f->vm);

	cfg->mem = MIB(1024);
	assert_param(f, 20, splpar, sizeof(splpar));
	assert_param(f, 42, "", 1);
	assert_param(f, 55, "privet", 7);
}

static void long_names_are_cut(void **state)
{
	struct rtas_fixture *f = *state;
	struct vm_config *cfg = fake_vm_config(f->vm);
	char *name = malloc(1001);
	uint8_t have[600];

	assert_non_null(name);
	memset(name, 'n', 1000);
	name[1000] = '\0';
	free(cfg->name);
	cfg->name = name;
	assert_int_equal(fix_rtas(f, GET_PARAM, 1, 55, FIX_BUF, 4000), 0);
	fix_read(f, FIX_BUF, have, sizeof(have));
	assert_int_equal(be16_load(have), 512);
	assert_memory_equal(have + 2, name, 511);
	assert_int_equal(have[513], 0);
}

static void other_parameters_are_unknown(void **state)
{
	static const uint32_t unknown[] = {
		0, 1, 19, 21, 41, 43, 48, 56, 0x80000014, 0xffffffff
	};
	struct rtas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_int_equal(
			fix_rtas(f, GET_PARAM, 1, unknown[i], FIX_BUF, 4000),
			-3);
		assert_int_equal(fix_rtas(f, SET_PARAM, 1, unknown[i], FIX_BUF),
				 -3);
	}
	assert_int_equal(fix_rtas(f, SET_PARAM, 1, 20, FIX_BUF), -9002);
	assert_int_equal(fix_rtas(f, SET_PARAM, 1, 42, 0xffffffff), -9002);
}

static void parameters_stay_in_ram(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, GET_PARAM, 1, 42, FIX_RAM - 3, 3), 0);
	assert_int_equal(fix_rtas(f, GET_PARAM, 1, 42, FIX_RAM - 2, 3), -3);
	assert_int_equal(fix_rtas(f, GET_PARAM, 1, 42, FIX_RAM, 3), -3);
	assert_int_equal(fix_rtas(f, GET_PARAM, 1, 42, 0xfffffffe, 3), -3);
	assert_int_equal(fix_rtas(f, GET_PARAM, 1, 42, 0xffffffff, 0xffffffff),
			 -3);
}

/*
 * Small calls.
 */

static void firmware_is_humoured(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, BYPASS, 1, 0x71000001, 1), 0);
	assert_int_equal(fix_rtas(f, QUIESCE, 1), 0);
	assert_int_equal(f->vm->stop, VM_STOP_NONE);
}

/* There is no terminal in this machine. */
static void nothing_is_displayed_without_terminal(void **state)
{
	struct rtas_fixture *f = *state;
	uint32_t args[] = { 'x' };

	fix_put_call(f, DISPLAY, 1, 1, args);
	assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_PARAMETER);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 16), 0xfffffffd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(power_off_ends),
		T(reboot_is_cold),
		T(panic_has_a_text),
		T(panic_text_is_bounded),
		T(panic_text_ends_with_ram),
		T(panic_text_is_not_at_zero),
		T(panic_text_is_found),
		T(parameters_are_byte_exact),
		T(long_names_are_cut),
		T(other_parameters_are_unknown),
		T(parameters_stay_in_ram),
		T(firmware_is_humoured),
		T(nothing_is_displayed_without_terminal),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
