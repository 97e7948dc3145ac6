/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V's Image header, and the names of what is not one. */
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
#include "arch/riscv64/image.h"
#include "vmm/bytes.h"

#define SIZE 1024

/* Where the files made here have their PE header, and its fields. */
#define PE       0x40
#define OPTIONAL 0x70
#define SECTIONS (PE + 24 + OPTIONAL)

struct file {
	uint8_t bytes[SIZE];
	size_t size;
};

static struct file plain(void)
{
	struct file f = { .size = SIZE };

	le64_store(f.bytes + 8, 0x200000);
	le64_store(f.bytes + 16, 0x10000);
	le32_store(f.bytes + 32, 2);
	memcpy(f.bytes + 48, "RISCV\0\0\0", 8);
	memcpy(f.bytes + 56, "RSC\x05", 4);
	return f;
}

static void set_section(struct file *f, unsigned i, uint32_t off, uint32_t size)
{
	le32_store(f->bytes + SECTIONS + (size_t)40 * i + 16, size);
	le32_store(f->bytes + SECTIONS + (size_t)40 * i + 20, off);
}

/* With an EFI stub of two sections, the second one up to the file's end. */
static struct file with_pe(void)
{
	struct file f = plain();

	memcpy(f.bytes, "MZ", 2);
	le32_store(f.bytes + 60, PE);
	memcpy(f.bytes + PE, "PE\0\0", 4);
	le16_store(f.bytes + PE + 4, 0x5064);
	le16_store(f.bytes + PE + 6, 2);
	le16_store(f.bytes + PE + 20, OPTIONAL);
	set_section(&f, 0, 300, 212);
	set_section(&f, 1, 512, SIZE - 512);
	return f;
}

static int parse(const struct file *f, size_t size, struct rv_image *out,
		 struct error *err)
{
	struct image image;
	int fd = memfd_create("image", MFD_CLOEXEC);

	*err = (struct error){ 0 };
	assert_int_equal(write(fd, f->bytes, size), (ssize_t)size);
	assert_int_equal(image_open(&image, fd, "kernel-name", err), 0);
	int ret = rv_image_parse(&image, out, err);
	image_close(&image);
	close(fd);
	return ret;
}

static void assert_good(const struct file *f, struct rv_image *out)
{
	struct error err;

	assert_int_equal(parse(f, f->size, out, &err), 0);
	assert_string_equal(err.text, "");
}

static void assert_refused(const struct file *f, const char *word)
{
	struct rv_image out;
	struct error err;

	assert_int_equal(parse(f, f->size, &out, &err), -EINVAL);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_non_null(strstr(err.text, "kernel-name"));
	if (!strstr(err.text, word))
		fail_msg("'%s' is not in: %s", word, err.text);
}

static void header_is_read(void **state)
{
	struct file f = plain();
	struct rv_image out;

	(void)state;
	assert_good(&f, &out);
	assert_int_equal(out.text_offset, 0x200000);
	assert_int_equal(out.file_size, SIZE);
	assert_int_equal(out.mem_size, 0x10000);
}

static void size_in_memory(void **state)
{
	struct file f = plain();
	struct rv_image out;

	(void)state;
	/* Old kernels have 0; signed files are longer than their image. */
	le64_store(f.bytes + 16, 0);
	assert_good(&f, &out);
	assert_int_equal(out.mem_size, SIZE);
	le64_store(f.bytes + 16, SIZE - 1);
	assert_good(&f, &out);
	assert_int_equal(out.mem_size, SIZE);
	le64_store(f.bytes + 16, UINT64_MAX);
	assert_good(&f, &out);
	assert_int_equal(out.mem_size, UINT64_MAX);
}

static void either_magic_serves(void **state)
{
	struct file f = plain();
	struct rv_image out;

	(void)state;
	memset(f.bytes + 56, 0, 4);
	assert_good(&f, &out);
	f = plain();
	memset(f.bytes + 48, 0, 8);
	assert_good(&f, &out);
	memset(f.bytes + 56, 0, 4);
	assert_refused(&f, "raw Image, Image.gz, EFI zboot");
}

static void big_endian_is_refused(void **state)
{
	struct file f = plain();

	(void)state;
	f.bytes[24] = 1;
	assert_refused(&f, "big-endian");
	f.bytes[24] = 2;
	assert_good(&f, &(struct rv_image){ 0 });
}

static void other_kernels_by_name(void **state)
{
	struct file f = { .size = SIZE };

	(void)state;
	assert_refused(&f, "not a kernel image that privet knows");
	memcpy(f.bytes + 56, "ARM\x64", 4);
	assert_refused(&f, "an Image for arm64");
	f = (struct file){ .size = SIZE };
	memcpy(f.bytes + 0x202, "HdrS", 4);
	assert_refused(&f, "a bzImage for x86");
	f.size = 0x205;
	assert_refused(&f, "not a kernel image");
	f.size = 1;
	assert_refused(&f, "not a kernel image");
}

static void other_programs_by_name(void **state)
{
	static const struct {
		uint16_t machine;
		const char *word;
	} machines[] = {
		{ 0x8664, "an EFI program for x86-64" },
		{ 0xaa64, "an EFI program for arm64" },
		{ 0x6264, "loongarch64" },
		{ 0x5064, "EFI firmware" },
		{ 0xffff, "EFI firmware" },
	};
	struct file f = with_pe();

	(void)state;
	memset(f.bytes + 48, 0, 12);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		le16_store(f.bytes + PE + 4, machines[i].machine);
		assert_refused(&f, machines[i].word);
	}
	le32_store(f.bytes + 60, UINT32_MAX);
	assert_refused(&f, "not a kernel image");
}

static void truncation_shows(void **state)
{
	struct file f = with_pe();
	struct rv_image out;
	struct error err;

	(void)state;
	assert_good(&f, &out);
	for (size_t size = 64; size < SIZE; size++) {
		assert_int_equal(parse(&f, size, &out, &err), -EINVAL);
		assert_non_null(strstr(err.text, "truncated"));
	}
	for (size_t size = 1; size < 64; size++)
		assert_int_equal(parse(&f, size, &out, &err), -EINVAL);
	assert_int_equal(parse(&f, SIZE, &out, &err), 0);
}

static void hostile_sections(void **state)
{
	struct file f = with_pe();
	struct rv_image out;

	(void)state;
	set_section(&f, 0, UINT32_MAX, UINT32_MAX);
	assert_refused(&f, "8589934590");
	set_section(&f, 0, SIZE, 0);
	assert_good(&f, &out);
	set_section(&f, 0, SIZE, 1);
	assert_refused(&f, "truncated");
	f = with_pe();
	le16_store(f.bytes + PE + 20, UINT16_MAX);
	assert_refused(&f, "truncated");
	f = with_pe();
	le16_store(f.bytes + PE + 6, UINT16_MAX);
	assert_refused(&f, "truncated");
	f = with_pe();
	le32_store(f.bytes + 60, UINT32_MAX);
	assert_refused(&f, "truncated");
	/* A kernel does without the rest of its EFI stub. */
	f = with_pe();
	f.bytes[PE] = 'X';
	assert_good(&f, &out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_read),
		cmocka_unit_test(size_in_memory),
		cmocka_unit_test(either_magic_serves),
		cmocka_unit_test(big_endian_is_refused),
		cmocka_unit_test(other_kernels_by_name),
		cmocka_unit_test(other_programs_by_name),
		cmocka_unit_test(truncation_shows),
		cmocka_unit_test(hostile_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
