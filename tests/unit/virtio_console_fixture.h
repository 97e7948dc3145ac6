/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a virtio-console device whose backends are real ones, each
 * on one end of a pair of sockets; the test has the other.
 */
#ifndef PRIVET_TESTS_VIRTIO_CONSOLE_FIXTURE_H
#define PRIVET_TESTS_VIRTIO_CONSOLE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "devices/virtio_console.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/bytes.h"
#include "vmm/chardev.h"

#define MULTIPORT VIRTIO_BIT(CONSOLE_F_MULTIPORT)
#define SIZE      VIRTIO_BIT(CONSOLE_F_SIZE)
#define EVENT_IDX VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define RX(port)  ((port) == 0 ? 0U : 2U * (port) + 2)
#define TX(port)  (RX(port) + 1)
#define CTRL_RX   2U
#define CTRL_TX   3U

/* Control events */
enum {
	READY,
	ADD,
	REMOVE,
	PORT_READY,
	CONSOLE,
	RESIZE,
	OPEN,
	NAME
};

struct console_test {
	struct vm *vm;
	struct device *dev;
	struct virtio_console *con;
	struct fake_mmio m;
	int peers[CONFIG_MAX_CONSOLES];
};

/* A console on one end of a pair, or on standard input and output. */
static inline void console_backend(struct console_test *t, unsigned i,
				   enum chardev_kind kind)
{
	const struct chardev_env env = { .loop = t->vm->loop,
					 .log = t->vm->log };
	struct error err = { 0 };
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct chardev_config cfg = { .kind = kind, .fd = fds[1] };

