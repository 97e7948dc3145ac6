/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial port under a driver that works as Linux' 8250 does: nothing is
 * lost, and what a byte costs in accesses (each is an exit) and interrupts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "tests/fakes/fake_vm.h"
#include "tests/fakes/skip.h"
#include "vmm/arch.h"
#include "vmm/chardev_impl.h"

#define DATA  0
#define IER   1
#define IIR   2
#define FCR   2
#define LSR   5
#define MSR   6

#define LEN   100000U
#define BURST 16U

/**
 * struct fixture - A serial port with a driver
 * @accesses: made by the driver so far
 * @sent: bytes that the driver wrote
 * @got: bytes that the host has
 * @in: bytes that the driver read
 */
struct fixture {
	struct vm *vm;
	struct device *dev;
	struct chardev *cd;
	int peer;
	size_t accesses;
	size_t sent;
	size_t got;
	size_t in;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 253);
}

static uint8_t rd(struct fixture *f, unsigned reg)
{
	f->accesses++;
	return (uint8_t)fake_mmio_read(f->vm, arch_info.serial.base + reg, 1);
}

static void wr(struct fixture *f, unsigned reg, uint8_t value)
{
	f->accesses++;
	fake_mmio_write(f->vm, arch_info.serial.base + reg, 1, value);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };
	int fds[2];

	assert_non_null(f);
	f->vm = fake_vm_create(MIB(1));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	const struct chardev_env env = { .loop = f->vm->loop,
					 .log = f->vm->log };
	const struct chardev_config backend = { .kind = CHARDEV_FD,
						.fd = fds[1] };
	assert_int_equal(chardev_open(&env, "console", &backend, &f->cd, &err),
			 0);
	assert_int_equal(chardev_start(f->cd, &err), 0);
	f->cd->stall_ms = 600000;
	f->cd->gather_ns = 0;
	close(fds[1]);
	f->peer = fds[0];

	struct vm_config *cfg = fake_vm_config(f->vm);
	cfg->nr_consoles = 1;
	cfg->consoles[0].kind = CONSOLE_SERIAL;
	f->vm->consoles[0] = f->cd;
	f->dev = fake_vm_add(f->vm, &serial_device, NULL);
	fake_vm_freeze(f->vm);
	/* As the driver sets it: FIFO, trigger level 8. */
	wr(f, FCR, 0x87);
	f->accesses = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_vm_config(f->vm)->nr_consoles = 0;
	f->dev->type->destroy(f->dev);
	f->vm->nr_devices = 0;
	chardev_close(f->cd);
	fake_vm_destroy(f->vm);
	close(f->peer);
	free(f);
	return 0;
}

/* The host reads, and the I/O thread has its turn. */
static void host_reads(struct fixture *f)
{
	uint8_t buf[4096];
	ssize_t n;

	fake_vm_io(f->vm);
	while ((n = recv(f->peer, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(f->got++));
		fake_vm_io(f->vm);
	}
}

/* serial8250_console_write(): each byte waits for THRE. */
static void test_console_by_byte(void **state)
{
	struct fixture *f = *state;

	while (f->sent < LEN) {
		if ((rd(f, LSR) & 0x20) != 0)
			wr(f, DATA, byte_at(f->sent++));
		else
			host_reads(f);
	}
	host_reads(f);
	assert_int_equal(f->got, LEN);
	assert_true(f->accesses <= 2 * LEN + LEN / 1000);
}

/* serial8250_console_fifo_write(): a FIFO full after each wait. */
static void test_console_by_fifo(void **state)
{
	struct fixture *f = *state;

	while (f->sent < LEN) {
		if ((rd(f, LSR) & 0x60) != 0x60) {
			host_reads(f);
			continue;
		}
		for (unsigned i = 0; i < BURST && f->sent < LEN; i++)
			wr(f, DATA, byte_at(f->sent++));
	}
	host_reads(f);
	assert_int_equal(f->got, LEN);
	assert_true(f->accesses <= LEN + LEN / BURST + LEN / 100);
}

static bool irq(struct fixture *f)
{
	return fake_irq_level(f->vm, arch_info.serial.irq);
}

/* serial8250_handle_irq(); one pass of serial8250_interrupt(). */
static void handle_irq(struct fixture *f, size_t len)
{
	uint8_t lsr = rd(f, LSR);

	while ((lsr & 0x01) != 0) {
		assert_int_equal(rd(f, DATA), byte_at(f->in));
		f->in++;
		lsr = rd(f, LSR);
	}
	rd(f, MSR);
	if ((lsr & 0x20) == 0 || f->sent == len)
		return;
	for (unsigned i = 0; i < BURST && f->sent < len; i++)
		wr(f, DATA, byte_at(f->sent++));
	if (f->sent == len)
		wr(f, IER, 0x05);
}

/* Returns how many passes were made: the line has to be quiet afterwards. */
static unsigned interrupt(struct fixture *f, size_t len, unsigned max)
{
	unsigned passes = 0;

	while (passes < max && (rd(f, IIR) & 1) == 0) {
		handle_irq(f, len);
		passes++;
	}
	return passes;
}

/* No interrupt too few: the driver never looks without one. */
static void test_tty_output(void **state)
{
	struct fixture *f = *state;
	size_t interrupts = 0;

	/* serial8250_start_tx() */
	wr(f, IER, 0x07);
	for (size_t i = 0; f->sent < LEN; i++) {
		assert_true(i < LEN);
		if (irq(f)) {
			/* It gives up after some passes, and comes again. */
			interrupts += interrupt(f, LEN, 512) > 0;
		} else {
			host_reads(f);
		}
	}
	host_reads(f);
	assert_int_equal(f->got, LEN);
	assert_false(irq(f));
	assert_int_equal(rd(f, IIR) & 0x0f, 0x01);
	assert_true(interrupts > 0 && interrupts < LEN / BURST);
	assert_true(f->accesses <= LEN + 4 * LEN / BURST);
	/* And again from the start. */
	f->sent -= 10;
	wr(f, IER, 0x07);
	assert_true(irq(f));
}

static void test_tty_input(void **state)
{
	struct fixture *f = *state;
	size_t typed = 0;

	wr(f, IER, 0x05);
	while (f->in < LEN) {
		uint8_t buf[1000] = { 0 };
		size_t n = min_size(sizeof(buf), LEN - typed);

		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(typed + i);
		ssize_t took = send(f->peer, buf, n, MSG_DONTWAIT);
		typed += took > 0 ? (size_t)took : 0;
		fake_vm_io(f->vm);
		assert_true(irq(f));
		assert_true(interrupt(f, 0, 512) > 0);
		assert_false(irq(f));
	}
	assert_true(f->accesses <= 2 * LEN + LEN / 10);
}

/* A key at a time: an interrupt for each, also below the trigger level. */
static void test_keys(void **state)
{
	struct fixture *f = *state;

	wr(f, IER, 0x05);
	for (size_t i = 0; i < 100; i++) {
		uint8_t key = byte_at(i);

		assert_int_equal(send(f->peer, &key, 1, 0), 1);
		fake_vm_io(f->vm);
		assert_true(irq(f));
		assert_int_equal(interrupt(f, 0, 512), 1);
		assert_int_equal(f->in, i + 1);
		assert_false(irq(f));
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_console_by_byte),
		T(test_console_by_fifo),
		T(test_tty_output),
		T(test_tty_input),
		T(test_keys),
	};
#undef T
	if (arch_info.serial.size == 0)
		return skip_all("this machine has no serial port");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
