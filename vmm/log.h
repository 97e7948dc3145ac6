/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a running monitor, one line each, on stderr.
 *
 * A line that a guest can provoke goes through log_guest() with a limiter, so
 * that no guest can flood the log.
 */
#ifndef PRIVET_VMM_LOG_H
#define PRIVET_VMM_LOG_H

#include <pthread.h>
#include "vmm/util.h"

enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG,
};

/**
 * struct log - Where messages go
 * @fd: file descriptor written to; not owned
 * @level: messages above this level are dropped
 * @name: prefix of every line, "privet" or the VM's name; owned by the caller
 * @crlf: lines end in CR LF, because the terminal is in raw mode; atomic
 */
struct log {
	int fd;
	enum log_level level;
	const char *name;
	bool crlf;
};

/**
 * struct log_limit - Bounds the lines that one source may write
 *
 * Zero-initialised is ready for use: LOG_LIMIT_BURST lines, and one more for
 * every LOG_LIMIT_PERIOD_MS after that. The count of dropped lines is added to
 * the next line that passes. Thread-safe.
 */
struct log_limit {
	uint32_t used;
	uint32_t dropped;
	uint64_t last_ms;
};

#define LOG_LIMIT_BURST     8
#define LOG_LIMIT_PERIOD_MS 10000

/**
 * log_write() - Write one line
 * @log: where to; NULL drops the line
 * @level: its level
 * @fmt: text without newline
 *
 * Context: any thread, no lock needed; one write() per line.
 */
void log_write(struct log *log, enum log_level level, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/** log_guest() - log_write() for lines that a guest can provoke */
void log_guest(struct log *log, struct log_limit *limit, enum log_level level,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);

#define log_error(log, ...)   log_write(log, LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...)    log_write(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_write(log, LOG_DEBUG, __VA_ARGS__)

#endif
