/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal, driven by hypercalls as a guest does, on a real chardev. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <errno.h>
#include <libfdt.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include "arch/ppc64le/tree.h"
#include "arch/ppc64le/vty.h"
#include "vmm/chardev_impl.h"

#define GET        0x54U
#define PUT        0x58U
#define VIO_SIGNAL 0x104U
#define DISPLAY    0x2000U

#define UNIT       0x71000000U
#define IRQ        0x1100U
#define STATE_MAX  64U

struct fixture {
	struct rtas_fixture m;
	struct chardev *cd;
	int peer;
};

static void open_console(struct fixture *f, int fd)
{
	struct error err = { 0 };
	const struct chardev_env env = { .loop = f->m.vm->loop,
					 .log = f->m.vm->log };
	const struct chardev_config cfg = { .kind = CHARDEV_FD, .fd = fd };

	if (chardev_open(&env, "console", &cfg, &f->cd, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(chardev_start(f->cd, &err), 0);
	/* No test is to stall before it wants to. */
	f->cd->stall_ms = 600000;
	f->cd->gather_ns = 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_non_null(f);
	fix_init(&f->m);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	open_console(f, fds[1]);
	close(fds[1]);
	f->peer = fds[0];

	struct vm_config *cfg = fake_vm_config(f->m.vm);
	cfg->nr_consoles = 2;
	cfg->consoles[0].kind = CONSOLE_VIRTIO;
	cfg->consoles[1].kind = CONSOLE_SERIAL;
	f->m.vm->consoles[1] = f->cd;
	fake_vm_add(f->m.vm, &vty_device, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct vm *vm = f->m.vm;

	fake_vm_config(vm)->nr_consoles = 0;
	evloop_stop(vm->loop);
	/* The order of vm_destroy(): devices, consoles, loop. */
	vty_device.power_off(vm->devices[0]);
	vty_device.destroy(vm->devices[0]);
	assert_null(f->m.machine.vty);
	vm->nr_devices = 0;
	/* Nobody reads what a test left. */
	f->cd->stall_ms = 0;
	chardev_close(f->cd);
	fix_fini(&f->m);
	close(f->peer);
	free(f);
	return 0;
}

/*
 * The guest.
 */

static int64_t put(struct fixture *f, uint64_t term, uint64_t len,
		   uint64_t first, uint64_t second)
{
	return fix_hcall(&f->m, PUT, term, len, first, second);
}

static int64_t put_bytes(struct fixture *f, const void *data, size_t len)
{
	uint8_t raw[16] = { 0 };

	memcpy(raw, data, len);
	return put(f, 0, len, be64_load(raw), be64_load(raw + 8));
}

/* What the guest gets in one call. */
static void assert_get(struct fixture *f, const void *want, size_t len)
{
	uint8_t raw[16] = { 0 };

	memcpy(raw, want, len);
	assert_int_equal(fix_hcall(&f->m, GET, UNIT, 0xaa, 0xbb, 0xcc),
			 H_SUCCESS);
	assert_int_equal(f->m.call.args[0], len);
	assert_int_equal(f->m.call.args[1], be64_load(raw));
	assert_int_equal(f->m.call.args[2], be64_load(raw + 8));
	assert_int_equal(f->m.call.args[3], 0xcc);
}

static unsigned pulses(struct fixture *f)
{
	return fake_irq_pulses(f->m.vm, IRQ);
}

/*
 * The host.
 */

static void type(struct fixture *f, const void *text, size_t len)
{
	assert_int_equal(send(f->peer, text, len, 0), len);
	fake_vm_io(f->m.vm);
}

/* What came out so far; never waits. */
static size_t output(struct fixture *f, uint8_t *buf, size_t size)
{
	fake_vm_io(f->m.vm);
	ssize_t n = recv(f->peer, buf, size, MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

static void assert_output(struct fixture *f, const void *want, size_t len)
{
	uint8_t buf[512];

	assert_int_equal(output(f, buf, sizeof(buf)), len);
	assert_memory_equal(buf, want, len);
}

/* The rest of what a reader that held the guest back has to read. */
static size_t drain(struct fixture *f, uint8_t *last)
{
	static uint8_t buf[65536];
	size_t total = 0, n;

	while ((n = output(f, buf, sizeof(buf))) > 0) {
		total += n;
		*last = buf[n - 1];
	}
	return total;
}

/*
 * Output.
 */

static void put_is_byte_exact(void **state)
{
	struct fixture *f = *state;

	/* The first byte is the most significant one. */
	assert_int_equal(put(f, 0, 16, UINT64_C(0x4142434445464748),
			     UINT64_C(0x0000ff0d0a1b7f80)),
			 H_SUCCESS);
	assert_output(f, "ABCDEFGH\0\0\xff\r\n\x1b\x7f\x80", 16);
	assert_int_equal(put(f, UNIT, 3, UINT64_C(0x6162637878787878), ~0),
			 H_SUCCESS);
	assert_output(f, "abc", 3);
	assert_int_equal(put(f, UNIT, 9, UINT64_C(0x3132333435363738),
			     UINT64_C(0x3900000000000000)),
			 H_SUCCESS);
	assert_output(f, "123456789", 9);
	assert_int_equal(put(f, UNIT, 0, ~0, ~0), H_SUCCESS);
	assert_output(f, "", 0);
	/* Arguments are left alone. */
	assert_int_equal(f->m.call.args[0], UNIT);
	assert_int_equal(f->m.call.args[2], ~UINT64_C(0));
}

static void lengths_are_bounded(void **state)
{
	static const uint64_t bad[] = { 17, 18, 0x100000010, UINT64_MAX,
					UINT64_C(1) << 63 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(put(f, 0, bad[i], 1, 2), H_PARAMETER);
	assert_output(f, "", 0);
}

static void other_terminals_are_unknown(void **state)
{
	static const uint64_t bad[] = { 1,
					UNIT - 1,
					UNIT + 1,
					UINT64_C(0x100000000),
					UINT64_C(0x100000000) + UNIT,
					UINT64_MAX };
	struct fixture *f = *state;

	type(f, "x", 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(put(f, bad[i], 1, 2, 3), H_PARAMETER);
		assert_int_equal(fix_hcall(&f->m, GET, bad[i], 2, 3, 4),
				 H_PARAMETER);
		assert_int_equal(f->m.call.args[0], bad[i]);
		assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, bad[i], 0, 3, 4),
				 H_PARAMETER);
	}
	assert_output(f, "", 0);
	assert_get(f, "x", 1);
}

/*
 * A reader that takes nothing: the guest is told to come back, and nothing is
 * lost or said twice.
 */
static void full_console_holds_the_guest_back(void **state)
{
	struct fixture *f = *state;
	size_t total = 0;
	uint8_t last = 0;
	int64_t ret;

	/* Odd pieces, so that one of them is cut in two. */
	while ((ret = put_bytes(f, "0123456789abc", 13)) == H_SUCCESS) {
		total += 13;
		if (total % 1300 == 0)
			fake_vm_io(f->m.vm);
		assert_true(total < MIB(4));
	}
	assert_int_equal(ret, H_BUSY);
	assert_true(total > 65536);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(put_bytes(f, "z", 1), H_BUSY);
	/* Without a byte there is nothing to wait for, but the order. */
	assert_int_equal(put_bytes(f, "", 0), H_BUSY);
	assert_false(chardev_idle(f->cd));
	assert_int_equal(drain(f, &last), total);
	assert_int_equal(last, 'c');
	assert_int_equal(put_bytes(f, "z", 1), H_SUCCESS);
	assert_output(f, "z", 1);
	chardev_idle(f->cd);
	assert_true(chardev_idle(f->cd));
}

static bool is_stalled(void *arg)
{
	return ((struct fixture *)arg)->cd->stalled;
}

static void stalled_console_lets_the_guest_go(void **state)
{
	struct fixture *f = *state;

	while (put_bytes(f, "0123456789abcdef", 16) == H_SUCCESS)
		fake_vm_io(f->m.vm);
	f->cd->stall_ms = 0;
	ev_timer_set(&f->cd->stall, 0);
	fake_vm_wait(f->m.vm, is_stalled, f, "the stall");
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(put_bytes(f, "0123456789abcdef", 16),
				 H_SUCCESS);
}

static void gone_reader_does_not_matter(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shutdown(f->peer, SHUT_RDWR), 0);
	fake_vm_io(f->m.vm);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(put_bytes(f, "0123456789abcdef", 16),
				 H_SUCCESS);
	assert_get(f, "", 0);
}

static void firmware_displays(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fix_rtas(&f->m, DISPLAY, 1, 'H'), 0);
	assert_int_equal(fix_rtas(&f->m, DISPLAY, 1, 0xffffff69), 0);
	assert_output(f, "Hi", 2);
	while (put_bytes(f, "0123456789abcde", 15) == H_SUCCESS)
		fake_vm_io(f->m.vm);
	assert_int_equal(fix_rtas(&f->m, DISPLAY, 1, 'x'), -2);
}

/*
 * Input.
 */

static void get_is_byte_exact(void **state)
{
	struct fixture *f = *state;

	assert_get(f, "", 0);
	type(f, "a", 1);
	assert_int_equal(pulses(f), 1);
	assert_get(f, "a", 1);
	assert_get(f, "", 0);
	type(f, "0123456789abcdefXYZ", 19);
	assert_int_equal(pulses(f), 1);
	assert_get(f, "0123456789abcdef", 16);
	assert_get(f, "XYZ", 3);
	assert_get(f, "", 0);
	type(f, "\0\0\xff\r\n\x80\n\0", 8);
	assert_get(f, "\0\0\xff\r\n\x80\n\0", 8);
}

/* One answer with both would lose the NUL in the guest. */
static void nul_comes_apart_from_cr(void **state)
{
	struct fixture *f = *state;

	type(f, "ab\r\0cd\r\r\0\0", 10);
	pulses(f);
	assert_get(f, "ab\r", 3);
	/* A guest that waits for an interrupt gets one. */
	assert_int_equal(pulses(f), 1);
	assert_get(f, "\0cd\r\r", 5);
	assert_get(f, "\0\0", 2);
	assert_int_equal(pulses(f), 1);
	assert_get(f, "", 0);
	/* Also at the end of a whole answer. */
	type(f, "0123456789abcde\r\0x", 18);
	assert_get(f, "0123456789abcde\r", 16);
	assert_get(f, "\0x", 2);
	type(f, "0123456789abcd\r\0\r\0", 18);
	assert_get(f, "0123456789abcd\r", 15);
	assert_get(f, "\0\r", 2);
	assert_get(f, "\0", 1);
	assert_get(f, "", 0);
	/* What was left over takes its place among what comes next. */
	type(f,
	     "a\r\0"
	     "0123456789abcdefghij",
	     23);
	assert_get(f, "a\r", 2);
	assert_get(f,
		   "\0"
		   "0123456789abcde",
		   16);
	assert_get(f, "fghij", 5);
}

static void flood_of_input_is_bounded(void **state)
{
	struct fixture *f = *state;
	uint8_t chunk[1024];
	size_t sent = 0, got = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = (uint8_t)('A' + i % 16);
	while ((n = send(f->peer, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
		sent += (size_t)n;
		fake_vm_io(f->m.vm);
		assert_true(sent < MIB(16));
	}
	assert_true(f->cd->rx.head - f->cd->rx.tail <= CHARDEV_RX_RING);
	/* All of it arrives once the guest reads. */
	for (unsigned idle = 0; idle < 3;) {
		fake_vm_io(f->m.vm);
		assert_int_equal(fix_hcall(&f->m, GET, 0, 0, 0, 0), H_SUCCESS);
		got += f->m.call.args[0];
		idle = f->m.call.args[0] == 0 ? idle + 1 : 0;
	}
	assert_int_equal(got, sent);
}

static void break_is_sysrq(void **state)
{
	struct fixture *f = *state;

	type(f, "ab", 2);
	pulses(f);
	chardev_event(f->cd, CHARDEV_BREAK);
	assert_int_equal(pulses(f), 1);
	type(f, "c", 1);
	assert_get(f,
		   "ab\x0f"
		   "c",
		   4);
	chardev_event(f->cd, CHARDEV_DISCONNECTED);
	chardev_event(f->cd, CHARDEV_RESIZED);
	assert_get(f, "", 0);
	/* Nobody reads: breaks do not pile up. */
	for (unsigned i = 0; i < 100; i++)
		chardev_event(f->cd, CHARDEV_BREAK);
	assert_get(f,
		   "\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f"
		   "\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f",
		   16);
	assert_get(f, "", 0);
}

static void signals_can_be_turned_off(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, UNIT, 0, 0, 0),
			 H_SUCCESS);
	type(f, "a", 1);
	assert_int_equal(pulses(f), 0);
	/* What came meanwhile is signalled. */
	assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, UNIT, 1, 0, 0),
			 H_SUCCESS);
	assert_int_equal(pulses(f), 1);
	assert_get(f, "a", 1);
	assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, UNIT, 2, 0, 0),
			 H_PARAMETER);
	assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, UNIT, UINT64_MAX, 0, 0),
			 H_PARAMETER);
	assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, 0, 1, 0, 0), H_PARAMETER);
	/* A reset turns them on. */
	fix_hcall(&f->m, VIO_SIGNAL, UNIT, 0, 0, 0);
	fix_device(&f->m, vty_device.reset);
	type(f, "b", 1);
	assert_int_equal(pulses(f), 1);
}

