/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM_RUN fails, or comes back with what nobody can go on from: the machine
 * ends at once, whatever its other vCPUs do, with one line that says where the
 * guest was. What only interrupts it does not end it.
 */
#include <pthread.h>

#include "tests/unit/fault_fixture.h"

#define ROUNDS 40U

struct machine_run {
	struct fixture f;
	struct vm_config cfg;
	struct vm *vm;
	struct vm_result result;
	unsigned exits;
};

static void begin(struct machine_run *m, unsigned cpus)
{
	char options[96];
	struct error err = { 0 };

	snprintf(options, sizeof(options), "--sandbox off --cpus %u", cpus);
	memset(m, 0, sizeof(*m));
	fixture_init(&m->f, options);
	if (parse(&m->f, &m->cfg, &err) < 0 ||
	    vm_create(&m->cfg, &m->f.log, &m->vm, &err) < 0)
		fail_msg("%s", err.text);
}

/* @thread: who else works on the machine, and ends by itself; or NULL */
static void run_with_thread(struct machine_run *m, const pthread_t *thread)
{
	struct error err = { 0 };

	if (vm_run(m->vm, &m->result, &err) < 0)
		fail_msg("%s", err.text);
	if (thread != NULL)
		pthread_join(*thread, NULL);
	vm_destroy(m->vm);
	config_free(&m->cfg);
	fixture_end(&m->f);
}

static void run_and_end(struct machine_run *m)
{
	run_with_thread(m, NULL);
}

/* It died of what the host did, and one line says where. */
static void assert_crashed(const struct machine_run *m, const char *what)
{
	const struct vm_result *r = &m->result;

	if (r->stop != VM_STOP_CRASH ||
	    vm_exit_status(r) != EXIT_STATUS_CRASH ||
	    strstr(r->text, "vCPU ") == NULL ||
	    strstr(r->text, "pc 0x") == NULL || strchr(r->text, '\n') != NULL)
		fail_msg("%s: %s, '%s'", what, vm_stop_name(r->stop), r->text);
	if (what != NULL && strcasestr(r->text, what) == NULL)
		fail_msg("no '%s' in '%s'", what, r->text);
}

/*
 * Exits.
 */

static int run_fails(struct kvm_run *run, void *arg)
{
	run->exit_reason = 0;
	return (int)(intptr_t)arg;
}

static int leave_with(struct kvm_run *run, void *arg)
{
	run->exit_reason = (uint32_t)(uintptr_t)arg;
	memset(&run->hw, 0, sizeof(run->hw));
	return 0;
}

/* A guest on vCPU 1 that does nothing but to store where no device is. */
static int spin(struct kvm_run *run, void *arg);

static void start_spinning(unsigned vcpu, struct machine_run *m)
{
	const struct fake_exit exit = { spin, NULL, m };

	fake_kvm_script(vcpu, &exit, 1);
}

static int spin(struct kvm_run *run, void *arg)
{
	struct machine_run *m = arg;

	__atomic_add_fetch(&m->exits, 1, __ATOMIC_SEQ_CST);
	start_spinning(1, m);
	return exit_store(run, UINT64_C(1) << 50, 0, 4);
}

/* Where vCPUs begin offline, somebody starts them, as a guest's call does. */
static void go_online(struct vm *vm)
{
	for (unsigned i = 1; i < vm->cfg->cpus; i++) {
		if (vcpu_claim(&vm->vcpus[i]))
			vcpu_release(&vm->vcpus[i], true);
	}
}

/* The vCPU stores where nothing is until vCPU 1 was seen to spin. */
static int wait_for_spin(struct kvm_run *run, void *arg)
{
	struct machine_run *m = arg;

	go_online(m->vm);
	while (m->cfg.cpus > 1 &&
	       __atomic_load_n(&m->exits, __ATOMIC_SEQ_CST) < 100)
		sched_yield();
	return exit_store(run, UINT64_C(1) << 50, 0, 4);
}

static void run_with(struct machine_run *m, unsigned cpus,
		     struct fake_exit last)
{
	begin(m, cpus);

	const struct fake_exit exits[] = { { wait_for_spin, NULL, m }, last };

	if (cpus > 1)
		start_spinning(1, m);
	fake_kvm_script(0, exits, ARRAY_SIZE(exits));
	run_and_end(m);
}

static const unsigned cpu_counts[] = { 1, 4 };

static void errors_end_the_machine(void **state)
{
	static const int codes[] = { EFAULT, EINVAL, ENOMEM, EIO,
				     ENODEV, EPERM,  ENXIO,  EOPNOTSUPP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes) * ARRAY_SIZE(cpu_counts);
	     i++) {
		int code = codes[i / ARRAY_SIZE(cpu_counts)];
		struct machine_run m;

		run_with(&m, cpu_counts[i % ARRAY_SIZE(cpu_counts)],
			 (struct fake_exit){ run_fails, NULL,
					     (void *)(intptr_t)-code });
		assert_crashed(&m, "vCPU 0");
	}
}

