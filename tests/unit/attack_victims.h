/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of virtio devices, for attacks on each of them: how to make one,
 * how to have it look at its queues, and what it must still be able to do.
 */
#ifndef PRIVET_TESTS_ATTACK_VICTIMS_H
#define PRIVET_TESTS_ATTACK_VICTIMS_H

#include "tests/unit/virtio_net_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "devices/virtio_blk.h"
#include "vmm/chardev.h"

#define RAM_SIZE   GIB(1)
#define RAM_BASE   (arch_info.ram_base)
#define RAM_END    (RAM_BASE + RAM_SIZE)
#define QUEUE_SIZE 16U
#define DISK_SIZE  MIB(4)
#define DEADLINE   120
#define MULTIPORT  VIRTIO_BIT(1)

/* Registers that both transports have, by their offset in virtio-mmio. */
enum {
	REG_FEATURES_SEL = 0x024,
	REG_FEATURES = 0x020,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_STATUS = 0x070,
	REG_DESC = 0x080,
	REG_DRIVER = 0x090,
	REG_DEVICE = 0x0a0,
};

struct arena;

/**
 * struct victim - A kind of device
 * @queues: bits of those that it looks at
 * @device_writes: bits of those whose buffers it fills
 * @features: to accept, of those that it offers
 * @add: create it
 * @open: what its driver does after DRIVER_OK before it uses @queue
 * @provoke: give it a reason to look at @queue, beyond a doorbell
 * @serve: have it do its work, which must succeed
 */
struct victim {
	const char *name;
	unsigned queues;
	unsigned device_writes;
	uint64_t features;
	struct device *(*add)(struct arena *a);
	void (*open)(struct arena *a, unsigned queue);
	void (*provoke)(struct arena *a, unsigned queue);
	void (*serve)(struct arena *a);
};

/**
 * struct arena - The machine
 * @dev, @m: the attacked device and its driver
 * @other, @other_m: the bystander and its
 * @peer: other end of the consoles
 * @buf: 64 KiB that no test keeps anything in
 * @mark: where memory of a new round begins
 */
struct arena {
	const struct victim *victim;
	struct vm *vm;
	struct device *dev;
	struct fake_mmio m;
	struct device *other;
	struct fake_mmio other_m;
	int peers[2];
	char path[64];
	void *opts;
	uint64_t buf;
	uint64_t mark;
};

/* Turn the loop until the attacked driver gets an element back. */
struct attack_wait {
	struct arena *a;
	unsigned queue;
	struct fake_used used;
};

static inline bool attack_used(void *arg)
{
	struct attack_wait *w = arg;

	return fake_queue_used(&w->a->m.queues[w->queue], &w->used);
}

static inline struct fake_used await_used(struct arena *a, unsigned queue)
{
	struct attack_wait w = { .a = a, .queue = queue };

	fake_vm_wait(a->vm, attack_used, &w, a->victim->name);
	return w.used;
}

static inline bool needs_reset(struct arena *a)
{
	return fake_mmio_status(&a->m) & VIRTIO_STATUS_NEEDS_RESET;
}

static inline void post(struct arena *a, unsigned queue, uint64_t gpa,
			uint32_t len, bool write)
{
	struct fake_buf buf = { gpa, len, write };

	fake_queue_add(&a->m.queues[queue], &buf, 1, false);
}

static inline void kick(struct arena *a, unsigned queue)
{
	fake_mmio_kick(&a->m, queue);
	fake_vm_io(a->vm);
}

/*
 * Block device.
 */

static inline void *disk_options(const char *path)
{
	const struct device_option *opt = virtio_blk_device.option;
	void *opts = calloc(1, opt->size);
	struct error err = { 0 };

	assert_non_null(opts);
	memcpy(opts, opt->defaults, opt->size);
	if (params_parse("--disk", opt->params, path, opts, &err) < 0 ||
	    opt->check(opts, &err) < 0)
		fail_msg("%s", err.text);
	return opts;
}

static inline struct device *add_blk(struct arena *a)
{
	snprintf(a->path, sizeof(a->path), "/tmp/privet-attack-XXXXXX");
	int fd = mkstemp(a->path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK_SIZE), 0);
	close(fd);
	a->opts = disk_options(a->path);
	return fake_vm_add(a->vm, &virtio_blk_device, a->opts);
}

