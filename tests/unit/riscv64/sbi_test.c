/* SPDX-License-Identifier: Apache-2.0 */
/* SBI calls that reach the monitor, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/riscv64/layout.h"
#include "arch/riscv64/sbi.h"
#include "vmm/chardev.h"
#include "vmm/vm.h"

#define RAM_SIZE MIB(1)
#define RAM_END  (LAYOUT_RAM_BASE + RAM_SIZE)
/* Most bytes that one debug console call moves. */
#define PIECE      2048U

#define DBCN_WRITE 0U
#define DBCN_READ  1U
#define DBCN_BYTE  2U

/* A console that takes at most @room bytes and has @in to read. */
struct chardev {
	uint8_t out[8192];
	size_t out_len;
	size_t room;
	const char *in;
	unsigned calls;
};

size_t chardev_write(struct chardev *cd, const void *buf, size_t len)
{
	size_t n = min_size(len, cd->room);

	cd->calls++;
	assert_true(cd->out_len + n <= sizeof(cd->out));
	memcpy(cd->out + cd->out_len, buf, n);
	cd->out_len += n;
	cd->room -= n;
	return n;
}

size_t chardev_read(struct chardev *cd, void *buf, size_t len)
{
	size_t n = min_size(len, cd->in != NULL ? strlen(cd->in) : 0);

	cd->calls++;
	if (n > 0) {
		memcpy(buf, cd->in, n);
		cd->in += n;
	}
	return n;
}

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct log log;
	struct vcpu vcpu;
	struct chardev console, port;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	f->log = (struct log){
		.fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_DEBUG,
		.name = "test",
	};
	f->vm.log = &f->log;
	f->vm.cfg = &f->cfg;
	f->cfg.nr_consoles = 1;
	f->vm.consoles[0] = &f->console;
	f->console.room = sizeof(f->console.out);
	f->vcpu = (struct vcpu){ .vm = &f->vm, .fd = -1 };
	assert_int_equal(gmem_add(&f->vm.gmem, LAYOUT_RAM_BASE, RAM_SIZE, &err),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	gmem_destroy(&f->vm.gmem);
	close(f->log.fd);
	free(f);
	return 0;
}

static struct sbi_ret call(struct fixture *f, uint64_t eid, uint64_t fid,
			   uint64_t a0, uint64_t a1, uint64_t a2)
{
	const uint64_t args[6] = { a0, a1, a2, 0xa3, 0xa4, 0xa5 };

	return sbi_dispatch(&f->vcpu, eid, fid, args);
}

static struct sbi_ret dbcn(struct fixture *f, uint64_t fid, uint64_t len,
			   uint64_t lo, uint64_t hi)
{
	return call(f, SBI_EXT_DBCN, fid, len, lo, hi);
}

static void assert_ret(struct sbi_ret ret, int64_t error, uint64_t value)
{
	assert_int_equal(ret.error, error);
	assert_int_equal(ret.value, value);
}

static void put(struct fixture *f, uint64_t gpa, const void *data, size_t len)
{
	assert_int_equal(gmem_write(&f->vm.gmem, gpa, data, len), 0);
}

static void assert_out(const struct fixture *f, const char *text)
{
	assert_int_equal(f->console.out_len, strlen(text));
	assert_memory_equal(f->console.out, text, strlen(text));
}

static void table_is_sorted(void **state)
{
	unsigned count;
	const struct sbi_ext *table = sbi_table(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		assert_true(table[i].first <= table[i].last);
		assert_non_null(table[i].name);
		assert_non_null(table[i].call);
		if (i > 0)
			assert_true(table[i - 1].last < table[i].first);
		assert_ptr_equal(sbi_find(table[i].first), &table[i]);
		assert_ptr_equal(sbi_find(table[i].last), &table[i]);
	}
}

static void unknown_calls_are_refused(void **state)
{
	static const uint64_t eids[] = {
		0,
		3,
		0x0f,
		0x11,
		SBI_EXT_DBCN - 1,
		0x4442434f,
		0x08000000,
		0x08ffffff,
		0x09000000,
		0x09ffffff,
		0x53555350,
		UINT64_MAX,
		(UINT64_C(1) << 32) | SBI_EXT_DBCN,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(eids); i++)
		assert_ret(call(f, eids[i], 0, 1, 2, 3), SBI_ERR_NOT_SUPPORTED,
			   0);
	assert_int_equal(f->console.calls, 0);
}