/*
 * State.
 */

/* Leaves one byte that was taken ahead, and part of a call's output. */
static size_t busy_state(struct fixture *f, uint8_t *body)
{
	type(f, "\r\0", 2);
	assert_get(f, "\r", 1);
	while (put_bytes(f, "0123456789abc", 13) == H_SUCCESS)
		fake_vm_io(f->m.vm);
	fix_hcall(&f->m, VIO_SIGNAL, UNIT, 0, 0, 0);
	pulses(f);
	return fix_save(&f->m, body, STATE_MAX);
}

static void state_goes_round(void **state)
{
	static const char call[] = "0123456789abc";
	struct fixture *f = *state;
	uint8_t body[STATE_MAX], again[STATE_MAX], last = 0;
	size_t len = busy_state(f, body);

	/* Length and bytes, twice, and a flag. */
	assert_in_range(body[0], 1, 12);
	assert_int_equal(len, body[0] + 4);
	assert_memory_equal(body + 1, &call[13 - body[0]], body[0]);
	assert_int_equal(body[body[0] + 1], 1);
	assert_int_equal(body[body[0] + 2], 0);
	assert_int_equal(body[body[0] + 3], 0);
	fix_device(&f->m, vty_device.reset);
	drain(f, &last);
	assert_int_not_equal(last, 'c');
	assert_int_equal(fix_restore(&f->m, body, len), 0);
	assert_int_equal(fix_save(&f->m, again, sizeof(again)), len);
	assert_memory_equal(body, again, len);
	fix_device(&f->m, vty_device.resume);
	assert_output(f, body + 1, body[0]);
	assert_int_equal(pulses(f), 0);
	assert_get(f, "\0", 1);
}

