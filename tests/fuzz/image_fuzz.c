/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel files: wrappings and ELF. The input is the file as it is, or says how
 * a file is to be made that is good but for a few bytes.
 */
#include "tests/fuzz/kernel.h"
#include "vmm/elf.h"

#define RAM_BASE UINT64_C(0x80000000)
#define RAM_SIZE KIB(256)
#define EM_PPC64 21U
#define EM_RISCV 243U

static void put_segment(struct kernel *f, uint8_t *ph, unsigned i)
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

/* What the segments are: some bytes of the input's, others zero. */
static void put_body(struct kernel *f, size_t at)
{
	size_t len = 4U * take_u8(&f->in);

	take_bytes(&f->in, f->data + at, min_size(len, 64));
	f->len = at + len;
}

static void make_elf(struct kernel *f)
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
	put_body(f, 64 + 56 * count);
}

static void load_elf(const struct image *image, uint16_t machine)
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

static void load(const struct image *image)
{
	load_elf(image, EM_RISCV);
	load_elf(image, EM_PPC64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	kernel_run(data, len, make_elf, load);
	return 0;
}
