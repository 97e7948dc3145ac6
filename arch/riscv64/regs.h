/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a vCPU, by KVM's ONE_REG interface: names, ids, what a boot
 * hart starts with, saved state.
 */
#ifndef PRIVET_ARCH_RISCV64_REGS_H
#define PRIVET_ARCH_RISCV64_REGS_H

#include <linux/kvm.h>
#include <stdint.h>
#include "vmm/error.h"

struct vcpu;

/* Not REG_*: the C library has registers of such names (sys/ucontext.h). */
#define RVREG_U64(type, index)                                 \
	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | (uint64_t)(type) | \
	 (uint64_t)(index))
#define RVREG_CONFIG(name) \
	RVREG_U64(KVM_REG_RISCV_CONFIG, KVM_REG_RISCV_CONFIG_REG(name))

/* General registers: index n is xn, but for 0, which is the pc. */
#define RVREG_PC   RVREG_U64(KVM_REG_RISCV_CORE, 0)
#define RVREG_X(n) RVREG_U64(KVM_REG_RISCV_CORE, (n))
#define RVREG_A0   RVREG_X(10)
#define RVREG_A1   RVREG_X(11)
#define RVREG_MODE RVREG_U64(KVM_REG_RISCV_CORE, KVM_REG_RISCV_CORE_REG(mode))
#define RVREG_CSR(name) \
	RVREG_U64(KVM_REG_RISCV_CSR, KVM_REG_RISCV_CSR_REG(name))
#define RVREG_TIMER(name) \
	RVREG_U64(KVM_REG_RISCV_TIMER, KVM_REG_RISCV_TIMER_REG(name))
#define RVREG_ISA_EXT(id) RVREG_U64(KVM_REG_RISCV_ISA_EXT, (id))
#define RVREG_SBI_EXT(id) RVREG_U64(KVM_REG_RISCV_SBI_EXT, (id))

/** regs_get() - Read a 64-bit register; Context: see struct vcpu */
int regs_get(const struct vcpu *vcpu, uint64_t id, uint64_t *value);
int regs_set(const struct vcpu *vcpu, uint64_t id, uint64_t value);

/**
 * regs_set_boot() - What a hart starts with
 * @vcpu: the boot hart, which must not have run yet
 * @entry: first instruction, guest-physical
 * @fdt: device tree, guest-physical
 */
int regs_set_boot(const struct vcpu *vcpu, uint64_t entry, uint64_t fdt,
		  struct error *err);

#endif
