/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware calls for interrupt sources (PAPR, chapter 7), for the XICS in the
 * monitor. KVM answers them where it has the XICS; the guest learns of them
 * from this table all the same.
 */
#include "arch/ppc64le/rtas.h"

#include "arch/ppc64le/xics_core.h"
#include "vmm/vm.h"

/* The controller, with its lock taken; NULL where KVM has it. */
static struct xics_chip *take_xics(const struct rtas_call *call)
{
	struct xics_chip *xics = xics_chip_of(call->vcpu->vm);

	if (xics != NULL)
		pthread_mutex_lock(&xics->lock);
	return xics;
}

static int32_t put_xics(struct xics_chip *xics, bool done)
{
	pthread_mutex_unlock(&xics->lock);
	return done ? RTAS_SUCCESS : RTAS_PARAM_ERROR;
}

static int32_t set_xive(struct rtas_call *call)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return RTAS_PARAM_ERROR;

	bool done = xics_core_set_xive(&xics->core, call->args[0],
				       call->args[1], call->args[2]);
	return put_xics(xics, done);
}

static int32_t get_xive(struct rtas_call *call)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return RTAS_PARAM_ERROR;

	bool done = xics_core_get_xive(&xics->core, call->args[0],
				       &call->rets[0], &call->rets[1]);
	return put_xics(xics, done);
}

static int32_t set_mask(struct rtas_call *call, bool masked)
{
	struct xics_chip *xics = take_xics(call);

	if (xics == NULL)
		return RTAS_PARAM_ERROR;
	return put_xics(xics,
			xics_core_mask(&xics->core, call->args[0], masked));
}

static int32_t int_off(struct rtas_call *call)
{
	return set_mask(call, true);
}

static int32_t int_on(struct rtas_call *call)
{
	return set_mask(call, false);
}

const struct rtas_entry rtas_xics_calls[] = {
	{ RTAS_IBM_SET_XIVE, "ibm,set-xive", .nargs = 3, .nret = 1,
	  .fn = set_xive },
	{ RTAS_IBM_GET_XIVE, "ibm,get-xive", .nargs = 1, .nret = 3,
	  .fn = get_xive },
	{ RTAS_IBM_INT_OFF, "ibm,int-off", .nargs = 1, .nret = 1,
	  .fn = int_off },
	{ RTAS_IBM_INT_ON, "ibm,int-on", .nargs = 1, .nret = 1, .fn = int_on },
	{ 0 },
};
