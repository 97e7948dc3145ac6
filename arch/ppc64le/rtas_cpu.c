/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTAS: vCPUs that start and stop (PAPR, chapter 7).
 *
 * All but the first are offline until start-cpu; one that stops itself is
 * again. Its registers are set by the vCPU that starts it, its interrupt state
 * stays: the guest leaves the interrupt controller in order before it stops.
 */
#include "arch/ppc64le/rtas.h"

#include "arch/ppc64le/regs.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* What query-cpu-stopped-state says. */
#define CPU_STOPPED     0U
#define CPU_NOT_STOPPED 2U

/* Servers are vCPU numbers; NULL: there is no such vCPU. */
static struct vcpu *find_cpu(const struct rtas_call *rc, uint32_t server)
{
	struct vm *vm = rc->vcpu->vm;

	return server < vm->cfg->cpus ? &vm->vcpus[server] : NULL;
}

static int32_t query_cpu_stopped_state(struct rtas_call *rc)
{
	struct vcpu *target = find_cpu(rc, rc->args[0]);

	if (target == NULL)
		return RTAS_PARAM_ERROR;
	rc->rets[0] = vcpu_power(target) == VCPU_OFFLINE ? CPU_STOPPED
							 : CPU_NOT_STOPPED;
	return RTAS_SUCCESS;
}

/*
 * How it takes interrupts is a matter of the whole machine: before it enters
 * the guest, its thread takes what H_SET_MODE last set (VCPU_REQUEST_START).
 */
static int32_t start_cpu(struct rtas_call *rc)
{
	struct vcpu *target = find_cpu(rc, rc->args[0]);

	if (target == NULL)
		return RTAS_PARAM_ERROR;
	/* It runs, or another vCPU is starting it. */
	if (!vcpu_claim(target))
		return RTAS_HW_ERROR;

	int ret = regs_set_entry(target, rc->args[1], rc->args[2], 0, 0);
	vcpu_release(target, ret == 0);
	return ret == 0 ? RTAS_SUCCESS : RTAS_HW_ERROR;
}

/* Does not return to the guest. */
static int32_t stop_self(struct rtas_call *rc)
{
	rc->action = EXIT_OFFLINE;
	return RTAS_SUCCESS;
}

const struct rtas_entry rtas_cpu_calls[] = {
	{
		.token = RTAS_QUERY_CPU_STOPPED_STATE,
		.name = "query-cpu-stopped-state",
		.nargs = 1,
		.nret = 2,
		.fn = query_cpu_stopped_state,
	},
	{
		.token = RTAS_START_CPU,
		.name = "start-cpu",
		.nargs = 3,
		.nret = 1,
		.fn = start_cpu,
	},
	{
		.token = RTAS_STOP_SELF,
		.name = "stop-self",
		.nargs = 0,
		.nret = 0,
		.max_nret = 1,
		.fn = stop_self,
	},
	{ .name = NULL },
};
