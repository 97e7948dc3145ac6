/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is around the code: locks, which are only counted, and messages, which
 * are only dropped.
 */
#ifndef PRIVET_TESTS_PROVE_ENV_H
#define PRIVET_TESTS_PROVE_ENV_H

#include <pthread.h>
#include "tests/prove/prove.h"
#include "vmm/error.h"
#include "vmm/log.h"

static int locks_held;

int pthread_mutex_lock(pthread_mutex_t *lock)
{
	prove(lock != NULL);
	locks_held++;
	return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *lock)
{
	prove(lock != NULL);
	prove(locks_held > 0);
	locks_held--;
	return 0;
}

void log_write(struct log *log, enum log_level level, const char *fmt, ...)
{
	(void)log;
	(void)level;
	(void)fmt;
}

void log_guest(struct log *log, struct log_limit *limit, enum log_level level,
	       const char *fmt, ...)
{
	(void)log;
	(void)limit;
	(void)level;
	(void)fmt;
}

int error_set(struct error *err, int code, enum exit_status status,
	      const char *fmt, ...)
{
	(void)err;
	(void)status;
	(void)fmt;
	return code;
}

#endif
