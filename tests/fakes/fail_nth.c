/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth call of the C library fails: see fail_nth.h. */
#include "tests/fakes/fail_nth.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/fakes/fake_files.h"

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
WRAP(void *, MAP_FAILED, ENOMEM, mmap,
     (void *addr, size_t len, int prot, int flags, int fd, off_t off),
     (addr, len, prot, flags, fd, off))
WRAP(int, -1, ENOMEM, madvise, (void *addr, size_t len, int advice),
     (addr, len, advice))
WRAP(int, -1, EMFILE, memfd_create, (const char *name, unsigned flags),
     (name, flags))
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

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
	if (fails("fstat", EIO) || __real_fstat(fd, st) < 0)
		return -1;
	fake_files_pretend(st);
	return 0;
}

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st)
{
	char buf[FAKE_PATH];

	if (fails("stat", EIO) ||
	    __real_stat(fake_files_path(path, 0, buf), st) < 0)
		return -1;
	fake_files_pretend(st);
	return 0;
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	char buf[FAKE_PATH];

	if (fails("fopen", EMFILE))
		return NULL;
	return __real_fopen(fake_files_path(path, 0, buf), mode);
}

/* Those below take what they need only. */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	char buf[FAKE_PATH];
	mode_t mode = 0;
	va_list args;

	if (fails("open", EMFILE))
		return -1;
	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	/* None of them is a device that could be had for oneself. */
	path = fake_files_path(path, flags, buf);
	return __real_open(path, flags & ~O_EXCL, mode);
}

/* What the C library's headers make of open() with _FORTIFY_SOURCE. */
int __wrap___open_2(const char *path, int flags);
int __wrap___open_2(const char *path, int flags)
{
	return __wrap_open(path, flags);
}

int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list args;

	if (cmd == F_DUPFD_CLOEXEC && fails("fcntl", EMFILE))
		return -1;
	if (cmd == F_OFD_SETLK && fails("F_OFD_SETLK", ENOLCK))
		return -1;
	va_start(args, cmd);
	void *arg = va_arg(args, void *);
	va_end(args);
	return __real_fcntl(fd, cmd, arg);
}
