/* SPDX-License-Identifier: Apache-2.0 */
/* A PLIC in a machine that is switched on, for tests. */
#ifndef PRIVET_TESTS_UNIT_RISCV64_PLIC_FIXTURE_H
#define PRIVET_TESTS_UNIT_RISCV64_PLIC_FIXTURE_H

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
#include "vmm/vm.h"

#define CPUS 3U

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct vcpu vcpus[CPUS];
	struct irqchip *chip;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	stub_reset();
	f->cfg.cpus = CPUS;
	f->vm.cfg = &f->cfg;
	f->vm.vcpus = f->vcpus;
	for (unsigned i = 0; i < CPUS; i++)
		f->vcpus[i] = (struct vcpu){
			.vm = &f->vm,
			.id = i,
			.fd = STUB_VCPU_FD + (int)i,
		};
	assert_int_equal(plic_ops.create(&f->vm, &f->chip, &err), 0);
	mmio_freeze(&f->vm.mmio);
	assert_int_equal(plic_ops.power_on(f->chip, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	plic_ops.power_off(f->chip);
	plic_ops.destroy(f->chip);
	free(f);
	return 0;
}

static uint32_t rd(struct fixture *f, uint64_t off)
{
	uint8_t data[4];

	assert_true(mmio_access(&f->vm.mmio, LAYOUT_PLIC_BASE + off, data, 4,
				false));
	return le32_load(data);
}

static void wr(struct fixture *f, uint64_t off, uint32_t value)
{
	uint8_t data[4];

	le32_store(data, value);
	assert_true(mmio_access(&f->vm.mmio, LAYOUT_PLIC_BASE + off, data, 4,
				true));
}

#endif
