/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree of the riscv64 machine. */
#ifndef PRIVET_ARCH_RISCV64_TREE_H
#define PRIVET_ARCH_RISCV64_TREE_H

#include <stdint.h>

struct boot_layout;
struct fdt_builder;
struct vm;

/* Phandles: fixed, so that nodes may be emitted in any order. */
#define PHANDLE_APLIC          1U
#define PHANDLE_IMSIC          2U
#define PHANDLE_PLIC           3U
#define PHANDLE_CPU_INTC(hart) (0x1000U + (hart))

/** Most bytes that a tree takes: grows with harts and devices */
#define TREE_MAX_SIZE(harts) (0x10000U + 0x1000U * (harts))

/**
 * tree_build() - Emit the whole tree, from / to the last device
 * @layout: where the loader put things
 * @fdt: an initialised builder without any node; the caller finishes it
 *
 * Return: 0, or negative errno when no random seed could be had. Errors of
 * the builder itself show in fdt_builder_finish().
 * Context: vm_power_on(), after vCPUs, irqchip and devices.
 */
int tree_build(struct vm *vm, const struct boot_layout *layout,
	       struct fdt_builder *fdt);

/**
 * tree_interrupts_extended() - Emit the property of a controller that raises
 * the supervisor's external interrupt of all harts
 */
void tree_interrupts_extended(unsigned harts, struct fdt_builder *fdt);

#endif
