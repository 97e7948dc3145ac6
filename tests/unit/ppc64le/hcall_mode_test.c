/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: process table, modes, CPU characteristics. */
#include "tests/unit/ppc64le/core_fixture.h"

#define H_REGISTER_PROC_TBL       0x37c
#define H_SET_MODE                0x31c
#define H_GET_CPU_CHARACTERISTICS 0x1c8

#define MODIFY                    0x10U
#define REGISTER                  0x08U
#define RADIX                     0x04U
#define HASH                      0x02U
#define GTSE                      0x01U

#define RESOURCE_AIL              3U
#define RESOURCE_LE               4U

static void process_table_is_registered(void **state)
{
	struct core *c = *state;
	struct kvm_ppc_mmuv3_cfg cfg = { 0 };

	assert_int_equal(CORE_CALL(c, 0, H_REGISTER_PROC_TBL,
				   MODIFY | REGISTER | RADIX | GTSE, 0x2f0000,
				   0, 4),
			 H_SUCCESS);
	assert_int_equal(
		fake_kvm_taken(KVM_PPC_CONFIGURE_V3_MMU, &cfg, sizeof(cfg)), 1);
	assert_true(cfg.flags == (KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE));
	assert_true(cfg.process_table == 0x80000000002f0004);
	assert_true(c->machine.process_table == 0x80000000002f0004);
	assert_true(c->machine.gtse);

	/* The largest of everything. */
	assert_int_equal(CORE_CALL(c, 0, H_REGISTER_PROC_TBL,
				   MODIFY | REGISTER | RADIX,
				   0x0ffffffffffff000, 0, 24),
			 H_SUCCESS);
	fake_kvm_taken(KVM_PPC_CONFIGURE_V3_MMU, &cfg, sizeof(cfg));
	assert_true(cfg.flags == KVM_PPC_MMUV3_RADIX);
	assert_true(cfg.process_table == 0x8ffffffffffff018);
	assert_false(c->machine.gtse);

	/* It stays as it is, but for the translation of its entries. */
	assert_int_equal(
		CORE_CALL(c, 0, H_REGISTER_PROC_TBL, RADIX | GTSE, 1, 2, 3),
		H_SUCCESS);
	assert_true(c->machine.process_table == 0x8ffffffffffff018);
	assert_true(c->machine.gtse);

	assert_int_equal(
		CORE_CALL(c, 0, H_REGISTER_PROC_TBL, MODIFY | RADIX, 1, 2, 3),
		H_SUCCESS);
	fake_kvm_taken(KVM_PPC_CONFIGURE_V3_MMU, &cfg, sizeof(cfg));
	assert_true(cfg.process_table == MACHINE_RADIX);
	assert_true(c->machine.process_table == MACHINE_RADIX);
}

static void process_tables_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t flags, table, page, size;
		int64_t ret;
	} bad[] = {
		{ 0x20, 0, 0, 0, H_PARAMETER },
		{ UINT64_MAX, 0, 0, 0, H_PARAMETER },
		{ UINT64_C(1) << 32, 0, 0, 0, H_PARAMETER },
		{ MODIFY | REGISTER | RADIX, 0x1001, 0, 4, H_P2 },
		{ MODIFY | REGISTER | RADIX, 0xfff, 0, 4, H_P2 },
		{ MODIFY | REGISTER | RADIX, UINT64_C(1) << 60, 0, 4, H_P2 },
		{ MODIFY | REGISTER | RADIX, UINT64_C(1) << 63, 0, 4, H_P2 },
		{ MODIFY | REGISTER | RADIX, 0x1000, 1, 4, H_P3 },
		{ MODIFY | REGISTER | RADIX, 0x1000, UINT64_MAX, 4, H_P3 },
		{ MODIFY | REGISTER | RADIX, 0x1000, 0, 25, H_P4 },
		{ MODIFY | REGISTER | RADIX, 0x1000, 0, UINT64_MAX, H_P4 },
		/* Hash tables, and a kind that is not the current one. */
		{ MODIFY | REGISTER, 0, 0, 0, H_PARAMETER },
		{ MODIFY | REGISTER | HASH, 0x1000, 0, 4, H_PARAMETER },
		{ 0, 0, 0, 0, H_PARAMETER },
		{ GTSE, 0, 0, 0, H_PARAMETER },
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(CORE_CALL(c, 0, H_REGISTER_PROC_TBL,
					   bad[i].flags, bad[i].table,
					   bad[i].page, bad[i].size),
				 bad[i].ret);
	assert_int_equal(fake_kvm_taken(KVM_PPC_CONFIGURE_V3_MMU, NULL, 0), 0);
	assert_true(c->machine.process_table == MACHINE_RADIX);
}

