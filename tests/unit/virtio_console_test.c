/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-console: data in both directions, reset, saved state. */
#include "tests/unit/virtio_console_fixture.h"

#include "vmm/snapshot.h"

/* More than sockets and rings hold together. */
#define MUCH MIB(1)

static void fill(uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 13 + i / 251);
}

static void prints(void **state)
{
	struct console_test *t = *state;

	console_make(t, "sv");
	console_start(t, 0);
	assert_int_equal(t->m.nr_queues, 2);
	console_send(t, TX(0), "hello", 5);
	assert_int_equal(console_used(t, TX(0)), 0);
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_QUEUE);
	peer_got(t, 1, "hello", 5);
	peer_got(t, 0, "", 0);

	/* In crumbs. */
	uint64_t gpa = fake_alloc_data(&t->m.drv, "goodbye", 7);
	struct fake_buf bufs[] = { { gpa, 1, false },
				   { gpa + 1, 3, false },
				   { gpa + 4, 3, false } };

	fake_queue_add(&t->m.queues[TX(0)], bufs, 3, false);
	fake_queue_add(&t->m.queues[TX(0)], bufs + 2, 1, false);
	console_kick(t, TX(0));
	assert_int_equal(console_used(t, TX(0)), 0);
	assert_int_equal(console_used(t, TX(0)), 0);
	peer_got(t, 1, "goodbyebye", 10);

	/* A piece that is not followed by the next one in memory. */
	struct fake_buf turned[] = { bufs[2], bufs[0], bufs[1] };

	fake_queue_add(&t->m.queues[TX(0)], turned, 3, false);
	console_kick(t, TX(0));
	console_used(t, TX(0));
	peer_got(t, 1, "byegood", 7);
}

static void prints_nothing(void **state)
{
	struct console_test *t = *state;

	console_make(t, "v");
	console_start(t, 0);
	/* A chain with nothing to read comes back, too. */
	console_post(t, TX(0), 10);
	console_kick(t, TX(0));
	assert_int_equal(console_used(t, TX(0)), 0);
	peer_got(t, 0, "", 0);
}

static void reads(void **state)
{
	struct console_test *t = *state;

	console_make(t, "v");
	console_start(t, 0);
	for (unsigned i = 0; i < 4; i++)
		console_post(t, RX(0), 4);
	console_kick(t, RX(0));
	peer_send(t, 0, "a", 1);
	console_got(t, RX(0), "a", 1);
	peer_send(t, 0, "bcdefghi", 8);
	console_got(t, RX(0), "bcde", 4);
	console_got(t, RX(0), "fghi", 4);
	assert_true(console_none_used(t, RX(0)));
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_QUEUE);

	/* The last buffer, and what comes too early for the next. */
	peer_send(t, 0, "jklmnop", 7);
	console_got(t, RX(0), "jklm", 4);
	assert_int_equal(fake_vm_io(t->vm), 0);
	console_post(t, RX(0), 4);
	console_kick(t, RX(0));
	console_got(t, RX(0), "nop", 3);
}

static void reads_into_several_pieces(void **state)
{
	struct console_test *t = *state;
	uint8_t got[6];

	console_make(t, "v");
	console_start(t, 0);
	uint64_t gpa = fake_alloc(&t->m.drv, 16, 1);
	struct fake_buf bufs[] = { { gpa, 2, true },
				   { gpa + 2, 1, true },
				   { gpa + 3, 10, true } };

	fake_queue_add(&t->m.queues[RX(0)], bufs, 3, false);
	peer_send(t, 0, "sixsix", 6);
	console_kick(t, RX(0));
	assert_int_equal(console_used(t, RX(0)), 6);
	fake_read(&t->m.drv, gpa, got, 6);
	assert_memory_equal(got, "sixsix", 6);
}

static void input_marks_memory_dirty(void **state)
{
	struct console_test *t = *state;
	static uint64_t bitmap[MIB(16) / GMEM_DIRTY_PAGE / 64];

	console_make(t, "v");
	console_start(t, 0);
	uint64_t gpa = fake_alloc(&t->m.drv, 8192, 4096);
	uint64_t page = (gpa - t->vm->gmem.regions[0].gpa) / GMEM_DIRTY_PAGE;
	struct fake_buf buf = { gpa, 8192, true };

	fake_queue_add(&t->m.queues[RX(0)], &buf, 1, false);
	gmem_take_dirty(&t->vm->gmem, 0, bitmap);
	peer_send(t, 0, "x", 1);
	gmem_take_dirty(&t->vm->gmem, 0, bitmap);
	assert_true(bitmap[page / 64] >> page % 64 & 1);
	page++;
	assert_false(bitmap[page / 64] >> page % 64 & 1);
}

