/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: wishes for its end, and what each end means. */
#include "vmm/vm.h"

#include <stdarg.h>
#include <stdio.h>

/* The first request wins, but a wish for the end outlives a reboot. */
static bool request_counts(const struct vm *vm, enum vm_stop why)
{
	return vm->stop == VM_STOP_NONE ||
	       (vm_stop_is_reboot(vm->stop) && !vm_stop_is_reboot(why));
}

void vm_request_stop(struct vm *vm, enum vm_stop why, unsigned status,
		     const char *fmt, ...)
{
	pthread_mutex_lock(&vm->lock);
	if (request_counts(vm, why)) {
		va_list args;

		vm->stop = why;
		vm->result.stop = why;
		vm->result.guest_status = status;
		va_start(args, fmt);
		vsnprintf(vm->result.text, sizeof(vm->result.text), fmt, args);
		va_end(args);
		for (unsigned i = 0; i < vm->cfg->cpus; i++)
			vcpu_kick(&vm->vcpus[i]);
		pthread_cond_broadcast(&vm->cond);
	}
	vm->hurry |= why == VM_STOP_USER;
	pthread_mutex_unlock(&vm->lock);
}

static bool press_power_button(struct device *dev)
{
	if (dev->type->power_button == NULL)
		return false;
	pthread_mutex_lock(&dev->lock);
	bool heard = dev->type->power_button(dev);
	pthread_mutex_unlock(&dev->lock);
	return heard;
}

bool vm_press_power_button(struct vm *vm)
{
	bool heard = false;

	for (unsigned i = 0; i < vm->nr_devices; i++)
		heard |= press_power_button(vm->devices[i]);

	pthread_mutex_lock(&vm->lock);
	/* A guest that is rebooting just now need not hear it. */
	heard |= vm_stop_is_reboot(vm->stop);
	heard &= vm->stop == VM_STOP_NONE || vm_stop_is_reboot(vm->stop);
	vm->shutting_down |= heard;
	pthread_mutex_unlock(&vm->lock);
	return heard;
}

/** struct stop_info - What each reason means for the process */
struct stop_info {
	const char *name;
	enum exit_status status;
};

static const struct stop_info stop_infos[] = {
	[VM_STOP_NONE] = { "none", EXIT_STATUS_ERROR },
	[VM_STOP_POWEROFF] = { "poweroff", EXIT_STATUS_POWEROFF },
	[VM_STOP_GUEST_STATUS] = { "guest-status", EXIT_STATUS_POWEROFF },
	[VM_STOP_PANIC] = { "panic", EXIT_STATUS_PANIC },
	[VM_STOP_COLD_REBOOT] = { "cold-reboot", EXIT_STATUS_REBOOT },
	[VM_STOP_WARM_REBOOT] = { "warm-reboot", EXIT_STATUS_REBOOT },
	[VM_STOP_CRASH] = { "crash", EXIT_STATUS_CRASH },
	[VM_STOP_USER] = { "user", EXIT_STATUS_STOPPED },
	[VM_STOP_TIMEOUT] = { "timeout", EXIT_STATUS_TIMEOUT },
	[VM_STOP_ERROR] = { "error", EXIT_STATUS_ERROR },
};

const char *vm_stop_name(enum vm_stop stop)
{
	return stop_infos[stop].name;
}

static bool status_is_reserved(unsigned status)
{
	return status == EXIT_STATUS_NO_KVM ||
	       (status >= EXIT_STATUS_SANDBOX && status <= EXIT_STATUS_ERROR);
}

enum exit_status vm_exit_status(const struct vm_result *result)
{
	if (result->stop != VM_STOP_GUEST_STATUS)
		return stop_infos[result->stop].status;
	if (status_is_reserved(result->guest_status))
		return EXIT_STATUS_RESERVED;
	return (enum exit_status)result->guest_status;
}
