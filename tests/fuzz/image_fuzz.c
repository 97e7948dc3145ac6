/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel files: wrappings and ELF. The input is the file as it is, or says how
 * a file is to be made that is good but for a few bytes.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/fuzz/input.h"
#include "vmm/bytes.h"
#include "vmm/elf.h"
#include "vmm/image.h"

#define MAX_FILE 8192U
#define RAM_BASE UINT64_C(0x80000000)
#define RAM_SIZE KIB(256)
#define EM_PPC64 21U
#define EM_RISCV 243U

/** struct file - What is being made */
struct file {
	struct input in;
	uint8_t data[MAX_FILE];
	size_t len;
};

static void put_rest(struct file *f, size_t at)
{
	size_t len;
	const uint8_t *rest = take_rest(&f->in, &len);

	len = min_size(len, MAX_FILE - at);
	if (len > 0)
		memcpy(f->data + at, rest, len);
	f->len = at + len;
}

static void put_segment(struct file *f, uint8_t *ph, unsigned i)
{
	bool wild = take_rarely(&f->in, 8);
	uint64_t size = take_u8(&f->in) * 4U;
	uint64_t paddr = RAM_BASE + 4096 * i + take_u16(&f->in) % 4096U;

	le32_store(ph, take_rarely(&f->in, 8) ? take_u8(&f->in) : 1);
	le64_store(ph + 8, wild ? take_number(&f->in) : 64U + i);
	le64_store(ph + 16, paddr - take_number(&f->in));
	le64_store(ph + 24, wild ? take_number(&f->in) : paddr);
	le64_store(ph + 32, wild ? take_number(&f->in) : size);
	le64_store(ph + 40, size + take_number(&f->in));
}

static void make_elf(struct file *f)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	unsigned count = take_below(&f->in, 8);
	uint8_t *h = f->data, kind = take_u8(&f->in);

	memcpy(h, ident, sizeof(ident));
	if (kind >= 240)
		h[kind % 16] = take_u8(&f->in);
	le16_store(h + 16, kind < 224 ? 2 : 3);
	le16_store(h + 18, (kind & 1) != 0 ? EM_PPC64 : EM_RISCV);
	le32_store(h + 20, 1);
	le64_store(h + 24, RAM_BASE + take_u8(&f->in));
	le64_store(h + 32, take_rarely(&f->in, 16) ? take_number(&f->in) : 64);
	le16_store(h + 52, 64);
	le16_store(h + 54, take_rarely(&f->in, 16) ? take_u16(&f->in) : 56);
	le16_store(h + 56, take_rarely(&f->in, 16) ? take_u16(&f->in)
						   : (uint16_t)count);
	for (unsigned i = 0; i < count; i++)
		put_segment(f, h + 64 + 56 * i, i);
	put_rest(f, 64 + 56 * count);
}

static size_t pack_gzip(const struct file *f, uint8_t *out, size_t size)
{
	z_stream z = { .next_in = (z_const Bytef *)f->data,
		       .avail_in = (uInt)f->len,
		       .next_out = out,
		       .avail_out = (uInt)size };

	FUZZ_CHECK(deflateInit2(&z, 1, Z_DEFLATED, MAX_WBITS + 16, 8,
				Z_DEFAULT_STRATEGY) == Z_OK);
	deflate(&z, Z_FINISH);
	size = z.total_out;
	deflateEnd(&z);
	return size;
}

/* The head of an EFI zboot image, Linux, drivers/firmware/efi/libstub. */
static size_t put_zboot(struct file *f, uint8_t *out, size_t size,
			const char *codec)
{
	memset(out, 0, 64);
	memcpy(out, "MZ", 2);
	memcpy(out + 4, "zimg", 4);
	le32_store(out + 8,
		   take_rarely(&f->in, 8) ? (uint32_t)take_number(&f->in) : 64);
	le32_store(out + 12, take_rarely(&f->in, 8)
				     ? (uint32_t)take_number(&f->in)
				     : (uint32_t)size);
	memcpy(out + 24, codec, strlen(codec));
	return 64 + size;
}

/* The file is packed, by one of two codecs, with or without a program. */
static void wrap(struct file *f, uint8_t kind)
{
	static uint8_t out[2 * MAX_FILE];
	uint8_t *body = (kind & 2) != 0 ? out + 64 : out;
	size_t size = sizeof(out) - 64;

	if ((kind & 1) != 0)
		size = pack_gzip(f, body, size);
	else
		size = ZSTD_compress(body, size, f->data, f->len, 1);
	FUZZ_CHECK(size < sizeof(out) - 64);
	if ((kind & 2) != 0)
		size = put_zboot(f, out, size,
				 (kind & 1) != 0 ? "gzip" : "zstd");
	f->len = min_size(size, MAX_FILE);
	memcpy(f->data, out, f->len);
}

static void make_file(struct file *f)
{
	uint8_t kind = take_u8(&f->in), changes[8][3];

	if (kind < 64) {
		put_rest(f, 0);
		return;
	}
	take_bytes(&f->in, changes, sizeof(changes));
	make_elf(f);
	if (kind >= 128)
		wrap(f, kind);
	/* Each flips a byte somewhere, if it flips anything. */
	for (unsigned i = 0; i < 8; i++)
		f->data[le16_load(changes[i]) % f->len] ^= changes[i][2];
	if (kind % 16 == 15)
		f->len = 1 + changes[0][0] % f->len;
}

static void load(const struct image *image, uint16_t machine)
{
	struct gmem gmem = { 0 };
	struct error err = { 0 };
	struct elf elf;

	if (elf_parse(image, machine, &elf, &err) < 0) {
		FUZZ_CHECK(err.text[0] != '\0');
		return;
	}
	FUZZ_CHECK(elf.nr_segments > 0 && elf.low < elf.high);
	elf_entry_paddr(&elf);
	FUZZ_CHECK(gmem_add(&gmem, RAM_BASE, RAM_SIZE, NULL) == 0);
	elf_load(image, &elf, 0, &gmem, &err);
	elf_load(image, &elf, RAM_BASE - elf.low, &gmem, &err);
	gmem_destroy(&gmem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct file *f = calloc(1, sizeof(*f));
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct error err = { 0 };
	struct image image;
	uint8_t byte;

	FUZZ_CHECK(f != NULL && fd >= 0);
	f->in = (struct input){ data, len };
	make_file(f);
	FUZZ_CHECK(write(fd, f->data, f->len) == (ssize_t)f->len);
	if (image_open(&image, fd, "kernel", &err) == 0) {
		FUZZ_CHECK(image.size > 0);
		FUZZ_CHECK(image_read(&image, image.size - 1, &byte, 1) == 0);
		FUZZ_CHECK(image_read(&image, image.size, &byte, 1) < 0);
		load(&image, EM_RISCV);
		load(&image, EM_PPC64);
		image_close(&image);
	} else {
		FUZZ_CHECK(err.text[0] != '\0' && err.code != 0);
	}
	close(fd);
	free(f);
	return 0;
}
