/* SPDX-License-Identifier: Apache-2.0 */
/* The socket backend: clients that come, go, hang, and take over. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_chardev.h"

struct fixture {
	struct fake_chardev f;
	char dir[64];
	char path[108];
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	fake_chardev_init(&x->f);
	snprintf(x->dir, sizeof(x->dir), "/tmp/privet-socket-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	snprintf(x->path, sizeof(x->path), "%s/sock", x->dir);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	fake_chardev_fini(&x->f);
	unlink(x->path);
	rmdir(x->dir);
	free(x);
	return 0;
}

static struct chardev_config config(struct fixture *x)
{
	return (struct chardev_config){
		.kind = CHARDEV_SOCKET,
		.path = x->path,
		.fd = -1,
	};
}

static void open_server(struct fixture *x)
{
	struct chardev_config cfg = config(x);

	fake_chardev_open(&x->f, &cfg);
}

static struct sockaddr_un address(const struct fixture *x)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", x->path);
	return addr;
}

static int dial_only(const struct fixture *x)
{
	struct sockaddr_un addr = address(x);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
		connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int bind_only(const struct fixture *x)
{
	struct sockaddr_un addr = address(x);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

static int dial(struct fixture *x)
{
	int fd = dial_only(x);

	fake_chardev_run(&x->f);
	return fd;
}

static void assert_closed(int fd)
{
	char buf[1024];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	assert_int_equal(n, 0);
	close(fd);
}

static void test_client(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;

	open_server(x);
	assert_false(chardev_connected(f->cd));
	chardev_write(f->cd, "boot log", 8);
	assert_int_equal(fake_chardev_idle(f, 30), 0);

	int fd = dial(x);
	assert_int_equal(f->connects, 1);
	assert_true(chardev_connected(f->cd));
	assert_received(f, fd, "boot log", 8);
	assert_int_equal(write(fd, "in", 2), 2);
	assert_input(f, "in", 2);
	chardev_write(f->cd, "out", 3);
	assert_received(f, fd, "out", 3);
	assert_int_equal(fake_chardev_idle(f, 30), 0);

	close(fd);
	fake_chardev_run(f);
	assert_int_equal(f->disconnects, 1);
	assert_int_equal(fake_chardev_idle(f, 30), 0);
	/* And another one. */
	chardev_write(f->cd, "more", 4);
	fd = dial(x);
	assert_received(f, fd, "more", 4);
	assert_int_equal(f->connects, 2);
	close(fd);
}

static void test_take_over(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;

	open_server(x);
	int first = dial(x);
	assert_int_equal(write(first, "a", 1), 1);
	fake_chardev_run(f);
	int second = dial(x);
	assert_closed(first);
	/* The guest did not notice. */
	assert_int_equal(f->connects, 1);
	assert_int_equal(f->disconnects, 0);
	assert_int_equal(write(second, "b", 1), 1);
	assert_input(f, "ab", 2);
	chardev_write(f->cd, "c", 1);
	assert_received(f, second, "c", 1);
	close(second);
}

static size_t fill(struct fake_chardev *f)
{
	static const uint8_t line[64] = "0123456789";
	size_t total = 0;

	for (;;) {
		size_t n = chardev_write(f->cd, line, sizeof(line));
		fake_chardev_run(f);
		if (n == 0)
			return total;
		total += n;
	}
}

/* A client that never reads is no obstacle, and no reason to lose the next. */
static void test_client_never_reads(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	char newest[] = "the newest";

	open_server(x);
	int deaf = dial(x);
	fill(f);
	f->tx_calls = 0;
	/* It holds the guest back until somebody takes over. */
	int fd = dial(x);
	assert_closed(deaf);
	assert_int_equal(f->tx_calls, 1);
	char buf[1024];
	size_t got = 0;
	ssize_t n;
	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		got += (size_t)n;
		fake_chardev_run(f);
	}
	assert_int_equal(got, CHARDEV_TX_RING);
	chardev_write(f->cd, newest, sizeof(newest));
	assert_received(f, fd, newest, sizeof(newest));
	close(fd);
}

/* `printf 'reboot\n' | nc -U` must not lose its line. */
static void test_send_and_leave(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;

	open_server(x);
	for (int i = 0; i < 20; i++) {
		int fd = dial_only(x);

		assert_int_equal(write(fd, "reboot\n", 7), 7);
		close(fd);
		assert_input(f, "reboot\n", 7);
		assert_int_equal(f->connects, (unsigned)i + 1);
		assert_int_equal(f->disconnects, (unsigned)i + 1);
		/* With output under way it is the same. */
		chardev_write(f->cd, "x", 1);
	}
}

/* The same while output is blocked, and with more than the ring takes. */
static void test_leave_while_full(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	static uint8_t data[20000];

	memset(data, 'd', sizeof(data));
	open_server(x);
	int fd = dial(x);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	fill(f);
	f->tx_calls = 0;
	close(fd);
	fake_chardev_run(f);
	assert_int_equal(f->tx_calls, 1);
	assert_int_equal(chardev_write(f->cd, data, 10), 10);
	fake_chardev_run(f);
	assert_int_equal(fake_chardev_idle(f, 30), 0);
	assert_input(f, data, sizeof(data));
	assert_int_equal(f->disconnects, 1);
}

