/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting: kernel, initrd, RTAS and device tree get places that fit and do not
 * overlap, or a message says what to do.
 */
#include <byteswap.h>
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
#include <zlib.h>
#include "arch/ppc64le/regs.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/tree.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

#define PAGE     KIB(64)
#define UNIT     MIB(16)
#define LIMIT    GIB(2)
#define CODE     64
#define LINUX_VA UINT64_C(0xc000000000000000)

/* What firmware takes with one CPU: the tree and RTAS. */
#define TREE     (2 * PAGE)
#define FIRMWARE (TREE + PAGE)

/* What boot.c told its neighbours, which this test stands in for. */
static struct boot_layout told;
static uint64_t told_entry, told_r3, told_r4, told_r5;
static unsigned told_vcpu;
static unsigned big_tree;
static int tree_error, regs_error;

const uint8_t rtas_blob[RTAS_BLOB_SIZE] = "a blob of firmware!";

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

int regs_set_entry(struct vcpu *vcpu, uint64_t pc, uint64_t r3, uint64_t r4,
		   uint64_t r5)
{
	told_vcpu = vcpu->id;
	told_entry = pc;
	told_r3 = r3;
	told_r4 = r4;
	told_r5 = r5;
	return regs_error;
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
	told_entry = told_r3 = told_r4 = 0;
	told_r5 = 99;
	told_vcpu = 99;
	big_tree = 0;
	tree_error = regs_error = 0;
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
	assert_int_equal(gmem_add(&f->vm.gmem, 0, mem, &f->err), 0);
}

static int file_make(const void *data, size_t size)
{
	int fd = memfd_create("boot", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint8_t code[CODE];
};

/* One segment at @paddr, with @mem_size bytes in memory, entered at its 16th.*/
static struct file elf_make(uint64_t paddr, uint64_t vaddr, uint64_t mem_size)
{
	struct file file = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_PPC64,
			.e_entry = vaddr + 16,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD,
			.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
			.p_filesz = CODE,
			.p_memsz = mem_size,
			.p_paddr = paddr,
			.p_vaddr = vaddr,
		},
	};

	memset(file.code, 0xc0, sizeof(file.code));
	return file;
}

static void set_kernel(struct fixture *f, const void *data, size_t size)
{
	if (f->vm.kernel_fd >= 0)
		close(f->vm.kernel_fd);
	f->vm.kernel_fd = file_make(data, size);
}

static void set_elf(struct fixture *f, uint64_t paddr, uint64_t vaddr,
		    uint64_t mem_size)
{
	struct file file = elf_make(paddr, vaddr, mem_size);

	set_kernel(f, &file, sizeof(file));
}

/* As Linux is linked. */
static void set_linux(struct fixture *f, uint64_t mem_size)
{
	set_elf(f, 0, LINUX_VA, mem_size);
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
	assert_int_equal(told_r3, told.fdt_addr);
	assert_int_equal(told_r5, 0);
}

