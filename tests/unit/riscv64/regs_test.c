/* SPDX-License-Identifier: Apache-2.0 */
/* Boot registers, saved and restored vCPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/riscv64/regs.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/arch.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu.h"

#define RVREG_U32(type, index)                                 \
	(KVM_REG_RISCV | KVM_REG_SIZE_U32 | (uint64_t)(type) | \
	 (uint64_t)(index))
#define RVREG_VECTOR(n)                                             \
	(KVM_REG_RISCV | KVM_REG_SIZE_U128 | KVM_REG_RISCV_VECTOR | \
	 (uint64_t)(6 + (n)))

static const struct vcpu boot_vcpu = { .id = 0, .fd = STUB_VCPU_FD };

/* In KVM's order, which is not the order to restore in. */
static void add_registers(void)
{
	stub_reset();
	stub_add(RVREG_CONFIG(isa), 0x112d);
	stub_add(RVREG_CONFIG(satp_mode), 10);
	for (unsigned i = 0; i < 32; i++)
		stub_add(RVREG_X(i), 0x1000 + i);
	stub_add(RVREG_MODE, KVM_RISCV_MODE_S);
	stub_add(RVREG_CSR(satp), 0x8000000000080000);
	stub_add(RVREG_CSR(sstatus), 0x200000000);
	stub_add(RVREG_TIMER(frequency), 10000000);
	stub_add(RVREG_TIMER(time), 123456789);
	stub_add(RVREG_TIMER(compare), 123999999);
	stub_add(RVREG_TIMER(state), KVM_RISCV_TIMER_STATE_ON);
	stub_add(RVREG_U32(KVM_REG_RISCV_FP_F, 32), 0xe0);
	stub_add(RVREG_VECTOR(3), 0);
	memcpy(stub_find(RVREG_VECTOR(3))->value, "0123456789abcdef", 16);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSTC), 1);
	stub_add(RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN), 1);
	stub_add(RVREG_U64(KVM_REG_RISCV_SBI_STATE, 0), UINT64_MAX);
	stub.mp_state = KVM_MP_STATE_RUNNABLE;
}

static int setup(void **state)
{
	(void)state;
	add_registers();
	return 0;
}

static void boot_registers(void **state)
{
	const struct vcpu other = { .id = 3, .fd = STUB_VCPU_FD };
	struct error err = { 0 };

	(void)state;
	stub_add(RVREG_MODE, KVM_RISCV_MODE_U);
	assert_int_equal(
		regs_set_boot(&boot_vcpu, 0x80200000, 0x87e00000, &err), 0);
	assert_int_equal(stub_value(RVREG_PC), 0x80200000);
	assert_int_equal(stub_value(RVREG_A0), 0);
	assert_int_equal(stub_value(RVREG_A1), 0x87e00000);
	assert_int_equal(stub_value(RVREG_CSR(satp)), 0);
	assert_int_equal(stub_value(RVREG_MODE), KVM_RISCV_MODE_S);
	assert_int_equal(regs_set_boot(&other, 0, 0, &err), 0);
	assert_int_equal(stub_value(RVREG_A0), 3);

	stub_find(RVREG_A1)->set_error = -EINVAL;
	assert_int_equal(regs_set_boot(&boot_vcpu, 0, 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "register a1 of vCPU 0"));
}

static void description_is_bounded(void **state)
{
	char buf[200], small[24];

	(void)state;
	arch_vcpu_describe(&boot_vcpu, buf, sizeof(buf));
	assert_string_equal(buf, "pc 0x1000, ra 0x1001, sp 0x1002");
	/* What does not fit as a whole is left out. */
	arch_vcpu_describe(&boot_vcpu, small, sizeof(small));
	assert_string_equal(small, "pc 0x1000, ra 0x1001");
	arch_vcpu_describe(&boot_vcpu, small, 1);
	assert_string_equal(small, "");
	stub.nr_regs = 0;
	arch_vcpu_describe(&boot_vcpu, buf, sizeof(buf));
	assert_string_equal(buf, "");
}

/* A section's body without the stream around it. */
static void save(struct vcpu *vcpu, struct snap_writer *w)
{
	*w = (struct snap_writer){ 0 };
	assert_int_equal(arch_vcpu_save(vcpu, w), 0);
	assert_int_equal(w->error, 0);
}

static int restore(unsigned id, const void *data, size_t len)
{
	struct vcpu vcpu = { .id = id, .fd = STUB_VCPU_FD };
	struct snap_reader r = { .data = data, .len = len, .end = len };

	stub.nr_writes = 0;
	stub.nr_mp_sets = 0;
	int ret = arch_vcpu_restore(&vcpu, &r, ARCH_VCPU_STATE_VERSION);
	/* What was read is all of it. */
	if (ret == 0)
		assert_int_equal(snap_left(&r), 0);
	return ret;
}

