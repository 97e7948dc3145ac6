/* SPDX-License-Identifier: Apache-2.0 */
/* The PLIC as a guest and as devices see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/riscv64/plic_fixture.h"
#include "vmm/snapshot.h"

#define SOURCES   96U
#define WORDS     4U

#define PENDING   UINT64_C(0x1000)
#define ENABLE    UINT64_C(0x2000)
#define THRESHOLD UINT64_C(0x200000)
#define CLAIM     UINT64_C(0x200004)

static void drive(struct fixture *f, unsigned irq, bool level)
{
	plic_ops.set_level(f->chip, irq, level);
}

static void pulse(struct fixture *f, unsigned irq)
{
	drive(f, irq, true);
	drive(f, irq, false);
}

static void set_priority(struct fixture *f, unsigned irq, uint32_t priority)
{
	wr(f, UINT64_C(4) * irq, priority);
}

static void enable(struct fixture *f, unsigned hart, unsigned irq)
{
	uint64_t off =
		ENABLE + UINT64_C(0x80) * hart + UINT64_C(4) * (irq / 32);

	wr(f, off, rd(f, off) | UINT32_C(1) << irq % 32);
}

static uint32_t claim(struct fixture *f, unsigned hart)
{
	return rd(f, CLAIM + UINT64_C(0x1000) * hart);
}

static void complete(struct fixture *f, unsigned hart, uint32_t irq)
{
	wr(f, CLAIM + UINT64_C(0x1000) * hart, irq);
}

static bool pending(struct fixture *f, unsigned irq)
{
	return (rd(f, PENDING + UINT64_C(4) * (irq / 32)) >> irq % 32 & 1) != 0;
}

/* What KVM was told since the last call: exactly this about @hart. */
static void assert_told(unsigned hart, bool level)
{
	assert_int_equal(stub.nr_interrupts, 1);
	assert_int_equal(stub.interrupts[0].fd, STUB_VCPU_FD + hart);
	assert_int_equal(stub.interrupts[0].irq,
			 level ? KVM_INTERRUPT_SET : KVM_INTERRUPT_UNSET);
	stub.nr_interrupts = 0;
}

static void assert_told_nothing(void)
{
	assert_int_equal(stub.nr_interrupts, 0);
}

static void pulse_is_delivered_once(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 1);
	enable(f, 0, 1);
	assert_told_nothing();
	pulse(f, 1);
	assert_told(0, true);
	assert_true(pending(f, 1));
	assert_int_equal(claim(f, 0), 1);
	assert_told(0, false);
	assert_false(pending(f, 1));
	assert_int_equal(claim(f, 0), 0);
	complete(f, 0, 1);
	assert_told_nothing();
	assert_int_equal(claim(f, 0), 0);
}

static void pulse_while_active_is_remembered(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 8, 1);
	enable(f, 0, 8);
	pulse(f, 8);
	assert_int_equal(claim(f, 0), 8);
	stub.nr_interrupts = 0;
	pulse(f, 8);
	pulse(f, 8);
	assert_told_nothing();
	assert_false(pending(f, 8));
	complete(f, 0, 8);
	assert_told(0, true);
	assert_int_equal(claim(f, 0), 8);
	complete(f, 0, 8);
	assert_told(0, false);
	assert_int_equal(claim(f, 0), 0);
}

/* Two threads pulse an input: 1 1 0 0, with the guest's claim in between. */
static void overlapping_pulses(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 8, 1);
	enable(f, 0, 8);
	drive(f, 8, true);
	assert_int_equal(claim(f, 0), 8);
	drive(f, 8, true);
	drive(f, 8, false);
	drive(f, 8, false);
	complete(f, 0, 8);
	assert_int_equal(claim(f, 0), 8);
	complete(f, 0, 8);
	assert_int_equal(claim(f, 0), 0);
}

static void level_is_rearmed_at_completion(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 10, 1);
	enable(f, 0, 10);
	drive(f, 10, true);
	drive(f, 10, true);
	assert_told(0, true);
	assert_int_equal(claim(f, 0), 10);
	assert_told(0, false);
	complete(f, 0, 10);
	assert_told(0, true);
	assert_int_equal(claim(f, 0), 10);
	drive(f, 10, false);
	assert_told(0, false);
	complete(f, 0, 10);
	assert_told_nothing();
	assert_int_equal(claim(f, 0), 0);
}