static void assert_refused(struct fixture *f, const char *word)
{
	told_vcpu = 99;
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

/* Firmware ends at @end: RTAS, and behind it the tree. */
static void assert_firmware_below(struct fixture *f, uint64_t end)
{
	uint8_t blob[RTAS_BLOB_SIZE];
	void *tree = gmem_range(&f->vm.gmem, end - TREE, TREE);

	assert_non_null(tree);
	assert_int_equal(told.fdt_addr, end - TREE);
	assert_int_equal(fdt_check_full(tree, TREE), 0);
	assert_int_equal(told.rtas_addr, end - FIRMWARE);
	assert_int_equal(told.rtas_size, PAGE);
	assert_int_equal(
		gmem_read(&f->vm.gmem, told.rtas_addr, blob, sizeof(blob)), 0);
	assert_memory_equal(blob, rtas_blob, sizeof(blob));
}

static void linux_is_loaded_at_0(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_linux(f, MIB(40));
	assert_boots(f);
	assert_int_equal(told_entry, 16);
	assert_int_equal(told_r4, 0);
	assert_int_equal(byte_at(f, 0), 0xc0);
	assert_int_equal(byte_at(f, CODE - 1), 0xc0);
	assert_int_equal(byte_at(f, CODE), 0);
	assert_firmware_below(f, MIB(64));
	assert_int_equal(told.initrd_start, 0);
	assert_int_equal(told.initrd_end, 0);
}

static void bare_metal_stays(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_elf(f, 0x1234000, 0x1234000, 8192);
	assert_boots(f);
	assert_int_equal(told_entry, 0x1234010);
	assert_int_equal(told_r4, 0x1234000);
	assert_int_equal(byte_at(f, 0x1234000), 0xc0);
	assert_int_equal(byte_at(f, 0), 0);
}

static void big_endian_is_taken(void **state)
{
	struct fixture *f = *state;
	struct file e = elf_make(MIB(1), MIB(1), PAGE);

	e.header.e_ident[EI_DATA] = ELFDATA2MSB;
	e.header.e_type = bswap_16(e.header.e_type);
	e.header.e_machine = bswap_16(e.header.e_machine);
	e.header.e_entry = bswap_64(e.header.e_entry);
	e.header.e_phoff = bswap_64(e.header.e_phoff);
	e.header.e_phentsize = bswap_16(e.header.e_phentsize);
	e.header.e_phnum = bswap_16(e.header.e_phnum);
	e.segment.p_type = bswap_32(e.segment.p_type);
	e.segment.p_offset = bswap_64(e.segment.p_offset);
	e.segment.p_filesz = bswap_64(e.segment.p_filesz);
	e.segment.p_memsz = bswap_64(e.segment.p_memsz);
	e.segment.p_paddr = bswap_64(e.segment.p_paddr);
	e.segment.p_vaddr = bswap_64(e.segment.p_vaddr);
	set_ram(f, MIB(64));
	set_kernel(f, &e, sizeof(e));
	assert_boots(f);
	assert_int_equal(told_entry, MIB(1) + 16);
	assert_int_equal(byte_at(f, MIB(1)), 0xc0);
}

static void wrapping_is_taken_off(void **state)
{
	struct fixture *f = *state;
	struct file e = elf_make(0, LINUX_VA, PAGE);
	uint8_t packed[1024];
	z_stream z = { .next_in = (uint8_t *)&e,
		       .avail_in = sizeof(e),
		       .next_out = packed,
		       .avail_out = sizeof(packed) };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t size = sizeof(packed) - z.avail_out;
	deflateEnd(&z);
	set_ram(f, MIB(64));
	set_kernel(f, packed, size);
	assert_boots(f);
	assert_int_equal(byte_at(f, CODE - 1), 0xc0);
	set_kernel(f, packed, size - 1);
	assert_refused(f, "truncated");
}

static void other_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct file e;

	set_ram(f, MIB(64));
	set_kernel(f, "MZ, or whatever", 15);
	assert_refused(f, "kernel kernel-name is not an ELF file");
	e = elf_make(0, LINUX_VA, PAGE);
	e.header.e_ident[EI_CLASS] = ELFCLASS32;
	e.header.e_ident[EI_DATA] = ELFDATA2MSB;
	set_kernel(f, &e, sizeof(e));
	assert_refused(f, "give the vmlinux that is in it");
	set_kernel(f, &e, SELFMAG);
	assert_refused(f, "truncated");
	e = elf_make(0, LINUX_VA, PAGE);
	e.header.e_machine = EM_X86_64;
	set_kernel(f, &e, sizeof(e));
	assert_refused(f, "x86-64");
	e = elf_make(0, LINUX_VA, PAGE);
	set_kernel(f, &e, sizeof(e) - 1);
	assert_refused(f, "truncated");
	f->cfg.kernel = (struct file_config){ .fd = 42 };
	set_kernel(f, "junk", 4);
	assert_refused(f, "kernel fd=42 is not");
}

