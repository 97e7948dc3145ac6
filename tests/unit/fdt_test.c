/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree builder: encodings, latched errors, limits. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>
#include "vmm/fdt.h"

#define SIZE 4096

static int setup(void **state)
{
	struct fdt_builder *b = calloc(1, sizeof(*b));

	*state = b;
	return b ? fdt_builder_init(b, SIZE) : -1;
}

static int teardown(void **state)
{
	fdt_builder_free(*state);
	free(*state);
	return 0;
}

static const void *finish(struct fdt_builder *b)
{
	struct error err = { 0 };
	const void *blob = NULL;
	size_t len = 0;

	assert_int_equal(fdt_builder_finish(b, &blob, &len, &err), 0);
	assert_int_equal(len, fdt_totalsize(blob));
	assert_true(len <= b->size);
	assert_string_equal(err.text, "");
	return blob;
}

static void assert_fails(struct fdt_builder *b, int code, const char *word)
{
	struct error err = { 0 };
	const void *blob = NULL;
	size_t len = 0;

	assert_int_equal(fdt_builder_finish(b, &blob, &len, &err), code);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, word));
	assert_null(blob);
}

static void assert_prop(const void *blob, const char *path, const char *name,
			const void *bytes, int len)
{
	int node = fdt_path_offset(blob, path), got = -1;

	assert_true(node >= 0);
	const void *value = fdt_getprop(blob, node, name, &got);
	assert_int_equal(got, len);
	assert_non_null(value);
	if (len)
		assert_memory_equal(value, bytes, (size_t)len);
}

