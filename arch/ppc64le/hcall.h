/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls that KVM leaves to the monitor (PAPR, chapter 14).
 *
 * One constant table for each group, in the file that implements it; a
 * number that no table has is answered with H_FUNCTION.
 */
#ifndef PRIVET_ARCH_PPC64LE_HCALL_H
#define PRIVET_ARCH_PPC64LE_HCALL_H

#include "vmm/arch.h"
#include "vmm/util.h"

struct vcpu;

/* Return codes */
#define H_SUCCESS              0
#define H_BUSY                 1
#define H_CLOSED               2
#define H_NOT_AVAILABLE        3
#define H_CONTINUE             18
#define H_HARDWARE             (-1)
#define H_FUNCTION             (-2)
#define H_PRIVILEGE            (-3)
#define H_PARAMETER            (-4)
#define H_BAD_MODE             (-5)
#define H_NOT_FOUND            (-7)
#define H_AUTHORITY            (-10)
#define H_PERMISSION           (-11)
#define H_RESOURCE             (-16)
#define H_P2                   (-55)
#define H_P3                   (-56)
#define H_P4                   (-57)
#define H_P5                   (-58)
#define H_UNSUPPORTED          (-67)
#define H_UNSUPPORTED_FLAG(n)  (-256 - (n))
#define H_MULTI_THREADS_ACTIVE (-9005)

#define HCALL_NR_ARGS          9U

/**
 * struct hcall - A call under way
 * @vcpu: who calls
 * @nr: its number
 * @args: r4 to r12; what is in them at the end is returned there
 * @action: what the vCPU does afterwards; EXIT_RESUME unless changed
 */
struct hcall {
	struct vcpu *vcpu;
	uint64_t nr;
	uint64_t args[HCALL_NR_ARGS];
	enum exit_action action;
};

/**
 * struct hcall_entry - A row of a table; tables end with a NULL @fn
 * @fn: returns an H_* code, for r3
 */
struct hcall_entry {
	uint64_t nr;
	const char *name;
	int64_t (*fn)(struct hcall *call);
};

/* hcall_mode.c: set mode, process table, CPU characteristics */
extern const struct hcall_entry hcalls_mode[];
/* hcall_cpu.c: join, prod, system reset, random, cache operations */
extern const struct hcall_entry hcalls_cpu[];
/* hcall_mem.c: logical loads and stores, memory operation of firmware */
extern const struct hcall_entry hcalls_mem[];
/* vty.c */
extern const struct hcall_entry hcalls_vty[];
/* rtas.c */
extern const struct hcall_entry hcalls_rtas[];
/* xics_hcall.c: presentation, where the controller is in the monitor */
extern const struct hcall_entry hcalls_xics[];
/* tce.c: DMA windows */
extern const struct hcall_entry hcalls_tce[];

/* Numbers that more than one file names */
#define HCALL_PROD 0xe8U
#define HCALL_RTAS 0xf000U

/**
 * hcall_mode_apply() - Take what H_SET_MODE last set into a vCPU's LPCR
 *
 * Return: 0 or negative errno. Context: the vCPU's thread.
 */
int hcall_mode_apply(struct vcpu *vcpu);

/**
 * hcall_dispatch() - Find and run it
 *
 * Return: value for r3. Context: the vCPU's thread.
 */
int64_t hcall_dispatch(struct hcall *call);

#endif
