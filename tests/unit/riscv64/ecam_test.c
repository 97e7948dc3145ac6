/* SPDX-License-Identifier: Apache-2.0 */
/* The riscv64 machine's PCI host bridge, in a whole machine on a fake KVM. */
#include <libfdt.h>
#include <stdlib.h>

#include "arch/riscv64/layout.h"
#include "arch/riscv64/tree.h"
#include "tests/fakes/fake_pci.h"
#include "tests/unit/riscv64/vm_fixture.h"
#include "vmm/device.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/mmio.h"
#include "vmm/snapshot.h"

#define BRIDGE "/pci@30000000"
/* With 16 MiB of RAM, the next multiple of 16 GiB. */
#define MEM64 UINT64_C(0x400000000)

static void host_with_aia(void)
{
	fake_kvm_set_cap(KVM_CAP_IRQCHIP, 1);
	fake_kvm_set_attr(KVM_DEV_RISCV_AIA_GRP_CONFIG,
			  KVM_DEV_RISCV_AIA_CONFIG_IDS, 255);
}

static struct vm *machine(struct fixture *f, bool aia, const char *more)
{
	char line[256];

	snprintf(line, sizeof(line), "--virtio-transport pci %s", more);
	fixture_init(f, line);
	if (aia)
		host_with_aia();
	return build(f);
}

static void end(struct fixture *f, struct vm *vm)
{
	vm_destroy(vm);
	fixture_end(f);
}

static uint64_t ecam(unsigned bus, unsigned slot, unsigned fn, unsigned off)
{
	return LAYOUT_ECAM_BASE + (bus << 20 | slot << 15 | fn << 12 | off);
}

static uint64_t get(struct vm *vm, uint64_t gpa, unsigned size)
{
	uint8_t data[8] = { 0 };

	assert_true(mmio_access(&vm->mmio, gpa, data, size, false));
	return le64_load(data);
}

static void set(struct vm *vm, uint64_t gpa, unsigned size, uint64_t value)
{
	uint8_t data[8];

	le64_store(data, value);
	assert_true(mmio_access(&vm->mmio, gpa, data, size, true));
}

static void test_config_space(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, false, "");

	(void)state;
	/* The disk is the first one. */
	assert_int_equal(get(vm, ecam(0, 1, 0, 0), 4), 0x10421af4);
	assert_int_equal(get(vm, ecam(0, 1, 0, 2), 2), 0x1042);
	assert_int_equal(get(vm, ecam(0, 1, 0, 3), 1), 0x10);
	assert_int_equal(get(vm, ecam(0, 1, 0, 0xffc), 4), 0);
	set(vm, ecam(0, 1, 0, 0x3c), 1, 0x77);
	assert_int_equal(get(vm, ecam(0, 1, 0, 0x3c), 4), 0x177);
	/* Too wide, and what is not there. */
	assert_true(get(vm, ecam(0, 1, 0, 0), 8) == UINT64_MAX);
	set(vm, ecam(0, 1, 0, 0x38), 8, UINT64_MAX);
	assert_int_equal(get(vm, ecam(0, 1, 0, 0x3c), 1), 0x77);
	assert_int_equal(get(vm, ecam(0, 0, 0, 0), 4), UINT32_MAX);
	assert_int_equal(get(vm, ecam(0, 1, 1, 0), 4), UINT32_MAX);
	assert_int_equal(get(vm, ecam(0, 31, 0, 0), 2), 0xffff);
	assert_int_equal(get(vm, ecam(1, 1, 0, 0), 4), UINT32_MAX);
	assert_int_equal(get(vm, ecam(255, 31, 7, 0xffc), 4), UINT32_MAX);
	set(vm, ecam(255, 31, 7, 0xffc), 4, 0);
	end(&f, vm);
}

static void test_absent_by_default(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	struct vm *vm = build(&f);

	assert_null(vm->pci);
	for (unsigned i = 0; i < vm->nr_devices; i++)
		assert_string_not_equal(vm->devices[i]->type->name, "pci-host");
	end(&f, vm);
}

static void test_nodefaults(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, false, "--nodefaults");

	(void)state;
	assert_non_null(vm->pci);
	end(&f, vm);
}

/*
 * Device tree.
 */

static void build_node(struct vm *vm, struct fdt_builder *b, const void **blob)
{
	struct error err = { 0 };
	size_t size;

	assert_string_equal(vm->devices[0]->type->name, "pci-host");
	assert_int_equal(fdt_builder_init(b, 65536), 0);
	fdt_begin(b, "%s", "");
	vm->devices[0]->type->fdt(vm->devices[0], b);
	fdt_end(b);
	assert_int_equal(fdt_builder_finish(b, blob, &size, &err), 0);
}