/* What KVM refuses is not remembered. */
static void process_table_that_kvm_refuses(void **state)
{
	static const struct {
		int error;
		int64_t ret;
	} errors[] = {
		{ -EINVAL, H_PARAMETER },
		{ -ENODEV, H_NOT_AVAILABLE },
		{ -EBUSY, H_HARDWARE },
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fake_kvm_refuse(KVM_PPC_CONFIGURE_V3_MMU, errors[i].error);
		assert_int_equal(CORE_CALL(c, 0, H_REGISTER_PROC_TBL,
					   MODIFY | REGISTER | RADIX | GTSE,
					   0x1000, 0, 4),
				 errors[i].ret);
		assert_true(c->machine.process_table == MACHINE_RADIX);
		assert_false(c->machine.gtse);
	}
}

static void serve_all(struct core *c)
{
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(core_serve(c, i), MACHINE_REQUEST_MODE);
}

static void endian_and_ail_reach_all_vcpus(void **state)
{
	const uint64_t rest = CORE_LPCR & ~(LPCR_ILE | LPCR_AIL);
	struct core *c = *state;

	core_all_online(c);
	assert_int_equal(CORE_CALL(c, 1, H_SET_MODE, 1, RESOURCE_LE, 0, 0),
			 H_SUCCESS);
	serve_all(c);
	for (unsigned i = 0; i < CPUS; i++)
		assert_true(core_lpcr(i) == (rest | LPCR_ILE));

	assert_int_equal(CORE_CALL(c, 2, H_SET_MODE, 3, RESOURCE_AIL, 0, 0),
			 H_SUCCESS);
	serve_all(c);
	for (unsigned i = 0; i < CPUS; i++)
		assert_true(core_lpcr(i) == (rest | LPCR_ILE | LPCR_AIL));

	assert_int_equal(CORE_CALL(c, 0, H_SET_MODE, 0, RESOURCE_LE, 0, 0),
			 H_SUCCESS);
	assert_int_equal(CORE_CALL(c, 0, H_SET_MODE, 0, RESOURCE_AIL, 0, 0),
			 H_SUCCESS);
	serve_all(c);
	for (unsigned i = 0; i < CPUS; i++)
		assert_true(core_lpcr(i) == rest);
}

/* A vCPU that starts is as the others are by then. */
static void late_vcpu_gets_the_modes(void **state)
{
	struct core *c = *state;

	CORE_CALL(c, 0, H_SET_MODE, 1, RESOURCE_LE, 0, 0);
	CORE_CALL(c, 0, H_SET_MODE, 3, RESOURCE_AIL, 0, 0);
	assert_int_equal(core_lpcr(3) & (LPCR_ILE | LPCR_AIL), 0);
	assert_true(vcpu_claim(&c->f.vcpus[3]));
	vcpu_release(&c->f.vcpus[3], true);
	assert_int_equal(core_serve(c, 3), VCPU_REQUEST_START);
	assert_int_equal(core_lpcr(3) & (LPCR_ILE | LPCR_AIL),
			 LPCR_ILE | LPCR_AIL);
}