static void hostile_addresses(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_elf(f, MIB(64), MIB(64), 4096);
	assert_refused(f, "--mem 80M");
	set_elf(f, MIB(64) - 4096, MIB(64) - 4096, 8192);
	assert_refused(f, "--mem 80M");
	set_elf(f, LINUX_VA, LINUX_VA, 4096);
	assert_refused(f, "another machine");
	set_elf(f, UINT64_MAX - 8192, 0, 4096);
	assert_refused(f, "another machine");
	set_elf(f, 0, 0, UINT64_MAX - 1);
	assert_refused(f, "another machine");
	set_elf(f, 4096, 0, UINT64_MAX - 4095);
	assert_refused(f, "wraps");
	set_elf(f, 0, 0, UINT64_MAX / 4);
	assert_refused(f, "--mem");
	set_elf(f, 0, 0, UINT64_MAX / 4 + 1);
	assert_refused(f, "another machine");
}

/* The size in the message is the smallest that will do. */
static void message_is_right(void **state)
{
	static const struct {
		uint64_t kernel, initrd;
		unsigned needed;
	} cases[] = {
		{ CODE, 0, 16 },
		{ MIB(30), 0, 32 },
		{ MIB(32) - FIRMWARE, 0, 32 },
		{ MIB(32) - FIRMWARE + 1, 0, 48 },
		{ MIB(30), MIB(40), 80 },
		{ MIB(30), 1, 32 },
		{ MIB(30), MIB(50) - FIRMWARE, 80 },
		{ MIB(30), MIB(50) - FIRMWARE + 1, 96 },
		/* Each takes whole pages. */
		{ MIB(30) + 1, MIB(50) - FIRMWARE - PAGE, 80 },
		{ MIB(30) + 1, MIB(50) - FIRMWARE - PAGE + 1, 96 },
		/* Too large for the RAM below firmware: above it. */
		{ MIB(1100), MIB(1008), 3056 },
		{ MIB(1100), MIB(1008) + 1, 3072 },
		{ MIB(1100), MIB(948) - FIRMWARE, 2048 },
		{ MIB(1100), MIB(948) - FIRMWARE + 1, 3008 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char word[32];

		drop_files(f);
		set_linux(f, cases[i].kernel);
		if (cases[i].initrd)
			set_initrd(f, cases[i].initrd);
		snprintf(word, sizeof(word), "--mem %uM ", cases[i].needed);
		set_ram(f, MIB(cases[i].needed - 1));
		assert_refused(f, word);
		set_ram(f, MIB(cases[i].needed));
		assert_boots(f);
	}
}

static void tiny_ram(void **state)
{
	struct fixture *f = *state;

	set_linux(f, CODE);
	set_ram(f, 4096);
	assert_refused(f, "--mem 16M");
	set_ram(f, UNIT - 4096);
	assert_refused(f, "--mem 16M");
	set_ram(f, UNIT);
	assert_boots(f);
	assert_firmware_below(f, UNIT);
	/* All of it but firmware's, and one byte more. */
	set_linux(f, UNIT - FIRMWARE);
	assert_boots(f);
	set_linux(f, UNIT - FIRMWARE + 1);
	assert_refused(f, "--mem 32M");
}

/* Linux does not see the rest. */
static void nothing_is_behind_the_last_unit(void **state)
{
	struct fixture *f = *state;

	set_linux(f, MIB(40));
	set_initrd(f, MIB(1));
	set_ram(f, MIB(80) - 4096);
	assert_boots(f);
	assert_firmware_below(f, MIB(64));
	assert_int_equal(told.initrd_end, MIB(64) - FIRMWARE);
	set_ram(f, MIB(3000));
	set_linux(f, MIB(2000));
	set_initrd(f, MIB(100));
	assert_boots(f);
	assert_int_equal(told.initrd_end, MIB(2992));
	/* A program that is linked there knows what it does. */
	set_elf(f, MIB(2999), MIB(2999), MIB(1));
	set_initrd(f, 1);
	assert_refused(f, "--mem 3008M");
}

static void firmware_below_2_gib(void **state)
{
	struct fixture *f = *state;

	set_linux(f, MIB(40));
	set_ram(f, LIMIT);
	assert_boots(f);
	assert_firmware_below(f, LIMIT);
	set_ram(f, LIMIT - 4096);
	assert_boots(f);
	assert_firmware_below(f, LIMIT - UNIT);
	set_ram(f, GIB(8));
	assert_boots(f);
	assert_firmware_below(f, LIMIT);
}

static void kernel_on_firmware(void **state)
{
	struct fixture *f = *state;

	set_ram(f, GIB(4));
	set_elf(f, LIMIT - 1, LIMIT - 1, 4096);
	assert_refused(f, "firmware has to be at 0x7ffd0000");
	set_elf(f, LIMIT, LIMIT, 4096);
	assert_boots(f);
	set_elf(f, LIMIT - FIRMWARE - 4096, LIMIT - FIRMWARE - 4096, 4096);
	assert_boots(f);
	set_elf(f, LIMIT - FIRMWARE - 4096, LIMIT - FIRMWARE - 4096, 4097);
	assert_refused(f, "link it lower");
}

static void more_cpus_need_a_larger_tree(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_linux(f, MIB(40));
	f->cfg.cpus = 1024;
	assert_boots(f);
	assert_int_equal(told.fdt_addr, MIB(64) - TREE_MAX_SIZE(1024));
	big_tree = TREE_MAX_SIZE(1024) - 1024;
	assert_boots(f);
	big_tree = TREE_MAX_SIZE(1024);
	assert_int_equal(boot(f), -ENOSPC);
}

static void initrd_is_placed(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_linux(f, MIB(40));
	set_initrd(f, 100000);
	assert_boots(f);
	assert_int_equal(told.initrd_start, MIB(64) - FIRMWARE - 2 * PAGE);
	assert_int_equal(told.initrd_end - told.initrd_start, 100000);
	assert_int_equal(byte_at(f, told.initrd_start), 'I');
	assert_int_equal(byte_at(f, told.initrd_end - 1), 'I');
	assert_int_equal(byte_at(f, told.initrd_end), 0);
	assert_firmware_below(f, MIB(64));
}

static void initrd_fits_exactly(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_linux(f, MIB(40) + 1);
	set_initrd(f, MIB(24) - FIRMWARE - PAGE);
	assert_boots(f);
	assert_int_equal(told.initrd_start, MIB(40) + PAGE);
	set_initrd(f, MIB(24) - FIRMWARE - PAGE + 1);
	assert_refused(f, "initrd initrd-name needs 24 MiB");
	set_initrd(f, UINT64_C(1) << 40);
	assert_refused(f, "--mem");
}

static void initrd_above_firmware(void **state)
{
	struct fixture *f = *state;

	set_ram(f, GIB(3));
	set_linux(f, MIB(1500));
	set_initrd(f, MIB(1024));
	assert_boots(f);
	assert_int_equal(told.initrd_start, GIB(2));
	set_initrd(f, MIB(1024) + 1);
	assert_refused(f, "--mem 3088M");
	/* A kernel up there leaves the room above it. */
	set_elf(f, GIB(2), GIB(2), MIB(1));
	set_initrd(f, MIB(1023));
	assert_boots(f);
	assert_int_equal(told.initrd_start, GIB(2) + MIB(1));
}

static void initrd_is_checked(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	set_ram(f, MIB(64));
	set_linux(f, PAGE);
	f->vm.initrd_fd = file_make("", 0);
	assert_refused(f, "initrd initrd-name is empty");
	close(f->vm.initrd_fd);
	assert_int_equal(pipe(fds), 0);
	f->vm.initrd_fd = fds[0];
	close(fds[1]);
	assert_refused(f, "regular file");
}

/* Nothing is loaded before all is known to fit. */
static void refusal_touches_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t dirty[MIB(64) / 4096 / 64];

	set_ram(f, MIB(64));
	set_linux(f, MIB(40));
	set_initrd(f, MIB(30));
	assert_refused(f, "--mem");
	gmem_take_dirty(&f->vm.gmem, 0, dirty);
	for (size_t i = 0; i < ARRAY_SIZE(dirty); i++)
		assert_int_equal(dirty[i], 0);
}

