/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a vCPU. */
#include "arch/ppc64le/regs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/machine.h"
#include "vmm/arch.h"

/* Where the interrupt goes, with the MMU off (Power ISA, book III, 7.5.1) */
#define SYSTEM_RESET_VECTOR 0x100U

/* Bits of SRR1 that say why; of a reset by hypercall there is none */
#define SRR1_REASON UINT64_C(0x783f0000)

int regs_set_entry(struct vcpu *vcpu, uint64_t pc, uint64_t r3, uint64_t r4,
		   uint64_t r5)
{
	struct kvm_regs regs = { .pc = pc, .msr = MSR_SF | MSR_ME };

	regs.gpr[3] = r3;
	regs.gpr[4] = r4;
	regs.gpr[5] = r5;
	return kvm_ppc_set_regs(vcpu->fd, &regs);
}

/*
 * Hypercalls that KVM answers only when it is asked to (Linux,
 * Documentation/virt/kvm/api.rst, KVM_CAP_PPC_ENABLE_HCALL).
 */
static const struct {
	uint64_t nr;
	/* Offset of what has to be true in struct caps; 0: always */
	size_t needs;
} kernel_hcalls[] = {
	/* H_CLEAR_REF, H_CLEAR_MOD, H_PAGE_INIT */
	{ 0x10, 0 },
	{ 0x14, 0 },
	{ 0x2c, 0 },
	/* H_LOGICAL_CI_LOAD, H_LOGICAL_CI_STORE */
	{ 0x3c, 0 },
	{ 0x40, 0 },
	/* H_RANDOM */
	{ 0x300, offsetof(struct caps, hwrng) },
	/* H_SET_MODE, for what concerns one vCPU only */
	{ 0x31c, 0 },
	/* H_RPT_INVALIDATE */
	{ 0x448, offsetof(struct caps, rpt_invalidate) },
};

/* A kernel that lacks one leaves it to the monitor, or to the guest. */
static void enable_hcalls(const struct vm *vm)
{
	const struct caps *caps = &vm_machine(vm)->caps;

	for (size_t i = 0; i < ARRAY_SIZE(kernel_hcalls); i++) {
		size_t needs = kernel_hcalls[i].needs;
		const bool *has = (const bool *)((const char *)caps + needs);

		if (needs == 0 || *has)
			kvm_ppc_enable_hcall(&vm->kvm, kernel_hcalls[i].nr,
					     true);
	}
}

static int init_failed(const struct vcpu *vcpu, int code, const char *what,
		       struct error *err)
{
	return error_host(err, code,
			  "cannot set up vCPU %u: %s: %s; see "
			  "'privet host'",
			  vcpu->id, what, strerror(-code));
}

int regs_init(struct vcpu *vcpu, struct error *err)
{
	struct machine *machine = vm_machine(vcpu->vm);

	if (vcpu->id == 0) {
		enable_hcalls(vcpu->vm);
		/* KVM rounds it up, in the same way for all vCPUs. */
		machine->tb_offset = -regs_timebase();
		machine->tb_restored = false;
	}

	int ret = kvm_ppc_enable_cap(vcpu->fd, KVM_CAP_PPC_PAPR, 0, 0);
	if (ret < 0)
		return init_failed(vcpu, ret, "KVM_CAP_PPC_PAPR", err);
	ret = kvm_set_reg(vcpu->fd, KVM_REG_PPC_TB_OFFSET, &machine->tb_offset);
	if (ret < 0)
		return init_failed(vcpu, ret, "the time base's offset", err);
	return 0;
}

int regs_set_lpcr(struct vcpu *vcpu, uint64_t mask, uint64_t value)
{
	uint64_t lpcr = 0;
	int ret = kvm_get_reg(vcpu->fd, KVM_REG_PPC_LPCR_64, &lpcr);

	if (ret < 0)
		return ret;
	lpcr = (lpcr & ~mask) | (value & mask);
	return kvm_set_reg(vcpu->fd, KVM_REG_PPC_LPCR_64, &lpcr);
}

int regs_system_reset(struct vcpu *vcpu, bool little_endian)
{
	struct kvm_regs regs;
	int ret = kvm_ppc_get_regs(vcpu->fd, &regs);

	if (ret < 0)
		return ret;
	regs.srr0 = regs.pc;
	regs.srr1 = regs.msr & ~SRR1_REASON;
	regs.pc = SYSTEM_RESET_VECTOR;
	regs.msr = MSR_SF | (regs.msr & MSR_ME) |
		   ((regs.msr & MSR_TS) != 0 ? MSR_TS_SUSPEND : 0) |
		   (little_endian ? MSR_LE : 0);
	return kvm_ppc_set_regs(vcpu->fd, &regs);
}

uint64_t regs_timebase(void)
{
#ifdef __powerpc64__
	return __builtin_ppc_get_timebase();
#else
	/* Built for tests on another machine: 512 MHz, as POWER has it. */
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec) /
	       1000 * 512;
#endif
}

void arch_vcpu_describe(const struct vcpu *vcpu, char *text, size_t size)
{
	struct kvm_regs regs;
	int ret = kvm_ppc_get_regs(vcpu->fd, &regs);

	if (ret < 0) {
		snprintf(text, size, "registers unknown: %s", strerror(-ret));
		return;
	}
	snprintf(text, size,
		 "pc 0x%llx, msr 0x%llx, lr 0x%llx, r1 0x%llx, r3 0x%llx",
		 (unsigned long long)regs.pc, (unsigned long long)regs.msr,
		 (unsigned long long)regs.lr, (unsigned long long)regs.gpr[1],
		 (unsigned long long)regs.gpr[3]);
}
