/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of the riscv64 code. */
#include <linux/kvm.h>

#include "vmm/arch.h"
#include "vmm/sandbox.h"

#define MAIN SANDBOX_BIT(SANDBOX_MAIN)

const struct sandbox_rule arch_sandbox_rules[] = {
	{ "ioctl", MAIN, SANDBOX_ARG1, KVM_GET_DEVICE_ATTR },
	{ "ioctl", MAIN, SANDBOX_ARG1, KVM_SET_DEVICE_ATTR },
	{ 0 },
};
