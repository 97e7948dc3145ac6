/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree against trees that are written down in data/, both in
 * dtc's normal form. Random seeds are blanked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <libfdt.h>

#include "arch/riscv64/boot.h"
#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/machine.h"
#include "arch/riscv64/tree.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/arch.h"
#include "vmm/device.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/vm.h"

#define MAX_TEXT 65536

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct machine machine;
	struct device serial, rng;
	struct boot_layout layout;
	struct fdt_builder fdt;
	const void *blob;
	size_t len;
};

/* Stand-ins for devices: a node with an interrupt, and a device without. */
static void serial_fdt(struct device *dev, struct fdt_builder *fdt)
{
	const struct irq_line line = {
		.vm = dev->vm,
		.nr = arch_info.serial.irq,
		.trigger = IRQ_LEVEL,
	};

	fdt_begin(fdt, "serial@%llx",
		  (unsigned long long)arch_info.serial.base);
	fdt_prop_string(fdt, "compatible", "ns16550a");
	fdt_prop_reg(fdt, arch_info.serial.base, arch_info.serial.size);
	fdt_prop_u32(fdt, "clock-frequency", 3686400);
	irq_line_fdt(&line, fdt);
	fdt_end(fdt);
}

static const struct device_type serial_type = {
	.name = "serial",
	.fdt = serial_fdt,
};

static const struct device_type quiet_type = {
	.name = "quiet",
};

