/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that cannot run everywhere: skipped with the reason, never silently. */
#ifndef PRIVET_TESTS_SKIP_H
#define PRIVET_TESTS_SKIP_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <cmocka.h>

/** skip_because() - Skip the current test; tests/check shows @why */
static inline void skip_because(const char *why)
{
	print_message("# skipped: %s\n", why);
	skip();
}

static inline void skipped_test(void **state)
{
	skip_because(*state);
}

/** skip_all() - What main() returns where none of its tests can run */
static inline int skip_all(const char *why)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(skipped_test, (void *)(uintptr_t)why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/**
 * need_subreaper() - Orphaned grandchildren become this process's children,
 * or the test is skipped: qemu-user does not know the call
 */
static inline void need_subreaper(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		return;
	assert_int_equal(errno, EINVAL);
	skip_because("no PR_SET_CHILD_SUBREAPER here (qemu-user)");
}

#endif
