/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a vCPU left the guest, and what to do about it.
 *
 * One function for each exit reason; vmm/exit.c has those that all
 * architectures share. Nothing in here ends the monitor on behalf of the guest,
 * except for the guest's own power-off, reset or crash.
 */
#include <errno.h>
#include <stdio.h>

#include "arch/ppc64le/hcall.h"
#include "vmm/exit.h"
#include "vmm/kvm.h"
#include "vmm/vcpu.h"

/*
 * KVM copies args[] back into r4 to r12 whatever the call was, so what a call
 * does not return has to stay there.
 */
static enum exit_action exit_papr_hcall(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct hcall call = {
		.vcpu = vcpu,
		.nr = run->papr_hcall.nr,
		.action = EXIT_RESUME,
	};

	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		call.args[i] = run->papr_hcall.args[i];

	int64_t ret = hcall_dispatch(&call);

	run->papr_hcall.ret = (uint64_t)ret;
	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		run->papr_hcall.args[i] = call.args[i];
	return call.action;
}

/* Only guests that were given FWNMI are asked about it, and none is. */
static enum exit_action exit_nmi(struct vcpu *vcpu)
{
	return exit_crash(vcpu, "the host's hardware reported a machine check");
}

/* KVM on POWER leaves with this one at a trap that it does not know. */
static enum exit_action exit_trap(struct vcpu *vcpu)
{
	char why[96];

	snprintf(why, sizeof(why),
		 "KVM left the guest for unknown reason %u (0x%llx)",
		 vcpu->run->exit_reason,
		 (unsigned long long)vcpu->run->hw.hardware_exit_reason);
	return exit_crash(vcpu, why);
}

enum exit_action arch_handle_exit(struct vcpu *vcpu)
{
	static exit_fn *const handlers[] = {
		[KVM_EXIT_UNKNOWN] = exit_trap,
		[KVM_EXIT_DEBUG] = exit_debug,
		[KVM_EXIT_MMIO] = exit_mmio,
		[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
		[KVM_EXIT_INTR] = exit_intr,
		[KVM_EXIT_NMI] = exit_nmi,
		[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
		[KVM_EXIT_PAPR_HCALL] = exit_papr_hcall,
	};

	return exit_dispatch(vcpu, handlers, ARRAY_SIZE(handlers));
}

static const struct exit_error run_errors[] = {
	{ -EINVAL,
	  "KVM refused to run it; see the host's log (dmesg) for what it "
	  "lacks" },
	{ -EFAULT, "it used memory that the host could not provide" },
	{ -ENOMEM, "the host has no memory left for it" },
	{ -EIO, "the host's hypervisor refused to run it; see the host's log "
		"(dmesg)" },
	{ -ENODEV, "the host's hypervisor takes no nested guests" },
};

/*
 * KVM answers some RTAS calls itself, and fails KVM_RUN where it cannot read
 * a whole buffer of the largest size, or finds more arguments than there may
 * be. The hypercall is still open then, and is answered from here.
 */
static bool is_bad_rtas_call(const struct vcpu *vcpu, int error)
{
	return (error == -EFAULT || error == -EINVAL) &&
	       vcpu->run->exit_reason == KVM_EXIT_PAPR_HCALL &&
	       vcpu->run->papr_hcall.nr == HCALL_RTAS;
}

enum exit_action arch_run_failed(struct vcpu *vcpu, int error)
{
	if (is_bad_rtas_call(vcpu, error))
		return exit_papr_hcall(vcpu);
	return exit_run_failed(vcpu, error, run_errors, ARRAY_SIZE(run_errors));
}
