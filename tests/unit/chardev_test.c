/* SPDX-License-Identifier: Apache-2.0 */
/* Character backends: rings, callbacks, stall rule, files, descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_chardev.h"

#define BIG 300000U

static int setup(void **state)
{
	struct fake_chardev *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_chardev_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fake_chardev_fini(*state);
	free(*state);
	return 0;
}

static uint8_t *pattern(size_t len)
{
	uint8_t *data = malloc(len);

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	return data;
}

/* Opens one end of a socket pair, returns the other. */
static int open_pair(struct fake_chardev *f)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fake_chardev_open(f, &(struct chardev_config){ .kind = CHARDEV_FD,
						       .fd = fds[1] });
	close(fds[1]);
	return fds[0];
}

static void test_null(void **state)
{
	struct fake_chardev *f = *state;
	uint8_t byte;

	fake_chardev_open(f, &(struct chardev_config){ .kind = CHARDEV_NULL });
	/* A guest that waits for somebody to be there need not wait. */
	assert_true(chardev_connected(f->cd));
	for (int i = 0; i < 100000; i++)
		assert_int_equal(chardev_write(f->cd, "x", 1), 1);
	assert_false(chardev_readable(f->cd));
	assert_int_equal(chardev_read(f->cd, &byte, 1), 0);
	fake_chardev_run(f);
	assert_string_equal(fake_chardev_log(f), "");
}

static void test_both_ways(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);

	assert_true(chardev_connected(f->cd));
	assert_int_equal(chardev_write(f->cd, "", 0), 0);
	assert_int_equal(chardev_write(f->cd, "out", 3), 3);
	assert_received(f, peer, "out", 3);
	assert_false(chardev_readable(f->cd));
	assert_int_equal(write(peer, "in", 2), 2);
	fake_chardev_run(f);
	assert_int_equal(f->rx_calls, 1);
	assert_true(chardev_readable(f->cd));
	uint8_t byte;
	assert_int_equal(chardev_read(f->cd, &byte, 0), 0);
	assert_int_equal(chardev_read(f->cd, &byte, 1), 1);
	assert_int_equal(byte, 'i');
	assert_input(f, "n", 1);
	assert_false(chardev_readable(f->cd));
	close(peer);
}

/* A lot of output: short writes, tx_ready, nothing lost, nothing twice. */
static void test_much_output(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	uint8_t *data = pattern(BIG);
	uint8_t buf[4096];
	size_t sent = 0, got = 0;
	bool fell_short = false;

	while (got < BIG) {
		unsigned before = f->tx_calls;
		size_t want = min_size(BIG - sent, 30011);
		size_t n = chardev_write(f->cd, data + sent, want);

		sent += n;
		fake_chardev_run(f);
		if (n < want && f->tx_calls == before) {
			fell_short = true;
			/* It is owed until there is room. */
			assert_int_equal(chardev_write(f->cd, data, 0), 0);
		}
		ssize_t r = recv(peer, buf, sizeof(buf), MSG_DONTWAIT);
		if (r > 0) {
			assert_memory_equal(buf, data + got, (size_t)r);
			got += (size_t)r;
		}
	}
	assert_true(fell_short);
	assert_true(f->tx_calls > 0);
	assert_int_equal(sent, BIG);
	assert_string_equal(fake_chardev_log(f), "");
	free(data);
	close(peer);
}

/* Input waits outside while the ring is full, and nothing spins meanwhile. */
static void test_much_input(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	uint8_t *data = pattern(BIG);
	ssize_t sent = send(peer, data, BIG, MSG_DONTWAIT);

	assert_true(sent > 2 * (ssize_t)CHARDEV_RX_RING);
	fake_chardev_run(f);
	assert_int_equal(fake_chardev_idle(f, 50), 0);
	/* Output is not held up by that. */
	assert_int_equal(chardev_write(f->cd, "o", 1), 1);
	assert_received(f, peer, "o", 1);
	assert_input(f, data, (size_t)sent);
	/* Once more, byte by byte. */
	sent = send(peer, data, 20000, MSG_DONTWAIT);
	assert_int_equal(sent, 20000);
	for (ssize_t i = 0; i < sent; i++) {
		uint8_t byte;

		while (chardev_read(f->cd, &byte, 1) == 0)
			assert_true(evloop_run_once(f->loop, 1000) > 0);
		assert_int_equal(byte, data[i]);
	}
	free(data);
	close(peer);
}

