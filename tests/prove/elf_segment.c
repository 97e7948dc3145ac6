/* SPDX-License-Identifier: Apache-2.0 */
/*
 * add_segment() of elf.c: the table of segments is not overrun.
 *
 * For every segment, and every number of segments that are there already, up
 * to ELF_MAX_SEGMENTS.
 *
 * Does not cover: the promises about segments, for which see elf_parse.
 */
#include "tests/prove/env.h"
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
	struct elf_segment segment;
	struct elf elf;
	struct error err;

	any(segment);
	any(elf);
	suppose(elf.nr_segments <= ELF_MAX_SEGMENTS);
	add_segment(&image, &segment, &elf, &err);
	prove(elf.nr_segments <= ELF_MAX_SEGMENTS);
	return 0;
}