static inline void put_blk_header(struct arena *a, uint32_t type,
				  uint64_t sector)
{
	uint8_t raw[16] = { 0 };

	le32_store(raw, type);
	le64_store(raw + 8, sector);
	fake_write(&a->m.drv, a->buf, raw, sizeof(raw));
}

/* One sector is read; Return: the status byte. */
static inline uint8_t read_sector(struct arena *a)
{
	struct fake_buf bufs[] = { { a->buf, 16, false },
				   { a->buf + 4096, 513, true } };
	uint8_t status = 0xee;

	fake_write(&a->m.drv, a->buf + 4096 + 512, &status, 1);
	fake_queue_add(&a->m.queues[0], bufs, 2, false);
	fake_mmio_kick(&a->m, 0);
	await_used(a, 0);
	fake_read(&a->m.drv, a->buf + 4096 + 512, &status, 1);
	return status;
}

static inline void serve_blk(struct arena *a)
{
	put_blk_header(a, 0, 0);
	assert_int_equal(read_sector(a), 0);
}

/*
 * Network.
 */

static inline struct device *add_net(struct arena *a)
{
	tap_state = (struct fake_tap){
		.vnet_hdr = true,
		.supported = TAP_CSUM | TAP_TSO4 | TAP_TSO6,
	};
	return net_add(a->vm, "tapif=tap0");
}

static inline void flood_net(struct arena *a, unsigned queue)
{
	if (queue == RX) {
		uint8_t packet[HDR + 60] = { 0 };

		assert_true(send(tap_state.fd, packet, sizeof(packet), 0) > 0);
	}
	fake_vm_io(a->vm);
}

