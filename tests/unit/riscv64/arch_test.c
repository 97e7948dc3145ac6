/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's map and limits, and what is asked of a fresh vCPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/machine.h"
#include "arch/riscv64/regs.h"
#include "arch/riscv64/tree.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/arch.h"
#include "vmm/device.h"
#include "vmm/vm.h"

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct irqchip chip;
	uint64_t ram_gpa, ram_size;
	int ram_error;
};

/* Instead of the real ones, which would bring the whole machine along. */
const struct device_type pci_host_device = { .name = "pci-host" };

void tree_interrupts_extended(unsigned harts, struct fdt_builder *fdt)
{
	(void)harts;
	(void)fdt;
}

/* Instead of the real one, so that terabytes cost nothing. */
int gmem_add(struct gmem *gmem, uint64_t gpa, uint64_t size, struct error *err)
{
	struct vm *vm = container_of(gmem, struct vm, gmem);
	struct fixture *f = container_of(vm, struct fixture, vm);

	(void)err;
	f->ram_gpa = gpa;
	f->ram_size = size;
	return f->ram_error;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	stub_reset();
	f->cfg.cpus = 1;
	f->cfg.mem = MIB(512);
	f->chip = (struct irqchip){ .ops = &aia_ops, .vm = &f->vm };
	f->vm.cfg = &f->cfg;
	f->vm.irqchip = &f->chip;
	f->vm.kvm = (struct kvm){ .fd = STUB_KVM_FD, .vm_fd = -1 };
	stub_add(RVREG_CONFIG(isa), 0x112d);
	stub_add(RVREG_TIMER(frequency), 10000000);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arch_vm_destroy(&f->vm);
	free(f);
	return 0;
}

static int init(struct fixture *f, struct error *err)
{
	*err = (struct error){ 0 };
	int ret = arch_vm_init(&f->vm, err);

	if (ret == 0)
		arch_vm_destroy(&f->vm);
	assert_null(f->vm.arch);
	return ret;
}

static void memory_limits(void **state)
{
	static const struct {
		int bits;
		uint64_t mem;
		bool good;
	} cases[] = {
		{ 41, MIB(512), true },
		{ 41, MIB(8), true },
		{ 41, MIB(512) + 4096, true },
		{ 41, (UINT64_C(1) << 41) - GIB(2), true },
		{ 41, (UINT64_C(1) << 41) - GIB(2) + 4096, false },
		{ 50, (UINT64_C(1) << 50) - GIB(2), true },
		{ 50, (UINT64_C(1) << 50) - GIB(2) + 4096, false },
		{ 59, UINT64_MAX - 4095, false },
		{ 64, (UINT64_C(1) << 41) - GIB(2), true },
		{ 64, (UINT64_C(1) << 41), false },
		/* A kernel that does not say has the least there is. */
		{ 0, (UINT64_C(1) << 41) - GIB(2), true },
		{ 0, (UINT64_C(1) << 41), false },
	};
	struct fixture *f = *state;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		stub.caps[KVM_CAP_VM_GPA_BITS] = cases[i].bits;
		f->cfg.mem = cases[i].mem;
		f->ram_size = 0;
		int ret = init(f, &err);

		assert_int_equal(ret, cases[i].good ? 0 : -EINVAL);
		assert_int_equal(f->ram_size, cases[i].good ? cases[i].mem : 0);
		if (ret < 0) {
			assert_int_equal(err.status, EXIT_STATUS_USAGE);
			assert_non_null(strstr(err.text, "--mem"));
		}
	}
	assert_int_equal(f->ram_gpa, 0x80000000);
}

static void no_memory_for_ram(void **state)
{
	struct fixture *f = *state;
	struct error err;

	f->ram_error = -ENOMEM;
	assert_int_equal(init(f, &err), -ENOMEM);
}

/* All windows of the map are apart, and so are all interrupts. */
static void devices_do_not_overlap(void **state)
{
	struct arch_device all[4 + LAYOUT_VIRTIO_SLOTS] = {
		arch_info.serial,
		arch_info.rtc,
		arch_info.finisher,
		{ .base = LAYOUT_PLIC_BASE, .size = LAYOUT_PLIC_SIZE },
	};
	bool irqs[LAYOUT_NR_SOURCES + 1] = { false };
	unsigned count = 4;

	(void)state;
	for (unsigned i = 0; i < arch_info.nr_virtio_mmio; i++)
		assert_int_equal(arch_virtio_mmio_slot(i, &all[count++]), 0);
	assert_int_equal(count, ARRAY_SIZE(all));
	for (unsigned i = 0; i < count; i++) {
		assert_true(all[i].base + all[i].size <= LAYOUT_RAM_BASE);
		for (unsigned j = 0; j < i; j++)
			assert_false(ranges_overlap(all[i].base, all[i].size,
						    all[j].base, all[j].size));
		if (all[i].irq == 0)
			continue;
		/* A host may have no more than 63. */
		assert_true(all[i].irq < 64);
		/* PCI has these. */
		assert_true(all[i].irq < 32 || all[i].irq > 35);
		assert_false(irqs[all[i].irq]);
		irqs[all[i].irq] = true;
	}
}

