/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: form, levels, limits, hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <sys/mman.h>

#include "vmm/log.h"

static char text[16384];

static const char *logged(const struct log *log)
{
	ssize_t n = pread(log->fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static int setup(void **state)
{
	struct log *log = calloc(1, sizeof(*log));

	assert_non_null(log);
	log->fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(log->fd >= 0);
	log->name = "vm";
	log->level = LOG_WARNING;
	*state = log;
	return 0;
}

static int teardown(void **state)
{
	close(((struct log *)*state)->fd);
	free(*state);
	return 0;
}

static void test_levels_and_form(void **state)
{
	struct log *log = *state;

	log_error(log, "bad %d", 7);
	log_warning(log, "so-so");
	log_info(log, "dropped");
	log->crlf = true;
	log_error(log, "raw");
	log_error(NULL, "nowhere");
	assert_string_equal(logged(log), "vm: error: bad 7\n"
					 "vm: warning: so-so\n"
					 "vm: error: raw\r\n");
}

static void test_control_bytes_do_not_pass(void **state)
{
	struct log *log = *state;

	log_error(log, "a\033[2Jb\nc\x7f");
	assert_string_equal(logged(log), "vm: error: a?[2Jb?c?\n");
}

static void test_long_lines_are_cut(void **state)
{
	struct log *log = *state;
	char big[4096];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	log_error(log, "%s", big);

	size_t len = strlen(logged(log));
	assert_true(len > 512 && len < 1024);
	assert_int_equal(text[len - 1], '\n');
}

static void test_guest_cannot_flood(void **state)
{
	struct log *log = *state;
	struct log_limit limit = { 0 };

	for (int i = 0; i < 100000; i++)
		log_guest(log, &limit, LOG_ERROR, "line %d", i);

	unsigned lines = 0;
	for (const char *p = logged(log); *p != '\0'; p++)
		lines += *p == '\n';
	assert_in_range(lines, LOG_LIMIT_BURST, LOG_LIMIT_BURST + 2);
	assert_true(limit.dropped >= 99900);

	/* Below the level nothing is counted. */
	struct log_limit quiet = { 0 };
	log_guest(log, &quiet, LOG_DEBUG, "no");
	assert_int_equal(quiet.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels_and_form, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_control_bytes_do_not_pass,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines_are_cut, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_guest_cannot_flood, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