/* Both ends of the sources, and what is beside them. */
static void sources_are_1_to_96(void **state)
{
	static const unsigned outside[] = { 0,   SOURCES + 1, 127,
					    128, 1024,        UINT32_MAX };
	struct fixture *f = *state;

	for (unsigned w = 0; w < 32; w++)
		wr(f, ENABLE + UINT64_C(4) * w, UINT32_MAX);
	assert_int_equal(rd(f, ENABLE), 0xfffffffe);
	assert_int_equal(rd(f, ENABLE + 4), UINT32_MAX);
	assert_int_equal(rd(f, ENABLE + UINT64_C(4) * (WORDS - 1)), 1);
	for (unsigned w = WORDS; w < 32; w++)
		assert_int_equal(rd(f, ENABLE + UINT64_C(4) * w), 0);
	for (unsigned irq = 0; irq < 1024; irq++)
		set_priority(f, irq, 7);
	assert_int_equal(rd(f, 0), 0);
	assert_int_equal(rd(f, UINT64_C(4) * SOURCES), 7);
	assert_int_equal(rd(f, UINT64_C(4) * (SOURCES + 1)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		pulse(f, outside[i]);
	assert_told_nothing();
	for (unsigned w = 0; w < 32; w++)
		assert_int_equal(rd(f, PENDING + UINT64_C(4) * w), 0);
	pulse(f, 1);
	pulse(f, SOURCES);
	assert_int_equal(claim(f, 0), 1);
	assert_int_equal(claim(f, 0), SOURCES);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		complete(f, 0, outside[i]);
	assert_int_equal(claim(f, 0), 0);
}

static void highest_priority_wins(void **state)
{
	static const unsigned order[] = { 70, 5, 33, 34, 2 };
	struct fixture *f = *state;

	set_priority(f, 2, 1);
	set_priority(f, 34, 3);
	set_priority(f, 33, 3);
	set_priority(f, 5, 4);
	set_priority(f, 70, 7);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		enable(f, 0, order[i]);
		pulse(f, order[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(claim(f, 0), order[i]);
	assert_int_equal(claim(f, 0), 0);
}

static void priorities_and_thresholds_have_3_bits(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, UINT32_MAX);
	assert_int_equal(rd(f, 4), 7);
	set_priority(f, 1, 8);
	assert_int_equal(rd(f, 4), 0);
	wr(f, THRESHOLD, 0xfffffff9);
	assert_int_equal(rd(f, THRESHOLD), 1);
}

static void threshold_masks_the_line_but_not_the_claim(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 3);
	enable(f, 0, 1);
	wr(f, THRESHOLD, 3);
	assert_told(0, false);
	pulse(f, 1);
	assert_told_nothing();
	wr(f, THRESHOLD, 2);
	assert_told(0, true);
	wr(f, THRESHOLD, 7);
	assert_told(0, false);
	assert_int_equal(claim(f, 0), 1);
}

static void priority_0_never_interrupts(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 1);
	pulse(f, 1);
	assert_told_nothing();
	assert_true(pending(f, 1));
	assert_int_equal(claim(f, 0), 0);
	set_priority(f, 1, 1);
	assert_told(0, true);
	set_priority(f, 1, 0);
	assert_told(0, false);
	set_priority(f, 1, 1);
	assert_int_equal(claim(f, 0), 1);
}

static void disabled_sources_stay_pending(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 1);
	pulse(f, 1);
	assert_told_nothing();
	assert_true(pending(f, 1));
	assert_int_equal(claim(f, 0), 0);
	enable(f, 0, 1);
	assert_told(0, true);
	wr(f, ENABLE, 0);
	assert_told(0, false);
	enable(f, 0, 1);
	assert_told(0, true);
}

static void each_hart_has_its_own_line(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 1);
	set_priority(f, 2, 1);
	enable(f, 1, 1);
	enable(f, 2, 1);
	enable(f, 2, 2);
	pulse(f, 1);
	assert_int_equal(stub.nr_interrupts, 2);
	assert_int_equal(stub.interrupts[0].fd, STUB_VCPU_FD + 1);
	assert_int_equal(stub.interrupts[1].fd, STUB_VCPU_FD + 2);
	stub.nr_interrupts = 0;
	pulse(f, 2);
	assert_told_nothing();
	/* Hart 2 takes it from hart 1, and still has another itself. */
	assert_int_equal(claim(f, 0), 0);
	assert_int_equal(claim(f, 2), 1);
	assert_told(1, false);
	assert_int_equal(claim(f, 1), 0);
	assert_int_equal(claim(f, 2), 2);
	assert_told(2, false);
}

