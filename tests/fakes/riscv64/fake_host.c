/* SPDX-License-Identifier: Apache-2.0 */
/* A host of riscv64 guests: see fake_host.h. */
#include "tests/fakes/fake_host.h"

#include "tests/unit/riscv64/vm_host.h"

const char *const fake_host_mem = "16M";

const char *const fake_host_irqchips[] = { "plic", "aia", NULL };

void fake_host_init(void)
{
	fake_kvm_reset();
	default_regs();
}

/* A machine takes the AIA where there is one, unless it is told not to. */
void fake_host_offer(void)
{
	fake_kvm_set_cap(KVM_CAP_IRQCHIP, 1);
	fake_kvm_set_attr(KVM_DEV_RISCV_AIA_GRP_CONFIG,
			  KVM_DEV_RISCV_AIA_CONFIG_IDS, 255);
}

int fake_host_kernel(void)
{
	return make_kernel();
}
