/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images: a file's contents, whatever it is wrapped in.
 *
 * The wrapping (gzip, zstd, EFI zboot) is found by content and taken off;
 * what is inside is the architecture's business. A plain file is read where
 * it is needed and never copied as a whole.
 */
#ifndef PRIVET_VMM_IMAGE_H
#define PRIVET_VMM_IMAGE_H

#include "vmm/error.h"

/** Most bytes that a decompressed kernel may have */
#define IMAGE_MAX_SIZE GIB(1)

/**
 * struct image - An opened image
 * @name: as the user gave it, for messages; not owned
 * @fd: the file; not owned
 * @data: decompressed contents (anonymous mapping; owned), NULL for a plain
 *	file
 * @size: bytes of the contents
 * @map_size: bytes mapped at @data
 * @wrapping: "gzip", "EFI zboot (zstd)", ..., NULL for a plain file
 */
struct image {
	const char *name;
	int fd;
	uint8_t *data;
	uint64_t size;
	uint64_t map_size;
	const char *wrapping;
};

/**
 * image_open() - Look at a file and take its wrapping off
 * @fd: regular file; its offset is not used or changed
 * @name: for messages
 *
 * Return: 0; -EINVAL with the reason in @err: not a regular file, empty,
 * truncated or damaged stream, unknown zboot compression, too large.
 */
int image_open(struct image *image, int fd, const char *name,
	       struct error *err);
void image_close(struct image *image);

/**
 * image_read() - Copy a piece of the contents
 *
 * Return: 0, -ERANGE unless all of it lies inside, or another negative errno.
 */
int image_read(const struct image *image, uint64_t off, void *buf,
	       uint64_t len);

#endif
