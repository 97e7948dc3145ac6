/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a running monitor. */
#include "vmm/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 768

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

static void write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
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
	sanitize(line, len);
	if (__atomic_load_n(&log->crlf, __ATOMIC_RELAXED))
		line[len++] = '\r';
	line[len++] = '\n';
	write_all(log->fd, line, len);
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
