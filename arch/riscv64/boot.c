/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting a Linux kernel: where it, the initrd and the device tree go, and
 * how they get there.
 *
 *	RAM base + text_offset  kernel with its bss
 *	...
 *	below the tree          initrd, at the highest page that it fits at
 *	below RAM's end, 3 GiB  device tree, in 2 MiB of its own
 *	above 3 GiB             initrd, where it does not fit below
 *
 * All of the places are computed and checked before anything is loaded.
 */
#include "arch/riscv64/boot.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "arch/riscv64/image.h"
#include "arch/riscv64/regs.h"
#include "arch/riscv64/tree.h"
#include "vmm/arch.h"
#include "vmm/boot_files.h"
#include "vmm/elf.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

/* Linux, Documentation/arch/riscv/boot.rst: kernels are aligned to this. */
#define KERNEL_ALIGN MIB(2)

/* The tree must not share its 2 MiB, which Linux maps before all else. */
#define TREE_ALIGN MIB(2)

/* Below this, because early code of some guests maps no higher addresses. */
#define TREE_LIMIT GIB(3)

#define PAGE       4096

/**
 * struct boot - What is to be loaded, and to where
 * @files: kernel and initrd
 * @is_elf: @elf is valid, else @image
 * @elf_offset: added to the ELF file's physical addresses
 * @kernel_start, @kernel_end: range of the kernel with its bss
 * @layout: all places, for the tree
 */
struct boot {
	struct boot_files files;
	bool is_elf;
	struct elf elf;
	uint64_t elf_offset;
	struct rv_image image;
	uint64_t kernel_start;
	uint64_t kernel_end;
	struct boot_layout layout;
};

/*
 * RAM that is enough for a kernel that ends @kernel_end bytes into it, for
 * the initrd and for the tree. None of the sums wraps: the kernel is within
 * 2^63, a file too.
 */
static uint64_t enough_ram(const struct boot *b, uint64_t kernel_end)
{
	uint64_t initrd = align_up(b->files.initrd.size, PAGE);
	uint64_t low =
		align_up(align_up(kernel_end, PAGE) + initrd, TREE_ALIGN) +
		TREE_ALIGN;

	if (low <= TREE_LIMIT - b->files.ram)
		return low;
	return max_u64(align_up(kernel_end, TREE_ALIGN) + TREE_ALIGN,
		       TREE_LIMIT - b->files.ram +
			       align_up(initrd, TREE_ALIGN));
}

/*
 * Kernels.
 */

/* @offset: from the beginning of RAM; @size: with its bss. */
static int set_kernel(struct boot *b, uint64_t offset, uint64_t size,
		      struct error *err)
{
	const char *name = b->files.kernel.name;

	if (!range_fits(offset, size, UINT64_MAX / 4))
		return error_usage(err,
				   "kernel %s wants 0x%" PRIx64
				   " bytes at 0x%" PRIx64
				   ": it is damaged or for another machine",
				   name, size, b->files.ram + offset);
	if (!range_fits(offset, size, b->files.ram_end - b->files.ram))
		return boot_no_room(&b->files, "kernel", name, size,
				    enough_ram(b, offset + size), err);
	b->kernel_start = b->files.ram + offset;
	b->kernel_end = b->kernel_start + size;
	return 0;
}

/*
 * A program that runs where it is linked (bare metal) has its addresses in
 * RAM. Linux's count from wherever it is loaded, which is a multiple of 2 MiB.
 */
static int place_elf(struct boot *b, struct error *err)
{
	int ret = elf_parse(&b->files.kernel, EM_RISCV, &b->elf, err);

	if (ret)
		return ret;
	b->is_elf = true;
	if (b->elf.low < b->files.ram)
		b->elf_offset = b->files.ram + KERNEL_ALIGN -
				align_down(b->elf.low, KERNEL_ALIGN);
	ret = set_kernel(b, b->elf.low + b->elf_offset - b->files.ram,
			 b->elf.high - b->elf.low, err);
	if (ret)
		return ret;
	b->layout.kernel_entry = elf_entry_paddr(&b->elf) + b->elf_offset;
	if (vm_first_life(b->files.vm))
		log_info(
			b->files.vm->log,
			"kernel %s: ELF %s, 0x%" PRIx64 " to 0x%" PRIx64
			", entry 0x%" PRIx64,
			b->files.kernel.name,
			b->elf_offset ? "moved to RAM" : "at its own addresses",
			b->kernel_start, b->kernel_end, b->layout.kernel_entry);
	return 0;
}

static int place_image(struct boot *b, struct error *err)
{
	int ret = rv_image_parse(&b->files.kernel, &b->image, err);

	if (ret)
		return ret;
	if (b->image.text_offset % KERNEL_ALIGN)
		return error_usage(err,
				   "kernel %s is damaged: its offset in RAM, "
				   "0x%" PRIx64 ", is no multiple of 2 MiB",
				   b->files.kernel.name, b->image.text_offset);
	ret = set_kernel(b, b->image.text_offset, b->image.mem_size, err);
	if (ret)
		return ret;
	b->layout.kernel_entry = b->kernel_start;
	if (vm_first_life(b->files.vm))
		log_info(b->files.vm->log,
			 "kernel %s: %s, 0x%" PRIx64 " to 0x%" PRIx64,
			 b->files.kernel.name,
			 b->files.kernel.wrapping ? b->files.kernel.wrapping
						  : "Image",
			 b->kernel_start, b->kernel_end);
	return 0;
}

