/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: form, levels, limits, hostile bytes, readers that stall. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <termios.h>

#include "vmm/log.h"

/* More than a pipe holds. */
static char text[MIB(2)];

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

/*
 * Readers that stall. A line that waits for one is a failure by SIGALRM.
 */

/* Fills what @fd writes to; it blocks afterwards, as it did before. */
static size_t fill(int fd)
{
	static const char dots[256] = { [0 ... 254] = '.', '\n' };
	int flags = fcntl(fd, F_GETFL);
	size_t filled = 0;
	ssize_t n;

	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	while ((n = write(fd, dots, sizeof(dots))) > 0)
		filled += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
	return filled;
}

static struct log stalled_log(int fd)
{
	return (struct log){
		.fd = fd, .level = LOG_WARNING, .name = "vm", .live = true
	};
}

/* Everything up to now; the writer's end stays open. */
static const char *drain(int fd)
{
	size_t len = 0;
	ssize_t n;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void test_nobody_reads(void **state)
{
	int fds[2];

	(void)state;
	alarm(60);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	struct log log = stalled_log(fds[1]);
	struct log_limit limit = { 0 };

	fill(fds[1]);
	log_error(&log, "one");
	log_warning(&log, "two");
	log_guest(&log, &limit, LOG_ERROR, "three");
	log_info(&log, "below the level: not lost");
	const char *last = strrchr(drain(fds[0]), '.');
	assert_non_null(last);
	assert_string_equal(last, ".\n");

	log_error(&log, "four");
	log_error(&log, "five");
	assert_string_equal(drain(fds[0]),
			    "vm: warning: the reader of these lines was slow: "
			    "3 were dropped\n"
			    "vm: error: four\n"
			    "vm: error: five\n");
	close(fds[0]);
	close(fds[1]);
	alarm(0);
}

/* "vm: error: " and 700 times an x; other lines are those of fill(). */
#define LONG_LINE (11 + 700)

static unsigned count_lines(unsigned *torn)
{
	unsigned whole = 0;

	for (char *at = text; (at = strstr(at, "vm: error: x")) != NULL;) {
		size_t len = strcspn(at, "\r\n");

		assert_true(len <= LONG_LINE);
		assert_int_equal(strspn(at + 11, "x"), len - 11);
		*torn += len != LONG_LINE;
		whole += len == LONG_LINE;
		at += len;
	}
	return whole;
}

/* Until a line gets out; what is on its way then arrives some time later. */
static void read_until_next(int reader, struct log *log)
{
	size_t len = 0;

	for (bool sent = false; !sent || !strstr(text, "error: next\n");) {
		ssize_t n = read(reader, text + len, sizeof(text) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
		if (!sent)
			log_error(log, "next");
		sent |= log->lost == 0;
	}
}

static void discard(int reader, size_t len)
{
	while (len > 0) {
		ssize_t n = read(reader, text, len);

		assert_true(n > 0);
		len -= (size_t)n;
	}
}

/* A little room, which the reader does not make larger for a while. */
static void write_long_lines(int reader, int writer, size_t room)
{
	struct log log = stalled_log(writer);
	char big[701];
	unsigned torn = 0;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	fill(writer);
	discard(reader, room);
	for (unsigned i = 0; i < 20; i++)
		log_error(&log, "%s", big);

	unsigned lost = log.lost;
	assert_true(lost > 0 && lost <= 20);
	read_until_next(reader, &log);
	assert_int_equal(count_lines(&torn) + lost, 20);
	assert_true(torn <= 1);

	/* What follows a torn line is a line of its own. */
	const char *told = strstr(text, "vm: warning: the reader");
	assert_non_null(told);
	assert_true(told[-1] == '\n' || (torn == 0 && told[-1] == '.'));
}

static void test_little_room_in_pipe(void **state)
{
	int fds[2];

	(void)state;
	alarm(60);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	write_long_lines(fds[0], fds[1], 4096);
	close(fds[0]);
	close(fds[1]);
	alarm(0);
}

static void test_little_room_in_terminal(void **state)
{
	struct termios raw;

	(void)state;
	alarm(60);
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	int fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(tcgetattr(fd, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(fd, TCSANOW, &raw), 0);
	write_long_lines(master, fd, 4096);
	close(fd);
	close(master);
	alarm(0);
}

static void *read_all(void *arg)
{
	char byte, last = 0;

	while (read(*(int *)arg, &byte, 1) == 1)
		last = byte == '\n' ? last : byte;
	return (void *)(uintptr_t)last;
}

/* Without a guest a reader that is only slow gets the line. */
static void test_end_waits(void **state)
{
	pthread_t thread;
	void *last;
	int fds[2];

	(void)state;
	alarm(60);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	struct log log = stalled_log(fds[1]);

	fill(fds[1]);
	log_set_live(&log, false);
	/* Nobody comes: it ends all the same. */
	log_error(&log, "lost");
	assert_int_equal(log.lost, 1);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &fds[0]), 0);
	log_error(&log, "the reason: Z");
	assert_int_equal(log.lost, 0);
	close(fds[1]);
	assert_int_equal(pthread_join(thread, &last), 0);
	assert_int_equal((uintptr_t)last, 'Z');
	close(fds[0]);
	log_set_live(NULL, true);
	alarm(0);
}

#define NR_WRITERS      4
#define LINES_OF_WRITER 100

static void *write_lines(void *arg)
{
	for (unsigned i = 0; i < LINES_OF_WRITER; i++)
		log_error(arg, "line %u", i);
	return NULL;
}

/* A page of room that several threads find at the same time. */
static void test_many_writers(void **state)
{
	pthread_t threads[NR_WRITERS];
	char gone[4096];
	int fds[2];

	(void)state;
	alarm(60);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	struct log log = stalled_log(fds[1]);

	fill(fds[1]);
	assert_int_equal(read(fds[0], gone, sizeof(gone)), sizeof(gone));
	for (unsigned i = 0; i < NR_WRITERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, write_lines, &log),
			0);
	for (unsigned i = 0; i < NR_WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	unsigned lines = 0;
	for (const char *p = drain(fds[0]); (p = strstr(p, "vm: ")); p++)
		lines++;
	assert_int_equal(lines + log.lost, NR_WRITERS * LINES_OF_WRITER);
	assert_true(lines > 0 && log.lost > 0);
	close(fds[0]);
	close(fds[1]);
	alarm(0);
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
		cmocka_unit_test(test_nobody_reads),
		cmocka_unit_test(test_little_room_in_pipe),
		cmocka_unit_test(test_little_room_in_terminal),
		cmocka_unit_test(test_end_waits),
		cmocka_unit_test(test_many_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
