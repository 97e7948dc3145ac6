/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net: packets in both directions. */
#include "tests/unit/virtio_net_fixture.h"

/* Read back a packet that lies in several buffers. */
static void check_merged(struct net_test *t, const uint64_t *gpas,
			 unsigned count, size_t len)
{
	uint8_t *got = malloc(HDR + len);
	size_t done = 0;

	assert_non_null(got);
	for (unsigned i = 0; i < count; i++) {
		uint32_t part = net_used(t, RX);

		assert_true(part > 0 && done + part <= HDR + len);
		fake_read(&t->m.drv, gpas[i], got + done, part);
		done += part;
	}
	assert_int_equal(done, HDR + len);
	assert_true(net_none_used(t, RX));
	le16_store(t->packet + 10, (uint16_t)count);
	assert_memory_equal(got, t->packet, HDR + len);
	free(got);
}

static void receives_into_one_buffer(void **state)
{
	struct net_test *t = *state;
	static const uint8_t hdr[HDR] = { [10] = 1 };
	uint8_t got[HDR + 60];

	net_start(t, 0, 8);
	uint64_t gpa = rx_post(t, 2048);

	net_packet(t, 60, 1);
	host_send(t, 60);
	fake_vm_io(t->vm);
	assert_int_equal(net_used(t, RX), HDR + 60);
	fake_read(&t->m.drv, gpa, got, sizeof(got));
	assert_memory_equal(got, hdr, sizeof(hdr));
	assert_memory_equal(got + HDR, t->packet + HDR, 60);
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_QUEUE);
}

static void receive_marks_memory_dirty(void **state)
{
	struct net_test *t = *state;
	struct gmem_region *ram = &t->vm->gmem.regions[0];
	static uint64_t bitmap[MIB(16) / GMEM_DIRTY_PAGE / 64];

	net_start(t, BIT(NET_F_MRG_RXBUF), 8);
	uint64_t page = fake_alloc(&t->m.drv, 4096, 4096);
	struct fake_buf buf = { .gpa = page, .len = 4096, .write = true };

	fake_queue_add(&t->m.queues[RX], &buf, 1, false);
	gmem_take_dirty(&t->vm->gmem, 0, bitmap);
	net_packet(t, 60, 1);
	host_send(t, 60);
	fake_vm_io(t->vm);
	gmem_take_dirty(&t->vm->gmem, 0, bitmap);
	uint64_t n = (page - ram->gpa) / GMEM_DIRTY_PAGE;

	assert_true(bitmap[n / 64] >> (n % 64) & 1);
}

/* Exactly one, just more than one, ... buffers' worth. */
static void merges_buffers(void **state)
{
	struct net_test *t = *state;
	static const struct {
		size_t len;
		unsigned buffers;
	} cases[] = {
		{ 14, 1 },    { 88, 1 },    { 89, 2 },
		{ 188, 2 },   { 189, 3 },   { 288, 3 },
		{ 1500, 16 }, { 6387, 64 }, { 6388, 64 },
	};

	net_start(t, BIT(NET_F_MRG_RXBUF), 64);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t gpas[64];

		for (unsigned b = 0; b < cases[i].buffers; b++)
			gpas[b] = rx_post(t, 100);
		net_packet(t, cases[i].len, (unsigned)i);
		host_send(t, cases[i].len);
		net_kick(t, RX);
		check_merged(t, gpas, cases[i].buffers, cases[i].len);
	}
}

static void merges_buffers_of_many_descriptors(void **state)
{
	struct net_test *t = *state;
	uint64_t gpa;

	net_start(t, BIT(NET_F_MRG_RXBUF), 16);
	/* The header itself lies across descriptors, num_buffers included. */
	gpa = fake_alloc(&t->m.drv, 64, 1);
	struct fake_buf bufs[] = { { gpa, 11, true },
				   { gpa + 11, 1, true },
				   { gpa + 12, 28, true } };

	fake_queue_add(&t->m.queues[RX], bufs, 3, false);
	uint64_t gpas[] = { gpa, rx_post(t, 40) };

	net_packet(t, 50, 3);
	host_send(t, 50);
	net_kick(t, RX);
	check_merged(t, gpas, 2, 50);
}

