/* SPDX-License-Identifier: Apache-2.0 */
/* The AIA as it is asked of KVM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/layout.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define CONFIG KVM_DEV_RISCV_AIA_GRP_CONFIG
#define ADDR   KVM_DEV_RISCV_AIA_GRP_ADDR
#define CTRL   KVM_DEV_RISCV_AIA_GRP_CTRL
#define APLIC  KVM_DEV_RISCV_AIA_GRP_APLIC
#define IMSIC  KVM_DEV_RISCV_AIA_GRP_IMSIC

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct irqchip *chip;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	stub_reset();
	f->cfg.cpus = 2;
	f->vm.cfg = &f->cfg;
	f->vm.kvm = (struct kvm){ .fd = STUB_KVM_FD, .vm_fd = STUB_VM_FD };
	stub_attr(CONFIG, KVM_DEV_RISCV_AIA_CONFIG_IDS)->value = 255;
	assert_int_equal(aia_ops.create(&f->vm, &f->chip, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	aia_ops.destroy(f->chip);
	assert_int_equal(stub.open, 0);
	free(f);
	return 0;
}

static void power_on(struct fixture *f)
{
	struct error err = { 0 };

	assert_int_equal(aia_ops.power_on(f->chip, &err), 0);
}

static uint64_t config(uint64_t attr)
{
	return stub_attr(CONFIG, attr)->value;
}

static unsigned set_at(uint32_t group, uint64_t attr)
{
	for (unsigned i = 0; i < stub.nr_sets; i++) {
		if (stub.sets[i].group == group && stub.sets[i].attr == attr)
			return i;
	}
	fail_msg("attribute %u/0x%llx was not set", group,
		 (unsigned long long)attr);
	return 0;
}

static void probe_needs_capability_and_device(void **state)
{
	struct fixture *f = *state;
	const struct kvm kvm = { .fd = STUB_KVM_FD, .vm_fd = -1 };
	const char *why = NULL;

	(void)f;
	assert_int_equal(aia_ops.probe(&kvm, &why), 0);
	assert_non_null(why);
	stub.caps[KVM_CAP_IRQCHIP] = 1;
	assert_int_equal(aia_ops.probe(&kvm, &why), 1);
	assert_int_equal(stub.open, 0);
	why = NULL;
	stub.create_device_error = -ENODEV;
	assert_int_equal(aia_ops.probe(&kvm, &why), 0);
	assert_non_null(why);
	assert_int_equal(stub.open, 0);
}

static void setup_is_complete_and_init_is_last(void **state)
{
	struct fixture *f = *state;

	power_on(f);
	assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_MODE),
			 KVM_DEV_RISCV_AIA_MODE_AUTO);
	assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_IDS), 255);
	assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_SRCS), 96);
	assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_HART_BITS), 1);
	assert_int_equal(stub_attr(ADDR, 0)->value, 0x0d000000);
	assert_int_equal(stub_attr(ADDR, 1)->value, 0x28000000);
	assert_int_equal(stub_attr(ADDR, 2)->value, 0x28001000);
	assert_int_equal(stub_attr(ADDR, 3)->value, 0);

	/* Nothing of the configuration comes after. */
	unsigned init = set_at(CTRL, KVM_DEV_RISCV_AIA_CTRL_INIT);
	for (unsigned i = 0; i < init; i++)
		assert_in_range(stub.sets[i].group, CONFIG, ADDR);
	for (unsigned i = init + 1; i < stub.nr_sets; i++)
		assert_int_equal(stub.sets[i].group, APLIC);
}

/* Only irqfds that lower the input again are of use. */
static void irqfds_are_tried(void **state)
{
	static const enum stub_irqfd kinds[] = { STUB_IRQFD_ABSENT,
						 STUB_IRQFD_STICKS,
						 STUB_IRQFD_PULSES };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		stub.irqfd = kinds[i];
		power_on(f);
		assert_int_equal(f->chip->irqfd, kinds[i] == STUB_IRQFD_PULSES);
		/* The input that was used is as it was. */
		assert_int_equal(stub.irqfd_fd, 0);
		assert_int_equal(stub_attr(APLIC, 0x4 + 4 * 94)->value, 0);
		assert_int_equal(stub_attr(APLIC, 0x1ddc)->value, 95);
		if (kinds[i] != STUB_IRQFD_ABSENT) {
			assert_int_equal(stub.lines[stub.nr_lines - 1].irq, 95);
			assert_false(stub.lines[stub.nr_lines - 1].level);
		}
		aia_ops.power_off(f->chip);
	}
}

static void host_without_guest_files(void **state)
{
	struct fixture *f = *state;

	stub.mode_auto_refused = true;
	power_on(f);
	assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_MODE),
			 KVM_DEV_RISCV_AIA_MODE_EMUL);
}

