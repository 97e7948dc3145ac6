/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that a process was started with: which of them stay. Each case
 * runs in a process of its own, which has no others left.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/config.h"
#include "vmm/fds.h"
#include "vmm/util.h"

#define MAX_FD 40

static const char *const command_line[] = {
	"-k",     "fd=7",
	"-i",     "fd=4",
	"--port", "org.privet.a,fd=12",
	"--port", "org.privet.b,file=/dev/fd/13",
	"--disk", "fd=30",
	"--disk", "/proc/self/fd/17,ro",
	"-p",     "fd=20 /fd/ /fd/x /fd/99999999999999999999",
	NULL,
};

/* Return: how the descriptors are, one character for each from @first on. */
static const char *look(int first)
{
	static char text[MAX_FD + 1];

	for (int fd = first; fd < MAX_FD; fd++)
		text[fd - first] = fcntl(fd, F_GETFD) < 0 ? '.' : '#';
	text[MAX_FD - first] = '\0';
	return text;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Whether exactly those of @wanted, which ends with 0, are open above 2. */
static bool just_open(const int *wanted)
{
	bool good = true;

	for (int fd = 3; fd < MAX_FD; fd++) {
		bool named = false;

		for (unsigned i = 0; wanted[i] != 0; i++)
			named |= wanted[i] == fd;
		good &= is_open(fd) == named;
	}
	if (!good)
		fprintf(stderr, "# from 3 on: %s\n", look(3));
	return good && is_open(0) && is_open(1) && is_open(2);
}

static void run_case(bool (*fn)(const struct vm_config *cfg))
{
	struct vm_config cfg;
	struct error err = { 0 };
	int status = 0;

	assert_int_equal(config_init(&cfg), 0);
	assert_int_equal(config_parse(&cfg, (int)ARRAY_SIZE(command_line) - 1,
				      (char **)(uintptr_t)command_line, &err),
			 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int fd = 3; fd < MAX_FD; fd++)
			dup2(2, fd);
		_exit(fn(&cfg) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	config_free(&cfg);
}

static bool close_unnamed(const struct vm_config *cfg)
{
	static const int wanted[] = { 4, 7, 12, 13, 17, 30, 0 };

	fds_close_unnamed(cfg, (char **)(uintptr_t)command_line, NULL);
	return just_open(wanted);
}

static bool close_copied(const struct vm_config *cfg)
{
	static const int wanted[] = { 13, 17, 0 };

	fds_close_unnamed(cfg, (char **)(uintptr_t)command_line, NULL);
	fds_close_copied(cfg);
	return just_open(wanted);
}

static bool find_missing(const struct vm_config *cfg)
{
	struct error err = { 0 };

	close(12);
	return fds_close_unnamed(cfg, (char **)(uintptr_t)command_line, &err) ==
		       -EBADF &&
	       err.status == EXIT_STATUS_USAGE &&
	       strstr(err.text, "fd=12") != NULL && is_open(20);
}

static bool close_from(const struct vm_config *cfg)
{
	static const int wanted[] = { 3, 4, 0 };

	(void)cfg;
	fds_close_from(5);
	return just_open(wanted);
}

static void closes_what_nobody_names(void **state)
{
	(void)state;
	run_case(close_unnamed);
}

static void closes_what_was_copied(void **state)
{
	(void)state;
	run_case(close_copied);
}

static void misses_what_is_not_open(void **state)
{
	(void)state;
	run_case(find_missing);
}

static void closes_the_rest(void **state)
{
	(void)state;
	run_case(close_from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_what_nobody_names),
		cmocka_unit_test(closes_what_was_copied),
		cmocka_unit_test(misses_what_is_not_open),
		cmocka_unit_test(closes_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
