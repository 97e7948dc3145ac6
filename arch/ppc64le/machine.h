/* SPDX-License-Identifier: Apache-2.0 */
/* What the ppc64le code keeps for a machine: vm->arch. */
#ifndef PRIVET_ARCH_PPC64LE_MACHINE_H
#define PRIVET_ARCH_PPC64LE_MACHINE_H

#include <pthread.h>
#include "arch/ppc64le/caps.h"
#include "vmm/vm.h"

struct events;
struct nvram;
struct phb;
struct rtas_clock;
struct vty;

/**
 * struct machine - Private state of the architecture
 * @caps: what the host has; filled by arch_vm_init() and at power-on
 * @lock: a leaf; guards @process_table, @ile, @ail, @joined
 * @process_table: what H_REGISTER_PROC_TBL last set; bit 63 says radix
 * @ile, @ail: what H_SET_MODE last set: a vCPU that is started later gets them
 * @vty, @events, @nvram, @clock, @phb: devices, set by their create(); NULL
 *	where there is none
 */
struct machine {
	struct caps caps;
	pthread_mutex_t lock;
	uint64_t process_table;
	bool ile;
	unsigned ail;
	unsigned nr_joined;
	struct vty *vty;
	struct events *events;
	struct nvram *nvram;
	struct rtas_clock *clock;
	struct phb *phb;
};

static inline struct machine *vm_machine(const struct vm *vm)
{
	return vm->arch;
}

/*
 * Devices of this machine; each is defined at the end of its own file.
 *
 * machine_device (machine_state.c) has no registers: it saves and resets what
 * is in struct machine itself.
 */
extern const struct device_type machine_device;
extern const struct device_type vty_device;
extern const struct device_type events_device;
extern const struct device_type nvram_device;
extern const struct device_type rtas_clock_device;
extern const struct device_type phb_device;

#endif
