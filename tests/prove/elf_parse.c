/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_parse(): headers of ELF kernels.
 *
 * For files of any size and content, in both byte orders, with up to two
 * program headers: all reads are inside the file and into what is large
 * enough, and what is let through keeps the promises that elf.c makes: no
 * segment wraps, none overlaps another in memory, all file bytes are there.
 *
 * Bounds: an ELF_MAX_SEGMENTS of 2 instead of 32.
 * Does not cover: more program headers; for ELF_MAX_SEGMENTS see elf_segment.
 */
#include "tests/prove/env.h"
#include "tests/prove/copy.h"
#include "tests/prove/file.h"
#include "vmm/elf.c"

static void file_was_read(void *buf, uint64_t off, uint64_t len)
{
	const Elf64_Ehdr *header = buf;

	if (off == 0 && len == sizeof(*header))
		suppose(header->e_phnum <= 2 || be16toh(header->e_phnum) <= 2);
}

int main(void)
{
	struct image image = { .name = "", .size = nondet_u64() };
	struct elf elf;
	struct error err;
	unsigned i = nondet_u32(), j = nondet_u32();

	if (elf_parse(&image, nondet_u16(), &elf, &err) < 0)
		return 0;
	prove(elf.nr_segments > 0 && elf.nr_segments <= 2);
	suppose(i < elf.nr_segments && j < elf.nr_segments);

	const struct elf_segment *a = &elf.segments[i], *b = &elf.segments[j];
	prove(a->offset <= image.size);
	prove(a->file_size <= image.size - a->offset);
	prove(a->file_size <= a->mem_size);
	prove(a->paddr <= UINT64_MAX - a->mem_size);
	prove(a->paddr >= elf.low && a->paddr + a->mem_size <= elf.high);
	prove(i == j || a->mem_size == 0 || b->mem_size == 0 ||
	      a->paddr >= b->paddr + b->mem_size ||
	      b->paddr >= a->paddr + a->mem_size);
	elf_entry_paddr(&elf);
	return 0;
}
