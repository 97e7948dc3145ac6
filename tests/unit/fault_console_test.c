/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console whose other end fails: gone, stuck, full or interrupted. Whatever
 * it is, the guest writes on, one line says it, and nobody spins.
 */

/* The C library's calls are defined here, not its checking variants. */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_chardev.h"

#define FLOOD (4U * CHARDEV_TX_RING)

/**
 * struct failing - Calls on the chardev's descriptor that fail
 * @fd: which; -1: none
 * @times: how many of the next ones do
 * @calls: how many there were
 */
static struct failing {
	int fd;
	unsigned times;
	unsigned calls;
	int code;
} out = { .fd = -1 }, in = { .fd = -1 };

static bool fails(struct failing *f, int fd)
{
	if (fd != f->fd)
		return false;
	f->calls++;
	if (f->times == 0)
		return false;
	f->times--;
	errno = f->code;
	return true;
}

ssize_t write(int fd, const void *buf, size_t len)
{
	return fails(&out, fd) ? -1 : syscall(SYS_write, fd, buf, len);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return fails(&out, fd)
		       ? -1
		       : syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
}

ssize_t read(int fd, void *buf, size_t len)
{
	return fails(&in, fd) ? -1 : syscall(SYS_read, fd, buf, len);
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return fails(&in, fd)
		       ? -1
		       : syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);
}

/*
 * Kinds of other ends.
 */

/**
 * struct kind - What the chardev is connected to
 * @open: opens it; returns the other end, or -1 where there is none
 * @back: the other end may come back after an error
 * @talks: input comes from it, too
 */
struct kind {
	const char *name;
	int (*open)(struct fake_chardev *f);
	bool back;
	bool talks;
};

static void use_fd(struct fake_chardev *f, int fd)
{
	fake_chardev_open(
		f, &(struct chardev_config){ .kind = CHARDEV_FD, .fd = fd });
	close(fd);
}

static int open_pipe(struct fake_chardev *f)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	use_fd(f, fds[1]);
	return fds[0];
}

static int open_socket(struct fake_chardev *f)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	use_fd(f, fds[1]);
	return fds[0];
}

static int open_file(struct fake_chardev *f)
{
	int fd = memfd_create("console", MFD_CLOEXEC);

	assert_true(fd >= 0);
	int copy = dup(fd);
	assert_true(copy >= 0);
	use_fd(f, fd);
	return copy;
}

static int open_pty(struct fake_chardev *f)
{
	char name[64];

	fake_chardev_open(
		f, &(struct chardev_config){ .kind = CHARDEV_PTY, .fd = -1 });
	assert_int_equal(ptsname_r(f->cd->in.fd, name, sizeof(name)), 0);

	int fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(fd >= 0);
	fake_chardev_wait(f, &f->connects, 1);
	return fd;
}

static const struct kind kinds[] = {
	{ "pipe", open_pipe, false, false },
	{ "socket", open_socket, false, true },
	{ "file", open_file, false, false },
	{ "pty", open_pty, true, true },
};

/*
 * One console.
 */

struct fixture {
	struct fake_chardev cd;
	int other;
	unsigned said;
};

static unsigned count_lines(struct fixture *f)
{
	unsigned lines = 0;

	for (const char *at = fake_chardev_log(&f->cd); *at != '\0'; at++)
		lines += *at == '\n';
	return lines - f->said;
}

static struct fixture *begin(const struct kind *kind)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_chardev_init(&f->cd);
	f->other = kind->open(&f->cd);
	fake_chardev_run(&f->cd);
	f->said = count_lines(f);
	out = (struct failing){ .fd = f->cd.cd->out.fd };
	in = (struct failing){ .fd = f->cd.cd->in.fd };
	return f;
}

static void end(struct fixture *f)
{
	out.fd = in.fd = -1;
	fake_chardev_fini(&f->cd);
	if (f->other >= 0)
		close(f->other);
	free(f);
}

/* What the other end has got so far is @text, and no more. */
static void assert_out(struct fixture *f, const char *text)
{
	char got[64] = { 0 };

	if (pread(f->other, got, sizeof(got) - 1, 0) >= 0)
		assert_string_equal(got, text);
	else
		assert_received(&f->cd, f->other, text, strlen(text));
}

/*
 * A guest that prints as much as it likes is not held back; more than @waits
 * times, where the kernel may still take something from a terminal's queue.
 */
static void assert_guest_goes_on(struct fixture *f, unsigned waits)
{
	static const uint8_t data[4096];
	size_t done = 0;

	for (unsigned i = 0; done < FLOOD; i++) {
		size_t n = chardev_write(f->cd.cd, data, sizeof(data));

		if (n == 0 && waits-- == 0)
			fail_msg("the guest waits after %zu bytes", done);
		if (n == 0)
			fake_chardev_idle(&f->cd, 20);
		done += n;
		if (i % 16 == 0)
			fake_chardev_run(&f->cd);
	}
	fake_chardev_run(&f->cd);
	assert_int_equal(f->cd.cd->tx.size, CHARDEV_TX_RING);
	/* A terminal that may come back is looked for now and then. */
	assert_true(fake_chardev_idle(&f->cd, 30) <= 2);
}