static unsigned written_at(uint64_t id)
{
	for (unsigned i = 0; i < stub.nr_writes; i++) {
		if (stub.writes[i] == id)
			return i;
	}
	fail_msg("register 0x%llx was not written", (unsigned long long)id);
	return 0;
}

static bool was_written(uint64_t id)
{
	for (unsigned i = 0; i < stub.nr_writes; i++) {
		if (stub.writes[i] == id)
			return true;
	}
	return false;
}

static void saved_state_comes_back(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w;

	(void)state;
	stub.mp_state = KVM_MP_STATE_STOPPED;
	save(&vcpu, &w);

	static struct stub before;

	before = stub;
	for (unsigned i = 0; i < stub.nr_regs; i++)
		memset(stub.regs[i].value, 0, sizeof(stub.regs[i].value));
	stub.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(restore(0, w.data, w.len), 0);
	for (unsigned i = 0; i < stub.nr_regs; i++)
		assert_memory_equal(stub.regs[i].value, before.regs[i].value,
				    stub_size(stub.regs[i].id));
	assert_int_equal(stub.mp_state, KVM_MP_STATE_STOPPED);
	assert_int_equal(stub.nr_mp_sets, 1);
	assert_int_equal(stub.nr_writes, stub.nr_regs);
	snap_writer_free(&w);
}

static void order_of_restore(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w;

	(void)state;
	save(&vcpu, &w);
	assert_int_equal(restore(0, w.data, w.len), 0);

	unsigned state_at = written_at(RVREG_TIMER(state));
	unsigned compare_at = written_at(RVREG_TIMER(compare));
	unsigned time_at = written_at(RVREG_TIMER(time));

	assert_int_equal(state_at, stub.nr_writes - 1);
	assert_int_equal(compare_at, stub.nr_writes - 2);
	assert_int_equal(time_at, stub.nr_writes - 3);
	for (unsigned i = 0; i < 32; i++) {
		assert_true(written_at(RVREG_X(i)) >
			    written_at(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSTC)));
		assert_true(written_at(RVREG_X(i)) >
			    written_at(RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN)));
		assert_true(written_at(RVREG_X(i)) >
			    written_at(RVREG_CONFIG(isa)));
	}
	snap_writer_free(&w);
}

/* The time is the machine's, not the hart's. */
static void only_vcpu_0_sets_the_time(void **state)
{
	struct vcpu vcpu = { .id = 1, .fd = STUB_VCPU_FD };
	struct snap_writer w;

	(void)state;
	save(&vcpu, &w);
	assert_int_equal(restore(1, w.data, w.len), 0);
	assert_false(was_written(RVREG_TIMER(time)));
	assert_true(was_written(RVREG_TIMER(compare)));
	snap_writer_free(&w);
}

/* KVM refuses to switch off a timer that is off. */
static void timer_that_is_off_is_left_alone(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w;

	(void)state;
	stub_add(RVREG_TIMER(state), KVM_RISCV_TIMER_STATE_OFF)->set_error =
		-EINVAL;
	save(&vcpu, &w);
	assert_int_equal(restore(0, w.data, w.len), 0);
	assert_true(was_written(RVREG_TIMER(compare)));
	snap_writer_free(&w);
}

static void register_that_is_listed_but_absent(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w;

	(void)state;
	stub_find(RVREG_CSR(sstatus))->get_error = -ENOENT;
	save(&vcpu, &w);
	assert_int_equal(restore(0, w.data, w.len), 0);
	assert_false(was_written(RVREG_CSR(sstatus)));
	snap_writer_free(&w);
}

static void failures_of_kvm_are_passed_on(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w = { 0 };

	(void)state;
	stub_find(RVREG_CSR(sstatus))->get_error = -EIO;
	assert_int_equal(arch_vcpu_save(&vcpu, &w), -EIO);
	snap_writer_free(&w);

	add_registers();
	save(&vcpu, &w);
	stub_find(RVREG_CSR(sstatus))->set_error = -EBUSY;
	assert_int_equal(restore(0, w.data, w.len), -EBUSY);
	assert_int_equal(stub.nr_mp_sets, 0);
	snap_writer_free(&w);
}

/* Every call fails once: nothing leaks, no failure is lost. */
static void any_call_may_fail(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	int ret = -EIO;

	(void)state;
	for (unsigned n = 1; ret != 0; n++) {
		struct snap_writer w = { 0 };

		stub.calls = 0;
		stub.fail_at = n;
		ret = arch_vcpu_save(&vcpu, &w);
		if (ret == 0)
			ret = restore(0, w.data, w.len);
		snap_writer_free(&w);
		assert_true(ret == 0 || ret == -EIO);
		assert_int_equal(ret == 0, stub.calls < n);
	}
}

