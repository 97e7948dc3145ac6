/* SPDX-License-Identifier: Apache-2.0 */
/* Registers: of a start, of a fresh vCPU, saved and restored. */
#include "tests/unit/ppc64le/core_fixture.h"

#define REG_END 0U
/* pvr, guest's time base, general registers */
#define LIST_POS (4 + 8 + sizeof(struct kvm_regs))
/* power and requests, at the end */
#define TAIL    5U

#define MISSING KVM_REG_PPC_DEXCR
#define TM_TAR  KVM_REG_PPC_TM_TAR

static void set_text(uint64_t id, const char *text)
{
	fake_kvm_set_default_reg(id, le64_load(text));
}

/* Some of each kind, and none of what needs another processor. */
static void more_registers(void)
{
	core_defaults();
	fake_kvm_set_default_reg(KVM_REG_PPC_ARCH_COMPAT, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_VPA_ADDR, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_VPA_SLB, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_DSISR, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_PMC8, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_HASHPKEYR, 0);
	set_text(KVM_REG_PPC_VSR31, "\0\0\0\0\0\0\0");
	fake_kvm_set_default_reg(KVM_REG_PPC_FPR31, 0);
	fake_kvm_set_default_reg(TM_TAR, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_DEC_EXPIRY, 0);
}

/* The same vCPUs again, with those registers. */
static int setup(void **state)
{
	core_setup(state);
	struct core *c = *state;

	core_fini(c);
	memset(c, 0, sizeof(*c));
	fixture_init(&c->f, more_registers);
	pthread_mutex_init(&c->machine.lock, NULL);
	c->machine.caps.pvr = 0x004e1202;
	c->f.vm->arch = &c->machine;
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(arch_vcpu_init(&c->f.vcpus[i], NULL), 0);
	return 0;
}

static void entry(void **state)
{
	struct kvm_regs dirty;
	struct core *c = *state;

	memset(&dirty, 0xff, sizeof(dirty));
	core_set_regs(c, 2, &dirty);
	assert_int_equal(
		regs_set_entry(&c->f.vcpus[2], 0x400000, 0x1000, 0x2000, 3), 0);

	struct kvm_regs regs = core_regs(c, 2);
	assert_int_equal(regs.pc, 0x400000);
	assert_true(regs.msr == 0x8000000000001000);
	assert_int_equal(regs.gpr[3], 0x1000);
	assert_int_equal(regs.gpr[4], 0x2000);
	assert_int_equal(regs.gpr[5], 3);
	regs.pc = regs.msr = regs.gpr[3] = regs.gpr[4] = regs.gpr[5] = 0;
	const struct kvm_regs zeros = { 0 };
	assert_memory_equal(&regs, &zeros, sizeof(regs));

	fake_kvm_refuse(KVM_SET_REGS, -EIO);
	assert_int_equal(regs_set_entry(&c->f.vcpus[2], 0, 0, 0, 0), -EIO);
}

static void fresh_vcpus(void **state)
{
	static const uint64_t hcalls[] = {
		0x10, 0x14, 0x2c, 0x3c, 0x40, 0x31c
	};
	struct core *c = *state;
	uint64_t first = 0, offset, enabled;

	assert_int_equal(fake_kvm_enabled(KVM_CAP_PPC_PAPR, 0, NULL), CPUS);
	for (size_t i = 0; i < ARRAY_SIZE(hcalls); i++) {
		assert_int_equal(fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL,
						  hcalls[i], &enabled),
				 1);
		assert_int_equal(enabled, 1);
	}
	/* This host has no generator, and no H_RPT_INVALIDATE. */
	assert_int_equal(
		fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL, 0x300, NULL), 0);
	assert_int_equal(
		fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL, 0x448, NULL), 0);

	/* Time begins at about nothing, for all alike. */
	assert_true(fake_kvm_reg(0, KVM_REG_PPC_TB_OFFSET, &first));
	assert_true(regs_timebase() + first < UINT64_C(600) * 512000000);
	for (unsigned i = 1; i < CPUS; i++) {
		assert_true(fake_kvm_reg(i, KVM_REG_PPC_TB_OFFSET, &offset));
		assert_true(offset == first);
		assert_int_equal(c->f.vcpus[i].power, VCPU_OFFLINE);
	}
	assert_int_equal(c->f.vcpus[0].power, VCPU_ONLINE);

	c->machine.caps.hwrng = true;
	c->machine.caps.rpt_invalidate = true;
	assert_int_equal(arch_vcpu_init(&c->f.vcpus[0], NULL), 0);
	assert_int_equal(
		fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL, 0x300, NULL), 1);
	assert_int_equal(
		fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL, 0x448, NULL), 1);
}

