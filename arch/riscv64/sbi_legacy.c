/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Legacy console (SBI 2.0, chapter 5), for hosts whose KVM has no debug
 * console.
 *
 * Legacy calls return in a0 alone and preserve every other register. KVM
 * always writes a1, so the guest gets its own value back.
 */
#include "arch/riscv64/sbi.h"

#include "vmm/chardev.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

static struct sbi_ret legacy_ret(int64_t a0, const uint64_t args[6])
{
	return (struct sbi_ret){ .error = a0, .value = args[1] };
}

struct sbi_ret sbi_legacy_putchar(struct vcpu *vcpu, uint64_t fid,
				  const uint64_t args[6])
{
	struct chardev *console = sbi_console(vcpu->vm);
	uint8_t byte = (uint8_t)args[0];

	(void)fid;
	/* Without a console the character is thrown away. */
	if (console == NULL || chardev_write(console, &byte, 1) == 1)
		return legacy_ret(0, args);
	return (struct sbi_ret){ .error = SBI_AGAIN };
}

struct sbi_ret sbi_legacy_getchar(struct vcpu *vcpu, uint64_t fid,
				  const uint64_t args[6])
{
	struct chardev *console = sbi_console(vcpu->vm);
	uint8_t byte;

	(void)fid;
	if (console == NULL || chardev_read(console, &byte, 1) == 0)
		return legacy_ret(-1, args);
	return legacy_ret(byte, args);
}
