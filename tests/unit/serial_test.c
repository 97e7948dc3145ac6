/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port, driven through the MMIO bus as a guest does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfdt.h>
#include "devices/table.h"
#include "tests/fakes/fake_vm.h"
#include "tests/fakes/skip.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/chardev.h"
#include "vmm/chardev_impl.h"
#include "vmm/fdt.h"
#include "vmm/snapshot.h"

/* Offsets and bits in numbers, so that a mistake in uart.h shows. */
#define DATA 0
#define IER  1
#define IIR  2
#define FCR  2
#define LCR  3
#define MCR  4
#define LSR  5
#define MSR  6
#define SCR  7

struct fixture {
	struct vm *vm;
	struct device *dev;
	struct chardev *cd;
	int peer;
};

static uint8_t rd(struct fixture *f, unsigned reg)
{
	return (uint8_t)fake_mmio_read(f->vm, arch_info.serial.base + reg, 1);
}

static void wr(struct fixture *f, unsigned reg, uint8_t value)
{
	fake_mmio_write(f->vm, arch_info.serial.base + reg, 1, value);
}

static bool irq(struct fixture *f)
{
	return fake_irq_level(f->vm, arch_info.serial.irq);
}

static void type(struct fixture *f, const void *text, size_t len)
{
	assert_int_equal(send(f->peer, text, len, 0), len);
	fake_vm_io(f->vm);
}

/* What came out so far; never waits. */
static void assert_output(struct fixture *f, const char *text)
{
	char buf[256] = { 0 };

	fake_vm_io(f->vm);
	ssize_t n = recv(f->peer, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	assert_int_equal(n < 0 ? 0 : n, strlen(text));
	assert_string_equal(buf, text);
}

static void open_console(struct fixture *f, int fd)
{
	struct error err = { 0 };
	const struct chardev_env env = { .loop = f->vm->loop,
					 .log = f->vm->log };
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
	f->vm = fake_vm_create(MIB(1));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	open_console(f, fds[1]);
	close(fds[1]);
	f->peer = fds[0];

	struct vm_config *cfg = fake_vm_config(f->vm);
	cfg->nr_consoles = 2;
	cfg->consoles[0].kind = CONSOLE_VIRTIO;
	cfg->consoles[1].kind = CONSOLE_SERIAL;
	f->vm->consoles[1] = f->cd;
	f->dev = fake_vm_add(f->vm, &serial_device, NULL);
	fake_vm_freeze(f->vm);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_vm_config(f->vm)->nr_consoles = 0;
	evloop_stop(f->vm->loop);
	/* The order of vm_destroy(): devices, consoles, loop. */
	for (unsigned i = 0; i < f->vm->nr_devices; i++)
		f->vm->devices[i]->type->destroy(f->vm->devices[i]);
	f->vm->nr_devices = 0;
	chardev_close(f->cd);
	fake_vm_destroy(f->vm);
	close(f->peer);
	free(f);
	return 0;
}

static void lock(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
}

static void unlock(struct fixture *f)
{
	pthread_mutex_unlock(&f->dev->lock);
}

static void test_reset_values(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(rd(f, IER), 0);
		assert_int_equal(rd(f, IIR), 0x01);
		assert_int_equal(rd(f, LCR), 0);
		assert_int_equal(rd(f, MCR), 0);
		assert_int_equal(rd(f, LSR), 0x60);
		assert_int_equal(rd(f, MSR), 0xb0);
		assert_int_equal(rd(f, SCR), 0);
		wr(f, LCR, 0x80);
		assert_int_equal(rd(f, DATA), 0);
		assert_int_equal(rd(f, IER), 0);
		wr(f, LCR, 0);
		/* Make everything different, then reset. */
		wr(f, IER, 0x0f);
		wr(f, FCR, 0xc1);
		wr(f, MCR, 0x1f);
		wr(f, DATA, 'x');
		wr(f, SCR, 0x5a);
		wr(f, LCR, 0x83);
		wr(f, DATA, 0x12);
		wr(f, IER, 0x34);
		assert_true(irq(f));
		lock(f);
		serial_device.reset(f->dev);
		unlock(f);
		assert_false(irq(f));
	}
}

