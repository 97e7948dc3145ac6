/* SPDX-License-Identifier: Apache-2.0 */
/* Booting a kernel: where it, the initrd, the device tree and RTAS go. */
#include "vmm/arch.h"

#include <errno.h>

int arch_boot(struct vm *vm, struct error *err)
{
	(void)vm;
	return error_host(err, -ENOSYS, "booting is not implemented yet");
}