static void useless_buffer_breaks_the_device(void **state)
{
	struct console_test *t = *state;

	console_make(t, "v");
	console_start(t, 0);
	struct fake_buf buf = { fake_alloc(&t->m.drv, 8, 1), 8, false };

	fake_queue_add(&t->m.queues[RX(0)], &buf, 1, false);
	peer_send(t, 0, "x", 1);
	console_kick(t, RX(0));
	assert_true(fake_mmio_status(&t->m) & VIRTIO_STATUS_NEEDS_RESET);
	assert_true(console_none_used(t, RX(0)));
	assert_int_equal(fake_vm_io(t->vm), 0);
}

/* Input that nobody takes must not make the loop busy. */
static void unread_input_rests(void **state)
{
	struct console_test *t = *state;
	uint8_t *data = calloc(1, MUCH);

	assert_non_null(data);
	console_make(t, "v");
	console_start(t, 0);
	fill(data, MUCH);
	ssize_t sent = send(t->peers[0], data, MUCH, 0);

	assert_true(sent > CHARDEV_RX_RING);
	fake_vm_io(t->vm);
	assert_int_equal(fake_vm_io(t->vm), 0);

	for (ssize_t off = 0; off < sent;) {
		uint64_t gpa = console_post(t, RX(0), 3000);
		uint8_t got[3000];

		console_kick(t, RX(0));
		uint32_t len = console_used(t, RX(0));

		assert_true(len > 0);
		fake_read(&t->m.drv, gpa, got, len);
		assert_memory_equal(got, data + off, len);
		off += len;
		t->m.drv.next -= 3000;
	}
	free(data);
}

/* Reads what the host gets, into @got, until no more comes. */
static size_t drain_peer(struct console_test *t, uint8_t *got, size_t max)
{
	size_t len = 0;

	for (;;) {
		ssize_t n =
			recv(t->peers[0], got + len, max - len, MSG_DONTWAIT);

		if (n <= 0)
			return len;
		len += (size_t)n;
		fake_vm_io(t->vm);
	}
}

/* A slow reader: everything arrives, once, in order; nothing spins. */
static void waits_for_a_slow_reader(struct console_test *t, uint64_t features)
{
	uint8_t *data = malloc(2 * MUCH);
	uint8_t *got = malloc(2 * MUCH + 1);

	assert_non_null(data);
	assert_non_null(got);
	console_make(t, "v");
	console_start(t, features);
	fill(data, 2 * MUCH);
	console_send(t, TX(0), data, MUCH);
	console_send(t, TX(0), data + MUCH, MUCH);
	assert_true(t->con->ports[0].tx_blocked);
	assert_true(console_none_used(t, TX(0)));
	assert_int_equal(fake_vm_io(t->vm), 0);

	assert_int_equal(drain_peer(t, got, 2 * MUCH + 1), 2 * MUCH);
	assert_memory_equal(got, data, 2 * MUCH);
	console_used(t, TX(0));
	console_used(t, TX(0));
	assert_false(t->con->ports[0].tx_blocked);
	free(data);
	free(got);
}

static void slow_reader(void **state)
{
	waits_for_a_slow_reader(*state, 0);
}

static void slow_reader_event_idx(void **state)
{
	waits_for_a_slow_reader(*state, EVENT_IDX);
}

/* However much there is, one callback does a bounded part of it. */
static void output_takes_turns(void **state)
{
	struct console_test *t = *state;
	uint8_t *data = calloc(1, MUCH);

	assert_non_null(data);
	console_make(t, "v");
	console_start(t, 0);
	close(t->peers[0]);
	t->peers[0] = 0;
	fake_vm_io(t->vm);
	struct fake_buf buf = { fake_alloc_data(&t->m.drv, data, MUCH),
				(uint32_t)MUCH, false };

	fake_queue_add(&t->m.queues[TX(0)], &buf, 1, false);
	fake_mmio_kick(&t->m, TX(0));
	evloop_run_once(t->vm->loop, 0);
	assert_int_equal(t->con->ports[0].tx_off, CONSOLE_TX_BYTES);
	fake_vm_io(t->vm);
	/* Nobody reads: it is accepted all the same. */
	console_used(t, TX(0));
	free(data);
}

