/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth call of the C library fails: see fail_nth.h. */
#include "tests/fakes/fail_nth.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct {
	unsigned calls;
	unsigned nth;
	bool unreadable;
	const char *what;
} fake;

void fail_nth_arm(unsigned nth)
{
	__atomic_store_n(&fake.nth, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake.calls, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake.unreadable, false, __ATOMIC_SEQ_CST);
	if (nth != 0)
		__atomic_store_n(&fake.what, NULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake.nth, nth, __ATOMIC_SEQ_CST);
}

bool fail_nth_hit(void)
{
	return __atomic_load_n(&fake.what, __ATOMIC_SEQ_CST) != NULL;
}

const char *fail_nth_what(void)
{
	const char *what = __atomic_load_n(&fake.what, __ATOMIC_SEQ_CST);

	return what != NULL ? what : "nothing";
}

static bool fails(const char *what, int code)
{
	unsigned nth = __atomic_load_n(&fake.nth, __ATOMIC_SEQ_CST);
	unsigned call = __atomic_add_fetch(&fake.calls, 1, __ATOMIC_SEQ_CST);

	if (nth == 0 || call != nth)
		return false;
	__atomic_store_n(&fake.what, what, __ATOMIC_SEQ_CST);
	errno = code;
	return true;
}

#define WRAP(type, failure, code, name, params, args) \
	type __real_##name params;                    \
	type __wrap_##name params;                    \
	type __wrap_##name params                     \
	{                                             \
		if (fails(#name, code))               \
			return failure;               \
		return __real_##name args;            \
	}

WRAP(void *, NULL, ENOMEM, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, NULL, ENOMEM, malloc, (size_t size), (size))
WRAP(void *, NULL, ENOMEM, realloc, (void *old, size_t size), (old, size))
WRAP(char *, NULL, ENOMEM, strdup, (const char *text), (text))
WRAP(char *, NULL, ENOMEM, strndup, (const char *text, size_t len), (text, len))
WRAP(int, -1, EMFILE, eventfd, (unsigned count, int flags), (count, flags))
WRAP(int, -1, EMFILE, epoll_create1, (int flags), (flags))
WRAP(int, -1, ENOMEM, epoll_ctl,
     (int fd, int op, int watched, struct epoll_event *ev),
     (fd, op, watched, ev))
WRAP(int, -1, EMFILE, timerfd_create, (clockid_t clock, int flags),
     (clock, flags))
WRAP(int, -1, EMFILE, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(int, -1, EIO, fstat, (int fd, struct stat *st), (fd, st))
WRAP(void *, MAP_FAILED, ENOMEM, mmap,
     (void *addr, size_t len, int prot, int flags, int fd, off_t off),
     (addr, len, prot, flags, fd, off))
WRAP(int, -1, ENOMEM, madvise, (void *addr, size_t len, int advice),
     (addr, len, advice))
WRAP(int, EAGAIN, EAGAIN, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *),
      void *arg),
     (thread, attr, fn, arg))

/* A file that could not be read once cannot be read again. */
ssize_t __real_pread(int fd, void *buf, size_t len, off_t off);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t off);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t off)
{
	if (fails("pread", EIO))
		__atomic_store_n(&fake.unreadable, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&fake.unreadable, __ATOMIC_SEQ_CST))
		return __real_pread(fd, buf, len, off);
	errno = EIO;
	return -1;
}

/* Those below take what they need only. */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (fails("open", EMFILE))
		return -1;
	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return __real_open(path, flags, mode);
}

int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list args;

	if (cmd == F_DUPFD_CLOEXEC && fails("fcntl", EMFILE))
		return -1;
	va_start(args, cmd);
	void *arg = va_arg(args, void *);
	va_end(args);
	return __real_fcntl(fd, cmd, arg);
}
