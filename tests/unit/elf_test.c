/* SPDX-License-Identifier: Apache-2.0 */
/* ELF kernels: headers are checked, segments land where they should. */
#include <byteswap.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "vmm/elf.h"

#define FILE_SIZE   4096
#define MAX_HEADERS 40

/* A file under construction: the fields are set, then it is written. */
struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_HEADERS];
	size_t size;
};

/* Two segments as in a kernel: text, then data with a bss. */
static struct file good(void)
{
	struct file f = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_RISCV,
			.e_version = EV_CURRENT,
			.e_entry = 0xffffffff80000010,
			.e_phoff = offsetof(struct file, segments),
			.e_flags = 5,
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
		},
		.segments = {
			{ .p_type = PT_LOAD, .p_offset = 3000, .p_filesz = 100,
			  .p_memsz = 100, .p_vaddr = 0xffffffff80000000 },
			{ .p_type = PT_LOAD, .p_offset = 3100, .p_filesz = 50,
			  .p_memsz = 5000, .p_vaddr = 0xffffffff80001000,
			  .p_paddr = 0x1000 },
		},
		.size = FILE_SIZE,
	};

	return f;
}

static int file_make(const struct file *f, size_t size)
{
	uint8_t bytes[FILE_SIZE];
	int fd = memfd_create("elf", MFD_CLOEXEC);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(bytes, f, offsetof(struct file, size));
	assert_true(fd >= 0 && size <= sizeof(bytes));
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

static int parse_for(uint16_t machine, const struct file *f, size_t size,
		     struct elf *elf, struct error *err)
{
	struct image image;
	int fd = file_make(f, size);

	*err = (struct error){ 0 };
	assert_int_equal(image_open(&image, fd, "kernel-name", err), 0);
	int ret = elf_parse(&image, machine, elf, err);
	image_close(&image);
	close(fd);
	return ret;
}

static int parse(const struct file *f, size_t size, struct elf *elf,
		 struct error *err)
{
	return parse_for(EM_RISCV, f, size, elf, err);
}

static void assert_good(const struct file *f, struct elf *elf)
{
	struct error err;

	assert_int_equal(parse(f, f->size, elf, &err), 0);
	assert_string_equal(err.text, "");
}

static void assert_refused(const struct file *f, const char *word)
{
	struct error err;
	struct elf elf;

	assert_int_equal(parse(f, f->size, &elf, &err), -EINVAL);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_non_null(strstr(err.text, "kernel-name"));
	if (!strstr(err.text, word))
		fail_msg("'%s' is not in: %s", word, err.text);
}

static void headers_are_read(void **state)
{
	struct file f = good();
	struct elf elf;

	(void)state;
	assert_good(&f, &elf);
	assert_int_equal(elf.nr_segments, 2);
	assert_int_equal(elf.low, 0);
	assert_int_equal(elf.high, 0x1000 + 5000);
	assert_int_equal(elf.flags, 5);
	assert_int_equal(elf.entry, 0xffffffff80000010);
	assert_int_equal(elf.segments[1].offset, 3100);
	assert_int_equal(elf.segments[1].file_size, 50);
	assert_int_equal(elf.segments[1].mem_size, 5000);
	assert_int_equal(elf.segments[1].paddr, 0x1000);
	assert_int_equal(elf.segments[1].vaddr, 0xffffffff80001000);
	assert_int_equal(elf_entry_paddr(&elf), 0x10);
}

static void detects_the_magic(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		bool is_elf;
	} files[] = {
		{ "\x7f"
		  "ELF",
		  4, true },
		{ "\x7f"
		  "EL",
		  3, false },
		{ "\x7f"
		  "ELG....",
		  8, false },
		{ "M", 1, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct image image;
		int fd = memfd_create("elf", MFD_CLOEXEC);

		assert_int_equal(write(fd, files[i].bytes, files[i].size),
				 (ssize_t)files[i].size);
		assert_int_equal(image_open(&image, fd, "k", NULL), 0);
		assert_int_equal(elf_detect(&image), files[i].is_elf);
		image_close(&image);
		close(fd);
	}
}

static void other_files_by_name(void **state)
{
	static const struct {
		uint16_t machine;
		const char *word;
	} machines[] = {
		{ EM_X86_64, "is for x86-64, this privet runs riscv64" },
		{ EM_AARCH64, "arm64" },
		{ EM_PPC64, "ppc64le" },
		{ EM_S390, "s390x" },
		{ 0xfffe, "machine 65534" },
	};
	struct file f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		f = good();
		f.header.e_machine = machines[i].machine;
		assert_refused(&f, machines[i].word);
	}
	f = good();
	f.header.e_ident[0] = 'x';
	assert_refused(&f, "not an ELF");
	f = good();
	f.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(&f, "32-bit");
	f = good();
	f.header.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_refused(&f, "big-endian");
	f = good();
	f.header.e_type = ET_REL;
	assert_refused(&f, "object file");
	f.header.e_type = ET_CORE;
	assert_refused(&f, "core dump");
	f.header.e_type = 0xfe00;
	assert_refused(&f, "another type");
	f.header.e_type = ET_DYN;
	assert_good(&f, &(struct elf){ 0 });
}

