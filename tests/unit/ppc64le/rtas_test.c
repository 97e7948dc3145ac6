/* SPDX-License-Identifier: Apache-2.0 */
/* The RTAS dispatcher: buffers as guests pass them, good and bad. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <libfdt.h>

/* Calls of this file's own, in the place of the host bridge's. */
#define TOKEN_ECHO   0x9000U
#define TOKEN_OPEN   0x9001U
#define TOKEN_GONE   0x9002U
#define TOKEN_RACE   0x9003U
#define TOKEN_BLIND  0x9004U
#define TOKEN_HIDDEN 0x9005U

/* All arguments come back, one more each, behind the status. */
static int32_t echo(struct rtas_call *rc)
{
	for (unsigned i = 0; i < RTAS_MAX_ARGS; i++)
		rc->rets[i] = i < rc->nargs ? rc->args[i] + 1 : 0xeeeeeeee;
	return 7;
}

static int32_t go_offline(struct rtas_call *rc)
{
	rc->action = EXIT_OFFLINE;
	return RTAS_SUCCESS;
}

/* Another vCPU writes to the buffer while the call is under way. */
static int32_t race(struct rtas_call *rc)
{
	uint8_t wild[12];

	memset(wild, 0xff, sizeof(wild));
	assert_int_equal(
		gmem_write(&rc->vcpu->vm->gmem, FIX_ARGS, wild, sizeof(wild)),
		0);
	assert_int_equal(rc->nargs, 1);
	assert_int_equal(rc->nret, 2);
	rc->rets[0] = rc->args[0];
	return RTAS_SUCCESS;
}

static bool never(const struct vm *vm)
{
	(void)vm;
	return false;
}

const struct rtas_entry rtas_pci_calls[] = {
	{ TOKEN_ECHO, "echo", 0, 16, 1, 16, echo, NULL },
	{ TOKEN_OPEN, "open", 2, 4, 1, 0, echo, NULL },
	{ TOKEN_GONE, "gone", 0, 0, 0, 1, go_offline, NULL },
	{ TOKEN_RACE, "race", 1, 0, 2, 0, race, NULL },
	{ TOKEN_BLIND, "blind", 3, 0, 0, 0, echo, NULL },
	{ TOKEN_HIDDEN, "hidden", 0, 0, 1, 0, echo, never },
	{ .name = NULL },
};

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

static void blob_is_as_guests_expect(void **state)
{
	static const uint32_t words[] = { 0x7c641b78, 0x3c600000, 0x6063f000,
					  0x44000022, 0x4e800020 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(be32_load(rtas_blob + 4 * i), words[i]);
	assert_int_equal(RTAS_BLOB_SIZE, sizeof(words));
}

static void buffer_is_byte_exact(void **state)
{
	static const uint8_t before[] = {
		0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00,
		0x00, 0x04, 0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xff,
		0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
		0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
	};
	static const uint8_t after[] = {
		0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00,
		0x00, 0x04, 0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xff,
		0x00, 0x00, 0x00, 0x07, 0x01, 0x02, 0x03, 0x05, 0x00, 0x00,
		0x00, 0x00, 0xee, 0xee, 0xee, 0xee, 0x55, 0x55, 0x55, 0x55,
	};
	struct rtas_fixture *f = *state;
	uint8_t have[sizeof(after)];

	fix_write(f, FIX_ARGS, before, sizeof(before));
	assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_SUCCESS);
	fix_read(f, FIX_ARGS, have, sizeof(have));
	assert_memory_equal(have, after, sizeof(after));
	/* The guest's other registers stay. */
	assert_int_equal(f->call.args[0], FIX_ARGS);
	assert_int_equal(f->call.args[1], 2);
	assert_int_equal(f->call.args[8], 9);
	assert_int_equal(f->action, EXIT_RESUME);
}

static void negative_status_is_a_word(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, TOKEN_OPEN, 1), -3);
	assert_int_equal(f->rets[0], 0xfffffffd);
}

static void counts_have_limits(void **state)
{
	struct rtas_fixture *f = *state;
	uint32_t args[17] = { 1, 2, 3 };

	/* At most 16 of each, whatever the call takes. */
	assert_int_equal(fix_rtas_array(f, TOKEN_ECHO, 16, 16, args), 7);
	assert_int_equal(f->rets[1], 2);
	assert_int_equal(f->rets[15], 1);
	assert_int_equal(fix_rtas_array(f, TOKEN_ECHO, 0, 1, args), 7);

	static const uint32_t bad[][2] = {
		{ 17, 1 },         { 0, 17 },
		{ 0xffffffff, 1 }, { 1, 0xffffffff },
		{ 0x40000000, 1 }, { 0x80000000, 0x80000000 },
		{ 0xfffffffd, 3 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fix_put_call(f, TOKEN_ECHO, 2, 2, args);
		fix_write_word(f, FIX_ARGS + 4, bad[i][0]);
		fix_write_word(f, FIX_ARGS + 8, bad[i][1]);
		assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_PARAMETER);
		for (unsigned n = 2; n < 33; n++)
			assert_int_equal(
				fix_read_word(f, FIX_ARGS + 12 + 4 * n),
				FIX_GUARD);
	}
}