static void test_masks(void **state)
{
	struct fixture *f = *state;

	wr(f, IER, 0xff);
	assert_int_equal(rd(f, IER), 0x0f);
	wr(f, MCR, 0xff);
	assert_int_equal(rd(f, MCR), 0x1f);
	wr(f, SCR, 0xa5);
	assert_int_equal(rd(f, SCR), 0xa5);
	wr(f, LCR, 0xff);
	assert_int_equal(rd(f, LCR), 0xff);
	wr(f, DATA, 0x12);
	wr(f, IER, 0x34);
	assert_int_equal(rd(f, DATA), 0x12);
	assert_int_equal(rd(f, IER), 0x34);
	wr(f, LCR, 0x7f);
	assert_int_equal(rd(f, IER), 0x0f);
	/* LSR and MSR cannot be written. */
	wr(f, MCR, 0);
	rd(f, MSR);
	wr(f, LSR, 0xff);
	wr(f, MSR, 0xff);
	assert_int_equal(rd(f, LSR), 0x60);
	assert_int_equal(rd(f, MSR), 0xb0);
	/* Nothing behind the last register. */
	wr(f, 8, 0xff);
	assert_int_equal(rd(f, 8), 0);
	assert_int_equal(rd(f, 0xff), 0);
}

static void test_wide_access(void **state)
{
	struct fixture *f = *state;
	uint64_t base = arch_info.serial.base;

	fake_mmio_write(f->vm, base + 4, 4, 0xa5a5a503);
	assert_int_equal(rd(f, MCR), 0x03);
	assert_int_equal(rd(f, SCR), 0);
	assert_int_equal(fake_mmio_read(f->vm, base + 4, 4), 0x03);
	assert_int_equal(fake_mmio_read(f->vm, base + 4, 2), 0x03);
	fake_mmio_write(f->vm, base, 4, 0x41424344);
	assert_output(f, "D");
	/* Eight bytes at once: nothing answers. */
	fake_mmio_write(f->vm, base, 8, 'E');
	assert_output(f, "");
	assert_int_equal(fake_mmio_read(f->vm, base, 8), 0);
}

/* What a Linux kernel does to tell a 16550A from its relatives. */
static void test_autoconfig(void **state)
{
	struct fixture *f = *state;

	wr(f, IER, 0);
	assert_int_equal(rd(f, IER) & 0x0f, 0);
	wr(f, IER, 0x0f);
	assert_int_equal(rd(f, IER) & 0x0f, 0x0f);
	wr(f, IER, 0);
	/* Loop-back with OUT2 and RTS gives DCD and CTS. */
	wr(f, MCR, 0x10 | 0x0a);
	assert_int_equal(rd(f, MSR) & 0xf0, 0x90);
	wr(f, MCR, 0);
	/* No enhanced features behind LCR 0xbf: register 2 stays IIR. */
	wr(f, FCR, 0x01);
	assert_int_equal(rd(f, IIR) >> 6, 3);
	wr(f, LCR, 0xbf);
	assert_int_equal(rd(f, IIR), 0xc1);
	wr(f, LCR, 0);
	/* No 64-byte FIFO. */
	wr(f, FCR, 0x21);
	assert_int_equal(rd(f, IIR) >> 5, 6);
	/* No XScale unit enable bit. */
	wr(f, IER, 0x40);
	assert_int_equal(rd(f, IER), 0);
	/* FIFO mode off again, other bits without the enable bit ignored. */
	wr(f, FCR, 0xc8);
	assert_int_equal(rd(f, IIR), 0x01);
}

/* Linux: serial8250_do_startup() asks twice whether THRE interrupts. */
static void test_thre_interrupt(void **state)
{
	struct fixture *f = *state;

	wr(f, IER, 0x02);
	assert_true(irq(f));
	assert_int_equal(rd(f, IIR), 0x02);
	/* Reading it cleared it. */
	assert_false(irq(f));
	assert_int_equal(rd(f, IIR), 0x01);
	/* Setting a bit that is set already asks for nothing. */
	wr(f, IER, 0x02);
	assert_false(irq(f));
	wr(f, IER, 0);
	wr(f, IER, 0x02);
	assert_true(irq(f));
	wr(f, IER, 0);
	assert_false(irq(f));
	assert_int_equal(rd(f, IIR), 0x01);
	/* A byte that went out leaves the transmitter empty again. */
	wr(f, IER, 0x02);
	rd(f, IIR);
	wr(f, DATA, 'a');
	assert_true(irq(f));
	assert_int_equal(rd(f, LSR), 0x60);
	assert_int_equal(rd(f, IIR), 0x02);
	assert_output(f, "a");
}

