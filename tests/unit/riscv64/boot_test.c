/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting: kernel, initrd and device tree get places that fit and do not
 * overlap, or a message says what to do.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <libfdt.h>
#include "arch/riscv64/boot.h"
#include "arch/riscv64/regs.h"
#include "arch/riscv64/tree.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

#define RAM       UINT64_C(0x80000000)
#define FILE_SIZE 4096

/* What boot.c told its neighbours, which this test stands in for. */
static struct boot_layout told;
static uint64_t told_entry, told_fdt;
static unsigned told_vcpu;
static unsigned big_tree;
static int tree_error;

int tree_build(struct vm *vm, const struct boot_layout *layout,
	       struct fdt_builder *fdt)
{
	(void)vm;
	told = *layout;
	fdt_begin(fdt, "%s", "");
	fdt_prop_string(fdt, "compatible", "test");
	if (big_tree) {
		uint8_t *data = calloc(1, big_tree);

		fdt_prop_bytes(fdt, "big", data, big_tree);
		free(data);
	}
	fdt_end(fdt);
	return tree_error;
}

int regs_set_boot(const struct vcpu *vcpu, uint64_t entry, uint64_t fdt,
		  struct error *err)
{
	(void)err;
	told_vcpu = vcpu->id;
	told_entry = entry;
	told_fdt = fdt;
	return 0;
}

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct vcpu vcpus[1];
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->cfg.kernel.path = (char *)"kernel-name";
	f->cfg.initrd.path = (char *)"initrd-name";
	f->cfg.cpus = 1;
	f->vm.cfg = &f->cfg;
	f->vm.vcpus = f->vcpus;
	f->vm.kernel_fd = -1;
	f->vm.initrd_fd = -1;
	told = (struct boot_layout){ 0 };
	told_entry = told_fdt = 0;
	told_vcpu = 99;
	big_tree = 0;
	tree_error = 0;
	*state = f;
	return 0;
}

static void drop_files(struct fixture *f)
{
	if (f->vm.kernel_fd >= 0)
		close(f->vm.kernel_fd);
	if (f->vm.initrd_fd >= 0)
		close(f->vm.initrd_fd);
	f->vm.kernel_fd = f->vm.initrd_fd = -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	drop_files(f);
	gmem_destroy(&f->vm.gmem);
	free(f);
	return 0;
}

static void set_ram(struct fixture *f, uint64_t mem)
{
	gmem_destroy(&f->vm.gmem);
	f->vm.gmem = (struct gmem){ 0 };
	f->cfg.mem = mem;
	assert_int_equal(gmem_add(&f->vm.gmem, RAM, mem, &f->err), 0);
}

static int file_make(const void *data, size_t size)
{
	int fd = memfd_create("boot", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

/* An Image of FILE_SIZE bytes, numbered from its header on. */
static void set_image(struct fixture *f, uint64_t text_offset,
		      uint64_t image_size)
{
	uint8_t bytes[FILE_SIZE];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i + 1);
	memset(bytes, 0, 64);
	le64_store(bytes + 8, text_offset);
	le64_store(bytes + 16, image_size);
	le32_store(bytes + 56, 0x05435352);
	if (f->vm.kernel_fd >= 0)
		close(f->vm.kernel_fd);
	f->vm.kernel_fd = file_make(bytes, sizeof(bytes));
}

/* An ELF file of one segment at @paddr, with @mem_size bytes in memory. */
static void set_elf(struct fixture *f, uint64_t paddr, uint64_t vaddr,
		    uint64_t mem_size)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		uint8_t code[64];
	} file = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_RISCV,
			.e_entry = vaddr + 16,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD,
			.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
			.p_filesz = 64,
			.p_memsz = mem_size,
			.p_paddr = paddr,
			.p_vaddr = vaddr,
		},
	};

	memset(file.code, 0xc0, sizeof(file.code));
	if (f->vm.kernel_fd >= 0)
		close(f->vm.kernel_fd);
	f->vm.kernel_fd = file_make(&file, sizeof(file));
}

