/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: join, prod, system reset, random numbers, caches. */
#include "tests/unit/ppc64le/core_fixture.h"

#define H_JOIN             0x298
#define H_PROD             0xe8
#define H_SIGNAL_SYS_RESET 0x380
#define H_RANDOM           0x300

/* Whether KVM answers H_PROD by itself, as it does from the beginning. */
static bool kvm_has_prod(void)
{
	uint64_t enabled = 1;

	fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL, H_PROD, &enabled);
	return enabled != 0;
}

static void unknown_calls(void **state)
{
	static const uint64_t unknown[] = {
		0,    2,     0x44,   0x48,       0x54 + 1,
		0xe9, 0x3fc, 0xf800, UINT64_MAX, (UINT64_C(1) << 32) + H_RANDOM,
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_int_equal(core_call(c, 0, unknown[i], unknown, 0),
				 H_FUNCTION);
		assert_true(c->call.args[0] == CORE_JUNK(0));
		assert_true(c->call.args[1] == CORE_JUNK(1));
	}
}

/* Each number has one function, and there is a name to show. */
static void tables_are_sane(void **state)
{
	static const struct hcall_entry *const groups[] = {
		hcalls_vty, hcalls_rtas, hcalls_mode, hcalls_cpu,
		hcalls_mem, hcalls_tce,  hcalls_xics,
	};
	uint64_t seen[64];
	size_t count = 0;

	(void)state;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct hcall_entry *e = groups[g]; e->fn != NULL;
		     e++) {
			assert_non_null(e->name);
			for (size_t i = 0; i < count; i++)
				assert_true(seen[i] != e->nr);
			assert_true(count < ARRAY_SIZE(seen));
			seen[count++] = e->nr;
		}
	}
	assert_true(count >= 12);
}

static void random_numbers(void **state)
{
	struct core *c = *state;

	assert_int_equal(CORE_CALL(c, 0, H_RANDOM), H_SUCCESS);
	uint64_t first = c->call.args[0];
	assert_true(first != CORE_JUNK(0));
	assert_true(c->call.args[1] == CORE_JUNK(1));
	assert_int_equal(CORE_CALL(c, 0, H_RANDOM), H_SUCCESS);
	assert_true(c->call.args[0] != first);
}

static void caches(void **state)
{
	struct core *c = *state;

	assert_int_equal(CORE_CALL(c, 0, 0x4c, UINT64_MAX), H_SUCCESS);
	assert_int_equal(CORE_CALL(c, 0, 0x50, UINT64_MAX), H_SUCCESS);
	assert_true(c->call.args[0] == UINT64_MAX);
}

static void join_wants_interrupts_off(void **state)
{
	const struct kvm_regs regs = { .msr = MSR_SF | MSR_EE };
	struct core *c = *state;

	core_all_online(c);
	core_set_regs(c, 0, &regs);
	assert_int_equal(CORE_CALL(c, 0, H_JOIN), H_BAD_MODE);
	assert_int_equal(c->f.vcpus[0].power, VCPU_ONLINE);
	assert_true(kvm_has_prod());

	/* Registers that KVM does not give are not taken for such. */
	fake_kvm_fail_nth(1, -EIO);
	assert_int_equal(CORE_CALL(c, 0, H_JOIN), H_HARDWARE);
	assert_int_equal(c->f.vcpus[0].power, VCPU_ONLINE);
}

static void last_one_does_not_join(void **state)
{
	struct core *c = *state;

	assert_int_equal(CORE_CALL(c, 0, H_JOIN), H_CONTINUE);
	assert_int_equal(c->f.vcpus[0].power, VCPU_ONLINE);
	assert_int_equal(c->machine.nr_joined, 0);
	assert_true(kvm_has_prod());
}

static void prod_ends_a_join(void **state)
{
	struct core *c = *state;
	struct core_hcall join = { .nr = H_JOIN, .args = { 1, 2, 3 } };

	core_all_online(c);
	c->f.vcpus[2].power = VCPU_OFFLINE;
	core_script(1, &join, 1);
	fixture_start(&c->f);
	await(&c->f.vcpus[1], VCPU_PARKED, VCPU_WAITING);
	/* It is at the end of its call, and H_PROD comes to us. */
	assert_int_equal(join.done, 1);
	assert_int_equal(join.ret, H_SUCCESS);
	assert_int_equal(join.out[0], 1);
	assert_false(kvm_has_prod());
	assert_int_equal(c->machine.nr_joined, 1);

	assert_int_equal(CORE_CALL(c, 0, H_PROD, CPUS), H_PARAMETER);
	assert_int_equal(CORE_CALL(c, 0, H_PROD, UINT64_MAX), H_PARAMETER);
	assert_int_equal(CORE_CALL(c, 0, H_PROD, UINT64_C(1) << 32),
			 H_PARAMETER);
	/* Others are not joined, which is fine. */
	assert_int_equal(CORE_CALL(c, 0, H_PROD, 0), H_SUCCESS);
	assert_int_equal(CORE_CALL(c, 0, H_PROD, 2), H_SUCCESS);
	assert_int_equal(CORE_CALL(c, 0, H_PROD, 3), H_SUCCESS);
	assert_int_equal(c->machine.nr_joined, 1);

	assert_int_equal(CORE_CALL(c, 0, H_PROD, 1), H_SUCCESS);
	await(&c->f.vcpus[1], VCPU_RUNNING, VCPU_ONLINE);
	assert_int_equal(c->machine.nr_joined, 0);
	assert_true(kvm_has_prod());
	assert_int_equal(c->f.vcpus[2].power, VCPU_OFFLINE);
}

