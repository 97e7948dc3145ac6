/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-console: what it offers, ports, control messages. */
#include <pty.h>
#include <sys/ioctl.h>

#include "tests/unit/virtio_console_fixture.h"

static void implied_by_what_needs_it(void **state)
{
	struct console_test *t = *state;
	static const struct {
		enum console_kind kind;
		bool implied;
	} cases[] = {
		{ CONSOLE_SERIAL, false },
		{ CONSOLE_VIRTIO, true },
		{ CONSOLE_PORT, true },
	};
	const struct device_type *type = &virtio_console_device;

	console_make(t, "v");
	struct vm_config *cfg = fake_vm_config(t->vm);

	cfg->nr_consoles = 0;
	assert_false(type->implied(t->vm, false));
	cfg->nr_consoles = 2;
	cfg->consoles[0].kind = CONSOLE_SERIAL;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cfg->consoles[1].kind = cases[i].kind;
		assert_int_equal(type->implied(t->vm, false), cases[i].implied);
		assert_int_equal(type->implied(t->vm, true), cases[i].implied);
	}
}

static void offers_what_is_needed(void **state)
{
	struct console_test *t = *state;
	static const struct {
		const char *kinds;
		uint64_t features;
		unsigned ports;
		unsigned queues;
	} cases[] = {
		{ "v", 0, 1, 2 },
		{ "sv", 0, 1, 2 },
		{ "p", MULTIPORT, 2, 6 },
		{ "vp", MULTIPORT, 2, 6 },
		{ "vv", MULTIPORT, 2, 6 },
		{ "spspv", MULTIPORT, 3, 8 },
		{ "pppppppppppppppp", MULTIPORT, 17, 36 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (i > 0)
			console_unmake(t);
		console_make(t, cases[i].kinds);
		assert_int_equal(fake_mmio_offered(&t->m) & 7,
				 cases[i].features);
		assert_int_equal(fake_mmio_config(&t->m, 4, 4), cases[i].ports);
		assert_int_equal(t->con->vdev.nr_queues, cases[i].queues);
	}
}

/* Byte for byte, in the order that the driver expects. */
static void introduces_ports(void **state)
{
	struct console_test *t = *state;
	static const uint8_t add0[] = { 0, 0, 0, 0, 1, 0, 1, 0 };
	static const uint8_t name1[] = { 1, 0,   0,   0,   7,   0,  1,
					 0, 'p', 'o', 'r', 't', '0' };

	console_make(t, "pvv");
	console_start(t, MULTIPORT);
	ctrl_post(t, 16);
	assert_true(console_none_used(t, CTRL_RX));
	ctrl_send(t, 0xffffffff, READY, 1);
	console_got(t, CTRL_RX, add0, sizeof(add0));
	ctrl_got(t, 1, ADD, 1, "", 0);
	ctrl_got(t, 2, ADD, 1, "", 0);
	assert_true(console_none_used(t, CTRL_RX));
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_QUEUE);

	/* The first --console virtio is port 0, whatever came before it. */
	ctrl_send(t, 0, PORT_READY, 1);
	ctrl_got(t, 0, CONSOLE, 1, "", 0);
	ctrl_got(t, 0, OPEN, 1, "", 0);
	ctrl_send(t, 1, PORT_READY, 1);
	console_got(t, CTRL_RX, name1, sizeof(name1));
	ctrl_got(t, 1, OPEN, 1, "", 0);
	ctrl_send(t, 2, PORT_READY, 1);
	ctrl_got(t, 2, CONSOLE, 1, "", 0);
	ctrl_got(t, 2, OPEN, 1, "", 0);
	assert_true(console_none_used(t, CTRL_RX));
}

static void port_0_may_be_absent(void **state)
{
	struct console_test *t = *state;

	console_make(t, "p");
	console_start(t, MULTIPORT);
	ctrl_post(t, 16);
	ctrl_send(t, 0, READY, 1);
	ctrl_got(t, 1, ADD, 1, "", 0);
	assert_true(console_none_used(t, CTRL_RX));
	ctrl_send(t, 0, PORT_READY, 1);
	ctrl_send(t, 0, OPEN, 1);
	assert_true(console_none_used(t, CTRL_RX));
	console_send(t, TX(0), "void", 4);
	console_used(t, TX(0));
	peer_got(t, 0, "", 0);
}