static void wrong_counts_are_parameter_errors(void **state)
{
	struct rtas_fixture *f = *state;
	uint32_t args[16] = { 0 };

	for (uint32_t nargs = 0; nargs <= 16; nargs++) {
		for (uint32_t nret = 0; nret <= 3; nret++) {
			bool fits = nargs >= 2 && nargs <= 4 && nret == 1;
			int32_t want = fits ? 7 : nret == 0 ? 0 : -3;

			assert_int_equal(fix_rtas_array(f, TOKEN_OPEN, nargs,
							nret, args),
					 want);
			if (nret > 1)
				assert_int_equal(f->rets[1], 0);
		}
	}
	/* A call without return values writes none. */
	assert_int_equal(fix_rtas(f, TOKEN_BLIND, 0, 1, 2, 3), 0);
	assert_int_equal(fix_rtas(f, TOKEN_BLIND, 1, 1, 2, 3), -3);
}

static void unknown_tokens_are_refused(void **state)
{
	static const uint32_t tokens[] = { 0,      1,          0x0a,
					   0x1fff, 0x2020,     TOKEN_HIDDEN,
					   0x9006, 0xffffffff, 0x20000000 };
	struct rtas_fixture *f = *state;
	uint32_t args[2] = { 1, 2 };

	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		fix_put_call(f, tokens[i], 2, 2, args);
		assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_PARAMETER);
		assert_int_equal(fix_read_word(f, FIX_ARGS + 20), 0xfffffffd);
		assert_int_equal(fix_read_word(f, FIX_ARGS + 24), 0);
		assert_int_equal(fix_read_word(f, FIX_ARGS + 28), FIX_GUARD);
		/* Where there is no room for a status, there is none. */
		fix_put_call(f, tokens[i], 2, 0, args);
		assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_PARAMETER);
		assert_int_equal(fix_read_word(f, FIX_ARGS + 20), FIX_GUARD);
	}
}

static void unknown_tokens_cannot_flood_the_log(void **state)
{
	struct rtas_fixture *f = *state;

	for (uint32_t i = 0; i < 10000; i++) {
		fix_put_call(f, 0xa000 + i, 0, 1, NULL);
		assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_PARAMETER);
	}
	assert_true(strlen(fake_vm_log(f->vm)) < 4096);
}

static void wild_pointers_are_refused(void **state)
{
	static const uint64_t wild[] = {
		1,
		2,
		FIX_ARGS + 1,
		FIX_ARGS + 2,
		FIX_ARGS + 3,
		FIX_RAM,
		FIX_RAM - 4,
		FIX_RAM - 8,
		0xfffffffc,
		0xffffffff,
		UINT64_C(0x100000000),
		UINT64_C(0x100000000) + FIX_ARGS,
		UINT64_C(0x8000000000000000) + FIX_ARGS,
		UINT64_C(0xc000000000000000) + FIX_ARGS,
		UINT64_MAX,
		UINT64_MAX - 3,
		UINT64_MAX - 11,
		UINT64_C(0x200100100000),
	};
	struct rtas_fixture *f = *state;

	fix_put_call(f, TOKEN_ECHO, 0, 1, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		assert_int_equal(fix_h_rtas(f, wild[i]), H_PARAMETER);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 12), FIX_GUARD);
}

/* Also where a call would make sense if it were looked at. */
static void buffers_are_aligned_and_below_4_gib(void **state)
{
	static const uint32_t words[] = { TOKEN_ECHO, 1, 1, 41, 0 };
	static const struct {
		uint64_t at;
		int64_t want;
	} cases[] = {
		{ FIX_ARGS + 4, H_SUCCESS },
		{ FIX_ARGS + 1, H_PARAMETER },
		{ FIX_ARGS + 2, H_PARAMETER },
		{ GIB(4) - sizeof(words), H_SUCCESS },
		{ GIB(4) - sizeof(words) + 4, H_PARAMETER },
		{ GIB(4), H_PARAMETER },
	};
	struct rtas_fixture *f = *state;
	struct error err = { 0 };

	assert_int_equal(
		gmem_add(&f->vm->gmem, GIB(4) - KIB(64), KIB(128), &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			fix_write_word(f, cases[i].at + 4 * k, words[k]);
		assert_int_equal(fix_h_rtas(f, cases[i].at), cases[i].want);
		assert_int_equal(fix_read_word(f, cases[i].at + 16),
				 cases[i].want == H_SUCCESS ? 7 : 0);
	}
}

/* The buffer may end with RAM, and no later. */
static void buffer_ends_within_ram(void **state)
{
	static const uint32_t words[] = { TOKEN_ECHO, 1, 2, 41, 0, 0 };
	struct rtas_fixture *f = *state;

	for (unsigned over = 0; over <= 3; over++) {
		uint64_t at = FIX_RAM - sizeof(words) + 4 * over;

		for (unsigned i = 0; i < 6 - over; i++)
			fix_write_word(f, at + 4 * i, words[i]);
		assert_int_equal(fix_h_rtas(f, at),
				 over == 0 ? H_SUCCESS : H_PARAMETER);
		if (over == 0)
			assert_int_equal(fix_read_word(f, FIX_RAM - 4), 42);
	}
}

static void header_is_read_once(void **state)
{
	struct rtas_fixture *f = *state;
	uint32_t args[1] = { 0x12345678 };

	fix_put_call(f, TOKEN_RACE, 1, 2, args);
	assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_SUCCESS);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 8), 0xffffffff);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 16), 0);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 20), 0x12345678);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 24), FIX_GUARD);
}

