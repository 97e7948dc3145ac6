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
 * @lock: a leaf; guards @process_table, @gtse, @ile, @ail, @nr_joined
 * @process_table: what H_REGISTER_PROC_TBL last set; bit 63 says radix
 * @gtse: and whether the guest invalidates translations by itself
 * @ile, @ail: what H_SET_MODE last set: a vCPU that is started later gets them
 * @nr_joined: vCPUs that wait in H_JOIN
 * @tb_offset: guest's time base less the host's, the same for all vCPUs; set
 *	by the first vCPU that is initialised or restored, main thread only
 * @tb_restored: a vCPU was restored in this life
 * @vty, @events, @nvram, @clock, @phb: devices, set by their create(); NULL
 *	where there is none
 */
struct machine {
	struct caps caps;
	pthread_mutex_t lock;
	uint64_t process_table;
	bool gtse;
	bool ile;
	unsigned ail;
	unsigned nr_joined;
	uint64_t tb_offset;
	bool tb_restored;
	struct vty *vty;
	struct events *events;
	struct nvram *nvram;
	struct rtas_clock *clock;
	struct phb *phb;
};

/** MACHINE_RADIX - In @process_table: the only kind that there is here */
#define MACHINE_RADIX (UINT64_C(1) << 63)

/**
 * enum machine_request - For vcpu_request()
 * @MACHINE_REQUEST_MODE: take @ile and @ail into its LPCR
 * @MACHINE_REQUEST_RESET: take a system reset interrupt
 */
enum machine_request {
	MACHINE_REQUEST_MODE = 1U << 0,
	MACHINE_REQUEST_RESET = 1U << 1,
};

#define MACHINE_REQUESTS \
	(MACHINE_REQUEST_MODE | MACHINE_REQUEST_RESET | VCPU_REQUEST_START)

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
