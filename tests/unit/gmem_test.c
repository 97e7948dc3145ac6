/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: translation, copying, dirty pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>

#include "vmm/gmem.h"

#define BASE 0x80000000ULL
#define SIZE MIB(4)

static int setup(void **state)
{
	struct gmem *gmem = calloc(1, sizeof(*gmem));

	assert_non_null(gmem);
	assert_int_equal(gmem_add(gmem, BASE, SIZE, NULL), 0);
	*state = gmem;
	return 0;
}

static int teardown(void **state)
{
	gmem_destroy(*state);
	free(*state);
	return 0;
}

static void test_range_boundaries(void **state)
{
	struct gmem *gmem = *state;
	static const struct {
		uint64_t gpa, len;
		bool good;
	} cases[] = {
		{ BASE, 1, true },
		{ BASE, SIZE, true },
		{ BASE, SIZE + 1, false },
		{ BASE + SIZE - 1, 1, true },
		{ BASE + SIZE - 1, 2, false },
		{ BASE + SIZE, 1, false },
		{ BASE - 1, 1, false },
		{ BASE - 1, 2, false },
		{ BASE, 0, false },
		{ 0, 1, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT64_MAX, false },
		{ BASE, UINT64_MAX, false },
		{ BASE + 4096, UINT64_MAX - 4095, false },
		{ BASE - 4096, 8192, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		void *host = gmem_range(gmem, cases[i].gpa, cases[i].len);

		if ((host != NULL) != cases[i].good)
			fail_msg("case %zu", i);
		if (host != NULL)
			assert_ptr_equal(host, gmem->regions[0].host +
						       (cases[i].gpa - BASE));
	}
}

static void test_copy_is_all_or_nothing(void **state)
{
	struct gmem *gmem = *state;
	uint8_t out[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t in[8] = { 0 };

	assert_int_equal(gmem_write(gmem, BASE + SIZE - 8, out, 8), 0);
	assert_int_equal(gmem_read(gmem, BASE + SIZE - 8, in, 8), 0);
	assert_memory_equal(in, out, 8);

	memset(in, 0xaa, sizeof(in));
	assert_int_equal(gmem_read(gmem, BASE + SIZE - 4, in, 8), -EFAULT);
	assert_int_equal(in[0], 0xaa);
	memset(out, 0xbb, sizeof(out));
	assert_int_equal(gmem_write(gmem, BASE + SIZE - 4, out, 8), -EFAULT);
	assert_int_equal(gmem->regions[0].host[SIZE - 4], 5);
	/* Nothing to copy is always possible. */
	assert_int_equal(gmem_read(gmem, 0, in, 0), 0);
}

static void test_regions_are_checked(void **state)
{
	struct gmem *gmem = *state;
	struct error err;

	assert_int_equal(gmem_add(gmem, BASE + SIZE - 4096, 8192, &err),
			 -EEXIST);
	assert_non_null(strstr(err.text, "overlaps"));
	assert_int_equal(gmem_add(gmem, BASE - 4096, 8192, &err), -EEXIST);
	assert_int_equal(gmem_add(gmem, 0, 0, &err), -EINVAL);
	assert_int_equal(gmem_add(gmem, 1, 4096, &err), -EINVAL);
	assert_int_equal(gmem_add(gmem, 0, 4097, &err), -EINVAL);
	assert_int_equal(gmem_add(gmem, UINT64_MAX - 4095, 8192, &err),
			 -EINVAL);
	for (unsigned i = 1; i < GMEM_MAX_REGIONS; i++)
		assert_int_equal(gmem_add(gmem, i * KIB(64), KIB(64), &err), 0);
	assert_int_equal(gmem_add(gmem, 0x7000000, 65536, &err), -ENOSPC);
	assert_int_equal(gmem_total(gmem),
			 SIZE + (GMEM_MAX_REGIONS - 1) * KIB(64));
	/* Two regions are never one range, even side by side. */
	assert_null(gmem_range(gmem, KIB(128) - 1, 2));
	assert_non_null(gmem_range(gmem, KIB(128) - 1, 1));
}

static void test_writes_are_marked_dirty(void **state)
{
	struct gmem *gmem = *state;
	uint64_t bitmap[SIZE / GMEM_DIRTY_PAGE / 64];
	uint8_t two[2] = { 0 };

	/* Two bytes across the border of pages 63 and 64, and of two words. */
	assert_int_equal(gmem_write(gmem, BASE + KIB(64 * 4) - 1, two, 2), 0);
	gmem_take_dirty(gmem, 0, bitmap);
	assert_int_equal(bitmap[0], 1ULL << 63);
	assert_int_equal(bitmap[1], 1);
	for (size_t i = 2; i < ARRAY_SIZE(bitmap); i++)
		assert_int_equal(bitmap[i], 0);

	gmem_take_dirty(gmem, 0, bitmap);
	assert_int_equal(bitmap[0], 0);

	/* The last byte of RAM, and addresses that are none. */
	gmem_mark_dirty(gmem, gmem->regions[0].host + SIZE - 1, 1);
	gmem_mark_dirty(gmem, gmem->regions[0].host + SIZE - 1, 2);
	gmem_mark_dirty(gmem, two, 2);
	gmem_mark_dirty(gmem, gmem->regions[0].host, 0);
	gmem_take_dirty(gmem, 0, bitmap);
	assert_int_equal(bitmap[0], 0);
	assert_int_equal(bitmap[ARRAY_SIZE(bitmap) - 1], 1ULL << 63);
}

static void test_clear_gives_zeros(void **state)
{
	struct gmem *gmem = *state;
	uint64_t value = 0x1234, bitmap[SIZE / GMEM_DIRTY_PAGE / 64];

	assert_int_equal(gmem_write(gmem, BASE + 4096, &value, 8), 0);
	assert_int_equal(gmem_clear(gmem), 0);
	assert_int_equal(gmem_read(gmem, BASE + 4096, &value, 8), 0);
	assert_int_equal(value, 0);
	gmem_take_dirty(gmem, 0, bitmap);
	assert_int_equal(bitmap[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_range_boundaries, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_copy_is_all_or_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_regions_are_checked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_writes_are_marked_dirty,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_clear_gives_zeros, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
