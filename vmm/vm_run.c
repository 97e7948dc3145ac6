/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: power, running, pausing.
 *
 * The main thread powers the machine on, starts the vCPU threads and waits
 * on vm->cond. Whoever wants the machine to end calls vm_request_stop(),
 * which sets vm->stop and kicks the vCPUs; the main thread does the rest.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vmm/arch.h"
#include "vmm/kvm_sys.h"

/*
 * Power.
 */

static int map_memory(struct vm *vm, struct error *err)
{
	for (unsigned i = 0; i < vm->gmem.nr_regions; i++) {
		const struct gmem_region *r = &vm->gmem.regions[i];
		int ret = kvm_set_memory(&vm->kvm, i, 0, r->gpa, r->size,
					 r->host, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int power_on_vcpus(struct vm *vm, struct error *err)
{
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		int ret = vcpu_power_on(&vm->vcpus[i], err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int power_on_irqchip(struct vm *vm, struct error *err)
{
	return vm->irqchip->ops->power_on(vm->irqchip, err);
}

static int power_on_devices(struct vm *vm, struct error *err)
{
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		if (dev->type->power_on == NULL)
			continue;

		int ret = dev->type->power_on(dev, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * In this order: KVM wants memory and all vCPUs before the interrupt
 * controller, and that complete before any vCPU runs.
 */
static int (*const power_on_steps[])(struct vm *vm, struct error *err) = {
	map_memory,       power_on_vcpus, power_on_irqchip,
	power_on_devices, arch_boot,
};

int vm_power_on(struct vm *vm, struct error *err)
{
	int ret = kvm_create_vm(&vm->kvm, arch_kvm_type(&vm->kvm), err);

	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(power_on_steps); i++)
		ret = power_on_steps[i](vm, err);
	if (ret < 0)
		vm_power_off(vm);
	return ret;
}

static void reset_device(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->type->reset(dev);
	pthread_mutex_unlock(&dev->lock);
}

/* Serves a machine whose power-on stopped half way as well. */
void vm_power_off(struct vm *vm)
{
	for (unsigned i = vm->nr_devices; i-- > 0;)
		reset_device(vm->devices[i]);
	if (vm->kvm.vm_fd < 0)
		return;
	for (unsigned i = vm->nr_devices; i-- > 0;) {
		struct device *dev = vm->devices[i];

		if (dev->type->power_off != NULL)
			dev->type->power_off(dev);
	}
	vm->irqchip->ops->power_off(vm->irqchip);
	for (unsigned i = 0; i < vm->cfg->cpus; i++)
		vcpu_power_off(&vm->vcpus[i]);
	kvm_destroy_vm(&vm->kvm);
}

/*
 * Running.
 */

static enum vm_stop stop_reason(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	enum vm_stop stop = vm->stop;
	pthread_mutex_unlock(&vm->lock);
	return stop;
}

static void join_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->cfg->cpus; i++)
		vcpu_join(&vm->vcpus[i]);
}

static int start_vcpus(struct vm *vm, struct error *err)
{
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		int ret = vcpu_start(&vm->vcpus[i], err);

		if (ret < 0) {
			vm_request_stop(vm, VM_STOP_ERROR, 0, "%s",
					err != NULL ? err->text : "");
			join_vcpus(vm);
			return ret;
		}
	}
	return 0;
}

static void wait_for_stop(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (vm->stop == VM_STOP_NONE)
		pthread_cond_wait(&vm->cond, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	join_vcpus(vm);
}

/*
 * Whether the machine starts anew. From here on a wish for the end finds it
 * running again, if there was none before.
 */
static bool take_reboot(struct vm *vm)
{
	bool reboot;

	pthread_mutex_lock(&vm->lock);
	reboot = vm_stop_is_reboot(vm->stop) && !vm->cfg->no_reboot;
	if (reboot && vm->shutting_down) {
		reboot = false;
		vm->stop = VM_STOP_POWEROFF;
		vm->result.stop = vm->stop;
		snprintf(vm->result.text, sizeof(vm->result.text),
			 "the guest rebooted after its power button was "
			 "pressed: ended");
	}
	if (reboot) {
		vm->stop = VM_STOP_NONE;
		vm->result.reboots++;
	}
	pthread_mutex_unlock(&vm->lock);
	return reboot;
}

/* A cold reboot begins with zeroed RAM; a warm one keeps what is there. */
static int prepare_reboot(struct vm *vm, enum vm_stop stop, struct error *err)
{
	log_guest(vm->log, &vm->reboot_limit, LOG_INFO, "guest asked for a %s",
		  vm_stop_name(stop));
	if (stop == VM_STOP_COLD_REBOOT) {
		int ret = gmem_clear(&vm->gmem);

		if (ret < 0)
			return error_host(err, ret,
					  "cannot clear the guest's RAM for a "
					  "reboot: %s",
					  strerror(-ret));
	}
	return 0;
}

static int start_consoles(struct vm *vm, struct error *err)
{
	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++) {
		int ret = chardev_start(vm->consoles[i], err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * What the guest printed before it ended has to come out: bytes in virtqueues
 * whose doorbell has just rung, in FIFOs and in the rings of consoles.
 */

/* Readers that are slow are not waited for beyond this. */
#define DRAIN_ROUNDS  64
#define DRAIN_SECONDS 10

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A user who wants the end wants it now, even if the guest ended before. */
static bool may_wait(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	bool wait = !vm->hurry && vm->stop != VM_STOP_TIMEOUT &&
		    vm->stop != VM_STOP_ERROR;
	pthread_mutex_unlock(&vm->lock);
	return wait;
}

static bool consoles_idle(struct vm *vm)
{
	bool idle = true;

	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++)
		idle &= chardev_idle(vm->consoles[i]);
	return idle;
}

static void do_nothing(void *arg)
{
	(void)arg;
}

/*
 * The turn of the loop during which a call is queued may have begun before the
 * last doorbell rang; the next one sees it.
 */
static void pass_doorbells(struct vm *vm)
{
	evloop_call(vm->loop, do_nothing, NULL);
	evloop_call(vm->loop, do_nothing, NULL);
}

static void drain_consoles(struct vm *vm)
{
	time_t limit = seconds() + DRAIN_SECONDS;

	for (unsigned round = 0; round < DRAIN_ROUNDS; round++) {
		if (!may_wait(vm) || seconds() > limit)
			return;
		pass_doorbells(vm);
		if (consoles_idle(vm))
			return;
		for (unsigned i = 0; i < vm->cfg->nr_consoles; i++)
			chardev_drain(vm->consoles[i]);
	}
}

/* One life from power-on to power-off. */
static int run_once(struct vm *vm, bool first, struct error *err)
{
	int ret = vm_power_on(vm, err);
	if (ret < 0)
		return ret;

	/* Only a machine that can start touches terminals and files. */
	if (first)
		ret = start_consoles(vm, err);
	if (ret == 0 && first)
		ret = vm_lock_down(vm, err);
	if (ret == 0)
		ret = start_vcpus(vm, err);
	if (ret == 0) {
		wait_for_stop(vm);
		drain_consoles(vm);
	}
	vm_power_off(vm);
	return ret;
}

static int run_lives(struct vm *vm, struct error *err)
{
	int ret = run_once(vm, true, err);
	enum vm_stop stop = stop_reason(vm);

	while (ret == 0 && take_reboot(vm)) {
		ret = prepare_reboot(vm, stop, err);
		if (ret == 0)
			ret = run_once(vm, false, err);
		stop = stop_reason(vm);
	}
	return ret;
}

struct timeout {
	struct ev_timer timer;
	struct vm *vm;
};

static void on_timeout(struct ev_timer *timer)
{
	struct timeout *t = container_of(timer, struct timeout, timer);

	vm_request_stop(t->vm, VM_STOP_TIMEOUT, 0,
			"the guest was still running after %llu s (--timeout)",
			(unsigned long long)t->vm->cfg->timeout_s);
}

static int start_timeout(struct timeout *t, struct error *err)
{
	if (t->vm->cfg->timeout_s == 0)
		return 0;

	int ret = ev_timer_init(&t->timer, t->vm->loop, on_timeout, NULL);
	if (ret < 0)
		return error_host(err, ret,
				  "cannot create the timer of --timeout: %s; "
				  "raise the limit on open files",
				  strerror(-ret));
	ev_timer_set(&t->timer, t->vm->cfg->timeout_s * NSEC_PER_SEC);
	return 0;
}

int vm_run(struct vm *vm, struct vm_result *result, struct error *err)
{
	struct timeout timeout = { .vm = vm };
	int ret = start_timeout(&timeout, err);

	log_set_live(vm->log, true);
	if (ret == 0)
		ret = evloop_start(vm->loop, err);
	if (ret == 0)
		ret = run_lives(vm, err);
	evloop_stop(vm->loop);
	log_set_live(vm->log, false);
	ev_timer_destroy(&timeout.timer);
	pthread_mutex_lock(&vm->lock);
	*result = vm->result;
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

/*
 * Pausing.
 */

static bool any_running(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		if (vm->vcpus[i].state == VCPU_RUNNING)
			return true;
	}
	return false;
}

int vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->pause = true;
	for (unsigned i = 0; i < vm->cfg->cpus; i++)
		vcpu_kick(&vm->vcpus[i]);
	while (any_running(vm) && vm->stop == VM_STOP_NONE)
		pthread_cond_wait(&vm->cond, &vm->lock);

	bool stopping = vm->stop != VM_STOP_NONE;
	if (stopping)
		vm->pause = false;
	pthread_mutex_unlock(&vm->lock);
	if (stopping)
		return -ECANCELED;

	for (unsigned i = vm->nr_devices; i-- > 0;) {
		struct device *dev = vm->devices[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->quiesce(dev);
		pthread_mutex_unlock(&dev->lock);
	}
	return 0;
}

void vm_resume(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->resume(dev);
		pthread_mutex_unlock(&dev->lock);
	}
	pthread_mutex_lock(&vm->lock);
	vm->pause = false;
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}
