/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed wrappers around the ioctls that only KVM on POWER has.
 *
 * They return 0 or a negative errno.
 */
#ifndef PRIVET_ARCH_PPC64LE_KVM_PPC_H
#define PRIVET_ARCH_PPC64LE_KVM_PPC_H

#include "vmm/kvm.h"

/** KVM_PPC_VM_HV - Argument of KVM_CREATE_VM: hypervisor mode, or nothing */
#define KVM_PPC_VM_HV 1UL

/**
 * kvm_ppc_enable_cap() - KVM_ENABLE_CAP on a VM's or a vCPU's descriptor
 * @arg0, @arg1: what the capability wants to know
 */
int kvm_ppc_enable_cap(int fd, unsigned cap, uint64_t arg0, uint64_t arg1);

/**
 * kvm_ppc_enable_hcall() - Have KVM take a hypercall, or leave it to us
 *
 * Context: any thread; does not wait for vCPUs.
 */
int kvm_ppc_enable_hcall(const struct kvm *kvm, uint64_t nr, bool enable);

/**
 * kvm_ppc_configure_mmu() - KVM_PPC_CONFIGURE_V3_MMU
 * @flags: KVM_PPC_MMUV3_*
 * @process_table: as the architecture has it, bit 63 for radix
 *
 * Context: any thread; does not wait for vCPUs.
 */
int kvm_ppc_configure_mmu(const struct kvm *kvm, uint64_t flags,
			  uint64_t process_table);

int kvm_ppc_get_rmmu_info(const struct kvm *kvm,
			  struct kvm_ppc_rmmu_info *info);
int kvm_ppc_get_cpu_char(const struct kvm *kvm, struct kvm_ppc_cpu_char *info);

/*
 * These wait while another thread runs the vCPU.
 */
int kvm_ppc_get_regs(int vcpu_fd, struct kvm_regs *regs);
int kvm_ppc_set_regs(int vcpu_fd, const struct kvm_regs *regs);
int kvm_ppc_get_sregs(int vcpu_fd, struct kvm_sregs *sregs);
int kvm_ppc_set_sregs(int vcpu_fd, const struct kvm_sregs *sregs);

#endif
