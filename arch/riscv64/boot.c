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
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "arch/riscv64/image.h"
#include "arch/riscv64/regs.h"
#include "arch/riscv64/tree.h"
#include "vmm/arch.h"
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
 * @ram, @ram_end: range of RAM
 * @kernel: image
 * @is_elf: @elf is valid, else @image
 * @elf_offset: added to the ELF file's physical addresses
 * @kernel_start, @kernel_end: range of the kernel with its bss
 * @initrd: file, with a size of 0 when there is none
 * @layout: all places, for the tree
 * @kernel_name, @initrd_name: names of those given as descriptors
 */
struct boot {
	struct vm *vm;
	uint64_t ram;
	uint64_t ram_end;
	struct image kernel;
	bool is_elf;
	struct elf elf;
	uint64_t elf_offset;
	struct rv_image image;
	uint64_t kernel_start;
	uint64_t kernel_end;
	struct image initrd;
	struct boot_layout layout;
	char kernel_name[16];
	char initrd_name[16];
};

static const char *file_name(const struct file_config *file, char *buf,
			     size_t size)
{
	if (file->path)
		return file->path;
	snprintf(buf, size, "fd=%d", file->fd);
	return buf;
}

/* Bytes to whole MiB, rounded up: for messages. */
static uint64_t to_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & (MIB(1) - 1)) != 0);
}

/*
 * RAM that is enough for a kernel that ends @kernel_end bytes into it, for
 * the initrd and for the tree. None of the sums wraps: the kernel is within
 * 2^63, a file too.
 */
static uint64_t enough_ram(const struct boot *b, uint64_t kernel_end)
{
	uint64_t initrd = align_up(b->initrd.size, PAGE);
	uint64_t low =
		align_up(align_up(kernel_end, PAGE) + initrd, TREE_ALIGN) +
		TREE_ALIGN;

	if (low <= TREE_LIMIT - b->ram)
		return low;
	return max_u64(align_up(kernel_end, TREE_ALIGN) + TREE_ALIGN,
		       TREE_LIMIT - b->ram + align_up(initrd, TREE_ALIGN));
}

static int no_room(const struct boot *b, const char *what, const char *name,
		   uint64_t size, uint64_t needed, struct error *err)
{
	return error_usage(err,
			   "%s %s needs %" PRIu64 " MiB, for which the %" PRIu64
			   " MiB of RAM have no room: give --mem %" PRIu64
			   "M or more",
			   what, name, to_mib(size),
			   to_mib(b->ram_end - b->ram), to_mib(needed));
}

/*
 * Kernels.
 */

/* @offset: from the beginning of RAM; @size: with its bss. */
static int set_kernel(struct boot *b, uint64_t offset, uint64_t size,
		      struct error *err)
{
	const char *name = b->kernel.name;

	if (!range_fits(offset, size, UINT64_MAX / 4))
		return error_usage(err,
				   "kernel %s wants 0x%" PRIx64
				   " bytes at 0x%" PRIx64
				   ": it is damaged or for another machine",
				   name, size, b->ram + offset);
	if (!range_fits(offset, size, b->ram_end - b->ram))
		return no_room(b, "kernel", name, size,
			       enough_ram(b, offset + size), err);
	b->kernel_start = b->ram + offset;
	b->kernel_end = b->kernel_start + size;
	return 0;
}

/*
 * A program that runs where it is linked (bare metal) has its addresses in
 * RAM. Linux's count from wherever it is loaded, which is a multiple of 2 MiB.
 */
static int place_elf(struct boot *b, struct error *err)
{
	int ret = elf_parse(&b->kernel, EM_RISCV, &b->elf, err);

	if (ret)
		return ret;
	b->is_elf = true;
	if (b->elf.low < b->ram)
		b->elf_offset = b->ram + KERNEL_ALIGN -
				align_down(b->elf.low, KERNEL_ALIGN);
	ret = set_kernel(b, b->elf.low + b->elf_offset - b->ram,
			 b->elf.high - b->elf.low, err);
	if (ret)
		return ret;
	b->layout.kernel_entry = elf_entry_paddr(&b->elf) + b->elf_offset;
	log_info(b->vm->log,
		 "kernel %s: ELF %s, 0x%" PRIx64 " to 0x%" PRIx64
		 ", entry 0x%" PRIx64,
		 b->kernel.name,
		 b->elf_offset ? "moved to RAM" : "at its own addresses",
		 b->kernel_start, b->kernel_end, b->layout.kernel_entry);
	return 0;
}