static void who_goes_offline_gets_no_answer(void **state)
{
	struct rtas_fixture *f = *state;

	fix_put_call(f, TOKEN_GONE, 0, 1, NULL);
	assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_SUCCESS);
	assert_int_equal(f->action, EXIT_OFFLINE);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 12), FIX_GUARD);
}

static void what_is_written_is_dirty(void **state)
{
	struct rtas_fixture *f = *state;
	uint64_t bitmap[FIX_RAM / GMEM_DIRTY_PAGE / 64];

	fix_put_call(f, TOKEN_ECHO, 0, 1, NULL);
	gmem_take_dirty(&f->vm->gmem, 0, bitmap);
	assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_SUCCESS);
	gmem_take_dirty(&f->vm->gmem, 0, bitmap);
	assert_int_equal(bitmap[0], 1 << (FIX_ARGS / GMEM_DIRTY_PAGE));
}

/*
 * The tables: only what is not this file's own.
 */

static const struct rtas_entry *const groups[] = {
	rtas_cpu_calls,  rtas_system_calls, rtas_clock_calls,
	rtas_xics_calls, rtas_event_calls,  rtas_nvram_calls,
};

static void tables_are_sound(void **state)
{
	bool seen[0x20] = { false };

	(void)state;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct rtas_entry *e = groups[g]; e->name; e++) {
			assert_in_range(e->token, 0x2000, 0x201f);
			assert_false(seen[e->token - 0x2000]);
			seen[e->token - 0x2000] = true;
			assert_non_null(e->fn);
			assert_true(e->nargs <= RTAS_MAX_ARGS);
			assert_true(e->max_nargs <= RTAS_MAX_ARGS);
			assert_true(e->nret <= RTAS_MAX_ARGS);
			assert_true(e->max_nret <= RTAS_MAX_ARGS);
		}
	}
}

/* Without its devices the machine has no calls of theirs. */
static void tokens_are_in_the_tree(void **state)
{
	struct rtas_fixture *f = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	rtas_fdt_tokens(f->vm, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	const uint8_t *p = fdt_getprop(blob, 0, "start-cpu", &len);
	assert_int_equal(len, 4);
	assert_int_equal(be32_load(p), 0x2006);
	p = fdt_getprop(blob, 0, "ibm,os-term", &len);
	assert_int_equal(len, 4);
	assert_int_equal(be32_load(p), 0x201f);
	assert_null(fdt_getprop(blob, 0, "hidden", &len));
	assert_null(fdt_getprop(blob, 0, "nvram-fetch", &len));
	assert_null(fdt_getprop(blob, 0, "get-time-of-day", &len));
	assert_null(fdt_getprop(blob, 0, "check-exception", &len));
	assert_null(fdt_getprop(blob, 0, "display-character", &len));
	fdt_builder_free(&b);
	assert_null(rtas_find(f->vm, RTAS_NVRAM_FETCH));
	assert_non_null(rtas_find(f->vm, RTAS_POWER_OFF));
	assert_null(rtas_find(f->vm, TOKEN_HIDDEN));
}

static void random_buffers_do_no_harm(void **state)
{
	struct rtas_fixture *f = *state;
	uint64_t x = 0x9e3779b97f4a7c15;

	for (int i = 0; i < 50000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		fix_write_word(f, FIX_ARGS, TOKEN_ECHO + (x >> 60 & 1));
		fix_write_word(f, FIX_ARGS + 4, x >> 8 & 0x1f);
		fix_write_word(f, FIX_ARGS + 8, x >> 16 & 0x1f);
		fix_h_rtas(f, (x & 1) != 0 ? FIX_ARGS : x >> 4);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(blob_is_as_guests_expect),
		T(buffer_is_byte_exact),
		T(negative_status_is_a_word),
		T(counts_have_limits),
		T(wrong_counts_are_parameter_errors),
		T(unknown_tokens_are_refused),
		T(unknown_tokens_cannot_flood_the_log),
		T(wild_pointers_are_refused),
		T(buffers_are_aligned_and_below_4_gib),
		T(buffer_ends_within_ram),
		T(header_is_read_once),
		T(who_goes_offline_gets_no_answer),
		T(what_is_written_is_dirty),
		T(tables_are_sound),
		T(tokens_are_in_the_tree),
		T(random_buffers_do_no_harm),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
