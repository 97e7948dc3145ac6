/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of the ppc64le code. */
#include <linux/kvm.h>

#include "vmm/arch.h"
#include "vmm/sandbox.h"

#define MAIN SANDBOX_BIT(SANDBOX_MAIN)
#define VCPU (SANDBOX_BIT(SANDBOX_VCPU) | MAIN)

#define IOCTL(request, roles)                             \
	{                                                 \
		"ioctl", (roles), SANDBOX_ARG1, (request) \
	}

const struct sandbox_rule arch_sandbox_rules[] = {
	IOCTL(KVM_HAS_DEVICE_ATTR, MAIN),
	IOCTL(KVM_SET_DEVICE_ATTR, VCPU),
	IOCTL(KVM_ENABLE_CAP, VCPU),
	IOCTL(KVM_GET_REGS, VCPU),
	IOCTL(KVM_SET_REGS, VCPU),
	IOCTL(KVM_PPC_CONFIGURE_V3_MMU, VCPU),
	IOCTL(KVM_PPC_RTAS_DEFINE_TOKEN, MAIN),
	{ 0 },
};
