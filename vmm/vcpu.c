/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual CPUs: threads around KVM_RUN.
 *
 * Kick: the signal VCPU_KICK_SIGNAL has a handler that does nothing; it makes
 * KVM_RUN return -EINTR. A signal that arrives just before KVM_RUN would be
 * lost, so kvm_run->immediate_exit is set first: KVM then returns at once.
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/sandbox.h"
#include "vmm/vm.h"

/* Most exits that one access of the guest may need: a vector of bytes. */
#define MAX_PARTS 16

int vcpu_power_on(struct vcpu *vcpu, struct error *err)
{
	int ret = kvm_create_vcpu(&vcpu->vm->kvm, vcpu->id, &vcpu->fd,
				  &vcpu->run, err);
	if (ret < 0)
		return ret;

	vcpu->power = VCPU_ONLINE;
	vcpu->requests = 0;
	ret = arch_vcpu_init(vcpu, err);
	if (ret < 0)
		vcpu_power_off(vcpu);
	return ret;
}

void vcpu_power_off(struct vcpu *vcpu)
{
	kvm_destroy_vcpu(&vcpu->vm->kvm, vcpu->fd, vcpu->run);
	vcpu->fd = -1;
	vcpu->run = NULL;
}

static void set_immediate_exit(struct vcpu *vcpu, uint8_t value)
{
	__atomic_store_n(&vcpu->run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

static bool only_interrupted(int ret)
{
	return ret == -EINTR || ret == -EAGAIN;
}

/* @ret: of kvm_run(), not interrupted */
static enum exit_action handle_run(struct vcpu *vcpu, int ret)
{
	return ret < 0 ? arch_run_failed(vcpu, ret) : arch_handle_exit(vcpu);
}

/*
 * Completes the access that the vCPU stopped on, so that its registers are
 * those after the access. KVM takes some accesses to pieces, and then has the
 * next piece for us. Where that fails they are not the guest's: it ends.
 */
static void complete_exit(struct vcpu *vcpu)
{
	enum exit_action action = EXIT_RESUME;

	set_immediate_exit(vcpu, 1);
	for (unsigned i = 0; i < MAX_PARTS && action != EXIT_STOP; i++) {
		int ret = kvm_run(vcpu->fd);

		if (only_interrupted(ret))
			return;
		action = handle_run(vcpu, ret);
	}
}

/* vm->lock is held. */
static bool must_park(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	return (vm->pause || vcpu->power != VCPU_ONLINE) &&
	       vm->stop == VM_STOP_NONE;
}

/* vm->lock is held. */
static void park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_unlock(&vm->lock);
	complete_exit(vcpu);
	pthread_mutex_lock(&vm->lock);
	vcpu->state = VCPU_PARKED;
	pthread_cond_broadcast(&vm->cond);
	while (must_park(vcpu))
		pthread_cond_wait(&vm->cond, &vm->lock);
	vcpu->state = VCPU_RUNNING;
}

/*
 * A parked vCPU serves nothing: its registers may be being saved.
 *
 * Return: whether there was anything to do. Context: vm->lock held; it is
 * dropped meanwhile.
 */
static bool serve_requests(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	unsigned requests = vcpu->requests;

	if (requests == 0 || vm->stop != VM_STOP_NONE)
		return false;
	vcpu->requests = 0;
	pthread_cond_broadcast(&vm->cond);
	if (vcpu->serve == NULL)
		return false;
	pthread_mutex_unlock(&vm->lock);
	vcpu->serve(vcpu, requests);
	pthread_mutex_lock(&vm->lock);
	return true;
}

/*
 * Waits while the machine is paused or the vCPU may not run, and serves what
 * was asked of it.
 *
 * Return: false when the thread has to end.
 */
static bool check_requests(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	do {
		if (must_park(vcpu))
			park(vcpu);
	} while (serve_requests(vcpu));

	bool go_on = vm->stop == VM_STOP_NONE;
	/* A kick from here on finds the flag clear and sets it again. */
	set_immediate_exit(vcpu, 0);
	pthread_mutex_unlock(&vm->lock);
	return go_on;
}

/*
 * The access that took it offline is completed first: nothing of it may reach
 * the registers that whoever starts it again will set.
 */
static bool go_offline(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	complete_exit(vcpu);
	pthread_mutex_lock(&vm->lock);
	vcpu->power = VCPU_OFFLINE;
	pthread_mutex_unlock(&vm->lock);
	return check_requests(vcpu);
}

static enum exit_action run_once(struct vcpu *vcpu)
{
	int ret = kvm_run(vcpu->fd);

	if (only_interrupted(ret))
		return check_requests(vcpu) ? EXIT_RESUME : EXIT_STOP;

	enum exit_action action = handle_run(vcpu, ret);
	if (action == EXIT_OFFLINE)
		return go_offline(vcpu) ? EXIT_RESUME : EXIT_STOP;
	return action;
}

/* By itself: another thread would have to open a file for it. */
static void name_thread(const struct vcpu *vcpu)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu/%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);
}