static void unknown_calls_cannot_flood_the_log(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 10000; i++)
		call(f, 0x08000000 + i, i, 0, 0, 0);
	assert_in_range(lseek(f->log.fd, 0, SEEK_END), 1, 8192);
}

static void vendor_extensions_are_probed_as_absent(void **state)
{
	struct fixture *f = *state;

	assert_ret(call(f, SBI_EXT_BASE, 3, 0x09000000, 0, 0), SBI_SUCCESS, 0);
	assert_ret(call(f, SBI_EXT_BASE, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
	assert_ret(call(f, SBI_EXT_BASE, UINT64_MAX, 0, 0, 0),
		   SBI_ERR_NOT_SUPPORTED, 0);
}

static void write_is_byte_exact(void **state)
{
	static const uint8_t bytes[] = { 'a', 0, 0xff, '\r', '\n', 0x80 };
	struct fixture *f = *state;

	put(f, LAYOUT_RAM_BASE + 5, bytes, sizeof(bytes));
	assert_ret(dbcn(f, DBCN_WRITE, sizeof(bytes), LAYOUT_RAM_BASE + 5, 0),
		   SBI_SUCCESS, sizeof(bytes));
	assert_int_equal(f->console.out_len, sizeof(bytes));
	assert_memory_equal(f->console.out, bytes, sizeof(bytes));
}

static void write_reaches_both_ends_of_ram(void **state)
{
	struct fixture *f = *state;

	put(f, LAYOUT_RAM_BASE, "f", 1);
	put(f, RAM_END - 1, "l", 1);
	assert_ret(dbcn(f, DBCN_WRITE, 1, LAYOUT_RAM_BASE, 0), SBI_SUCCESS, 1);
	assert_ret(dbcn(f, DBCN_WRITE, 1, RAM_END - 1, 0), SBI_SUCCESS, 1);
	assert_out(f, "fl");
}

static void write_is_partial(void **state)
{
	struct fixture *f = *state;

	put(f, LAYOUT_RAM_BASE, "hello", 5);
	f->console.room = 3;
	assert_ret(dbcn(f, DBCN_WRITE, 5, LAYOUT_RAM_BASE, 0), SBI_SUCCESS, 3);
	assert_ret(dbcn(f, DBCN_WRITE, 2, LAYOUT_RAM_BASE + 3, 0), SBI_SUCCESS,
		   0);
	f->console.room = 2;
	assert_ret(dbcn(f, DBCN_WRITE, 2, LAYOUT_RAM_BASE + 3, 0), SBI_SUCCESS,
		   2);
	assert_out(f, "hello");
}

static void one_call_moves_a_bounded_piece(void **state)
{
	struct fixture *f = *state;

	assert_ret(dbcn(f, DBCN_WRITE, PIECE, LAYOUT_RAM_BASE, 0), SBI_SUCCESS,
		   PIECE);
	assert_ret(dbcn(f, DBCN_WRITE, PIECE + 1, LAYOUT_RAM_BASE, 0),
		   SBI_SUCCESS, PIECE);
	assert_ret(dbcn(f, DBCN_WRITE, RAM_SIZE, LAYOUT_RAM_BASE, 0),
		   SBI_SUCCESS, PIECE);
}

static void empty_ranges_do_nothing(void **state)
{
	static const uint64_t addrs[] = { 0, LAYOUT_RAM_BASE, RAM_END,
					  UINT64_MAX };
	struct fixture *f = *state;

	f->console.in = "x";
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		assert_ret(dbcn(f, DBCN_WRITE, 0, addrs[i], 0), SBI_SUCCESS, 0);
		assert_ret(dbcn(f, DBCN_READ, 0, addrs[i], 0), SBI_SUCCESS, 0);
	}
	assert_int_equal(f->console.out_len, 0);
	assert_string_equal(f->console.in, "x");
}

static void bad_ranges_are_refused(void **state)
{
	static const struct {
		uint64_t len, lo, hi;
	} bad[] = {
		{ 1, 0, 0 },
		{ 1, LAYOUT_RAM_BASE - 1, 0 },
		{ 2, LAYOUT_RAM_BASE - 1, 0 },
		{ 1, RAM_END, 0 },
		{ 2, RAM_END - 1, 0 },
		{ RAM_SIZE + 1, LAYOUT_RAM_BASE, 0 },
		{ RAM_SIZE, LAYOUT_RAM_BASE + 1, 0 },
		/* Longer than one piece: the whole range counts. */
		{ PIECE + 1, RAM_END - PIECE, 0 },
		{ UINT64_MAX, LAYOUT_RAM_BASE, 0 },
		{ UINT64_MAX - LAYOUT_RAM_BASE + 2, LAYOUT_RAM_BASE, 0 },
		{ UINT64_MAX, 1, 0 },
		{ 1, UINT64_MAX, 0 },
		{ 2, UINT64_MAX, 0 },
		{ 1, LAYOUT_SERIAL_BASE, 0 },
		{ 1, LAYOUT_RAM_BASE, 1 },
		{ 1, LAYOUT_RAM_BASE, UINT64_MAX },
		{ 0, LAYOUT_RAM_BASE, 1 },
	};
	struct fixture *f = *state;

	f->console.in = "x";
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			assert_ret(dbcn(f, DBCN_WRITE, bad[i].len, bad[i].lo,
					bad[i].hi),
				   SBI_ERR_INVALID_PARAM, 0);
			assert_ret(dbcn(f, DBCN_READ, bad[i].len, bad[i].lo,
					bad[i].hi),
				   SBI_ERR_INVALID_PARAM, 0);
		}
		/* A bad range is bad without a console, too. */
		f->cfg.nr_consoles = 0;
	}
	assert_int_equal(f->console.calls, 0);
}