static void receives_largest_packet(void **state)
{
	struct net_test *t = *state;
	uint64_t gpas[64];

	net_start(t, BIT(NET_F_MRG_RXBUF), 64);
	for (unsigned b = 0; b < 64; b++)
		gpas[b] = rx_post(t, 1526);
	net_packet(t, TAP_MAX_PACKET, 5);
	host_send(t, TAP_MAX_PACKET);
	fake_vm_io(t->vm);
	check_merged(t, gpas, 43, TAP_MAX_PACKET);
}

static void drops_odd_lengths(void **state)
{
	struct net_test *t = *state;
	static const size_t bad[] = { TAP_MAX_PACKET + 1, 13, 0 };

	net_start(t, 0, 8);
	uint64_t gpa = rx_post(t, MAX_PACKET + 4);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		net_packet(t, bad[i], 1);
		host_send(t, bad[i]);
	}
	fake_vm_io(t->vm);
	assert_true(net_none_used(t, RX));

	net_packet(t, TAP_MAX_PACKET, 1);
	host_send(t, TAP_MAX_PACKET);
	fake_vm_io(t->vm);
	check_merged(t, &gpa, 1, TAP_MAX_PACKET);
}

/* The host's stack had one that its header cannot describe. */
static void outlives_packets_lost_on_the_way(void **state)
{
	struct net_test *t = *state;

	net_start(t, 0, 8);
	uint64_t gpa = rx_post(t, 2048);

	tap_state.lost_reads = 3;
	for (unsigned i = 0; i < 4; i++) {
		net_packet(t, 60, i);
		host_send(t, 60);
	}
	fake_vm_io(t->vm);
	check_merged(t, &gpa, 1, 60);
	assert_int_equal(fake_mmio_config(&t->m, 6, 2), 1);
}

/* Without MRG_RXBUF: to the last byte or not at all. */
static void never_truncates(void **state)
{
	struct net_test *t = *state;

	net_start(t, 0, 8);
	uint64_t gpa = rx_post(t, HDR + 100);

	net_packet(t, 101, 1);
	host_send(t, 101);
	fake_vm_io(t->vm);
	assert_true(net_none_used(t, RX));
	net_packet(t, 100, 2);
	host_send(t, 100);
	fake_vm_io(t->vm);
	check_merged(t, &gpa, 1, 100);
}

/* A packet larger than all the buffers a queue can hold must not stay. */
static void drops_what_never_fits(void **state)
{
	struct net_test *t = *state;
	uint64_t gpas[4];

	net_start(t, BIT(NET_F_MRG_RXBUF), 4);
	for (unsigned b = 0; b < 4; b++)
		gpas[b] = rx_post(t, 50);
	net_packet(t, 200 - HDR + 1, 1);
	host_send(t, 200 - HDR + 1);
	net_packet(t, 200 - HDR, 2);
	host_send(t, 200 - HDR);
	fake_vm_io(t->vm);
	check_merged(t, gpas, 4, 200 - HDR);
}

static void empty_queue_stops_polling(void **state)
{
	struct net_test *t = *state;

	net_start(t, BIT(NET_F_MRG_RXBUF), 8);
	for (unsigned i = 0; i < 8; i++) {
		net_packet(t, 60, i);
		host_send(t, 60);
	}
	/* One call to find that there is no buffer; nothing is read. */
	assert_true(fake_vm_io(t->vm) <= 1);
	assert_int_equal(tap_state.reads, 0);
	net_packet(t, 60, 8);
	host_send(t, 60);
	assert_int_equal(fake_vm_io(t->vm), 0);

	for (unsigned i = 0; i < 9; i += 3) {
		uint64_t gpas[3];

		for (unsigned b = 0; b < 3; b++)
			gpas[b] = rx_post(t, 128);
		net_kick(t, RX);
		for (unsigned b = 0; b < 3; b++) {
			uint8_t got[HDR + 60];

			assert_int_equal(net_used(t, RX), HDR + 60);
			fake_read(&t->m.drv, gpas[b], got, sizeof(got));
			net_packet(t, 60, i + b);
			assert_memory_equal(got + HDR, t->packet + HDR, 60);
		}
	}
	assert_int_equal(fake_vm_io(t->vm), 0);
}

