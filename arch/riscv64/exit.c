/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a vCPU left the guest, and what to do about it.
 *
 * One function for each exit reason; vmm/exit.c has those that all
 * architectures share. Nothing in here ends the monitor on behalf of the guest,
 * except for the guest's own power-off, reset or crash.
 */
#include <errno.h>
#include <sys/random.h>

#include "arch/riscv64/regs.h"
#include "arch/riscv64/sbi.h"
#include "vmm/exit.h"
#include "vmm/kvm.h"
#include "vmm/log.h"
#include "vmm/util.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* SBI 2.0, chapter 10 */
#define SRST_TYPE_WARM_REBOOT      2U
#define SRST_REASON_SYSTEM_FAILURE 1U

/* An ecall has no short form. */
#define ECALL_SIZE 4U

/* Entropy source (Zkr): the seed register and its states. */
#define CSR_SEED     0x015U
#define SEED_WAIT    (UINT64_C(1) << 30)
#define SEED_16_BITS (UINT64_C(2) << 30)

/*
 * Makes the guest execute its ecall once more. On the next entry KVM stores
 * ret[] into a0 and a1 and steps over the instruction, so both are set to what
 * they were, and the pc to one instruction before it.
 */
static bool repeat_call(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t pc = 0;

	if (regs_get(vcpu, RVREG_PC, &pc) < 0 ||
	    regs_set(vcpu, RVREG_PC, pc - ECALL_SIZE) < 0)
		return false;
	run->riscv_sbi.ret[0] = run->riscv_sbi.args[0];
	run->riscv_sbi.ret[1] = run->riscv_sbi.args[1];
	return true;
}

static enum exit_action exit_sbi(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t args[6];

	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = run->riscv_sbi.args[i];

	struct sbi_ret ret = sbi_dispatch(vcpu, run->riscv_sbi.extension_id,
					  run->riscv_sbi.function_id, args);
	if (ret.error == SBI_AGAIN && repeat_call(vcpu))
		return EXIT_RESUME;
	if (ret.error == SBI_AGAIN)
		ret = (struct sbi_ret){ .error = SBI_ERR_FAILED };
	run->riscv_sbi.ret[0] = (unsigned long)ret.error;
	run->riscv_sbi.ret[1] = (unsigned long)ret.value;
	return EXIT_RESUME;
}

/* 16 fresh bits with each read, as the extension wants it. */
static uint64_t read_seed(void)
{
	uint16_t bits = 0;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(bits))
		return SEED_WAIT;
	return SEED_16_BITS | bits;
}

/* KVM emulates what it knows; of the rest, registers read as zero. */
static enum exit_action exit_csr(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned long csr = run->riscv_csr.csr_num;

	run->riscv_csr.ret_value = 0;
	if (csr == CSR_SEED) {
		run->riscv_csr.ret_value = (unsigned long)read_seed();
		return EXIT_RESUME;
	}
	log_guest(vcpu->vm->log, &vcpu->guest_log, LOG_DEBUG,
		  "vCPU %u: access to CSR 0x%lx, which is not emulated",
		  vcpu->id, csr);
	return EXIT_RESUME;
}

static enum exit_action event_shutdown(struct vcpu *vcpu, uint64_t reason)
{
	if (reason == SRST_REASON_SYSTEM_FAILURE)
		vm_request_stop(vcpu->vm, VM_STOP_PANIC, 0,
				"guest panicked (SBI shutdown with a "
				"system-failure reason)");
	else
		vm_request_stop(vcpu->vm, VM_STOP_POWEROFF, 0,
				"guest powered off");
	return EXIT_STOP;
}

/*
 * KVM's event does not tell a warm reboot from a cold one, but the guest's
 * call was not completed: a0 still holds the type that it asked for.
 */
static enum exit_action event_reset(struct vcpu *vcpu, uint64_t reason)
{
	uint64_t type = 0;

	if (reason == SRST_REASON_SYSTEM_FAILURE) {
		vm_request_stop(vcpu->vm, VM_STOP_PANIC, 0,
				"guest panicked (SBI reset with a "
				"system-failure reason)");
		return EXIT_STOP;
	}

	/* KVM, too, looks at 32 bits only. */
	if (regs_get(vcpu, RVREG_A0, &type) == 0 &&
	    (uint32_t)type == SRST_TYPE_WARM_REBOOT)
		vm_request_stop(vcpu->vm, VM_STOP_WARM_REBOOT, 0,
				"guest asked for a warm reboot");
	else
		vm_request_stop(vcpu->vm, VM_STOP_COLD_REBOOT, 0,
				"guest asked for a cold reboot");
	return EXIT_STOP;
}

static enum exit_action event_crash(struct vcpu *vcpu, uint64_t reason)
{
	(void)reason;
	vm_request_stop(vcpu->vm, VM_STOP_PANIC, 0, "guest reported a crash");
	return EXIT_STOP;
}

/* The guest was offered no suspend: nothing slept, so it just goes on. */
static enum exit_action event_ignore(struct vcpu *vcpu, uint64_t reason)
{
	(void)reason;
	log_guest(vcpu->vm->log, &vcpu->guest_log, LOG_DEBUG,
		  "vCPU %u: system event %u is ignored", vcpu->id,
		  vcpu->run->system_event.type);
	return EXIT_RESUME;
}

static enum exit_action exit_system_event(struct vcpu *vcpu)
{
	static enum exit_action (*const events[])(struct vcpu *, uint64_t) = {
		[KVM_SYSTEM_EVENT_SHUTDOWN] = event_shutdown,
		[KVM_SYSTEM_EVENT_RESET] = event_reset,
		[KVM_SYSTEM_EVENT_CRASH] = event_crash,
		[KVM_SYSTEM_EVENT_WAKEUP] = event_ignore,
		[KVM_SYSTEM_EVENT_SUSPEND] = event_ignore,
	};
	uint32_t type = vcpu->run->system_event.type;

	if (type >= ARRAY_SIZE(events) || events[type] == NULL)
		return exit_crash(vcpu, "KVM reported an unknown system event");

	/* Kernels without ndata put the reason in the same place. */
	return events[type](vcpu, vcpu->run->system_event.data[0]);
}

enum exit_action arch_handle_exit(struct vcpu *vcpu)
{
	static exit_fn *const handlers[] = {
		[KVM_EXIT_MMIO] = exit_mmio,
		[KVM_EXIT_RISCV_SBI] = exit_sbi,
		[KVM_EXIT_RISCV_CSR] = exit_csr,
		[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
		[KVM_EXIT_INTR] = exit_intr,
		[KVM_EXIT_DEBUG] = exit_debug,
		[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
		[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
	};

	return exit_dispatch(vcpu, handlers, ARRAY_SIZE(handlers));
}

static const struct exit_error run_errors[] = {
	{ -EOPNOTSUPP,
	  "it ran where there is no memory, or used an instruction "
	  "on a device that KVM does not emulate" },
	{ -EIO, "it made a misaligned access to a device" },
	{ -EFAULT, "it hit a trap that KVM cannot handle" },
	{ -ENOMEM, "the host has no memory left for it" },
};

enum exit_action arch_run_failed(struct vcpu *vcpu, int error)
{
	return exit_run_failed(vcpu, error, run_errors, ARRAY_SIZE(run_errors));
}
