/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs with threads on a fake KVM, in a machine that has nothing else: for
 * tests of what vCPUs do to each other.
 */
#ifndef PRIVET_TESTS_VCPU_FIXTURE_H
#define PRIVET_TESTS_VCPU_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_kvm.h"
#include "tests/fakes/fake_vm.h"

#define CPUS         4U
#define WAIT_SECONDS 60
/* A test that has more in its machine defines it before. */
#ifndef FIXTURE_RAM
#define FIXTURE_RAM MIB(1)
#endif

struct fixture {
	struct vm *vm;
	struct vcpu *own_vcpus;
	struct vcpu vcpus[CPUS];
};

static inline void ignore_kicks(int signal)
{
	(void)signal;
}

/*
 * vCPUs that are powered on, and whose threads do not run yet.
 *
 * @defaults: sets what every vCPU of the fake KVM has; may be NULL
 */
static inline void fixture_init(struct fixture *f, void (*defaults)(void))
{
	struct sigaction action = { .sa_handler = ignore_kicks };
	struct error err = { 0 };

	sigaction(VCPU_KICK_SIGNAL, &action, NULL);
	fake_kvm_reset();
	if (defaults != NULL)
		defaults();
	*f = (struct fixture){ .vm = fake_vm_create(FIXTURE_RAM) };
	f->own_vcpus = f->vm->vcpus;
	f->vm->vcpus = f->vcpus;
	fake_vm_config(f->vm)->cpus = CPUS;
	assert_int_equal(kvm_open(&f->vm->kvm, NULL, &err), 0);
	assert_int_equal(kvm_create_vm(&f->vm->kvm, 0, &err), 0);
	for (unsigned i = 0; i < CPUS; i++) {
		struct vcpu *vcpu = &f->vcpus[i];

		*vcpu = (struct vcpu){ .vm = f->vm, .id = i };
		assert_int_equal(kvm_create_vcpu(&f->vm->kvm, i, &vcpu->fd,
						 &vcpu->run, &err),
				 0);
	}
}

static inline void fixture_start(struct fixture *f)
{
	struct error err = { 0 };

	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(vcpu_start(&f->vcpus[i], &err), 0);
}

/* Ends the machine, if it has not ended: must not take forever. */
static inline void fixture_stop(struct fixture *f)
{
	vm_request_stop(f->vm, VM_STOP_USER, 0, "the test is over");
	alarm(WAIT_SECONDS);
	for (unsigned i = 0; i < CPUS; i++)
		vcpu_join(&f->vcpus[i]);
	alarm(0);
}

static inline void fixture_fini(struct fixture *f)
{
	for (unsigned i = 0; i < CPUS; i++)
		kvm_destroy_vcpu(&f->vm->kvm, f->vcpus[i].fd, f->vcpus[i].run);
	kvm_close(&f->vm->kvm);
	f->vm->vcpus = f->own_vcpus;
	fake_vm_config(f->vm)->cpus = 1;
	fake_vm_destroy(f->vm);
	assert_int_equal(fake_kvm_open_fds(), 0);
}

static inline bool is_in(struct vcpu *vcpu, enum vcpu_state state,
			 enum vcpu_power power)
{
	pthread_mutex_lock(&vcpu->vm->lock);
	bool is = vcpu->state == state && vcpu->power == power;
	pthread_mutex_unlock(&vcpu->vm->lock);
	return is;
}

/* Waits until a vCPU's thread is in @state with power in @power. */
static inline void await(struct vcpu *vcpu, enum vcpu_state state,
			 enum vcpu_power power)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (unsigned i = 0; i < WAIT_SECONDS * 1000; i++) {
		if (is_in(vcpu, state, power))
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("vCPU %u: state %d, power %d", vcpu->id, vcpu->state,
		 vcpu->power);
}

/* Waits until *@count is @want or more: it is counted up by other threads. */
static inline void await_count(const unsigned *count, unsigned want)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (unsigned i = 0; i < WAIT_SECONDS * 1000; i++) {
		if (__atomic_load_n(count, __ATOMIC_SEQ_CST) >= want)
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("waited in vain: %u of %u", *count, want);
}

#endif