static void identities_are_what_host_and_machine_have(void **state)
{
	static const struct {
		uint32_t host, ids, sources;
	} cases[] = {
		{ 63, 63, 63 },   { 64, 63, 63 },   { 127, 127, 96 },
		{ 255, 255, 96 }, { 511, 255, 96 }, { 2047, 255, 96 },
		{ 190, 127, 96 }, { 191, 191, 96 },
	};
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		stub_attr(CONFIG, KVM_DEV_RISCV_AIA_CONFIG_IDS)->value =
			cases[i].host;
		power_on(f);
		assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_IDS),
				 cases[i].ids);
		assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_SRCS),
				 cases[i].sources);
		aia_ops.power_off(f->chip);
	}
	stub_attr(CONFIG, KVM_DEV_RISCV_AIA_CONFIG_IDS)->value = 62;
	assert_true(aia_ops.power_on(f->chip, &err) < 0);
}

static void hart_bits_number_all_harts(void **state)
{
	static const struct {
		unsigned cpus;
		uint64_t bits;
	} cases[] = {
		{ 1, 0 }, { 2, 1 }, { 3, 2 },   { 4, 2 },
		{ 5, 3 }, { 8, 3 }, { 511, 9 }, { 512, 9 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->cfg.cpus = cases[i].cpus;
		power_on(f);
		assert_int_equal(config(KVM_DEV_RISCV_AIA_CONFIG_HART_BITS),
				 cases[i].bits);
		assert_int_equal(stub_attr(ADDR, cases[i].cpus)->value,
				 0x28000000 + UINT64_C(0x1000) *
						      (cases[i].cpus - 1));
		aia_ops.power_off(f->chip);
	}
}

/* Every reboot has a KVM VM of its own, and that a device of its own. */
static void power_cycles(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++) {
		stub.nr_sets = 0;
		power_on(f);
		assert_int_equal(stub.open, 1);
		set_at(CTRL, KVM_DEV_RISCV_AIA_CTRL_INIT);
		aia_ops.power_off(f->chip);
		assert_int_equal(stub.open, 0);
	}
	aia_ops.power_off(f->chip);
	assert_int_equal(stub.open, 0);
}

static void any_call_may_fail(void **state)
{
	struct fixture *f = *state;
	int ret = -EIO;

	for (unsigned n = 1; ret != 0; n++) {
		struct error err = { 0 };

		stub.calls = 0;
		stub.fail_at = n;
		ret = aia_ops.power_on(f->chip, &err);
		/* The first mode that is refused has another after it. */
		assert_true(ret == 0 || ret == -EIO);
		assert_int_equal(stub.open, ret == 0);
		if (ret != 0)
			assert_non_null(strstr(err.text, "--irqchip plic"));
		if (ret == 0 && stub.calls >= n) {
			aia_ops.power_off(f->chip);
			ret = -EIO;
		}
	}
}

static void lines_are_driven(void **state)
{
	struct fixture *f = *state;

	aia_ops.set_level(f->chip, 10, true);
	assert_int_equal(stub.nr_lines, 0);
	power_on(f);
	aia_ops.set_level(f->chip, 10, true);
	aia_ops.set_level(f->chip, 10, false);
	assert_int_equal(stub.nr_lines, 2);
	assert_int_equal(stub.lines[0].irq, 10);
	assert_true(stub.lines[0].level);
	assert_int_equal(stub.lines[1].irq, 10);
	assert_false(stub.lines[1].level);
	aia_ops.power_off(f->chip);
	aia_ops.set_level(f->chip, 10, true);
	assert_int_equal(stub.nr_lines, 2);
}

static void specifiers(void **state)
{
	struct fixture *f = *state;
	uint32_t cells[3];

	assert_int_equal(aia_ops.fdt_cells(f->chip, 10, false, cells), 2);
	assert_int_equal(cells[0], 10);
	assert_int_equal(cells[1], 4);
	assert_int_equal(aia_ops.fdt_cells(f->chip, 1, true, cells), 2);
	assert_int_equal(cells[0], 1);
	assert_int_equal(cells[1], 1);
}

static int restore(struct fixture *f, const void *data, size_t len)
{
	struct snap_reader r = { .data = data, .len = len, .end = len };

	stub.nr_sets = 0;
	int ret = aia_ops.restore(f->chip, &r, aia_ops.state_version);
	if (ret == 0)
		assert_int_equal(snap_left(&r), 0);
	return ret;
}

/* Registers of both harts and of the APLIC, each with a value of its own. */
static void fill_registers(void)
{
	for (uint64_t hart = 0; hart < 2; hart++) {
		stub_attr(IMSIC, hart << 12 | 0x70)->value = 1;
		stub_attr(IMSIC, hart << 12 | 0x72)->value = hart;
		for (uint64_t i = 0; i < 4; i++) {
			stub_attr(IMSIC, hart << 12 | (0x80 + 2 * i))->value =
				UINT64_C(0xeeeeeeee00000000) + 16 * hart + i;
			stub_attr(IMSIC, hart << 12 | (0xc0 + 2 * i))->value =
				UINT64_C(0xffffffff00000000) + 16 * hart + i;
		}
	}
	stub_attr(APLIC, 0)->value = 0x80000104;
	for (uint64_t i = 0; i < 96; i++) {
		stub_attr(APLIC, 0x4 + 4 * i)->value = 4 + i % 2;
		stub_attr(APLIC, 0x3004 + 4 * i)->value = i + 1;
	}
	for (uint64_t i = 0; i < 4; i++) {
		stub_attr(APLIC, 0x1c00 + 4 * i)->value = 0x100 + i;
		stub_attr(APLIC, 0x1e00 + 4 * i)->value = 0x200 + i;
	}
}

