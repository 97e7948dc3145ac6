/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs of this architecture on a fake KVM: hypercalls are made on them, with
 * or without their threads.
 */
#ifndef PRIVET_TESTS_CORE_FIXTURE_H
#define PRIVET_TESTS_CORE_FIXTURE_H

#include "tests/unit/vcpu_fixture.h"

#include <string.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/regs.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

/* What KVM gives a fresh vCPU: UPRT, HR and GTSE, LPES and PECE. */
#define CORE_LPCR UINT64_C(0x0040000000f07c04)

struct core {
	struct fixture f;
	struct machine machine;
	struct hcall call;
};

static inline void core_defaults(void)
{
	fake_kvm_set_default_reg(KVM_REG_PPC_TB_OFFSET, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_LPCR_64,
				 CORE_LPCR & ~(LPCR_ILE | LPCR_AIL));
	fake_kvm_accept(KVM_PPC_CONFIGURE_V3_MMU,
			sizeof(struct kvm_ppc_mmuv3_cfg));
}

/* All vCPUs but the first are offline. */
static inline void core_init(struct core *c)
{
	struct error err = { 0 };

	memset(c, 0, sizeof(*c));
	fixture_init(&c->f, core_defaults);
	pthread_mutex_init(&c->machine.lock, NULL);
	c->machine.process_table = MACHINE_RADIX;
	c->machine.caps.ail3 = true;
	c->machine.caps.pvr = 0x004e1202;
	c->f.vm->arch = &c->machine;
	for (unsigned i = 0; i < CPUS; i++) {
		if (arch_vcpu_init(&c->f.vcpus[i], &err) < 0)
			fail_msg("%s", err.text);
	}
}

static inline void core_all_online(struct core *c)
{
	for (unsigned i = 0; i < CPUS; i++)
		c->f.vcpus[i].power = VCPU_ONLINE;
}

static inline void core_fini(struct core *c)
{
	fixture_stop(&c->f);
	fixture_fini(&c->f);
	pthread_mutex_destroy(&c->machine.lock);
}

static inline int core_setup(void **state)
{
	*state = calloc(1, sizeof(struct core));
	assert_non_null(*state);
	core_init(*state);
	return 0;
}

static inline int core_teardown(void **state)
{
	core_fini(*state);
	free(*state);
	return 0;
}

/* A value that no call returns by accident. */
#define CORE_JUNK(i) (UINT64_C(0xdead000000000000) + (i))

#define CORE_CALL(c, cpu, nr, ...)                               \
	core_call(c, cpu, nr, (const uint64_t[]){ __VA_ARGS__ }, \
		  sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

/* The registers after the call are in c->call.args. */
static inline int64_t core_call(struct core *c, unsigned cpu, uint64_t nr,
				const uint64_t *args, size_t count)
{
	c->call = (struct hcall){ .vcpu = &c->f.vcpus[cpu], .nr = nr };
	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		c->call.args[i] = i < count ? args[i] : CORE_JUNK(i);

	int64_t ret = hcall_dispatch(&c->call);
	assert_int_equal(c->call.action, EXIT_RESUME);
	/* No call here returns more than two values. */
	for (size_t i = 2; i < HCALL_NR_ARGS; i++)
		assert_true(c->call.args[i] ==
			    (i < count ? args[i] : CORE_JUNK(i)));
	return ret;
}

/* What a vCPU's thread does before it enters the guest. */
static inline unsigned core_serve(struct core *c, unsigned cpu)
{
	struct vcpu *vcpu = &c->f.vcpus[cpu];
	unsigned requests = vcpu->requests;

	vcpu->requests = 0;
	if (requests != 0)
		vcpu->serve(vcpu, requests);
	return requests;
}

static inline uint64_t core_lpcr(unsigned cpu)
{
	uint64_t lpcr = 0;

	assert_true(fake_kvm_reg(cpu, KVM_REG_PPC_LPCR_64, &lpcr));
	return lpcr;
}

static inline struct kvm_regs core_regs(struct core *c, unsigned cpu)
{
	struct kvm_regs regs;

	assert_int_equal(kvm_ppc_get_regs(c->f.vcpus[cpu].fd, &regs), 0);
	return regs;
}

static inline void core_set_regs(struct core *c, unsigned cpu,
				 const struct kvm_regs *regs)
{
	assert_int_equal(kvm_ppc_set_regs(c->f.vcpus[cpu].fd, regs), 0);
}

/**
 * struct core_hcall - A hypercall as a scripted exit
 * @ret: what the guest got, once it runs on; @done: how often that was
 */
struct core_hcall {
	uint64_t nr;
	uint64_t args[HCALL_NR_ARGS];
	uint64_t out[HCALL_NR_ARGS];
	int64_t ret;
	unsigned done;
};

static inline int core_prepare_hcall(struct kvm_run *run, void *arg)
{
	const struct core_hcall *h = arg;

	run->exit_reason = KVM_EXIT_PAPR_HCALL;
	run->papr_hcall.nr = h->nr;
	run->papr_hcall.ret = 0x77;
	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		run->papr_hcall.args[i] = h->args[i];
	return 0;
}

static inline void core_finish_hcall(struct kvm_run *run, void *arg)
{
	struct core_hcall *h = arg;

	h->ret = (int64_t)run->papr_hcall.ret;
	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		h->out[i] = run->papr_hcall.args[i];
	__atomic_add_fetch(&h->done, 1, __ATOMIC_SEQ_CST);
}

/* The next @count times that a vCPU runs, it makes this call. */
static inline void core_script(unsigned cpu, struct core_hcall *h,
			       unsigned count)
{
	struct fake_exit script[FAKE_MAX_EXITS];

	for (unsigned i = 0; i < count; i++)
		script[i] = (struct fake_exit){
			.prepare = core_prepare_hcall,
			.finish = core_finish_hcall,
			.arg = h,
		};
	fake_kvm_script(cpu, script, count);
}

#define CORE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)

#endif
