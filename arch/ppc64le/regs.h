/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a vCPU.
 *
 * Functions take vCPUs whose threads are not in KVM_RUN, or the calling
 * thread's own, unless they say otherwise.
 */
#ifndef PRIVET_ARCH_PPC64LE_REGS_H
#define PRIVET_ARCH_PPC64LE_REGS_H

#include "vmm/error.h"
#include "vmm/util.h"

struct snap_reader;
struct snap_writer;
struct vcpu;

#define MSR_SF         (UINT64_C(1) << 63)
#define MSR_EE         (UINT64_C(1) << 15)
#define MSR_ME         (UINT64_C(1) << 12)
#define MSR_TS         (UINT64_C(3) << 33)
#define MSR_TS_SUSPEND (UINT64_C(1) << 33)
#define MSR_LE         UINT64_C(1)

#define LPCR_AIL       UINT64_C(0x01800000)
#define LPCR_AIL_SHIFT 23
#define LPCR_ILE       UINT64_C(0x02000000)
#define LPCR_LD        UINT64_C(0x00020000)

/**
 * regs_set_entry() - Where a vCPU begins
 * @pc: guest-physical address
 * @r3, @r4, @r5: arguments
 *
 * All other general registers become 0; MSR is SF | ME, as of an interrupt
 * with big-endian entry (the guest turns to its own byte order itself).
 */
int regs_set_entry(struct vcpu *vcpu, uint64_t pc, uint64_t r3, uint64_t r4,
		   uint64_t r5);

/** regs_init() - A fresh vCPU: PAPR mode, time base, LPCR bits */
int regs_init(struct vcpu *vcpu, struct error *err);

/**
 * regs_set_lpcr() - Change bits of one vCPU's LPCR that KVM lets us change
 *
 * Safe while that vCPU's thread runs the guest: KVM waits for it to leave.
 */
int regs_set_lpcr(struct vcpu *vcpu, uint64_t mask, uint64_t value);

/**
 * regs_system_reset() - Have the vCPU take a system reset interrupt
 * @little_endian: as LPCR.ILE says
 *
 * Context: the vCPU's thread, its last access completed.
 */
int regs_system_reset(struct vcpu *vcpu, bool little_endian);

/** regs_timebase() - The host's time base, in its own ticks */
uint64_t regs_timebase(void);

#endif
