/* SPDX-License-Identifier: Apache-2.0 */
/* The ppc64le machine: its facts, limits and vCPUs. */
#include "vmm/arch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/regs.h"
#include "vmm/vm.h"

const struct arch_info arch_info = {
	.name = "ppc64le",
	.ram_base = 0,
	/* Stock kernels put themselves below 64 MiB, and the rest above. */
	.min_mem = MIB(128),
	.max_cpus = LAYOUT_MAX_CPUS,
	.finisher = {
		.base = LAYOUT_FINISHER_BASE,
		.size = LAYOUT_FINISHER_SIZE,
	},
	.nr_virtio_mmio = LAYOUT_VIRTIO_SLOTS,
	.virtio_pci = true,
};

const struct irqchip_ops *const arch_irqchips[] = {
	&xics_kvm_ops,
	&xics_ops,
	NULL,
};

const struct device_type *const arch_device_types[] = {
	&machine_device,    &vty_device, &events_device, &nvram_device,
	&rtas_clock_device, &phb_device, NULL,
};

unsigned long arch_kvm_type(const struct kvm *kvm)
{
	(void)kvm;
	return KVM_PPC_VM_HV;
}

int arch_virtio_mmio_slot(unsigned index, struct arch_device *slot)
{
	if (index >= LAYOUT_VIRTIO_SLOTS)
		return -ENOSPC;
	*slot = (struct arch_device){
		.base = LAYOUT_VIRTIO_BASE + index * LAYOUT_VIRTIO_STRIDE,
		.size = LAYOUT_VIRTIO_SIZE,
		.irq = LAYOUT_IRQ_VIRTIO + index,
	};
	return 0;
}

static int check_memory(const struct vm *vm, struct error *err)
{
	uint64_t mem = vm->cfg->mem;

	if (mem > LAYOUT_RAM_LIMIT)
		return error_usage(err,
				   "--mem: %llu MiB are too many, a ppc64le "
				   "guest takes %llu MiB",
				   (unsigned long long)mem >> 20,
				   (unsigned long long)LAYOUT_RAM_LIMIT >> 20);
	return 0;
}

int arch_vm_init(struct vm *vm, struct error *err)
{
	int ret = check_memory(vm, err);
	if (ret < 0)
		return ret;

	struct machine *machine = calloc(1, sizeof(*machine));
	if (machine == NULL)
		return error_nomem(err, "the machine");
	pthread_mutex_init(&machine->lock, NULL);
	machine->process_table = MACHINE_RADIX;
	vm->arch = machine;

	ret = caps_probe(&vm->kvm, &machine->caps, err);
	if (ret == 0)
		ret = gmem_add(&vm->gmem, 0, vm->cfg->mem, err);
	if (ret < 0)
		arch_vm_destroy(vm);
	return ret;
}

void arch_vm_destroy(struct vm *vm)
{
	struct machine *machine = vm_machine(vm);

	if (machine == NULL)
		return;
	pthread_mutex_destroy(&machine->lock);
	free(machine);
	vm->arch = NULL;
}

/*
 * An error here is a bug or the host's trouble: a guest that ran on in the
 * wrong mode would not survive its next interrupt.
 */
static void serve(struct vcpu *vcpu, unsigned requests)
{
	struct machine *machine = vm_machine(vcpu->vm);
	int ret = 0;

	if ((requests & (VCPU_REQUEST_START | MACHINE_REQUEST_MODE)) != 0)
		ret = hcall_mode_apply(vcpu);
	if (ret == 0 && (requests & MACHINE_REQUEST_RESET) != 0) {
		pthread_mutex_lock(&machine->lock);
		bool little_endian = machine->ile;
		pthread_mutex_unlock(&machine->lock);
		ret = regs_system_reset(vcpu, little_endian);
	}
	if (ret < 0)
		vm_request_stop(vcpu->vm, VM_STOP_CRASH, 0,
				"guest vCPU %u died: KVM did not take its "
				"registers: %s",
				vcpu->id, strerror(-ret));
}

int arch_vcpu_init(struct vcpu *vcpu, struct error *err)
{
	vcpu->serve = serve;
	if (vcpu->id != 0)
		vcpu->power = VCPU_OFFLINE;
	return regs_init(vcpu, err);
}
