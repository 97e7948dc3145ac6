/* SPDX-License-Identifier: Apache-2.0 */
/* Typed wrappers around the ioctls that only KVM on POWER has. */
#include "arch/ppc64le/kvm_ppc.h"

#include "vmm/kvm_sys.h"

int kvm_ppc_enable_cap(int fd, unsigned cap, uint64_t arg0, uint64_t arg1)
{
	struct kvm_enable_cap enable = {
		.cap = cap,
		.args = { arg0, arg1 },
	};

	return kvm_sys_ioctl(fd, KVM_ENABLE_CAP, (uintptr_t)&enable);
}

int kvm_ppc_enable_hcall(const struct kvm *kvm, uint64_t nr, bool enable)
{
	return kvm_ppc_enable_cap(kvm->vm_fd, KVM_CAP_PPC_ENABLE_HCALL, nr,
				  enable);
}

int kvm_ppc_configure_mmu(const struct kvm *kvm, uint64_t flags,
			  uint64_t process_table)
{
	struct kvm_ppc_mmuv3_cfg cfg = {
		.flags = flags,
		.process_table = process_table,
	};

	return kvm_sys_ioctl(kvm->vm_fd, KVM_PPC_CONFIGURE_V3_MMU,
			     (uintptr_t)&cfg);
}

int kvm_ppc_get_rmmu_info(const struct kvm *kvm, struct kvm_ppc_rmmu_info *info)
{
	return kvm_sys_ioctl(kvm->vm_fd, KVM_PPC_GET_RMMU_INFO,
			     (uintptr_t)info);
}

int kvm_ppc_get_cpu_char(const struct kvm *kvm, struct kvm_ppc_cpu_char *info)
{
	return kvm_sys_ioctl(kvm->vm_fd, KVM_PPC_GET_CPU_CHAR, (uintptr_t)info);
}

int kvm_ppc_get_regs(int vcpu_fd, struct kvm_regs *regs)
{
	return kvm_sys_ioctl(vcpu_fd, KVM_GET_REGS, (uintptr_t)regs);
}

int kvm_ppc_set_regs(int vcpu_fd, const struct kvm_regs *regs)
{
	return kvm_sys_ioctl(vcpu_fd, KVM_SET_REGS, (uintptr_t)regs);
}

int kvm_ppc_get_sregs(int vcpu_fd, struct kvm_sregs *sregs)
{
	return kvm_sys_ioctl(vcpu_fd, KVM_GET_SREGS, (uintptr_t)sregs);
}

int kvm_ppc_set_sregs(int vcpu_fd, const struct kvm_sregs *sregs)
{
	return kvm_sys_ioctl(vcpu_fd, KVM_SET_SREGS, (uintptr_t)sregs);
}
