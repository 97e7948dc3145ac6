/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting: what every architecture does in the same way with the kernel, the
 * initrd and the device tree. Where they go is the architecture's business.
 */
#ifndef PRIVET_VMM_BOOT_FILES_H
#define PRIVET_VMM_BOOT_FILES_H

#include "vmm/error.h"
#include "vmm/image.h"

struct elf;
struct fdt_builder;
struct vm;

/**
 * struct boot_files - What is to be loaded, and the RAM that it goes into
 * @vm: the machine; not owned
 * @ram, @ram_end: range of RAM
 * @kernel: image, unwrapped
 * @initrd: file as it is, compressed or not; a size of 0: there is none
 * @kernel_name, @initrd_name: names of those given as descriptors
 */
struct boot_files {
	struct vm *vm;
	uint64_t ram;
	uint64_t ram_end;
	struct image kernel;
	struct image initrd;
	char kernel_name[16];
	char initrd_name[16];
};

/**
 * boot_files_open() - Look at the kernel and the initrd of a machine
 *
 * Return: 0, or negative errno with @err; then nothing is to be closed.
 */
int boot_files_open(struct boot_files *files, struct vm *vm, struct error *err);
void boot_files_close(struct boot_files *files);

/**
 * boot_no_room() - Say that an image does not fit
 * @what: "kernel" or "initrd"
 * @name: of the image
 * @size: bytes that it takes
 * @needed: bytes of RAM that would be enough for all
 *
 * Return: -EINVAL.
 */
int boot_no_room(const struct boot_files *files, const char *what,
		 const char *name, uint64_t size, uint64_t needed,
		 struct error *err);

/**
 * boot_highest() - The highest place in [@low, @high) for @size bytes
 * @align: of its first byte, a power of two
 *
 * Return: the place, or 0 when there is none.
 */
uint64_t boot_highest(uint64_t low, uint64_t high, uint64_t size,
		      uint64_t align);

/** boot_load_initrd() - Copy it to @gpa, where all of it fits */
int boot_load_initrd(const struct boot_files *files, uint64_t gpa,
		     struct error *err);

/** boot_clear() - Zero a range of RAM; one of no bytes is fine */
void boot_clear(const struct boot_files *files, uint64_t gpa, uint64_t size);

/**
 * boot_clear_elf() - Zero what an ELF kernel has in memory but not in its file
 * @offset: as for elf_load()
 */
void boot_clear_elf(const struct boot_files *files, const struct elf *elf,
		    uint64_t offset);

/**
 * boot_load_tree() - Finish the device tree, write it to --dump-dtb and RAM
 * @gpa: where all that the builder may take fits
 */
int boot_load_tree(const struct boot_files *files, struct fdt_builder *fdt,
		   uint64_t gpa, struct error *err);

/**
 * boot_fdt_params() - Emit `bootargs`: the user's kernel command line
 * @console: what to add as console=, unless the user names one; or NULL
 * @max: bytes that the guest's kernel uses; more are warned of,
 *	on the first boot
 *
 * Return: 0, or -ENOMEM.
 */
int boot_fdt_params(const struct vm *vm, const char *console, size_t max,
		    struct fdt_builder *fdt);

/** boot_fdt_seed() - Emit random bytes, at most BOOT_SEED_MAX */
int boot_fdt_seed(const char *name, size_t len, struct fdt_builder *fdt);
#define BOOT_SEED_MAX 64U

#endif