/* Of all that join at once, one is told to go on. */
static void all_join(void **state)
{
	struct core *c = *state;
	struct core_hcall joins[CPUS];
	unsigned go_on = 0;

	core_all_online(c);
	for (unsigned i = 0; i < CPUS; i++) {
		joins[i] = (struct core_hcall){ .nr = H_JOIN };
		core_script(i, &joins[i], 1);
	}
	fixture_start(&c->f);
	for (unsigned i = 0; i < CPUS; i++) {
		await_count(&joins[i].done, 1);
		go_on += joins[i].ret == H_CONTINUE;
		assert_true(joins[i].ret == H_CONTINUE ||
			    joins[i].ret == H_SUCCESS);
	}
	assert_int_equal(go_on, 1);
	assert_int_equal(c->machine.nr_joined, CPUS - 1);
	assert_false(kvm_has_prod());
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(CORE_CALL(c, 0, H_PROD, i), H_SUCCESS);
	assert_int_equal(c->machine.nr_joined, 0);
	assert_true(kvm_has_prod());
}

#define STORM 40U

/* Joins and prods of all against all, while the machine pauses. */
static void storm_of_joins(void **state)
{
	struct core *c = *state;
	struct core_hcall joins[CPUS];

	core_all_online(c);
	for (unsigned i = 0; i < CPUS; i++) {
		joins[i] = (struct core_hcall){ .nr = H_JOIN };
		core_script(i, &joins[i], STORM);
	}
	alarm(WAIT_SECONDS);
	fixture_start(&c->f);
	for (unsigned done = 0; done < CPUS * STORM;) {
		assert_int_equal(vm_pause(c->f.vm), 0);
		vm_resume(c->f.vm);
		done = 0;
		for (unsigned i = 0; i < CPUS; i++) {
			CORE_CALL(c, 0, H_PROD, i);
			done += __atomic_load_n(&joins[i].done,
						__ATOMIC_SEQ_CST);
		}
	}
	alarm(0);
	for (unsigned i = 0; i < CPUS; i++)
		CORE_CALL(c, 0, H_PROD, i);
	assert_int_equal(c->machine.nr_joined, 0);
	assert_true(kvm_has_prod());
}

static void assert_reset(struct core *c, unsigned cpu, uint64_t msr,
			 uint64_t srr1)
{
	assert_int_equal(core_serve(c, cpu), MACHINE_REQUEST_RESET);

	struct kvm_regs regs = core_regs(c, cpu);
	assert_int_equal(regs.pc, 0x100);
	assert_true(regs.msr == msr);
	assert_int_equal(regs.srr0, 0xc000 + cpu);
	assert_true(regs.srr1 == srr1);
	assert_int_equal(regs.gpr[1], 0x1111);
	assert_int_equal(regs.lr, 0x2222);
}

static void set_running(struct core *c, uint64_t msr)
{
	core_all_online(c);
	for (unsigned i = 0; i < CPUS; i++) {
		struct kvm_regs regs = { .pc = 0xc000 + i,
					 .msr = msr,
					 .lr = 0x2222 };

		regs.gpr[1] = 0x1111;
		core_set_regs(c, i, &regs);
	}
}

