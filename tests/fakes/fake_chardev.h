/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chardev with an event loop that the test turns, a log in memory and a
 * frontend that records.
 */
#ifndef PRIVET_TESTS_FAKE_CHARDEV_H
#define PRIVET_TESTS_FAKE_CHARDEV_H

#include "vmm/chardev_impl.h"
#include "vmm/log.h"

/**
 * struct fake_chardev - A chardev under test
 * @quits, @rx_calls, @tx_calls, @connects, @disconnects: callbacks made
 * @breaks: and @break_at: bytes of input that could be read before the last
 * @text: what fake_chardev_log() read
 */
struct fake_chardev {
	struct evloop *loop;
	struct log log;
	struct chardev *cd;
	struct chardev_frontend fe;
	pthread_mutex_t lock;
	unsigned quits;
	unsigned rx_calls;
	unsigned tx_calls;
	unsigned connects;
	unsigned disconnects;
	unsigned breaks;
	size_t break_at;
	char text[8192];
};

void fake_chardev_init(struct fake_chardev *f);

/** fake_chardev_try() - Open a backend; Return: what chardev_open() did */
int fake_chardev_try(struct fake_chardev *f, const struct chardev_config *cfg,
		     struct error *err);

/** fake_chardev_open() - Open, attach and start; must succeed */
void fake_chardev_open(struct fake_chardev *f,
		       const struct chardev_config *cfg);

/** fake_chardev_close() - Close the chardev only */
void fake_chardev_close(struct fake_chardev *f);

/** fake_chardev_fini() - Close the chardev, if it is open, and the rest */
void fake_chardev_fini(struct fake_chardev *f);

/** fake_chardev_run() - Turn the loop until it is idle; fails on a spin */
void fake_chardev_run(struct fake_chardev *f);

/** fake_chardev_wait() - Turn it until *@count is @want, 10 seconds at most */
void fake_chardev_wait(struct fake_chardev *f, const unsigned *count,
		       unsigned want);

/** fake_chardev_idle() - Callbacks made within @ms without any reason */
unsigned fake_chardev_idle(struct fake_chardev *f, int ms);

/**
 * fake_chardev_stall() - Let a writer that was held back wait for @ms
 *
 * Tests are not to stall before they want it: fake_chardev_open() sets a time
 * that is never reached.
 */
void fake_chardev_stall(struct fake_chardev *f, unsigned ms);
#define FAKE_STALL_MS 600000U

const char *fake_chardev_log(struct fake_chardev *f);

/** assert_input(), assert_received() - Exactly that can be read */
void assert_input(struct fake_chardev *f, const void *data, size_t len);
void assert_received(struct fake_chardev *f, int fd, const void *data,
		     size_t len);

#endif