static void exits_end_the_machine(void **state)
{
	static const struct {
		uint32_t reason;
		const char *text;
	} cases[] = {
		{ KVM_EXIT_FAIL_ENTRY, "hardware reason 0x0" },
		{ KVM_EXIT_INTERNAL_ERROR, "internal error 0" },
		{ KVM_EXIT_UNKNOWN, "unknown reason 0" },
		{ KVM_EXIT_IO, "unknown reason 2" },
		{ 0x7fffffff, "unknown reason 2147483647" },
		{ UINT32_MAX, "unknown reason 4294967295" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(cpu_counts);
	     i++) {
		size_t n = i / ARRAY_SIZE(cpu_counts);
		struct machine_run m;

		run_with(&m, cpu_counts[i % ARRAY_SIZE(cpu_counts)],
			 (struct fake_exit){ leave_with, NULL,
					     ARG(cases[n].reason) });
		assert_crashed(&m, cases[n].text);
	}
}

/* All of them at once, as when the host runs out of memory: one line. */
static void all_vcpus_fail(void **state)
{
	static const struct fake_exit broken = { run_fails, NULL,
						 (void *)(intptr_t)-EFAULT };

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct machine_run m;

		begin(&m, 4);
		const struct fake_exit first[] = {
			{ wait_for_spin, NULL, &m },
			broken,
		};

		__atomic_store_n(&m.exits, 100, __ATOMIC_SEQ_CST);
		for (unsigned i = 1; i < 4; i++)
			fake_kvm_script(i, &broken, 1);
		fake_kvm_script(0, first, ARRAY_SIZE(first));
		run_and_end(&m);
		assert_crashed(&m, NULL);
	}
}

/*
 * What passes.
 */

static void interruptions_do_not_end_it(void **state)
{
	static const int codes[] = { EINTR, EAGAIN };
	struct fake_exit exits[ROUNDS + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct machine_run m;

		for (unsigned n = 0; n < ROUNDS; n++)
			exits[n] = (struct fake_exit){
				run_fails, NULL, (void *)(intptr_t)-codes[i]
			};
		exits[ROUNDS] = (struct fake_exit){ exit_finish, NULL,
						    ARG(FINISH_PASS) };
		begin(&m, 1);
		fake_kvm_script(0, exits, ROUNDS + 1);
		run_and_end(&m);
		assert_int_equal(m.result.stop, VM_STOP_POWEROFF);
		assert_int_equal(fake_kvm_script_left(0), 0);
	}
}

static int refuse_for_ever(struct kvm_run *run, void *arg)
{
	struct machine_run *m = arg;
	const struct fake_exit exit = { refuse_for_ever, NULL, m };

	(void)run;
	fake_kvm_script(0, &exit, 1);
	__atomic_add_fetch(&m->exits, 1, __ATOMIC_SEQ_CST);
	return -EAGAIN;
}

static void *stop_later(void *arg)
{
	struct machine_run *m = arg;

	while (__atomic_load_n(&m->exits, __ATOMIC_SEQ_CST) < 1000)
		sched_yield();
	vm_request_stop(m->vm, VM_STOP_USER, 0, "enough");
	return NULL;
}

/* KVM that never gets anywhere does not keep the user from ending it. */
static void endless_refusal_can_be_stopped(void **state)
{
	struct machine_run m;
	pthread_t thread;

	(void)state;
	begin(&m, 1);
	const struct fake_exit exit = { refuse_for_ever, NULL, &m };

	fake_kvm_script(0, &exit, 1);
	assert_int_equal(pthread_create(&thread, NULL, stop_later, &m), 0);
	run_with_thread(&m, &thread);
	assert_int_equal(m.result.stop, VM_STOP_USER);
}

/*
 * While pausing: the access has to be completed, or the registers that would
 * be saved are not the guest's.
 */

struct pause {
	struct machine_run m;
	pthread_t thread;
	int ret;
};

static void *pause_it(void *arg)
{
	struct pause *p = arg;

	p->ret = vm_pause(p->m.vm);
	if (p->ret == 0) {
		vm_resume(p->m.vm);
		vm_request_stop(p->m.vm, VM_STOP_USER, 0, "was paused");
	}
	return NULL;
}

static int access_and_pause(struct kvm_run *run, void *arg)
{
	struct pause *p = arg;

	assert_int_equal(pthread_create(&p->thread, NULL, pause_it, p), 0);
	/* Only a kick ends it, and the pause is what kicks. */
	while (!__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST))
		sched_yield();
	return -EINTR;
}

static void pause_with(int code, struct pause *p)
{
	memset(p, 0, sizeof(*p));
	begin(&p->m, 1);

	const struct fake_exit exits[] = {
		{ access_and_pause, NULL, p },
		{ run_fails, NULL, (void *)(intptr_t)code },
	};

	fake_kvm_eager(true);
	fake_kvm_script(0, exits, ARRAY_SIZE(exits));
	run_with_thread(&p->m, &p->thread);
}

static void failing_completion_ends_a_pause(void **state)
{
	static const int codes[] = { EFAULT, EIO, ENOMEM };
	struct pause p;

	(void)state;
	pause_with(-EINTR, &p);
	assert_int_equal(p.ret, 0);
	assert_int_equal(p.m.result.stop, VM_STOP_USER);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		pause_with(-codes[i], &p);
		assert_int_equal(p.ret, -ECANCELED);
		assert_crashed(&p.m, "vCPU 0");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_end_the_machine),
		cmocka_unit_test(exits_end_the_machine),
		cmocka_unit_test(all_vcpus_fail),
		cmocka_unit_test(interruptions_do_not_end_it),
		cmocka_unit_test(endless_refusal_can_be_stopped),
		cmocka_unit_test(failing_completion_ends_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