static void start(struct fixture *f, const struct irqchip_ops *ops,
		  unsigned cpus)
{
	struct error err = { 0 };

	f->cfg.cpus = cpus;
	assert_int_equal(ops->create(&f->vm, &f->vm.irqchip, &err), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	stub_reset();
	f->cfg.mem = GIB(6);
	f->vm.cfg = &f->cfg;
	f->vm.arch = &f->machine;
	f->serial = (struct device){ .type = &serial_type, .vm = &f->vm };
	f->rng = (struct device){ .type = &quiet_type, .vm = &f->vm };
	f->vm.devices[0] = &f->serial;
	f->vm.devices[1] = &f->rng;
	f->vm.nr_devices = 2;
	f->machine.isa = (struct isa){
		.letters = 0x112d,
		.timebase = 10000000,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->vm.irqchip->ops->destroy(f->vm.irqchip);
	fdt_builder_free(&f->fdt);
	free(f);
	return 0;
}

static void build(struct fixture *f)
{
	struct error err = { 0 };

	fdt_builder_free(&f->fdt);
	assert_int_equal(fdt_builder_init(&f->fdt, TREE_MAX_SIZE(f->cfg.cpus)),
			 0);
	assert_int_equal(tree_build(&f->vm, &f->layout, &f->fdt), 0);
	if (fdt_builder_finish(&f->fdt, &f->blob, &f->len, &err) < 0)
		fail_msg("%s", err.text);
}

static const void *chosen(const struct fixture *f, const char *name, int *len)
{
	int node = fdt_path_offset(f->blob, "/chosen");

	assert_true(node >= 0);
	return fdt_getprop(f->blob, node, name, len);
}

static void blank_seed(struct fixture *f, const char *name, int len)
{
	int node = fdt_path_offset(f->blob, "/chosen");
	int got = 0;

	assert_non_null(chosen(f, name, &got));
	assert_int_equal(got, len);

	void *zeros = calloc(1, (size_t)len);
	assert_int_equal(fdt_setprop_inplace((void *)(uintptr_t)f->blob, node,
					     name, zeros, len),
			 0);
	free(zeros);
}

/* Runs a shell command; @out receives what it prints. */
static void run(const char *command, char out[MAX_TEXT])
{
	/* The command is the test's own. NOLINTNEXTLINE(cert-env33-c) */
	FILE *pipe = popen(command, "r");

	assert_non_null(pipe);
	size_t n = fread(out, 1, MAX_TEXT - 1, pipe);
	out[n] = '\0';
	if (pclose(pipe) != 0 || n == 0)
		fail_msg("%s: %s", command, out);
}

static void assert_tree(struct fixture *f, const char *golden)
{
	static char got[MAX_TEXT], expected[MAX_TEXT];
	char command[256];
	char path[] = "/tmp/privet-tree-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	blank_seed(f, "rng-seed", 32);
	blank_seed(f, "kaslr-seed", 8);
	assert_int_equal(write(fd, f->blob, f->len), f->len);
	close(fd);

	/*
	 * Warnings count as output, so there must be none, but for interrupt
	 * controllers whose bindings do not have the cells that dtc misses.
	 */
	snprintf(command, sizeof(command),
		 "dtc -Wno-interrupt_provider -s -I dtb -O dts %s 2>&1", path);
	run(command, got);
	snprintf(command, sizeof(command),
		 "dtc -q -I dts -O dtb tests/unit/riscv64/data/%s | "
		 "dtc -q -s -I dtb -O dts",
		 golden);
	run(command, expected);
	unlink(path);
	assert_string_equal(got, expected);
}

static void add_console(struct fixture *f, enum console_kind kind)
{
	f->cfg.consoles[f->cfg.nr_consoles++].kind = kind;
}

static void tree_with_aia(void **state)
{
	struct fixture *f = *state;

	start(f, &aia_ops, 2);
	add_console(f, CONSOLE_SERIAL);
	f->cfg.params = (char *)(uintptr_t) "root=/dev/vda1 ro";
	/* Sv57, 64-byte blocks, and a few extensions by the table's rows. */
	f->machine.isa.satp_mode = 10;
	f->machine.isa.cbom_block_size = 64;
	f->machine.isa.cboz_block_size = 64;
	unsigned id;
	for (unsigned row = 0; isa_ext_name(row, &id) != NULL; row++) {
		if (id == KVM_RISCV_ISA_EXT_SSAIA ||
		    id == KVM_RISCV_ISA_EXT_SSTC ||
		    id == KVM_RISCV_ISA_EXT_ZICBOM ||
		    id == KVM_RISCV_ISA_EXT_ZBB)
			f->machine.isa.exts[row / 64] |= UINT64_C(1)
							 << row % 64;
	}
	f->layout.initrd_start = 0x84000000;
	f->layout.initrd_end = 0x84123456;
	build(f);
	assert_tree(f, "aia.dts");
}

static void tree_with_plic(void **state)
{
	struct fixture *f = *state;

	start(f, &plic_ops, 1);
	f->cfg.mem = MIB(512);
	build(f);
	assert_tree(f, "plic.dts");
}

/* Sizes and offsets stay within what boot reserves. */
static void tree_of_many_harts(void **state)
{
	struct fixture *f = *state;
	unsigned id;

	start(f, &aia_ops, arch_info.max_cpus);
	for (unsigned row = 0; isa_ext_name(row, &id) != NULL; row++)
		f->machine.isa.exts[row / 64] |= UINT64_C(1) << row % 64;
	build(f);
	assert_true(f->len < MIB(2));
	assert_true(fdt_path_offset(f->blob, "/cpus/cpu@1ff") > 0);
}

static void assert_bootargs(struct fixture *f, const char *params,
			    const char *expected)
{
	f->cfg.params = (char *)(uintptr_t)params;
	build(f);
	assert_string_equal(chosen(f, "bootargs", NULL), expected);
}

static void serial_console_is_found_by_path(void **state)
{
	struct fixture *f = *state;

	start(f, &plic_ops, 1);
	add_console(f, CONSOLE_SERIAL);
	add_console(f, CONSOLE_VIRTIO);
	assert_bootargs(f, NULL, "");
	assert_bootargs(f, "quiet", "quiet");
	assert_string_equal(chosen(f, "stdout-path", NULL),
			    "/soc/serial@10000000");
}

static void virtio_console_is_named_in_bootargs(void **state)
{
	struct fixture *f = *state;

	start(f, &plic_ops, 1);
	add_console(f, CONSOLE_PORT);
	add_console(f, CONSOLE_VIRTIO);
	assert_bootargs(f, NULL, "console=hvc0");
	assert_bootargs(f, "", "console=hvc0");
	assert_bootargs(f, "quiet", "quiet console=hvc0");
	assert_bootargs(f, "xconsole=1", "xconsole=1 console=hvc0");
	assert_bootargs(f, "netconsole=a", "netconsole=a console=hvc0");
	assert_bootargs(f, "console", "console console=hvc0");
	/* The user knows better. */
	assert_bootargs(f, "console=ttyS0", "console=ttyS0");
	assert_bootargs(f, "quiet console=tty0", "quiet console=tty0");
	assert_bootargs(f, "xconsole=1 console=tty0",
			"xconsole=1 console=tty0");
	assert_bootargs(f, "a\tconsole=", "a\tconsole=");
	assert_null(chosen(f, "stdout-path", NULL));
}

static void no_console_adds_nothing(void **state)
{
	struct fixture *f = *state;

	start(f, &plic_ops, 1);
	assert_bootargs(f, "quiet", "quiet");
	assert_null(chosen(f, "stdout-path", NULL));
	f->cfg.nr_consoles = 0;
	add_console(f, CONSOLE_PORT);
	assert_bootargs(f, "quiet", "quiet");
	assert_null(chosen(f, "stdout-path", NULL));
}

static void long_bootargs_are_warned_of(void **state)
{
	struct fixture *f = *state;
	struct log log = {
		.fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_WARNING,
		.name = "test",
	};
	static char params[1025];

	start(f, &plic_ops, 1);
	f->vm.log = &log;
	memset(params, 'x', 1023);
	assert_bootargs(f, params, params);
	assert_int_equal(lseek(log.fd, 0, SEEK_END), 0);
	params[1023] = 'x';
	assert_bootargs(f, params, params);
	off_t end = lseek(log.fd, 0, SEEK_END);
	assert_true(end > 0);
	/* Once: the guest may boot as often as it likes. */
	f->vm.result.reboots = 1;
	assert_bootargs(f, params, params);
	assert_int_equal(lseek(log.fd, 0, SEEK_END), end);
	close(log.fd);
}

static void initrd_only_when_there_is_one(void **state)
{
	struct fixture *f = *state;

	start(f, &plic_ops, 1);
	f->layout.initrd_start = f->layout.initrd_end = 0x84000000;
	build(f);
	assert_null(chosen(f, "linux,initrd-start", NULL));
	assert_null(chosen(f, "linux,initrd-end", NULL));
}

static void seeds_are_fresh(void **state)
{
	struct fixture *f = *state;
	uint8_t first[32], zeros[32] = { 0 };
	int len = 0;

	start(f, &plic_ops, 1);
	build(f);
	memcpy(first, chosen(f, "rng-seed", &len), sizeof(first));
	assert_int_equal(len, sizeof(first));
	assert_memory_not_equal(first, zeros, sizeof(first));
	build(f);
	assert_memory_not_equal(first, chosen(f, "rng-seed", &len),
				sizeof(first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tree_with_aia),
		TEST(tree_with_plic),
		TEST(tree_of_many_harts),
		TEST(serial_console_is_found_by_path),
		TEST(virtio_console_is_named_in_bootargs),
		TEST(no_console_adds_nothing),
		TEST(long_bootargs_are_warned_of),
		TEST(initrd_only_when_there_is_one),
		TEST(seeds_are_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