static void fresh_vcpu_that_kvm_refuses(void **state)
{
	struct core *c = *state;
	struct error err = { 0 };

	fake_kvm_refuse_reg(KVM_REG_PPC_TB_OFFSET, -EINVAL);
	assert_int_equal(arch_vcpu_init(&c->f.vcpus[3], &err), -EINVAL);
	assert_non_null(strstr(err.text, "vCPU 3"));
	fake_kvm_refuse(KVM_ENABLE_CAP, -EPERM);
	assert_int_equal(arch_vcpu_init(&c->f.vcpus[0], &err), -EPERM);
	assert_non_null(strstr(err.text, "KVM_CAP_PPC_PAPR"));
}

static void description_is_bounded(void **state)
{
	struct kvm_regs regs = { .pc = 0x100, .msr = 1, .lr = 2 };
	struct core *c = *state;
	char text[160], small[10];

	regs.gpr[1] = 3;
	regs.gpr[3] = UINT64_MAX;
	core_set_regs(c, 0, &regs);
	arch_vcpu_describe(&c->f.vcpus[0], text, sizeof(text));
	assert_string_equal(text, "pc 0x100, msr 0x1, lr 0x2, r1 0x3, "
				  "r3 0xffffffffffffffff");
	arch_vcpu_describe(&c->f.vcpus[0], small, sizeof(small));
	assert_string_equal(small, "pc 0x100,");
}

static void lpcr_keeps_other_bits(void **state)
{
	struct core *c = *state;

	fake_kvm_set_reg(1, KVM_REG_PPC_LPCR_64, 0xff0000000000ff00);
	assert_int_equal(
		regs_set_lpcr(&c->f.vcpus[1], LPCR_ILE | 0xff00, LPCR_ILE | 1),
		0);
	assert_true(core_lpcr(1) == 0xff00000002000000);
	fake_kvm_refuse_reg(KVM_REG_PPC_LPCR_64, -EIO);
	assert_int_equal(regs_set_lpcr(&c->f.vcpus[1], 1, 1), -EIO);
}

/*
 * Saved state: a section's body without the stream around it.
 */

static void save(struct core *c, unsigned cpu, struct snap_writer *w)
{
	*w = (struct snap_writer){ 0 };
	assert_int_equal(arch_vcpu_save(&c->f.vcpus[cpu], w), 0);
	assert_int_equal(w->error, 0);
}

static int restore(struct core *c, unsigned cpu, const void *data, size_t len)
{
	struct snap_reader r = { .data = data, .len = len, .end = len };
	int ret = arch_vcpu_restore(&c->f.vcpus[cpu], &r,
				    ARCH_VCPU_STATE_VERSION);

	if (ret == 0)
		assert_int_equal(snap_left(&r), 0);
	return ret;
}

/* Where a register is in the list. */
static size_t position(const struct snap_writer *w, uint64_t id)
{
	for (size_t pos = LIST_POS; pos + 8 + TAIL < w->len;) {
		uint64_t at = le64_load(w->data + pos);

		if (at == id)
			return pos;
		assert_true(at != REG_END);
		pos += 8 + (UINT64_C(1) << (at >> 52 & 0xf));
	}
	fail_msg("register 0x%llx is not in it", (unsigned long long)id);
	return 0;
}

static void saved_state_comes_back(void **state)
{
	struct core *c = *state;
	struct snap_writer w;
	struct kvm_regs regs;
	uint64_t value;

	for (size_t i = 0; i < sizeof(regs) / 8; i++)
		le64_store((uint8_t *)&regs + 8 * i, 0x1000 + i);
	core_set_regs(c, 0, &regs);
	fake_kvm_set_reg(0, KVM_REG_PPC_VPA_ADDR, 0x3000);
	fake_kvm_set_reg(0, KVM_REG_PPC_VPA_SLB, 0x4000);
	fake_kvm_set_reg(0, KVM_REG_PPC_DSISR, 0x42000000);
	fake_kvm_set_reg(0, KVM_REG_PPC_HASHPKEYR, 0x1122334455667788);
	fake_kvm_set_reg(0, KVM_REG_PPC_VSR31, 0x8877665544332211);
	fake_kvm_set_reg(0, KVM_REG_PPC_DEC_EXPIRY, 123456789);
	fake_kvm_set_reg(0, KVM_REG_PPC_LPCR_64, CORE_LPCR | LPCR_ILE);
	c->f.vcpus[0].power = VCPU_WAITING;
	c->f.vcpus[0].requests = MACHINE_REQUEST_RESET;
	save(c, 0, &w);

	/* Of another vCPU, which had nothing of it. */
	assert_int_equal(restore(c, 1, w.data, w.len), 0);
	struct kvm_regs back = core_regs(c, 1);
	assert_memory_equal(&back, &regs, sizeof(regs));
	fake_kvm_reg(1, KVM_REG_PPC_VPA_SLB, &value);
	assert_int_equal(value, 0x4000);
	fake_kvm_reg(1, KVM_REG_PPC_DSISR, &value);
	assert_int_equal(value, 0x42000000);
	fake_kvm_reg(1, KVM_REG_PPC_HASHPKEYR, &value);
	assert_true(value == 0x1122334455667788);
	fake_kvm_reg(1, KVM_REG_PPC_VSR31, &value);
	assert_true(value == 0x8877665544332211);
	fake_kvm_reg(1, KVM_REG_PPC_DEC_EXPIRY, &value);
	assert_int_equal(value, 123456789);
	assert_true(core_lpcr(1) == (CORE_LPCR | LPCR_ILE));
	assert_int_equal(c->f.vcpus[1].power, VCPU_WAITING);
	assert_int_equal(c->f.vcpus[1].requests, MACHINE_REQUEST_RESET);

	struct snap_writer again;
	c->f.vcpus[1].power = VCPU_WAITING;
	save(c, 1, &again);
	/* But for the time, which goes on. */
	assert_int_equal(again.len, w.len);
	assert_memory_equal(again.data + 12, w.data + 12, w.len - 12);
	snap_writer_free(&again);
	snap_writer_free(&w);
}

