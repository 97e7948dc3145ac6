/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a vCPU left the guest, and what to do about it.
 *
 * One function for each exit reason. Nothing in here ends the monitor on
 * behalf of the guest, except for the guest's own power-off, reset or crash.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/regs.h"
#include "vmm/arch.h"
#include "vmm/kvm.h"
#include "vmm/log.h"
#include "vmm/mmio.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define CRASH_REGS_SIZE 160

typedef enum exit_action exit_fn(struct vcpu *vcpu);

static enum exit_action crash(struct vcpu *vcpu, const char *why)
{
	char regs[CRASH_REGS_SIZE];

	regs_describe(vcpu, regs, sizeof(regs));
	vm_request_stop(vcpu->vm, VM_STOP_CRASH, 0,
			"guest vCPU %u died: %s (%s)", vcpu->id, why, regs);
	return EXIT_STOP;
}

static enum exit_action exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t gpa = run->mmio.phys_addr;
	unsigned len = run->mmio.len;
	bool is_write = run->mmio.is_write != 0;

	if (mmio_access(&vcpu->vm->mmio, gpa, run->mmio.data, len, is_write))
		return EXIT_RESUME;
	log_guest(vcpu->vm->log, &vcpu->guest_log, LOG_DEBUG,
		  "vCPU %u: %u-byte %s at 0x%llx, where no device is", vcpu->id,
		  len, is_write ? "write" : "read", (unsigned long long)gpa);
	return EXIT_RESUME;
}

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

static enum exit_action exit_intr(struct vcpu *vcpu)
{
	(void)vcpu;
	return EXIT_RESUME;
}

/* Only guests that were given FWNMI are asked about it, and none is. */
static enum exit_action exit_nmi(struct vcpu *vcpu)
{
	return crash(vcpu, "the host's hardware reported a machine check");
}

static enum exit_action exit_debug(struct vcpu *vcpu)
{
	return crash(vcpu, "stopped for a debugger, but there is none");
}

static enum exit_action exit_internal_error(struct vcpu *vcpu)
{
	char why[64];

	snprintf(why, sizeof(why), "KVM failed with internal error %u",
		 vcpu->run->internal.suberror);
	return crash(vcpu, why);
}

static enum exit_action exit_fail_entry(struct vcpu *vcpu)
{
	char why[80];

	snprintf(why, sizeof(why),
		 "KVM could not enter the guest, hardware reason 0x%llx",
		 (unsigned long long)
			 vcpu->run->fail_entry.hardware_entry_failure_reason);
	return crash(vcpu, why);
}

/* KVM on POWER leaves with this one at a trap that it does not know. */
static enum exit_action exit_unknown(struct vcpu *vcpu)
{
	char why[96];

	snprintf(why, sizeof(why),
		 "KVM left the guest for unknown reason %u (0x%llx)",
		 vcpu->run->exit_reason,
		 (unsigned long long)vcpu->run->hw.hardware_exit_reason);
	return crash(vcpu, why);
}

enum exit_action arch_handle_exit(struct vcpu *vcpu)
{
	static exit_fn *const handlers[] = {
		[KVM_EXIT_UNKNOWN] = exit_unknown,
		[KVM_EXIT_DEBUG] = exit_debug,
		[KVM_EXIT_MMIO] = exit_mmio,
		[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
		[KVM_EXIT_INTR] = exit_intr,
		[KVM_EXIT_NMI] = exit_nmi,
		[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
		[KVM_EXIT_PAPR_HCALL] = exit_papr_hcall,
	};
	uint32_t reason = vcpu->run->exit_reason;

	if (reason >= ARRAY_SIZE(handlers) || handlers[reason] == NULL)
		return exit_unknown(vcpu);
	return handlers[reason](vcpu);
}

/* What the errno of KVM_RUN says on POWER. */
static const char *run_failure(int error)
{
	static const struct {
		int code;
		const char *text;
	} known[] = {
		{ -EINVAL, "KVM refused to run it; see the host's log (dmesg) "
			   "for what it lacks" },
		{ -EFAULT, "it used memory that the host could not provide" },
		{ -ENOMEM, "the host has no memory left for it" },
		{ -EIO, "the host's hypervisor refused to run it; see the "
			"host's log (dmesg)" },
		{ -ENODEV, "the host's hypervisor takes no nested guests" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].code == error)
			return known[i].text;
	}
	return strerror(-error);
}

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
	char regs[CRASH_REGS_SIZE];

	if (is_bad_rtas_call(vcpu, error))
		return exit_papr_hcall(vcpu);
	regs_describe(vcpu, regs, sizeof(regs));
	vm_request_stop(vcpu->vm, VM_STOP_CRASH, 0,
			"guest vCPU %u died: %s (%s)", vcpu->id,
			run_failure(error), regs);
	return EXIT_STOP;
}
