/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RISC-V Linux's Image, with the PE header of an EFI stub and its sections, or
 * what people give instead; packed or not.
 */
#include "arch/riscv64/image.h"

#include "tests/fuzz/kernel.h"

/* A section's bytes, mostly in the file, of @len bytes. */
static void put_section(struct kernel *f, uint8_t *section, size_t len)
{
	bool wild = take_rarely(&f->in, 8);
	uint32_t off = 64 + 8 * take_below(&f->in, 64);
	uint32_t size = (uint32_t)(len - min_size(off, len));

	le32_store(section + 16, wild ? (uint32_t)take_number(&f->in) : size);
	le32_store(section + 20, take_rarely(&f->in, 8)
					 ? (uint32_t)take_number(&f->in)
					 : off);
}

static void put_pe(struct kernel *f, size_t pe)
{
	static const uint16_t machines[] = { 0x5064, 0x5064, 0x8664,
					     0xaa64, 0x01c2, 0x1234 };
	unsigned count = take_below(&f->in, 8);
	uint16_t optional = (uint16_t)(8 * take_below(&f->in, 8));
	size_t table = pe + 24 + optional;

	f->len = table + 40UL * count + 8UL * take_u8(&f->in);
	if (!take_rarely(&f->in, 16))
		memcpy(f->data + pe, "PE\0\0", 4);
	le16_store(f->data + pe + 4,
		   machines[take_below(&f->in, ARRAY_SIZE(machines))]);
	le16_store(f->data + pe + 6,
		   take_rarely(&f->in, 8) ? take_u16(&f->in) : (uint16_t)count);
	le16_store(f->data + pe + 20,
		   take_rarely(&f->in, 16) ? take_u16(&f->in) : optional);
	for (unsigned i = 0; i < count; i++)
		put_section(f, f->data + table + 40UL * i, f->len);
}

/* The head says what it is, Linux, Documentation/arch/riscv. */
static void put_magic(uint8_t *head, uint8_t kind)
{
	if (kind < 192)
		memcpy(head + 56, "RSC\x05", 4);
	else if (kind < 208)
		memcpy(head + 48, "RISCV\0\0\0", 8);
	else if (kind < 224)
		memcpy(head + 56, "ARM\x64", 4);
	else if (kind < 240)
		memcpy(head + 0x202, "HdrS", 4);
}

static void make_image(struct kernel *f)
{
	uint8_t kind = take_u8(&f->in);
	size_t pe = 64 + 8 * take_below(&f->in, 16);

	f->len = 0x210;
	if (kind & 1) {
		put_pe(f, pe);
		memcpy(f->data, "MZ", 2);
		le32_store(f->data + 60, take_rarely(&f->in, 8)
						 ? (uint32_t)take_number(&f->in)
						 : (uint32_t)pe);
	}
	put_magic(f->data, take_u8(&f->in));
	le64_store(f->data + 8, take_number(&f->in));
	le64_store(f->data + 16, take_number(&f->in));
	le64_store(f->data + 24, take_rarely(&f->in, 8));
}

static void load(const struct image *image)
{
	struct error err = { 0 };
	struct rv_image out;

	if (rv_image_parse(image, &out, &err) < 0) {
		FUZZ_CHECK(err.text[0] != '\0' && err.code != 0);
		return;
	}
	FUZZ_CHECK(out.file_size == image->size);
	FUZZ_CHECK(out.mem_size >= out.file_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	kernel_run(data, len, make_image, load);
	return 0;
}
