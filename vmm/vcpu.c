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
#include "vmm/vm.h"

int vcpu_power_on(struct vcpu *vcpu, struct error *err)
{
	int ret = kvm_create_vcpu(&vcpu->vm->kvm, vcpu->id, &vcpu->fd,
				  &vcpu->run, err);
	if (ret < 0)
		return ret;

	vcpu->power = VCPU_ONLINE;
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

/*
 * Completes the access that the vCPU stopped on, so that its registers are
 * those after the access.
 */
static void complete_exit(struct vcpu *vcpu)
{
	set_immediate_exit(vcpu, 1);
	kvm_run(vcpu->fd);
}

/* vm->lock is held. */
static bool must_park(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	return (vm->pause || vcpu->power != VCPU_ONLINE) &&
	       vm->stop == VM_STOP_NONE;
}

/*
 * Waits while the machine is paused or the vCPU is offline.
 *
 * Return: false when the thread has to end.
 */
static bool check_requests(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	if (must_park(vcpu)) {
		pthread_mutex_unlock(&vm->lock);
		complete_exit(vcpu);
		pthread_mutex_lock(&vm->lock);
		vcpu->state = VCPU_PARKED;
		pthread_cond_broadcast(&vm->cond);
		while (must_park(vcpu))
			pthread_cond_wait(&vm->cond, &vm->lock);
		vcpu->state = VCPU_RUNNING;
	}

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

	if (ret == -EINTR || ret == -EAGAIN)
		return check_requests(vcpu) ? EXIT_RESUME : EXIT_STOP;
	if (ret < 0) {
		arch_run_failed(vcpu, ret);
		return EXIT_STOP;
	}

	enum exit_action action = arch_handle_exit(vcpu);
	if (action == EXIT_OFFLINE)
		return go_offline(vcpu) ? EXIT_RESUME : EXIT_STOP;
	return action;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;

	if (check_requests(vcpu)) {
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

	char name[16];
	snprintf(name, sizeof(name), "vcpu/%u", vcpu->id);
	pthread_setname_np(vcpu->thread, name);
	return 0;
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	set_immediate_exit(vcpu, 1);
	pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
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
	/* Offline, but its thread has not come to rest yet. */
	if (power == VCPU_OFFLINE && vcpu->state == VCPU_RUNNING)
		power = VCPU_ONLINE;
	pthread_mutex_unlock(&vcpu->vm->lock);
	return power;
}

bool vcpu_claim(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vm->lock);
	bool claimed =
		vcpu->power == VCPU_OFFLINE && vcpu->state != VCPU_RUNNING;
	if (claimed)
		vcpu->power = VCPU_STARTING;
	pthread_mutex_unlock(&vcpu->vm->lock);
	return claimed;
}

void vcpu_release(struct vcpu *vcpu, bool online)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	vcpu->power = online ? VCPU_ONLINE : VCPU_OFFLINE;
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}