/* Turns the headers round. */
static struct file big(const struct file *from)
{
	struct file f = *from;

	f.header.e_ident[EI_DATA] = ELFDATA2MSB;
	f.header.e_type = bswap_16(f.header.e_type);
	f.header.e_machine = bswap_16(f.header.e_machine);
	f.header.e_entry = bswap_64(f.header.e_entry);
	f.header.e_phoff = bswap_64(f.header.e_phoff);
	f.header.e_flags = bswap_32(f.header.e_flags);
	f.header.e_phentsize = bswap_16(f.header.e_phentsize);
	f.header.e_phnum = bswap_16(f.header.e_phnum);
	for (unsigned i = 0; i < from->header.e_phnum; i++) {
		Elf64_Phdr *s = &f.segments[i];

		s->p_type = bswap_32(s->p_type);
		s->p_offset = bswap_64(s->p_offset);
		s->p_vaddr = bswap_64(s->p_vaddr);
		s->p_paddr = bswap_64(s->p_paddr);
		s->p_filesz = bswap_64(s->p_filesz);
		s->p_memsz = bswap_64(s->p_memsz);
	}
	return f;
}

static int parse_big(const struct file *f, struct elf *elf, struct error *err)
{
	struct file swapped = big(f);

	return parse_for(EM_PPC64, &swapped, f->size, elf, err);
}