static void test_receive(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rd(f, LSR), 0x60);
	type(f, "ab", 2);
	/* Polled: no interrupt is enabled. */
	assert_false(irq(f));
	assert_int_equal(rd(f, LSR), 0x61);
	assert_int_equal(rd(f, DATA), 'a');
	assert_int_equal(rd(f, LSR), 0x61);
	assert_int_equal(rd(f, DATA), 'b');
	assert_int_equal(rd(f, LSR), 0x60);
	/* With interrupt, without FIFO: one at a time. */
	wr(f, IER, 0x01);
	type(f, "cd", 2);
	assert_true(irq(f));
	assert_int_equal(rd(f, IIR), 0x04);
	assert_int_equal(rd(f, DATA), 'c');
	assert_true(irq(f));
	assert_int_equal(rd(f, DATA), 'd');
	assert_false(irq(f));
	assert_int_equal(rd(f, IIR), 0x01);
}

static void test_trigger_levels(void **state)
{
	struct fixture *f = *state;
	static const unsigned levels[] = { 1, 4, 8, 14 };

	wr(f, IER, 0x01);
	for (unsigned i = 0; i < 4; i++) {
		wr(f, FCR, (uint8_t)(0x01 | i << 6));
		for (unsigned n = 1; n <= 16; n++) {
			type(f, "x", 1);
			assert_true(irq(f));
			assert_int_equal(rd(f, IIR),
					 n >= levels[i] ? 0xc4 : 0xcc);
		}
		for (unsigned n = 16; n > 0; n--) {
			assert_int_equal(rd(f, IIR),
					 n >= levels[i] ? 0xc4 : 0xcc);
			assert_int_equal(rd(f, LSR), 0x61);
			assert_int_equal(rd(f, DATA), 'x');
		}
		assert_false(irq(f));
		assert_int_equal(rd(f, IIR), 0xc1);
	}
}

/* More input than the FIFO holds waits outside of it: nothing is lost. */
static void test_no_overrun_from_host(void **state)
{
	struct fixture *f = *state;
	uint8_t data[CHARDEV_RX_RING + 500];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	wr(f, FCR, 0xc1);
	wr(f, IER, 0x05);
	type(f, data, sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++) {
		if (!(rd(f, LSR) & 0x01))
			fake_vm_io(f->vm);
		assert_int_equal(rd(f, LSR), 0x61);
		assert_int_equal(rd(f, DATA), data[i]);
	}
	assert_int_equal(rd(f, LSR), 0x60);
}

/* What is typed before the guest has set up the port stays for it. */
static void test_type_ahead_survives_setup(void **state)
{
	struct fixture *f = *state;

	type(f, "early", 5);
	wr(f, FCR, 0x01);
	wr(f, FCR, 0x07);
	wr(f, FCR, 0x00);
	assert_int_equal(rd(f, LSR), 0x61);
	wr(f, FCR, 0xc1);
	wr(f, IER, 0x01);
	assert_true(irq(f));
	for (const char *c = "early"; *c != '\0'; c++)
		assert_int_equal(rd(f, DATA), *c);
	assert_int_equal(rd(f, LSR), 0x60);
}

static void test_clear_rx_fifo(void **state)
{
	struct fixture *f = *state;

	wr(f, FCR, 0xc1);
	wr(f, IER, 0x01);
	type(f, "abc", 3);
	wr(f, FCR, 0xc3);
	assert_false(irq(f));
	assert_int_equal(rd(f, LSR), 0x60);
	type(f, "d", 1);
	assert_int_equal(rd(f, DATA), 'd');
	/* A change of the mode clears as well. */
	type(f, "e", 1);
	wr(f, FCR, 0);
	assert_int_equal(rd(f, LSR), 0x60);
}

static void test_break(void **state)
{
	struct fixture *f = *state;

	wr(f, FCR, 0x81);
	wr(f, IER, 0x05);
	type(f, "ab", 2);
	chardev_event(f->cd, CHARDEV_BREAK);
	type(f, "c", 1);
	/* Not at the top: only bit 7 tells. */
	assert_int_equal(rd(f, IIR), 0xcc);
	assert_int_equal(rd(f, LSR), 0xe1);
	assert_int_equal(rd(f, DATA), 'a');
	assert_int_equal(rd(f, DATA), 'b');
	assert_int_equal(rd(f, IIR), 0xc6);
	assert_int_equal(rd(f, LSR), 0xf1);
	/* It was told, the zero byte is still there. */
	assert_int_equal(rd(f, IIR), 0xcc);
	assert_int_equal(rd(f, LSR), 0x61);
	assert_int_equal(rd(f, DATA), 0);
	assert_int_equal(rd(f, DATA), 'c');
	assert_int_equal(rd(f, LSR), 0x60);
	assert_false(irq(f));
}

