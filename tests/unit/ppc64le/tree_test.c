/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree against trees that are written down in data/, both in
 * dtc's normal form. The random seed is blanked, devices are stand-ins.
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

#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/tree.h"
#include "vmm/bytes.h"
#include "vmm/device.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

#define MAX_TEXT 65536

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct machine machine;
	struct irqchip chip;
	struct device mmio, quiet;
	struct boot_layout layout;
	struct fdt_builder fdt;
	const void *blob;
	size_t len;
};

/*
 * Stand-ins: a node each.
 */

static void stub_node(const char *name, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "%s", name);
	fdt_end(fdt);
}

void vty_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	if (vm_machine(vm)->vty != NULL)
		stub_node("vty", fdt);
}

void nvram_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	(void)vm;
	stub_node("nvram", fdt);
}

void events_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	(void)vm;
	stub_node("event-sources", fdt);
}

void phb_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	if (vm_machine(vm)->phb != NULL)
		stub_node("pci", fdt);
}

void rtas_fdt_tokens(const struct vm *vm, struct fdt_builder *fdt)
{
	(void)vm;
	fdt_prop_u32(fdt, "power-off", RTAS_POWER_OFF);
}

static void chip_fdt(struct irqchip *chip, struct fdt_builder *fdt)
{
	(void)chip;
	fdt_begin(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "phandle", 7);
	fdt_end(fdt);
}

static uint32_t chip_phandle(struct irqchip *chip)
{
	(void)chip;
	return 7;
}

static const struct irqchip_ops chip_ops = {
	.name = "stub",
	.fdt = chip_fdt,
	.fdt_phandle = chip_phandle,
};

static void mmio_fdt(struct device *dev, struct fdt_builder *fdt)
{
	(void)dev;
	fdt_begin(fdt, "virtio@200200000000");
	fdt_prop_reg(fdt, LAYOUT_VIRTIO_BASE, LAYOUT_VIRTIO_SIZE);
	fdt_end(fdt);
}

static const struct device_type mmio_type = { .fdt = mmio_fdt };
static const struct device_type quiet_type = { .fdt = NULL };

/* Only that they are there counts. */
static struct vty *const some_vty = (struct vty *)8;
static struct phb *const some_phb = (struct phb *)8;

static void power9(struct caps *caps)
{
	*caps = (struct caps){
		.radix = true,
		.ail3 = true,
		.htm = true,
		.rpt_invalidate = true,
		.nr_ap = 4,
		.ap = { 0x0000000c, 0xa0000010, 0x20000015, 0x4000001e },
		.pvr = 0x004e1202,
		.timebase_hz = 512000000,
		.clock_hz = 3800000000,
	};
}