static void first_boot_touches_little(void **state)
{
	struct fixture *f = *state;
	uint64_t dirty[MIB(64) / 4096 / 64];
	unsigned pages = 0;

	set_ram(f, MIB(64));
	set_linux(f, MIB(40));
	set_initrd(f, 4096);
	assert_boots(f);
	gmem_take_dirty(&f->vm.gmem, 0, dirty);
	for (size_t i = 0; i < ARRAY_SIZE(dirty); i++)
		pages += (unsigned)__builtin_popcountll(dirty[i]);
	assert_int_equal(pages, 4);
}

/* RAM is as a guest left it: the bss is cleared, all else stays. */
static void reboot_clears_bss(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_elf(f, MIB(8), MIB(8), 8192);
	set_initrd(f, 4096);
	memset(gmem_range(&f->vm.gmem, 0, MIB(64)), 0xee, MIB(64));
	f->vm.result.reboots = 1;
	assert_boots(f);
	assert_int_equal(byte_at(f, MIB(8) - 1), 0xee);
	assert_int_equal(byte_at(f, MIB(8) + CODE - 1), 0xc0);
	assert_int_equal(byte_at(f, MIB(8) + CODE), 0);
	assert_int_equal(byte_at(f, MIB(8) + 8191), 0);
	assert_int_equal(byte_at(f, MIB(8) + 8192), 0xee);
	assert_int_equal(byte_at(f, told.initrd_start - 1), 0xee);
	assert_int_equal(byte_at(f, told.initrd_start + 1), 0);
	assert_firmware_below(f, MIB(64));
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
	set_elf(f, MIB(8), MIB(8), 8192);
	off_t before = lseek(log.fd, 0, SEEK_END);
	assert_boots(f);
	off_t told_once = lseek(log.fd, 0, SEEK_END);
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
	set_linux(f, PAGE);
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

static void neighbours_fail(void **state)
{
	struct fixture *f = *state;

	set_ram(f, MIB(64));
	set_linux(f, PAGE);
	big_tree = TREE;
	assert_int_equal(boot(f), -ENOSPC);
	big_tree = 0;
	tree_error = -EIO;
	assert_int_equal(boot(f), -EIO);
	assert_non_null(strstr(f->err.text, "seed"));
	assert_int_equal(told_vcpu, 99);
	tree_error = 0;
	regs_error = -EBADF;
	assert_int_equal(boot(f), -EBADF);
	assert_non_null(strstr(f->err.text, "vCPU 0"));
}

#define BOOT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOOT(linux_is_loaded_at_0),
		BOOT(bare_metal_stays),
		BOOT(big_endian_is_taken),
		BOOT(wrapping_is_taken_off),
		BOOT(other_files_are_refused),
		BOOT(hostile_addresses),
		BOOT(message_is_right),
		BOOT(tiny_ram),
		BOOT(nothing_is_behind_the_last_unit),
		BOOT(firmware_below_2_gib),
		BOOT(kernel_on_firmware),
		BOOT(more_cpus_need_a_larger_tree),
		BOOT(initrd_is_placed),
		BOOT(initrd_fits_exactly),
		BOOT(initrd_above_firmware),
		BOOT(initrd_is_checked),
		BOOT(refusal_touches_nothing),
		BOOT(first_boot_touches_little),
		BOOT(reboot_clears_bss),
		BOOT(log_tells_of_first_boot),
		BOOT(tree_is_dumped),
		BOOT(neighbours_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