/* The packet waits; the buffer that completes it must ring. */
static void waits_for_more_buffers(struct net_test *t, uint64_t features)
{
	struct fake_queue *q = &t->m.queues[RX];
	uint64_t gpas[3];

	net_start(t, BIT(NET_F_MRG_RXBUF) | features, 8);
	gpas[0] = rx_post(t, 100);
	gpas[1] = rx_post(t, 100);
	if (fake_queue_wants_kick(q))
		fake_mmio_kick(&t->m, RX);
	net_packet(t, 250, 1);
	host_send(t, 250);
	fake_vm_io(t->vm);
	assert_true(net_none_used(t, RX));
	assert_int_equal(fake_vm_io(t->vm), 0);

	gpas[2] = rx_post(t, 100);
	assert_true(fake_queue_wants_kick(q));
	net_kick(t, RX);
	check_merged(t, gpas, 3, 250);
}

static void waits_with_event_idx(void **state)
{
	waits_for_more_buffers(*state, EVENT_IDX);
}

static void waits_without_event_idx(void **state)
{
	waits_for_more_buffers(*state, 0);
}

static void small_buffer_breaks_the_device(void **state)
{
	struct net_test *t = *state;
	static const uint32_t sizes[] = { HDR - 1, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		net_start(t, BIT(NET_F_MRG_RXBUF), 8);
		rx_post(t, 100);
		rx_post(t, sizes[i]);
		net_packet(t, 200, 1);
		host_send(t, 200);
		fake_vm_io(t->vm);
		assert_true(fake_mmio_status(&t->m) &
			    VIRTIO_STATUS_NEEDS_RESET);
		assert_true(net_none_used(t, RX));
		assert_int_equal(fake_vm_io(t->vm), 0);
	}

	/* Room for the header alone will do. */
	net_start(t, BIT(NET_F_MRG_RXBUF), 8);
	rx_post(t, HDR);
	rx_post(t, 100);
	net_packet(t, 60, 1);
	host_send(t, 60);
	fake_vm_io(t->vm);
	assert_int_equal(net_used(t, RX), HDR);
	assert_int_equal(net_used(t, RX), 60);
}

static void read_only_buffer_breaks_the_device(void **state)
{
	struct net_test *t = *state;

	net_start(t, 0, 8);
	struct fake_buf buf = { .gpa = fake_alloc(&t->m.drv, 100, 1),
				.len = 100 };

	fake_queue_add(&t->m.queues[RX], &buf, 1, false);
	net_packet(t, 60, 1);
	host_send(t, 60);
	fake_vm_io(t->vm);
	assert_true(fake_mmio_status(&t->m) & VIRTIO_STATUS_NEEDS_RESET);
}