static void output_without_a_backend_vanishes(void **state)
{
	struct console_test *t = *state;

	console_make(t, "p");
	console_start(t, 0);
	for (unsigned i = 0; i < CONSOLE_BUDGET; i++) {
		struct fake_buf buf = { fake_alloc(&t->m.drv, 8, 1), 8, false };

		fake_queue_add(&t->m.queues[TX(0)], &buf, 1, false);
	}
	console_kick(t, TX(0));
	/* Port 0 leads nowhere here: output vanishes, chains come back. */
	assert_int_equal(fake_queue_used_idx(&t->m.queues[TX(0)]),
			 CONSOLE_BUDGET);
	peer_got(t, 0, "", 0);
	/* Nor does anything come in. */
	console_post(t, RX(0), 8);
	console_kick(t, RX(0));
	assert_true(console_none_used(t, RX(0)));
}

/*
 * Reset and saved state.
 */

/* A chain of MUCH bytes of which a part is out. */
static uint64_t get_stuck(struct console_test *t, unsigned port, uint8_t *data)
{
	fill(data, MUCH);
	console_send(t, TX(port), data, MUCH);
	assert_true(t->con->ports[port].tx_blocked);
	assert_true(console_none_used(t, TX(port)));
	return t->con->ports[port].tx_off;
}

static void reset_forgets(void **state)
{
	struct console_test *t = *state;
	uint8_t *data = malloc(MUCH);

	assert_non_null(data);
	console_make(t, "v");
	console_start(t, 0);
	uint64_t off = get_stuck(t, 0, data);

	fake_mmio_reset(&t->m);
	assert_int_equal(drain_peer(t, data, MUCH), off);
	assert_int_equal(fake_vm_io(t->vm), 0);
	console_start(t, 0);
	console_send(t, TX(0), "again", 5);
	console_used(t, TX(0));
	peer_got(t, 0, "again", 5);
	free(data);
}

static void quiet_while_quiesced(void **state)
{
	struct console_test *t = *state;
	const struct device_type *type = &virtio_console_device;

	console_make(t, "v");
	console_start(t, 0);
	console_post(t, RX(0), 8);
	console_kick(t, RX(0));
	type->quiesce(t->dev);
	peer_send(t, 0, "in", 2);
	console_send(t, TX(0), "out", 3);
	assert_true(console_none_used(t, RX(0)));
	assert_true(console_none_used(t, TX(0)));
	peer_got(t, 0, "", 0);
	type->resume(t->dev);
	fake_vm_io(t->vm);
	console_got(t, RX(0), "in", 2);
	console_used(t, TX(0));
	peer_got(t, 0, "out", 3);
}

/* A reader that comes back meanwhile gets what is out already, no more. */
static void stuck_while_quiesced(void **state)
{
	struct console_test *t = *state;
	uint8_t *data = malloc(MUCH);

	assert_non_null(data);
	console_make(t, "v");
	console_start(t, 0);
	uint64_t off = get_stuck(t, 0, data);

	virtio_console_device.quiesce(t->dev);
	assert_int_equal(drain_peer(t, data, MUCH), off);
	assert_int_equal(t->con->ports[0].tx_off, off);
	assert_true(console_none_used(t, TX(0)));
	virtio_console_device.resume(t->dev);
	fake_vm_io(t->vm);
	assert_int_equal(drain_peer(t, data, MUCH), MUCH - off);
	console_used(t, TX(0));
	free(data);
}

/* A driver that swaps the chain while half of it is out gains nothing. */
static void shrunk_chain_is_done(void **state)
{
	struct console_test *t = *state;
	uint8_t *data = malloc(MUCH);

	assert_non_null(data);
	console_make(t, "v");
	console_start(t, 0);
	struct fake_queue *q = &t->m.queues[TX(0)];
	uint64_t off = get_stuck(t, 0, data);

	fake_queue_set_desc(q, 0, t->vm->gmem.regions[0].gpa, 10, 0, 0);
	assert_int_equal(drain_peer(t, data, MUCH), off);
	console_used(t, TX(0));
	assert_int_equal(t->con->ports[0].tx_off, 0);
	free(data);
}