static int place_image(struct boot *b, struct error *err)
{
	int ret = rv_image_parse(&b->kernel, &b->image, err);

	if (ret)
		return ret;
	if (b->image.text_offset % KERNEL_ALIGN)
		return error_usage(err,
				   "kernel %s is damaged: its offset in RAM, "
				   "0x%" PRIx64 ", is no multiple of 2 MiB",
				   b->kernel.name, b->image.text_offset);
	ret = set_kernel(b, b->image.text_offset, b->image.mem_size, err);
	if (ret)
		return ret;
	b->layout.kernel_entry = b->kernel_start;
	log_info(b->vm->log, "kernel %s: %s, 0x%" PRIx64 " to 0x%" PRIx64,
		 b->kernel.name,
		 b->kernel.wrapping ? b->kernel.wrapping : "Image",
		 b->kernel_start, b->kernel_end);
	return 0;
}

static int place_kernel(struct boot *b, struct error *err)
{
	return elf_detect(&b->kernel) ? place_elf(b, err) : place_image(b, err);
}

static int load_kernel(struct boot *b, struct error *err)
{
	if (b->is_elf)
		return elf_load(&b->kernel, &b->elf, b->elf_offset,
				&b->vm->gmem, err);
	void *host =
		gmem_range(&b->vm->gmem, b->kernel_start, b->image.file_size);
	int ret = image_read(&b->kernel, 0, host, b->image.file_size);
	if (ret)
		return error_host(err, ret, "cannot read kernel %s: %s",
				  b->kernel.name, strerror(-ret));
	gmem_mark_dirty(&b->vm->gmem, host, b->image.file_size);
	return 0;
}

static void clear(struct boot *b, uint64_t gpa, uint64_t size)
{
	void *host = gmem_range(&b->vm->gmem, gpa, size);

	if (!host)
		return;
	memset(host, 0, size);
	gmem_mark_dirty(&b->vm->gmem, host, size);
}

/*
 * A reboot may have left RAM as it was, but a kernel relies on its bss. At the
 * first boot all is zero, and better not touched.
 */
static void clear_bss(struct boot *b)
{
	if (b->vm->result.reboots == 0)
		return;
	if (!b->is_elf) {
		clear(b, b->kernel_start + b->image.file_size,
		      b->image.mem_size - b->image.file_size);
		return;
	}
	for (unsigned i = 0; i < b->elf.nr_segments; i++) {
		const struct elf_segment *s = &b->elf.segments[i];

		clear(b, s->paddr + b->elf_offset + s->file_size,
		      s->mem_size - s->file_size);
	}
}

/*
 * Device tree and initrd.
 */

static int place_tree(struct boot *b, struct error *err)
{
	uint64_t end = align_down(min_u64(b->ram_end, TREE_LIMIT), TREE_ALIGN);

	/* RAM of less than this has no kernel in it. */
	if (end < b->ram + TREE_ALIGN)
		return no_room(b, "kernel", b->kernel.name,
			       b->kernel_end - b->kernel_start,
			       enough_ram(b, b->kernel_end - b->ram), err);
	b->layout.fdt_addr = end - TREE_ALIGN;
	if (!ranges_overlap(b->kernel_start, b->kernel_end - b->kernel_start,
			    b->layout.fdt_addr, TREE_ALIGN))
		return 0;
	if (b->ram_end < TREE_LIMIT)
		return no_room(b, "kernel", b->kernel.name,
			       b->kernel_end - b->kernel_start,
			       enough_ram(b, b->kernel_end - b->ram), err);
	return error_usage(err,
			   "kernel %s takes 0x%" PRIx64 " to 0x%" PRIx64
			   ", but the device tree has to be at 0x%" PRIx64
			   ": use a smaller kernel or link it lower",
			   b->kernel.name, b->kernel_start, b->kernel_end - 1,
			   b->layout.fdt_addr);
}