/* Single bytes wait a moment for others; what comes in a piece does not. */
static void test_bytes_are_gathered(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	char buf[8] = { 0 };

	f->cd->gather_ns = 50 * NSEC_PER_MSEC;
	for (const char *c = "abc"; *c != '\0'; c++)
		assert_int_equal(chardev_write(f->cd, c, 1), 1);
	assert_int_equal(evloop_run_once(f->loop, 0), 0);
	assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(evloop_run_once(f->loop, 10000), 1);
	assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), 3);
	assert_string_equal(buf, "abc");
	/* Each first byte starts it anew. */
	chardev_write(f->cd, "d", 1);
	assert_int_equal(evloop_run_once(f->loop, 10000), 1);
	assert_received(f, peer, "d", 1);

	f->cd->gather_ns = 600 * NSEC_PER_SEC;
	chardev_write(f->cd, "e", 1);
	chardev_write(f->cd, "fg", 2);
	assert_received(f, peer, "efg", 3);
	/* Enough of them do not wait either. */
	uint8_t *data = pattern(8192);
	for (size_t i = 0; i < 8192; i++)
		chardev_write(f->cd, data + i, 1);
	fake_chardev_run(f);
	size_t got = 0;
	while (got < 4096) {
		uint8_t some[512];
		ssize_t n = recv(peer, some, sizeof(some), MSG_DONTWAIT);
		assert_true(n > 0);
		assert_memory_equal(some, data + got, (size_t)n);
		got += (size_t)n;
	}
	free(data);
	close(peer);
}

/* Writes until it falls short. */
static size_t fill(struct fake_chardev *f)
{
	size_t total = 0;

	for (;;) {
		uint8_t byte = (uint8_t)total;
		if (chardev_write(f->cd, &byte, 1) == 0) {
			fake_chardev_run(f);
			if (chardev_write(f->cd, &byte, 1) == 0)
				return total;
		}
		total++;
		assert_true(total < MIB(64));
	}
}

static void test_stall(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	uint8_t *data = pattern(CHARDEV_TX_RING);

	size_t before = fill(f);
	fake_chardev_stall(f, 40);
	/* Now everything is accepted, and old makes room for new. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(chardev_write(f->cd, data, CHARDEV_TX_RING),
				 CHARDEV_TX_RING);
	fake_chardev_run(f);
	assert_non_null(strstr(fake_chardev_log(f), "nobody reads"));
	size_t logged = strlen(fake_chardev_log(f));

	/* The reader comes back: it gets what the socket held, then the ring.
	 */
	uint8_t buf[4096];
	size_t seen = 0, in_socket = before - CHARDEV_TX_RING;
	for (;;) {
		ssize_t n = recv(peer, buf, sizeof(buf), MSG_DONTWAIT);
		fake_chardev_run(f);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, seen++) {
			uint8_t want = seen < in_socket
					       ? (uint8_t)seen
					       : data[seen - in_socket];
			assert_int_equal(buf[i], want);
		}
	}
	assert_int_equal(seen, in_socket + CHARDEV_TX_RING);
	assert_false(f->cd->stalled);
	/* A second loss is not logged, and a writer is held back again. */
	f->cd->stall_ms = FAKE_STALL_MS;
	fill(f);
	fake_chardev_stall(f, 1);
	chardev_write(f->cd, data, CHARDEV_TX_RING);
	fake_chardev_run(f);
	assert_int_equal(strlen(fake_chardev_log(f)), logged);
	free(data);
	close(peer);
}