/* Connects and disconnects are nothing that this port shows. */
static void test_other_events(void **state)
{
	struct fixture *f = *state;

	chardev_event(f->cd, CHARDEV_DISCONNECTED);
	chardev_event(f->cd, CHARDEV_CONNECTED);
	assert_int_equal(rd(f, LSR), 0x60);
	assert_int_equal(rd(f, MSR), 0xb0);
}

static void test_overrun_without_fifo(void **state)
{
	struct fixture *f = *state;

	wr(f, IER, 0x04);
	wr(f, MCR, 0x10);
	wr(f, DATA, 'a');
	assert_int_equal(rd(f, LSR), 0x61);
	assert_false(irq(f));
	wr(f, DATA, 'b');
	assert_true(irq(f));
	assert_int_equal(rd(f, IIR), 0x06);
	assert_int_equal(rd(f, LSR), 0x63);
	assert_int_equal(rd(f, LSR), 0x61);
	assert_false(irq(f));
	/* The newer one is in the buffer. */
	assert_int_equal(rd(f, DATA), 'b');
}

static void test_loopback_fifo(void **state)
{
	struct fixture *f = *state;

	wr(f, FCR, 0x01);
	wr(f, MCR, 0x10);
	type(f, "host", 4);
	for (uint8_t i = 0; i < 17; i++) {
		assert_int_equal(rd(f, LSR), i == 0 ? 0x60 : 0x61);
		wr(f, DATA, (uint8_t)('A' + i));
	}
	assert_int_equal(rd(f, LSR), 0x63);
	/* The FIFO keeps the sixteen older ones. */
	for (uint8_t i = 0; i < 16; i++)
		assert_int_equal(rd(f, DATA), 'A' + i);
	assert_int_equal(rd(f, LSR), 0x60);
	/* Nothing went out, and the host's input waited. */
	assert_output(f, "");
	wr(f, MCR, 0);
	assert_int_equal(rd(f, DATA), 'h');
	/* A break is not seen either. */
	wr(f, MCR, 0x10);
	chardev_event(f->cd, CHARDEV_BREAK);
	assert_int_equal(rd(f, LSR), 0x60);
}

static void test_modem_lines(void **state)
{
	struct fixture *f = *state;

	wr(f, MCR, 0x10);
	/* CTS, DSR and DCD fell. */
	assert_int_equal(rd(f, MSR), 0x0b);
	wr(f, MCR, 0x11);
	assert_int_equal(rd(f, MSR), 0x22);
	wr(f, MCR, 0x12);
	assert_int_equal(rd(f, MSR), 0x13);
	/* A ring that begins is no change. */
	wr(f, MCR, 0x16);
	assert_int_equal(rd(f, MSR), 0x50);
	wr(f, MCR, 0x1a);
	assert_int_equal(rd(f, MSR), 0x9c);
	assert_int_equal(rd(f, MSR), 0x90);
	/* Interrupt, cleared by reading MSR. */
	wr(f, IER, 0x08);
	assert_false(irq(f));
	wr(f, MCR, 0x18);
	assert_true(irq(f));
	assert_int_equal(rd(f, IIR), 0x00);
	assert_true(irq(f));
	assert_int_equal(rd(f, MSR), 0x81);
	assert_false(irq(f));
}

static void test_priorities(void **state)
{
	struct fixture *f = *state;

	wr(f, FCR, 0x01);
	wr(f, MCR, 0x10);
	wr(f, IER, 0x0f);
	for (int i = 0; i < 17; i++)
		wr(f, DATA, 'z');
	assert_int_equal(rd(f, IIR), 0xc6);
	rd(f, LSR);
	assert_int_equal(rd(f, IIR), 0xc4);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(rd(f, IIR), 0xc4);
		rd(f, DATA);
	}
	/* THRE was not lost by the reads of IIR that named something else. */
	assert_int_equal(rd(f, IIR), 0xc2);
	assert_int_equal(rd(f, IIR), 0xc0);
	assert_true(irq(f));
	rd(f, MSR);
	assert_int_equal(rd(f, IIR), 0xc1);
	assert_false(irq(f));
}

