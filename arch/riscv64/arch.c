/* SPDX-License-Identifier: Apache-2.0 */
/* The riscv64 machine: its facts, limits and vCPUs. */
#include "vmm/arch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/machine.h"
#include "arch/riscv64/regs.h"
#include "vmm/vm.h"

/* Guest-physical bits of Sv39x4, which every host has. */
#define MIN_GPA_BITS 41

const struct arch_info arch_info = {
	.name = "riscv64",
	.ram_base = LAYOUT_RAM_BASE,
	.min_mem = MIB(8),
	.max_cpus = LAYOUT_MAX_HARTS,
	.serial = {
		.base = LAYOUT_SERIAL_BASE,
		.size = LAYOUT_SERIAL_SIZE,
		.irq = LAYOUT_IRQ_SERIAL,
	},
	.rtc = {
		.base = LAYOUT_RTC_BASE,
		.size = LAYOUT_RTC_SIZE,
		.irq = LAYOUT_IRQ_RTC,
	},
	.finisher = {
		.base = LAYOUT_FINISHER_BASE,
		.size = LAYOUT_FINISHER_SIZE,
	},
	.nr_virtio_mmio = LAYOUT_VIRTIO_SLOTS,
};

const struct irqchip_ops *const arch_irqchips[] = {
	&aia_ops,
	&plic_ops,
	NULL,
};

const struct device_type *const arch_device_types[] = {
	&pci_host_device,
	NULL,
};

unsigned long arch_kvm_type(const struct kvm *kvm)
{
	(void)kvm;
	return 0;
}

int arch_virtio_mmio_slot(unsigned index, struct arch_device *slot)
{
	if (index >= LAYOUT_VIRTIO_SLOTS)
		return -ENOSPC;
	*slot = (struct arch_device){
		.base = LAYOUT_VIRTIO_BASE + index * LAYOUT_VIRTIO_SIZE,
		.size = LAYOUT_VIRTIO_SIZE,
		.irq = LAYOUT_IRQ_VIRTIO(index),
	};
	return 0;
}

unsigned machine_gpa_bits(const struct kvm *kvm)
{
	int bits = kvm_check_extension(kvm, KVM_CAP_VM_GPA_BITS);

	return bits < MIN_GPA_BITS || bits > 63 ? MIN_GPA_BITS : (unsigned)bits;
}

static int check_memory(const struct vm *vm, struct error *err)
{
	uint64_t mem = vm->cfg->mem;
	unsigned bits = machine_gpa_bits(&vm->kvm);

	if (!range_fits(LAYOUT_RAM_BASE, mem, UINT64_C(1) << bits))
		return error_usage(err,
				   "--mem: %llu MiB are too many, this "
				   "host gives guests %u address bits",
				   (unsigned long long)mem >> 20, bits);
	return 0;
}

int arch_vm_init(struct vm *vm, struct error *err)
{
	int ret = check_memory(vm, err);

	if (ret < 0)
		return ret;

	vm->arch = calloc(1, sizeof(struct machine));
	if (vm->arch == NULL)
		return error_nomem(err, "the machine");
	ret = gmem_add(&vm->gmem, LAYOUT_RAM_BASE, vm->cfg->mem, err);
	if (ret < 0)
		arch_vm_destroy(vm);
	return ret;
}

void arch_vm_destroy(struct vm *vm)
{
	free(vm->arch);
	vm->arch = NULL;
}

/*
 * Without an AIA the guest must not use its registers. Whether a host can
 * take them away depends on its other extensions; that the device tree does
 * not name them has to do where it cannot.
 */
static void hide_aia(const struct vcpu *vcpu)
{
	regs_set(vcpu, RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSAIA), 0);
}

int arch_vcpu_init(struct vcpu *vcpu, struct error *err)
{
	struct vm *vm = vcpu->vm;
	struct machine *machine = vm->arch;
	bool has_aia = vm->irqchip->ops == &aia_ops;

	if (!has_aia)
		hide_aia(vcpu);

	/* Off by default. Kernels before 6.7 have none, which is fine. */
	regs_set(vcpu, RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN), 1);

	if (vcpu->id != 0)
		return 0;
	return isa_read(vcpu->fd, has_aia, &machine->isa, err);
}