/* Sparse, but for its first and last byte. */
static void set_initrd(struct fixture *f, uint64_t size)
{
	if (f->vm.initrd_fd >= 0)
		close(f->vm.initrd_fd);
	f->vm.initrd_fd = file_make("I", 1);
	assert_int_equal(ftruncate(f->vm.initrd_fd, (off_t)size), 0);
	assert_int_equal(pwrite(f->vm.initrd_fd, "I", 1, (off_t)size - 1), 1);
}

static int boot(struct fixture *f)
{
	f->err = (struct error){ 0 };
	return arch_boot(&f->vm, &f->err);
}

static void assert_boots(struct fixture *f)
{
	int ret = boot(f);

	if (ret)
		fail_msg("%d: %s", ret, f->err.text);
	assert_int_equal(told_vcpu, 0);
	assert_int_equal(told_entry, told.kernel_entry);
	assert_int_equal(told_fdt, told.fdt_addr);
}

static void assert_refused(struct fixture *f, const char *word)
{
	assert_int_equal(boot(f), -EINVAL);
	assert_int_equal(f->err.status, EXIT_STATUS_USAGE);
	if (!strstr(f->err.text, word))
		fail_msg("'%s' is not in: %s", word, f->err.text);
	assert_int_equal(told_vcpu, 99);
}

static uint8_t byte_at(struct fixture *f, uint64_t gpa)
{
	uint8_t byte = 0;

	assert_int_equal(gmem_read(&f->vm.gmem, gpa, &byte, 1), 0);
	return byte;
}

static void assert_tree_at(struct fixture *f, uint64_t gpa)
{
	void *blob = gmem_range(&f->vm.gmem, gpa, MIB(2));

	assert_non_null(blob);
	assert_int_equal(told_fdt, gpa);
	assert_int_equal(fdt_check_full(blob, MIB(2)), 0);
}

static void image_is_placed(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	assert_boots(f);
	assert_int_equal(told_entry, RAM + MIB(2));
	assert_int_equal(byte_at(f, RAM + MIB(2) + 64), 65);
	assert_int_equal(byte_at(f, RAM + MIB(2) + FILE_SIZE - 1), 0);
	assert_int_equal(byte_at(f, RAM + MIB(2) + FILE_SIZE - 2), 255);
	assert_tree_at(f, RAM + MIB(62));
	assert_int_equal(told.initrd_start, 0);
	assert_int_equal(told.initrd_end, 0);
}

static void image_at_other_offsets(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, 0, 0);
	assert_boots(f);
	assert_int_equal(told_entry, RAM);
	set_image(f, MIB(60), MIB(2));
	assert_boots(f);
	assert_int_equal(told_entry, RAM + MIB(60));
}

static void hostile_image_headers(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, MIB(60), MIB(2) + 1);
	assert_refused(f, "--mem 66M");
	set_image(f, MIB(64), FILE_SIZE);
	assert_refused(f, "--mem 68M");
	set_image(f, MIB(1), FILE_SIZE);
	assert_refused(f, "multiple of 2 MiB");
	set_image(f, MIB(2), UINT64_MAX);
	assert_refused(f, "damaged");
	set_image(f, MIB(2), UINT64_MAX - MIB(2));
	assert_refused(f, "damaged");
	set_image(f, UINT64_MAX - MIB(2) + 1, FILE_SIZE);
	assert_refused(f, "damaged");
	set_image(f, UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1);
	assert_refused(f, "damaged");
	set_image(f, MIB(2), UINT64_MAX / 8);
	assert_refused(f, "--mem");
}