static bool enter_sandbox(const struct vcpu *vcpu)
{
	struct error error;

	if (sandbox_enter(vcpu->vm->sandbox, SANDBOX_VCPU, &error) == 0)
		return true;
	vm_request_stop(vcpu->vm, VM_STOP_ERROR, 0, "%s", error.text);
	return false;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;

	name_thread(vcpu);
	if (enter_sandbox(vcpu) && check_requests(vcpu)) {
		while (run_once(vcpu) == EXIT_RESUME)
			;
	}

	pthread_mutex_lock(&vm->lock);
	vcpu->state = VCPU_STOPPED;
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct error *err)
{
	struct vm *vm = vcpu->vm;

	/*
	 * The thread begins by taking the lock, so it cannot be in KVM_RUN
	 * before it can be kicked.
	 */
	pthread_mutex_lock(&vm->lock);
	int ret = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	vcpu->started = ret == 0;
	vcpu->state = ret == 0 ? VCPU_RUNNING : VCPU_STOPPED;
	pthread_mutex_unlock(&vm->lock);
	if (ret != 0)
		return error_host(err, -ret,
				  "cannot start the thread of vCPU %u: %s; "
				  "raise the limit on processes or give fewer "
				  "--cpus",
				  vcpu->id, strerror(ret));

	return 0;
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	set_immediate_exit(vcpu, 1);
	pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

/*
 * Requests.
 *
 * The vCPU's own thread has immediate_exit set for it instead of being kicked:
 * KVM completes the access that is being handled, and comes back at once.
 */

static void attract(struct vcpu *vcpu, const struct vcpu *self)
{
	if (vcpu == self)
		set_immediate_exit(vcpu, 1);
	else
		vcpu_kick(vcpu);
}

static bool is_own_thread(const struct vcpu *vcpu)
{
	return vcpu->started && pthread_equal(pthread_self(), vcpu->thread);
}

bool vcpu_request(struct vcpu *vcpu, unsigned bits)
{
	pthread_mutex_lock(&vcpu->vm->lock);
	bool takes = vcpu->power == VCPU_ONLINE || vcpu->power == VCPU_WAITING;
	if (takes) {
		vcpu->requests |= bits;
		attract(vcpu, is_own_thread(vcpu) ? vcpu : NULL);
	}
	pthread_mutex_unlock(&vcpu->vm->lock);
	return takes;
}

/* Whether another vCPU may be in the guest without having served @bits. */
static bool any_in_guest(const struct vcpu *self, unsigned bits)
{
	const struct vm *vm = self->vm;

	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		const struct vcpu *vcpu = &vm->vcpus[i];

		if (vcpu != self && vcpu->state == VCPU_RUNNING &&
		    (vcpu->requests & bits) != 0 && !vcpu->blocked)
			return true;
	}
	return false;
}

void vcpu_request_all(struct vcpu *self, unsigned bits)
{
	struct vm *vm = self->vm;

	pthread_mutex_lock(&vm->lock);
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		vm->vcpus[i].requests |= bits;
		attract(&vm->vcpus[i], self);
	}
	self->blocked = true;
	pthread_cond_broadcast(&vm->cond);
	while (any_in_guest(self, bits) && vm->stop == VM_STOP_NONE)
		pthread_cond_wait(&vm->cond, &vm->lock);
	self->blocked = false;
	pthread_mutex_unlock(&vm->lock);
}

/* vm->lock is held. */
static bool others_run(const struct vcpu *self)
{
	const struct vm *vm = self->vm;

	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		enum vcpu_power power = vm->vcpus[i].power;

		if (&vm->vcpus[i] != self &&
		    (power == VCPU_ONLINE || power == VCPU_STARTING))
			return true;
	}
	return false;
}

bool vcpu_wait(struct vcpu *self)
{
	pthread_mutex_lock(&self->vm->lock);
	bool waits = others_run(self);
	if (waits) {
		self->power = VCPU_WAITING;
		set_immediate_exit(self, 1);
	}
	pthread_mutex_unlock(&self->vm->lock);
	return waits;
}

bool vcpu_wake(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	bool woken = vcpu->power == VCPU_WAITING;
	if (woken) {
		vcpu->power = VCPU_ONLINE;
		pthread_cond_broadcast(&vm->cond);
	}
	pthread_mutex_unlock(&vm->lock);
	return woken;
}

void vcpu_join(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	/*
	 * It has been told to end, and may be gone any moment: no kick may
	 * reach it from here on, nor is another needed.
	 */
	pthread_mutex_lock(&vm->lock);
	bool started = vcpu->started;
	vcpu->started = false;
	pthread_mutex_unlock(&vm->lock);
	if (started)
		pthread_join(vcpu->thread, NULL);
}

enum vcpu_power vcpu_power(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vm->lock);
	enum vcpu_power power = vcpu->power;
	pthread_mutex_unlock(&vcpu->vm->lock);
	return power;
}

bool vcpu_claim(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	/* Its thread is on its way to rest: it does not wait for anybody. */
	while (vcpu->power == VCPU_OFFLINE && vcpu->state == VCPU_RUNNING &&
	       vm->stop == VM_STOP_NONE)
		pthread_cond_wait(&vm->cond, &vm->lock);

	bool claimed =
		vcpu->power == VCPU_OFFLINE && vcpu->state != VCPU_RUNNING;
	if (claimed)
		vcpu->power = VCPU_STARTING;
	pthread_mutex_unlock(&vm->lock);
	return claimed;
}

void vcpu_release(struct vcpu *vcpu, bool online)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	vcpu->power = online ? VCPU_ONLINE : VCPU_OFFLINE;
	/* What was asked of it before belongs to its former life. */
	if (online)
		vcpu->requests = VCPU_REQUEST_START;
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}
