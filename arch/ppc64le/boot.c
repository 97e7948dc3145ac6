/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting: where the kernel, the initrd, RTAS and the device tree go, and how
 * they get there.
 *
 *	0                       Linux with its bss, or a bare-metal program
 *	...                     where it is linked
 *	below RTAS              initrd, at the highest page that it fits at
 *	below the tree          RTAS, a page of its own
 *	below RAM's end, 2 GiB  device tree
 *	above 2 GiB             initrd, where it does not fit below
 *
 * Linux is linked at 0. Elsewhere it would move itself there first, over
 * whatever is between: nothing is put below the end of the kernel.
 *
 * All of the places are computed and checked before anything is loaded.
 */
#include "vmm/arch.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "arch/ppc64le/regs.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/tree.h"
#include "vmm/boot_files.h"
#include "vmm/elf.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

/* The largest page of a guest's kernel. */
#define PAGE KIB(64)

/*
 * Firmware is below this: RTAS runs in 32-bit mode, and so do some of the
 * programs that read the tree.
 */
#define FIRMWARE_LIMIT GIB(2)

/* Linux uses as many whole units of RAM as there are, and not the rest. */
#define RAM_UNIT MIB(16)

/* RTAS has a page to itself, so that the kernel can map it by itself. */
#define RTAS_SIZE PAGE

/**
 * struct boot - What is to be loaded, and to where
 * @files: kernel and initrd
 * @end: of the RAM that a kernel is sure to use
 * @elf: the kernel
 * @kernel_start, @kernel_end: range of the kernel with its bss
 * @tree_size: what the tree may take, whole pages
 * @layout: all places, for the tree
 */
struct boot {
	struct boot_files files;
	uint64_t end;
	struct elf elf;
	uint64_t kernel_start;
	uint64_t kernel_end;
	uint64_t tree_size;
	struct boot_layout layout;
};

/*
 * RAM that is enough for a kernel that ends at @kernel_end, for the initrd and
 * for firmware. None of the sums wraps: the kernel is within 2^62, a file is
 * too.
 */
static uint64_t enough_ram(const struct boot *b, uint64_t kernel_end)
{
	uint64_t end = align_up(kernel_end, PAGE);
	uint64_t initrd = align_up(b->files.initrd.size, PAGE);
	uint64_t ram = end + initrd + RTAS_SIZE + b->tree_size;

	if (ram > FIRMWARE_LIMIT)
		ram = max_u64(end, FIRMWARE_LIMIT) + initrd;
	return align_up(ram, RAM_UNIT);
}

static int kernel_has_no_room(const struct boot *b, struct error *err)
{
	return boot_no_room(&b->files, "kernel", b->files.kernel.name,
			    b->kernel_end - b->kernel_start,
			    enough_ram(b, b->kernel_end), err);
}

/*
 * Kernels.
 */

/* What distributions wrap vmlinux into has no entry that takes a tree. */
static int refuse_zimage(const struct boot *b, struct error *err)
{
	return error_usage(err,
			   "kernel %s is a 32-bit program or a zImage: give "
			   "the vmlinux that is in it (the kernel's "
			   "scripts/extract-vmlinux takes it out)",
			   b->files.kernel.name);
}

static int parse_kernel(struct boot *b, struct error *err)
{
	const struct image *kernel = &b->files.kernel;
	uint8_t ident[EI_NIDENT] = { 0 };

	if (!elf_detect(kernel))
		return error_usage(
			err,
			"kernel %s is not an ELF file: give a "
			"vmlinux for ppc64le, as it is or compressed "
			"with gzip or zstd",
			kernel->name);
	if (image_read(kernel, 0, ident, sizeof(ident)) == 0 &&
	    ident[EI_CLASS] == ELFCLASS32)
		return refuse_zimage(b, err);
	return elf_parse(kernel, EM_PPC64, &b->elf, err);
}

static int place_kernel(struct boot *b, struct error *err)
{
	int ret = parse_kernel(b, err);

	if (ret)
		return ret;
	if (b->elf.high > UINT64_MAX / 4)
		return error_usage(err,
				   "kernel %s wants to be at 0x%" PRIx64
				   ": it is damaged or for another machine",
				   b->files.kernel.name, b->elf.low);
	b->kernel_start = b->elf.low;
	b->kernel_end = b->elf.high;
	if (b->kernel_end > b->files.ram_end)
		return kernel_has_no_room(b, err);
	b->layout.kernel_entry = elf_entry_paddr(&b->elf);
	if (vm_first_life(b->files.vm))
		log_info(b->files.vm->log,
			 "kernel %s: %s-endian ELF, 0x%" PRIx64 " to 0x%" PRIx64
			 ", entry 0x%" PRIx64,
			 b->files.kernel.name,
			 b->elf.big_endian ? "big" : "little", b->kernel_start,
			 b->kernel_end, b->layout.kernel_entry);
	return 0;
}

