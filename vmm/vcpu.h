/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual CPUs: one thread each, around KVM_RUN.
 *
 * A vCPU is started, parked, resumed and stopped by the main thread. To get
 * its attention, the thread is kicked: kvm_run->immediate_exit is set and a
 * signal interrupts KVM_RUN. Before a parked vCPU's registers may be read,
 * its thread re-enters KVM once with immediate_exit set, so that KVM completes
 * the access that it stopped on (Documentation/virt/kvm/api.rst, 5).
 */
#ifndef PRIVET_VMM_VCPU_H
#define PRIVET_VMM_VCPU_H

#include <pthread.h>
#include <signal.h>
#include "vmm/error.h"
#include "vmm/log.h"

struct vm;
struct kvm_run;

/** VCPU_KICK_SIGNAL - Interrupts KVM_RUN; signals.c has a handler for it */
#define VCPU_KICK_SIGNAL (SIGRTMIN)

/**
 * enum vcpu_state - What the thread does; guarded by vm->lock
 * @VCPU_RUNNING: in or on its way to KVM_RUN
 * @VCPU_PARKED: waits on vm->cond; registers may be accessed
 * @VCPU_STOPPED: thread has ended or never began
 */
enum vcpu_state {
	VCPU_STOPPED,
	VCPU_RUNNING,
	VCPU_PARKED,
};

/**
 * enum vcpu_power - Whether it may run at all; guarded by vm->lock
 * @VCPU_ONLINE: it may
 * @VCPU_OFFLINE: its thread waits to be started by the guest. Machines where
 *	KVM itself keeps stopped vCPUs waiting do not use this
 * @VCPU_STARTING: another vCPU's thread sets its registers
 * @VCPU_WAITING: its thread waits, as it is, for vcpu_wake()
 */
enum vcpu_power {
	VCPU_ONLINE,
	VCPU_OFFLINE,
	VCPU_STARTING,
	VCPU_WAITING,
};

/** VCPU_REQUEST_START - It was offline, and is about to enter the guest */
#define VCPU_REQUEST_START (1U << 31)

/**
 * struct vcpu - A virtual CPU
 * @vm: the machine; not owned
 * @id: number from 0; also the hart id (riscv64), the server number (ppc64le)
 * @fd: KVM's descriptor; owned; -1 while powered off
 * @run: shared with KVM; owned
 * @thread: valid while @started, and in vcpu_join()
 * @started: the thread may be kicked; guarded by vm->lock
 * @state: see above
 * @power: see above
 * @requests: what @serve is to do before the guest is entered again; guarded by
 *	vm->lock
 * @blocked: its thread waits for other vCPUs in vcpu_request_all(); guarded by
 *	vm->lock
 * @serve: carries out requests, bits of the architecture's own and
 *	VCPU_REQUEST_START: on the vCPU's thread, outside of KVM_RUN, after its
 *	last access was completed, without a lock. Set by arch_vcpu_init(); may
 *	be NULL
 * @guest_log: limits lines that this vCPU's guest code can provoke
 */
struct vcpu {
	struct vm *vm;
	unsigned id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	enum vcpu_state state;
	enum vcpu_power power;
	unsigned requests;
	bool blocked;
	void (*serve)(struct vcpu *vcpu, unsigned requests);
	struct log_limit guest_log;
};

/** vcpu_power_on() - Create it in the current KVM VM; arch_vcpu_init() */
int vcpu_power_on(struct vcpu *vcpu, struct error *err);
void vcpu_power_off(struct vcpu *vcpu);

/** vcpu_start() - Start the thread; Context: main thread */
int vcpu_start(struct vcpu *vcpu, struct error *err);

/**
 * vcpu_kick() - Make it leave KVM_RUN
 *
 * Does nothing when its thread does not run.
 * Context: any thread; vm->lock held.
 */
void vcpu_kick(struct vcpu *vcpu);

/**
 * vcpu_request() - Have an online vCPU's own thread do something
 * @bits: for vcpu->serve()
 *
 * Other vCPUs' registers cannot be reached while they run: KVM would keep the
 * caller waiting until they leave the guest by themselves.
 *
 * Return: false when it is offline or about to start; nothing happens then.
 * Context: a vCPU thread, also @vcpu's own; takes vm->lock; does not wait.
 */
bool vcpu_request(struct vcpu *vcpu, unsigned bits);

/**
 * vcpu_request_all() - Have all vCPUs' threads do something, the caller's too
 * @self: the caller's vCPU
 *
 * When it returns, none of the other vCPUs will execute another instruction of
 * the guest before it has served the request. Any number of vCPUs may call
 * this at once: one that is in here does not keep another one waiting. Those
 * that are offline get VCPU_REQUEST_START when they are started. It returns at
 * once when the machine stops.
 *
 * Context: @self's thread; takes vm->lock; waits for others to leave the guest.
 */
void vcpu_request_all(struct vcpu *self, unsigned bits);

/**
 * vcpu_wait() - Have the calling vCPU wait, once its access is completed
 *
 * It stays where it is until vcpu_wake(), and may be paused and stopped.
 *
 * Return: false when no other vCPU runs that could wake it: it does not wait.
 * Context: @self's thread, in arch_handle_exit(); takes vm->lock.
 */
bool vcpu_wait(struct vcpu *self);

/**
 * vcpu_wake() - End the wait of a vCPU
 *
 * Return: false when it did not wait. Context: any thread; takes vm->lock.
 */
bool vcpu_wake(struct vcpu *vcpu);

/** vcpu_join() - Wait for a thread that was told to stop */
void vcpu_join(struct vcpu *vcpu);

/**
 * vcpu_power() - Its current power state
 *
 * The thread of one that is offline may still be on its way out of KVM_RUN:
 * vcpu_claim() waits for that.
 * Context: any thread; takes vm->lock.
 */
enum vcpu_power vcpu_power(struct vcpu *vcpu);

/**
 * vcpu_claim() - Take an offline vCPU in order to start it
 *
 * Of several that try, one succeeds. From then on the caller may access its
 * registers, until vcpu_release() lets it run.
 *
 * Return: false when it is not offline.
 * Context: a vCPU thread; takes vm->lock.
 */
bool vcpu_claim(struct vcpu *vcpu);

/**
 * vcpu_release() - Let a claimed vCPU go
 * @online: it runs from here on; else it is offline as before
 */
void vcpu_release(struct vcpu *vcpu, bool online);

#endif
