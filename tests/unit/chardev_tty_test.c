/* SPDX-License-Identifier: Apache-2.0 */
/* The pty and stdio backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_chardev.h"

struct fixture {
	struct fake_chardev f;
	char path[64];
	int old_in;
	int old_out;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	fake_chardev_init(&x->f);
	char dir[] = "/tmp/privet-tty-XXXXXX";
	assert_non_null(mkdtemp(dir));
	snprintf(x->path, sizeof(x->path), "%s/tty", dir);
	x->old_in = fcntl(0, F_DUPFD_CLOEXEC, 10);
	x->old_out = fcntl(1, F_DUPFD_CLOEXEC, 10);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	fake_chardev_fini(&x->f);
	dup2(x->old_in, 0);
	close(x->old_in);
	close(x->old_out);
	unlink(x->path);
	*strrchr(x->path, '/') = '\0';
	rmdir(x->path);
	free(x);
	return 0;
}

/*
 * pty
 */

static int open_slave(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static struct chardev_config pty_config(struct fixture *x)
{
	return (struct chardev_config){
		.kind = CHARDEV_PTY,
		.path = x->path,
		.fd = -1,
	};
}

static void test_pty(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = pty_config(x);
	struct termios tio;

	fake_chardev_open(f, &cfg);
	assert_non_null(strstr(fake_chardev_log(f), "/dev/pts/"));
	assert_false(chardev_connected(f->cd));
	chardev_write(f->cd, "early\r\n", 7);
	for (unsigned round = 1; round <= 3; round++) {
		/* Nobody has it open: only the timer looks. */
		assert_true(fake_chardev_idle(f, 300) <= 20);
		assert_int_equal(f->connects, round - 1);

		int fd = open_slave(x->path);
		fake_chardev_wait(f, &f->connects, round);
		/* It is raw: no echo, no line discipline. */
		assert_int_equal(tcgetattr(fd, &tio), 0);
		assert_int_equal(tio.c_lflag & (ECHO | ICANON | ISIG), 0);
		assert_int_equal(tio.c_oflag & OPOST, 0);
		if (round == 1)
			assert_received(f, fd, "early\r\n", 7);
		chardev_write(f->cd, "\x00\x03\nout\xff", 7);
		assert_received(f, fd, "\x00\x03\nout\xff", 7);
		assert_int_equal(write(fd, "\x03\x1a\r\n\x00in", 7), 7);
		assert_input(f, "\x03\x1a\r\n\x00in", 7);
		assert_int_equal(fake_chardev_idle(f, 50), 0);

		close(fd);
		fake_chardev_wait(f, &f->disconnects, round);
		assert_false(chardev_connected(f->cd));
		assert_int_equal(chardev_write(f->cd, "", 0), 0);
	}
}

/* Output while nobody has the slave open is kept, not lost in a buffer. */
static void test_pty_keeps_output(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = pty_config(x);
	uint8_t data[3000];

	memset(data, 'k', sizeof(data));
	fake_chardev_open(f, &cfg);
	int fd = open_slave(x->path);
	fake_chardev_wait(f, &f->connects, 1);
	close(fd);
	fake_chardev_wait(f, &f->disconnects, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(chardev_write(f->cd, data, sizeof(data)),
				 sizeof(data));
	fd = open_slave(x->path);
	fake_chardev_wait(f, &f->connects, 2);
	for (int i = 0; i < 10; i++) {
		size_t got = 0;
		while (got < sizeof(data)) {
			ssize_t n = read(fd, data, sizeof(data) - got);
			if (n > 0)
				got += (size_t)n;
			assert_true(evloop_run_once(f->loop, 1) >= 0);
		}
	}
	close(fd);
}

/* A terminal program that stops reading, then goes away. */
static void test_pty_blocked(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = pty_config(x);

	fake_chardev_open(f, &cfg);
	int fd = open_slave(x->path);
	fake_chardev_wait(f, &f->connects, 1);
	for (int i = 0; chardev_write(f->cd, "0123456789", 10) == 10; i++) {
		assert_true(i < 100000);
		if (i % 1000 == 0)
			fake_chardev_run(f);
	}
	fake_chardev_idle(f, 20);
	while (chardev_write(f->cd, "x", 1) == 1)
		;
	f->tx_calls = 0;
	close(fd);
	fake_chardev_wait(f, &f->disconnects, 1);
	assert_int_equal(f->tx_calls, 1);
	assert_true(fake_chardev_idle(f, 100) <= 20);
}

/* It types more than the guest reads, and leaves: nothing may spin on that. */
static void test_pty_leaves_while_unread(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = pty_config(x);
	uint8_t data[1000];

	memset(data, 'd', sizeof(data));
	fake_chardev_open(f, &cfg);
	int fd = open_slave(x->path);
	fake_chardev_wait(f, &f->connects, 1);
	uint64_t limit = chardev_now_ns() + 10 * NSEC_PER_SEC;
	while (!f->cd->rx_paused && chardev_now_ns() < limit) {
		if (write(fd, data, sizeof(data)) < 0)
			assert_int_equal(errno, EAGAIN);
		evloop_run_once(f->loop, 1);
	}
	assert_true(f->cd->rx_paused);
	close(fd);
	assert_true(fake_chardev_idle(f, 50) <= 2);
	/* The guest prints on; its output finds out. */
	for (int i = 0; i < 1000; i++) {
		chardev_write(f->cd, data, sizeof(data));
		fake_chardev_run(f);
	}
	assert_int_equal(f->disconnects, 1);
	assert_true(fake_chardev_idle(f, 50) <= 2);
}

static void test_pty_link(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = pty_config(x);
	struct error err = { 0 };
	char target[64] = { 0 };

	/* Left over by a monitor that was killed. */
	assert_int_equal(symlink("/dev/pts/99999", x->path), 0);
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	assert_int_equal(readlink(x->path, target, sizeof(target)), 14);
	fake_chardev_close(f);
	assert_int_equal(readlink(x->path, target, sizeof(target)), 14);
	fake_chardev_open(f, &cfg);
	assert_true(readlink(x->path, target, sizeof(target) - 1) > 0);
	assert_string_not_equal(target, "/dev/pts/99999");
	/* Another one takes the path over: it is not ours to remove. */
	assert_int_equal(unlink(x->path), 0);
	assert_int_equal(symlink("/dev/pts/99998", x->path), 0);
	fake_chardev_close(f);
	assert_true(readlink(x->path, target, sizeof(target) - 1) > 0);
	assert_int_equal(unlink(x->path), 0);
	/* Our own goes away. */
	fake_chardev_open(f, &cfg);
	fake_chardev_close(f);
	assert_int_equal(readlink(x->path, target, sizeof(target)), -1);
	/* Anything else stays. */
	assert_int_equal(symlink("/etc/passwd", x->path), 0);
	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EEXIST);
	assert_non_null(strstr(err.text, x->path));
	assert_int_equal(unlink(x->path), 0);
	/* Also when it came in between. */
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	assert_int_equal(symlink("/etc/passwd", x->path), 0);
	assert_int_equal(chardev_start(f->cd, &err), -EEXIST);
	fake_chardev_close(f);
	assert_int_equal(access(x->path, F_OK), 0);
	/* No link wanted. */
	cfg.path = NULL;
	fake_chardev_open(f, &cfg);
	fake_chardev_close(f);
}

/*
 * stdio
 */

/* Opens the backend with @in as standard input and @out as output. */
static void open_stdio(struct fixture *x, int in, int out)
{
	const struct chardev_config cfg = { .kind = CHARDEV_STDIO, .fd = -1 };

	fflush(stdout);
	dup2(in, 0);
	dup2(out, 1);
	struct error err = { 0 };
	int ret = fake_chardev_try(&x->f, &cfg, &err);
	/* The test's own output goes where it went. */
	dup2(x->old_out, 1);
	if (ret < 0)
		fail_msg("%s", err.text);
	chardev_attach(x->f.cd, &x->f.fe);
	assert_int_equal(chardev_start(x->f.cd, &err), 0);
	x->f.cd->stall_ms = FAKE_STALL_MS;
	x->f.cd->gather_ns = 0;
}

static void test_stdio_pipes(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	open_stdio(x, in[0], out[1]);
	/* The user's descriptions stay as they were: blocking. */
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(f->cd->in.mode, END_NONBLOCK);
	assert_int_equal(f->cd->out.mode, END_NONBLOCK);

	chardev_write(f->cd, "hello", 5);
	assert_received(f, out[0], "hello", 5);
	/* No terminal: the escape key is a byte like others. */
	assert_int_equal(write(in[1], "a\x01x\x01", 4), 4);
	assert_input(f, "a\x01x\x01", 4);
	assert_int_equal(f->quits, 0);
	/* The end of the input ends nothing else. */
	close(in[0]);
	close(in[1]);
	dup2(x->old_in, 0);
	assert_true(fake_chardev_idle(f, 50) <= 2);
	assert_true(chardev_connected(f->cd));
	chardev_write(f->cd, "more", 4);
	assert_received(f, out[0], "more", 4);
	/* Nor does the end of the output. */
	close(out[1]);
	close(out[0]);
	chardev_write(f->cd, "lost", 4);
	fake_chardev_run(f);
	assert_non_null(strstr(fake_chardev_log(f), "Broken pipe"));
	assert_int_equal(f->disconnects, 1);
	assert_int_equal(fake_chardev_idle(f, 50), 0);
}

static void test_stdio_full_pipe(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int out[2], in = open("/dev/null", O_RDONLY);

	assert_int_equal(pipe(out), 0);
	open_stdio(x, in, out[1]);
	close(in);
	while (chardev_write(f->cd, "0123456789", 10) == 10)
		fake_chardev_run(f);
	fake_chardev_stall(f, 40);
	close(out[0]);
	close(out[1]);
}

static void test_stdio_dev_null(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int fd = open("/dev/null", O_RDWR);

	open_stdio(x, fd, fd);
	assert_true(fake_chardev_idle(f, 50) <= 2);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(chardev_write(f->cd, "x", 1), 1);
		if (i % 1000 == 0)
			fake_chardev_run(f);
	}
	assert_true(chardev_connected(f->cd));
	fake_chardev_run(f);
	assert_string_equal(fake_chardev_log(f), "");
	close(fd);
}

