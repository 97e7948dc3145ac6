/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: modes of the processor (PAPR, 14.5.4).
 *
 * What concerns all vCPUs is kept in struct machine, and each vCPU's own
 * thread takes it from there into its LPCR: KVM does not let one thread at the
 * registers of a vCPU that another one runs. The caller waits until no other
 * vCPU can take an interrupt in the former mode.
 */
#include <errno.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/regs.h"

/* H_REGISTER_PROC_TBL's flags */
#define PROC_TBL_MODIFY     0x10U
#define PROC_TBL_REGISTER   0x08U
#define PROC_TBL_RADIX      0x04U
#define PROC_TBL_HASH       0x02U
#define PROC_TBL_GTSE       0x01U
#define PROC_TBL_FLAGS      0x1fU
#define PROC_TBL_MAX_SIZE   24U
#define PROC_TBL_ADDR_LIMIT (UINT64_C(1) << 60)
#define PROC_TBL_ADDR_ALIGN 0x1000U

/* H_SET_MODE's resources */
#define SET_MODE_AIL 3U
#define SET_MODE_LE  4U

static struct machine *call_machine(const struct hcall *call)
{
	return vm_machine(call->vcpu->vm);
}

/* A table of our own kind only: there is no memory for a hash table. */
static int64_t new_table(const struct hcall *call, uint64_t *table)
{
	uint64_t addr = call->args[1];
	uint64_t size = call->args[3];

	if ((call->args[0] & PROC_TBL_RADIX) == 0)
		return H_PARAMETER;
	if (addr % PROC_TBL_ADDR_ALIGN != 0 || addr >= PROC_TBL_ADDR_LIMIT)
		return H_P2;
	if (call->args[2] != 0)
		return H_P3;
	if (size > PROC_TBL_MAX_SIZE)
		return H_P4;
	*table = MACHINE_RADIX | addr | size;
	return H_SUCCESS;
}

/* @table: in: the current one, out: the one that the call asks for */
static int64_t next_table(const struct hcall *call, uint64_t *table)
{
	uint64_t flags = call->args[0];
	bool radix = (flags & PROC_TBL_RADIX) != 0;

	if ((flags & ~(uint64_t)PROC_TBL_FLAGS) != 0)
		return H_PARAMETER;
	if ((flags & PROC_TBL_MODIFY) == 0)
		return radix == ((*table & MACHINE_RADIX) != 0) ? H_SUCCESS
								: H_PARAMETER;
	if ((flags & PROC_TBL_REGISTER) != 0)
		return new_table(call, table);
	*table &= MACHINE_RADIX;
	return H_SUCCESS;
}

static int64_t configure(const struct hcall *call, uint64_t table)
{
	uint64_t flags = call->args[0];
	uint64_t mmu =
		((flags & PROC_TBL_RADIX) != 0 ? KVM_PPC_MMUV3_RADIX : 0) |
		((flags & PROC_TBL_GTSE) != 0 ? KVM_PPC_MMUV3_GTSE : 0);

	switch (kvm_ppc_configure_mmu(&call->vcpu->vm->kvm, mmu, table)) {
	case 0:
		return H_SUCCESS;
	case -EINVAL:
		return H_PARAMETER;
	case -ENODEV:
		return H_NOT_AVAILABLE;
	default:
		return H_HARDWARE;
	}
}

/* KVM and the record agree, also when several vCPUs call at once. */
static int64_t h_register_proc_tbl(struct hcall *call)
{
	struct machine *machine = call_machine(call);

	pthread_mutex_lock(&machine->lock);
	uint64_t table = machine->process_table;
	int64_t ret = next_table(call, &table);
	if (ret == H_SUCCESS)
		ret = configure(call, table);
	if (ret == H_SUCCESS) {
		machine->process_table = table;
		machine->gtse = (call->args[0] & PROC_TBL_GTSE) != 0;
	}
	pthread_mutex_unlock(&machine->lock);
	return ret;
}

int hcall_mode_apply(struct vcpu *vcpu)
{
	struct machine *machine = vm_machine(vcpu->vm);

	pthread_mutex_lock(&machine->lock);
	uint64_t lpcr = (machine->ile ? LPCR_ILE : 0) |
			(uint64_t)machine->ail << LPCR_AIL_SHIFT;
	pthread_mutex_unlock(&machine->lock);
	return regs_set_lpcr(vcpu, LPCR_ILE | LPCR_AIL, lpcr);
}

/* The flags' bits are counted from the highest one. */
static int64_t unsupported_flags(uint64_t flags)
{
	return H_UNSUPPORTED_FLAG(__builtin_clzll(flags));
}

static int64_t set_endian(struct machine *machine, uint64_t flags)
{
	if (flags > 1)
		return unsupported_flags(flags);
	pthread_mutex_lock(&machine->lock);
	machine->ile = flags == 1;
	pthread_mutex_unlock(&machine->lock);
	return H_SUCCESS;
}

/* 1 and 2 are reserved; processors without 3 are known to KVM. */
static int64_t set_ail(struct machine *machine, uint64_t flags)
{
	if (flags != 0 && (flags != 3 || !machine->caps.ail3))
		return unsupported_flags(flags);
	pthread_mutex_lock(&machine->lock);
	machine->ail = (unsigned)flags;
	pthread_mutex_unlock(&machine->lock);
	return H_SUCCESS;
}

/* Breakpoints, the other resources, are KVM's. */
static int64_t h_set_mode(struct hcall *call)
{
	struct machine *machine = call_machine(call);
	uint64_t resource = call->args[1];

	if (resource != SET_MODE_LE && resource != SET_MODE_AIL)
		return H_P2;
	if (call->args[2] != 0)
		return H_P3;
	if (call->args[3] != 0)
		return H_P4;

	int64_t ret = resource == SET_MODE_LE
			      ? set_endian(machine, call->args[0])
			      : set_ail(machine, call->args[0]);
	if (ret == H_SUCCESS)
		vcpu_request_all(call->vcpu, MACHINE_REQUEST_MODE);
	return ret;
}

static int64_t h_get_cpu_characteristics(struct hcall *call)
{
	const struct caps *caps = &call_machine(call)->caps;

	if (!caps->cpu_char)
		return H_FUNCTION;
	call->args[0] = caps->character;
	call->args[1] = caps->behaviour;
	return H_SUCCESS;
}

const struct hcall_entry hcalls_mode[] = {
	{ 0x1c8, "H_GET_CPU_CHARACTERISTICS", h_get_cpu_characteristics },
	{ 0x31c, "H_SET_MODE", h_set_mode },
	{ 0x37c, "H_REGISTER_PROC_TBL", h_register_proc_tbl },
	{ .fn = NULL },
};