static void completion_needs_an_enabled_active_source(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 1);
	enable(f, 0, 1);
	drive(f, 1, true);
	assert_int_equal(claim(f, 0), 1);
	stub.nr_interrupts = 0;
	/* Not enabled there. */
	complete(f, 1, 1);
	assert_false(pending(f, 1));
	complete(f, 0, 2);
	complete(f, 0, UINT32_MAX);
	assert_false(pending(f, 1));
	complete(f, 0, 1);
	assert_told(0, true);
	/* Pending, not active. */
	complete(f, 0, 1);
	assert_told_nothing();
	assert_int_equal(claim(f, 0), 1);
}

static void harts_beyond_the_last_do_not_exist(void **state)
{
	struct fixture *f = *state;
	const uint64_t offs[] = {
		ENABLE + UINT64_C(0x80) * CPUS,
		ENABLE + UINT64_C(0x80) * 511,
		THRESHOLD - 4,
		THRESHOLD + UINT64_C(0x1000) * CPUS,
		CLAIM + UINT64_C(0x1000) * CPUS,
		CLAIM + UINT64_C(0x1000) * 511,
		THRESHOLD + 8,
		THRESHOLD + 0xffc,
		LAYOUT_PLIC_SIZE - 4,
		0x0ffc,
		PENDING,
	};

	set_priority(f, 1, 7);
	pulse(f, 2);
	for (size_t i = 0; i < ARRAY_SIZE(offs); i++) {
		uint32_t before = rd(f, offs[i]);

		wr(f, offs[i], 0x7ffffff9);
		assert_int_equal(rd(f, offs[i]), before);
	}
	assert_told_nothing();
}

/* Only words reach the registers; the rest of an access is not there. */
static void odd_accesses_do_nothing(void **state)
{
	static const struct {
		uint64_t off;
		unsigned size;
	} bad[] = { { 4, 1 }, { 4, 2 }, { 8, 8 }, { 6, 4 }, { 5, 4 } };
	struct fixture *f = *state;
	uint8_t data[8];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(data, 0xff, sizeof(data));
		mmio_access(&f->vm.mmio, LAYOUT_PLIC_BASE + bad[i].off, data,
			    bad[i].size, true);
		mmio_access(&f->vm.mmio, LAYOUT_PLIC_BASE + bad[i].off, data,
			    bad[i].size, false);
		assert_int_equal(data[0], 0);
	}
	assert_int_equal(rd(f, 4), 0);
	assert_int_equal(rd(f, 8), 0);
}

/* KVM forgets a hart's line when it starts the hart. */
static void starting_hart_is_told_again(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 1);
	enable(f, 1, 1);
	pulse(f, 1);
	assert_told(1, true);
	wr(f, THRESHOLD + 0x1000, 0);
	assert_told(1, true);
}

static void failed_ioctl_is_tried_again(void **state)
{
	struct fixture *f = *state;

	set_priority(f, 1, 1);
	set_priority(f, 2, 1);
	enable(f, 0, 1);
	enable(f, 0, 2);
	stub.interrupt_error = -EIO;
	pulse(f, 1);
	assert_told_nothing();
	stub.interrupt_error = 0;
	pulse(f, 2);
	assert_told(0, true);
}

static void powered_off(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	set_priority(f, 1, 1);
	enable(f, 0, 1);
	plic_ops.power_off(f->chip);
	f->vcpus[0].fd = -1;
	pulse(f, 1);
	drive(f, 10, true);
	assert_told_nothing();
	/* Nothing survives. */
	f->vcpus[0].fd = STUB_VCPU_FD;
	assert_int_equal(plic_ops.power_on(f->chip, &err), 0);
	assert_int_equal(rd(f, 4), 0);
	assert_int_equal(rd(f, ENABLE), 0);
	assert_false(pending(f, 1));
	assert_false(pending(f, 10));
	set_priority(f, 10, 1);
	enable(f, 0, 10);
	assert_told_nothing();
	drive(f, 10, true);
	assert_told(0, true);
}

static int restore(struct fixture *f, const void *data, size_t len)
{
	struct snap_reader r = { .data = data, .len = len, .end = len };
	int ret = plic_ops.restore(f->chip, &r, plic_ops.state_version);

	if (ret == 0)
		assert_int_equal(snap_left(&r), 0);
	return ret;
}

