/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a running monitor.
 *
 * The reader of the log may stall: poll() is asked before every write(), and
 * no more is written than poll() vouches for. O_NONBLOCK would also hit the
 * other processes that have the same terminal or pipe.
 */
#include "vmm/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 768

/*
 * What may be written when poll() says POLLOUT: a pipe has room for PIPE_BUF
 * bytes then, a pseudo-terminal for 256, and the line's end may become two.
 */
#define LOG_CHUNK 255

/* For a reader, while there is no guest that would wait as well. */
#define LOG_PATIENCE_MS 1000

static const char *const log_level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARNING] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* A line may carry bytes that a guest chose: none may act on a terminal. */
static void sanitize(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			text[i] = '?';
	}
}

static const char *line_end(const struct log *log)
{
	return __atomic_load_n(&log->crlf, __ATOMIC_RELAXED) ? "\r\n" : "\n";
}

/* Two bytes behind @len are free. */
static size_t end_line(const struct log *log, char *line, size_t len)
{
	sanitize(line, len);
	for (const char *end = line_end(log); *end != '\0'; end++)
		line[len++] = *end;
	return len;
}

/* True for an error, too: write() says which, without waiting. */
static bool is_writable(const struct log *log)
{
	bool live = __atomic_load_n(&log->live, __ATOMIC_RELAXED);
	struct pollfd pfd = { .fd = log->fd, .events = POLLOUT };
	int n;

	do
		n = poll(&pfd, 1, live ? 0 : LOG_PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/*
 * Return: false when the reader has stalled, and has perhaps a part of it.
 * Context: log->lock held, so that no thread takes another one's room.
 */
static bool write_all(struct log *log, const char *text, size_t len)
{
	while (len > 0) {
		if (!is_writable(log))
			return false;

		ssize_t n = write(log->fd, text, min_size(len, LOG_CHUNK));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno != EAGAIN;
		log->torn = text[n - 1] != '\n';
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* Return: false when not even that can be written. */
static bool tell_lost(struct log *log)
{
	char line[LOG_LINE_MAX];
	const size_t room = sizeof(line) - 2;

	if (log->torn && !write_all(log, line_end(log), strlen(line_end(log))))
		return false;
	if (log->lost == 0)
		return true;

	int n = snprintf(line, room,
			 "%s: warning: the reader of these lines was slow: %u "
			 "were dropped",
			 log->name, log->lost);
	size_t len = end_line(log, line, min_size((size_t)n, room - 1));
	if (!write_all(log, line, len))
		return false;
	log->lost = 0;
	return true;
}

static void deliver(struct log *log, const char *line, size_t len)
{
	pthread_mutex_lock(&log->lock);
	if (!tell_lost(log) || !write_all(log, line, len))
		log->lost++;
	pthread_mutex_unlock(&log->lock);
}

static void log_vwrite(struct log *log, enum log_level level, uint32_t dropped,
		       const char *fmt, va_list args) PRINTF_LIKE(4, 0);

static void log_vwrite(struct log *log, enum log_level level, uint32_t dropped,
		       const char *fmt, va_list args)
{
	char line[LOG_LINE_MAX];
	/* Room for the line's end is kept behind this. */
	const size_t room = sizeof(line) - 2;

	int n = snprintf(line, room, "%s: %s: ", log->name,
			 log_level_names[level]);
	size_t len = min_size((size_t)n, room - 1);

	n = vsnprintf(line + len, room - len, fmt, args);
	if (n > 0)
		len = min_size(len + (size_t)n, room - 1);
	if (dropped > 0 && len < room - 1) {
		n = snprintf(line + len, room - len,
			     " (%u more lines like it were dropped)", dropped);
		len = min_size(len + (size_t)n, room - 1);
	}
	len = end_line(log, line, len);
	deliver(log, line, len);
}

void log_write(struct log *log, enum log_level level, const char *fmt, ...)
{
	if (log == NULL || level > log->level)
		return;

	va_list args;
	va_start(args, fmt);
	log_vwrite(log, level, 0, fmt, args);
	va_end(args);
}

void log_set_live(struct log *log, bool live)
{
	if (log != NULL)
		__atomic_store_n(&log->live, live, __ATOMIC_RELAXED);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool limit_passes(struct log_limit *limit)
{
	uint32_t used = __atomic_load_n(&limit->used, __ATOMIC_RELAXED);

	while (used < LOG_LIMIT_BURST) {
		if (__atomic_compare_exchange_n(&limit->used, &used, used + 1,
						false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	}

	uint64_t now = now_ms();
	uint64_t last = __atomic_load_n(&limit->last_ms, __ATOMIC_RELAXED);

	if (now - last < LOG_LIMIT_PERIOD_MS)
		return false;
	return __atomic_compare_exchange_n(&limit->last_ms, &last, now, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void log_guest(struct log *log, struct log_limit *limit, enum log_level level,
	       const char *fmt, ...)
{
	if (log == NULL || level > log->level)
		return;
	if (!limit_passes(limit)) {
		__atomic_add_fetch(&limit->dropped, 1, __ATOMIC_RELAXED);
		return;
	}

	uint32_t dropped =
		__atomic_exchange_n(&limit->dropped, 0, __ATOMIC_RELAXED);
	va_list args;
	va_start(args, fmt);
	log_vwrite(log, level, dropped, fmt, args);
	va_end(args);
}
