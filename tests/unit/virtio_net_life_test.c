/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net: options, features, control queue, link, reset, saved state. */
#include "tests/unit/virtio_net_fixture.h"

#include <sys/mman.h>

#include "vmm/snapshot.h"

#define COMMON                                                               \
	(BIT(VIRTIO_F_VERSION_1) | EVENT_IDX | BIT(VIRTIO_F_INDIRECT_DESC) | \
	 BIT(NET_F_MAC) | BIT(NET_F_STATUS) | BIT(NET_F_MRG_RXBUF) |         \
	 BIT(NET_F_CTRL_VQ) | BIT(NET_F_CTRL_RX) | BIT(NET_F_CTRL_MAC_ADDR))
#define SEND_OFFLOADS \
	(BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4) | BIT(NET_F_HOST_TSO6))
#define GUEST_CSUM BIT(NET_F_GUEST_CSUM)
#define GUEST_TSO4 BIT(NET_F_GUEST_TSO4)
#define GUEST_TSO6 BIT(NET_F_GUEST_TSO6)

/* The fixture's machine made again with another option. */
static void remake(struct net_test *t, const char *arg)
{
	fake_vm_destroy(t->vm);
	net_make(t, arg);
}

static void refuses_bad_options(void **state)
{
	static const struct {
		const char *arg;
		const char *text;
	} cases[] = {
		{ "mode=tap", "one of tapif=NAME and fd=N" },
		{ "tapif=tap0,fd=3", "one of tapif=NAME and fd=N" },
		{ "mode=user", "no mode=user" },
		{ "mode=none,tapif=tap0", "goes with nothing else" },
		{ "mode=bridge", "mode" },
		{ "tapif=abcdefghijklmnop", "not an interface's name" },
		{ "tapif=tap%d", "not an interface's name" },
		{ "tapif=a/b", "not an interface's name" },
		{ "tapif=tap0,mtu=67", "from 68 to 65535" },
		{ "tapif=tap0,mtu=65536", "from 68 to 65535" },
		{ "tapif=tap0,guest_mac=03:00:00:00:00:01", "guest_mac" },
		{ "tapif=tap0,mac=02:00:00:00:00:01,"
		  "guest_mac=02:00:00:00:00:02",
		  "give one" },
		{ "tapif=tap0,trans=mmio", "not known here" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };

		assert_null(net_options(cases[i].arg, &err));
		assert_int_equal(err.status, EXIT_STATUS_USAGE);
		if (strstr(err.text, cases[i].text) == NULL)
			fail_msg("%s: %s", cases[i].arg, err.text);
	}
}

static void takes_good_options(void **state)
{
	static const char *const cases[] = {
		"mode=tap,tapif=abcdefghijklmno",
		"fd=0",
		"tapif=tap0,mtu=68",
		"tapif=tap0,mtu=65535",
		"tapif=tap0,mac=02:00:00:00:00:01",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		void *opts = net_options(cases[i], &err);

		assert_non_null(opts);
		params_free(virtio_net_device.option->params, opts);
		free(opts);
	}
	assert_string_equal(virtio_net_device.option->none, "mode=none");
}

static void create_passes_the_error_on(void **state)
{
	struct net_test *t = *state;
	struct error err = { 0 };
	struct device *dev = NULL;
	struct device_config dc = { .type = &virtio_net_device,
				    .opts = net_options("tapif=absent", &err) };

	assert_int_equal(virtio_net_device.create(t->vm, &dc, &dev, &err),
			 -EPERM);
	assert_null(dev);
	params_free(virtio_net_device.option->params, dc.opts);
	free(dc.opts);
}

static void costs_little_while_idle(void **state)
{
	struct net_test *t = *state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (sizeof(struct virtio_net) + page - 1) / page;
	unsigned char resident[64];
	size_t touched = 0;

	net_start(t, BIT(NET_F_MRG_RXBUF), 8);
	assert_true(pages <= sizeof(resident));
	assert_int_equal(
		mincore(container_of(t->dev, struct virtio_net, vdev.dev),
			sizeof(struct virtio_net), resident),
		0);
	for (size_t i = 0; i < pages; i++)
		touched += resident[i] & 1;
	assert_true(touched * page <= KIB(16) || touched <= 2);
}