/* A slow reader is not a stalled one. */
static void test_slow_reader(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	uint8_t buf[4096];

	fill(f);
	for (int round = 0; round < 5; round++) {
		/* It took nothing for almost too long, then something. */
		f->cd->progress_ns -= 599 * NSEC_PER_SEC;
		chardev_on_stall(&f->cd->stall);
		assert_false(f->cd->stalled);
		unsigned calls = f->tx_calls;
		while (f->tx_calls == calls) {
			recv(peer, buf, sizeof(buf), MSG_DONTWAIT);
			fake_chardev_run(f);
		}
		fill(f);
	}
	/* And then nothing any more. */
	f->cd->progress_ns -= 601 * NSEC_PER_SEC;
	chardev_on_stall(&f->cd->stall);
	assert_true(f->cd->stalled);
	close(peer);
}

static void test_peer_gone(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);

	assert_int_equal(write(peer, "last words", 10), 10);
	close(peer);
	fake_chardev_run(f);
	fake_chardev_wait(f, &f->disconnects, 1);
	assert_input(f, "last words", 10);
	assert_int_equal(chardev_write(f->cd, "x", 1), 1);
	assert_int_equal(fake_chardev_idle(f, 50), 0);
}

/* A writer that waits when the peer goes away has to go on. */
static void test_peer_gone_while_blocked(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);

	fill(f);
	f->tx_calls = 0;
	close(peer);
	fake_chardev_wait(f, &f->tx_calls, 1);
	assert_int_equal(f->disconnects, 1);
	assert_int_equal(chardev_write(f->cd, "x", 1), 1);
}

static void test_broken_pipe(void **state)
{
	struct fake_chardev *f = *state;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fake_chardev_open(f, &(struct chardev_config){ .kind = CHARDEV_FD,
						       .fd = fds[1] });
	close(fds[1]);
	chardev_write(f->cd, "a", 1);
	assert_received(f, fds[0], "a", 1);
	close(fds[0]);
	/* SIGPIPE would end the test here. */
	chardev_write(f->cd, "b", 1);
	fake_chardev_run(f);
	assert_false(chardev_connected(f->cd));
	assert_int_equal(f->disconnects, 1);
	assert_non_null(strstr(fake_chardev_log(f), "Broken pipe"));
	assert_int_equal(fake_chardev_idle(f, 50), 0);
}

static void test_read_only_fd(void **state)
{
	struct fake_chardev *f = *state;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fake_chardev_open(f, &(struct chardev_config){ .kind = CHARDEV_FD,
						       .fd = fds[0] });
	close(fds[0]);
	assert_true(chardev_connected(f->cd));
	/* Output has no reader: it is accepted. */
	uint8_t *data = pattern(CHARDEV_TX_RING);
	for (int i = 0; i < 3; i++)
		assert_int_equal(chardev_write(f->cd, data, CHARDEV_TX_RING),
				 CHARDEV_TX_RING);
	free(data);
	assert_int_equal(write(fds[1], "in", 2), 2);
	assert_input(f, "in", 2);
	close(fds[1]);
	fake_chardev_run(f);
	assert_int_equal(f->disconnects, 1);
}

static void test_bad_fds(void **state)
{
	struct fake_chardev *f = *state;
	struct chardev_config cfg = { .kind = CHARDEV_FD, .fd = 999 };
	struct error err = { 0 };

	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EINVAL);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	cfg.fd = open("/", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EISDIR);
	close(cfg.fd);
	/* A server is not a connection, nor the other way round. */
	cfg.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cfg.kind = CHARDEV_SOCKET;
	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EINVAL);
	const struct sockaddr any = { .sa_family = AF_UNIX };
	assert_int_equal(bind(cfg.fd, &any, sizeof(any.sa_family)), 0);
	assert_int_equal(listen(cfg.fd, 1), 0);
	cfg.kind = CHARDEV_FD;
	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EINVAL);
	close(cfg.fd);
	cfg.kind = (enum chardev_kind)99;
	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EINVAL);
}

static void check_file(const char *path, const char *want)
{
	char buf[64] = { 0 };
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(want));
	assert_string_equal(buf, want);
	close(fd);
}

