/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life cycle under load: pauses, kicks, stops and reboots from several
 * threads at once while vCPUs leave and enter KVM_RUN all the time. What it
 * looks for is a hang, which the time limit of the test run ends, and with
 * `make SAN=thread` a race.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "tests/unit/riscv64/vm_fixture.h"

#define CPUS       4U
#define CPUS_TEXT  "--cpus 4"
#define PAUSES     100U
#define ROUNDS     40U
#define BUSY_EXITS 16U
#define LIVES      50U

/**
 * struct crowd - The vCPUs of a test
 * @entered: counts the KVM_RUNs of each; atomic
 */
struct crowd {
	struct vm *vm;
	unsigned entered[CPUS];
};

struct member {
	struct crowd *crowd;
	unsigned id;
};

static struct crowd crowd;
static struct member members[CPUS];

static unsigned entered(unsigned cpu)
{
	return __atomic_load_n(&crowd.entered[cpu], __ATOMIC_SEQ_CST);
}

static void count(const struct member *m)
{
	__atomic_add_fetch(&m->crowd->entered[m->id], 1, __ATOMIC_SEQ_CST);
}

/*
 * Exits.
 */

static int exit_serial(struct kvm_run *run, void *arg)
{
	count(arg);
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x10000005;
	run->mmio.len = 1;
	run->mmio.is_write = 0;
	return 0;
}

static int exit_interrupted(struct kvm_run *run, void *arg)
{
	count(arg);
	run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

static int exit_intr(struct kvm_run *run, void *arg)
{
	count(arg);
	run->exit_reason = KVM_EXIT_INTR;
	return 0;
}

static int exit_again(struct kvm_run *run, void *arg)
{
	(void)run;
	count(arg);
	return -EAGAIN;
}

static void script_busy(unsigned cpu);

/* The last one of a script begins it anew. */
static int exit_rewind(struct kvm_run *run, void *arg)
{
	const struct member *m = arg;

	script_busy(m->id);
	return exit_serial(run, arg);
}

/* A vCPU that never stays in the guest. */
static void script_busy(unsigned cpu)
{
	static int (*const kinds[])(struct kvm_run *, void *) = {
		exit_serial,
		exit_interrupted,
		exit_intr,
		exit_again,
	};
	struct fake_exit exits[BUSY_EXITS];

	for (unsigned i = 0; i < BUSY_EXITS; i++)
		exits[i] = (struct fake_exit){
			.prepare = kinds[i % ARRAY_SIZE(kinds)],
			.arg = &members[cpu],
		};
	exits[BUSY_EXITS - 1].prepare = exit_rewind;
	fake_kvm_script(cpu, exits, BUSY_EXITS);
}

static void gather(struct fixture *f)
{
	fixture_init(f, CPUS_TEXT);
	crowd = (struct crowd){ .vm = build(f) };
	for (unsigned i = 0; i < CPUS; i++)
		members[i] = (struct member){ .crowd = &crowd, .id = i };
}

static void disperse(struct fixture *f)
{
	vm_destroy(crowd.vm);
	fixture_end(f);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	return thread;
}

static bool stopping(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	bool stop = vm->stop != VM_STOP_NONE;
	pthread_mutex_unlock(&vm->lock);
	return stop;
}

/*
 * Tests.
 */

/* Each vCPU is parked while the machine is paused, and goes on afterwards. */
static bool pause_once(struct vm *vm)
{
	unsigned before[CPUS];

	if (vm_pause(vm) < 0)
		return false;
	for (unsigned i = 0; i < CPUS; i++)
		before[i] = entered(i);
	for (unsigned spin = 0; spin < 20; spin++)
		sched_yield();
	for (unsigned i = 0; i < CPUS; i++) {
		if (entered(i) != before[i])
			return false;
	}
	vm_resume(vm);
	return true;
}

static void *pause_often(void *arg)
{
	struct vm *vm = arg;
	uintptr_t pauses = 0;

	/* Devices may be paused only once the machine is on. */
	while (entered(CPUS - 2) == 0)
		sched_yield();
	while (pauses < PAUSES && pause_once(vm))
		pauses++;
	vm_request_stop(vm, VM_STOP_USER, 0, "enough");
	return (void *)pauses;
}

static void *kick_often(void *arg)
{
	struct vm *vm = arg;

	while (!stopping(vm)) {
		pthread_mutex_lock(&vm->lock);
		for (unsigned i = 0; i < CPUS; i++)
			vcpu_kick(&vm->vcpus[i]);
		pthread_mutex_unlock(&vm->lock);
		sched_yield();
	}
	return NULL;
}

/* The last vCPU is one that KVM keeps stopped: it never leaves by itself. */
static void pauses_and_kicks(void **state)
{
	struct fixture f;
	void *pauses = NULL;

	(void)state;
	gather(&f);
	for (unsigned i = 0; i < CPUS - 1; i++)
		script_busy(i);
	pthread_t pauser = start(pause_often, crowd.vm);
	pthread_t kicker = start(kick_often, crowd.vm);
	struct vm_result result = run(crowd.vm);
	pthread_join(pauser, &pauses);
	pthread_join(kicker, NULL);
	assert_int_equal((uintptr_t)pauses, PAUSES);
	assert_int_equal(result.stop, VM_STOP_USER);
	disperse(&f);
}

static void script_reboots(void);

static int exit_reboot(struct kvm_run *run, void *arg)
{
	count(&members[0]);
	script_reboots();
	return exit_reset(run, arg);
}

/* Each life of the boot vCPU is one exit, a warm reboot. */
static void script_reboots(void)
{
	static const struct fake_exit exit = { exit_reboot, NULL, ARG(2) };

	fake_kvm_script(0, &exit, 1);
}

static void *stop_in_reboot(void *arg)
{
	unsigned lives = (unsigned)(uintptr_t)arg;

	while (entered(0) < lives)
		sched_yield();
	vm_request_stop(crowd.vm, VM_STOP_USER, 0, "enough");
	return NULL;
}

/* The wish for the end comes while the main thread joins, resets, restarts. */
static void stop_among_reboots(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct fixture f;

		gather(&f);
		script_reboots();
		pthread_t stopper =
			start(stop_in_reboot, (void *)(uintptr_t)(round % 8));
		struct vm_result result = run(crowd.vm);
		pthread_join(stopper, NULL);
		assert_int_equal(result.stop, VM_STOP_USER);
		disperse(&f);
	}
}