/* It is the order in which they are restored. */
static void list_is_in_order(void **state)
{
	static const uint64_t order[] = {
		KVM_REG_PPC_ARCH_COMPAT, KVM_REG_PPC_LPCR_64,
		KVM_REG_PPC_VPA_ADDR,    KVM_REG_PPC_VPA_SLB,
		KVM_REG_PPC_DSISR,       KVM_REG_PPC_HASHPKEYR,
		KVM_REG_PPC_PMC8,        KVM_REG_PPC_FPR31,
		KVM_REG_PPC_VSR31,       KVM_REG_PPC_DEC_EXPIRY,
	};
	struct core *c = *state;
	struct snap_writer w;

	save(c, 0, &w);
	assert_int_equal(position(&w, order[0]), LIST_POS);
	for (size_t i = 1; i < ARRAY_SIZE(order); i++)
		assert_true(position(&w, order[i]) >
			    position(&w, order[i - 1]));
	snap_writer_free(&w);
}

/* The first vCPU that is restored decides what time it is, for all. */
static void time_goes_on(void **state)
{
	struct core *c = *state;
	struct snap_writer first, second;
	uint64_t offset, other;

	save(c, 0, &first);
	save(c, 1, &second);
	le64_store(first.data + 4, 0x123456789abcdef);
	uint64_t before = regs_timebase();
	assert_int_equal(restore(c, 0, first.data, first.len), 0);
	uint64_t after = regs_timebase();
	assert_int_equal(restore(c, 1, second.data, second.len), 0);
	assert_true(fake_kvm_reg(0, KVM_REG_PPC_TB_OFFSET, &offset));
	assert_true(fake_kvm_reg(1, KVM_REG_PPC_TB_OFFSET, &other));
	assert_true(offset == other);
	assert_true(0x123456789abcdef - offset >= before);
	assert_true(0x123456789abcdef - offset <= after);

	/* Saved again, it has gone on from there. */
	struct snap_writer again;
	save(c, 1, &again);
	assert_true(le64_load(again.data + 4) >= 0x123456789abcdef);
	assert_true(le64_load(again.data + 4) - 0x123456789abcdef <
		    UINT64_C(600) * 512000000);
	snap_writer_free(&again);
	snap_writer_free(&first);
	snap_writer_free(&second);
}

static void transactions_are_saved_while_there_is_one(void **state)
{
	struct kvm_regs regs = { .msr = MSR_SF };
	struct core *c = *state;
	struct snap_writer without, with;

	core_set_regs(c, 0, &regs);
	save(c, 0, &without);
	regs.msr |= UINT64_C(1) << 33;
	core_set_regs(c, 0, &regs);
	save(c, 0, &with);
	assert_int_equal(with.len, without.len + 16);
	position(&with, TM_TAR);
	snap_writer_free(&without);
	snap_writer_free(&with);
}

/* Puts a register into a saved state, where it belongs in its order. */
static size_t insert(const struct snap_writer *w, size_t pos, uint64_t id,
		     uint64_t value, uint8_t *out)
{
	memcpy(out, w->data, pos);
	le64_store(out + pos, id);
	le64_store(out + pos + 8, value);
	memcpy(out + pos + 16, w->data + pos, w->len - pos);
	return w->len + 16;
}