static void input_waits_for_open(void **state)
{
	struct console_test *t = *state;

	console_make(t, "vp");
	console_start(t, MULTIPORT);
	for (unsigned i = 0; i < 4; i++) {
		console_post(t, RX(0), 16);
		console_post(t, RX(1), 16);
	}
	console_kick(t, RX(0));
	console_kick(t, RX(1));
	peer_send(t, 0, "console", 7);
	peer_send(t, 1, "port", 4);
	ctrl_send(t, 0, READY, 1);
	ctrl_send(t, 0, PORT_READY, 1);
	ctrl_send(t, 1, PORT_READY, 1);
	assert_true(console_none_used(t, RX(0)));
	assert_true(console_none_used(t, RX(1)));

	ctrl_send(t, 1, OPEN, 1);
	console_got(t, RX(1), "port", 4);
	ctrl_send(t, 0, OPEN, 1);
	console_got(t, RX(0), "console", 7);

	ctrl_send(t, 1, OPEN, 0);
	peer_send(t, 1, "later", 5);
	assert_true(console_none_used(t, RX(1)));
	ctrl_send(t, 1, OPEN, 1);
	console_got(t, RX(1), "later", 5);
	/* A port whose driver failed gets nothing. */
	ctrl_send(t, 1, PORT_READY, 0);
	peer_send(t, 1, "lost", 4);
	assert_true(console_none_used(t, RX(1)));
	assert_int_equal(fake_vm_io(t->vm), 0);
}

static void output_goes_to_its_port(void **state)
{
	struct console_test *t = *state;

	console_make(t, "vpp");
	console_start(t, MULTIPORT);
	console_send(t, TX(0), "zero", 4);
	console_send(t, TX(1), "one", 3);
	console_send(t, TX(2), "two", 3);
	peer_got(t, 0, "zero", 4);
	peer_got(t, 1, "one", 3);
	peer_got(t, 2, "two", 3);
}

/* A driver without MULTIPORT has port 0, and no control queues. */
static void works_without_multiport(void **state)
{
	struct console_test *t = *state;
	static const uint8_t ready[8] = { 0 };

	console_make(t, "vp");
	console_start(t, 0);
	console_post(t, RX(0), 16);
	console_kick(t, RX(0));
	peer_send(t, 0, "in", 2);
	console_got(t, RX(0), "in", 2);
	console_send(t, TX(0), "out", 3);
	peer_got(t, 0, "out", 3);

	console_post(t, RX(1), 16);
	console_kick(t, RX(1));
	peer_send(t, 1, "in", 2);
	assert_true(console_none_used(t, RX(1)));
	console_post(t, CTRL_RX, 64);
	console_send(t, CTRL_TX, ready, sizeof(ready));
	assert_true(console_none_used(t, CTRL_TX));
	assert_true(console_none_used(t, CTRL_RX));
	assert_int_equal(fake_vm_io(t->vm), 0);
}

