/* SPDX-License-Identifier: Apache-2.0 */
/* The host's file calls: see fake_host_io.h. */
#include "tests/fakes/fake_host_io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_ORDER 63
#define MAX_IOV   256

struct rule {
	unsigned calls;
	unsigned from;
	unsigned to;
	int code;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct rule rules[FAKE_IO_NR];
	size_t limit;
	bool closed;
	unsigned waiting;
	unsigned ordered;
	char order[MAX_ORDER + 1];
} fake = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.cond = PTHREAD_COND_INITIALIZER,
};

void fake_io_reset(void)
{
	pthread_mutex_lock(&fake.lock);
	memset(fake.rules, 0, sizeof(fake.rules));
	memset(fake.order, 0, sizeof(fake.order));
	fake.ordered = 0;
	fake.limit = 0;
	fake.closed = false;
	pthread_cond_broadcast(&fake.cond);
	pthread_mutex_unlock(&fake.lock);
}

void fake_io_fail(enum fake_io_call call, unsigned nth, unsigned count,
		  int code)
{
	pthread_mutex_lock(&fake.lock);
	struct rule *rule = &fake.rules[call];
	rule->from = rule->calls + nth;
	rule->to = rule->from + count;
	rule->code = code;
	pthread_mutex_unlock(&fake.lock);
}

void fake_io_limit(size_t bytes)
{
	pthread_mutex_lock(&fake.lock);
	fake.limit = bytes;
	pthread_mutex_unlock(&fake.lock);
}

unsigned fake_io_calls(enum fake_io_call call)
{
	pthread_mutex_lock(&fake.lock);
	unsigned calls = fake.rules[call].calls;
	pthread_mutex_unlock(&fake.lock);
	return calls;
}

const char *fake_io_order(void)
{
	return fake.order;
}

void fake_io_gate(bool open)
{
	pthread_mutex_lock(&fake.lock);
	fake.closed = !open;
	pthread_cond_broadcast(&fake.cond);
	pthread_mutex_unlock(&fake.lock);
}

void fake_io_await(unsigned count)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.waiting < count)
		pthread_cond_wait(&fake.cond, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

/* Return: whether the call is to fail, with errno set, or to do nothing. */
static bool enter(enum fake_io_call call, size_t *limit, int *code)
{
	static const char letters[FAKE_IO_NR] = { 'r', 'w', 's', 'f' };
	struct rule *rule = &fake.rules[call];

	pthread_mutex_lock(&fake.lock);
	fake.waiting++;
	pthread_cond_broadcast(&fake.cond);
	while (fake.closed)
		pthread_cond_wait(&fake.cond, &fake.lock);
	fake.waiting--;

	unsigned nth = ++rule->calls;
	bool fails = nth >= rule->from && nth < rule->to;

	if (fake.ordered < MAX_ORDER)
		fake.order[fake.ordered++] = letters[call];
	*limit = fake.limit;
	*code = rule->code;
	pthread_mutex_unlock(&fake.lock);
	return fails;
}

static long fail(int code)
{
	errno = code;
	return code == 0 ? 0 : -1;
}

static long transfer(enum fake_io_call call, long nr, int fd,
		     const struct iovec *iov, int count, off_t offset)
{
	struct iovec part[MAX_IOV];
	size_t limit;
	int code;

	if (enter(call, &limit, &code))
		return fail(code);
	if (limit == 0)
		return syscall(nr, fd, iov, count, offset, 0L);

	int used = 0;
	for (; used < count && used < MAX_IOV && limit > 0; used++) {
		part[used] = iov[used];
		if (part[used].iov_len > limit)
			part[used].iov_len = limit;
		limit -= part[used].iov_len;
	}
	return syscall(nr, fd, part, used, offset, 0L);
}

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	return transfer(FAKE_IO_PREADV, SYS_preadv, fd, iov, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	return transfer(FAKE_IO_PWRITEV, SYS_pwritev, fd, iov, count, offset);
}

int fdatasync(int fd)
{
	size_t limit;
	int code;

	if (enter(FAKE_IO_FDATASYNC, &limit, &code))
		return (int)fail(code);
	return (int)syscall(SYS_fdatasync, fd);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	size_t limit;
	int code;

	if (enter(FAKE_IO_FALLOCATE, &limit, &code))
		return (int)fail(code);
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}
