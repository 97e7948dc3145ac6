/* SPDX-License-Identifier: Apache-2.0 */
/* What this host's KVM and CPU can do for a guest: probed, never assumed. */
#ifndef PRIVET_ARCH_PPC64LE_CAPS_H
#define PRIVET_ARCH_PPC64LE_CAPS_H

#include "vmm/error.h"
#include "vmm/util.h"

struct kvm;

#define CAPS_MAX_AP 8U

/**
 * struct caps - The host
 * @nested: the host is itself a guest of a hypervisor
 * @radix: KVM runs radix guests
 * @hash_v3: and hash guests on POWER9 or later
 * @ail3: interrupts may be taken with the MMU on (AIL mode 3)
 * @dawr1: a second data watchpoint
 * @htm: transactional memory
 * @hwrng: KVM answers H_RANDOM
 * @multitce, @rpt_invalidate, @xics, @xive: as KVM's capabilities say
 * @cpu_char: KVM_PPC_GET_CPU_CHAR answered
 * @character, @behaviour: H_GET_CPU_CHARACTERISTICS's answer, masked
 * @nr_ap, @ap: ibm,processor-radix-AP-encodings: AP << 29 | page shift
 * @pvr: the host's processor version
 * @timebase_hz: ticks of the time base in a second
 * @clock_hz: of the processor; 0 when unknown
 */
struct caps {
	bool nested;
	bool radix;
	bool hash_v3;
	bool ail3;
	bool dawr1;
	bool htm;
	bool hwrng;
	bool multitce;
	bool rpt_invalidate;
	bool xics;
	bool xive;
	bool cpu_char;
	uint64_t character;
	uint64_t behaviour;
	unsigned nr_ap;
	uint32_t ap[CAPS_MAX_AP];
	uint32_t pvr;
	uint64_t timebase_hz;
	uint64_t clock_hz;
};

/**
 * caps_probe() - Ask KVM and /proc/cpuinfo
 *
 * Makes a KVM VM of its own when there is none yet, as several answers depend
 * on one.
 *
 * Return: 0, or negative errno with @err naming what this host lacks (KVM-PR,
 * hash only, too old a kernel) and the status EXIT_STATUS_NO_KVM.
 */
int caps_probe(const struct kvm *kvm, struct caps *caps, struct error *err);

/**
 * caps_read_cpuinfo() - Time base, clock, platform and (for want of a better
 * one) processor version
 * @path: in the format of /proc/cpuinfo
 *
 * What it does not find stays as it is.
 */
void caps_read_cpuinfo(const char *path, struct caps *caps);

#endif
