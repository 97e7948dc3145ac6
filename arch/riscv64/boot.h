/* SPDX-License-Identifier: Apache-2.0 */
/* Where the loader put the guest: what the device tree has to say of it. */
#ifndef PRIVET_ARCH_RISCV64_BOOT_H
#define PRIVET_ARCH_RISCV64_BOOT_H

#include <stdint.h>

/**
 * struct boot_layout - The guest's image in RAM, guest-physical addresses
 * @kernel_entry: first instruction of the boot hart
 * @initrd_start: first byte of the initrd; equal to @initrd_end: there is none
 * @initrd_end: one past its last byte
 * @fdt_addr: device tree, 8-byte aligned
 */
struct boot_layout {
	uint64_t kernel_entry;
	uint64_t initrd_start;
	uint64_t initrd_end;
	uint64_t fdt_addr;
};

#endif