/* The size in the message is the smallest that will do. */
static void message_is_right(void **state)
{
	static const struct {
		uint64_t image_size, initrd;
		unsigned needed;
	} cases[] = {
		{ 1, 0, 6 },
		{ MIB(30), 0, 34 },
		{ MIB(30) + 1, 0, 36 },
		{ MIB(30), MIB(40), 74 },
		{ MIB(30), 1, 36 },
		{ MIB(30), MIB(40) + 1, 76 },
		{ MIB(30) + 1, MIB(40) - 4096, 74 },
		{ MIB(30) + 1, MIB(40) - 4095, 76 },
		/* Too large for the RAM below the tree: above it. */
		{ MIB(30), MIB(1000), 2024 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char word[32];

		drop_files(f);
		set_image(f, MIB(2), cases[i].image_size);
		if (cases[i].initrd)
			set_initrd(f, cases[i].initrd);
		snprintf(word, sizeof(word), "--mem %uM ", cases[i].needed);
		set_ram(f, MIB(cases[i].needed - 2));
		told_vcpu = 99;
		assert_refused(f, word);
		set_ram(f, MIB(cases[i].needed));
		assert_boots(f);
	}
}

static void tree_below_3_gib(void **state)
{
	struct fixture *f = *state;

	set_image(f, MIB(2), 0x10000);
	set_ram(f, GIB(1));
	assert_boots(f);
	assert_tree_at(f, GIB(3) - MIB(2));
	set_ram(f, GIB(1) - 4096);
	assert_boots(f);
	assert_tree_at(f, GIB(3) - MIB(4));
	set_ram(f, GIB(8));
	assert_boots(f);
	assert_tree_at(f, GIB(3) - MIB(2));
}

static void kernel_on_the_tree(void **state)
{
	struct fixture *f = *state;

	set_ram(f, GIB(2));
	set_elf(f, GIB(3) - 1, GIB(3) - 1, 4096);
	assert_refused(f, "device tree has to be at 0xbfe00000");
	set_elf(f, GIB(3), GIB(3), 4096);
	assert_boots(f);
	set_elf(f, GIB(3) - MIB(2) - 4096, GIB(3) - MIB(2) - 4096, 4096);
	assert_boots(f);
	set_elf(f, GIB(3) - MIB(2) - 4096, GIB(3) - MIB(2) - 4096, 4097);
	told_vcpu = 99;
	assert_refused(f, "link it lower");
}

static void tiny_ram(void **state)
{
	struct fixture *f = *state;

	set_image(f, 0, 0);
	set_ram(f, MIB(1));
	assert_refused(f, "--mem 4M");
	set_ram(f, MIB(2));
	assert_refused(f, "--mem 4M");
	set_ram(f, MIB(4));
	assert_boots(f);
}

static void initrd_is_placed(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	set_initrd(f, 10000);
	assert_boots(f);
	assert_int_equal(told.initrd_start, RAM + MIB(62) - 0x3000);
	assert_int_equal(told.initrd_end - told.initrd_start, 10000);
	assert_int_equal(byte_at(f, told.initrd_start), 'I');
	assert_int_equal(byte_at(f, told.initrd_end - 1), 'I');
	assert_int_equal(byte_at(f, told.initrd_end), 0);
	assert_tree_at(f, RAM + MIB(62));
}

static void initrd_fits_exactly(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000 + 1);
	set_initrd(f, MIB(60) - 0x11000);
	assert_boots(f);
	assert_int_equal(told.initrd_start, RAM + MIB(2) + 0x11000);
	told_vcpu = 99;
	set_initrd(f, MIB(60) - 0x11000 + 1);
	assert_refused(f, "initrd initrd-name needs 60 MiB");
	set_initrd(f, UINT64_C(1) << 40);
	assert_refused(f, "--mem");
}