static void test_stdio_files(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	static uint8_t data[3 * CHARDEV_RX_RING + 17];
	int in = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	int out = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i ^ i >> 8);
	assert_int_equal(write(in, data, sizeof(data)), sizeof(data));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	/* As with `>>`: what is there stays. */
	assert_int_equal(write(out, "before", 6), 6);
	open_stdio(x, in, out);
	/* With the ring full it does not read on. */
	fake_chardev_run(f);
	assert_int_equal(fake_chardev_idle(f, 30), 0);
	assert_input(f, data, sizeof(data));
	chardev_write(f->cd, "after", 5);
	fake_chardev_run(f);
	char buf[16] = { 0 };
	assert_int_equal(pread(out, buf, sizeof(buf), 0), 11);
	assert_string_equal(buf, "beforeafter");
	assert_int_equal(f->disconnects, 0);
	close(in);
	close(out);
}

/* A terminal as standard input; returns its master. */
static int open_tty(struct fixture *x, int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*slave >= 0);
	open_stdio(x, *slave, *slave);
	return master;
}

static void key(struct fake_chardev *f, int master, const char *keys,
		size_t len)
{
	assert_int_equal(write(master, keys, len), len);
	fake_chardev_run(f);
}

static void test_escape_keys(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int slave, master = open_tty(x, &slave);

	key(f, master, "a\x03\x1a\r\x11\xff", 6);
	assert_input(f, "a\x03\x1a\r\x11\xff", 6);
	/* Within one read, and over two. */
	key(f, master, "\x01\x01q\x01z", 5);
	assert_input(f, "\x01q\x01z", 4);
	key(f, master, "p\x01", 2);
	assert_input(f, "p", 1);
	key(f, master, "\x01", 1);
	assert_input(f, "\x01", 1);
	key(f, master, "1\x01", 2);
	assert_input(f, "1", 1);
	key(f, master, "X2", 2);
	assert_input(f, "\x01X2", 3);
	/* A break comes after what was typed before it. */
	key(f, master,
	    "abc\x01"
	    "bd",
	    6);
	fake_chardev_wait(f, &f->breaks, 1);
	assert_int_equal(f->break_at, 3);
	assert_input(f, "abcd", 4);
	assert_int_equal(f->quits, 0);
	key(f, master, "\x01x", 2);
	fake_chardev_wait(f, &f->quits, 1);
	assert_input(f, "", 0);
	close(master);
	close(slave);
}