static void power10(struct caps *caps)
{
	power9(caps);
	caps->htm = false;
	caps->dawr1 = true;
	caps->rpt_invalidate = false;
	caps->pvr = 0x00801200;
	caps->clock_hz = 4300000000;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->cfg.name = (char *)(uintptr_t) "guest-name";
	f->cfg.mem = GIB(6);
	f->cfg.cpus = 1;
	f->vm.cfg = &f->cfg;
	f->vm.arch = &f->machine;
	f->chip = (struct irqchip){ .ops = &chip_ops, .vm = &f->vm };
	f->vm.irqchip = &f->chip;
	f->mmio = (struct device){ .type = &mmio_type, .vm = &f->vm };
	f->quiet = (struct device){ .type = &quiet_type, .vm = &f->vm };
	f->vm.devices[0] = &f->quiet;
	f->vm.devices[1] = &f->mmio;
	f->vm.nr_devices = 2;
	power9(&f->machine.caps);
	f->layout.rtas_addr = 0x7ffd0000;
	f->layout.rtas_size = 0x10000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

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

static const void *prop(const struct fixture *f, const char *path,
			const char *name, int *len)
{
	int node = fdt_path_offset(f->blob, path);

	if (node < 0)
		fail_msg("there is no %s", path);
	return fdt_getprop(f->blob, node, name, len);
}

static bool has_node(const struct fixture *f, const char *path)
{
	return fdt_path_offset(f->blob, path) >= 0;
}

static void assert_bytes(const struct fixture *f, const char *path,
			 const char *name, const void *expected, size_t size)
{
	int len = 0;
	const void *value = prop(f, path, name, &len);

	if (value == NULL || len != (int)size)
		fail_msg("%s of %s has %d bytes", name, path, len);
	assert_memory_equal(value, expected, size);
}

static void assert_u32(const struct fixture *f, const char *path,
		       const char *name, uint32_t expected)
{
	uint8_t bytes[4];

	be32_store(bytes, expected);
	assert_bytes(f, path, name, bytes, sizeof(bytes));
}

static void assert_string(const struct fixture *f, const char *path,
			  const char *name, const char *expected)
{
	assert_bytes(f, path, name, expected, strlen(expected) + 1);
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

static void blank_seed(struct fixture *f)
{
	int node = fdt_path_offset(f->blob, "/chosen");
	const uint8_t zeros[32] = { 0 };

	assert_int_equal(fdt_setprop_inplace((void *)(uintptr_t)f->blob, node,
					     "rng-seed", zeros, sizeof(zeros)),
			 0);
}

static void assert_tree(struct fixture *f, const char *golden)
{
	static char got[MAX_TEXT], expected[MAX_TEXT];
	char command[256];
	char path[] = "/tmp/privet-tree-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	blank_seed(f);
	assert_int_equal(write(fd, f->blob, f->len), f->len);
	close(fd);
	/* This platform's own bindings are not those that dtc knows. */
	snprintf(command, sizeof(command), "dtc -q -s -I dtb -O dts %s", path);
	run(command, got);
	snprintf(command, sizeof(command),
		 "dtc -q -I dts -O dtb tests/unit/ppc64le/data/%s | "
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

static void tree_on_power9(void **state)
{
	struct fixture *f = *state;

	f->cfg.cpus = 2;
	f->cfg.params = (char *)(uintptr_t) "root=/dev/vda1 ro";
	f->machine.vty = some_vty;
	f->machine.phb = some_phb;
	f->vm.nr_virtio_slots = 1;
	add_console(f, CONSOLE_SERIAL);
	f->layout.initrd_start = 0x7f000000;
	f->layout.initrd_end = 0x7f123456;
	build(f);
	assert_tree(f, "power9.dts");
}

static void tree_on_power10(void **state)
{
	struct fixture *f = *state;

	power10(&f->machine.caps);
	f->cfg.mem = MIB(512);
	build(f);
	assert_tree(f, "power10.dts");
}

/* Without any of these, no stock kernel gets far. */
static void what_kernels_need(void **state)
{
	struct fixture *f = *state;
	static const uint8_t vector_5[27] = {
		[0] = 25, [5] = 0x80, [24] = 0x40, [26] = 0x40
	};

	f->machine.vty = some_vty;
	build(f);
	assert_string(f, "/", "device_type", "chrp");
	assert_string(f, "/cpus/PowerPC,POWER9@0", "device_type", "cpu");
	assert_string(f, "/memory@0", "device_type", "memory");
	assert_string(f, "/vdevice", "compatible", "IBM,vdevice");
	assert_string(f, "/vdevice", "device_type", "vdevice");
	assert_bytes(f, "/chosen", "ibm,architecture-vec-5", vector_5,
		     sizeof(vector_5));
	assert_u32(f, "/cpus/PowerPC,POWER9@0", "ibm,vmx", 2);
	assert_u32(f, "/rtas", "linux,rtas-base", 0x7ffd0000);
	assert_u32(f, "/rtas", "linux,rtas-entry", 0x7ffd0000);
	assert_u32(f, "/rtas", "rtas-size", 0x10000);
	assert_u32(f, "/rtas", "power-off", RTAS_POWER_OFF);
	assert_u32(f, "/", "interrupt-parent", 7);
	assert_int_equal(fdt_boot_cpuid_phys(f->blob), 0);
}

static void rtas_is_reserved(void **state)
{
	struct fixture *f = *state;
	uint64_t addr = 0, size = 0;

	build(f);
	assert_int_equal(fdt_num_mem_rsv(f->blob), 1);
	assert_int_equal(fdt_get_mem_rsv(f->blob, 0, &addr, &size), 0);
	assert_int_equal(addr, 0x7ffd0000);
	assert_int_equal(size, 0x10000);
}

static const uint8_t *pa_features(struct fixture *f, const char *cpu, int *len)
{
	build(f);
	return prop(f, cpu, "ibm,pa-features", len);
}

static void features_follow_the_host(void **state)
{
	static const char p9[] = "/cpus/PowerPC,POWER9@0";
	static const char p10[] = "/cpus/PowerPC,POWER10@0";
	struct fixture *f = *state;
	int len = 0;

	/* Two bytes, then those that are counted. */
	const uint8_t *pa = pa_features(f, p9, &len);
	assert_int_equal(len, 68);
	assert_int_equal(pa[0], 66);
	assert_int_equal(pa[1], 0);
	assert_int_equal(pa[2], 0xf6);
	assert_int_equal(pa[2 + 22], 0x80);
	assert_int_equal(pa[2 + 40], 0x80);
	assert_int_equal(pa[2 + 64], 0);
	f->machine.caps.htm = false;
	f->machine.caps.dawr1 = true;
	pa = pa_features(f, p9, &len);
	assert_int_equal(pa[2 + 22], 0);
	/* An older processor has no second watchpoint, whatever KVM says. */
	assert_int_equal(pa[2 + 64], 0);
	power10(&f->machine.caps);
	pa = pa_features(f, p10, &len);
	assert_int_equal(len, 76);
	assert_int_equal(pa[0], 74);
	assert_int_equal(pa[2 + 64], 0x80);
	assert_int_equal(pa[2 + 68], 0xce);
	f->machine.caps.dawr1 = false;
	pa = pa_features(f, p10, &len);
	assert_int_equal(pa[2 + 64], 0);
}

static void processors_by_version(void **state)
{
	static const struct {
		uint32_t pvr;
		const char *path;
	} cpus[] = {
		{ 0x004e0100, "/cpus/PowerPC,POWER9@0" },
		{ 0x00800200, "/cpus/PowerPC,POWER10@0" },
		{ 0x00820101, "/cpus/PowerPC,POWER11@0" },
		{ 0x12345678, "/cpus/PowerPC,POWER@0" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		f->machine.caps.pvr = cpus[i].pvr;
		build(f);
		assert_u32(f, cpus[i].path, "cpu-version", cpus[i].pvr);
	}
}

static void frequencies(void **state)
{
	static const char cpu[] = "/cpus/PowerPC,POWER9@0";
	static const uint8_t extended[] = { 0, 0, 0, 1, 0, 0, 0, 0 };
	struct fixture *f = *state;

	f->machine.caps.clock_hz = UINT32_MAX;
	build(f);
	assert_u32(f, cpu, "timebase-frequency", 512000000);
	assert_u32(f, cpu, "clock-frequency", UINT32_MAX);
	f->machine.caps.clock_hz = UINT64_C(1) << 32;
	build(f);
	assert_null(prop(f, cpu, "clock-frequency", NULL));
	assert_bytes(f, cpu, "ibm,extended-clock-frequency", extended,
		     sizeof(extended));
	f->machine.caps.clock_hz = 0;
	build(f);
	assert_null(prop(f, cpu, "clock-frequency", NULL));
	assert_null(prop(f, cpu, "ibm,extended-clock-frequency", NULL));
}

/* Sizes stay within what boot reserves. */
static void tree_of_many_cpus(void **state)
{
	struct fixture *f = *state;

	power10(&f->machine.caps);
	f->machine.caps.nr_ap = CAPS_MAX_AP;
	f->cfg.cpus = LAYOUT_MAX_CPUS;
	build(f);
	assert_u32(f, "/cpus/PowerPC,POWER10@3ff", "reg", 0x3ff);
	assert_u32(f, "/cpus/PowerPC,POWER10@3ff", "ibm,ppc-interrupt-server#s",
		   0x3ff);
	/* The rest is for devices. */
	assert_true(f->len < TREE_MAX_SIZE(LAYOUT_MAX_CPUS) - 0xc000);
}

static void assert_bootargs(struct fixture *f, const char *params,
			    const char *expected)
{
	f->cfg.params = (char *)(uintptr_t)params;
	build(f);
	assert_string(f, "/chosen", "bootargs", expected);
}

static void consoles_are_named(void **state)
{
	static const char vty[] = "/vdevice/vty@71000000";
	struct fixture *f = *state;

	add_console(f, CONSOLE_SERIAL);
	f->machine.vty = some_vty;
	assert_bootargs(f, NULL, "console=hvc0");
	assert_bootargs(f, "", "console=hvc0");
	assert_bootargs(f, "quiet", "quiet console=hvc0");
	assert_bootargs(f, "netconsole=a", "netconsole=a console=hvc0");
	assert_bootargs(f, "console", "console console=hvc0");
	/* The user knows better. */
	assert_bootargs(f, "console=ttyS0", "console=ttyS0");
	assert_bootargs(f, "quiet console=hvc1", "quiet console=hvc1");
	assert_bootargs(f, "a\tconsole=", "a\tconsole=");
	assert_string(f, "/chosen", "stdout-path", vty);
	assert_string(f, "/chosen", "linux,stdout-path", vty);
	assert_true(has_node(f, "/vdevice/vty"));
}

static void virtio_console_alone(void **state)
{
	struct fixture *f = *state;

	add_console(f, CONSOLE_PORT);
	add_console(f, CONSOLE_VIRTIO);
	assert_bootargs(f, "quiet", "quiet console=hvc0");
	assert_null(prop(f, "/chosen", "stdout-path", NULL));
	assert_false(has_node(f, "/vdevice/vty"));
}

static void no_console_adds_nothing(void **state)
{
	struct fixture *f = *state;

	assert_bootargs(f, "quiet", "quiet");
	add_console(f, CONSOLE_PORT);
	assert_bootargs(f, "quiet", "quiet");
	assert_null(prop(f, "/chosen", "stdout-path", NULL));
}

static void long_bootargs_are_warned_of(void **state)
{
	struct fixture *f = *state;
	struct log log = {
		.fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_WARNING,
		.name = "test",
	};
	static char params[2049];

	f->vm.log = &log;
	memset(params, 'x', 2047);
	assert_bootargs(f, params, params);
	assert_int_equal(lseek(log.fd, 0, SEEK_END), 0);
	params[2047] = 'x';
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
	static const uint8_t end[] = { 0, 0, 0, 1, 0, 0, 0, 1 };
	struct fixture *f = *state;

	f->layout.initrd_start = f->layout.initrd_end = 0x4000000;
	build(f);
	assert_null(prop(f, "/chosen", "linux,initrd-start", NULL));
	assert_null(prop(f, "/chosen", "linux,initrd-end", NULL));
	f->layout.initrd_end = 0x100000001;
	build(f);
	assert_bytes(f, "/chosen", "linux,initrd-end", end, sizeof(end));
}

static void mmio_devices_only_when_in_use(void **state)
{
	static const char mmio[] = "/mmio/virtio@200200000000";
	struct fixture *f = *state;

	build(f);
	assert_false(has_node(f, "/mmio"));
	f->vm.nr_virtio_slots = 1;
	build(f);
	assert_string(f, "/mmio", "device_type", "ibm,persistent-memory");
	assert_u32(f, "/mmio", "#address-cells", 2);
	assert_u32(f, "/mmio", "#size-cells", 2);
	assert_bytes(f, "/mmio", "ranges", "", 0);
	assert_true(has_node(f, mmio));
}

static bool offers(struct fixture *f, const char *name)
{
	int node = fdt_path_offset(f->blob, "/rtas");

	assert_true(node >= 0);
	return fdt_stringlist_search(f->blob, node, "ibm,hypertas-functions",
				     name) >= 0;
}

static void hypercalls_follow_the_machine(void **state)
{
	struct fixture *f = *state;

	f->machine.caps.rpt_invalidate = false;
	build(f);
	assert_true(offers(f, "hcall-set-mode"));
	assert_true(offers(f, "hcall-splpar"));
	assert_false(offers(f, "hcall-term"));
	assert_false(offers(f, "hcall-vio"));
	assert_false(offers(f, "hcall-tce"));
	assert_false(offers(f, "hcall-multi-tce"));
	assert_false(offers(f, "hcall-rpt-invalidate"));
	/* No guest has a hash table. */
	assert_false(offers(f, "hcall-pft"));
	f->machine.vty = some_vty;
	f->machine.phb = some_phb;
	f->machine.caps.rpt_invalidate = true;
	build(f);
	assert_true(offers(f, "hcall-term"));
	assert_true(offers(f, "hcall-vio"));
	assert_true(offers(f, "hcall-tce"));
	assert_true(offers(f, "hcall-multi-tce"));
	assert_true(offers(f, "hcall-rpt-invalidate"));
}

static void seeds_are_fresh(void **state)
{
	struct fixture *f = *state;
	uint8_t first[32], zeros[32] = { 0 };
	int len = 0;

	build(f);
	memcpy(first, prop(f, "/chosen", "rng-seed", &len), sizeof(first));
	assert_int_equal(len, sizeof(first));
	assert_memory_not_equal(first, zeros, sizeof(first));
	build(f);
	assert_memory_not_equal(first, prop(f, "/chosen", "rng-seed", &len),
				sizeof(first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tree_on_power9),
		TEST(tree_on_power10),
		TEST(what_kernels_need),
		TEST(rtas_is_reserved),
		TEST(features_follow_the_host),
		TEST(processors_by_version),
		TEST(frequencies),
		TEST(tree_of_many_cpus),
		TEST(consoles_are_named),
		TEST(virtio_console_alone),
		TEST(no_console_adds_nothing),
		TEST(long_bootargs_are_warned_of),
		TEST(initrd_only_when_there_is_one),
		TEST(mmio_devices_only_when_in_use),
		TEST(hypercalls_follow_the_machine),
		TEST(seeds_are_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
