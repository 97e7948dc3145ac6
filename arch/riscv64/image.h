/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V Linux's Image (Linux, Documentation/arch/riscv/boot-image-header). */
#ifndef PRIVET_ARCH_RISCV64_IMAGE_H
#define PRIVET_ARCH_RISCV64_IMAGE_H

#include "vmm/image.h"

/**
 * struct rv_image - What the loader needs of an Image
 * @text_offset: bytes from the beginning of RAM (or of any 2 MiB of it) to
 *	where it has to be
 * @file_size: bytes to load
 * @mem_size: bytes that it takes in memory, @file_size or more
 */
struct rv_image {
	uint64_t text_offset;
	uint64_t file_size;
	uint64_t mem_size;
};

/**
 * rv_image_parse() - Read and check the header
 *
 * Refuses by name: big-endian ones, truncated ones (as far as the header of
 * an EFI stub tells), kernels of other architectures.
 *
 * Return: 0 or negative errno with the reason in @err.
 */
int rv_image_parse(const struct image *image, struct rv_image *out,
		   struct error *err);

#endif
