/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rv_image_parse(): the header of an Image, and of the PE file around it.
 *
 * For files of any size and content: all reads are into arrays that are large
 * enough, no more than PE_MAX_SECTIONS sections are looked at, and an image is
 * at least as large in memory as in the file.
 *
 * Bounds: a PE_MAX_SECTIONS of 4 instead of 96.
 */
#include "tests/prove/env.h"
#include "tests/prove/file.h"
#include "arch/riscv64/image.c"

static void file_was_read(void *buf, uint64_t off, uint64_t len)
{
	(void)buf;
	(void)off;
	(void)len;
}

int main(void)
{
	struct image image = { .name = "", .size = nondet_u64() };
	struct rv_image out;
	struct error err;

	if (rv_image_parse(&image, &out, &err) < 0)
		return 0;
	prove(out.file_size == image.size);
	prove(out.mem_size >= image.size);
	prove(image.size >= HEADER_SIZE);
	return 0;
}