static void modes_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t flags, resource, v1, v2;
		int64_t ret;
	} bad[] = {
		{ 1, 0, 0, 0, H_P2 },
		/* KVM's own */
		{ 0, 1, 0, 0, H_P2 },
		{ 0, 2, 0, 0, H_P2 },
		{ 0, 5, 0, 0, H_P2 },
		{ 1, UINT64_MAX, 0, 0, H_P2 },
		{ 1, (UINT64_C(1) << 32) + RESOURCE_LE, 0, 0, H_P2 },
		{ 1, RESOURCE_LE, 1, 0, H_P3 },
		{ 1, RESOURCE_LE, 0, 1, H_P4 },
		{ 3, RESOURCE_AIL, UINT64_MAX, 1, H_P3 },
		{ 3, RESOURCE_AIL, 0, UINT64_MAX, H_P4 },
		{ 2, RESOURCE_LE, 0, 0, H_UNSUPPORTED_FLAG(62) },
		{ UINT64_MAX, RESOURCE_LE, 0, 0, H_UNSUPPORTED_FLAG(0) },
		{ 1, RESOURCE_AIL, 0, 0, H_UNSUPPORTED_FLAG(63) },
		{ 2, RESOURCE_AIL, 0, 0, H_UNSUPPORTED_FLAG(62) },
		{ 4, RESOURCE_AIL, 0, 0, H_UNSUPPORTED_FLAG(61) },
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(CORE_CALL(c, 0, H_SET_MODE, bad[i].flags,
					   bad[i].resource, bad[i].v1,
					   bad[i].v2),
				 bad[i].ret);
		assert_int_equal(c->f.vcpus[0].requests, 0);
	}
	assert_false(c->machine.ile);
	assert_int_equal(c->machine.ail, 0);

	c->machine.caps.ail3 = false;
	assert_int_equal(CORE_CALL(c, 0, H_SET_MODE, 3, RESOURCE_AIL, 0, 0),
			 H_UNSUPPORTED_FLAG(62));
	assert_int_equal(CORE_CALL(c, 0, H_SET_MODE, 0, RESOURCE_AIL, 0, 0),
			 H_SUCCESS);
}

/* KVM refuses a vCPU's register: the guest could not live on. */
static void vcpu_that_does_not_take_the_mode(void **state)
{
	struct core *c = *state;

	CORE_CALL(c, 0, H_SET_MODE, 1, RESOURCE_LE, 0, 0);
	fake_kvm_refuse_reg(KVM_REG_PPC_LPCR_64, -EINVAL);
	core_serve(c, 0);
	assert_int_equal(c->f.vm->stop, VM_STOP_CRASH);
	assert_non_null(strstr(c->f.vm->result.text, "vCPU 0"));
}

#define STORM 50U

/*
 * All vCPUs change the mode at once, with their threads: nobody waits for
 * anybody forever, and in the end all agree.
 */
static void storm_of_modes(void **state)
{
	struct core *c = *state;
	struct core_hcall calls[CPUS];

	core_all_online(c);
	for (unsigned i = 0; i < CPUS; i++) {
		calls[i] = (struct core_hcall){
			.nr = H_SET_MODE,
			.args = { i % 2, RESOURCE_LE, 0, 0 },
		};
		core_script(i, &calls[i], STORM);
	}
	alarm(WAIT_SECONDS);
	fixture_start(&c->f);
	for (unsigned i = 0; i < CPUS; i++) {
		await_count(&calls[i].done, STORM);
		assert_int_equal(calls[i].ret, H_SUCCESS);
	}
	assert_int_equal(vm_pause(c->f.vm), 0);
	alarm(0);
	/* One may have been asked after it had stopped for the pause. */
	for (unsigned i = 0; i < CPUS; i++)
		core_serve(c, i);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal((core_lpcr(i) & LPCR_ILE) != 0,
				 c->machine.ile);
	vm_resume(c->f.vm);
}

static void cpu_characteristics(void **state)
{
	struct core *c = *state;

	assert_int_equal(CORE_CALL(c, 0, H_GET_CPU_CHARACTERISTICS),
			 H_FUNCTION);
	assert_true(c->call.args[0] == CORE_JUNK(0));
	c->machine.caps.cpu_char = true;
	c->machine.caps.character = 0x3c40000000000000;
	c->machine.caps.behaviour = 0xe400000000000000;
	assert_int_equal(CORE_CALL(c, 0, H_GET_CPU_CHARACTERISTICS), H_SUCCESS);
	assert_true(c->call.args[0] == 0x3c40000000000000);
	assert_true(c->call.args[1] == 0xe400000000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(process_table_is_registered),
		CORE_TEST(process_tables_that_make_no_sense),
		CORE_TEST(process_table_that_kvm_refuses),
		CORE_TEST(endian_and_ail_reach_all_vcpus),
		CORE_TEST(late_vcpu_gets_the_modes),
		CORE_TEST(modes_that_make_no_sense),
		CORE_TEST(vcpu_that_does_not_take_the_mode),
		CORE_TEST(storm_of_modes),
		CORE_TEST(cpu_characteristics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
