/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an architecture provides.
 *
 * Bound at link time: one binary serves one architecture, the linker checks
 * that all of it is there. These are the only functions of arch/ that the
 * rest of the program calls.
 */
#ifndef PRIVET_VMM_ARCH_H
#define PRIVET_VMM_ARCH_H

#include "vmm/error.h"
#include "vmm/sandbox.h"

struct device_type;
struct fdt_builder;
struct host_report;
struct irqchip_ops;
struct kvm;
struct snap_reader;
struct snap_writer;
struct vcpu;
struct vm;
struct vm_config;

/**
 * struct arch_device - Where a fixed platform device sits
 * @base: guest-physical address; 0 with @size 0 when the machine has none
 * @size: bytes of the window
 * @irq: input of the interrupt controller
 */
struct arch_device {
	uint64_t base;
	uint64_t size;
	unsigned irq;
};

/**
 * struct arch_info - Facts about the architecture's machine
 * @name: "riscv64", "ppc64le"; in messages and saved state
 * @ram_base: guest-physical address where RAM begins
 * @min_mem: smallest RAM in bytes that makes sense
 * @max_cpus: most vCPUs that the machine's map has room for
 * @serial, @rtc, @finisher: fixed devices
 * @nr_virtio_mmio: virtio-mmio slots
 * @virtio_pci: virtio devices are PCI functions unless asked otherwise
 */
struct arch_info {
	const char *name;
	uint64_t ram_base;
	uint64_t min_mem;
	unsigned max_cpus;
	struct arch_device serial;
	struct arch_device rtc;
	struct arch_device finisher;
	unsigned nr_virtio_mmio;
	bool virtio_pci;
};

extern const struct arch_info arch_info;

/** arch_irqchips[] - Controllers in order of preference, NULL-terminated */
extern const struct irqchip_ops *const arch_irqchips[];

/**
 * arch_device_types[] - Devices that only this machine has, NULL-terminated
 *
 * Created before all others: the PCI host bridge is among them.
 */
extern const struct device_type *const arch_device_types[];

/** arch_sandbox_rules[] - What its code calls beside sandbox_rules[] */
extern const struct sandbox_rule arch_sandbox_rules[];

/**
 * enum exit_action - What a vCPU thread does after an exit
 * @EXIT_RESUME: enter the guest again
 * @EXIT_STOP: vm_request_stop() was called; the thread ends
 * @EXIT_OFFLINE: the access is completed, then the vCPU is offline until
 *	another vCPU starts it (see vmm/vcpu.h)
 */
enum exit_action {
	EXIT_RESUME,
	EXIT_STOP,
	EXIT_OFFLINE,
};

/*
 * Construction, in the order in which vm.c calls them.
 */

/**
 * arch_vm_init() - Check limits, add RAM, allocate vm->arch
 *
 * Context: vm_create(), after KVM was opened, before the irqchip.
 */
int arch_vm_init(struct vm *vm, struct error *err);
void arch_vm_destroy(struct vm *vm);

/** arch_kvm_type() - Argument of KVM_CREATE_VM */
unsigned long arch_kvm_type(const struct kvm *kvm);

/**
 * arch_virtio_mmio_slot() - Where virtio-mmio slot @index sits
 *
 * Return: 0, or -ENOSPC when there are not that many.
 */
int arch_virtio_mmio_slot(unsigned index, struct arch_device *slot);

/**
 * arch_vcpu_init() - Features of a fresh vCPU, before any vCPU ran
 *
 * Sets vcpu->power to VCPU_OFFLINE where the guest has to start it.
 */
int arch_vcpu_init(struct vcpu *vcpu, struct error *err);

/**
 * arch_boot() - Load kernel and initrd, build the tree, set boot registers
 *
 * Context: vm_power_on(), after the irqchip and the devices. RAM is zero, but
 * for what a warm reboot left.
 */
int arch_boot(struct vm *vm, struct error *err);

/*
 * Run time: on the vCPU's own thread.
 */

/** arch_handle_exit() - Handle vcpu->run->exit_reason */
enum exit_action arch_handle_exit(struct vcpu *vcpu);

/**
 * arch_run_failed() - KVM_RUN failed with an errno that is not a kick
 * @error: negative errno
 *
 * Calls vm_request_stop() with what is known (the guest's pc and the like),
 * unless the guest can be given an error instead.
 */
enum exit_action arch_run_failed(struct vcpu *vcpu, int error);

/**
 * arch_vcpu_describe() - Where the guest is, in one line, for what it dies of
 * @text: receives it; registers that cannot be read are left out or said so
 * @size: of @text in bytes, with the NUL
 */
void arch_vcpu_describe(const struct vcpu *vcpu, char *text, size_t size);

/*
 * Saved state: while every vCPU is parked. Restoring gives -ENOTSUP for a
 * version that is unknown, -ENXIO for what this host's CPUs or KVM lack.
 */
int arch_vcpu_save(struct vcpu *vcpu, struct snap_writer *w);
int arch_vcpu_restore(struct vcpu *vcpu, struct snap_reader *r,
		      uint32_t version);
#define ARCH_VCPU_STATE_VERSION 1U

/** arch_host_report() - Architecture's lines of `privet host` */
int arch_host_report(struct kvm *kvm, struct host_report *report);

#endif
