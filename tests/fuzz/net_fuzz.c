/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net: packets both ways, commands, and a tap that does as it likes. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/table.h"
#include "devices/virtio_net.h"
#include "tests/fuzz/guest.h"

/**
 * struct stub_tap - The host's side: takes the place of devices/tap.c
 * @ready: an eventfd that is readable while there are packets
 * @packets: how many wait; each has @len bytes, the first of which are @head
 * @read_error, @write_error: what the next call fails with, once
 */
static struct {
	int ready;
	unsigned packets;
	size_t len;
	uint8_t head[32];
	int read_error;
	int write_error;
} stub_tap;

int tap_open(struct tap *tap, const char *option, const char *name,
	     struct error *err)
{
	(void)option;
	(void)name;
	(void)err;
	stub_tap.ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	FUZZ_CHECK(stub_tap.ready >= 0);
	*tap = (struct tap){
		.fd = stub_tap.ready,
		.vnet_hdr = name[3] == '0',
		.offloads = name[3] == '0' ? TAP_CSUM | TAP_TSO4 | TAP_TSO6 : 0,
		.name = "tap0",
	};
	return 0;
}

int tap_open_fd(struct tap *tap, const char *option, int fd, struct error *err)
{
	(void)fd;
	return tap_open(tap, option, "tap1", err);
}

void tap_close(struct tap *tap)
{
	close(tap->fd);
}

int tap_set_offload(const struct tap *tap, unsigned offloads)
{
	FUZZ_CHECK((offloads & ~tap->offloads) == 0);
	FUZZ_CHECK((offloads & ~TAP_CSUM) == 0 || (offloads & TAP_CSUM) != 0);
	return 0;
}

static int once(int *error)
{
	int code = *error;

	*error = 0;
	return code;
}

ssize_t tap_read(const struct tap *tap, void *buf, size_t len)
{
	uint64_t count;
	int code = once(&stub_tap.read_error);

	if (code != 0)
		return code;
	if (stub_tap.packets == 0)
		return -EAGAIN;
	if (--stub_tap.packets == 0)
		FUZZ_CHECK(read(tap->fd, &count, sizeof(count)) > 0);
	FUZZ_CHECK(len >= TAP_HDR_LEN);
	size_t n = min_size(len, stub_tap.len);

	memset(buf, 0x55, n);
	memcpy(buf, stub_tap.head, min_size(n, sizeof(stub_tap.head)));
	return (ssize_t)n;
}

int tap_write(const struct tap *tap, const struct iovec *iov, unsigned count)
{
	volatile uint8_t sum = 0;
	int code = once(&stub_tap.write_error);

	(void)tap;
	if (code != 0)
		return code;
	FUZZ_CHECK(count >= 2 && iov[0].iov_len == TAP_HDR_LEN);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *at = iov[i].iov_base;

		sum = (uint8_t)(sum + at[0]);
		sum = (uint8_t)(sum + at[iov[i].iov_len - 1]);
	}
	return 0;
}

static void put_command(struct guest *g, uint64_t gpa)
{
	static const uint8_t commands[][2] = {
		{ 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 }, { 1, 0 }, { 4, 0 },
	};
	uint8_t raw[32], byte = take_u8(&g->in);

	take_bytes(&g->in, raw, sizeof(raw));
	memcpy(raw, commands[byte % ARRAY_SIZE(commands)], 2);
	/* Entries of a table, if it is one. */
	if (raw[0] == 1 && raw[1] == 0)
		le32_store(raw + 2, byte < 240 ? byte / 64U : 0x2aaaaaab);
	guest_write(g, gpa, raw, sizeof(raw));
}

static unsigned command(struct guest *g, struct fake_buf *bufs)
{
	static const uint8_t lens[] = { 3, 8, 10, 16, 22, 1 };
	uint64_t gpa = g->arena + 32U * take_u8(&g->in);
	uint32_t len = lens[take_below(&g->in, ARRAY_SIZE(lens))];

	put_command(g, gpa);
	bufs[0] = (struct fake_buf){ gpa, 2, false };
	bufs[1] = (struct fake_buf){ gpa + 2, len, false };
	bufs[2] = (struct fake_buf){ gpa + 64, 1, true };
	return take_rarely(&g->in, 8) ? 2 : 3;
}

static unsigned packet(struct guest *g, struct fake_buf *bufs, unsigned max)
{
	uint8_t raw[12];
	uint64_t gpa = g->arena + 16U * take_u8(&g->in);

	take_bytes(&g->in, raw, sizeof(raw));
	/* Flags and GSO types that there are, mostly. */
	if (raw[10] < 192) {
		raw[0] &= 1;
		raw[1] = (uint8_t)(raw[1] % 3 * 2 - (raw[1] % 3 == 1));
	}
	guest_write(g, gpa, raw, sizeof(raw));
	bufs[0] = (struct fake_buf){ gpa, TAP_HDR_LEN, false };
	if ((raw[11] & 7) == 0)
		bufs[0].len = guest_len(g);
	return 1 + guest_bufs(g, bufs + 1, max - 1, false);
}

static unsigned request(struct guest *g, unsigned queue, struct fake_buf *bufs,
			unsigned max)
{
	if (queue == NET_QUEUE_CTRL && !take_rarely(&g->in, 8))
		return command(g, bufs);
	if (queue == NET_QUEUE_TX)
		return packet(g, bufs, max);
	return guest_bufs(g, bufs, max, true);
}

static void host(struct guest *g)
{
	static const int errors[] = { -EAGAIN, -EINVAL, -EIO, -ENODEV };
	uint8_t kind = take_u8(&g->in);
	uint64_t one = 1;

	if (kind >= 240) {
		stub_tap.read_error = errors[kind % 4];
	} else if (kind >= 192) {
		stub_tap.write_error = errors[kind % 4 / 2 * (kind % 3)];
		return;
	}
	take_bytes(&g->in, stub_tap.head, sizeof(stub_tap.head));
	stub_tap.len = 12 + (kind < 96 ? kind * 16U : take_u16(&g->in) + 16U);
	if (kind % 16 == 1)
		stub_tap.len = take_u8(&g->in);
	stub_tap.packets = 1 + kind % 5;
	FUZZ_CHECK(write(stub_tap.ready, &one, sizeof(one)) == sizeof(one));
	fake_vm_io(g->vm);
}

static const struct guest_target target = {
	.request = request,
	.host = host,
};

static struct device *add_network(struct guest *g)
{
	const struct device_option *opt = virtio_net_device.option;
	void *opts = calloc(1, opt->size);
	struct error err = { 0 };
	const char *arg = take_rarely(&g->in, 8) ? "tapif=tap1" : "tapif=tap0";

	FUZZ_CHECK(opts != NULL);
	memcpy(opts, opt->defaults, opt->size);
	FUZZ_CHECK(params_parse("--network", opt->params, arg, opts, &err) ==
		   0);
	FUZZ_CHECK(opt->check(opts, &err) == 0);
	struct device *dev = fake_vm_add(g->vm, &virtio_net_device, opts);

	params_free(opt->params, opts);
	free(opts);
	return dev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	memset(&stub_tap, 0, sizeof(stub_tap));
	struct guest *g = guest_begin(data, len);

	guest_run(g, add_network(g), &target);
	guest_end(g);
	return 0;
}
