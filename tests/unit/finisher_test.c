/* SPDX-License-Identifier: Apache-2.0 */
/* The test finisher, driven through the MMIO bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libfdt.h>
#include "devices/table.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/snapshot.h"

static int setup(void **state)
{
	struct vm *vm = fake_vm_create(MIB(1));

	fake_vm_add(vm, &finisher_device, NULL);
	fake_vm_freeze(vm);
	*state = vm;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_destroy(*state);
	return 0;
}

static void write32(struct vm *vm, uint64_t off, uint32_t value)
{
	fake_mmio_write(vm, arch_info.finisher.base + off, 4, value);
}

/* Writes @value to a machine that runs; returns why it stopped. */
static enum vm_stop finish(struct vm *vm, uint32_t value)
{
	vm->stop = VM_STOP_NONE;
	vm->result = (struct vm_result){ 0 };
	write32(vm, 0, value);
	return vm->stop;
}

static void test_ends(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(finish(vm, 0x5555), VM_STOP_POWEROFF);
	assert_int_equal(vm->result.stop, VM_STOP_POWEROFF);
	assert_int_equal(finish(vm, 0xffff5555), VM_STOP_POWEROFF);
	assert_int_equal(finish(vm, 0x7777), VM_STOP_COLD_REBOOT);
	assert_int_equal(finish(vm, 0x00017777), VM_STOP_COLD_REBOOT);
}

static void test_status(void **state)
{
	struct vm *vm = *state;
	static const unsigned cases[][2] = {
		{ 0, 0 },        { 1, 1 },        { 42, 42 },
		{ 255, 255 },    { 0x100, 255 },  { 0x101, 1 },
		{ 0xff00, 255 }, { 0xffff, 255 }, { 0x1234, 0x34 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t value = cases[i][0] << 16 | 0x3333;

		assert_int_equal(finish(vm, value), VM_STOP_GUEST_STATUS);
		assert_int_equal(vm->result.stop, VM_STOP_GUEST_STATUS);
		assert_int_equal(vm->result.guest_status, cases[i][1]);
	}
}

static void test_first_wins(void **state)
{
	struct vm *vm = *state;

	finish(vm, 0x00073333);
	write32(vm, 0, 0x5555);
	assert_int_equal(vm->stop, VM_STOP_GUEST_STATUS);
	assert_int_equal(vm->result.guest_status, 7);
}

static void test_others_do_nothing(void **state)
{
	struct vm *vm = *state;
	uint64_t base = arch_info.finisher.base;

	for (uint32_t value = 0; value < 0x10000; value++) {
		if (value == 0x5555 || value == 0x3333 || value == 0x7777)
			continue;
		assert_int_equal(finish(vm, value), VM_STOP_NONE);
	}
	/* No guest fills the log with it. */
	assert_true(strlen(fake_vm_log(vm)) < 2000);

	/* Only offset 0, not by one byte and not by eight. */
	write32(vm, 4, 0x5555);
	write32(vm, arch_info.finisher.size - 4, 0x5555);
	fake_mmio_write(vm, base, 1, 0x55);
	fake_mmio_write(vm, base, 8, 0x5555);
	assert_int_equal(vm->stop, VM_STOP_NONE);
	assert_int_equal(fake_mmio_read(vm, base, 4), 0);
	fake_mmio_write(vm, base, 2, 0x5555);
	assert_int_equal(vm->stop, VM_STOP_POWEROFF);
}

static void test_state_is_empty(void **state)
{
	struct vm *vm = *state;
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section sec;
	struct error err = { 0 };

	snap_writer_init(&w, "test");
	assert_int_equal(device_save(vm->devices[0], &w), 0);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "test", &err), 0);
	assert_int_equal(snap_next(&r, &sec), 1);
	assert_string_equal(sec.name, "finisher");
	assert_int_equal(snap_left(&r), 0);
	assert_int_equal(device_restore(vm->devices[0], &r, 1), 0);
	snap_writer_free(&w);
}

static void test_fdt(void **state)
{
	struct vm *vm = *state;
	static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	char path[64];
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	finisher_device.fdt(vm->devices[0], &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);

	snprintf(path, sizeof(path), "/test@%llx",
		 (unsigned long long)arch_info.finisher.base);
	int node = fdt_path_offset(blob, path);
	assert_true(node > 0);
	const void *p = fdt_getprop(blob, node, "compatible", &len);
	assert_int_equal(len, sizeof(compatible));
	assert_memory_equal(p, compatible, sizeof(compatible));
	const uint8_t *reg = fdt_getprop(blob, node, "reg", &len);
	assert_int_equal(len, 16);
	assert_int_equal(be64_load(reg), arch_info.finisher.base);
	assert_int_equal(be64_load(reg + 8), arch_info.finisher.size);
	/* Nothing that a kernel would prefer to SBI. */
	assert_int_equal(
		fdt_node_offset_by_compatible(blob, -1, "syscon-poweroff"),
		-FDT_ERR_NOTFOUND);
	assert_int_equal(
		fdt_node_offset_by_compatible(blob, -1, "syscon-reboot"),
		-FDT_ERR_NOTFOUND);
	fdt_builder_free(&b);
}

static void test_implied(void **state)
{
	struct vm *vm = *state;

	assert_true(finisher_device.implied(vm, false));
	assert_true(finisher_device.implied(vm, true));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_ends),           T(test_status),
		T(test_first_wins),     T(test_others_do_nothing),
		T(test_state_is_empty), T(test_fdt),
		T(test_implied),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