static void encodes_every_kind(void **state)
{
	struct fdt_builder *b = *state;
	static const char *const strings[] = { "a", "", "bc" };
	static const uint32_t cells[] = { 1, 0x80000000, 0xffffffff };

	fdt_begin(b, "%s", "");
	fdt_prop_empty(b, "empty");
	fdt_prop_u32(b, "u32", 0x11223344);
	fdt_prop_u64(b, "u64", 0x1122334455667788);
	fdt_prop_string(b, "string", "text");
	fdt_prop_strings(b, "strings", strings, 3);
	fdt_prop_strings(b, "no-strings", strings, 0);
	fdt_prop_bytes(b, "bytes", "\x01\x02\x03", 3);
	fdt_prop_bytes(b, "no-bytes", NULL, 0);
	fdt_prop_cells(b, "cells", cells, 3);
	fdt_begin(b, "memory@%x", 0x80000000U);
	fdt_prop_reg(b, 0x180000000, 0x12345678);
	fdt_end(b);
	fdt_end(b);
	const void *blob = finish(b);
	assert_prop(blob, "/", "empty", NULL, 0);
	assert_prop(blob, "/", "u32", "\x11\x22\x33\x44", 4);
	assert_prop(blob, "/", "u64", "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	assert_prop(blob, "/", "string", "text", 5);
	assert_prop(blob, "/", "strings", "a\0\0bc", 6);
	assert_prop(blob, "/", "no-strings", NULL, 0);
	assert_prop(blob, "/", "bytes", "\x01\x02\x03", 3);
	assert_prop(blob, "/", "no-bytes", NULL, 0);
	assert_prop(blob, "/", "cells", "\0\0\0\x01\x80\0\0\0\xff\xff\xff\xff",
		    12);
	assert_prop(blob, "/memory@80000000", "reg",
		    "\0\0\0\x01\x80\0\0\0\0\0\0\0\x12\x34\x56\x78", 16);
}

static void keeps_reservations(void **state)
{
	struct fdt_builder *b = *state;
	uint64_t addr = 0, size = 0;

	fdt_reserve(b, 0x80000000, 0x1000);
	fdt_reserve(b, UINT64_MAX - 0xfff, 0xfff);
	fdt_begin(b, "%s", "");
	fdt_end(b);
	const void *blob = finish(b);
	assert_int_equal(fdt_num_mem_rsv(blob), 2);
	assert_int_equal(fdt_get_mem_rsv(blob, 1, &addr, &size), 0);
	assert_int_equal(addr, UINT64_MAX - 0xfff);
	assert_int_equal(size, 0xfff);
}

static void late_reservation_fails(void **state)
{
	struct fdt_builder *b = *state;

	fdt_begin(b, "%s", "");
	fdt_reserve(b, 0, 1);
	fdt_end(b);
	assert_fails(b, -EINVAL, "device tree");
}

static void node_name_limit(void **state)
{
	struct fdt_builder *b = *state;

	fdt_begin(b, "%s", "");
	fdt_begin(b, "%063d", 1);
	fdt_end(b);
	assert_int_equal(b->error, 0);
	fdt_begin(b, "%064d", 1);
	assert_int_not_equal(b->error, 0);
	fdt_end(b);
	fdt_end(b);
	assert_fails(b, -EINVAL, "device tree");
}

static void open_node_fails(void **state)
{
	struct fdt_builder *b = *state;

	fdt_begin(b, "%s", "");
	fdt_begin(b, "child");
	fdt_end(b);
	assert_fails(b, -EINVAL, "device tree");
}

static void property_outside_fails(void **state)
{
	struct fdt_builder *b = *state;

	fdt_prop_u32(b, "early", 1);
	fdt_begin(b, "%s", "");
	fdt_end(b);
	assert_fails(b, -EINVAL, "device tree");
}

static void nothing_written_fails(void **state)
{
	assert_fails(*state, -EINVAL, "device tree");
}

/* The first failure sticks, whatever would fit afterwards. */
static void no_space_sticks(void **state)
{
	struct fdt_builder *b = *state;
	static const uint8_t big[SIZE];

	fdt_begin(b, "%s", "");
	fdt_prop_bytes(b, "big", big, sizeof(big));
	fdt_prop_u32(b, "small", 1);
	fdt_end(b);
	assert_fails(b, -ENOSPC, "4096");
}

static void huge_property_fails(void **state)
{
	struct fdt_builder *b = *state;

	fdt_begin(b, "%s", "");
	fdt_prop_bytes(b, "huge", "", (size_t)INT_MAX + 1);
	fdt_prop_cells(b, "cells", (const uint32_t[]){ 0 }, 0x80000000);
	assert_fails(b, -ENOSPC, "4096");
}

/* Every size fails cleanly or holds the whole tree. */
static void every_size(void **state)
{
	unsigned complete = 0;

	(void)state;
	for (size_t size = 0; size < 512; size++) {
		struct fdt_builder b;
		const void *blob;
		size_t len;

		assert_int_equal(fdt_builder_init(&b, size), 0);
		fdt_reserve(&b, 1, 2);
		fdt_begin(&b, "%s", "");
		fdt_prop_string(&b, "compatible", "test");
		fdt_begin(&b, "child@%d", 7);
		fdt_prop_reg(&b, 3, 4);
		fdt_end(&b);
		fdt_end(&b);
		if (fdt_builder_finish(&b, &blob, &len, NULL) == 0) {
			assert_prop(blob, "/", "compatible", "test", 5);
			complete++;
		} else {
			assert_int_equal(complete, 0);
		}
		fdt_builder_free(&b);
	}
	assert_true(complete > 0);
}

static void oversized_is_refused(void **state)
{
	struct fdt_builder b;

	(void)state;
	assert_int_equal(fdt_builder_init(&b, (size_t)INT_MAX + 1), -EINVAL);
	fdt_builder_free(&b);
}

#define BUILT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILT(encodes_every_kind),
		BUILT(keeps_reservations),
		BUILT(late_reservation_fails),
		BUILT(node_name_limit),
		BUILT(open_node_fails),
		BUILT(property_outside_fails),
		BUILT(nothing_written_fails),
		BUILT(no_space_sticks),
		BUILT(huge_property_fails),
		cmocka_unit_test(every_size),
		cmocka_unit_test(oversized_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