/* A client at the end of its input may still want to read. */
static void test_half_close(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;

	open_server(x);
	int fd = dial(x);
	assert_int_equal(write(fd, "ls\n", 3), 3);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_input(f, "ls\n", 3);
	assert_int_equal(fake_chardev_idle(f, 30), 0);
	assert_int_equal(f->disconnects, 0);
	chardev_write(f->cd, "bin etc\n", 8);
	assert_received(f, fd, "bin etc\n", 8);
	assert_int_equal(f->disconnects, 0);
	/* Its end is noticed although nothing is written. */
	close(fd);
	fake_chardev_run(f);
	assert_int_equal(f->disconnects, 1);
	assert_int_equal(fake_chardev_idle(f, 30), 0);
}

static void test_stale_file(void **state)
{
	struct fixture *x = *state;
	int fd = bind_only(x);

	close(fd);
	open_server(x);
	fd = dial(x);
	assert_int_equal(x->f.connects, 1);
	close(fd);
	/* It is removed at the end. */
	fake_chardev_close(&x->f);
	assert_int_equal(access(x->path, F_OK), -1);
}

static int try_start(struct fake_chardev *f, struct error *err)
{
	return chardev_start(f->cd, err);
}

/* A machine that cannot start has neither made nor removed anything. */
static void test_nothing_before_start(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = config(x);
	struct error err = { 0 };

	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	assert_int_equal(access(x->path, F_OK), -1);
	fake_chardev_close(f);
	close(bind_only(x));
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	fake_chardev_close(f);
	assert_int_equal(access(x->path, F_OK), 0);

	/* Somebody else came first: he is left alone. */
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	unlink(x->path);
	int fd = bind_only(x);
	assert_int_equal(try_start(f, &err), -EADDRINUSE);
	fake_chardev_close(f);
	assert_int_equal(access(x->path, F_OK), 0);
	close(fd);
}

/* Another one on the same path is refused, and the client stays. */
static void test_probe_takes_no_client(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct chardev_config cfg = config(x);
	struct error err = { 0 };
	static struct fake_chardev other;

	open_server(x);
	int fd = dial(x);
	fake_chardev_init(&other);
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -EADDRINUSE);
	fake_chardev_run(f);
	assert_int_equal(f->disconnects, 0);
	chardev_write(f->cd, "still", 5);
	assert_received(f, fd, "still", 5);
	close(fd);
	fake_chardev_fini(&other);
}

static void test_refused_paths(void **state)
{
	struct fixture *x = *state;
	struct chardev_config cfg = config(x);
	struct error err = { 0 };

	/* A server that lives. */
	open_server(x);
	static struct fake_chardev other;
	fake_chardev_init(&other);
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, x->path));
	fake_chardev_close(&x->f);
	/* A file that is no socket stays as it is. */
	int fd = open(x->path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -EEXIST);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, 8);
	close(fd);
	unlink(x->path);
	/* So does a dangling symbolic link. */
	assert_int_equal(symlink("/nonexistent", x->path), 0);
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -EEXIST);
	unlink(x->path);
	/* Too long by one, and empty. */
	char path[109];
	memset(path, 'p', 108);
	path[108] = '\0';
	cfg.path = path;
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -EINVAL);
	path[0] = '\0';
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -EINVAL);
	snprintf(path, sizeof(path), "/nonexistent/dir/sock");
	assert_int_equal(fake_chardev_try(&other, &cfg, &err), -ENOENT);
	fake_chardev_fini(&other);
}

/* Somebody replaced the file: it is not ours to remove. */
static void test_foreign_file_stays(void **state)
{
	struct fixture *x = *state;

	open_server(x);
	assert_int_equal(unlink(x->path), 0);
	int fd = open(x->path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	fake_chardev_close(&x->f);
	assert_int_equal(access(x->path, F_OK), 0);
}

static void test_listening_fd(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	int fd = bind_only(x);

	assert_int_equal(listen(fd, 1), 0);
	fake_chardev_open(f, &(struct chardev_config){ .kind = CHARDEV_SOCKET,
						       .fd = fd });
	int client = dial(x);
	chardev_write(f->cd, "hi", 2);
	assert_received(f, client, "hi", 2);
	fake_chardev_close(f);
	assert_closed(client);
	/* The file is the giver's. */
	assert_int_equal(access(x->path, F_OK), 0);
	close(fd);
}

/* Out of descriptors: the client waits, and nothing spins. */
static void test_no_descriptors(void **state)
{
	struct fixture *x = *state;
	struct fake_chardev *f = &x->f;
	struct rlimit old, now;

	open_server(x);
	int fd = dial_only(x);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	now = old;
	now.rlim_cur = (rlim_t)fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	unsigned calls = fake_chardev_idle(f, 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(f->connects, 0);
	assert_true(calls <= 20);
	fake_chardev_wait(f, &f->connects, 1);
	close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_client),
		T(test_take_over),
		T(test_client_never_reads),
		T(test_send_and_leave),
		T(test_leave_while_full),
		T(test_half_close),
		T(test_stale_file),
		T(test_nothing_before_start),
		T(test_probe_takes_no_client),
		T(test_refused_paths),
		T(test_foreign_file_stays),
		T(test_listening_fd),
		T(test_no_descriptors),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