static void initrd_above_the_tree(void **state)
{
	struct fixture *f = *state;

	set_ram(f, GIB(2));
	set_image(f, MIB(2), 0x10000);
	set_initrd(f, MIB(1023));
	assert_boots(f);
	assert_int_equal(told.initrd_start, GIB(4) - MIB(1023));
	/* A kernel up there leaves the room above it. */
	set_elf(f, GIB(3), GIB(3), MIB(1));
	assert_boots(f);
	assert_int_equal(told.initrd_start, GIB(3) + MIB(1));
}

static void initrd_is_checked(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	f->vm.initrd_fd = file_make("", 0);
	assert_refused(f, "initrd initrd-name is empty");
	close(f->vm.initrd_fd);
	assert_int_equal(pipe(fds), 0);
	f->vm.initrd_fd = fds[0];
	close(fds[1]);
	assert_refused(f, "regular file");
}

static void bare_metal_elf_stays(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_elf(f, RAM + 0x1234000, RAM + 0x1234000, 8192);
	assert_boots(f);
	assert_int_equal(told_entry, RAM + 0x1234010);
	assert_int_equal(byte_at(f, RAM + 0x1234000), 0xc0);
	assert_int_equal(byte_at(f, RAM + 0x1234000 + 63), 0xc0);
	assert_int_equal(byte_at(f, RAM + 0x1234000 + 64), 0);
	set_elf(f, RAM, RAM, 4096);
	assert_boots(f);
	assert_int_equal(told_entry, RAM + 16);
}

static void vmlinux_moves_to_ram(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_elf(f, 0, 0xffffffff80000000, 8192);
	assert_boots(f);
	assert_int_equal(told_entry, RAM + MIB(2) + 16);
	assert_int_equal(byte_at(f, RAM + MIB(2)), 0xc0);
	/* Where it is within its 2 MiB counts, which 2 MiB it is does not. */
	set_elf(f, MIB(6) + 0x1000, 0xffffffff80001000, 8192);
	assert_boots(f);
	assert_int_equal(told_entry, RAM + MIB(2) + 0x1010);
}

static void hostile_elf_addresses(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_elf(f, RAM + MIB(64), RAM, 4096);
	assert_refused(f, "--mem 68M");
	set_elf(f, RAM + MIB(64) - 4096, RAM, 8192);
	assert_refused(f, "--mem");
	set_elf(f, 0xffffffff80000000, 0xffffffff80000000, 4096);
	assert_refused(f, "another machine");
	set_elf(f, 0, 0, UINT64_MAX);
	assert_refused(f, "another machine");
	set_elf(f, RAM - 1, RAM, MIB(62));
	assert_refused(f, "--mem");
	set_elf(f, RAM, RAM, MIB(62) + 1);
	assert_refused(f, "--mem 66M");
}

static void first_boot_touches_little(void **state)
{
	struct fixture *f = *state;
	uint64_t dirty[MIB(64) / 4096 / 64];
	unsigned pages = 0;

	set_ram(f, MIB(64));
	set_image(f, MIB(2), MIB(20));
	set_initrd(f, 4096);
	assert_boots(f);
	gmem_take_dirty(&f->vm.gmem, 0, dirty);
	for (size_t i = 0; i < ARRAY_SIZE(dirty); i++)
		pages += (unsigned)__builtin_popcountll(dirty[i]);
	assert_int_equal(pages, 3);
}

