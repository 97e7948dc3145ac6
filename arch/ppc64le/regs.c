/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a vCPU. */
#include "arch/ppc64le/regs.h"

#include <stdio.h>

#include "arch/ppc64le/kvm_ppc.h"
#include "vmm/vcpu.h"

int regs_set_entry(struct vcpu *vcpu, uint64_t pc, uint64_t r3, uint64_t r4,
		   uint64_t r5)
{
	struct kvm_regs regs = { .pc = pc, .msr = MSR_SF | MSR_ME };

	regs.gpr[3] = r3;
	regs.gpr[4] = r4;
	regs.gpr[5] = r5;
	return kvm_ppc_set_regs(vcpu->fd, &regs);
}

int regs_init(struct vcpu *vcpu, struct error *err)
{
	(void)err;
	return kvm_ppc_enable_cap(vcpu->fd, KVM_CAP_PPC_PAPR, 0, 0);
}

int regs_set_lpcr(struct vcpu *vcpu, uint64_t mask, uint64_t value)
{
	(void)vcpu;
	(void)mask;
	(void)value;
	return 0;
}

void regs_describe(struct vcpu *vcpu, char *text, size_t size)
{
	(void)vcpu;
	snprintf(text, size, "?");
}