static void resume_signals_what_waits(void **state)
{
	static const uint8_t body[] = { 0, 1, 'x', 1 };
	struct fixture *f = *state;

	assert_int_equal(fix_restore(&f->m, body, sizeof(body)), 0);
	assert_int_equal(pulses(f), 0);
	fix_device(&f->m, vty_device.resume);
	assert_int_equal(pulses(f), 1);
	assert_get(f, "x", 1);
	fix_device(&f->m, vty_device.resume);
	assert_int_equal(pulses(f), 0);
	type(f, "y", 1);
	assert_int_equal(pulses(f), 1);
	fix_device(&f->m, vty_device.quiesce);
	fix_device(&f->m, vty_device.resume);
	assert_int_equal(pulses(f), 1);
}

static void bad_state_is_refused(void **state)
{
	static const uint8_t full[] = { 16,  'a', 'b', 'c', 'd', 'e', 'f',
					'g', 'h', 'i', 'j', 'k', 'l', 'm',
					'n', 'o', 'p', 16,  'A', 'B', 'C',
					'D', 'E', 'F', 'G', 'H', 'I', 'J',
					'K', 'L', 'M', 'N', 'O', 'P', 1 };
	struct fixture *f = *state;
	uint8_t body[sizeof(full)];

	static const uint8_t wild[] = { 17, 0x80, 0xff };
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		memcpy(body, full, sizeof(body));
		body[0] = wild[i];
		assert_int_equal(fix_restore(&f->m, body, sizeof(body)),
				 -EBADMSG);
		memcpy(body, full, sizeof(body));
		body[17] = wild[i];
		assert_int_equal(fix_restore(&f->m, body, sizeof(body)),
				 -EBADMSG);
		memcpy(body, full, sizeof(body));
		body[34] = wild[i];
		assert_int_equal(fix_restore(&f->m, body, sizeof(body)),
				 -EBADMSG);
		fix_device(&f->m, vty_device.resume);
		assert_get(f, "", 0);
		assert_output(f, "", 0);
	}
	/* One byte too many, and all of it there. */
	uint8_t longer[sizeof(full) + 1] = { 17 };
	longer[18] = 16;
	assert_int_equal(fix_restore(&f->m, longer, sizeof(longer)), -EBADMSG);
	fix_restore_refuses_lengths(&f->m, full, sizeof(full));
	assert_int_equal(fix_restore(&f->m, full, sizeof(full)), 0);
	fix_device(&f->m, vty_device.resume);
	assert_get(f, "ABCDEFGHIJKLMNOP", 16);
	assert_output(f, "abcdefghijklmnop", 16);
}