/* Fills socket and ring, until the port has to hold the guest back. */
static size_t fill(struct fixture *f)
{
	size_t n = 0;

	while (rd(f, LSR) & 0x20) {
		wr(f, DATA, (uint8_t)n++);
		if (n % 4096 == 0)
			fake_vm_io(f->vm);
		assert_true(n < MIB(16));
	}
	return n;
}

static size_t drain(struct fixture *f, size_t seen)
{
	uint8_t buf[4096];

	for (int i = 0; i < 1000; i++) {
		ssize_t n = recv(f->peer, buf, sizeof(buf), MSG_DONTWAIT);

		for (ssize_t k = 0; k < n; k++)
			assert_int_equal(buf[k], (uint8_t)seen++);
		if (n <= 0 && fake_vm_io(f->vm) == 0)
			break;
	}
	return seen;
}

static void test_transmit_held_back(void **state)
{
	struct fixture *f = *state;

	wr(f, FCR, 0x01);
	wr(f, IER, 0x02);
	size_t n = fill(f);
	rd(f, IIR);
	assert_false(irq(f));
	assert_int_equal(rd(f, LSR), 0x00);
	/* One is in the FIFO; fifteen more fit, the others are lost. */
	for (size_t i = n; i < n + 20; i++)
		wr(f, DATA, (uint8_t)i);
	assert_int_equal(rd(f, LSR), 0x00);
	assert_int_equal(drain(f, 0), n + 15);
	assert_int_equal(rd(f, LSR), 0x60);
	assert_true(irq(f));
	assert_int_equal(rd(f, IIR), 0xc2);
}

static void test_transmit_cleared(void **state)
{
	struct fixture *f = *state;

	wr(f, FCR, 0x01);
	size_t n = fill(f);
	wr(f, FCR, 0x05);
	assert_int_equal(rd(f, LSR), 0x60);
	assert_int_equal(drain(f, 0), n - 1);
}

static bool thre(void *arg)
{
	return (rd(arg, LSR) & 0x20) != 0;
}

/* A reader that stopped for good does not stop the guest for good. */
static void test_transmit_stalled(void **state)
{
	struct fixture *f = *state;

	fill(f);
	f->cd->stall_ms = 30;
	ev_timer_set(&f->cd->stall, 0);
	fake_vm_wait(f->vm, thre, f, "THRE after a stall");
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(rd(f, LSR), 0x60);
		wr(f, DATA, 'x');
	}
	fake_vm_io(f->vm);
	assert_non_null(strstr(fake_vm_log(f->vm), "nobody reads"));
}

static size_t save(struct fixture *f, uint8_t *buf, size_t size)
{
	struct snap_writer w;

	snap_writer_init(&w, "test");
	assert_int_equal(device_save(f->dev, &w), 0);
	assert_int_equal(snap_finish(&w), 0);
	assert_true(w.len <= size);
	memcpy(buf, w.data, w.len);
	size_t len = w.len;
	snap_writer_free(&w);
	return len;
}

static int restore(struct fixture *f, const uint8_t *buf, size_t len)
{
	struct snap_reader r;
	struct snap_section sec;
	struct error err = { 0 };

	assert_int_equal(snap_reader_init(&r, buf, len, "test", &err), 0);
	assert_int_equal(snap_next(&r, &sec), 1);
	assert_string_equal(sec.name, "serial");
	return device_restore(f->dev, &r, sec.version);
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	uint8_t first[512], second[512];

	wr(f, LCR, 0x80);
	wr(f, DATA, 0x21);
	wr(f, IER, 0x43);
	wr(f, LCR, 0x1b);
	wr(f, SCR, 0x77);
	wr(f, FCR, 0xc9);
	size_t n = fill(f);
	wr(f, DATA, (uint8_t)n);
	wr(f, IER, 0x07);
	type(f, "in", 2);
	chardev_event(f->cd, CHARDEV_BREAK);
	wr(f, MCR, 0x1a);

	size_t len = save(f, first, sizeof(first));
	lock(f);
	serial_device.reset(f->dev);
	unlock(f);
	assert_false(irq(f));
	assert_int_equal(restore(f, first, len), 0);
	assert_int_equal(save(f, second, sizeof(second)), len);
	assert_memory_equal(first, second, len);

	assert_true(irq(f));
	assert_int_equal(rd(f, SCR), 0x77);
	assert_int_equal(rd(f, MCR), 0x1a);
	assert_int_equal(rd(f, LCR), 0x1b);
	assert_int_equal(rd(f, IER), 0x07);
	assert_int_equal(rd(f, IIR), 0xcc);
	assert_int_equal(rd(f, LSR), 0x81);
	assert_int_equal(rd(f, DATA), 'i');
	assert_int_equal(rd(f, DATA), 'n');
	assert_int_equal(rd(f, IIR), 0xc6);
	assert_int_equal(rd(f, LSR), 0x91);
	assert_int_equal(rd(f, DATA), 0);
	/* Held-back output goes on after a resume, also without tx_ready(). */
	chardev_attach(f->cd, NULL);
	assert_int_equal(drain(f, 0), n - 1);
	lock(f);
	serial_device.resume(f->dev);
	unlock(f);
	assert_int_equal(drain(f, n - 1), n + 1);
	wr(f, MCR, 0);
	assert_int_equal(rd(f, LSR), 0x60);
}