static void vcpu_of_a_richer_host(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w;
	const uint64_t zba = RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZBA);

	(void)state;
	/* The guest did not have what this host lacks: fine. */
	stub_add(zba, 0);
	save(&vcpu, &w);
	stub_find(zba)->id = RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZBB);
	stub_find(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZBB))->unlisted = true;
	assert_int_equal(restore(0, w.data, w.len), 0);
	snap_writer_free(&w);

	/* The guest had it. */
	add_registers();
	stub_add(zba, 1);
	save(&vcpu, &w);
	stub_find(zba)->unlisted = true;
	assert_int_equal(restore(0, w.data, w.len), -ENXIO);
	/* KVM lists it, but cannot give it to this guest. */
	stub_find(zba)->unlisted = false;
	stub_find(zba)->set_error = -EOPNOTSUPP;
	assert_int_equal(restore(0, w.data, w.len), -ENXIO);
	snap_writer_free(&w);
}

static int restore_one(uint64_t id, uint32_t size, const void *value,
		       size_t len, uint32_t mp_state)
{
	struct snap_writer w = { 0 };

	snap_put_u64(&w, id);
	snap_put_u32(&w, size);
	snap_put_bytes(&w, value, len);
	snap_put_u64(&w, 0);
	snap_put_u32(&w, mp_state);
	int ret = restore(0, w.data, w.len);
	snap_writer_free(&w);
	return ret;
}

static void hostile_streams_are_refused(void **state)
{
	static const uint8_t zeros[4096];
	const uint64_t multi = RVREG_U64(
		KVM_REG_RISCV_ISA_EXT | KVM_REG_RISCV_ISA_MULTI_EN, 0);

	(void)state;
	assert_int_equal(restore_one(RVREG_PC, 8, zeros, 8, 0), 0);
	/* A size that is not the register's. */
	assert_true(restore_one(RVREG_PC, 4, zeros, 4, 0) < 0);
	assert_true(restore_one(RVREG_PC, 0, zeros, 0, 0) < 0);
	assert_true(restore_one(RVREG_PC, UINT32_MAX, zeros, 8, 0) < 0);
	/* A size that no register has. */
	assert_true(restore_one(RVREG_PC | KVM_REG_SIZE_MASK, 32768, zeros,
				4096, 0) < 0);
	/* Registers that KVM does not list, whatever they would do. */
	assert_true(restore_one(1, 1, zeros, 1, 0) < 0);
	assert_true(restore_one(RVREG_X(64), 8, zeros, 8, 0) < 0);
	assert_true(restore_one(multi, 8, "\1\0\0\0\0\0\0", 8, 0) < 0);
	assert_true(restore_one(UINT64_MAX, 8, zeros, 8, 0) < 0);
	/* States that a hart of ours is never in. */
	assert_int_equal(
		restore_one(RVREG_PC, 8, zeros, 8, KVM_MP_STATE_STOPPED), 0);
	assert_true(restore_one(RVREG_PC, 8, zeros, 8, 1) < 0);
	assert_true(restore_one(RVREG_PC, 8, zeros, 8, UINT32_MAX) < 0);
	assert_int_equal(stub.nr_mp_sets, 0);
}

static void truncated_streams_are_refused(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_writer w;

	(void)state;
	save(&vcpu, &w);
	for (size_t len = 0; len < w.len; len++)
		assert_true(restore(0, w.data, len) < 0);
	assert_int_equal(restore(0, w.data, w.len), 0);
	snap_writer_free(&w);
}

static void other_versions_are_refused(void **state)
{
	struct vcpu vcpu = boot_vcpu;
	struct snap_reader r = { 0 };

	(void)state;
	assert_true(arch_vcpu_restore(&vcpu, &r, 0) < 0);
	assert_true(arch_vcpu_restore(&vcpu, &r, ARCH_VCPU_STATE_VERSION + 1) <
		    0);
	assert_int_equal(stub.calls, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(boot_registers),
		TEST(description_is_bounded),
		TEST(saved_state_comes_back),
		TEST(order_of_restore),
		TEST(only_vcpu_0_sets_the_time),
		TEST(timer_that_is_off_is_left_alone),
		TEST(register_that_is_listed_but_absent),
		TEST(failures_of_kvm_are_passed_on),
		TEST(any_call_may_fail),
		TEST(vcpu_of_a_richer_host),
		TEST(hostile_streams_are_refused),
		TEST(truncated_streams_are_refused),
		TEST(other_versions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