static void messages_wait_for_buffers(struct console_test *t, uint64_t features)
{
	console_make(t, "vpp");
	console_start(t, MULTIPORT | features);
	ctrl_send(t, 0, READY, 1);
	ctrl_send(t, 0, READY, 1);
	ctrl_send(t, 0, PORT_READY, 1);
	ctrl_send(t, 2, PORT_READY, 1);
	assert_int_equal(fake_vm_io(t->vm), 0);

	/* One buffer, one message: port by port, each said once. */
	static const struct {
		uint32_t id;
		uint16_t event;
	} want[] = {
		{ 0, ADD }, { 0, CONSOLE }, { 0, OPEN }, { 1, ADD },
		{ 2, ADD }, { 2, NAME },    { 2, OPEN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct fake_queue *q = &t->m.queues[CTRL_RX];
		bool name = want[i].event == NAME;

		console_post(t, CTRL_RX, 64);
		assert_true(fake_queue_wants_kick(q));
		console_kick(t, CTRL_RX);
		ctrl_got(t, want[i].id, want[i].event, 1, name ? "port2" : "",
			 name ? 5 : 0);
	}
	ctrl_post(t, 4);
	assert_true(console_none_used(t, CTRL_RX));
}

static void messages_wait(void **state)
{
	messages_wait_for_buffers(*state, 0);
}

static void messages_wait_event_idx(void **state)
{
	messages_wait_for_buffers(*state, EVENT_IDX);
}

static void tells_who_is_there(void **state)
{
	struct console_test *t = *state;
	struct chardev_frontend *fe;

	console_make(t, "vp");
	console_start(t, MULTIPORT);
	console_open(t, 1);
	ctrl_post(t, 1);
	close(t->peers[1]);
	t->peers[1] = 0;
	fake_vm_io(t->vm);
	ctrl_got(t, 1, OPEN, 0, "", 0);

	/* However often it changes: one message, and of how it is now. */
	while (!console_none_used(t, CTRL_RX))
		console_used(t, CTRL_RX);
	console_start(t, MULTIPORT);
	ctrl_send(t, 1, PORT_READY, 1);
	fe = &t->con->ports[1].fe;
	for (unsigned i = 0; i < 100; i++) {
		fe->event(fe, CHARDEV_CONNECTED);
		fe->event(fe, CHARDEV_BREAK);
		fe->event(fe, CHARDEV_DISCONNECTED);
	}
	ctrl_post(t, 8);
	ctrl_got(t, 1, NAME, 1, "port1", 5);
	ctrl_got(t, 1, OPEN, 0, "", 0);
	assert_true(console_none_used(t, CTRL_RX));
	/* A port that is not set up has nobody to tell. */
	fe = &t->con->ports[0].fe;
	fe->event(fe, CHARDEV_CONNECTED);
	assert_true(console_none_used(t, CTRL_RX));
}

static void small_control_buffer_breaks_the_device(void **state)
{
	struct console_test *t = *state;

	console_make(t, "vp");
	console_start(t, MULTIPORT);
	/* Just right for what has no more to it. */
	console_post(t, CTRL_RX, 8);
	console_post(t, CTRL_RX, 8);
	console_post(t, CTRL_RX, 12);
	ctrl_send(t, 0, READY, 1);
	ctrl_got(t, 0, ADD, 1, "", 0);
	ctrl_got(t, 1, ADD, 1, "", 0);
	ctrl_send(t, 1, PORT_READY, 1);
	/* The name needs 13. */
	assert_true(fake_mmio_status(&t->m) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(console_used(t, CTRL_RX), 0);
	assert_int_equal(fake_vm_io(t->vm), 0);
}

static void ignores_nonsense(void **state)
{
	struct console_test *t = *state;
	static const struct {
		uint8_t msg[9];
		uint32_t len;
	} cases[] = {
		{ { 0, 0, 0, 0, 0, 0, 1 }, 7 },
		{ { 0 }, 1 },
		/* DEVICE_READY with 2; messages that only a device sends. */
		{ { 0, 0, 0, 0, 0, 0, 2, 0 }, 8 },
		{ { 1, 0, 0, 0, 1, 0, 1, 0 }, 8 },
		{ { 1, 0, 0, 0, 4, 0, 1, 0 }, 8 },
		{ { 1, 0, 0, 0, 7, 0, 1, 0 }, 8 },
		{ { 1, 0, 0, 0, 0xff, 0xff, 1, 0 }, 8 },
		/* Ports that are not there, or not set up; values. */
		{ { 2, 0, 0, 0, 3, 0, 1, 0 }, 8 },
		{ { 0xff, 0xff, 0xff, 0xff, 3, 0, 1, 0 }, 8 },
		{ { 1, 0, 0, 0, 6, 0, 1, 0 }, 8 },
		{ { 1, 0, 0, 0, 3, 0, 2, 0 }, 8 },
		{ { 1, 0, 0, 0, 6, 0, 0, 1 }, 8 },
	};

	console_make(t, "vp");
	console_start(t, MULTIPORT);
	ctrl_post(t, 16);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		console_send(t, CTRL_TX, cases[i].msg, cases[i].len);
		assert_int_equal(console_used(t, CTRL_TX), 0);
	}
	assert_true(console_none_used(t, CTRL_RX));
	assert_false(t->con->ports[1].ready || t->con->ports[1].open);
	assert_false(fake_mmio_status(&t->m) & VIRTIO_STATUS_NEEDS_RESET);
	ctrl_send(t, 1, PORT_READY, 1);
	ctrl_got(t, 1, NAME, 1, "port1", 5);
	ctrl_send(t, 1, OPEN, 2);
	assert_false(t->con->ports[1].open);
}

/* A port whose driver is gone waits for the next one's word. */
static void ports_may_go(void **state)
{
	struct console_test *t = *state;
	const struct console_port *port;

	console_make(t, "vp");
	port = &t->con->ports[1];
	console_start(t, MULTIPORT);
	ctrl_send(t, 0, READY, 1);
	ctrl_send(t, 1, PORT_READY, 1);
	ctrl_send(t, 1, OPEN, 1);
	assert_true(port->ready && port->open);
	assert_int_equal(port->pending,
			 CONSOLE_MSG_ADD | CONSOLE_MSG_NAME | CONSOLE_MSG_OPEN);
	ctrl_send(t, 1, PORT_READY, 0);
	assert_false(port->ready || port->open);
	assert_int_equal(port->pending, CONSOLE_MSG_ADD);
	ctrl_send(t, 1, OPEN, 1);
	assert_false(port->open);
}

/* With as many ports as there can be, the next one is behind the array. */
static void most_ports(void **state)
{
	struct console_test *t = *state;

	console_make(t, "pppppppppppppppp");
	assert_int_equal(t->con->nr_ports, CONSOLE_MAX_PORTS);
	console_start(t, MULTIPORT);
	ctrl_post(t, 16);
	ctrl_send(t, CONSOLE_MAX_PORTS, PORT_READY, 1);
	ctrl_send(t, CONSOLE_MAX_PORTS, OPEN, 1);
	assert_true(console_none_used(t, CTRL_RX));
	ctrl_send(t, CONSOLE_MAX_PORTS - 1, PORT_READY, 1);
	assert_true(t->con->ports[CONSOLE_MAX_PORTS - 1].ready);
}

static void reset_forgets_ports(void **state)
{
	struct console_test *t = *state;

	console_make(t, "vp");
	console_start(t, MULTIPORT);
	console_open(t, 1);
	ctrl_send(t, 0, PORT_READY, 1);
	console_start(t, MULTIPORT);
	ctrl_post(t, 16);
	console_post(t, RX(1), 16);
	console_kick(t, RX(1));
	peer_send(t, 1, "x", 1);
	close(t->peers[1]);
	t->peers[1] = 0;
	fake_vm_io(t->vm);
	assert_true(console_none_used(t, CTRL_RX));
	assert_true(console_none_used(t, RX(1)));
}

static int terminal_master;

/* Standard input becomes a terminal of 100 columns and 40 rows. */
static int terminal_setup(void **state)
{
	const struct winsize size = { .ws_col = 100, .ws_row = 40 };
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, &size) < 0)
		return -1;
	dup2(slave, STDIN_FILENO);
	close(slave);
	/* Left open to the end of the process: the terminal lives with it. */
	terminal_master = master;
	return console_setup(state);
}

