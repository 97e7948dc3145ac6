/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PLIC under a storm: accesses of all widths to anything in its window,
 * and interrupts at any rate in between. It claims nothing that is not there,
 * and when the storm is over it works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/riscv64/plic_fixture.h"

#define SOURCES   96U
#define ENABLE    UINT64_C(0x2000)
#define CONTEXT   UINT64_C(0x200000)
#define STORM     300000U
#define PER_STORM 64U

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint64_t context(unsigned hart)
{
	return CONTEXT + UINT64_C(0x1000) * hart;
}

/* Mostly around where registers are, and where they end. */
static uint64_t somewhere(uint64_t x)
{
	static const uint64_t bases[] = {
		0,
		0x180,
		0x1000,
		0x1010,
		ENABLE,
		ENABLE + 0x80 * CPUS,
		CONTEXT,
		CONTEXT + 0x1000 * (CPUS - 1),
		CONTEXT + 0x1000 * CPUS,
		LAYOUT_PLIC_SIZE - 16,
	};

	if ((x & 15) == 0)
		return x >> 8 & (LAYOUT_PLIC_SIZE - 1);
	return bases[x >> 4 & 7 ? (x >> 4) % ARRAY_SIZE(bases) : 0] +
	       (x >> 16 & 15);
}

static void storm(struct fixture *f, uint64_t *seed)
{
	for (unsigned i = 0; i < PER_STORM; i++) {
		uint64_t x = next_random(seed);
		unsigned size = 1U << (x >> 40 & 3);
		uint8_t data[8];

		le64_store(data, next_random(seed));
		mmio_access(&f->vm.mmio, LAYOUT_PLIC_BASE + somewhere(x), data,
			    size, x >> 42 & 1);
		plic_ops.set_level(f->chip, 1 + (x >> 48) % SOURCES,
				   x >> 60 & 1);
	}
}

/* A hart can claim each source once at most, and no other. */
static void expect_bounded_claims(struct fixture *f)
{
	for (unsigned hart = 0; hart < CPUS; hart++) {
		bool seen[SOURCES + 1] = { false };
		uint32_t irq;

		while ((irq = rd(f, context(hart) + 4)) != 0) {
			assert_true(irq <= SOURCES);
			assert_false(seen[irq]);
			seen[irq] = true;
		}
	}
}

/* Everything off, nothing active, nothing pending. */
static void calm(struct fixture *f)
{
	for (unsigned irq = 1; irq <= SOURCES; irq++) {
		plic_ops.set_level(f->chip, irq, false);
		wr(f, UINT64_C(4) * irq, 7);
	}
	for (unsigned hart = 0; hart < CPUS; hart++) {
		wr(f, context(hart), 0);
		for (unsigned word = 0; word < 4; word++)
			wr(f, ENABLE + 0x80 * hart + 4 * word, UINT32_MAX);
	}
	for (unsigned round = 0; round < 3; round++) {
		expect_bounded_claims(f);
		for (unsigned irq = 1; irq <= SOURCES; irq++)
			for (unsigned hart = 0; hart < CPUS; hart++)
				wr(f, context(hart) + 4, irq);
	}
}

static void expect_works(struct fixture *f)
{
	calm(f);
	for (unsigned irq = 1; irq <= SOURCES; irq += 19) {
		unsigned hart = irq % CPUS;

		plic_ops.set_level(f->chip, irq, true);
		plic_ops.set_level(f->chip, irq, false);
		assert_int_equal(rd(f, context(hart) + 4), irq);
		/* In service: the next one waits for its end. */
		plic_ops.set_level(f->chip, irq, true);
		plic_ops.set_level(f->chip, irq, false);
		assert_int_equal(rd(f, context(hart) + 4), 0);
		wr(f, context(hart) + 4, irq);
		assert_int_equal(rd(f, context(hart) + 4), irq);
		wr(f, context(hart) + 4, irq);
		assert_int_equal(rd(f, context(hart) + 4), 0);
	}
}

static void storms_pass(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < STORM / PER_STORM; i++) {
		storm(f, &seed);
		stub.nr_interrupts = 0;
		if (i % 50 == 0)
			expect_works(f);
		stub.nr_interrupts = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(storms_pass, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