/* The section's body, byte by byte: the format is a promise. */
static void test_state_bytes(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];
	static const uint8_t regs[] = { 0x05, 0xc1, 0x1b, 0x08, 0x77,
					0x21, 0x43, 0x00, 0x00, 0x00,
					0x02, 'h',  'i',  0x00 };

	wr(f, LCR, 0x80);
	wr(f, DATA, 0x21);
	wr(f, IER, 0x43);
	wr(f, LCR, 0x1b);
	wr(f, SCR, 0x77);
	wr(f, MCR, 0x08);
	wr(f, FCR, 0xc1);
	wr(f, IER, 0x02);
	rd(f, IIR);
	wr(f, IER, 0x05);
	type(f, "hi", 2);

	size_t len = save(f, buf, sizeof(buf));
	struct snap_reader r;
	struct snap_section sec;
	struct error err = { 0 };
	uint8_t body[sizeof(regs)];

	assert_int_equal(snap_reader_init(&r, buf, len, "test", &err), 0);
	assert_int_equal(snap_next(&r, &sec), 1);
	assert_string_equal(sec.id, "serial0");
	assert_int_equal(sec.version, 1);
	assert_int_equal(snap_left(&r), 10 + 2 * 33);
	snap_get_bytes(&r, body, sizeof(body));
	assert_memory_equal(body, regs, sizeof(regs));
}

struct damage {
	size_t at;
	uint8_t value;
};