static int load_kernel(struct boot *b, struct error *err)
{
	return elf_load(&b->files.kernel, &b->elf, 0, &b->files.vm->gmem, err);
}

/*
 * A reboot may have left RAM as it was, but a kernel relies on its bss. At the
 * first boot all is zero, and better not touched.
 */
static void clear_bss(struct boot *b)
{
	if (b->files.vm->result.reboots != 0)
		boot_clear_elf(&b->files, &b->elf, 0);
}

/*
 * Firmware and initrd.
 */

static int firmware_overlaps(const struct boot *b, struct error *err)
{
	/* More RAM moves firmware up, as far as it may go. */
	if (b->end < FIRMWARE_LIMIT)
		return kernel_has_no_room(b, err);
	return error_usage(err,
			   "kernel %s takes 0x%" PRIx64 " to 0x%" PRIx64
			   ", but firmware has to be at 0x%" PRIx64
			   ": use a smaller kernel or link it lower",
			   b->files.kernel.name, b->kernel_start,
			   b->kernel_end - 1, b->layout.rtas_addr);
}

static int place_firmware(struct boot *b, struct error *err)
{
	uint64_t size = RTAS_SIZE + b->tree_size;
	uint64_t end = min_u64(b->end, FIRMWARE_LIMIT);

	if (end < size)
		return kernel_has_no_room(b, err);
	b->layout.fdt_addr = end - b->tree_size;
	b->layout.rtas_addr = end - size;
	b->layout.rtas_size = RTAS_SIZE;
	if (ranges_overlap(b->kernel_start, b->kernel_end - b->kernel_start,
			   b->layout.rtas_addr, size))
		return firmware_overlaps(b, err);
	return 0;
}

static int place_initrd(struct boot *b, struct error *err)
{
	uint64_t size = b->files.initrd.size, start = 0;
	uint64_t above = b->layout.fdt_addr + b->tree_size;

	if (size == 0)
		return 0;
	/* A kernel above firmware (it is linked there) ends the search. */
	if (b->kernel_end <= b->layout.rtas_addr)
		start = boot_highest(b->kernel_end, b->layout.rtas_addr, size,
				     PAGE);
	if (!start)
		start = boot_highest(max_u64(b->kernel_end, above), b->end,
				     size, PAGE);
	if (!start)
		return boot_no_room(&b->files, "initrd", b->files.initrd.name,
				    size, enough_ram(b, b->kernel_end), err);
	b->layout.initrd_start = start;
	b->layout.initrd_end = start + size;
	return 0;
}

static int load_initrd(struct boot *b, struct error *err)
{
	return boot_load_initrd(&b->files, b->layout.initrd_start, err);
}

static int load_rtas(struct boot *b, struct error *err)
{
	(void)err;
	/* place_firmware() has found room for it. */
	return gmem_write(&b->files.vm->gmem, b->layout.rtas_addr, rtas_blob,
			  RTAS_BLOB_SIZE);
}

static int build_tree(struct boot *b, struct fdt_builder *fdt,
		      struct error *err)
{
	int ret = tree_build(b->files.vm, &b->layout, fdt);

	if (ret)
		return error_host(err, ret, "cannot make a random seed: %s",
				  strerror(-ret));
	return boot_load_tree(&b->files, fdt, b->layout.fdt_addr, err);
}

static int load_tree(struct boot *b, struct error *err)
{
	struct fdt_builder fdt;

	if (fdt_builder_init(&fdt, b->tree_size))
		return error_nomem(err, "the device tree");
	int ret = build_tree(b, &fdt, err);
	fdt_builder_free(&fdt);
	return ret;
}

/* In this order: nothing is loaded before all places are known to be good. */
static int (*const boot_steps[])(struct boot *b, struct error *err) = {
	place_kernel, place_firmware, place_initrd, load_kernel,
	load_initrd,  load_rtas,      load_tree,
};

static int run_steps(struct boot *b, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(boot_steps); i++) {
		int ret = boot_steps[i](b, err);

		if (ret)
			return ret;
	}
	clear_bss(b);
	/* r5 of 0: there is a tree, and no Open Firmware to be asked. */
	int ret = regs_set_entry(&b->files.vm->vcpus[0], b->layout.kernel_entry,
				 b->layout.fdt_addr, b->kernel_start, 0);
	if (ret)
		return error_host(err, ret,
				  "cannot set the registers of vCPU 0: %s",
				  strerror(-ret));
	return 0;
}

int arch_boot(struct vm *vm, struct error *err)
{
	struct boot b = { .tree_size = 0 };
	int ret = boot_files_open(&b.files, vm, err);

	if (ret)
		return ret;
	b.end = align_down(b.files.ram_end, RAM_UNIT);
	b.tree_size = align_up(TREE_MAX_SIZE(vm->cfg->cpus), PAGE);
	ret = run_steps(&b, err);
	boot_files_close(&b.files);
	return ret;
}