static void save(struct console_test *t, struct snap_writer *w)
{
	t->dev->type->quiesce(t->dev);
	snap_writer_init(w, "test");
	assert_int_equal(device_save(t->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

static int restore(struct console_test *t, const struct snap_writer *w)
{
	struct snap_section section;
	struct snap_reader r;

	assert_int_equal(snap_reader_init(&r, w->data, w->len, "test", NULL),
			 0);
	assert_int_equal(snap_next(&r, &section), 1);
	return device_restore(t->dev, &r, section.version);
}

static void state_survives(void **state)
{
	struct console_test *t = *state;
	struct console_test *to = calloc(1, sizeof(*to));
	uint8_t *data = malloc(MUCH), *got = malloc(MUCH);
	struct snap_writer w;

	assert_non_null(to);
	assert_non_null(data);
	assert_non_null(got);
	console_make(t, "pv");
	console_start(t, MULTIPORT);
	console_open(t, 0);
	uint64_t off = get_stuck(t, 0, data);
	/* A message waits for a buffer. */
	ctrl_send(t, 1, PORT_READY, 1);
	while (!console_none_used(t, CTRL_RX))
		console_used(t, CTRL_RX);
	save(t, &w);

	console_make(to, "pv");
	memcpy(to->vm->gmem.regions[0].host, t->vm->gmem.regions[0].host,
	       MIB(16));
	assert_int_equal(restore(to, &w), 0);
	memcpy(to->m.queues, t->m.queues, sizeof(to->m.queues));
	for (unsigned i = 0; i < FAKE_MMIO_QUEUES; i++)
		to->m.queues[i].drv = &to->m.drv;
	to->m.drv.next = t->m.drv.next;
	to->dev->type->resume(to->dev);
	fake_vm_io(to->vm);

	/* The rest of the chain, from where it was. */
	int peer = to->peers[1];

	to->peers[1] = to->peers[0];
	to->peers[0] = peer;
	assert_int_equal(drain_peer(to, got, MUCH), MUCH - off);
	assert_memory_equal(got, data + off, MUCH - off);
	console_used(to, TX(0));
	/* Port 0 is open: input flows. And the driver hears of the host. */
	console_post(to, RX(0), 8);
	peer_send(to, 0, "in", 2);
	console_got(to, RX(0), "in", 2);
	ctrl_got(to, 0, OPEN, 1, "", 0);
	ctrl_got(to, 1, OPEN, 1, "", 0);
	assert_true(console_none_used(to, CTRL_RX));

	snap_writer_free(&w);
	console_unmake(to);
	free(to);
	free(data);
	free(got);
}

static void foreign_state_is_refused(void **state)
{
	struct console_test *t = *state;
	struct console_test *to = calloc(1, sizeof(*to));
	struct snap_writer w;

	assert_non_null(to);
	console_make(t, "vp");
	console_start(t, MULTIPORT);
	save(t, &w);
	console_make(to, "vpp");
	assert_int_equal(restore(to, &w), -EBADMSG);
	assert_int_equal(to->con->vdev.status, 0);
	snap_writer_free(&w);
	console_unmake(to);
	free(to);
}

/* What is saved now is not taken again. */
static void expect_refused(struct console_test *t)
{
	struct snap_writer w;

	save(t, &w);
	assert_int_equal(restore(t, &w), -EBADMSG);
	snap_writer_free(&w);
}

static void bad_port_state_is_refused(void **state)
{
	struct console_test *t = *state;
	struct console_port *port;
	struct snap_writer w;

	console_make(t, "vp");
	console_start(t, MULTIPORT);
	port = &t->con->ports[1];
	/* Open, but never set up. */
	port->open = true;
	expect_refused(t);
	assert_int_equal(t->con->vdev.status, 0);
	assert_false(port->open);

	port->pending = 32;
	expect_refused(t);
	port->pending = 0;
	save(t, &w);
	assert_int_equal(restore(t, &w), 0);
	snap_writer_free(&w);

	/* The name of a port that has none. */
	t->con->ports[0].pending = CONSOLE_MSG_NAME;
	expect_refused(t);
}

/* Port 0 leads nowhere here: nobody can have set it up. */
static void absent_port_state_is_refused(void **state)
{
	struct console_test *t = *state;
	struct console_port *port;

	console_make(t, "p");
	console_start(t, MULTIPORT);
	port = &t->con->ports[0];
	port->ready = true;
	expect_refused(t);
	port->pending = CONSOLE_MSG_ADD;
	expect_refused(t);
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, console_setup, console_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prints),
		TEST(prints_nothing),
		TEST(reads),
		TEST(reads_into_several_pieces),
		TEST(input_marks_memory_dirty),
		TEST(useless_buffer_breaks_the_device),
		TEST(unread_input_rests),
		TEST(slow_reader),
		TEST(slow_reader_event_idx),
		TEST(output_takes_turns),
		TEST(output_without_a_backend_vanishes),
		TEST(reset_forgets),
		TEST(quiet_while_quiesced),
		TEST(stuck_while_quiesced),
		TEST(shrunk_chain_is_done),
		TEST(state_survives),
		TEST(foreign_state_is_refused),
		TEST(bad_port_state_is_refused),
		TEST(absent_port_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