static void test_restore_rejects(void **state)
{
	struct fixture *f = *state;
	/* In the body: 9 registers, thre_irq, rx, tx. */
	static const struct damage cases[] = {
		{ 0, 0x10 },  { 1, 0x11 },
		{ 1, 0xc0 },  { 3, 0x20 },
		{ 7, 0x01 },  { 7, 0x04 },
		{ 8, 0x10 },  { 9, 2 },
		{ 10, 17 },   { 10, 255 },
		{ 43, 17 },   { 27, 0x01 },
		{ 42, 0x80 }, { 10 + 33 + 17, 0x10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t body[76] = { 0 };
		struct snap_reader r = { .data = body,
					 .len = sizeof(body),
					 .end = sizeof(body) };

		body[1] = 0x01;
		body[cases[i].at] = cases[i].value;
		wr(f, IER, 0x02);
		assert_int_equal(device_restore(f->dev, &r, 1), -EBADMSG);
		/* What is left is a port as after a reset. */
		assert_int_equal(rd(f, IER), 0);
		assert_int_equal(rd(f, LSR), 0x60);
		assert_false(irq(f));
	}
	/* Without FIFO mode there is room for one only. */
	uint8_t body[76] = { 0 };
	struct snap_reader r = { .data = body, .len = 76, .end = 76 };
	body[10] = 2;
	assert_int_equal(device_restore(f->dev, &r, 1), -EBADMSG);
	/* Every truncation. */
	for (size_t len = 0; len < 76; len++) {
		memset(body, 0, sizeof(body));
		r = (struct snap_reader){ .data = body,
					  .len = len,
					  .end = len };
		assert_true(device_restore(f->dev, &r, 1) < 0);
	}
	r = (struct snap_reader){ .data = body, .len = 76, .end = 76 };
	assert_int_equal(device_restore(f->dev, &r, 2), -ENOTSUP);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* What must hold whatever the guest did. */
static void check_invariants(struct fixture *f)
{
	uint8_t buf[512];
	struct snap_reader r;
	struct snap_section sec;
	struct error err = { 0 };

	size_t len = save(f, buf, sizeof(buf));
	assert_int_equal(snap_reader_init(&r, buf, len, "test", &err), 0);
	assert_int_equal(snap_next(&r, &sec), 1);

	uint8_t body[76];
	snap_get_bytes(&r, body, sizeof(body));
	unsigned room = (body[1] & 1) != 0 ? 16 : 1;
	assert_int_equal(body[0] & ~0x0f, 0);
	assert_int_equal(body[1] & ~0xc9, 0);
	assert_int_equal(body[3] & ~0x1f, 0);
	assert_true(body[10] <= room);
	assert_true(body[43] <= room);
	/* Its own state is always accepted. */
	assert_int_equal(restore(f, buf, len), 0);
}

static void test_storm(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 0x9e3779b97f4a7c15;
	uint8_t sink[4096];

	f->cd->stall_ms = 1;
	for (int i = 0; i < 200000; i++) {
		uint64_t x = next_random(&seed);
		uint64_t at = arch_info.serial.base + (x & 15);
		unsigned size = 1U << (x >> 4 & 3);

		if ((x >> 8 & 1) != 0)
			fake_mmio_write(f->vm, at, size, x >> 16);
		else
			fake_mmio_read(f->vm, at, size);
		/* The line agrees with what IIR would say. */
		if (i % 64 == 0) {
			bool level = irq(f);

			assert_int_equal(level, (rd(f, IIR) & 1) == 0);
			check_invariants(f);
		}
		if (i % 97 == 0)
			chardev_event(f->cd, CHARDEV_BREAK);
		if (i % 256 == 0) {
			send(f->peer, &x, sizeof(x), MSG_DONTWAIT);
			fake_vm_io(f->vm);
		}
		if (i % 20000 < 10000)
			recv(f->peer, sink, sizeof(sink), MSG_DONTWAIT);
	}
}

static void test_fdt(void **state)
{
	struct fixture *f = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	char path[64];

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	serial_device.fdt(f->dev, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);

	int len;
	snprintf(path, sizeof(path), "/serial@%llx",
		 (unsigned long long)arch_info.serial.base);
	int node = fdt_path_offset(blob, path);
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(blob, node, "compatible", &len),
			    "ns16550a");
	assert_int_equal(len, 9);
	const uint8_t *p = fdt_getprop(blob, node, "reg", &len);
	assert_int_equal(len, 16);
	assert_int_equal(be64_load(p), arch_info.serial.base);
	assert_int_equal(be64_load(p + 8), arch_info.serial.size);
	p = fdt_getprop(blob, node, "clock-frequency", &len);
	assert_int_equal(be32_load(p), 3686400);
	p = fdt_getprop(blob, node, "interrupts", &len);
	assert_int_equal(be32_load(p), arch_info.serial.irq);
	assert_int_equal(be32_load(p + 4), 4);
	fdt_builder_free(&b);
}

static void test_implied(void **state)
{
	struct fixture *f = *state;
	struct vm_config *cfg = fake_vm_config(f->vm);

	assert_true(serial_device.implied(f->vm, false));
	assert_true(serial_device.implied(f->vm, true));
	cfg->consoles[1].kind = CONSOLE_PORT;
	assert_false(serial_device.implied(f->vm, false));
	cfg->consoles[1].kind = CONSOLE_SERIAL;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_reset_values),
		T(test_masks),
		T(test_wide_access),
		T(test_autoconfig),
		T(test_thre_interrupt),
		T(test_receive),
		T(test_trigger_levels),
		T(test_no_overrun_from_host),
		T(test_type_ahead_survives_setup),
		T(test_clear_rx_fifo),
		T(test_break),
		T(test_other_events),
		T(test_overrun_without_fifo),
		T(test_loopback_fifo),
		T(test_modem_lines),
		T(test_priorities),
		T(test_transmit_held_back),
		T(test_transmit_cleared),
		T(test_transmit_stalled),
		T(test_round_trip),
		T(test_state_bytes),
		T(test_restore_rejects),
		T(test_storm),
		T(test_fdt),
		T(test_implied),
	};
#undef T
	if (arch_info.serial.size == 0)
		return skip_all("this machine has no serial port");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
