/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run-Time Abstraction Services: firmware calls of the guest (PAPR, chapter 7).
 *
 * The guest calls a blob of 20 bytes in its RAM, which makes hypercall H_RTAS
 * with the address of an argument buffer. One constant table for each group
 * of calls, in the file that implements it.
 */
#ifndef PRIVET_ARCH_PPC64LE_RTAS_H
#define PRIVET_ARCH_PPC64LE_RTAS_H

#include "vmm/arch.h"
#include "vmm/util.h"

struct fdt_builder;
struct vcpu;

/* Status, the first return value */
#define RTAS_SUCCESS         0
#define RTAS_NO_ERRORS_FOUND 1
#define RTAS_HW_ERROR        (-1)
#define RTAS_BUSY            (-2)
#define RTAS_PARAM_ERROR     (-3)
#define RTAS_NOT_AUTHORIZED  (-9002)
#define RTAS_SYSPARM_ERROR   (-9999)

#define RTAS_MAX_ARGS        16U

/**
 * enum rtas_token - Numbers of the calls
 */
enum rtas_token {
	RTAS_DISPLAY_CHARACTER = 0x2000,
	RTAS_GET_TIME_OF_DAY,
	RTAS_SET_TIME_OF_DAY,
	RTAS_POWER_OFF,
	RTAS_SYSTEM_REBOOT,
	RTAS_QUERY_CPU_STOPPED_STATE,
	RTAS_START_CPU,
	RTAS_STOP_SELF,
	RTAS_IBM_GET_SYSTEM_PARAMETER,
	RTAS_IBM_SET_SYSTEM_PARAMETER,
	RTAS_IBM_SET_XIVE,
	RTAS_IBM_GET_XIVE,
	RTAS_IBM_INT_OFF,
	RTAS_IBM_INT_ON,
	RTAS_CHECK_EXCEPTION,
	RTAS_EVENT_SCAN,
	RTAS_IBM_SET_TCE_BYPASS,
	RTAS_QUIESCE,
	RTAS_NVRAM_FETCH,
	RTAS_NVRAM_STORE,
	RTAS_READ_PCI_CONFIG,
	RTAS_WRITE_PCI_CONFIG,
	RTAS_IBM_READ_PCI_CONFIG,
	RTAS_IBM_WRITE_PCI_CONFIG,
	RTAS_IBM_QUERY_INTERRUPT_SOURCE_NUMBER,
	RTAS_IBM_CHANGE_MSI,
	RTAS_IBM_OS_TERM = 0x201f,
};

/**
 * struct rtas_call - A call under way
 * @vcpu: who calls
 * @addr: of the argument buffer, which is in RAM
 * @token: as the guest gave it
 * @nargs, @nret: as the guest gave them, within the entry's limits
 * @args: copies
 * @rets: values after the status: rets[0] is the guest's second
 * @action: what the vCPU does afterwards; EXIT_RESUME unless changed
 */
struct rtas_call {
	struct vcpu *vcpu;
	uint64_t addr;
	uint32_t token;
	unsigned nargs;
	unsigned nret;
	uint32_t args[RTAS_MAX_ARGS];
	uint32_t rets[RTAS_MAX_ARGS];
	enum exit_action action;
};

/**
 * struct rtas_entry - A row of a table; tables end with a NULL @name
 * @name: property of /rtas
 * @nargs, @nret: how many arguments and return values (with the status, but
 *	for calls that have none) the call takes; other counts are refused
 * @max_nargs, @max_nret: most, where that differs; else 0
 * @fn: returns the status
 * @offered: whether this machine has the call; NULL: always
 */
struct rtas_entry {
	uint32_t token;
	const char *name;
	uint8_t nargs, max_nargs;
	uint8_t nret, max_nret;
	int32_t (*fn)(struct rtas_call *call);
	bool (*offered)(const struct vm *vm);
};

/* rtas_cpu.c: query-cpu-stopped-state, start-cpu, stop-self */
extern const struct rtas_entry rtas_cpu_calls[];
/* rtas_system.c: power-off, system-reboot, ibm,os-term, parameters, display */
extern const struct rtas_entry rtas_system_calls[];
/* rtas_clock.c: time of day */
extern const struct rtas_entry rtas_clock_calls[];
/* xics_rtas.c: interrupt sources; KVM answers them where it has the XICS */
extern const struct rtas_entry rtas_xics_calls[];
/* events.c: check-exception, event-scan */
extern const struct rtas_entry rtas_event_calls[];
/* nvram.c */
extern const struct rtas_entry rtas_nvram_calls[];
/* phb_rtas.c: configuration access, MSI */
extern const struct rtas_entry rtas_pci_calls[];

/** rtas_blob[] - What the guest calls; position independent */
#define RTAS_BLOB_SIZE 20U
extern const uint8_t rtas_blob[RTAS_BLOB_SIZE];

/**
 * rtas_find() - The entry for a token that @vm offers, or NULL
 */
const struct rtas_entry *rtas_find(const struct vm *vm, uint32_t token);

/** rtas_fdt_tokens() - One property for each call, into the node being built */
void rtas_fdt_tokens(const struct vm *vm, struct fdt_builder *fdt);

#endif