	if (chardev_open(&env, "console", &cfg, &t->vm->consoles[i], &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(chardev_start(t->vm->consoles[i], &err), 0);
	close(fds[1]);
	t->peers[i] = fds[0];
}

/* @kinds: one letter per console: s serial, v virtio, p a port named "portN",
 * N being its place in @kinds; t a virtio console on the terminal. */
static inline void console_make(struct console_test *t, const char *kinds)
{
	t->vm = fake_vm_create(MIB(16));
	struct vm_config *cfg = fake_vm_config(t->vm);

	for (unsigned i = 0; kinds[i] != '\0'; i++) {
		struct console_config *c = &cfg->consoles[i];
		char name[16];

		snprintf(name, sizeof(name), "port%u", i);
		c->kind = kinds[i] == 's'   ? CONSOLE_SERIAL
			  : kinds[i] == 'p' ? CONSOLE_PORT
					    : CONSOLE_VIRTIO;
		c->name = kinds[i] == 'p' ? strdup(name) : NULL;
		c->backend.kind = kinds[i] == 't' ? CHARDEV_STDIO : CHARDEV_FD;
		cfg->nr_consoles = i + 1;
		console_backend(t, i, c->backend.kind);
	}
	t->dev = fake_vm_add(t->vm, &virtio_console_device, NULL);
	t->con = container_of(t->dev, struct virtio_console, vdev.dev);
	fake_vm_freeze(t->vm);
	fake_mmio_init(&t->m, t->vm, 0);
}

/* The order of vm_destroy(): devices, consoles, loop. */
static inline void console_unmake(struct console_test *t)
{
	for (unsigned i = 0; i < CONFIG_MAX_CONSOLES; i++) {
		if (t->peers[i] > 0)
			close(t->peers[i]);
		t->peers[i] = 0;
	}
	t->dev->type->reset(t->dev);
	t->dev->type->power_off(t->dev);
	t->dev->type->destroy(t->dev);
	t->vm->nr_devices = 0;
	for (unsigned i = 0; i < CONFIG_MAX_CONSOLES; i++)
		chardev_close(t->vm->consoles[i]);
	fake_vm_destroy(t->vm);
}

static inline int console_setup(void **state)
{
	*state = calloc(1, sizeof(struct console_test));
	assert_non_null(*state);
	return 0;
}

static inline int console_teardown(void **state)
{
	struct console_test *t = *state;

	console_unmake(t);
	free(t);
	return 0;
}

static inline void console_start(struct console_test *t, uint64_t features)
{
	assert_int_equal(fake_mmio_start(&t->m, features, 0), 0);
	fake_vm_io(t->vm);
}

static inline void console_kick(struct console_test *t, unsigned queue)
{
	fake_mmio_kick(&t->m, queue);
	fake_vm_io(t->vm);
}

static inline uint64_t console_post(struct console_test *t, unsigned queue,
				    uint32_t len)
{
	struct fake_buf buf = { .gpa = fake_alloc(&t->m.drv, len, 1),
				.len = len,
				.write = true };

	fake_queue_add(&t->m.queues[queue], &buf, 1, false);
	return buf.gpa;
}

static inline void console_send(struct console_test *t, unsigned queue,
				const void *data, uint32_t len)
{
	struct fake_buf buf = { .gpa = fake_alloc_data(&t->m.drv, data, len),
				.len = len };

	fake_queue_add(&t->m.queues[queue], &buf, 1, false);
	console_kick(t, queue);
}

static inline bool console_none_used(struct console_test *t, unsigned queue)
{
	const struct fake_queue *q = &t->m.queues[queue];

	return fake_queue_used_idx(q) == q->used_seen;
}

static inline uint32_t console_used(struct console_test *t, unsigned queue)
{
	struct fake_used used;

	assert_true(fake_queue_used(&t->m.queues[queue], &used));
	return used.len;
}

/* The next used buffer of @queue holds exactly this. */
static inline void console_got(struct console_test *t, unsigned queue,
			       const void *data, uint32_t len)
{
	struct fake_queue *q = &t->m.queues[queue];
	struct fake_used used;
	uint8_t raw[16], *got = malloc(len + 1);

	assert_non_null(got);
	assert_true(fake_queue_used(q, &used));
	assert_int_equal(used.len, len);
	fake_read(&t->m.drv, q->desc + 16 * (uint64_t)used.id, raw, 16);
	fake_read(&t->m.drv, le64_load(raw), got, len);
	assert_memory_equal(got, data, len);
	free(got);
}

/* The host has received exactly this. */
static inline void peer_got(struct console_test *t, unsigned i,
			    const void *data, size_t len)
{
	uint8_t got[256];

	assert_true(len <= sizeof(got));
	ssize_t n = recv(t->peers[i], got, sizeof(got), MSG_DONTWAIT);

	assert_int_equal(n < 0 ? 0 : n, len);
	assert_memory_equal(got, data, len);
}

static inline void peer_send(struct console_test *t, unsigned i,
			     const void *data, size_t len)
{
	assert_int_equal(send(t->peers[i], data, len, 0), len);
	fake_vm_io(t->vm);
}

/* The driver sends a control message. */
static inline void ctrl_send(struct console_test *t, uint32_t id,
			     uint16_t event, uint16_t value)
{
	uint8_t msg[8];

	le32_store(msg, id);
	le16_store(msg + 4, event);
	le16_store(msg + 6, value);
	console_send(t, CTRL_TX, msg, sizeof(msg));
	assert_int_equal(console_used(t, CTRL_TX), 0);
}

/* The next control message that the driver got is this. */
static inline void ctrl_got(struct console_test *t, uint32_t id, uint16_t event,
			    uint16_t value, const void *more, uint32_t len)
{
	uint8_t msg[64];

	le32_store(msg, id);
	le16_store(msg + 4, event);
	le16_store(msg + 6, value);
	memcpy(msg + 8, more, len);
	console_got(t, CTRL_RX, msg, 8 + len);
}

static inline void ctrl_post(struct console_test *t, unsigned count)
{
	while (count-- > 0)
		console_post(t, CTRL_RX, 64);
	console_kick(t, CTRL_RX);
}

/* Device and port @id are set up, port open in the guest; messages eaten. */
static inline void console_open(struct console_test *t, uint32_t id)
{
	ctrl_send(t, 0, READY, 1);
	ctrl_send(t, id, PORT_READY, 1);
	ctrl_post(t, 16);
	while (!console_none_used(t, CTRL_RX))
		console_used(t, CTRL_RX);
	ctrl_send(t, id, OPEN, 1);
}

#endif
