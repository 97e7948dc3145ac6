/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network card's driver, and the host at the other end of its tap: both
 * number their packets, and each packet arrives whole, in order, and at most
 * once.
 */
#ifndef PRIVET_TESTS_RACE_NET_H
#define PRIVET_TESTS_RACE_NET_H

#include <poll.h>

#include "tests/unit/race_guest.h"
#include "tests/unit/virtio_net_fixture.h"

#define NET_PAYLOAD 300U
#define NET_PACKET  (HDR + NET_PAYLOAD)
#define NET_RX_BUF  2048U

/**
 * struct net_guest - The driver
 * @rx_gpa, @tx_gpa: buffers, by head
 * @sent: number of the last packet sent
 * @seen: number of the last packet received
 * @received: how many there were
 */
struct net_guest {
	struct guest_dev g;
	uint64_t rx_gpa[GUEST_QUEUE_SIZE];
	uint64_t tx_gpa[GUEST_QUEUE_SIZE];
	uint32_t sent;
	uint32_t seen;
	unsigned received;
};

/**
 * struct net_host - The other end
 * @done: it may stop; atomic
 * @received: packets that came
 */
struct net_host {
	int fd;
	bool done;
	uint32_t sent;
	uint32_t seen;
	unsigned received;
};

static inline void net_make_packet(uint8_t *packet, uint32_t number)
{
	memset(packet, 0, HDR);
	guest_fill(packet + HDR, NET_PAYLOAD, number);
	le32_store(packet + HDR, number);
}

/* Return: its number. */
static inline uint32_t net_check_packet(const uint8_t *packet)
{
	uint8_t want[NET_PACKET];
	uint32_t number = le32_load(packet + HDR);

	net_make_packet(want, number);
	must(memcmp(packet + HDR, want + HDR, NET_PAYLOAD) == 0);
	return number;
}

static inline void net_begin(struct net_guest *n)
{
	guest_start(&n->g);
	for (unsigned i = 0; i < GUEST_QUEUE_SIZE; i++) {
		n->rx_gpa[i] = fake_alloc(&n->g.m.drv, NET_RX_BUF, 16);
		n->tx_gpa[i] = fake_alloc(&n->g.m.drv, NET_PACKET, 16);
	}
}

static inline void net_take(struct net_guest *n)
{
	uint8_t packet[NET_PACKET];
	struct fake_used used;

	while (guest_take(&n->g, TX, &used))
		;
	while (guest_take(&n->g, RX, &used)) {
		must(used.len == NET_PACKET);
		fake_read(&n->g.m.drv, n->rx_gpa[used.id], packet, used.len);
		uint32_t number = net_check_packet(packet);

		must(number > n->seen);
		n->seen = number;
		n->received++;
	}
}

/* A queue of single descriptors: the next head is known beforehand. */
static inline unsigned net_next_head(const struct net_guest *n, unsigned queue)
{
	const struct fake_queue *q = &n->g.m.queues[queue];

	return q->free[q->nr_free - 1];
}

static inline bool net_post(struct net_guest *n)
{
	bool added = false;

	while (guest_has_room(&n->g, RX, 1)) {
		unsigned head = net_next_head(n, RX);
		struct fake_buf buf = { n->rx_gpa[head], NET_RX_BUF, true };

		must(guest_add(&n->g, RX, &buf, 1) == head);
		added = true;
	}
	return added;
}

static inline bool net_transmit(struct net_guest *n, unsigned count)
{
	uint8_t packet[NET_PACKET];
	bool added = false;

	while (count-- > 0 && guest_has_room(&n->g, TX, 1)) {
		unsigned head = net_next_head(n, TX);
		struct fake_buf buf = { n->tx_gpa[head], NET_PACKET, false };

		net_make_packet(packet, ++n->sent);
		fake_write(&n->g.m.drv, buf.gpa, packet, sizeof(packet));
		must(guest_add(&n->g, TX, &buf, 1) == head);
		added = true;
	}
	return added;
}

/* Return: a bit for each queue whose doorbell is to be rung. */
static inline unsigned net_step(struct net_guest *n, uint64_t x)
{
	unsigned ring = 0;

	must(!guest_broken(&n->g));
	net_take(n);
	if (net_post(n))
		ring |= 1U << RX;
	if (net_transmit(n, x & 3))
		ring |= 1U << TX;
	return ring;
}

static inline void net_host_receive(struct net_host *h)
{
	uint8_t packet[NET_PACKET + 1];
	ssize_t len;

	while ((len = recv(h->fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		must(len == NET_PACKET);
		uint32_t number = net_check_packet(packet);

		must(number > h->seen);
		h->seen = number;
		h->received++;
	}
}

/* Sends as fast as the tap takes it, and reads all that comes. */
static inline void *net_host_run(void *arg)
{
	struct net_host *h = arg;
	uint8_t packet[NET_PACKET];

	while (!__atomic_load_n(&h->done, __ATOMIC_RELAXED)) {
		struct pollfd pfd = { .fd = h->fd, .events = POLLIN };

		net_host_receive(h);
		net_make_packet(packet, h->sent + 1);
		if (send(h->fd, packet, sizeof(packet), MSG_DONTWAIT) > 0)
			h->sent++;
		else
			poll(&pfd, 1, 1);
	}
	net_host_receive(h);
	return NULL;
}

#endif