/* POWER programs come in both byte orders. */
static void both_byte_orders(void **state)
{
	struct file f = good();
	struct elf little, elf;
	struct error err;

	(void)state;
	f.header.e_machine = EM_PPC64;
	assert_int_equal(parse_for(EM_PPC64, &f, f.size, &little, &err), 0);
	assert_false(little.big_endian);
	assert_int_equal(parse_big(&f, &elf, &err), 0);
	assert_true(elf.big_endian);
	elf.big_endian = false;
	assert_memory_equal(&elf, &little, sizeof(elf));
	/* Checks see the values, not the bytes. */
	f.segments[1].p_offset = FILE_SIZE - 49;
	assert_int_equal(parse_big(&f, &elf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "truncated"));
	f.header.e_machine = EM_S390;
	assert_int_equal(parse_big(&f, &elf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is for s390x"));
	f.header.e_ident[EI_DATA] = 3;
	assert_int_equal(parse_for(EM_PPC64, &f, f.size, &elf, &err), -EINVAL);
}

static void header_table_is_checked(void **state)
{
	struct file f = good();

	(void)state;
	f.header.e_phentsize = 32;
	assert_refused(&f, "program headers");
	f = good();
	f.header.e_phnum = 129;
	assert_refused(&f, "program headers");
	f.header.e_phnum = PN_XNUM;
	assert_refused(&f, "program headers");
	f.header.e_phnum = 0;
	assert_refused(&f, "no loadable segment");
	f = good();
	f.header.e_phoff = UINT64_MAX;
	assert_refused(&f, "truncated");
	f.header.e_phoff = UINT64_MAX - 55;
	assert_refused(&f, "truncated");
	f.header.e_phoff = FILE_SIZE - 2 * sizeof(Elf64_Phdr) + 1;
	assert_refused(&f, "truncated");
	f = good();
	f.segments[0].p_type = f.segments[1].p_type = PT_NOTE;
	assert_refused(&f, "no loadable segment");
}

static void segments_are_checked(void **state)
{
	struct file f = good();

	(void)state;
	f.segments[0].p_offset = UINT64_MAX;
	assert_refused(&f, "truncated");
	f.segments[0].p_offset = UINT64_MAX - 99;
	assert_refused(&f, "truncated");
	f.segments[0].p_offset = FILE_SIZE - 99;
	assert_refused(&f, "truncated");
	f.segments[0].p_offset = FILE_SIZE - 100;
	assert_good(&f, &(struct elf){ 0 });
	f.segments[0].p_filesz = 101;
	f.segments[0].p_offset = 0;
	assert_refused(&f, "more bytes in the file");
	f = good();
	f.segments[0].p_filesz = f.segments[0].p_memsz = UINT64_MAX;
	assert_refused(&f, "truncated");
	f = good();
	f.segments[1].p_paddr = UINT64_MAX - 4999;
	assert_refused(&f, "wraps");
	f.segments[1].p_paddr = UINT64_MAX;
	assert_refused(&f, "wraps");
	f.segments[1].p_paddr = UINT64_MAX - 5000;
	assert_good(&f, &(struct elf){ 0 });
	f = good();
	f.segments[1].p_memsz = UINT64_MAX;
	assert_refused(&f, "wraps");
}

static void overlaps_are_refused(void **state)
{
	struct file f = good();

	(void)state;
	f.segments[1].p_paddr = 100;
	assert_good(&f, &(struct elf){ 0 });
	f.segments[1].p_paddr = 99;
	assert_refused(&f, "overlaps");
	f.segments[1].p_paddr = 0;
	assert_refused(&f, "overlaps");
	/* One inside the other, in either order. */
	f.segments[0].p_paddr = 3000;
	assert_refused(&f, "overlaps");
	f.segments[0].p_paddr = 5000;
	assert_good(&f, &(struct elf){ 0 });
}

static void empty_segments_are_skipped(void **state)
{
	struct file f = good();
	struct elf elf;

	(void)state;
	f.segments[0].p_filesz = f.segments[0].p_memsz = 0;
	f.segments[0].p_offset = UINT64_MAX;
	f.segments[0].p_paddr = UINT64_MAX;
	f.header.e_entry = 0xffffffff80001000;
	assert_good(&f, &elf);
	assert_int_equal(elf.nr_segments, 1);
	assert_int_equal(elf.low, 0x1000);
	/* All bss: bytes in memory alone. */
	f.segments[1].p_filesz = 0;
	assert_good(&f, &elf);
	assert_int_equal(elf.segments[0].mem_size, 5000);
}

static void segment_limit(void **state)
{
	struct file f = good();
	struct elf elf;

	(void)state;
	for (unsigned i = 0; i < MAX_HEADERS; i++)
		f.segments[i] = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_memsz = 16,
			.p_paddr = 0x80000000 + UINT64_C(16) * i,
			.p_vaddr = 0xffffffff80000000 + UINT64_C(16) * i,
		};
	f.header.e_phnum = ELF_MAX_SEGMENTS;
	assert_good(&f, &elf);
	assert_int_equal(elf.nr_segments, ELF_MAX_SEGMENTS);
	f.header.e_phnum = ELF_MAX_SEGMENTS + 1;
	assert_refused(&f, "more than 32");
}

static void entry_has_a_segment(void **state)
{
	struct file f = good();
	struct elf elf;

	(void)state;
	f.header.e_entry = 0xffffffff80001000 + 4999;
	assert_good(&f, &elf);
	assert_int_equal(elf_entry_paddr(&elf), 0x1000 + 4999);
	f.header.e_entry++;
	assert_refused(&f, "entry point");
	f.header.e_entry = 0xffffffff80000000 - 1;
	assert_refused(&f, "entry point");
	/* Given as a physical address. */
	f.header.e_entry = 0x1004;
	assert_good(&f, &elf);
	assert_int_equal(elf_entry_paddr(&elf), 0x1004);
}

/* Every length is refused that cuts off a header or a segment's bytes. */
static void every_truncation(void **state)
{
	struct file f = good();
	struct error err;
	struct elf elf;

	(void)state;
	for (size_t size = 1; size < 3150; size++) {
		assert_int_equal(parse(&f, size, &elf, &err), -EINVAL);
		assert_non_null(strstr(err.text, "truncated"));
	}
	assert_int_equal(parse(&f, 3150, &elf, &err), 0);
}

static int load(const struct file *f, uint64_t offset, struct gmem *gmem,
		struct error *err)
{
	struct image image;
	struct elf elf;
	int fd = file_make(f, f->size);

	assert_int_equal(image_open(&image, fd, "kernel-name", err), 0);
	assert_int_equal(elf_parse(&image, EM_RISCV, &elf, err), 0);
	int ret = elf_load(&image, &elf, offset, gmem, err);
	image_close(&image);
	close(fd);
	return ret;
}

#define RAM      0x80000000
#define RAM_SIZE 0x10000

static void segments_are_loaded(void **state)
{
	struct file f = good();
	struct gmem gmem = { 0 };
	struct error err = { 0 };
	uint64_t dirty[1];

	(void)state;
	assert_int_equal(gmem_add(&gmem, RAM, RAM_SIZE, &err), 0);
	uint8_t *ram = gmem_range(&gmem, RAM, RAM_SIZE);
	memset(ram, 0xee, RAM_SIZE);
	assert_int_equal(load(&f, RAM + 0x2000, &gmem, &err), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(ram[0x2000 + i], (uint8_t)(3000 + i));
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(ram[0x3000 + i], (uint8_t)(3100 + i));
	assert_int_equal(ram[0x1fff], 0xee);
	assert_int_equal(ram[0x2000 + 100], 0xee);
	assert_int_equal(ram[0x3000 + 50], 0xee);
	gmem_take_dirty(&gmem, 0, dirty);
	assert_int_equal(dirty[0], 3 << 2);
	gmem_destroy(&gmem);
}

static void load_stays_in_ram(void **state)
{
	/* The segments are 0x1000 and 5000 bytes apart from @offset. */
	static const struct {
		uint64_t offset;
		bool fits;
	} places[] = {
		{ RAM, true },
		{ RAM + RAM_SIZE - 0x1000 - 5000, true },
		{ RAM + RAM_SIZE - 0x1000 - 4999, false },
		{ RAM - 1, false },
		{ RAM + RAM_SIZE, false },
		{ 0, false },
		{ UINT64_MAX, false },
		{ UINT64_MAX - 0x1000, false },
	};
	struct file f = good();
	struct gmem gmem = { 0 };

	(void)state;
	assert_int_equal(gmem_add(&gmem, RAM, RAM_SIZE, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct error err = { 0 };
		int ret = load(&f, places[i].offset, &gmem, &err);

		assert_int_equal(ret, places[i].fits ? 0 : -EINVAL);
		if (ret)
			assert_non_null(strstr(err.text, "--mem"));
	}
	gmem_destroy(&gmem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(detects_the_magic),
		cmocka_unit_test(other_files_by_name),
		cmocka_unit_test(both_byte_orders),
		cmocka_unit_test(header_table_is_checked),
		cmocka_unit_test(segments_are_checked),
		cmocka_unit_test(overlaps_are_refused),
		cmocka_unit_test(empty_segments_are_skipped),
		cmocka_unit_test(segment_limit),
		cmocka_unit_test(entry_has_a_segment),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(segments_are_loaded),
		cmocka_unit_test(load_stays_in_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