static void saved_state_comes_back(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };
	struct error err = { 0 };

	set_priority(f, 1, 2);
	set_priority(f, 96, 1);
	set_priority(f, 10, 7);
	for (unsigned hart = 0; hart < CPUS; hart++)
		enable(f, hart, 96);
	enable(f, 0, 1);
	enable(f, 1, 10);
	wr(f, THRESHOLD + 0x2000, 5);
	drive(f, 10, true);
	assert_int_equal(claim(f, 1), 10);
	pulse(f, 1);
	assert_int_equal(claim(f, 0), 1);
	pulse(f, 1);
	pulse(f, 96);
	assert_int_equal(plic_ops.save(f->chip, &w), 0);

	plic_ops.power_off(f->chip);
	assert_int_equal(plic_ops.power_on(f->chip, &err), 0);
	stub.nr_interrupts = 0;
	assert_int_equal(restore(f, w.data, w.len), 0);
	/* Whatever KVM knew of the lines, now it knows the truth. */
	assert_int_equal(stub.nr_interrupts, CPUS);
	assert_true(stub.interrupts[0].level);
	assert_true(stub.interrupts[1].level);
	assert_false(stub.interrupts[2].level);
	assert_int_equal(rd(f, THRESHOLD + 0x2000), 5);
	assert_int_equal(claim(f, 2), 96);
	complete(f, 0, 1);
	assert_int_equal(claim(f, 0), 1);
	complete(f, 1, 10);
	assert_int_equal(claim(f, 1), 10);

	for (size_t len = 0; len < w.len; len++)
		assert_true(restore(f, w.data, len) < 0);
	snap_writer_free(&w);
}

/* Each 32-bit field of the stream takes values that none may have. */
static void hostile_streams_are_refused(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };
	struct snap_reader r = { 0 };
	const size_t words = 2 + (size_t)4 * WORDS;
	const size_t contexts = 4 * words + SOURCES + 1;

	assert_int_equal(plic_ops.save(f->chip, &w), 0);
	assert_int_equal(w.len, contexts + (size_t)CPUS * 4 * (WORDS + 1));
	/* Shape; bit 0 of a first word, bits above 96 of a last one. */
	for (size_t i = 0; i < words; i++) {
		uint32_t was = le32_load(w.data + 4 * i);
		uint32_t bad = i < 2 ? was + 1 : (i - 2) % WORDS == 0 ? 1 : 2;

		if (i >= 2 && (i - 2) % WORDS != 0 &&
		    (i - 2) % WORDS != WORDS - 1)
			continue;
		le32_store(w.data + 4 * i, bad);
		assert_int_equal(restore(f, w.data, w.len), -EBADMSG);
		le32_store(w.data + 4 * i, was);
	}
	for (size_t i = 0; i <= SOURCES; i++) {
		w.data[4 * words + i] = i == 0 ? 1 : 8;
		assert_int_equal(restore(f, w.data, w.len), -EBADMSG);
		w.data[4 * words + i] = 0;
	}
	for (size_t hart = 0; hart < CPUS; hart++) {
		uint8_t *ctx = w.data + contexts + hart * 4 * (WORDS + 1);

		le32_store(ctx, 1);
		assert_int_equal(restore(f, w.data, w.len), -EBADMSG);
		le32_store(ctx, 0);
		le32_store(ctx + (size_t)4 * WORDS, 8);
		assert_int_equal(restore(f, w.data, w.len), -EBADMSG);
		le32_store(ctx + (size_t)4 * WORDS, 0);
	}
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_int_equal(plic_ops.restore(f->chip, &r, 2), -ENOTSUP);
	snap_writer_free(&w);
}

static void probe_always_succeeds(void **state)
{
	const struct kvm kvm = { .fd = STUB_KVM_FD, .vm_fd = -1 };
	const char *why = NULL;

	(void)state;
	assert_int_equal(plic_ops.probe(&kvm, &why), 1);
	assert_false(plic_ops.in_kernel);
}

static void window_that_is_taken(void **state)
{
	struct fixture *f = *state;
	struct irqchip *second = NULL;
	struct error err = { 0 };

	f->vm.mmio.frozen = false;
	assert_int_equal(plic_ops.create(&f->vm, &second, &err), -EEXIST);
	assert_null(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pulse_is_delivered_once),
		TEST(pulse_while_active_is_remembered),
		TEST(overlapping_pulses),
		TEST(level_is_rearmed_at_completion),
		TEST(sources_are_1_to_96),
		TEST(highest_priority_wins),
		TEST(priorities_and_thresholds_have_3_bits),
		TEST(threshold_masks_the_line_but_not_the_claim),
		TEST(priority_0_never_interrupts),
		TEST(disabled_sources_stay_pending),
		TEST(each_hart_has_its_own_line),
		TEST(completion_needs_an_enabled_active_source),
		TEST(harts_beyond_the_last_do_not_exist),
		TEST(odd_accesses_do_nothing),
		TEST(starting_hart_is_told_again),
		TEST(failed_ioctl_is_tried_again),
		TEST(powered_off),
		TEST(saved_state_comes_back),
		TEST(hostile_streams_are_refused),
		TEST(probe_always_succeeds),
		TEST(window_that_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