static int place_kernel(struct boot *b, struct error *err)
{
	return elf_detect(&b->files.kernel) ? place_elf(b, err)
					    : place_image(b, err);
}

static int load_kernel(struct boot *b, struct error *err)
{
	if (b->is_elf)
		return elf_load(&b->files.kernel, &b->elf, b->elf_offset,
				&b->files.vm->gmem, err);
	void *host = gmem_range(&b->files.vm->gmem, b->kernel_start,
				b->image.file_size);
	int ret = image_read(&b->files.kernel, 0, host, b->image.file_size);
	if (ret)
		return error_host(err, ret, "cannot read kernel %s: %s",
				  b->files.kernel.name, strerror(-ret));
	gmem_mark_dirty(&b->files.vm->gmem, host, b->image.file_size);
	return 0;
}

/*
 * A reboot may have left RAM as it was, but a kernel relies on its bss. At the
 * first boot all is zero, and better not touched.
 */
static void clear_bss(struct boot *b)
{
	if (b->files.vm->result.reboots == 0)
		return;
	if (!b->is_elf) {
		boot_clear(&b->files, b->kernel_start + b->image.file_size,
			   b->image.mem_size - b->image.file_size);
		return;
	}
	boot_clear_elf(&b->files, &b->elf, b->elf_offset);
}

/*
 * Device tree and initrd.
 */

static int place_tree(struct boot *b, struct error *err)
{
	uint64_t end =
		align_down(min_u64(b->files.ram_end, TREE_LIMIT), TREE_ALIGN);

	/* RAM of less than this has no kernel in it. */
	if (end < b->files.ram + TREE_ALIGN)
		return boot_no_room(&b->files, "kernel", b->files.kernel.name,
				    b->kernel_end - b->kernel_start,
				    enough_ram(b, b->kernel_end - b->files.ram),
				    err);
	b->layout.fdt_addr = end - TREE_ALIGN;
	if (!ranges_overlap(b->kernel_start, b->kernel_end - b->kernel_start,
			    b->layout.fdt_addr, TREE_ALIGN))
		return 0;
	if (b->files.ram_end < TREE_LIMIT)
		return boot_no_room(&b->files, "kernel", b->files.kernel.name,
				    b->kernel_end - b->kernel_start,
				    enough_ram(b, b->kernel_end - b->files.ram),
				    err);
	return error_usage(err,
			   "kernel %s takes 0x%" PRIx64 " to 0x%" PRIx64
			   ", but the device tree has to be at 0x%" PRIx64
			   ": use a smaller kernel or link it lower",
			   b->files.kernel.name, b->kernel_start,
			   b->kernel_end - 1, b->layout.fdt_addr);
}

static int place_initrd(struct boot *b, struct error *err)
{
	uint64_t size = b->files.initrd.size, tree = b->layout.fdt_addr;
	uint64_t start = 0;

	if (size == 0)
		return 0;
	/* A kernel above the tree (by its link addresses) ends the search. */
	if (b->kernel_end <= tree)
		start = boot_highest(b->kernel_end, tree, size, PAGE);
	if (!start)
		start = boot_highest(max_u64(b->kernel_end, tree + TREE_ALIGN),
				     b->files.ram_end, size, PAGE);
	if (!start)
		return boot_no_room(
			&b->files, "initrd", b->files.initrd.name, size,
			enough_ram(b, b->kernel_end - b->files.ram), err);
	b->layout.initrd_start = start;
	b->layout.initrd_end = start + size;
	return 0;
}

static int load_initrd(struct boot *b, struct error *err)
{
	return boot_load_initrd(&b->files, b->layout.initrd_start, err);
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
	size_t size =
		min_size(TREE_MAX_SIZE(b->files.vm->cfg->cpus), TREE_ALIGN);
	struct fdt_builder fdt;

	if (fdt_builder_init(&fdt, size))
		return error_nomem(err, "the device tree");
	int ret = build_tree(b, &fdt, err);
	fdt_builder_free(&fdt);
	return ret;
}

/* In this order: nothing is loaded before all places are known to be good. */
static int (*const boot_steps[])(struct boot *b, struct error *err) = {
	place_kernel, place_tree,  place_initrd,
	load_kernel,  load_initrd, load_tree,
};

static int run_steps(struct boot *b, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(boot_steps); i++) {
		int ret = boot_steps[i](b, err);

		if (ret)
			return ret;
	}
	clear_bss(b);
	return regs_set_boot(&b->files.vm->vcpus[0], b->layout.kernel_entry,
			     b->layout.fdt_addr, err);
}

int arch_boot(struct vm *vm, struct error *err)
{
	struct boot b = { 0 };
	int ret = boot_files_open(&b.files, vm, err);

	if (ret)
		return ret;
	ret = run_steps(&b, err);
	boot_files_close(&b.files);
	return ret;
}