static inline void serve_net(struct arena *a)
{
	uint8_t packet[HDR + 60] = { [HDR] = 0x42 };
	uint8_t got[HDR + 60];

	while (host_receive(got, sizeof(got)) > 0)
		;
	fake_write(&a->m.drv, a->buf, packet, sizeof(packet));
	post(a, TX, a->buf, sizeof(packet), false);
	kick(a, TX);
	await_used(a, TX);
	assert_int_equal(host_receive(got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, packet, sizeof(got));
	post(a, RX, a->buf, 4096, true);
	kick(a, RX);
	flood_net(a, RX);
	assert_true(await_used(a, RX).len >= sizeof(packet));
}

/*
 * Console: with one terminal, and with a terminal and a port.
 */

static inline void add_backend(struct arena *a, unsigned i,
			       enum console_kind kind)
{
	const struct chardev_env env = { .loop = a->vm->loop,
					 .log = a->vm->log };
	struct vm_config *cfg = fake_vm_config(a->vm);
	struct error err = { 0 };
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct chardev_config cd = { .kind = CHARDEV_FD, .fd = fds[1] };

	cfg->consoles[i].kind = kind;
	cfg->consoles[i].backend.kind = CHARDEV_FD;
	cfg->nr_consoles = i + 1;
	if (chardev_open(&env, "console", &cd, &a->vm->consoles[i], &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(chardev_start(a->vm->consoles[i], &err), 0);
	close(fds[1]);
	a->peers[i] = fds[0];
}

static inline struct device *add_console(struct arena *a)
{
	add_backend(a, 0, CONSOLE_VIRTIO);
	return fake_vm_add(a->vm, &virtio_console_device, NULL);
}

static inline struct device *add_ports(struct arena *a)
{
	add_backend(a, 0, CONSOLE_VIRTIO);
	add_backend(a, 1, CONSOLE_PORT);
	fake_vm_config(a->vm)->consoles[1].name = strdup("port");
	return fake_vm_add(a->vm, &virtio_console_device, NULL);
}

static inline void type_console(struct arena *a, unsigned queue)
{
	if (queue == 0)
		assert_int_equal(send(a->peers[0], "x", 1, 0), 1);
	fake_vm_io(a->vm);
}

static inline void serve_terminal(struct arena *a, unsigned peer, unsigned rx)
{
	char got[256];

	/* What an attack has sent before. */
	while (recv(a->peers[peer], got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	fake_write(&a->m.drv, a->buf, "out", 3);
	post(a, rx + 1, a->buf, 3, false);
	kick(a, rx + 1);
	await_used(a, rx + 1);
	assert_int_equal(recv(a->peers[peer], got, sizeof(got), MSG_DONTWAIT),
			 3);
	assert_memory_equal(got, "out", 3);
	post(a, rx, a->buf, 64, true);
	/* Fails where an attack has left more than enough to read. */
	(void)!send(a->peers[peer], "in", 2, MSG_DONTWAIT);
	kick(a, rx);
	assert_true(await_used(a, rx).len >= 2);
}

static inline void serve_console(struct arena *a)
{
	serve_terminal(a, 0, 0);
}

static inline void send_control(struct arena *a, uint32_t id, uint16_t event,
				uint16_t value)
{
	uint8_t msg[8];

	le32_store(msg, id);
	le16_store(msg + 4, event);
	le16_store(msg + 6, value);
	fake_write(&a->m.drv, a->buf, msg, sizeof(msg));
	post(a, 3, a->buf, sizeof(msg), false);
	kick(a, 3);
}

/* To port 1, but for the queue that is to find messages waiting for it. */
static inline void open_ports(struct arena *a, unsigned queue)
{
	if (queue == 2)
		return;
	for (unsigned i = 0; i < 8; i++)
		post(a, 2, fake_alloc(&a->m.drv, 64, 8), 64, true);
	kick(a, 2);
	send_control(a, 0, 0, 1);
	send_control(a, 1, 3, 1);
	send_control(a, 1, 6, 1);
	for (unsigned i = 0; i < 3; i++)
		await_used(a, 3);
}

static inline void type_ports(struct arena *a, unsigned queue)
{
	if (queue == 2 && a->m.nr_queues > 3)
		send_control(a, 0, 0, 1);
	if (queue == 4)
		assert_int_equal(send(a->peers[1], "x", 1, 0), 1);
	fake_vm_io(a->vm);
}

static inline void serve_ports(struct arena *a)
{
	serve_terminal(a, 1, 4);
}

/*
 * Entropy and the power button.
 */

static inline struct device *add_rng(struct arena *a)
{
	return fake_vm_add(a->vm, &virtio_rng_device, NULL);
}

static inline void serve_rng(struct arena *a)
{
	post(a, 0, a->buf, 64, true);
	kick(a, 0);
	assert_int_equal(await_used(a, 0).len, 64);
}

static inline struct device *add_input(struct arena *a)
{
	return fake_vm_add(a->vm, &virtio_input_device, NULL);
}

static inline void press_input(struct arena *a, unsigned queue)
{
	if (queue != 0)
		return;
	pthread_mutex_lock(&a->dev->lock);
	a->dev->type->power_button(a->dev);
	pthread_mutex_unlock(&a->dev->lock);
	fake_vm_io(a->vm);
}

static inline void serve_input(struct arena *a)
{
	for (unsigned i = 0; i < 4; i++)
		post(a, 0, a->buf + (uint64_t)8 * i, 8, true);
	kick(a, 0);
	press_input(a, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(await_used(a, 0).len, 8);
}

static const struct victim victims[] = {
	{ .name = "blk",
	  .queues = 1,
	  .features = UINT64_MAX,
	  .add = add_blk,
	  .serve = serve_blk },
	{ .name = "net",
	  .queues = 7,
	  .device_writes = 1,
	  .features = ~VIRTIO_BIT(NET_F_MRG_RXBUF),
	  .add = add_net,
	  .provoke = flood_net,
	  .serve = serve_net },
	{ .name = "net, merging",
	  .queues = 1,
	  .device_writes = 1,
	  .features = UINT64_MAX,
	  .add = add_net,
	  .provoke = flood_net,
	  .serve = serve_net },
	{ .name = "console",
	  .queues = 3,
	  .device_writes = 1,
	  .features = ~MULTIPORT,
	  .add = add_console,
	  .provoke = type_console,
	  .serve = serve_console },
	{ .name = "ports",
	  .queues = 0x3c,
	  .device_writes = 0x14,
	  .features = UINT64_MAX,
	  .add = add_ports,
	  .open = open_ports,
	  .provoke = type_ports,
	  .serve = serve_ports },
	{ .name = "rng",
	  .queues = 1,
	  .device_writes = 1,
	  .features = UINT64_MAX,
	  .add = add_rng,
	  .serve = serve_rng },
	{ .name = "input",
	  .queues = 3,
	  .device_writes = 1,
	  .features = UINT64_MAX,
	  .add = add_input,
	  .provoke = press_input,
	  .serve = serve_input },
};

#endif