static void expect_cells(const void *blob, const char *name,
			 const uint32_t *want, unsigned count)
{
	int node = fdt_path_offset(blob, BRIDGE);
	int len;
	const fdt32_t *cells = fdt_getprop(blob, node, name, &len);

	assert_non_null(cells);
	assert_int_equal(len, 4 * count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fdt32_to_cpu(cells[i]), want[i]);
}

static void expect_map(const void *blob, uint32_t phandle, bool trigger)
{
	uint32_t want[16 * 7], *at = want;

	for (unsigned slot = 0; slot < 4; slot++) {
		for (unsigned pin = 1; pin <= 4; pin++) {
			*at++ = slot << 11;
			*at++ = 0;
			*at++ = 0;
			*at++ = pin;
			*at++ = phandle;
			*at++ = 32 + (slot + pin - 1) % 4;
			if (trigger)
				*at++ = 4;
		}
	}
	expect_cells(blob, "interrupt-map", want, (unsigned)(at - want));
}

static void test_tree(void **state)
{
	static const uint32_t reg[] = { 0, 0x30000000, 0, 0x10000000 };
	static const uint32_t buses[] = { 0, 255 };
	static const uint32_t mask[] = { 0x1800, 0, 0, 7 };
	static const uint32_t ranges[] = {
		0x02000000, 0, 0x40000000, 0, 0x40000000, 0, 0x40000000,
		0x03000000, 4, 0,          4, 0,          0, 0x80000000,
	};
	static const uint32_t cells[] = { 3, 2, 1 };

	(void)state;
	for (unsigned aia = 0; aia < 2; aia++) {
		struct fixture f;
		struct fdt_builder b;
		const void *blob;
		const uint32_t msi = PHANDLE_IMSIC;
		struct vm *vm = machine(&f, aia != 0, "");

		build_node(vm, &b, &blob);
		int node = fdt_path_offset(blob, BRIDGE);

		assert_true(node >= 0);
		assert_string_equal(fdt_getprop(blob, node, "compatible", NULL),
				    "pci-host-ecam-generic");
		assert_string_equal(
			fdt_getprop(blob, node, "device_type", NULL), "pci");
		assert_non_null(fdt_getprop(blob, node, "dma-coherent", NULL));
		expect_cells(blob, "reg", reg, 4);
		expect_cells(blob, "bus-range", buses, 2);
		expect_cells(blob, "interrupt-map-mask", mask, 4);
		expect_cells(blob, "ranges", ranges, 14);
		expect_cells(blob, "#address-cells", &cells[0], 1);
		expect_cells(blob, "#size-cells", &cells[1], 1);
		expect_cells(blob, "#interrupt-cells", &cells[2], 1);
		expect_map(blob, aia ? PHANDLE_APLIC : PHANDLE_PLIC, aia != 0);
		if (aia)
			expect_cells(blob, "msi-parent", &msi, 1);
		else
			assert_null(
				fdt_getprop(blob, node, "msi-parent", NULL));
		fdt_builder_free(&b);
		end(&f, vm);
	}
}

/*
 * Powered on.
 */

static void power_on(struct vm *vm)
{
	struct error err = { 0 };

	if (vm_power_on(vm, &err) < 0)
		fail_msg("%s", err.text);
}

/* Finds the disk by ECAM and puts its BARs into the two windows. */
static void place_disk(struct vm *vm)
{
	set(vm, ecam(0, 1, 0, 0x14), 4, 0x40000000);
	set(vm, ecam(0, 1, 0, 0x20), 4, (uint32_t)MEM64);
	set(vm, ecam(0, 1, 0, 0x24), 4, MEM64 >> 32);
	set(vm, ecam(0, 1, 0, 0x04), 2, 6);
}

static void test_message(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, true, "");
	uint64_t addr;
	uint32_t data;

	(void)state;
	assert_true(irq_has_msi(vm));
	irq_send_msi(vm, LAYOUT_IMSIC_BASE, 1);
	assert_int_equal(fake_kvm_msis(NULL, NULL), 0);
	power_on(vm);
	irq_send_msi(vm, 0x123456789abcdef0, 0xfedcba98);
	assert_int_equal(fake_kvm_msis(&addr, &data), 1);
	assert_true(addr == 0x123456789abcdef0);
	assert_int_equal(data, 0xfedcba98);
	vm_power_off(vm);
	irq_send_msi(vm, LAYOUT_IMSIC_BASE, 1);
	assert_int_equal(fake_kvm_msis(NULL, NULL), 1);
	end(&f, vm);
}

/* A failing KVM loses the message, and nothing else. */
static void test_message_fails(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, true, "");

	(void)state;
	power_on(vm);
	fake_kvm_fail_nth(1, -EINVAL);
	irq_send_msi(vm, LAYOUT_IMSIC_BASE, 1);
	assert_true(fake_kvm_failed());
	fake_kvm_fail_nth(0, 0);
	irq_send_msi(vm, LAYOUT_IMSIC_BASE, 1);
	assert_int_equal(fake_kvm_msis(NULL, NULL), 1);
	vm_power_off(vm);
	end(&f, vm);
}