static int open_initrd(struct boot *b, struct error *err)
{
	struct stat st;

	if (b->initrd.fd < 0)
		return 0;
	if (fstat(b->initrd.fd, &st) < 0) {
		int code = -errno;

		return error_host(err, code, "cannot look at initrd %s: %s",
				  b->initrd.name, strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return error_usage(err,
				   "initrd %s is not a regular file: give a "
				   "cpio archive",
				   b->initrd.name);
	if (st.st_size == 0)
		return error_usage(err, "initrd %s is empty", b->initrd.name);
	b->initrd.size = (uint64_t)st.st_size;
	return 0;
}

/* The highest page in [@low, @high) where @size bytes fit, or 0. */
static uint64_t highest_page(uint64_t low, uint64_t high, uint64_t size)
{
	if (low > high || !range_fits(0, size, high - low))
		return 0;
	uint64_t start = align_down(high - size, PAGE);
	return start < low ? 0 : start;
}

static int place_initrd(struct boot *b, struct error *err)
{
	uint64_t size = b->initrd.size, tree = b->layout.fdt_addr;
	uint64_t start = 0;

	if (size == 0)
		return 0;
	/* A kernel above the tree (by its link addresses) ends the search. */
	if (b->kernel_end <= tree)
		start = highest_page(b->kernel_end, tree, size);
	if (!start)
		start = highest_page(max_u64(b->kernel_end, tree + TREE_ALIGN),
				     b->ram_end, size);
	if (!start)
		return no_room(b, "initrd", b->initrd.name, size,
			       enough_ram(b, b->kernel_end - b->ram), err);
	b->layout.initrd_start = start;
	b->layout.initrd_end = start + size;
	return 0;
}

static int load_initrd(struct boot *b, struct error *err)
{
	uint64_t size = b->initrd.size;

	if (size == 0)
		return 0;
	void *host = gmem_range(&b->vm->gmem, b->layout.initrd_start, size);
	int ret = image_read(&b->initrd, 0, host, size);
	if (ret)
		return error_host(err, ret, "cannot read initrd %s: %s",
				  b->initrd.name, strerror(-ret));
	gmem_mark_dirty(&b->vm->gmem, host, size);
	return 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

static int dump_tree(const char *path, const void *blob, size_t len,
		     struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int ret = fd < 0 ? -errno : write_all(fd, blob, len);

	if (fd >= 0 && close(fd) < 0 && ret == 0)
		ret = -errno;
	if (ret)
		return error_host(err, ret,
				  "--dump-dtb: cannot write %s: %s; check the "
				  "path, its permissions and the free space",
				  path, strerror(-ret));
	return 0;
}

static int finish_tree(struct boot *b, struct fdt_builder *fdt,
		       struct error *err)
{
	const char *dump = b->vm->cfg->dump_dtb;
	const void *blob;
	size_t len;
	int ret = tree_build(b->vm, &b->layout, fdt);

	if (ret)
		return error_host(err, ret, "cannot make a random seed: %s",
				  strerror(-ret));
	ret = fdt_builder_finish(fdt, &blob, &len, err);
	if (ret == 0 && dump)
		ret = dump_tree(dump, blob, len, err);
	if (ret)
		return ret;
	/* place_tree() has found room for it. */
	return gmem_write(&b->vm->gmem, b->layout.fdt_addr, blob, len);
}

static int load_tree(struct boot *b, struct error *err)
{
	size_t size = min_size(TREE_MAX_SIZE(b->vm->cfg->cpus), TREE_ALIGN);
	struct fdt_builder fdt;

	if (fdt_builder_init(&fdt, size))
		return error_nomem(err, "the device tree");
	int ret = finish_tree(b, &fdt, err);
	fdt_builder_free(&fdt);
	return ret;
}

/* Everything but the opening of the kernel, in this order. */
static int (*const boot_steps[])(struct boot *b, struct error *err) = {
	open_initrd, place_kernel, place_tree, place_initrd,
	load_kernel, load_initrd,  load_tree,
};

static int run_steps(struct boot *b, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(boot_steps); i++) {
		int ret = boot_steps[i](b, err);

		if (ret)
			return ret;
	}
	clear_bss(b);
	return regs_set_boot(&b->vm->vcpus[0], b->layout.kernel_entry,
			     b->layout.fdt_addr, err);
}

int arch_boot(struct vm *vm, struct error *err)
{
	const struct gmem_region *ram = &vm->gmem.regions[0];
	struct boot b = {
		.vm = vm,
		.ram = ram->gpa,
		.ram_end = ram->gpa + ram->size,
		/* An initrd is handed over as it is, compressed or not. */
		.initrd = { .fd = vm->initrd_fd },
	};
	b.initrd.name = file_name(&vm->cfg->initrd, b.initrd_name,
				  sizeof(b.initrd_name));
	int ret = image_open(&b.kernel, vm->kernel_fd,
			     file_name(&vm->cfg->kernel, b.kernel_name,
				       sizeof(b.kernel_name)),
			     err);
	if (ret)
		return ret;
	ret = run_steps(&b, err);
	image_close(&b.kernel);
	return ret;
}