/* RAM is as a guest left it: the bss is cleared, all else stays. */
static void reboot_clears_bss(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	set_initrd(f, 4096);
	memset(gmem_range(&f->vm.gmem, RAM, MIB(64)), 0xee, MIB(64));
	f->vm.result.reboots = 1;
	assert_boots(f);
	uint64_t kernel = RAM + MIB(2);
	assert_int_equal(byte_at(f, kernel + FILE_SIZE - 2), 255);
	assert_int_equal(byte_at(f, kernel + FILE_SIZE), 0);
	assert_int_equal(byte_at(f, kernel + 0x10000 - 1), 0);
	assert_int_equal(byte_at(f, kernel - 1), 0xee);
	assert_int_equal(byte_at(f, kernel + 0x10000), 0xee);
	assert_int_equal(byte_at(f, told.initrd_start - 1), 0xee);
	assert_int_equal(byte_at(f, told.initrd_start + 1), 0);
	assert_tree_at(f, RAM + MIB(62));
	set_elf(f, RAM + MIB(8), RAM + MIB(8), 4096);
	assert_boots(f);
	assert_int_equal(byte_at(f, RAM + MIB(8) + 63), 0xc0);
	assert_int_equal(byte_at(f, RAM + MIB(8) + 64), 0);
	assert_int_equal(byte_at(f, RAM + MIB(8) + 4095), 0);
	assert_int_equal(byte_at(f, RAM + MIB(8) + 4096), 0xee);
}

/* A guest may reboot without end: its boots are told of once. */
static void log_tells_of_first_boot(void **state)
{
	struct fixture *f = *state;
	struct log log = {
		.fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_INFO,
		.name = "test",
	};

	f->vm.log = &log;
	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	off_t before = lseek(log.fd, 0, SEEK_END);
	assert_boots(f);
	off_t told_once = lseek(log.fd, 0, SEEK_END);
	assert_true(told_once > before);
	f->vm.result.reboots = 1;
	assert_boots(f);
	assert_int_equal(lseek(log.fd, 0, SEEK_END), told_once);
	f->vm.result.reboots = 0;
	set_elf(f, RAM + MIB(8), RAM + MIB(8), 4096);
	before = lseek(log.fd, 0, SEEK_END);
	assert_boots(f);
	told_once = lseek(log.fd, 0, SEEK_END);
	assert_true(told_once > before);
	f->vm.result.reboots = 1;
	assert_boots(f);
	assert_int_equal(lseek(log.fd, 0, SEEK_END), told_once);
	close(log.fd);
}

static void tree_is_dumped(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/boot_test.XXXXXX";
	uint8_t blob[4096];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	f->cfg.dump_dtb = path;
	assert_boots(f);
	ssize_t len = read(fd, blob, sizeof(blob));
	assert_true(len > 0);
	assert_int_equal(fdt_check_full(blob, (size_t)len), 0);
	close(fd);
	unlink(path);
	f->cfg.dump_dtb = (char *)"/nonexistent/x";
	assert_int_equal(boot(f), -ENOENT);
	assert_non_null(strstr(f->err.text, "/nonexistent/x"));
}

static void tree_fails(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_image(f, MIB(2), 0x10000);
	big_tree = MIB(2);
	assert_int_equal(boot(f), -ENOSPC);
	big_tree = 0;
	tree_error = -EIO;
	assert_int_equal(boot(f), -EIO);
	assert_non_null(strstr(f->err.text, "seed"));
	assert_int_equal(told_vcpu, 99);
}

static void names_of_descriptors(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	f->cfg.kernel = (struct file_config){ .fd = 42 };
	f->vm.kernel_fd = file_make("junk", 4);
	assert_refused(f, "kernel fd=42 is not a kernel");
}

#define BOOT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOOT(image_is_placed),
		BOOT(image_at_other_offsets),
		BOOT(hostile_image_headers),
		BOOT(message_is_right),
		BOOT(tree_below_3_gib),
		BOOT(kernel_on_the_tree),
		BOOT(tiny_ram),
		BOOT(initrd_is_placed),
		BOOT(initrd_fits_exactly),
		BOOT(initrd_above_the_tree),
		BOOT(initrd_is_checked),
		BOOT(bare_metal_elf_stays),
		BOOT(vmlinux_moves_to_ram),
		BOOT(hostile_elf_addresses),
		BOOT(first_boot_touches_little),
		BOOT(reboot_clears_bss),
		BOOT(log_tells_of_first_boot),
		BOOT(tree_is_dumped),
		BOOT(tree_fails),
		BOOT(names_of_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