/* A machine without messages: no capability, no second BAR. */
static void test_no_messages(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, false, "");

	(void)state;
	assert_false(irq_has_msi(vm));
	irq_send_msi(vm, LAYOUT_IMSIC_BASE, 1);
	for (unsigned cap = (unsigned)get(vm, ecam(0, 1, 0, 0x34), 1); cap != 0;
	     cap = (unsigned)get(vm, ecam(0, 1, 0, cap + 1), 1))
		assert_int_equal(get(vm, ecam(0, 1, 0, cap), 1), 9);
	set(vm, ecam(0, 1, 0, 0x14), 4, UINT32_MAX);
	assert_int_equal(get(vm, ecam(0, 1, 0, 0x14), 4), 0);
	end(&f, vm);
}

/* A reboot takes BARs and doorbells away; nothing is left at the end. */
static void test_lives(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, true, "");
	unsigned bound[2];

	(void)state;
	for (unsigned life = 0; life < 2; life++) {
		power_on(vm);
		bound[life] = fake_kvm_ioeventfds();
		assert_int_equal(get(vm, MEM64 + 18, 2), 0xffff);
		place_disk(vm);
		assert_int_equal(fake_kvm_ioeventfds(), bound[life] + 1);
		/* num_queues, then the masked first vector. */
		assert_int_equal(get(vm, MEM64 + 18, 2), 1);
		assert_int_equal(get(vm, 0x40000000 + 12, 4), 1);
		for (unsigned i = 0; i < vm->nr_devices; i++) {
			struct device *dev = vm->devices[i];

			pthread_mutex_lock(&dev->lock);
			dev->type->reset(dev);
			pthread_mutex_unlock(&dev->lock);
		}
		assert_int_equal(fake_kvm_ioeventfds(), bound[life]);
		vm_power_off(vm);
		assert_int_equal(fake_kvm_ioeventfds(), 0);
	}
	assert_int_equal(bound[0], bound[1]);
	end(&f, vm);
}

static void quiesce(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->quiesce(dev);
		pthread_mutex_unlock(&dev->lock);
	}
}

static void test_state(void **state)
{
	struct fixture f, g;
	struct vm *vm = machine(&f, false, "");
	struct snap_writer w;
	struct snap_reader r;
	struct error err = { 0 };

	(void)state;
	power_on(vm);
	place_disk(vm);
	quiesce(vm);
	snap_writer_init(&w, "riscv64");
	assert_int_equal(vm_save(vm, &w), 0);
	vm_power_off(vm);
	end(&f, vm);

	vm = machine(&g, false, "");
	power_on(vm);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", &err),
			 0);
	if (vm_restore(vm, &r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(get(vm, MEM64 + 18, 2), 1);
	assert_int_equal(fake_kvm_ioeventfds(), 1);
	snap_writer_free(&w);
	vm_power_off(vm);
	end(&g, vm);
}

/* Inputs 32 to 35 are levels: INTA of slot 1 is the second one. */
static void test_intx(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, true, "");
	struct pci_function *fn = vm->pci->functions[1];
	unsigned edges;

	(void)state;
	power_on(vm);
	pthread_mutex_lock(fn->lock);
	pci_set_intx(fn, true);
	assert_true(fake_kvm_line(33, &edges));
	pci_set_intx(fn, true);
	pci_set_intx(fn, false);
	pthread_mutex_unlock(fn->lock);
	assert_false(fake_kvm_line(33, &edges));
	assert_int_equal(edges, 1);
	assert_int_equal(fake_kvm_irqfd(33), -1);
	vm_power_off(vm);
	end(&f, vm);
}

/* As many as there are slots, and one that is too many. */
static void test_full(void **state)
{
	struct fixture f;
	struct vm *vm = machine(&f, false, "");
	struct pci_function *fns = calloc(PCI_MAX_SLOTS, sizeof(*fns));
	struct error err = { 0 };
	unsigned added = 0;

	(void)state;
	assert_non_null(fns);
	while (added < PCI_MAX_SLOTS &&
	       pci_bus_add(vm->pci, &fns[added], &err) == 0)
		added++;
	assert_true(added < PCI_MAX_SLOTS);
	assert_non_null(strstr(err.text, "31"));
	while (added > 0)
		pci_bus_remove(&fns[--added]);
	free(fns);
	end(&f, vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_space),
		cmocka_unit_test(test_absent_by_default),
		cmocka_unit_test(test_nodefaults),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_message_fails),
		cmocka_unit_test(test_no_messages),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_intx),
		cmocka_unit_test(test_full),
	};

	install_kick_handler();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