static void test_file(void **state)
{
	struct fake_chardev *f = *state;
	char path[] = "/tmp/privet-chardev-XXXXXX";
	int fd = mkstemp(path);
	struct chardev_config cfg = { .kind = CHARDEV_FILE,
				      .path = path,
				      .fd = -1 };

	assert_int_equal(write(fd, "old content", 11), 11);
	close(fd);
	fake_chardev_open(f, &cfg);
	check_file(path, "");
	chardev_write(f->cd, "one", 3);
	fake_chardev_run(f);
	check_file(path, "one");
	chardev_write(f->cd, "two", 3);
	/* Closing writes what is left. */
	fake_chardev_close(f);
	check_file(path, "onetwo");
	cfg.append = true;
	fake_chardev_open(f, &cfg);
	chardev_write(f->cd, "three", 5);
	fake_chardev_close(f);
	check_file(path, "onetwothree");
	unlink(path);
}

/* A machine that cannot start leaves files as they are. */
static void test_file_not_touched_by_open(void **state)
{
	struct fake_chardev *f = *state;
	char path[] = "/tmp/privet-chardev-XXXXXX";
	int fd = mkstemp(path);
	struct chardev_config cfg = { .kind = CHARDEV_FILE,
				      .path = path,
				      .fd = -1 };
	struct error err = { 0 };

	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	/* Output of that time is kept. */
	chardev_write(f->cd, "early", 5);
	fake_chardev_run(f);
	check_file(path, "old");
	fake_chardev_close(f);
	check_file(path, "old");
	/* Nor is one made; the path is not needed any more after opening. */
	unlink(path);
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	char *name = strdup(path);
	path[0] = 'x';
	chardev_write(f->cd, "early", 5);
	assert_int_equal(chardev_start(f->cd, &err), 0);
	check_file(name, "early");
	fake_chardev_close(f);
	unlink(name);
	free(name);
}