/*
 * Several vCPUs and the I/O thread.
 */

#define STORM_CALLS 20000U

struct storm {
	struct fixture *f;
	uint64_t got;
	uint64_t put;
};

static void *storm_vcpu(void *arg)
{
	struct storm *s = arg;

	for (unsigned i = 0; i < STORM_CALLS; i++) {
		struct hcall call = {
			.vcpu = &s->f->m.vm->vcpus[0],
			.nr = i % 2 == 0 ? PUT : GET,
			.args = { 0, 16, i, i },
		};
		int64_t ret = hcall_dispatch(&call);

		if (call.nr == PUT && ret == H_SUCCESS)
			s->put += 16;
		if (call.nr == GET && ret == H_SUCCESS)
			s->got += call.args[0];
	}
	return NULL;
}

static void threads_do_not_lose_bytes(void **state)
{
	struct fixture *f = *state;
	struct storm storms[3];
	pthread_t threads[3];
	struct error err = { 0 };
	uint64_t sent = 0, got = 0, put_total = 0, seen = 0;
	static uint8_t buf[65536];

	assert_int_equal(evloop_start(f->m.vm->loop, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		storms[i] = (struct storm){ .f = f };
		assert_int_equal(pthread_create(&threads[i], NULL, storm_vcpu,
						&storms[i]),
				 0);
	}
	for (unsigned i = 0; i < 2000; i++) {
		ssize_t n = send(f->peer, buf, 100, MSG_DONTWAIT);
		sent += n > 0 ? (uint64_t)n : 0;
		n = recv(f->peer, buf, sizeof(buf), MSG_DONTWAIT);
		seen += n > 0 ? (uint64_t)n : 0;
		memset(buf, 'x', 100);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], NULL);
		got += storms[i].got;
		put_total += storms[i].put;
	}
	evloop_stop(f->m.vm->loop);
	for (unsigned idle = 0; idle < 3;) {
		fake_vm_io(f->m.vm);
		fix_hcall(&f->m, GET, 0, 0, 0, 0);
		got += f->m.call.args[0];
		size_t n = output(f, buf, sizeof(buf));
		seen += n;
		idle = n == 0 && f->m.call.args[0] == 0 ? idle + 1 : 0;
	}
	assert_int_equal(got, sent);
	assert_int_equal(seen, put_total);
}

