/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console's driver that uses all its queues and says anything on the control
 * queue, and clients that come, talk, and leave in the middle of it.
 */
#ifndef PRIVET_TESTS_RACE_CONSOLE_H
#define PRIVET_TESTS_RACE_CONSOLE_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/race_guest.h"
#include "vmm/chardev_impl.h"

#define CON_PORTS   2U
#define CON_CTRL_TX 3U
#define CON_BUF     512U

/**
 * struct con_guest - The driver
 * @gpa: buffers, by queue and head
 * @bytes: that were received
 */
struct con_guest {
	struct guest_dev g;
	uint64_t gpa[GUEST_QUEUES][GUEST_QUEUE_SIZE];
	unsigned bytes;
};

/**
 * struct con_clients - The host's side
 * @dir: has the sockets
 * @done: they may stop; atomic
 * @count: clients that came and left
 */
struct con_clients {
	char dir[64];
	bool done;
	unsigned count;
};

static inline struct sockaddr_un con_address(const struct con_clients *c,
					     unsigned port)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%u", c->dir, port);
	return addr;
}

static inline void con_begin(struct con_guest *c)
{
	guest_start(&c->g);
	for (unsigned q = 0; q < c->g.m.nr_queues; q++)
		for (unsigned i = 0; i < GUEST_QUEUE_SIZE; i++)
			c->gpa[q][i] = fake_alloc(&c->g.m.drv, CON_BUF, 16);
}

static inline void con_take(struct con_guest *c)
{
	struct fake_used used;

	for (unsigned q = 0; q < c->g.m.nr_queues; q++) {
		while (guest_take(&c->g, q, &used)) {
			must(used.len <= (q % 2 == 0 ? CON_BUF : 0));
			c->bytes += used.len;
		}
	}
}

/* READY, OPEN and others, for a port that there may be. */
static inline void con_control(uint8_t *msg, uint64_t x)
{
	static const uint16_t events[] = { 0, 3, 3, 6, 6, 6, 7, 9 };

	memset(msg, 0, 8);
	le32_store(msg, x & 3);
	le16_store(msg + 4, events[x >> 8 & 7]);
	le16_store(msg + 6, (x >> 16 & 7) != 0);
}

static inline void con_add(struct con_guest *c, unsigned queue, uint64_t x)
{
	const struct fake_queue *q = &c->g.m.queues[queue];
	uint64_t gpa = c->gpa[queue][q->free[q->nr_free - 1]];
	struct fake_buf buf = { gpa, CON_BUF, queue % 2 == 0 };
	uint8_t data[CON_BUF];

	guest_fill(data, sizeof(data), (unsigned)x);
	if (queue == CON_CTRL_TX) {
		con_control(data, x);
		buf.len = 8;
	}
	if (!buf.write)
		fake_write(&c->g.m.drv, gpa, data, buf.len);
	guest_add(&c->g, queue, &buf, 1);
}

/* Return: a bit for each queue whose doorbell is to be rung. */
static inline unsigned con_step(struct con_guest *c, uint64_t x)
{
	unsigned queue = (unsigned)(x % c->g.m.nr_queues);

	must(!guest_broken(&c->g));
	con_take(c);
	if (!guest_has_room(&c->g, queue, 1))
		return 0;
	con_add(c, queue, x >> 8);
	return 1U << queue;
}

static inline void con_one_client(const struct con_clients *c, uint64_t x)
{
	struct sockaddr_un addr = con_address(c, (unsigned)(x % CON_PORTS));
	uint8_t buf[3000] = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	must(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	if (x & 8)
		send(fd, buf, 1 + x % sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (x & 16)
		shutdown(fd, x & 32 ? SHUT_WR : SHUT_RD);
	for (unsigned i = 0; i < (x >> 8 & 7); i++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		poll(&pfd, 1, 1);
		recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	}
	close(fd);
}

static inline void *con_clients_run(void *arg)
{
	struct con_clients *c = arg;
	uint64_t seed = 0x2545f4914f6cdd1d;

	while (!__atomic_load_n(&c->done, __ATOMIC_RELAXED)) {
		con_one_client(c, next_random(&seed));
		c->count++;
	}
	return NULL;
}

#endif