static void test_escape_help(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int slave, master = open_tty(x, &slave);
	char buf[1024] = { 0 };

	chardev_write(f->cd, "guest", 5);
	assert_received(f, master, "guest", 5);
	/* The guest sees what follows, and nothing of the help. */
	key(f, master, "\x01hz", 3);
	assert_input(f, "z", 1);
	assert_true(read(master, buf, sizeof(buf) - 1) > 0);
	assert_memory_equal(buf, "\r\n", 2);
	assert_non_null(strstr(buf, "Ctrl-A x"));
	close(master);
	close(slave);
}

/* Output into a file holds what the guest says, and nothing else. */
static void test_help_beside_a_file(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int out = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	char buf[64];

	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	open_stdio(x, slave, out);
	key(f, master, "\x01hz", 3);
	assert_input(f, "z", 1);
	chardev_write(f->cd, "guest", 5);
	fake_chardev_run(f);
	assert_int_equal(pread(out, buf, sizeof(buf), 0), 5);
	assert_non_null(strstr(fake_chardev_log(f), "Ctrl-A x"));
	close(master);
	close(slave);
	close(out);
}

/* A guest that does not read cannot keep the user from leaving. */
static void test_escape_from_deaf_guest(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int slave, master = open_tty(x, &slave);
	char line[1000];

	f->cd->stall_ms = 100;
	memset(line, 'l', sizeof(line));
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	uint64_t limit = chardev_now_ns() + 10 * NSEC_PER_SEC;
	while (!f->cd->rx_paused && chardev_now_ns() < limit) {
		if (write(master, line, sizeof(line)) < 0)
			assert_int_equal(errno, EAGAIN);
		evloop_run_once(f->loop, 1);
	}
	assert_true(f->cd->rx_paused);
	/* A guest that reads a little loses nothing: only the timer looks. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(chardev_read(f->cd, line, 10), 10);
		assert_int_equal(evloop_run_once(f->loop, 10000), 1);
		assert_true(f->cd->rx_paused);
	}
	/* Then it stops, even while it still prints. */
	limit = chardev_now_ns() + 10 * NSEC_PER_SEC;
	bool asked = false;
	while (f->quits == 0 && chardev_now_ns() < limit) {
		chardev_write(f->cd, "o", 1);
		evloop_run_once(f->loop, 5);
		if (!asked && write(master, "\x01x", 2) == 2)
			asked = true;
		char sink[256];
		if (read(master, sink, sizeof(sink)) < 0)
			assert_int_equal(errno, EAGAIN);
	}
	assert_int_equal(f->quits, 1);
	/* When it reads again, input is whole again, and waits again. */
	assert_true(f->cd->rx_drop);
	char buf[512];
	while (chardev_read(f->cd, buf, sizeof(buf)) > 0)
		fake_chardev_run(f);
	assert_false(f->cd->rx_drop);
	key(f, master, "back", 4);
	assert_input(f, "back", 4);
	close(master);
	close(slave);
}