/*
 * The machine.
 */

static void node_is_as_linux_wants(void **state)
{
	struct fixture *f = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	vty_fdt(f->m.vm, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	int node = fdt_path_offset(blob, "/vty@71000000");
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(blob, node, "device_type", &len),
			    "serial");
	assert_string_equal(fdt_getprop(blob, node, "compatible", &len),
			    "hvterm1");
	const uint8_t *p = fdt_getprop(blob, node, "reg", &len);
	assert_int_equal(len, 4);
	assert_int_equal(be32_load(p), UNIT);
	p = fdt_getprop(blob, node, "interrupts", &len);
	assert_int_equal(len, 8);
	assert_int_equal(be32_load(p), IRQ);
	assert_int_equal(be32_load(p + 4), 1);
	assert_non_null(fdt_getprop(blob, node, "interrupt-parent", &len));
	fdt_builder_free(&b);
}

static void it_comes_with_a_serial_console(void **state)
{
	struct fixture *f = *state;
	struct vm_config *cfg = fake_vm_config(f->m.vm);
	struct device_config dc = { .type = &vty_device };
	struct device *dev = NULL;
	struct error err = { 0 };

	assert_true(vty_device.implied(f->m.vm, false));
	assert_true(vty_device.implied(f->m.vm, true));
	cfg->consoles[1].kind = CONSOLE_PORT;
	assert_false(vty_device.implied(f->m.vm, false));
	assert_true(vty_device.create(f->m.vm, &dc, &dev, &err) < 0);
	assert_non_null(strstr(err.text, "--console serial"));
	assert_null(dev);
}

