/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: processors (PAPR, 14.5.3 and 14.11).
 *
 * A vCPU that joins waits in the monitor, where KVM's H_PROD cannot find it.
 * So H_PROD is taken away from KVM for as long as any vCPU is joined, and for
 * that time does for vCPUs that are not joined what the monitor can do: those
 * that are ceded wake up, which they may do at any time. A vCPU that cedes only
 * afterwards sleeps until its next interrupt, although the prod should have
 * ended that at once: KVM offers no way to mark it as prodded, and on POWER9
 * does not let the monitor have H_CEDE. Linux needs H_PROD for vCPUs that are
 * joined only.
 */
#include <sys/random.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/regs.h"

/* H_SIGNAL_SYS_RESET's targets that are not one processor */
#define TARGET_ALL    (-1)
#define TARGET_OTHERS (-2)

static void change_joined(struct vm *vm, int change)
{
	struct machine *machine = vm_machine(vm);

	pthread_mutex_lock(&machine->lock);
	unsigned before = machine->nr_joined;
	machine->nr_joined += (unsigned)change;
	if (before == 0 || machine->nr_joined == 0)
		kvm_ppc_enable_hcall(&vm->kvm, HCALL_PROD,
				     machine->nr_joined == 0);
	pthread_mutex_unlock(&machine->lock);
}

static void wake_joined(struct vcpu *vcpu)
{
	if (vcpu_wake(vcpu))
		change_joined(vcpu->vm, -1);
}

/* Of several that join at once, the last one that runs is told to go on. */
static int64_t h_join(struct hcall *call)
{
	struct kvm_regs regs;

	if (kvm_ppc_get_regs(call->vcpu->fd, &regs) < 0)
		return H_HARDWARE;
	if ((regs.msr & MSR_EE) != 0)
		return H_BAD_MODE;

	change_joined(call->vcpu->vm, 1);
	if (vcpu_wait(call->vcpu))
		return H_SUCCESS;
	change_joined(call->vcpu->vm, -1);
	return H_CONTINUE;
}

/* NULL: there is no such processor. */
static struct vcpu *find_vcpu(const struct hcall *call, uint64_t server)
{
	const struct vm *vm = call->vcpu->vm;

	return server < vm->cfg->cpus ? &vm->vcpus[server] : NULL;
}

static int64_t h_prod(struct hcall *call)
{
	struct vcpu *target = find_vcpu(call, call->args[0]);

	if (target == NULL)
		return H_PARAMETER;
	wake_joined(target);
	/* Asks for nothing, but makes it leave KVM_RUN. */
	vcpu_request(target, 0);
	return H_SUCCESS;
}

/* Those that are offline take no interrupt, nor do they get one later. */
static bool system_reset(struct vcpu *vcpu)
{
	if (!vcpu_request(vcpu, MACHINE_REQUEST_RESET))
		return false;
	wake_joined(vcpu);
	return true;
}

static int64_t h_signal_sys_reset(struct hcall *call)
{
	struct vm *vm = call->vcpu->vm;
	int64_t target = (int64_t)call->args[0];
	struct vcpu *one = find_vcpu(call, call->args[0]);

	if (one != NULL)
		return system_reset(one) ? H_SUCCESS : H_PARAMETER;
	if (target != TARGET_ALL && target != TARGET_OTHERS)
		return H_PARAMETER;
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		if (target == TARGET_ALL || &vm->vcpus[i] != call->vcpu)
			system_reset(&vm->vcpus[i]);
	}
	return H_SUCCESS;
}

/* Where the host has a generator, KVM answers. */
static int64_t h_random(struct hcall *call)
{
	uint64_t bits = 0;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(bits))
		return H_HARDWARE;
	call->args[0] = bits;
	return H_SUCCESS;
}

/* The monitor is coherent with the guest. */
static int64_t h_cache_operation(struct hcall *call)
{
	(void)call;
	return H_SUCCESS;
}

const struct hcall_entry hcalls_cpu[] = {
	{ 0x4c, "H_LOGICAL_ICBI", h_cache_operation },
	{ 0x50, "H_LOGICAL_DCBF", h_cache_operation },
	{ HCALL_PROD, "H_PROD", h_prod },
	{ 0x298, "H_JOIN", h_join },
	{ 0x300, "H_RANDOM", h_random },
	{ 0x380, "H_SIGNAL_SYS_RESET", h_signal_sys_reset },
	{ .fn = NULL },
};
