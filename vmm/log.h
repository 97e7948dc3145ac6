/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a running monitor, one line each, on stderr.
 *
 * A line that a guest can provoke goes through log_guest() with a limiter, so
 * that no guest can flood the log.
 *
 * Nobody has to read the log: while the guest runs, a line that cannot be
 * written at once is dropped and counted, and the next one that can be written
 * follows the count. Before and after that, when the lines say why there is no
 * guest, each write() waits for the reader, for a second at most. Another
 * process that fills the same pipe or terminal between poll() and write() can
 * still make a line wait.
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
 *
 * Zero-initialised but for what the user chose is ready for use.
 *
 * @fd: file descriptor written to; not owned
 * @level: messages above this level are dropped
 * @name: prefix of every line, "privet" or the VM's name; owned by the caller
 * @crlf: lines end in CR LF, because the terminal is in raw mode; atomic
 * @live: a guest runs: no line waits for the reader; atomic
 * @lock: guards what follows it, and the room that poll() has found
 * @lost: lines that were dropped, and of which nobody was told yet
 * @torn: the end of the line before did not get out
 */
struct log {
	int fd;
	enum log_level level;
	const char *name;
	bool crlf;
	bool live;

	pthread_mutex_t lock;
	uint32_t lost;
	bool torn;
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
 * Context: any thread, no lock needed; one write() per line of up to 255 bytes.
 */
void log_write(struct log *log, enum log_level level, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/** log_set_live() - Whether a guest runs, and lines must not wait; any thread
 */
void log_set_live(struct log *log, bool live);

/** log_guest() - log_write() for lines that a guest can provoke */
void log_guest(struct log *log, struct log_limit *limit, enum log_level level,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);

#define log_error(log, ...)   log_write(log, LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...)    log_write(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_write(log, LOG_DEBUG, __VA_ARGS__)

#endif