static void system_reset(void **state)
{
	/* SF, VEC, EE, PR, ME, IR, DR, RI, LE, and what SRR1 has not. */
	const uint64_t msr = 0x800000000200d033 | 0x003c0000;
	const uint64_t srr1 = 0x800000000200d033;
	struct core *c = *state;

	set_running(c, msr);
	assert_int_equal(CORE_CALL(c, 1, H_SIGNAL_SYS_RESET, (uint64_t)-2),
			 H_SUCCESS);
	assert_int_equal(core_serve(c, 1), 0);
	assert_reset(c, 0, MSR_SF | MSR_ME, srr1);
	assert_reset(c, 2, MSR_SF | MSR_ME, srr1);
	assert_reset(c, 3, MSR_SF | MSR_ME, srr1);

	c->machine.ile = true;
	set_running(c, msr & ~MSR_ME);
	assert_int_equal(CORE_CALL(c, 1, H_SIGNAL_SYS_RESET, (uint64_t)-1),
			 H_SUCCESS);
	for (unsigned i = 0; i < CPUS; i++)
		assert_reset(c, i, MSR_SF | MSR_LE, srr1 & ~MSR_ME);

	/* Within a transaction, which is suspended. */
	set_running(c, msr | UINT64_C(2) << 33);
	assert_int_equal(CORE_CALL(c, 1, H_SIGNAL_SYS_RESET, 3), H_SUCCESS);
	assert_int_equal(core_serve(c, 0), 0);
	assert_int_equal(core_serve(c, 2), 0);
	assert_reset(c, 3, MSR_SF | MSR_ME | MSR_LE | UINT64_C(1) << 33,
		     srr1 | UINT64_C(2) << 33);
}

static void system_reset_of_nobody(void **state)
{
	static const uint64_t bad[] = {
		CPUS, 1000, (uint64_t)-3, INT64_MIN, UINT64_C(1) << 32,
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(CORE_CALL(c, 0, H_SIGNAL_SYS_RESET, bad[i]),
				 H_PARAMETER);
	/* vCPUs that are offline, or about to start, have nothing to reset. */
	assert_int_equal(CORE_CALL(c, 0, H_SIGNAL_SYS_RESET, 1), H_PARAMETER);
	assert_true(vcpu_claim(&c->f.vcpus[1]));
	assert_int_equal(CORE_CALL(c, 0, H_SIGNAL_SYS_RESET, 1), H_PARAMETER);
	assert_int_equal(CORE_CALL(c, 0, H_SIGNAL_SYS_RESET, (uint64_t)-2),
			 H_SUCCESS);
	vcpu_release(&c->f.vcpus[1], true);
	assert_int_equal(core_serve(c, 1), VCPU_REQUEST_START);
	assert_int_equal(core_serve(c, 0), 0);
	assert_int_equal(core_serve(c, 2), 0);
}

static void system_reset_of_a_joined_vcpu(void **state)
{
	struct core *c = *state;
	struct core_hcall join = { .nr = H_JOIN };

	core_all_online(c);
	core_script(1, &join, 1);
	fixture_start(&c->f);
	await(&c->f.vcpus[1], VCPU_PARKED, VCPU_WAITING);
	assert_int_equal(CORE_CALL(c, 0, H_SIGNAL_SYS_RESET, 1), H_SUCCESS);
	await(&c->f.vcpus[1], VCPU_RUNNING, VCPU_ONLINE);
	assert_true(kvm_has_prod());
	assert_int_equal(vm_pause(c->f.vm), 0);
	assert_int_equal(core_regs(c, 1).pc, 0x100);
	vm_resume(c->f.vm);
}

/* All reset all, and those that are offline are left alone. */
static void storm_of_resets(void **state)
{
	struct core *c = *state;
	struct core_hcall calls[CPUS];

	core_all_online(c);
	c->f.vcpus[3].power = VCPU_OFFLINE;
	for (unsigned i = 0; i < CPUS; i++) {
		calls[i] = (struct core_hcall){
			.nr = H_SIGNAL_SYS_RESET,
			.args = { (uint64_t)-1 },
		};
		core_script(i, &calls[i], STORM);
	}
	alarm(WAIT_SECONDS);
	fixture_start(&c->f);
	for (unsigned i = 0; i < CPUS - 1; i++)
		await_count(&calls[i].done, STORM);
	assert_int_equal(vm_pause(c->f.vm), 0);
	alarm(0);
	for (unsigned i = 0; i < CPUS - 1; i++)
		assert_int_equal(core_regs(c, i).pc, 0x100);
	assert_int_equal(core_regs(c, 3).pc, 0);
	assert_int_equal(c->f.vcpus[3].requests, 0);
	vm_resume(c->f.vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(unknown_calls),
		cmocka_unit_test(tables_are_sane),
		CORE_TEST(random_numbers),
		CORE_TEST(caches),
		CORE_TEST(join_wants_interrupts_off),
		CORE_TEST(last_one_does_not_join),
		CORE_TEST(prod_ends_a_join),
		CORE_TEST(all_join),
		CORE_TEST(storm_of_joins),
		CORE_TEST(system_reset),
		CORE_TEST(system_reset_of_nobody),
		CORE_TEST(system_reset_of_a_joined_vcpu),
		CORE_TEST(storm_of_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