static void registers_that_this_host_lacks(void **state)
{
	struct core *c = *state;
	struct snap_writer w;
	uint8_t data[4096];

	save(c, 0, &w);
	size_t pos = position(&w, KVM_REG_PPC_HASHPKEYR);
	size_t len = insert(&w, pos, MISSING, 1, data);
	assert_int_equal(restore(c, 0, data, len), -ENXIO);
	/* The guest did not use it. */
	len = insert(&w, pos, MISSING, 0, data);
	assert_int_equal(restore(c, 0, data, len), 0);

	/* It is there, but does not take the value. */
	fake_kvm_refuse_set(0, KVM_REG_PPC_HASHPKEYR, -EINVAL);
	assert_int_equal(restore(c, 0, w.data, w.len), -EBADMSG);
	snap_writer_free(&w);
}

static void other_processors(void **state)
{
	static const struct {
		uint32_t pvr;
		int ret;
	} pvrs[] = {
		{ 0x004e1202, 0 },
		/* Another revision of the same */
		{ 0x004e0200, 0 },
		{ 0x00801200, -ENXIO },
		{ 0, -ENXIO },
	};
	struct core *c = *state;
	struct snap_writer w;

	save(c, 0, &w);
	for (size_t i = 0; i < ARRAY_SIZE(pvrs); i++) {
		le32_store(w.data, pvrs[i].pvr);
		assert_int_equal(restore(c, 0, w.data, w.len), pvrs[i].ret);
	}
	snap_writer_free(&w);
}

static void damaged_state_is_refused(void **state)
{
	struct core *c = *state;
	struct snap_reader r = { 0 };
	struct snap_writer w;

	save(c, 0, &w);
	uint8_t *data = malloc(w.len);
	assert_non_null(data);
	for (size_t len = 0; len < w.len; len++)
		assert_int_equal(restore(c, 0, w.data, len), -EBADMSG);

	/* Unknown ids, one twice, and one too early. */
	static const uint64_t ids[] = {
		1,
		UINT64_MAX,
		KVM_REG_PPC_TB_OFFSET,
		KVM_REG_PPC_LPCR,
		KVM_REG_PPC_ARCH_COMPAT,
		KVM_REG_PPC_ICP_STATE,
		KVM_REG_PPC_DEC_EXPIRY,
	};
	size_t pos = position(&w, KVM_REG_PPC_LPCR_64);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		memcpy(data, w.data, w.len);
		le64_store(data + pos, ids[i]);
		assert_int_equal(restore(c, 0, data, w.len), -EBADMSG);
	}

	static const uint8_t powers[] = { VCPU_STARTING, VCPU_WAITING + 1,
					  0xff };
	for (size_t i = 0; i < ARRAY_SIZE(powers); i++) {
		memcpy(data, w.data, w.len);
		data[w.len - TAIL] = powers[i];
		assert_int_equal(restore(c, 0, data, w.len), -EBADMSG);
	}
	memcpy(data, w.data, w.len);
	data[w.len - 1] = 0x40;
	assert_int_equal(restore(c, 0, data, w.len), -EBADMSG);

	assert_int_equal(arch_vcpu_restore(&c->f.vcpus[0], &r,
					   ARCH_VCPU_STATE_VERSION + 1),
			 -ENOTSUP);
	free(data);
	snap_writer_free(&w);
}

static void calls_that_fail(void **state)
{
	struct core *c = *state;
	struct snap_writer w, broken = { 0 };

	save(c, 0, &w);
	fake_kvm_refuse_reg(KVM_REG_PPC_DSISR, -EIO);
	assert_int_equal(arch_vcpu_save(&c->f.vcpus[0], &broken), -EIO);
	assert_int_equal(restore(c, 0, w.data, w.len), -EIO);
	fake_kvm_refuse(KVM_SET_REGS, -EFAULT);
	assert_int_equal(restore(c, 0, w.data, w.len), -EFAULT);
	fake_kvm_refuse(KVM_GET_REGS, -EFAULT);
	assert_int_equal(arch_vcpu_save(&c->f.vcpus[0], &broken), -EFAULT);
	snap_writer_free(&broken);
	snap_writer_free(&w);
}

int main(void)
{
#define REGS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, core_teardown)
	const struct CMUnitTest tests[] = {
		REGS_TEST(entry),
		REGS_TEST(fresh_vcpus),
		REGS_TEST(fresh_vcpu_that_kvm_refuses),
		REGS_TEST(description_is_bounded),
		REGS_TEST(lpcr_keeps_other_bits),
		REGS_TEST(saved_state_comes_back),
		REGS_TEST(list_is_in_order),
		REGS_TEST(time_goes_on),
		REGS_TEST(transactions_are_saved_while_there_is_one),
		REGS_TEST(registers_that_this_host_lacks),
		REGS_TEST(other_processors),
		REGS_TEST(damaged_state_is_refused),
		REGS_TEST(calls_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