/* What was queued for an earlier driver may be more than this one takes. */
static void filters_what_was_not_negotiated(void **state)
{
	struct net_test *t = *state;
	static const struct {
		uint64_t features;
		uint8_t flags, gso;
		bool good;
		uint8_t want_flags;
	} cases[] = {
		{ 0, 0, 0, true, 0 },
		{ 0, 2, 0, true, 0 },
		{ 0, 1, 0, false, 0 },
		{ 0, 0, 1, false, 0 },
		{ BIT(NET_F_GUEST_CSUM), 1, 0, true, 1 },
		{ BIT(NET_F_GUEST_CSUM), 2, 0, true, 2 },
		{ BIT(NET_F_GUEST_CSUM), 1, 1, false, 0 },
		{ BIT(NET_F_GUEST_CSUM) | BIT(NET_F_GUEST_TSO4), 1, 1, true,
		  1 },
		{ BIT(NET_F_GUEST_CSUM) | BIT(NET_F_GUEST_TSO4), 1, 4, false,
		  0 },
		{ BIT(NET_F_GUEST_CSUM) | BIT(NET_F_GUEST_TSO6), 1, 4, true,
		  1 },
		{ BIT(NET_F_GUEST_CSUM) | BIT(NET_F_GUEST_TSO4), 1, 0x81, false,
		  0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t hdr[HDR];

		net_start(t, cases[i].features, 8);
		uint64_t gpa = rx_post(t, 2048);

		net_packet(t, 100, 1);
		t->packet[0] = cases[i].flags;
		t->packet[1] = cases[i].gso;
		host_send(t, 100);
		fake_vm_io(t->vm);
		assert_int_equal(net_none_used(t, RX), !cases[i].good);
		fake_read(&t->m.drv, gpa, hdr, sizeof(hdr));
		if (cases[i].good)
			assert_int_equal(hdr[0], cases[i].want_flags);
	}
}

static void sends_byte_for_byte(void **state)
{
	struct net_test *t = *state;
	static const uint8_t in[HDR] = { 1,  1, 54, 0, 0xb4, 5,
					 34, 0, 16, 0, 9,    9 };
	static const uint8_t out[HDR] = { 1, 1, 54, 0, 0xb4, 5, 34, 0, 16 };
	uint8_t got[256];

	net_start(t, BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4), 8);
	net_packet(t, 100, 1);
	memcpy(t->packet, in, HDR);

	/* Cut in the middle of the header, and into crumbs. */
	uint64_t gpa = fake_alloc_data(&t->m.drv, t->packet, HDR + 100);
	struct fake_buf bufs[] = { { gpa, 5, false },
				   { gpa + 5, 8, false },
				   { gpa + 13, 1, false },
				   { gpa + 14, 98, false } };

	fake_queue_add(&t->m.queues[TX], bufs, 4, false);
	net_kick(t, TX);
	assert_int_equal(net_used(t, TX), 0);
	assert_int_equal(host_receive(got, sizeof(got)), HDR + 100);
	assert_memory_equal(got, out, HDR);
	assert_memory_equal(got + HDR, t->packet + HDR, 100);
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_QUEUE);
}

/* Flags that we do not know are ignored; segmentation must be negotiated. */
static void checks_headers(void **state)
{
	struct net_test *t = *state;
	static const struct {
		uint64_t features;
		uint8_t flags, gso;
		bool good;
		uint8_t want_flags;
	} cases[] = {
		{ 0, 0, 0, true, 0 },
		{ 0, 0xff, 0, true, 0 },
		{ BIT(NET_F_CSUM), 0xff, 0, true, 1 },
		{ BIT(NET_F_CSUM), 1, 1, false, 0 },
		{ BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4), 1, 1, true, 1 },
		{ BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4), 1, 4, false, 0 },
		{ BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO6), 1, 4, true, 1 },
		{ BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4), 1, 3, false, 0 },
		{ BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4), 1, 0x81, false, 0 },
		{ BIT(NET_F_CSUM) | BIT(NET_F_HOST_TSO4), 1, 0xff, false, 0 },
	};
	uint8_t got[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		net_start(t, cases[i].features, 8);
		net_packet(t, 100, 1);
		t->packet[0] = cases[i].flags;
		t->packet[1] = cases[i].gso;
		tx_post(t, t->packet, HDR + 100);
		net_kick(t, TX);
		assert_int_equal(net_used(t, TX), 0);

		ssize_t len = host_receive(got, sizeof(got));

		assert_int_equal(len, cases[i].good ? (int)HDR + 100 : -EAGAIN);
		if (cases[i].good)
			assert_int_equal(got[0], cases[i].want_flags);
	}
}

static void bounds_what_is_sent(void **state)
{
	struct net_test *t = *state;
	static const struct {
		uint32_t len;
		bool good;
	} cases[] = {
		{ 1, false },         { HDR, false },
		{ HDR + 13, false },  { HDR + 14, true },
		{ MAX_PACKET, true }, { MAX_PACKET + 1, false },
		{ MIB(1), false },
	};
	uint8_t *data = calloc(1, MIB(1));
	int size = 1 << 20;

	assert_non_null(data);
	net_start(t, 0, 8);
	struct virtio_net *net =
		container_of(t->dev, struct virtio_net, vdev.dev);

	setsockopt(net->tap.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tx_post(t, data, cases[i].len);
		net_kick(t, TX);
		assert_int_equal(net_used(t, TX), 0);
		assert_int_equal(host_receive(data, MIB(1)),
				 cases[i].good ? (ssize_t)cases[i].len
					       : -EAGAIN);
	}
	assert_false(fake_mmio_status(&t->m) & VIRTIO_STATUS_NEEDS_RESET);
	free(data);
}