/* The folder goes away between the two. */
static void test_file_fails_late(void **state)
{
	struct fake_chardev *f = *state;
	char dir[] = "/tmp/privet-chardev-XXXXXX", path[64];
	struct chardev_config cfg = { .kind = CHARDEV_FILE,
				      .path = path,
				      .fd = -1 };
	struct error err = { 0 };

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(fake_chardev_try(f, &cfg, &err), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(chardev_start(f->cd, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(chardev_write(f->cd, "x", 1), 1);
	fake_chardev_run(f);
	fake_chardev_close(f);
}

static void test_file_errors(void **state)
{
	struct fake_chardev *f = *state;
	char missing[] = "/nonexistent/dir/log", folder[] = "/tmp";
	char full[] = "/dev/full";
	struct chardev_config cfg = { .kind = CHARDEV_FILE,
				      .path = missing,
				      .fd = -1 };
	struct error err = { 0 };

	assert_int_equal(fake_chardev_try(f, &cfg, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/dir/log"));
	cfg.path = folder;
	assert_int_equal(fake_chardev_try(f, &cfg, &err), -EISDIR);
	/* A full disk costs the output, nothing else. */
	cfg.path = full;
	fake_chardev_open(f, &cfg);
	assert_int_equal(chardev_write(f->cd, "x", 1), 1);
	fake_chardev_run(f);
	for (int i = 0; i < 200000; i++)
		assert_int_equal(chardev_write(f->cd, "x", 1), 1);
	assert_non_null(strstr(fake_chardev_log(f), "No space left"));
	assert_false(chardev_connected(f->cd));
}

/* Without a reader exactly the newest bytes stay. */
static void test_ring_keeps_newest(void **state)
{
	struct fake_chardev *f = *state;
	static const size_t sizes[] = { 1,     65535, 65536,  65537,
					65536, 70000, 131072, 200001 };
	uint8_t *data = pattern(BIG);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i], kept = min_size(len, CHARDEV_TX_RING);
		uint8_t *got = malloc(kept);
		int peer = open_pair(f);

		chardev_set_link(f->cd, false, false);
		/* In one piece, or in many. */
		size_t step = i % 2 ? 7001 : len;
		for (size_t at = 0; at < len; at += step)
			chardev_write(f->cd, data + at,
				      min_size(step, len - at));
		chardev_set_link(f->cd, true, true);
		size_t seen = 0;
		chardev_pump(f->cd);
		while (seen < kept) {
			fake_chardev_run(f);
			ssize_t n = recv(peer, got + seen, kept - seen,
					 MSG_DONTWAIT);
			assert_true(n > 0);
			seen += (size_t)n;
		}
		assert_memory_equal(got, data + len - kept, kept);
		fake_chardev_run(f);
		assert_int_equal(recv(peer, got, 1, MSG_DONTWAIT), -1);
		fake_chardev_close(f);
		close(peer);
		free(got);
	}
	free(data);
}

struct reader {
	int fd;
	size_t got;
	bool ok;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[1000];
	ssize_t n;

	r->ok = true;
	while ((n = read(r->fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			r->ok &= buf[i] == (uint8_t)(r->got + (size_t)i);
		r->got += (size_t)n;
	}
	return NULL;
}

/* What was accepted comes out although the end is near. */
static void test_close_drains(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	struct reader r = { .fd = peer };
	pthread_t thread;

	size_t total = fill(f);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &r), 0);
	fake_chardev_close(f);
	pthread_join(thread, NULL);
	assert_true(r.ok);
	assert_int_equal(r.got, total);
	close(peer);
}

static void test_close_does_not_hang(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);

	fill(f);
	f->cd->stall_ms = 50;
	uint64_t start = chardev_now_ns();
	fake_chardev_close(f);
	assert_true(chardev_now_ns() - start < 5 * NSEC_PER_SEC);
	/* Never started: nothing to undo. */
	struct error err = { 0 };
	assert_int_equal(
		fake_chardev_try(f,
				 &(struct chardev_config){ .kind = CHARDEV_FD,
							   .fd = peer },
				 &err),
		0);
	fake_chardev_close(f);
	close(peer);
}

struct writer {
	struct fake_chardev *f;
	size_t len;
};

static void *write_all(void *arg)
{
	struct writer *w = arg;
	size_t sent = 0;

	while (sent < w->len) {
		uint8_t byte = (uint8_t)sent;

		if (chardev_write(w->f->cd, &byte, 1) == 1)
			sent++;
		else
			sched_yield();
	}
	return NULL;
}

/* A vCPU writes, the I/O thread sends, somebody reads; and back. */
static void test_threads(void **state)
{
	struct fake_chardev *f = *state;
	int peer = open_pair(f);
	struct reader r = { .fd = peer };
	struct writer w = { .f = f, .len = BIG };
	struct error err = { 0 };
	pthread_t reader, writer;

	chardev_attach(f->cd, NULL);
	assert_int_equal(evloop_start(f->loop, &err), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_all, &r), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_all, &w), 0);
	for (unsigned i = 0; i < 50; i++) {
		uint8_t byte = (uint8_t)i, back = 0;

		assert_int_equal(send(peer, &byte, 1, 0), 1);
		while (chardev_read(f->cd, &back, 1) == 0)
			sched_yield();
		assert_int_equal(back, byte);
	}
	pthread_join(writer, NULL);
	evloop_stop(f->loop);
	fake_chardev_close(f);
	pthread_join(reader, NULL);
	assert_true(r.ok);
	assert_int_equal(r.got, BIG);
	close(peer);
}

int main(void)
{
	/* As signals.c does. */
	signal(SIGPIPE, SIG_IGN);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_null),
		T(test_both_ways),
		T(test_bytes_are_gathered),
		T(test_much_output),
		T(test_much_input),
		T(test_stall),
		T(test_slow_reader),
		T(test_peer_gone),
		T(test_peer_gone_while_blocked),
		T(test_broken_pipe),
		T(test_read_only_fd),
		T(test_bad_fds),
		T(test_file),
		T(test_file_errors),
		T(test_ring_keeps_newest),
		T(test_file_not_touched_by_open),
		T(test_file_fails_late),
		T(test_close_drains),
		T(test_close_does_not_hang),
		T(test_threads),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