static void virtio_slots(void **state)
{
	struct arch_device slot = { 0 };

	(void)state;
	assert_int_equal(arch_virtio_mmio_slot(0, &slot), 0);
	assert_int_equal(slot.base, 0x10001000);
	assert_int_equal(slot.size, 0x1000);
	assert_int_equal(slot.irq, 1);
	assert_int_equal(arch_virtio_mmio_slot(7, &slot), 0);
	assert_int_equal(slot.base, 0x10008000);
	assert_int_equal(slot.irq, 8);
	assert_int_equal(arch_virtio_mmio_slot(8, &slot), 0);
	assert_int_equal(slot.base, 0x10009000);
	assert_int_equal(slot.irq, 36);
	assert_int_equal(arch_virtio_mmio_slot(23, &slot), 0);
	assert_int_equal(slot.base, 0x10018000);
	assert_int_equal(slot.irq, 51);
	assert_int_equal(arch_virtio_mmio_slot(24, &slot), -ENOSPC);
	assert_int_equal(arch_virtio_mmio_slot(UINT32_MAX, &slot), -ENOSPC);
}

static void irqchips_in_order(void **state)
{
	(void)state;
	assert_ptr_equal(arch_irqchips[0], &aia_ops);
	assert_ptr_equal(arch_irqchips[1], &plic_ops);
	assert_null(arch_irqchips[2]);
}

static int vcpu_init(struct fixture *f, unsigned id)
{
	struct vcpu vcpu = { .vm = &f->vm, .id = id, .fd = STUB_VCPU_FD };
	struct error err = { 0 };

	if (f->vm.arch == NULL)
		assert_int_equal(arch_vm_init(&f->vm, &err), 0);
	return arch_vcpu_init(&vcpu, &err);
}

static void vcpu_gets_a_debug_console(void **state)
{
	const uint64_t dbcn = RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN);
	struct fixture *f = *state;
	struct machine *machine;

	stub_add(dbcn, 0);
	assert_int_equal(vcpu_init(f, 0), 0);
	assert_int_equal(stub_value(dbcn), 1);
	machine = f->vm.arch;
	assert_int_equal(machine->isa.letters, 0x112d);
	/* The other harts are set up alike, but not asked. */
	stub_add(dbcn, 0);
	stub_add(RVREG_CONFIG(isa), 0);
	assert_int_equal(vcpu_init(f, 1), 0);
	assert_int_equal(stub_value(dbcn), 1);
	assert_int_equal(machine->isa.letters, 0x112d);
}

static void old_host(void **state)
{
	struct fixture *f = *state;

	/* Without any extension register. */
	assert_int_equal(vcpu_init(f, 0), 0);
	stub_find(RVREG_CONFIG(isa))->get_error = -EIO;
	assert_int_equal(vcpu_init(f, 0), -EIO);
}

static void plic_takes_ssaia_away(void **state)
{
	const uint64_t ssaia = RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSAIA);
	struct fixture *f = *state;
	char isa[ISA_STRING_SIZE];

	stub_add(ssaia, 1);
	assert_int_equal(vcpu_init(f, 0), 0);
	assert_int_equal(stub_value(ssaia), 1);
	isa_string(&((struct machine *)f->vm.arch)->isa, isa);
	assert_string_equal(isa, "rv64imafdc_ssaia");

	f->chip.ops = &plic_ops;
	assert_int_equal(vcpu_init(f, 0), 0);
	assert_int_equal(stub_value(ssaia), 0);
	isa_string(&((struct machine *)f->vm.arch)->isa, isa);
	assert_string_equal(isa, "rv64imafdc");

	/* Where KVM does not let go of it, it is kept quiet. */
	stub_add(ssaia, 1)->set_error = -EINVAL;
	assert_int_equal(vcpu_init(f, 1), 0);
	assert_int_equal(vcpu_init(f, 0), 0);
	isa_string(&((struct machine *)f->vm.arch)->isa, isa);
	assert_string_equal(isa, "rv64imafdc");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_limits),
		TEST(no_memory_for_ram),
		TEST(devices_do_not_overlap),
		TEST(virtio_slots),
		TEST(irqchips_in_order),
		TEST(vcpu_gets_a_debug_console),
		TEST(old_host),
		TEST(plic_takes_ssaia_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