/* A full tap: everything arrives, in order, once; nothing spins. */
static void waits_for_the_tap(void **state)
{
	struct net_test *t = *state;
	struct virtio_net *net =
		container_of(t->dev, struct virtio_net, vdev.dev);
	unsigned seen = 0, used = 0;
	uint8_t got[2048];
	int size = 1;

	net_start(t, 0, 64);
	setsockopt(net->tap.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (unsigned i = 0; i < 40; i++)
		tx_post(t, net_packet(t, 1000, i), HDR + 1000);
	net_kick(t, TX);
	assert_true(net->tx_blocked);
	assert_int_equal(fake_vm_io(t->vm), 0);
	assert_true(tap_state.writes < 40);

	for (unsigned turn = 0; turn < 100 && seen < 40; turn++) {
		while (host_receive(got, sizeof(got)) == HDR + 1000) {
			net_packet(t, 1000, seen++);
			assert_memory_equal(got, t->packet, HDR + 1000);
		}
		fake_vm_io(t->vm);
	}
	assert_int_equal(seen, 40);
	while (!net_none_used(t, TX)) {
		net_used(t, TX);
		used++;
	}
	assert_int_equal(used, 40);
	assert_false(net->tx_blocked);
}

static void tx_takes_turns(void **state)
{
	struct net_test *t = *state;

	net_start(t, 0, 0);
	tap_state.write_error = -EIO;
	for (unsigned i = 0; i < 200; i++)
		tx_post(t, net_packet(t, 60, i), HDR + 60);
	fake_mmio_kick(&t->m, TX);
	evloop_run_once(t->vm->loop, 0);
	assert_int_equal(tap_state.writes, NET_BUDGET);
	fake_vm_io(t->vm);
	/* The interface is down: all are lost, and given back. */
	assert_int_equal(tap_state.writes, 200);
	assert_int_equal(fake_queue_used_idx(&t->m.queues[TX]), 200);
}

static void rx_takes_turns(void **state)
{
	struct net_test *t = *state;

	net_start(t, 0, 0);
	for (unsigned i = 0; i < 100; i++)
		rx_post(t, 100);
	tap_state.read_error = 20;
	/* Too short to be packets, and there is no end of them. */
	net_packet(t, 60, 1);
	host_send(t, 60);
	evloop_run_once(t->vm->loop, 0);
	assert_int_equal(tap_state.reads, NET_BUDGET);
	tap_state.read_error = 0;
	fake_vm_io(t->vm);
	assert_int_equal(net_used(t, RX), HDR + 60);
}

static void malformed_packets_do_not_flood_the_log(void **state)
{
	struct net_test *t = *state;
	unsigned lines = 0;

	net_start(t, 0, 0);
	tap_state.write_error = -EINVAL;
	for (unsigned i = 0; i < 100; i++)
		tx_post(t, net_packet(t, 60, i), HDR + 60);
	net_kick(t, TX);
	assert_int_equal(fake_queue_used_idx(&t->m.queues[TX]), 100);
	for (const char *at = fake_vm_log(t->vm);
	     (at = strstr(at, "malformed")) != NULL; at++)
		lines++;
	assert_true(lines >= 1 && lines <= LOG_LIMIT_BURST + 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, net_setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receives_into_one_buffer),
		TEST(receive_marks_memory_dirty),
		TEST(merges_buffers),
		TEST(merges_buffers_of_many_descriptors),
		TEST(receives_largest_packet),
		TEST(drops_odd_lengths),
		TEST(outlives_packets_lost_on_the_way),
		TEST(never_truncates),
		TEST(drops_what_never_fits),
		TEST(empty_queue_stops_polling),
		TEST(waits_with_event_idx),
		TEST(waits_without_event_idx),
		TEST(small_buffer_breaks_the_device),
		TEST(read_only_buffer_breaks_the_device),
		TEST(filters_what_was_not_negotiated),
		TEST(sends_byte_for_byte),
		TEST(checks_headers),
		TEST(bounds_what_is_sent),
		TEST(waits_for_the_tap),
		TEST(tx_takes_turns),
		TEST(rx_takes_turns),
		TEST(malformed_packets_do_not_flood_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