static void size_in_configuration(void **state)
{
	struct console_test *t = *state;

	console_make(t, "t");
	assert_int_equal(fake_mmio_offered(&t->m) & 7, SIZE);
	assert_int_equal(fake_mmio_config(&t->m, 0, 2), 100);
	assert_int_equal(fake_mmio_config(&t->m, 2, 2), 40);
	assert_int_equal(fake_mmio_config(&t->m, 0, 4), 40 << 16 | 100);
}

static void size_in_a_message(void **state)
{
	struct console_test *t = *state;
	/* Rows first, as Linux has it. */
	static const uint8_t rows_cols[] = { 40, 0, 100, 0 };

	console_make(t, "vt");
	assert_int_equal(fake_mmio_offered(&t->m) & 7, SIZE | MULTIPORT);
	console_start(t, SIZE | MULTIPORT);
	ctrl_send(t, 1, PORT_READY, 1);
	ctrl_post(t, 16);
	ctrl_got(t, 1, CONSOLE, 1, "", 0);
	ctrl_got(t, 1, RESIZE, 1, rows_cols, 4);
	ctrl_got(t, 1, OPEN, 1, "", 0);
	ctrl_send(t, 0, PORT_READY, 1);
	ctrl_got(t, 0, CONSOLE, 1, "", 0);
	ctrl_got(t, 0, OPEN, 1, "", 0);

	/* Not for a driver that does not know of sizes. */
	console_start(t, MULTIPORT);
	ctrl_send(t, 1, PORT_READY, 1);
	ctrl_post(t, 16);
	ctrl_got(t, 1, CONSOLE, 1, "", 0);
	ctrl_got(t, 1, OPEN, 1, "", 0);
}

