/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree with the machine's real devices: what it promises is there.
 */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <libfdt.h>
#include <unistd.h>
#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/tree.h"
#include "vmm/chardev.h"

struct fixture {
	struct rtas_fixture m;
	struct irqchip *fake_chip;
	struct chardev *cd;
	struct fdt_builder fdt;
	const void *blob;
};

static void open_console(struct fixture *f)
{
	struct error err = { 0 };
	const struct chardev_env env = { .loop = f->m.vm->loop,
					 .log = f->m.vm->log };
	const struct chardev_config cfg = { .kind = CHARDEV_NULL };

	if (chardev_open(&env, "console", &cfg, &f->cd, &err) < 0)
		fail_msg("%s", err.text);
	fake_vm_config(f->m.vm)->nr_consoles = 1;
	fake_vm_config(f->m.vm)->consoles[0].kind = CONSOLE_SERIAL;
	f->m.vm->consoles[0] = f->cd;
}

static int setup(void **state)
{
	static const struct device_type *const types[] = {
		&vty_device,        &events_device, &nvram_device,
		&rtas_clock_device, &phb_device,
	};
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	fix_init(&f->m);
	f->m.machine.caps = (struct caps){
		.radix = true,
		.rpt_invalidate = true,
		.nr_ap = 1,
		.pvr = 0x004e1202,
		.timebase_hz = 512000000,
	};
	f->fake_chip = f->m.vm->irqchip;
	assert_int_equal(xics_ops.create(f->m.vm, &f->m.vm->irqchip, &err), 0);
	open_console(f);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fake_vm_add(f->m.vm, types[i], NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct vm *vm = f->m.vm;

	fdt_builder_free(&f->fdt);
	evloop_stop(vm->loop);
	while (vm->nr_devices > 0) {
		struct device *dev = vm->devices[--vm->nr_devices];

		if (dev->type->power_off != NULL)
			dev->type->power_off(dev);
		dev->type->destroy(dev);
	}
	chardev_close(f->cd);
	fake_vm_config(vm)->nr_consoles = 0;
	vm->irqchip->ops->destroy(vm->irqchip);
	vm->irqchip = f->fake_chip;
	fix_fini(&f->m);
	free(f);
	return 0;
}

static void build(struct fixture *f)
{
	const struct boot_layout layout = { .rtas_addr = 0x10000,
					    .rtas_size = 0x10000 };
	struct error err = { 0 };
	size_t len;

	assert_int_equal(fdt_builder_init(&f->fdt, TREE_MAX_SIZE(FIX_CPUS)), 0);
	assert_int_equal(tree_build(f->m.vm, &layout, &f->fdt), 0);
	if (fdt_builder_finish(&f->fdt, &f->blob, &len, &err) < 0)
		fail_msg("%s", err.text);
}

static int node_at(const struct fixture *f, const char *path)
{
	int node = fdt_path_offset(f->blob, path);

	if (node < 0)
		fail_msg("there is no %s", path);
	return node;
}

static void every_device_has_its_node(void **state)
{
	struct fixture *f = *state;

	build(f);
	node_at(f, "/interrupt-controller");
	node_at(f, "/event-sources/epow-events");
	node_at(f, "/vdevice/vty@71000000");
	node_at(f, "/vdevice/nvram@71000001");
	node_at(f, "/pci@800000020000000");
	/* The path of /chosen is that of the node. */
	int len = 0;
	const char *path = fdt_getprop(f->blob, node_at(f, "/chosen"),
				       "stdout-path", &len);
	assert_non_null(path);
	node_at(f, path);
}

/* Interrupts of every node go to the one controller. */
static void interrupts_have_a_parent(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;

	build(f);
	int chip = node_at(f, "/interrupt-controller");
	uint32_t phandle = fdt_get_phandle(f->blob, chip);
	assert_int_equal(phandle, PHANDLE_XICS);
	for (int node = fdt_next_node(f->blob, -1, NULL); node >= 0;
	     node = fdt_next_node(f->blob, node, NULL)) {
		int len = 0;
		const void *parent =
			fdt_getprop(f->blob, node, "interrupt-parent", &len);

		if (parent == NULL)
			continue;
		assert_int_equal(len, 4);
		assert_int_equal(be32_load(parent), phandle);
		count++;
	}
	assert_true(count >= 3);
}

/* Every property of /rtas that names a token is a call that is answered. */
static void tokens_are_answered(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;
	int prop;

	build(f);
	fdt_for_each_property_offset(prop, f->blob, node_at(f, "/rtas"))
	{
		const char *name;
		int len;
		const void *value =
			fdt_getprop_by_offset(f->blob, prop, &name, &len);

		if (len != 4 || (be32_load(value) & ~0xffU) != 0x2000)
			continue;

		const struct rtas_entry *entry =
			rtas_find(f->m.vm, be32_load(value));
		if (entry == NULL)
			fail_msg("nothing answers %s", name);
		assert_string_equal(entry->name, name);
		count++;
	}
	assert_true(count >= 20);
}

/*
 * What each of PAPR's groups of hypercalls promises, of those that KVM leaves
 * to the monitor.
 */
static const struct promise {
	const char *name;
	uint64_t calls[4];
} promises[] = {
	{ "hcall-term", { 0x54, 0x58 } },
	{ "hcall-vio", { 0x104 } },
	{ "hcall-tce", { 0x1c, 0x20 } },
	{ "hcall-multi-tce", { 0x138, 0x13c } },
	{ "hcall-set-mode", { 0x31c } },
	{ "hcall-join", { 0x298, 0xe8 } },
	{ "hcall-debug", { 0x3c, 0x40 } },
	/* KVM's own */
	{ "hcall-dabr", { 0 } },
	{ "hcall-interrupt", { 0 } },
	{ "hcall-splpar", { 0 } },
	{ "hcall-copy", { 0 } },
	{ "hcall-rpt-invalidate", { 0 } },
};

static bool is_served(uint64_t nr)
{
	static const struct hcall_entry *const tables[] = {
		hcalls_vty, hcalls_rtas, hcalls_mode, hcalls_cpu,
		hcalls_mem, hcalls_tce,  hcalls_xics,
	};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct hcall_entry *e = tables[i]; e->fn; e++) {
			if (e->nr == nr)
				return true;
		}
	}
	return false;
}

static const struct promise *find_promise(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(promises); i++) {
		if (strcmp(promises[i].name, name) == 0)
			return &promises[i];
	}
	fail_msg("nobody knows what %s promises", name);
	return NULL;
}

static void promised_hypercalls_are_served(void **state)
{
	struct fixture *f = *state;
	int len = 0;

	build(f);
	const char *names = fdt_getprop(f->blob, node_at(f, "/rtas"),
					"ibm,hypertas-functions", &len);
	const char *end = names + len;
	assert_non_null(names);
	for (const char *name = names; name < end; name += strlen(name) + 1) {
		const struct promise *p = find_promise(name);

		for (size_t i = 0; i < ARRAY_SIZE(p->calls); i++) {
			if (p->calls[i] != 0 && !is_served(p->calls[i]))
				fail_msg("%s: nothing serves 0x%llx", name,
					 (unsigned long long)p->calls[i]);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_device_has_its_node),
		TEST(interrupts_have_a_parent),
		TEST(tokens_are_answered),
		TEST(promised_hypercalls_are_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