static void saved_state_comes_back(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };
	static struct stub before;

	power_on(f);
	fill_registers();
	/* Write-only, and no state. */
	stub_attr(APLIC, 0x1ddc)->value = 0;
	assert_int_equal(aia_ops.save(f->chip, &w), 0);
	assert_int_equal(w.error, 0);
	before = stub;

	for (unsigned i = 0; i < stub.nr_attrs; i++) {
		if (stub.attrs[i].group == APLIC ||
		    stub.attrs[i].group == IMSIC)
			stub.attrs[i].value = 0;
	}
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_int_equal(stub.nr_attrs, before.nr_attrs);
	for (unsigned i = 0; i < stub.nr_attrs; i++)
		assert_int_equal(stub.attrs[i].value, before.attrs[i].value);
	/* 2 harts of 2 + 2 * 4; 96 sources of 2; 4 words of 2; 1. */
	assert_int_equal(stub.nr_sets, 2 * 10 + 96 * 2 + 4 * 2 + 1);
	snap_writer_free(&w);
}

static void delivery_is_restored_last(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	power_on(f);
	fill_registers();
	assert_int_equal(aia_ops.save(f->chip, &w), 0);
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_int_equal(set_at(APLIC, 0), stub.nr_sets - 1);
	for (uint64_t hart = 0; hart < 2; hart++) {
		unsigned delivery = set_at(IMSIC, hart << 12 | 0x70);

		assert_true(delivery < set_at(APLIC, 4));
		for (uint64_t i = 0; i < 4; i++) {
			uint64_t eip = hart << 12 | (0x80 + 2 * i);

			assert_true(set_at(IMSIC, eip) < delivery);
			assert_true(set_at(IMSIC, eip + 0x40) < delivery);
		}
	}
	for (uint64_t i = 0; i < 96; i++) {
		assert_true(set_at(APLIC, 4 + 4 * i) < set_at(APLIC, 0x1c00));
		assert_true(set_at(APLIC, 0x3004 + 4 * i) <
			    set_at(APLIC, 0x1c00));
	}
	snap_writer_free(&w);
}

static void hostile_streams_are_refused(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };
	struct snap_reader r = { 0 };

	power_on(f);
	fill_registers();
	assert_int_equal(aia_ops.save(f->chip, &w), 0);
	for (size_t len = 0; len < w.len; len++)
		assert_true(restore(f, w.data, len) < 0);
	/* A machine of another shape: nothing of it is written. */
	for (size_t i = 0; i < 3; i++) {
		uint32_t was = le32_load(w.data + 4 * i);

		le32_store(w.data + 4 * i, was + 1);
		assert_int_equal(restore(f, w.data, w.len), -EBADMSG);
		assert_int_equal(stub.nr_sets, 0);
		le32_store(w.data + 4 * i, UINT32_MAX);
		assert_int_equal(restore(f, w.data, w.len), -EBADMSG);
		le32_store(w.data + 4 * i, was);
	}
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_true(aia_ops.restore(f->chip, &r, 2) < 0);
	snap_writer_free(&w);
}

static void state_needs_power(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	assert_int_equal(aia_ops.save(f->chip, &w), -ENODEV);
	assert_int_equal(restore(f, "", 0), -ENODEV);
	snap_writer_free(&w);
}

static void failures_of_kvm_are_passed_on(void **state)
{
	struct fixture *f = *state;
	int ret = -EIO;

	power_on(f);
	fill_registers();
	for (unsigned n = 1; ret != 0; n++) {
		struct snap_writer w = { 0 };

		stub.calls = 0;
		stub.fail_at = n;
		ret = aia_ops.save(f->chip, &w);
		if (ret == 0)
			ret = restore(f, w.data, w.len);
		assert_int_equal(ret, stub.calls < n ? 0 : -EIO);
		snap_writer_free(&w);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probe_needs_capability_and_device),
		TEST(setup_is_complete_and_init_is_last),
		TEST(irqfds_are_tried),
		TEST(host_without_guest_files),
		TEST(identities_are_what_host_and_machine_have),
		TEST(hart_bits_number_all_harts),
		TEST(power_cycles),
		TEST(any_call_may_fail),
		TEST(lines_are_driven),
		TEST(specifiers),
		TEST(saved_state_comes_back),
		TEST(delivery_is_restored_last),
		TEST(hostile_streams_are_refused),
		TEST(state_needs_power),
		TEST(failures_of_kvm_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