static unsigned fds_of_life[LIVES];

static int exit_counted(struct kvm_run *run, void *arg)
{
	unsigned life = entered(0);

	count(&members[0]);
	if (life == LIVES)
		return exit_shutdown(run, NULL);
	fds_of_life[life] = count_fds();
	return exit_reset(run, arg);
}

/*
 * Descriptors and memory (by the leak checker) after many reboots. One more may
 * be open for a moment: the C library names a thread by way of /proc.
 */
static void reboots_leak_nothing(void **state)
{
	struct fake_exit script[LIVES + 1];
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i <= LIVES; i++)
		script[i] = (struct fake_exit){ exit_counted, NULL, ARG(1) };
	gather(&f);
	fake_kvm_script(0, script, LIVES + 1);
	struct vm_result result = run(crowd.vm);
	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	assert_int_equal(result.reboots, LIVES);
	for (unsigned i = 2; i < LIVES; i++)
		assert_in_range(fds_of_life[i], fds_of_life[1] - 1,
				fds_of_life[1] + 1);
	disperse(&f);
}

/* Any vCPU may end the machine, before others have even been started. */
static void any_vcpu_ends_it(void **state)
{
	static const struct fake_exit end = { exit_shutdown, NULL, NULL };

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct fixture f;

		gather(&f);
		for (unsigned i = 0; i < CPUS; i++)
			script_busy(i);
		fake_kvm_script(round % CPUS, &end, 1);
		struct vm_result result = run(crowd.vm);
		assert_int_equal(result.stop, VM_STOP_POWEROFF);
		disperse(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_and_kicks),
		cmocka_unit_test(stop_among_reboots),
		cmocka_unit_test(reboots_leak_nothing),
		cmocka_unit_test(any_vcpu_ends_it),
	};

	install_kick_handler();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
