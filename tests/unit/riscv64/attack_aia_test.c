/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's kernel as the victim: kernels up to 6.19 crash when a vCPU runs
 * before the AIA is initialised. In every life of a machine, none does.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/riscv64/irqchips.h"
#include "tests/unit/riscv64/vm_fixture.h"

#define CONFIG KVM_DEV_RISCV_AIA_GRP_CONFIG
#define CTRL   KVM_DEV_RISCV_AIA_GRP_CTRL
#define INIT   KVM_DEV_RISCV_AIA_CTRL_INIT

/* What the attribute has in a life in which it was not set yet. */
#define NOT_YET 99

#define NR_CPUS 4

struct seen {
	unsigned early;
	unsigned entered;
	unsigned others;
};

/* What every vCPU finds when it enters the guest. */
static void look(struct seen *seen)
{
	uint64_t value;

	if (!fake_kvm_attr(CTRL, INIT, &value) || value == NOT_YET)
		__atomic_add_fetch(&seen->early, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&seen->entered, 1, __ATOMIC_SEQ_CST);
}

static int enter(struct kvm_run *run, void *arg)
{
	(void)run;
	look(arg);
	return -EINTR;
}

static int enter_other(struct kvm_run *run, void *arg)
{
	struct seen *seen = arg;

	(void)run;
	look(seen);
	__atomic_add_fetch(&seen->others, 1, __ATOMIC_SEQ_CST);
	return -EINTR;
}

/* The attribute is forgotten when nobody else will look at it; main() has a
 * limit. */
static int enter_and_reset(struct kvm_run *run, void *arg)
{
	struct seen *seen = arg;

	look(seen);
	while (__atomic_load_n(&seen->others, __ATOMIC_SEQ_CST) < NR_CPUS - 1)
		sched_yield();
	fake_kvm_set_attr(CTRL, INIT, NOT_YET);
	return exit_reset(run, ARG(1));
}

static int enter_and_end(struct kvm_run *run, void *arg)
{
	look(arg);
	return exit_shutdown(run, NULL);
}

static void nothing_runs_before_the_aia(void **state)
{
	struct seen seen = { 0 };
	const struct fake_exit boot[] = {
		{ enter, NULL, &seen },
		{ enter_and_reset, NULL, &seen },
		{ enter, NULL, &seen },
		{ enter_and_reset, NULL, &seen },
		{ enter_and_end, NULL, &seen },
	};
	const struct fake_exit other = { enter_other, NULL, &seen };
	struct fixture f;

	(void)state;
	fixture_init(&f, "--cpus 4");
	fake_kvm_set_cap(KVM_CAP_IRQCHIP, 1);
	fake_kvm_set_attr(CONFIG, KVM_DEV_RISCV_AIA_CONFIG_IDS, 255);
	fake_kvm_script(0, boot, ARRAY_SIZE(boot));
	for (unsigned i = 1; i < NR_CPUS; i++)
		fake_kvm_script(i, &other, 1);

	struct vm *vm = build(&f);

	assert_ptr_equal(vm->irqchip->ops, &aia_ops);
	struct vm_result result = run(vm);

	vm_destroy(vm);
	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	assert_true(seen.entered >= ARRAY_SIZE(boot));
	assert_int_equal(seen.early, 0);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_runs_before_the_aia),
	};

	/* Some vCPU has never entered the guest. */
	alarm(60);
	install_kick_handler();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
