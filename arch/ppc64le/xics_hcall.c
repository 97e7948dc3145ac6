/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of the interrupt presentation layer (PAPR, chapter 14), for the
 * XICS in the monitor. KVM answers them where it has the XICS.
 */
#include <time.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/xics_core.h"
#include "vmm/kvm.h"
#include "vmm/vm.h"

/* The controller, with its lock taken; NULL where KVM has it. */
static struct xics_chip *take_xics(const struct hcall *call)
{
	struct xics_chip *xics = xics_chip_of(call->vcpu->vm);

	if (xics != NULL)
		pthread_mutex_lock(&xics->lock);
	return xics;
}

static int64_t put_xics(struct xics_chip *xics, int64_t result)
{
	pthread_mutex_unlock(&xics->lock);
	return result;
}

static int64_t h_eoi(struct hcall *call)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return H_FUNCTION;

	bool ended = xics_core_eoi(&xics->core, call->vcpu->id,
				   (uint32_t)call->args[0]);
	return put_xics(xics, ended ? H_SUCCESS : H_PARAMETER);
}

static int64_t h_cppr(struct hcall *call)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return H_FUNCTION;
	xics_core_set_cppr(&xics->core, call->vcpu->id, (uint8_t)call->args[0]);
	return put_xics(xics, H_SUCCESS);
}

static int64_t h_ipi(struct hcall *call)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return H_FUNCTION;

	bool sent = xics_core_set_mfrr(&xics->core, call->args[0],
				       (uint8_t)call->args[1]);
	return put_xics(xics, sent ? H_SUCCESS : H_PARAMETER);
}

static int64_t h_ipoll(struct hcall *call)
{
	struct xics_chip *xics = take_xics(call);
	uint64_t server = call->args[0];

	if (xics == NULL)
		return H_FUNCTION;
	if (server >= xics->core.nr_servers)
		return put_xics(xics, H_PARAMETER);
	call->args[0] = xics_core_poll(&xics->core, (unsigned)server);
	call->args[1] = xics->core.servers[server].mfrr;
	return put_xics(xics, H_SUCCESS);
}

static int64_t h_xirr(struct hcall *call)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return H_FUNCTION;
	call->args[0] = xics_core_accept(&xics->core, call->vcpu->id);
	return put_xics(xics, H_SUCCESS);
}

/* The guest's time base: the host's, moved. */
static uint64_t guest_timebase(const struct vcpu *vcpu)
{
	uint64_t offset = 0;

#ifdef __powerpc64__
	uint64_t now = __builtin_ppc_get_timebase();
#else
	uint64_t now = (uint64_t)clock();
#endif
	kvm_get_reg(vcpu->fd, KVM_REG_PPC_TB_OFFSET, &offset);
	return now + offset;
}

/* The same with when the interrupt was presented, which is now. */
static int64_t h_xirr_x(struct hcall *call)
{
	int64_t ret = h_xirr(call);

	if (ret == H_SUCCESS)
		call->args[1] = guest_timebase(call->vcpu);
	return ret;
}

const struct hcall_entry hcalls_xics[] = {
	{ .nr = 0x64, .name = "H_EOI", .fn = h_eoi },
	{ .nr = 0x68, .name = "H_CPPR", .fn = h_cppr },
	{ .nr = 0x6c, .name = "H_IPI", .fn = h_ipi },
	{ .nr = 0x70, .name = "H_IPOLL", .fn = h_ipoll },
	{ .nr = 0x74, .name = "H_XIRR", .fn = h_xirr },
	{ .nr = 0x2fc, .name = "H_XIRR_X", .fn = h_xirr_x },
	{ 0 },
};
