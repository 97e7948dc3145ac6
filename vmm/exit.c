/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits that mean the same on all architectures. None of them ends the monitor,
 * and where KVM does not go on only the guest ends.
 */
#include "vmm/exit.h"

#include <stdio.h>
#include <string.h>

#include "vmm/kvm.h"
#include "vmm/log.h"
#include "vmm/mmio.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define CRASH_REGS_SIZE 160

enum exit_action exit_crash(struct vcpu *vcpu, const char *why)
{
	char regs[CRASH_REGS_SIZE];

	arch_vcpu_describe(vcpu, regs, sizeof(regs));
	vm_request_stop(vcpu->vm, VM_STOP_CRASH, 0,
			"guest vCPU %u died: %s (%s)", vcpu->id, why, regs);
	return EXIT_STOP;
}

enum exit_action exit_mmio(struct vcpu *vcpu)
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

enum exit_action exit_intr(struct vcpu *vcpu)
{
	(void)vcpu;
	return EXIT_RESUME;
}

enum exit_action exit_debug(struct vcpu *vcpu)
{
	return exit_crash(vcpu, "stopped for a debugger, but there is none");
}

enum exit_action exit_internal_error(struct vcpu *vcpu)
{
	char why[64];

	snprintf(why, sizeof(why), "KVM failed with internal error %u",
		 vcpu->run->internal.suberror);
	return exit_crash(vcpu, why);
}

enum exit_action exit_fail_entry(struct vcpu *vcpu)
{
	char why[80];

	snprintf(why, sizeof(why),
		 "KVM could not enter the guest, hardware reason 0x%llx",
		 (unsigned long long)
			 vcpu->run->fail_entry.hardware_entry_failure_reason);
	return exit_crash(vcpu, why);
}

enum exit_action exit_unknown(struct vcpu *vcpu)
{
	char why[64];

	snprintf(why, sizeof(why), "KVM left the guest for unknown reason %u",
		 vcpu->run->exit_reason);
	return exit_crash(vcpu, why);
}

enum exit_action exit_dispatch(struct vcpu *vcpu, exit_fn *const *handlers,
			       size_t count)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (reason >= count || handlers[reason] == NULL)
		return exit_unknown(vcpu);
	return handlers[reason](vcpu);
}

enum exit_action exit_run_failed(struct vcpu *vcpu, int error,
				 const struct exit_error *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (known[i].code == error)
			return exit_crash(vcpu, known[i].text);
	}
	return exit_crash(vcpu, strerror(-error));
}