static void test_raw_mode(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct termios before, tio;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(tcgetattr(slave, &before), 0);
	/* Messages go to that terminal: they need a carriage return. */
	int log_fd = f->log.fd;
	f->log.fd = slave;
	open_stdio(x, slave, slave);
	assert_int_equal(tcgetattr(slave, &tio), 0);
	assert_int_equal(tio.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(tio.c_oflag & OPOST, 0);
	assert_true(f->log.crlf);
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	fake_chardev_close(f);
	assert_false(f->log.crlf);
	assert_int_equal(tcgetattr(slave, &tio), 0);
	assert_int_equal(tio.c_lflag, before.c_lflag);
	assert_int_equal(tio.c_oflag, before.c_oflag);
	assert_int_equal(tio.c_iflag, before.c_iflag);
	/* Into a file they do not. */
	f->log.fd = log_fd;
	open_stdio(x, slave, slave);
	assert_false(f->log.crlf);
	close(master);
	close(slave);
}

/* The terminal goes away: nothing spins, nothing waits. */
static void test_terminal_gone(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int slave, master = open_tty(x, &slave);

	close(master);
	close(slave);
	/* The guard has the master open until it has run. */
	uint64_t limit = chardev_now_ns() + 10 * NSEC_PER_SEC;
	while (f->disconnects == 0 && chardev_now_ns() < limit) {
		chardev_write(f->cd, "x", 1);
		assert_true(evloop_run_once(f->loop, 1) >= 0);
	}
	assert_false(chardev_connected(f->cd));
	assert_int_equal(fake_chardev_idle(f, 50), 0);
}

/* Where a terminal cannot be opened again, poll() guards every call. */
static void test_shared_description(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	int slave = open(ptsname(master),
			 O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios tio;
	tcgetattr(slave, &tio);
	cfmakeraw(&tio);
	tcsetattr(slave, TCSANOW, &tio);
	/* A master must not be opened again: it would be another pair. */
	open_stdio(x, master, master);
	assert_int_equal(f->cd->in.mode, END_SHARED);
	assert_int_equal(f->cd->out.mode, END_SHARED);
	assert_int_equal(fcntl(master, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(write(slave, "hi", 2), 2);
	assert_input(f, "hi", 2);
	chardev_write(f->cd, "yo", 2);
	assert_received(f, slave, "yo", 2);
	/* Full: a write() would block here for ever. */
	while (chardev_write(f->cd, "0123456789", 10) == 10)
		fake_chardev_run(f);
	fake_chardev_stall(f, 40);
	close(slave);
	close(master);
}

int main(void)
{
	/* As signals.c does. */
	signal(SIGPIPE, SIG_IGN);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pty),
		T(test_pty_keeps_output),
		T(test_pty_blocked),
		T(test_pty_leaves_while_unread),
		T(test_pty_link),
		T(test_stdio_pipes),
		T(test_stdio_full_pipe),
		T(test_stdio_dev_null),
		T(test_stdio_files),
		T(test_escape_keys),
		T(test_escape_help),
		T(test_help_beside_a_file),
		T(test_escape_from_deaf_guest),
		T(test_raw_mode),
		T(test_terminal_gone),
		T(test_shared_description),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