static void says_that_it_made_an_interface(void **state)
{
	struct net_test *t = *state;

	assert_null(strstr(fake_vm_log(t->vm), "made interface"));
	remake(t, "tapif=new0");
	assert_non_null(strstr(fake_vm_log(t->vm), "ip link set new0 up"));
}

static void offers_what_the_tap_can(void **state)
{
	struct net_test *t = *state;
	uint64_t guest = GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6;

	assert_int_equal(fake_mmio_offered(&t->m),
			 COMMON | SEND_OFFLOADS | guest);
	tap_state.supported = TAP_CSUM | TAP_TSO4;
	remake(t, "tapif=tap0,mtu=1400");
	assert_int_equal(fake_mmio_offered(&t->m),
			 COMMON | SEND_OFFLOADS | GUEST_CSUM | GUEST_TSO4 |
				 BIT(NET_F_MTU));
	tap_state.supported = 0;
	tap_state.vnet_hdr = false;
	remake(t, "fd=7");
	assert_int_equal(fake_mmio_offered(&t->m), COMMON);
}

static void has_a_configuration(void **state)
{
	struct net_test *t = *state;
	static const uint8_t want[] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
					1,    0,    1,    0,    0x78, 0x05 };

	remake(t, "tapif=tap0,guest_mac=02:11:22:33:44:55,mtu=1400");
	for (unsigned i = 0; i < sizeof(want); i++)
		assert_int_equal(fake_mmio_config(&t->m, i, 1), want[i]);
	/* Nothing in it can be written. */
	fake_mmio_config_write(&t->m, 0, 1, 0xee);
	assert_int_equal(fake_mmio_config(&t->m, 0, 1), 0x02);
}

static uint64_t read_mac(struct net_test *t)
{
	return fake_mmio_config(&t->m, 0, 4) | fake_mmio_config(&t->m, 4, 2)
						       << 32;
}

static void makes_up_addresses(void **state)
{
	struct net_test *t = *state;
	uint64_t first = read_mac(t);

	assert_int_equal(first & 3, 2);
	/* The same name, the same address; another index, another one. */
	fake_vm_destroy(t->vm);
	t->vm = fake_vm_create(MIB(16));
	net_add(t->vm, "tapif=tap0");
	int other_end = tap_state.fd;

	net_add(t->vm, "tapif=tap1");
	fake_vm_freeze(t->vm);
	fake_mmio_init(&t->m, t->vm, 0);
	assert_int_equal(read_mac(t), first);
	fake_mmio_init(&t->m, t->vm, 1);
	assert_int_equal(read_mac(t) & 3, 2);
	assert_int_not_equal(read_mac(t), first);
	/* tap_close() of the fixture knows of one only. */
	int last = tap_state.fd;

	tap_state.fd = dup(other_end);
	fake_vm_destroy(t->vm);
	close(other_end);
	close(last);

	t->vm = fake_vm_create(MIB(16));
	free(fake_vm_config(t->vm)->name);
	fake_vm_config(t->vm)->name = strdup("other");
	t->dev = net_add(t->vm, "tapif=tap0");
	fake_vm_freeze(t->vm);
	fake_mmio_init(&t->m, t->vm, 0);
	assert_int_not_equal(read_mac(t), first);
}

