/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler makes of checks of errors. gcc 12 merges comparisons with
 * certain constants and loses that with zero: every number that is no error
 * passes for one. The Makefile switches off what does so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Both orders have been seen to go wrong. */
__attribute__((noinline)) static int other_error(int ret)
{
	if (ret < 0 && ret != -38 && ret != -95 && ret != -22 && ret != -1 &&
	    ret != -13)
		return ret * 2 + 1;
	return 0;
}

__attribute__((noinline)) static int another_error(int ret)
{
	if (ret < 0 && ret != -1 && ret != -6 && ret != -11 && ret != -13)
		return ret * 2 + 1;
	return 0;
}

static void errors_are_below_zero(void **state)
{
	(void)state;
	for (volatile int ret = 0; ret < 100; ret++) {
		assert_int_equal(other_error(ret), 0);
		assert_int_equal(another_error(ret), 0);
	}
	assert_int_equal(other_error(-13), 0);
	assert_int_equal(other_error(-12), -23);
	assert_int_equal(another_error(-6), 0);
	assert_int_equal(another_error(-12), -23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_below_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
