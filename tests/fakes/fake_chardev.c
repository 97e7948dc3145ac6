/* SPDX-License-Identifier: Apache-2.0 */
/* A chardev for tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_chardev.h"

#define MAX_TURNS 20000
#define WAIT_NS   (10 * NSEC_PER_SEC)

static struct fake_chardev *of(struct chardev_frontend *fe)
{
	return container_of(fe, struct fake_chardev, fe);
}

static void on_rx_ready(struct chardev_frontend *fe)
{
	of(fe)->rx_calls++;
}

static void on_tx_ready(struct chardev_frontend *fe)
{
	of(fe)->tx_calls++;
}

static void on_event(struct chardev_frontend *fe, enum chardev_event event)
{
	struct fake_chardev *f = of(fe);

	if (event == CHARDEV_CONNECTED) {
		f->connects++;
		assert_true(chardev_connected(f->cd));
	} else if (event == CHARDEV_DISCONNECTED) {
		f->disconnects++;
		assert_false(chardev_connected(f->cd));
	} else {
		f->breaks++;
		f->break_at = (size_t)(f->cd->rx.head - f->cd->rx.tail);
	}
}

static void on_quit(void *opaque)
{
	struct fake_chardev *f = opaque;

	f->quits++;
}

void fake_chardev_init(struct fake_chardev *f)
{
	struct error err = { 0 };

	*f = (struct fake_chardev){
		.log = { .fd = memfd_create("log", MFD_CLOEXEC),
			 .level = LOG_DEBUG,
			 .name = "test" },
		.fe = { .rx_ready = on_rx_ready,
			.tx_ready = on_tx_ready,
			.event = on_event },
	};
	/* Callbacks are made with it held: one that takes it would hang. */
	pthread_mutex_init(&f->lock, NULL);
	f->fe.lock = &f->lock;
	assert_true(f->log.fd >= 0);
	assert_int_equal(evloop_create(&f->loop, &err), 0);
}

int fake_chardev_try(struct fake_chardev *f, const struct chardev_config *cfg,
		     struct error *err)
{
	const struct chardev_env env = {
		.loop = f->loop,
		.log = &f->log,
		.quit = on_quit,
		.opaque = f,
	};

	return chardev_open(&env, "--console x", cfg, &f->cd, err);
}

void fake_chardev_open(struct fake_chardev *f, const struct chardev_config *cfg)
{
	struct error err = { 0 };

	if (fake_chardev_try(f, cfg, &err) < 0)
		fail_msg("open: %s", err.text);
	chardev_attach(f->cd, &f->fe);
	if (chardev_start(f->cd, &err) < 0)
		fail_msg("start: %s", err.text);
	f->cd->stall_ms = FAKE_STALL_MS;
	f->cd->gather_ns = 0;
}

void fake_chardev_close(struct fake_chardev *f)
{
	chardev_close(f->cd);
	f->cd = NULL;
}

void fake_chardev_fini(struct fake_chardev *f)
{
	evloop_stop(f->loop);
	fake_chardev_close(f);
	evloop_destroy(f->loop);
	close(f->log.fd);
	pthread_mutex_destroy(&f->lock);
}

void fake_chardev_run(struct fake_chardev *f)
{
	for (int turn = 0; turn < MAX_TURNS; turn++) {
		int calls = evloop_run_once(f->loop, 0);

		assert_true(calls >= 0);
		if (calls == 0)
			return;
	}
	fail_msg("the event loop spins");
}

void fake_chardev_wait(struct fake_chardev *f, const unsigned *count,
		       unsigned want)
{
	uint64_t limit = chardev_now_ns() + WAIT_NS;

	while (*count < want) {
		assert_true(evloop_run_once(f->loop, 50) >= 0);
		if (chardev_now_ns() > limit)
			fail_msg("waited in vain: %u of %u", *count, want);
	}
	assert_int_equal(*count, want);
}

unsigned fake_chardev_idle(struct fake_chardev *f, int ms)
{
	uint64_t limit = chardev_now_ns() + (uint64_t)ms * NSEC_PER_MSEC;
	unsigned total = 0;

	do {
		int calls = evloop_run_once(f->loop, 10);

		assert_true(calls >= 0);
		total += (unsigned)calls;
	} while (chardev_now_ns() < limit);
	return total;
}

void fake_chardev_stall(struct fake_chardev *f, unsigned ms)
{
	f->cd->stall_ms = ms;
	/* It looks at once, and then waits for what is left. */
	ev_timer_set(&f->cd->stall, 0);
	f->tx_calls = 0;
	fake_chardev_wait(f, &f->tx_calls, 1);
	assert_true(f->cd->stalled);
}

const char *fake_chardev_log(struct fake_chardev *f)
{
	ssize_t n = pread(f->log.fd, f->text, sizeof(f->text) - 1, 0);

	f->text[n < 0 ? 0 : n] = '\0';
	return f->text;
}

void assert_input(struct fake_chardev *f, const void *data, size_t len)
{
	uint64_t limit = chardev_now_ns() + WAIT_NS;
	const uint8_t *want = data;
	uint8_t buf[512];
	size_t seen = 0;

	for (;;) {
		fake_chardev_run(f);
		size_t n = chardev_read(f->cd, buf, sizeof(buf));

		assert_true(seen + n <= len);
		assert_memory_equal(buf, want + seen, n);
		seen += n;
		if (n > 0)
			continue;
		if (seen == len || chardev_now_ns() > limit)
			break;
		/* What a tty passes on, it passes on a little later. */
		assert_true(evloop_run_once(f->loop, 50) >= 0);
	}
	assert_int_equal(seen, len);
}

/* Waits for @len bytes at most, and sees that no more come. */
void assert_received(struct fake_chardev *f, int fd, const void *data,
		     size_t len)
{
	const uint8_t *want = data;
	uint8_t buf[4096];
	size_t seen = 0;

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		fake_chardev_run(f);
		/* What a tty passes on, it passes on a little later. */
		if (poll(&pfd, 1, seen < len ? 10000 : 0) <= 0 ||
		    (pfd.revents & POLLIN) == 0)
			break;
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		assert_true(seen + (size_t)n <= len);
		assert_memory_equal(buf, want + seen, (size_t)n);
		seen += (size_t)n;
	}
	assert_int_equal(seen, len);
}