/*
 * Errors that stay.
 */

static void check_write_error(const struct kind *kind, int code)
{
	struct fixture *f = begin(kind);

	assert_int_equal(chardev_write(f->cd.cd, "first", 5), 5);
	fake_chardev_run(&f->cd);
	assert_out(f, "first");
	out.times = UINT32_MAX;
	out.code = code;
	unsigned calls = out.calls;
	chardev_write(f->cd.cd, "x", 1);
	chardev_write(f->cd.cd, "yz", 2);
	fake_chardev_run(&f->cd);
	if (out.calls > calls + 2)
		fail_msg("%s, %s: %u calls", kind->name, strerror(code),
			 out.calls - calls);
	if (!kind->back)
		out.fd = -1;
	assert_guest_goes_on(f, 0);
	/* One of the end, one of what is lost. */
	if (count_lines(f) > 2 || (!kind->back && count_lines(f) == 0))
		fail_msg("%s, %s: %u lines", kind->name, strerror(code),
			 count_lines(f));
	end(f);
}

static void readers_that_are_gone(void **state)
{
	static const int codes[] = { EPIPE,  ECONNRESET, EIO,   ENOSPC,
				     EDQUOT, EFBIG,      ENXIO, EBADF };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(codes); n++)
			check_write_error(&kinds[i], codes[n]);
	}
}

static void input_that_fails(void **state)
{
	static const int codes[] = { EIO, ECONNRESET, EBADF, ENXIO };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(codes); i++) {
		const struct kind *kind = &kinds[i / ARRAY_SIZE(codes)];
		struct fixture *f;

		if (!kind->talks)
			continue;
		f = begin(kind);
		in.times = UINT32_MAX;
		in.code = codes[i % ARRAY_SIZE(codes)];
		assert_int_equal(syscall(SYS_write, f->other, "in", 2), 2);
		fake_chardev_wait(&f->cd, &in.calls, 1);
		fake_chardev_run(&f->cd);
		if (in.calls > 2)
			fail_msg("%s: %u calls", kind->name, in.calls);
		assert_false(chardev_readable(f->cd.cd));
		assert_true(fake_chardev_idle(&f->cd, 30) <= 2);
		assert_true(count_lines(f) <= 1);
		end(f);
	}
}

/*
 * Errors that pass.
 */

static void interruptions_lose_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct fixture *f = begin(&kinds[i]);

		out.times = 3;
		out.code = EINTR;
		chardev_write(f->cd.cd, "one", 3);
		fake_chardev_run(&f->cd);
		chardev_write(f->cd.cd, "two", 3);
		fake_chardev_run(&f->cd);
		assert_out(f, "onetwo");
		if (kinds[i].talks) {
			in.times = 3;
			in.code = EINTR;
			assert_int_equal(syscall(SYS_write, f->other, "in", 2),
					 2);
			fake_chardev_run(&f->cd);
			assert_input(&f->cd, "in", 2);
		}
		assert_int_equal(count_lines(f), 0);
		end(f);
	}
}

/* What has nothing to wait for is tried again all the same. */
static void refusals_lose_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct fixture *f = begin(&kinds[i]);

		f->cd.cd->stall_ms = 20;
		out.times = 2;
		out.code = EAGAIN;
		chardev_write(f->cd.cd, "one", 3);
		fake_chardev_run(&f->cd);
		fake_chardev_idle(&f->cd, 100);
		chardev_write(f->cd.cd, "two", 3);
		fake_chardev_run(&f->cd);
		fake_chardev_idle(&f->cd, 100);
		assert_out(f, "onetwo");
		assert_int_equal(count_lines(f), 0);
		end(f);
	}
}

/*
 * A reader that is there and never reads.
 */

static void readers_that_are_stuck(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		static const uint8_t data[4096];
		struct fixture *f;
		size_t n;

		if (kinds[i].open == open_file)
			continue;
		f = begin(&kinds[i]);
		do {
			n = chardev_write(f->cd.cd, data, sizeof(data));
			fake_chardev_run(&f->cd);
		} while (n == sizeof(data));
		/* It waits for a while, without a turn of the loop. */
		assert_int_equal(chardev_write(f->cd.cd, data, 1), 0);
		unsigned calls = out.calls;
		assert_int_equal(fake_chardev_idle(&f->cd, 30), 0);
		assert_int_equal(out.calls, calls);
		fake_chardev_stall(&f->cd, 1);
		fake_chardev_run(&f->cd);
		assert_guest_goes_on(f, 4);
		assert_int_equal(count_lines(f), 1);
		end(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_that_are_gone),
		cmocka_unit_test(input_that_fails),
		cmocka_unit_test(interruptions_lose_nothing),
		cmocka_unit_test(refusals_lose_nothing),
		cmocka_unit_test(readers_that_are_stuck),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
