/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RISC-V Linux's Image, and what people give instead of one.
 *
 * A kernel with an EFI stub is a PE file as well: its header says how long
 * the file has to be.
 */
#include "arch/riscv64/image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "vmm/bytes.h"

#define HEADER_SIZE        64
#define HEADER_TEXT_OFFSET 8
#define HEADER_IMAGE_SIZE  16
#define HEADER_FLAGS       24
#define HEADER_MAGIC       48
#define HEADER_MAGIC2      56
#define HEADER_PE          60
#define FLAG_BIG_ENDIAN    1

/* PE/COFF: signature, file header, optional header, sections. */
#define PE_HEADER_SIZE   24
#define PE_MACHINE       4
#define PE_SECTIONS      6
#define PE_OPTIONAL_SIZE 20
#define PE_SECTION_SIZE  40
#define PE_RAW_SIZE      16
#define PE_RAW_OFFSET    20
#define PE_MAX_SECTIONS  96

/* x86's boot protocol puts this into the second sector. */
#define X86_HEADER 0x202

static const struct {
	uint16_t machine;
	const char *name;
} pe_machines[] = {
	{ 0x014c, "x86 (32-bit)" }, { 0x01c2, "arm (32-bit)" },
	{ 0x01c4, "arm (32-bit)" }, { 0x5032, "riscv32" },
	{ 0x6264, "loongarch64" },  { 0x8664, "x86-64" },
	{ 0xaa64, "arm64" },
};

static int refuse_arch(const struct image *image, const char *what,
		       const char *arch, struct error *err)
{
	return error_usage(err,
			   "kernel %s is %s for %s, this privet runs riscv64 "
			   "guests: give a riscv64 kernel",
			   image->name, what, arch);
}

static int truncated(const struct image *image, uint64_t size,
		     struct error *err)
{
	return error_usage(err,
			   "kernel %s is truncated: it has %" PRIu64
			   " bytes of at least %" PRIu64
			   "; copy or build the file again",
			   image->name, image->size, size);
}

/*
 * Reads @len bytes at @off, which must be there.
 *
 * Return: 0, or -EINVAL when the file ends before.
 */
static int read_piece(const struct image *image, uint64_t off, void *buf,
		      uint64_t len, struct error *err)
{
	int ret = image_read(image, off, buf, len);

	if (ret == -ERANGE)
		return truncated(image, off + len, err);
	if (ret)
		return error_host(err, ret, "cannot read kernel %s: %s",
				  image->name, strerror(-ret));
	return 0;
}

/* The bytes of every section have to be in the file. */
static int check_sections(const struct image *image, uint64_t table,
			  unsigned count, struct error *err)
{
	for (unsigned i = 0; i < count && i < PE_MAX_SECTIONS; i++) {
		uint8_t section[PE_SECTION_SIZE];
		int ret = read_piece(image, table + i * sizeof(section),
				     section, sizeof(section), err);

		if (ret)
			return ret;
		uint64_t size = le32_load(section + PE_RAW_SIZE);
		uint64_t off = le32_load(section + PE_RAW_OFFSET);
		if (!range_fits(off, size, image->size))
			return truncated(image, off + size, err);
	}
	return 0;
}

static bool has_pe(const uint8_t *head)
{
	return head[0] == 'M' && head[1] == 'Z';
}

/* A header without PE's signature is of no use to us, but harmless. */
static int check_length(const struct image *image, const uint8_t *head,
			struct error *err)
{
	uint64_t pe = le32_load(head + HEADER_PE);
	uint8_t header[PE_HEADER_SIZE];

	if (!has_pe(head))
		return 0;
	int ret = read_piece(image, pe, header, sizeof(header), err);
	if (ret || memcmp(header, "PE\0\0", 4) != 0)
		return ret;
	uint64_t optional = le16_load(header + PE_OPTIONAL_SIZE);
	return check_sections(image, pe + sizeof(header) + optional,
			      le16_load(header + PE_SECTIONS), err);
}

static int refuse_pe(const struct image *image, const uint8_t *head,
		     struct error *err)
{
	uint8_t header[PE_HEADER_SIZE];

	if (!has_pe(head) ||
	    image_read(image, le32_load(head + HEADER_PE), header,
		       sizeof(header)) != 0 ||
	    memcmp(header, "PE\0\0", 4) != 0)
		return 0;
	uint16_t machine = le16_load(header + PE_MACHINE);
	for (size_t i = 0; i < ARRAY_SIZE(pe_machines); i++)
		if (pe_machines[i].machine == machine)
			return refuse_arch(image, "an EFI program",
					   pe_machines[i].name, err);
	return error_usage(err,
			   "kernel %s is an EFI program without a Linux "
			   "header, which needs EFI firmware: give a kernel",
			   image->name);
}

/* It is not ours: say what it is. */
static int refuse_other(const struct image *image, const uint8_t *head,
			struct error *err)
{
	uint8_t magic[4] = { 0 };

	if (memcmp(head + HEADER_MAGIC2, "ARM\x64", 4) == 0)
		return refuse_arch(image, "an Image", "arm64", err);
	if (image_read(image, X86_HEADER, magic, sizeof(magic)) == 0 &&
	    memcmp(magic, "HdrS", 4) == 0)
		return refuse_arch(image, "a bzImage", "x86", err);
	int ret = refuse_pe(image, head, err);
	if (ret)
		return ret;
	return error_usage(err,
			   "kernel %s is not a kernel image that privet knows: "
			   "raw Image, Image.gz, EFI zboot (gzip, zstd) or ELF",
			   image->name);
}

/* Before version 0.2 there was only the first magic number. */
static bool has_magic(const uint8_t *head)
{
	return memcmp(head + HEADER_MAGIC2, "RSC\x05", 4) == 0 ||
	       memcmp(head + HEADER_MAGIC, "RISCV\0\0\0", 8) == 0;
}

int rv_image_parse(const struct image *image, struct rv_image *out,
		   struct error *err)
{
	uint8_t head[HEADER_SIZE] = { 0 };
	uint64_t len = min_u64(sizeof(head), image->size);
	int ret = read_piece(image, 0, head, len, err);

	if (ret)
		return ret;
	if (len < sizeof(head) || !has_magic(head))
		return refuse_other(image, head, err);
	if (le64_load(head + HEADER_FLAGS) & FLAG_BIG_ENDIAN)
		return refuse_arch(image, "a big-endian Image", "riscv64", err);
	ret = check_length(image, head, err);
	if (ret)
		return ret;
	*out = (struct rv_image){
		.text_offset = le64_load(head + HEADER_TEXT_OFFSET),
		.file_size = image->size,
		.mem_size = max_u64(le64_load(head + HEADER_IMAGE_SIZE),
				    image->size),
	};
	return 0;
}