/* As after SIGWINCH. */
static void resize(struct console_test *t, unsigned i, uint16_t cols,
		   uint16_t rows)
{
	const struct winsize size = { .ws_col = cols, .ws_row = rows };

	assert_int_equal(ioctl(terminal_master, TIOCSWINSZ, &size), 0);
	chardev_refresh(t->vm->consoles[i]);
	fake_vm_io(t->vm);
}

static void size_changes_in_configuration(void **state)
{
	struct console_test *t = *state;

	console_make(t, "t");
	/* Before there is a driver. */
	resize(t, 0, 90, 30);
	assert_int_equal(fake_mmio_config(&t->m, 0, 4), 30 << 16 | 90);
	console_start(t, SIZE);
	assert_int_equal(fake_mmio_irq(&t->m), 0);
	uint32_t generation = fake_mmio_get(&t->m, 0xfc);
	resize(t, 0, 132, 50);
	assert_int_equal(fake_mmio_irq(&t->m), VIRTIO_ISR_CONFIG);
	assert_int_equal(fake_mmio_config(&t->m, 0, 4), 50 << 16 | 132);
	assert_int_not_equal(fake_mmio_get(&t->m, 0xfc), generation);
	/* Nothing new is nothing to tell; nor is a size of nothing. */
	resize(t, 0, 132, 50);
	resize(t, 0, 0, 0);
	assert_int_equal(fake_mmio_irq(&t->m), 0);
	assert_int_equal(fake_mmio_config(&t->m, 0, 4), 50 << 16 | 132);
}

/* However often it changes, the driver gets the last one. */
static void size_changes_in_a_message(void **state)
{
	struct console_test *t = *state;
	static const uint8_t last[] = { 60, 0, 149, 0 };
	uint16_t cols = 200;

	console_make(t, "vt");
	console_start(t, SIZE | MULTIPORT);
	resize(t, 1, 80, 25);
	console_open(t, 1);
	/* No buffers are left: one message is owed, not fifty. */
	while (t->con->ports[1].pending == 0)
		resize(t, 1, ++cols, 60);
	while (!console_none_used(t, CTRL_RX))
		console_used(t, CTRL_RX);
	for (int i = 0; i < 50; i++)
		resize(t, 1, ++cols, 60);
	resize(t, 1, 149, 60);
	ctrl_post(t, 8);
	ctrl_got(t, 1, RESIZE, 1, last, sizeof(last));
	assert_true(console_none_used(t, CTRL_RX));
}

static void refuses_long_names(void **state)
{
	struct console_test *t = *state;
	struct device_config dc = { .type = &virtio_console_device };
	struct error err = { 0 };
	struct device *dev = NULL;
	char name[CONSOLE_NAME_MAX + 2];

	console_make(t, "p");
	struct console_config *c = &fake_vm_config(t->vm)->consoles[0];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	free(c->name);
	c->name = strdup(name);
	assert_int_equal(dc.type->create(t->vm, &dc, &dev, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
	assert_null(dev);
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, console_setup, console_teardown)
#define TEST_TERMINAL(fn) \
	cmocka_unit_test_setup_teardown(fn, terminal_setup, console_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(implied_by_what_needs_it),
		TEST(offers_what_is_needed),
		TEST(introduces_ports),
		TEST(port_0_may_be_absent),
		TEST(input_waits_for_open),
		TEST(output_goes_to_its_port),
		TEST(works_without_multiport),
		TEST(messages_wait),
		TEST(messages_wait_event_idx),
		TEST(tells_who_is_there),
		TEST(small_control_buffer_breaks_the_device),
		TEST(ignores_nonsense),
		TEST(ports_may_go),
		TEST(most_ports),
		TEST(reset_forgets_ports),
		TEST(refuses_long_names),
		TEST_TERMINAL(size_in_configuration),
		TEST_TERMINAL(size_in_a_message),
		TEST_TERMINAL(size_changes_in_configuration),
		TEST_TERMINAL(size_changes_in_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
