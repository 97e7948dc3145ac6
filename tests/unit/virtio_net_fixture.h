/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a virtio-net device whose tap is a pair of sockets.
 *
 * Defines the functions of devices/tap.h, so that the real ones are not
 * linked: include it once in a test.
 */
#ifndef PRIVET_TESTS_VIRTIO_NET_FIXTURE_H
#define PRIVET_TESTS_VIRTIO_NET_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "devices/virtio_net.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"

#define RX         NET_QUEUE_RX
#define TX         NET_QUEUE_TX
#define CTRL       NET_QUEUE_CTRL
#define BIT(n)     VIRTIO_BIT(n)
#define EVENT_IDX  BIT(VIRTIO_F_EVENT_IDX)
#define HDR        TAP_HDR_LEN
#define MAX_PACKET (HDR + TAP_MAX_PACKET)

/* What the device under test asked of its tap, and how that behaves. */
struct fake_tap {
	int fd;
	bool vnet_hdr;
	unsigned supported;
	unsigned offloads;
	unsigned offload_calls;
	unsigned reads;
	/* So many of the next reads lose their packet. */
	unsigned lost_reads;
	unsigned writes;
	int read_error;
	int write_error;
};

struct net_test {
	struct vm *vm;
	struct device *dev;
	struct fake_mmio m;
	uint8_t packet[MAX_PACKET + 2];
};

static struct fake_tap tap_state;

int tap_open(struct tap *tap, const char *option, const char *name,
	     struct error *err)
{
	int pair[2];
	int size = 1 << 20;

	(void)option;
	if (strcmp(name, "absent") == 0)
		return error_host(err, -EPERM, "no such interface");
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*tap = (struct tap){ .fd = pair[0],
			     .vnet_hdr = tap_state.vnet_hdr,
			     .created = strcmp(name, "new0") == 0,
			     .offloads = tap_state.supported };
	memcpy(tap->name, name, strnlen(name, sizeof(tap->name) - 1));
	tap_state.fd = pair[1];
	return 0;
}

int tap_open_fd(struct tap *tap, const char *option, int fd, struct error *err)
{
	(void)fd;
	return tap_open(tap, option, "byfd", err);
}

void tap_close(struct tap *tap)
{
	close(tap->fd);
	close(tap_state.fd);
}

int tap_set_offload(const struct tap *tap, unsigned offloads)
{
	(void)tap;
	tap_state.offloads = offloads;
	tap_state.offload_calls++;
	return 0;
}

ssize_t tap_read(const struct tap *tap, void *buf, size_t len)
{
	tap_state.reads++;
	if (tap_state.read_error != 0)
		return tap_state.read_error;

	ssize_t got = recv(tap->fd, buf, len, MSG_DONTWAIT);
	if (got >= 0 && tap_state.lost_reads > 0) {
		tap_state.lost_reads--;
		return -EINVAL;
	}
	return got < 0 ? -errno : got;
}

int tap_write(const struct tap *tap, const struct iovec *iov, unsigned count)
{
	struct msghdr msg = { .msg_iov = (void *)(uintptr_t)iov,
			      .msg_iovlen = count };

	tap_state.writes++;
	if (tap_state.write_error != 0)
		return tap_state.write_error;
	return sendmsg(tap->fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Options as the command line would fill them; free() the result. */
static inline void *net_options(const char *arg, struct error *err)
{
	const struct device_option *opt = virtio_net_device.option;
	void *opts = calloc(1, opt->size);

	assert_non_null(opts);
	memcpy(opts, opt->defaults, opt->size);
	if (params_parse("--network", opt->params, arg, opts, err) == 0 &&
	    opt->check(opts, err) == 0)
		return opts;
	params_free(opt->params, opts);
	free(opts);
	return NULL;
}

static inline struct device *net_add(struct vm *vm, const char *arg)
{
	struct error err = { 0 };
	void *opts = net_options(arg, &err);

	assert_non_null(opts);
	struct device *dev = fake_vm_add(vm, &virtio_net_device, opts);

	params_free(virtio_net_device.option->params, opts);
	free(opts);
	return dev;
}

static inline void net_make(struct net_test *t, const char *arg)
{
	t->vm = fake_vm_create(MIB(16));
	t->dev = net_add(t->vm, arg);
	fake_vm_freeze(t->vm);
	fake_mmio_init(&t->m, t->vm, 0);
}

static inline int net_setup(void **state)
{
	struct net_test *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	tap_state = (struct fake_tap){
		.vnet_hdr = true,
		.supported = TAP_CSUM | TAP_TSO4 | TAP_TSO6,
	};
	net_make(t, "tapif=tap0");
	*state = t;
	return 0;
}

static inline int net_teardown(void **state)
{
	struct net_test *t = *state;

	fake_vm_destroy(t->vm);
	free(t);
	return 0;
}

static inline void net_start(struct net_test *t, uint64_t features,
			     uint16_t size)
{
	assert_int_equal(fake_mmio_start(&t->m, features, size), 0);
	assert_int_equal(t->m.nr_queues, NET_QUEUES);
	fake_vm_io(t->vm);
}

static inline void net_kick(struct net_test *t, unsigned queue)
{
	fake_mmio_kick(&t->m, queue);
	fake_vm_io(t->vm);
}

/* A packet of @len bytes after the header, which is zeros, different for
 * every @seed. */
static inline const uint8_t *net_packet(struct net_test *t, size_t len,
					unsigned seed)
{
	memset(t->packet, 0, HDR);
	for (size_t i = 0; i < len; i++)
		t->packet[HDR + i] = (uint8_t)(i * 7 + i / 256 + seed);
	return t->packet;
}

/* The host's network stack sends t->packet to the guest. */
static inline void host_send(struct net_test *t, size_t len)
{
	assert_int_equal(send(tap_state.fd, t->packet, HDR + len, 0),
			 HDR + len);
}

/* What the guest sent, or -EAGAIN. */
static inline ssize_t host_receive(uint8_t *buf, size_t len)
{
	ssize_t got = recv(tap_state.fd, buf, len, MSG_DONTWAIT);

	return got < 0 ? -errno : got;
}

static inline uint64_t rx_post(struct net_test *t, uint32_t len)
{
	struct fake_buf buf = { .gpa = fake_alloc(&t->m.drv, len, 1),
				.len = len,
				.write = true };

	fake_queue_add(&t->m.queues[RX], &buf, 1, false);
	return buf.gpa;
}

/* Take a used buffer of @queue, which must be there. */
static inline uint32_t net_used(struct net_test *t, unsigned queue)
{
	struct fake_used used;

	assert_true(fake_queue_used(&t->m.queues[queue], &used));
	return used.len;
}

static inline bool net_none_used(struct net_test *t, unsigned queue)
{
	const struct fake_queue *q = &t->m.queues[queue];

	return fake_queue_used_idx(q) == q->used_seen;
}

/* Send @len bytes, header included, from one descriptor. */
static inline void tx_post(struct net_test *t, const void *data, uint32_t len)
{
	struct fake_buf buf = { .gpa = fake_alloc_data(&t->m.drv, data, len),
				.len = len };

	fake_queue_add(&t->m.queues[TX], &buf, 1, false);
}

#endif
