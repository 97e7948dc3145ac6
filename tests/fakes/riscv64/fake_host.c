/* SPDX-License-Identifier: Apache-2.0 */
/* A host of riscv64 guests: see fake_host.h. */
#include "tests/fakes/fake_host.h"

#include "tests/unit/riscv64/vm_host.h"

const char *const fake_host_mem = "16M";

const char *const fake_host_irqchips[] = { "plic", NULL };

void fake_host_init(void)
{
	fake_kvm_reset();
	default_regs();
}

int fake_host_kernel(void)
{
	return make_kernel();
}
