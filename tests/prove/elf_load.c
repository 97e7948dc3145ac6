/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_load(): a segment is loaded into RAM, or not at all.
 *
 * For every segment, every address to load it to, modulo 2^64, a file of any
 * size, and RAM of two regions (ram.h).
 *
 * Does not cover: more than one segment; they do not depend on each other.
 */
#include "tests/prove/env.h"
#include "tests/prove/ram.h"
#include "tests/prove/file.h"
#include "vmm/elf.c"

static void file_was_read(void *buf, uint64_t off, uint64_t len)
{
	(void)buf;
	(void)off;
	(void)len;
}

int main(void)
{
	struct image image = { .name = "", .size = nondet_u64() };
	struct elf elf;
	struct gmem gmem;
	struct error err;

	elf.nr_segments = 1;
	elf.segments[0].offset = nondet_u64();
	elf.segments[0].paddr = nondet_u64();
	elf.segments[0].file_size = nondet_u64();
	elf.segments[0].mem_size = nondet_u64();
	/* As elf_parse() makes sure. */
	suppose(elf.segments[0].file_size <= elf.segments[0].mem_size);
	ram_init(&gmem);
	elf_load(&image, &elf, nondet_u64(), &gmem, &err);
	return 0;
}
