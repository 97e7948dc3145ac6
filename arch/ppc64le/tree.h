/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree of the ppc64le machine (PAPR, appendix B). */
#ifndef PRIVET_ARCH_PPC64LE_TREE_H
#define PRIVET_ARCH_PPC64LE_TREE_H

#include "vmm/util.h"

struct device;
struct fdt_builder;
struct vm;

/**
 * struct boot_layout - Where things were put in RAM
 * @kernel_entry: first instruction
 * @initrd_start, @initrd_end: equal when there is none
 * @rtas_addr: the blob, below 4 GiB
 * @rtas_size: bytes that belong to it
 * @fdt_addr: the tree
 */
struct boot_layout {
	uint64_t kernel_entry;
	uint64_t initrd_start;
	uint64_t initrd_end;
	uint64_t rtas_addr;
	uint64_t rtas_size;
	uint64_t fdt_addr;
};

/** Most bytes that a tree takes: grows with CPUs and devices */
#define TREE_MAX_SIZE(cpus) (0x10000U + 0x400U * (cpus))

/**
 * tree_build() - Emit the whole tree
 *
 * Return: 0, or negative errno when there is no randomness.
 */
int tree_build(struct vm *vm, const struct boot_layout *layout,
	       struct fdt_builder *fdt);

/** tree_cpus() - /cpus (tree_cpu.c) */
void tree_cpus(const struct vm *vm, struct fdt_builder *fdt);

/*
 * Nodes of devices that sit below a node of the tree's own; no node where the
 * machine has no such device.
 */

/** vty_fdt() - /vdevice/vty@... */
void vty_fdt(const struct vm *vm, struct fdt_builder *fdt);

/** nvram_fdt() - /vdevice/nvram@... */
void nvram_fdt(const struct vm *vm, struct fdt_builder *fdt);

/** events_fdt() - /event-sources */
void events_fdt(const struct vm *vm, struct fdt_builder *fdt);

/** phb_fdt() - /pci@... with a node for each function */
void phb_fdt(const struct vm *vm, struct fdt_builder *fdt);

#endif