/* However much has been typed, and however much room the guest has. */
static void read_is_bounded(void **state)
{
	struct fixture *f = *state;
	static char typed[PIECE + 101];

	memset(typed, 'x', PIECE + 100);
	f->console.in = typed;
	assert_ret(dbcn(f, DBCN_READ, RAM_SIZE, LAYOUT_RAM_BASE, 0),
		   SBI_SUCCESS, PIECE);
	assert_ret(dbcn(f, DBCN_READ, PIECE, LAYOUT_RAM_BASE, 0), SBI_SUCCESS,
		   100);
}

static void read_fills_what_there_is(void **state)
{
	struct fixture *f = *state;
	char buf[8] = { 0 };

	put(f, LAYOUT_RAM_BASE, "-------", 7);
	assert_ret(dbcn(f, DBCN_READ, 7, LAYOUT_RAM_BASE, 0), SBI_SUCCESS, 0);
	f->console.in = "abc";
	assert_ret(dbcn(f, DBCN_READ, 2, LAYOUT_RAM_BASE, 0), SBI_SUCCESS, 2);
	assert_ret(dbcn(f, DBCN_READ, 5, LAYOUT_RAM_BASE + 4, 0), SBI_SUCCESS,
		   1);
	assert_int_equal(gmem_read(&f->vm.gmem, LAYOUT_RAM_BASE, buf, 7), 0);
	assert_string_equal(buf, "ab--c--");
}

static void read_marks_pages_dirty(void **state)
{
	uint64_t bitmap[RAM_SIZE / GMEM_DIRTY_PAGE / 64];
	struct fixture *f = *state;

	gmem_take_dirty(&f->vm.gmem, 0, bitmap);
	f->console.in = "abc";
	dbcn(f, DBCN_READ, 3,
	     LAYOUT_RAM_BASE + UINT64_C(3) * GMEM_DIRTY_PAGE - 1, 0);
	gmem_take_dirty(&f->vm.gmem, 0, bitmap);
	assert_int_equal(bitmap[0], 3 << 2);
}

static void write_byte(void **state)
{
	struct fixture *f = *state;

	assert_ret(dbcn(f, DBCN_BYTE, 'z', 0xdead, 0xbeef), SBI_SUCCESS, 0);
	/* Only the low byte counts. */
	assert_ret(dbcn(f, DBCN_BYTE, 0xffffffffffffff41, 0, 0), SBI_SUCCESS,
		   0);
	assert_out(f, "zA");
	/* It must not return before the byte is out. */
	f->console.room = 0;
	assert_true(dbcn(f, DBCN_BYTE, 'q', 0, 0).error == SBI_AGAIN);
	f->console.room = 1;
	assert_ret(dbcn(f, DBCN_BYTE, 'q', 0, 0), SBI_SUCCESS, 0);
	assert_out(f, "zAq");
}

