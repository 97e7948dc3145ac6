/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests with several threads: conditions that any thread may check, and
 * an alarm that says what was being waited for.
 *
 * What threads count here is relaxed: it must not order anything that the code
 * under test forgot to.
 */
#ifndef PRIVET_TESTS_RACE_WATCH_H
#define PRIVET_TESTS_RACE_WATCH_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCH_SECONDS 90

/* cmocka's assertions are for the thread that runs the test alone. */
#define must(cond)                                            \
	do {                                                  \
		if (!(cond))                                  \
			must_fail(__FILE__, __LINE__, #cond); \
	} while (0)

_Noreturn static inline void must_fail(const char *file, int line,
				       const char *cond)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, cond);
	abort();
}

static const char *_Atomic watched;

static inline void watch_alarm(int signal)
{
	const char *what = watched;

	(void)signal;
	if (write(STDERR_FILENO, "waited in vain for ", 19) < 0 ||
	    write(STDERR_FILENO, what, strlen(what)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(2);
	_exit(1);
}

/* From here on the test waits for @what; it has WATCH_SECONDS for that. */
static inline void watch(const char *what)
{
	const struct sigaction action = { .sa_handler = watch_alarm };

	watched = what;
	sigaction(SIGALRM, &action, NULL);
	alarm(WATCH_SECONDS);
}

static inline void watch_end(void)
{
	alarm(0);
}

static inline unsigned count_load(const unsigned *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static inline unsigned count_up(unsigned *count)
{
	return __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}

static inline pthread_t start_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, fn, arg) == 0);
	return thread;
}

static inline uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#endif