static void no_terminal_no_calls(void **state)
{
	struct fixture *f = *state;
	struct vty *vty = f->m.machine.vty;

	f->m.machine.vty = NULL;
	assert_int_equal(put(f, 0, 1, 2, 3), H_PARAMETER);
	assert_int_equal(fix_hcall(&f->m, GET, 0, 0, 0, 0), H_PARAMETER);
	assert_int_equal(fix_hcall(&f->m, VIO_SIGNAL, UNIT, 1, 0, 0),
			 H_PARAMETER);
	f->m.machine.vty = vty;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(put_is_byte_exact),
		T(lengths_are_bounded),
		T(other_terminals_are_unknown),
		T(full_console_holds_the_guest_back),
		T(stalled_console_lets_the_guest_go),
		T(gone_reader_does_not_matter),
		T(firmware_displays),
		T(get_is_byte_exact),
		T(nul_comes_apart_from_cr),
		T(flood_of_input_is_bounded),
		T(break_is_sysrq),
		T(signals_can_be_turned_off),
		T(state_goes_round),
		T(resume_signals_what_waits),
		T(bad_state_is_refused),
		T(threads_do_not_lose_bytes),
		T(node_is_as_linux_wants),
		T(it_comes_with_a_serial_console),
		T(no_terminal_no_calls),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