static void other_functions_are_refused(void **state)
{
	static const uint64_t fids[] = { 3, 4, 255, UINT64_C(1) << 32,
					 UINT64_MAX };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(fids); i++)
		assert_ret(dbcn(f, fids[i], 1, LAYOUT_RAM_BASE, 0),
			   SBI_ERR_NOT_SUPPORTED, 0);
}

static void assert_no_console(struct fixture *f)
{
	assert_ret(dbcn(f, DBCN_WRITE, 1, LAYOUT_RAM_BASE, 0), SBI_ERR_FAILED,
		   0);
	assert_ret(dbcn(f, DBCN_READ, 1, LAYOUT_RAM_BASE, 0), SBI_ERR_FAILED,
		   0);
	assert_ret(dbcn(f, DBCN_BYTE, 'x', 0, 0), SBI_ERR_FAILED, 0);
	/* Legacy: thrown away; nothing to read. a1 is preserved. */
	assert_ret(call(f, SBI_EXT_LEGACY_PUTCHAR, 0, 'x', 77, 0), 0, 77);
	assert_ret(call(f, SBI_EXT_LEGACY_GETCHAR, 0, 0, 77, 0), -1, 77);
	assert_int_equal(f->console.calls, 0);
}

static void no_console(void **state)
{
	struct fixture *f = *state;

	f->console.in = "x";
	f->cfg.consoles[0].kind = CONSOLE_PORT;
	assert_no_console(f);
	f->cfg.nr_consoles = 0;
	assert_no_console(f);
}

/* A port carries a program's bytes, wherever it stands among the options. */
static void ports_are_passed_over(void **state)
{
	struct fixture *f = *state;

	f->port.room = sizeof(f->port.out);
	f->port.in = "port";
	f->cfg.nr_consoles = 3;
	f->cfg.consoles[0].kind = CONSOLE_PORT;
	f->vm.consoles[0] = &f->port;
	f->cfg.consoles[1].kind = CONSOLE_VIRTIO;
	f->vm.consoles[1] = &f->console;
	f->cfg.consoles[2].kind = CONSOLE_SERIAL;
	f->vm.consoles[2] = &f->port;

	put(f, LAYOUT_RAM_BASE, "w", 1);
	f->console.in = "xy";
	assert_ret(dbcn(f, DBCN_WRITE, 1, LAYOUT_RAM_BASE, 0), SBI_SUCCESS, 1);
	assert_ret(dbcn(f, DBCN_READ, 1, LAYOUT_RAM_BASE, 0), SBI_SUCCESS, 1);
	assert_ret(dbcn(f, DBCN_BYTE, 'b', 0, 0), SBI_SUCCESS, 0);
	assert_ret(call(f, SBI_EXT_LEGACY_PUTCHAR, 0, 'p', 7, 0), 0, 7);
	assert_ret(call(f, SBI_EXT_LEGACY_GETCHAR, 0, 0, 7, 0), 'y', 7);
	assert_out(f, "wbp");
	assert_int_equal(f->port.calls, 0);
}

static void legacy_console(void **state)
{
	struct fixture *f = *state;

	/* a6 is not a function number here. */
	assert_ret(call(f, SBI_EXT_LEGACY_PUTCHAR, 9, 0x141, 77, 0), 0, 77);
	assert_out(f, "A");
	assert_ret(call(f, SBI_EXT_LEGACY_GETCHAR, 9, 5, 77, 0), -1, 77);
	f->console.in = "\xff";
	assert_ret(call(f, SBI_EXT_LEGACY_GETCHAR, 9, 5, 78, 0), 0xff, 78);
	f->console.room = 0;
	assert_true(call(f, SBI_EXT_LEGACY_PUTCHAR, 0, 'B', 77, 0).error ==
		    SBI_AGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(table_is_sorted),
		TEST(unknown_calls_are_refused),
		TEST(unknown_calls_cannot_flood_the_log),
		TEST(vendor_extensions_are_probed_as_absent),
		TEST(write_is_byte_exact),
		TEST(write_reaches_both_ends_of_ram),
		TEST(write_is_partial),
		TEST(one_call_moves_a_bounded_piece),
		TEST(empty_ranges_do_nothing),
		TEST(bad_ranges_are_refused),
		TEST(read_is_bounded),
		TEST(read_fills_what_there_is),
		TEST(read_marks_pages_dirty),
		TEST(write_byte),
		TEST(other_functions_are_refused),
		TEST(no_console),
		TEST(ports_are_passed_over),
		TEST(legacy_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