static void follows_negotiated_offloads(void **state)
{
	struct net_test *t = *state;
	static const struct {
		uint64_t features;
		unsigned offloads;
	} cases[] = {
		{ 0, 0 },
		{ GUEST_CSUM, TAP_CSUM },
		{ GUEST_TSO4, 0 },
		{ GUEST_CSUM | GUEST_TSO4, TAP_CSUM | TAP_TSO4 },
		{ GUEST_CSUM | GUEST_TSO6, TAP_CSUM | TAP_TSO6 },
		{ GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6,
		  TAP_CSUM | TAP_TSO4 | TAP_TSO6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		net_start(t, cases[i].features, 8);
		assert_int_equal(tap_state.offloads, cases[i].offloads);
		fake_mmio_reset(&t->m);
	}
}

/*
 * The call takes a lock of the host's whole network stack: no vCPU waits for
 * it, and a driver that starts over and over does not make it over and over.
 */
static void spares_the_host_offload_calls(void **state)
{
	struct net_test *t = *state;

	assert_int_equal(fake_mmio_start(&t->m, GUEST_CSUM, 8), 0);
	assert_int_equal(tap_state.offload_calls, 0);
	fake_vm_io(t->vm);
	assert_int_equal(tap_state.offload_calls, 1);
	for (unsigned i = 0; i < 10; i++)
		net_start(t, GUEST_CSUM, 8);
	assert_int_equal(tap_state.offload_calls, 1);

	/* A driver that takes less is seen to before it gets a packet. */
	assert_int_equal(fake_mmio_start(&t->m, 0, 8), 0);
	rx_post(t, 2048);
	net_packet(t, 60, 1);
	host_send(t, 60);
	fake_vm_io(t->vm);
	assert_int_equal(tap_state.offload_calls, 2);
	assert_int_equal(tap_state.offloads, 0);
	assert_int_equal(net_used(t, RX), HDR + 60);
}

/*
 * The control queue.
 */

/* Return: the ack, or -1 when none was written. */
static int control(struct net_test *t, const void *cmd, uint32_t len)
{
	uint8_t ack = 0xee;
	struct fake_buf bufs[] = {
		{ fake_alloc_data(&t->m.drv, cmd, len), len, false },
		{ fake_alloc_data(&t->m.drv, &ack, 1), 1, true },
	};

	fake_queue_add(&t->m.queues[CTRL], bufs, 2, false);
	net_kick(t, CTRL);
	assert_int_equal(net_used(t, CTRL), 1);
	fake_read(&t->m.drv, bufs[1].gpa, &ack, 1);
	return ack == 0xee ? -1 : ack;
}

#define MAC1 1, 2, 3, 4, 5, 6

static void runs_commands(void **state)
{
	struct net_test *t = *state;
	static const struct {
		uint8_t cmd[24];
		uint32_t len;
		int ack;
	} cases[] = {
		{ { 0, 0, 1 }, 3, 0 },
		{ { 0, 0, 0 }, 3, 0 },
		{ { 0, 1, 1 }, 3, 0 },
		{ { 0, 0, 2 }, 3, 1 },
		{ { 0, 0 }, 2, 1 },
		{ { 0, 0, 1, 0 }, 4, 1 },
		/* Not offered: ALLUNI, VLAN, announcement, queue pairs. */
		{ { 0, 2, 1 }, 3, 1 },
		{ { 2, 0, 1, 0 }, 4, 1 },
		{ { 3, 0 }, 2, 1 },
		{ { 4, 0, 1, 0 }, 4, 1 },
		{ { 0 }, 1, 1 },
		/* Two tables of addresses. */
		{ { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 10, 0 },
		{ { 1, 0, 1, 0, 0, 0, MAC1, 0, 0, 0, 0 }, 16, 0 },
		{ { 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, MAC1 }, 16, 0 },
		{ { 1, 0, 1, 0, 0, 0, MAC1, 0, 0, 0 }, 15, 1 },
		{ { 1, 0, 2, 0, 0, 0, MAC1, 0, 0, 0, 0 }, 16, 1 },
		{ { 1, 0, 1, 0, 0, 0, MAC1 }, 12, 1 },
		{ { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 11, 1 },
		{ { 1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 }, 10, 1 },
		{ { 1, 0, 0xab, 0xaa, 0xaa, 0x2a, 0, 0, 0, 0 }, 10, 1 },
		{ { 1, 0, 0xab, 0xaa, 0xaa, 0x2a, 0, 0, 0, 0, 0, 0 }, 12, 1 },
		/* A new address: five bytes, seven, a group, none at all. */
		{ { 1, 1, 2, 1, 1, 1, 1 }, 7, 1 },
		{ { 1, 1, 2, 1, 1, 1, 1, 1, 1 }, 9, 1 },
		{ { 1, 1, 3, 1, 1, 1, 1, 1 }, 8, 1 },
		{ { 1, 1, 0, 0, 0, 0, 0, 0 }, 8, 1 },
	};

	net_start(t,
		  BIT(NET_F_CTRL_VQ) | BIT(NET_F_CTRL_RX) |
			  BIT(NET_F_CTRL_MAC_ADDR),
		  8);
	uint64_t mac = read_mac(t);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int ack = control(t, cases[i].cmd, cases[i].len);

		if (ack != cases[i].ack)
			fail_msg("command %zu: ack %d", i, ack);
	}
	assert_int_equal(read_mac(t), mac);
	assert_false(fake_mmio_status(&t->m) & VIRTIO_STATUS_NEEDS_RESET);
}

static void sets_the_address_until_reset(void **state)
{
	struct net_test *t = *state;
	static const uint8_t cmd[] = { 1, 1, 0x52, 0x54, 0, 1, 2, 3 };
	uint64_t mac = read_mac(t);

	net_start(t, BIT(NET_F_CTRL_VQ) | BIT(NET_F_CTRL_MAC_ADDR), 8);
	assert_int_equal(control(t, cmd, sizeof(cmd)), 0);
	assert_int_equal(read_mac(t), 0x030201005452ULL);
	fake_mmio_reset(&t->m);
	assert_int_equal(read_mac(t), mac);

	/* Without the feature it is refused. */
	net_start(t, BIT(NET_F_CTRL_VQ), 8);
	assert_int_equal(control(t, cmd, sizeof(cmd)), 1);
	assert_int_equal(read_mac(t), mac);
}

static void survives_commands_without_ack(void **state)
{
	struct net_test *t = *state;
	static const uint8_t cmd[] = { 0, 0, 1 };

	net_start(t, BIT(NET_F_CTRL_VQ) | BIT(NET_F_CTRL_RX), 8);
	struct fake_buf out = { fake_alloc_data(&t->m.drv, cmd, 3), 3, false };
	struct fake_buf in = { fake_alloc(&t->m.drv, 1, 1), 1, true };

	fake_queue_add(&t->m.queues[CTRL], &out, 1, false);
	fake_queue_add(&t->m.queues[CTRL], &in, 1, false);
	net_kick(t, CTRL);
	assert_int_equal(net_used(t, CTRL), 0);
	assert_int_equal(net_used(t, CTRL), 1);
	assert_int_equal(control(t, cmd, 3), 0);
}

/*
 * Link.
 */

static unsigned count_lines(struct net_test *t, const char *text)
{
	unsigned lines = 0;

	for (const char *at = fake_vm_log(t->vm);
	     (at = strstr(at, text)) != NULL; at++)
		lines++;
	return lines;
}

static void check_link_down(struct net_test *t)
{
	assert_int_equal(fake_mmio_config(&t->m, 6, 2), 0);
	assert_int_equal(count_lines(t, "is gone"), 1);
	/* Packets go nowhere, but their buffers come back. */
	unsigned writes = tap_state.writes;

	for (unsigned i = 0; i < 3; i++)
		tx_post(t, net_packet(t, 60, i), HDR + 60);
	net_kick(t, TX);
	assert_int_equal(tap_state.writes, writes);
	rx_post(t, 2048);
	net_kick(t, RX);
	assert_int_equal(fake_vm_io(t->vm), 0);
	assert_int_equal(fake_queue_used_idx(&t->m.queues[TX]),
			 t->m.queues[TX].avail_idx);
	assert_int_equal(count_lines(t, "is gone"), 1);
}

static void link_goes_down_on_read(void **state)
{
	struct net_test *t = *state;

	net_start(t, BIT(NET_F_STATUS), 16);
	assert_int_equal(fake_mmio_config(&t->m, 6, 2), 1);
	rx_post(t, 2048);
	tap_state.read_error = -ENODEV;
	net_packet(t, 60, 1);
	host_send(t, 60);
	fake_vm_io(t->vm);
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_CONFIG);
	check_link_down(t);

	/* A reset does not bring it back. */
	net_start(t, BIT(NET_F_STATUS), 16);
	assert_int_equal(fake_mmio_config(&t->m, 6, 2), 0);
}

static void link_goes_down_on_write(void **state)
{
	struct net_test *t = *state;

	net_start(t, BIT(NET_F_STATUS), 16);
	tap_state.write_error = -ENODEV;
	for (unsigned i = 0; i < 3; i++)
		tx_post(t, net_packet(t, 60, i), HDR + 60);
	net_kick(t, TX);
	assert_int_equal(fake_mmio_irq(&t->m),
			 VIRTIO_ISR_CONFIG | VIRTIO_ISR_QUEUE);
	for (unsigned i = 0; i < 3; i++)
		net_used(t, TX);
	check_link_down(t);
}

/* A hang-up is seen whatever we poll for, and must not be seen for ever. */
static void link_goes_down_while_idle(void **state)
{
	struct net_test *t = *state;
	struct virtio_net *net =
		container_of(t->dev, struct virtio_net, vdev.dev);

	shutdown(net->tap.fd, SHUT_RDWR);
	shutdown(tap_state.fd, SHUT_RDWR);
	fake_vm_io(t->vm);
	assert_false(net->link);
	net_start(t, BIT(NET_F_STATUS), 16);
	check_link_down(t);
}

/*
 * Reset and saved state.
 */

/* A packet that waits for buffers, and one that waits for the tap. */
static void get_stuck(struct net_test *t, uint64_t features)
{
	struct virtio_net *net =
		container_of(t->dev, struct virtio_net, vdev.dev);
	int size = 1;

	net_start(t, features, 32);
	setsockopt(net->tap.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (unsigned i = 0; i < 20; i++)
		tx_post(t, net_packet(t, 1000, i), HDR + 1000);
	net_kick(t, TX);
	rx_post(t, 100);
	net_packet(t, 300, 77);
	host_send(t, 300);
	net_kick(t, RX);
	assert_true(net->tx_blocked);
	assert_true(net->rx_stalled);
	assert_int_equal(net->rx_len, HDR + 300);
	assert_true(net_none_used(t, RX));
}

static void reset_forgets(void **state)
{
	struct net_test *t = *state;
	struct virtio_net *net =
		container_of(t->dev, struct virtio_net, vdev.dev);
	uint8_t got[2048];

	get_stuck(t, BIT(NET_F_MRG_RXBUF));
	fake_mmio_reset(&t->m);
	/* Not even a packet is looked at while there is no driver. */
	unsigned reads = tap_state.reads;

	net_packet(t, 60, 1);
	host_send(t, 60);
	while (host_receive(got, sizeof(got)) > 0)
		;
	/* One call to find that nobody wants it. */
	assert_true(fake_vm_io(t->vm) <= 1);
	assert_int_equal(fake_vm_io(t->vm), 0);
	assert_int_equal(tap_state.reads, reads);
	assert_int_equal(net->rx_len, 0);

	net_start(t, BIT(NET_F_MRG_RXBUF), 32);
	rx_post(t, 2048);
	net_kick(t, RX);
	assert_int_equal(net_used(t, RX), HDR + 60);
	assert_int_equal(host_receive(got, sizeof(got)), -EAGAIN);
}

static void quiet_while_quiesced(void **state)
{
	struct net_test *t = *state;
	struct device *dev = t->dev;
	uint64_t gpa;

	net_start(t, 0, 8);
	gpa = rx_post(t, 2048);
	net_kick(t, RX);
	dev->type->quiesce(dev);
	net_packet(t, 60, 1);
	host_send(t, 60);
	tx_post(t, t->packet, HDR + 60);
	net_kick(t, TX);
	assert_int_equal(fake_vm_io(t->vm), 0);
	assert_true(net_none_used(t, RX));
	assert_int_equal(tap_state.writes, 0);

	dev->type->resume(dev);
	fake_vm_io(t->vm);
	assert_int_equal(net_used(t, RX), HDR + 60);
	assert_int_equal(net_used(t, TX), 0);
	assert_int_equal(tap_state.writes, 1);
	(void)gpa;
}

/* A tap that takes packets again meanwhile gets none. */
static void stuck_while_quiesced(void **state)
{
	struct net_test *t = *state;
	unsigned writes, sent;
	uint8_t got[2048];

	get_stuck(t, BIT(NET_F_MRG_RXBUF));
	t->dev->type->quiesce(t->dev);
	writes = tap_state.writes;
	sent = fake_queue_used_idx(&t->m.queues[TX]);
	while (host_receive(got, sizeof(got)) > 0)
		;
	fake_vm_io(t->vm);
	assert_int_equal(tap_state.writes, writes);
	assert_int_equal(fake_queue_used_idx(&t->m.queues[TX]), sent);
}

static void resumes_what_was_stuck(void **state)
{
	struct net_test *t = *state;
	struct virtio_net *net =
		container_of(t->dev, struct virtio_net, vdev.dev);
	struct device *dev = t->dev;
	unsigned seen = 0;
	uint8_t got[2048];

	get_stuck(t, BIT(NET_F_MRG_RXBUF) | EVENT_IDX);
	dev->type->quiesce(dev);
	assert_int_equal(fake_vm_io(t->vm), 0);
	dev->type->resume(dev);
	fake_vm_io(t->vm);
	assert_true(net->tx_blocked);
	for (unsigned turn = 0; turn < 50; turn++) {
		while (host_receive(got, sizeof(got)) > 0)
			seen++;
		fake_vm_io(t->vm);
	}
	assert_int_equal(seen, 20);
	rx_post(t, 300);
	net_kick(t, RX);
	assert_int_equal(net_used(t, RX), 100);
	assert_int_equal(net_used(t, RX), HDR + 300 - 100);
}

static void save(struct net_test *t, struct snap_writer *w)
{
	t->dev->type->quiesce(t->dev);
	snap_writer_init(w, "test");
	assert_int_equal(device_save(t->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

static int restore(struct net_test *t, const struct snap_writer *w, size_t len)
{
	struct snap_section section = { 0 };
	struct snap_reader r;
	int ret = snap_reader_init(&r, w->data, len, "test", NULL);

	if (ret == 0)
		ret = snap_next(&r, &section);
	if (ret <= 0)
		return -EBADMSG;
	return device_restore(t->dev, &r, section.version);
}

static void state_survives(void **state)
{
	struct net_test *t = *state;
	struct net_test *to = calloc(1, sizeof(*to));
	static const uint8_t cmd[] = { 1, 1, 0x52, 0x54, 0, 1, 2, 3 };
	uint64_t features = BIT(NET_F_MRG_RXBUF) | BIT(NET_F_CTRL_VQ) |
			    BIT(NET_F_CTRL_MAC_ADDR) | GUEST_CSUM;
	struct snap_writer w;

	assert_non_null(to);
	get_stuck(t, features);
	assert_int_equal(control(t, cmd, sizeof(cmd)), 0);
	save(t, &w);

	/* Another machine with the same memory. */
	int from_fd = tap_state.fd;

	net_make(to, "tapif=tap0");
	memcpy(to->vm->gmem.regions[0].host, t->vm->gmem.regions[0].host,
	       MIB(16));
	assert_int_equal(restore(to, &w, w.len), 0);
	assert_int_equal(tap_state.offloads, TAP_CSUM);
	assert_int_equal(read_mac(to), 0x030201005452ULL);
	to->dev->type->resume(to->dev);
	memcpy(to->m.queues, t->m.queues, sizeof(to->m.queues));
	for (unsigned i = 0; i < NET_QUEUES; i++)
		to->m.queues[i].drv = &to->m.drv;
	to->m.drv.next = t->m.drv.next;

	/* The buffer of 100 bytes is still there, the packet is not. */
	net_packet(to, 80, 5);
	host_send(to, 80);
	fake_vm_io(to->vm);
	assert_int_equal(net_used(to, RX), HDR + 80);
	/* What had not been sent is sent now. */
	assert_int_equal(fake_queue_used_idx(&to->m.queues[TX]), 20);

	snap_writer_free(&w);
	fake_vm_destroy(to->vm);
	free(to);
	tap_state.fd = from_fd;
}

static void damaged_state_is_refused(void **state)
{
	struct net_test *t = *state;
	struct snap_writer w;

	net_start(t, BIT(NET_F_MRG_RXBUF), 8);
	save(t, &w);
	for (size_t len = 0; len < w.len - 20; len += 3)
		assert_true(restore(t, &w, len) < 0);
	assert_int_equal(restore(t, &w, w.len), 0);
	snap_writer_free(&w);

	/* The address of a group cannot be set by a driver either. */
	container_of(t->dev, struct virtio_net, vdev.dev)->mac[0] |= 1;
	save(t, &w);
	assert_int_equal(restore(t, &w, w.len), -EBADMSG);
	snap_writer_free(&w);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, net_setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_options),
		cmocka_unit_test(takes_good_options),
		TEST(create_passes_the_error_on),
		TEST(costs_little_while_idle),
		TEST(says_that_it_made_an_interface),
		TEST(offers_what_the_tap_can),
		TEST(has_a_configuration),
		TEST(makes_up_addresses),
		TEST(follows_negotiated_offloads),
		TEST(spares_the_host_offload_calls),
		TEST(runs_commands),
		TEST(sets_the_address_until_reset),
		TEST(survives_commands_without_ack),
		TEST(link_goes_down_on_read),
		TEST(link_goes_down_on_write),
		TEST(link_goes_down_while_idle),
		TEST(reset_forgets),
		TEST(quiet_while_quiesced),
		TEST(stuck_while_quiesced),
		TEST(resumes_what_was_stuck),
		TEST(state_survives),
		TEST(damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
