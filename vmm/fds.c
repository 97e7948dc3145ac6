/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that this process was started with: see fds.h. */
#include "vmm/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/config.h"
#include "vmm/error.h"
#include "vmm/util.h"

/* Where close_range() is missing: as far as anybody goes without it. */
#define LAST_BY_HAND 65535U

static void close_span(unsigned first, unsigned last)
{
	struct rlimit limit;

	if (first > last || close_range(first, last, 0) == 0)
		return;

	unsigned end = LAST_BY_HAND;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end)
		end = (unsigned)limit.rlim_cur;
	for (unsigned fd = first; fd <= last && fd <= end; fd++)
		close((int)fd);
}

void fds_close_from(unsigned first)
{
	close_span(first, UINT_MAX);
}

int fd_reopen(int fd, int flags)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int anew = open(path, flags | O_CLOEXEC | O_NOCTTY);
	if (anew < 0)
		return -errno;
	return anew;
}

/*
 * Return: the lowest descriptor, @from or above, that a path names; UINT_MAX:
 * none. One too many does no harm: it stays open.
 */
static unsigned next_in_paths(char *const *argv, unsigned from)
{
	unsigned lowest = UINT_MAX;

	for (; *argv != NULL; argv++) {
		const char *at = *argv;

		while ((at = strstr(at, "/fd/")) != NULL) {
			at += strlen("/fd/");
			unsigned long fd = strtoul(at, NULL, 10);
			if (fd >= from && fd < lowest)
				lowest = (unsigned)fd;
		}
	}
	return lowest;
}

/* Return: as next_in_paths(), for options. */
static unsigned next_in_options(const struct vm_config *cfg, unsigned from)
{
	int fds[CONFIG_MAX_FDS];
	unsigned count = config_fds(cfg, fds);
	unsigned lowest = UINT_MAX;

	for (unsigned i = 0; i < count; i++) {
		if ((unsigned)fds[i] >= from && (unsigned)fds[i] < lowest)
			lowest = (unsigned)fds[i];
	}
	return lowest;
}

static int check_open(const struct vm_config *cfg, struct error *err)
{
	int fds[CONFIG_MAX_FDS];
	unsigned count = config_fds(cfg, fds);

	for (unsigned i = 0; i < count; i++) {
		if (fcntl(fds[i], F_GETFD) < 0)
			return error_usage(err,
					   "cannot use fd=%d: no such "
					   "descriptor is open; open it, as a "
					   "shell does by %d<FILE",
					   fds[i], fds[i]);
	}
	return 0;
}

int fds_close_unnamed(const struct vm_config *cfg, char *const *argv,
		      struct error *err)
{
	unsigned from = STDERR_FILENO + 1;

	if (check_open(cfg, err) < 0)
		return -EBADF;

	for (;;) {
		unsigned named = (unsigned)min_u64(next_in_options(cfg, from),
						   next_in_paths(argv, from));

		if (named == UINT_MAX)
			break;
		close_span(from, named - 1);
		from = named + 1;
	}
	fds_close_from(from);
	return 0;
}

void fds_close_copied(const struct vm_config *cfg)
{
	int fds[CONFIG_MAX_FDS];
	unsigned count = config_fds(cfg, fds);

	for (unsigned i = 0; i < count; i++) {
		if (fds[i] > STDERR_FILENO)
			close(fds[i]);
	}
}
