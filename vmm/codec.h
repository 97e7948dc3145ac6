/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressions that a kernel may come in: gzip and zstd.
 */
#ifndef PRIVET_VMM_CODEC_H
#define PRIVET_VMM_CODEC_H

#include "vmm/image.h"

/** Bytes that codec_detect() looks at */
#define CODEC_MAGIC_SIZE 6

struct codec;

/**
 * struct codec_output - What came out
 * @data: anonymous mapping of @map_size bytes
 * @size: bytes of it that were written
 */
struct codec_output {
	uint8_t *data;
	uint64_t size;
	uint64_t map_size;
};

/** codec_detect() - The codec whose frames begin like this, or NULL */
const struct codec *codec_detect(const uint8_t *magic);

/**
 * codec_find() - The codec of this name, or NULL
 * @name: not necessarily ended by a NUL
 * @size: most bytes that it may have
 */
const struct codec *codec_find(const char *name, size_t size);

/** codec_name() - "gzip"; codec_zboot_name() - "EFI zboot (gzip)" */
const char *codec_name(const struct codec *codec);
const char *codec_zboot_name(const struct codec *codec);

/**
 * codec_run() - Decompress a piece of an image
 * @from: source; [@off, @off + @size) lies within it
 * @out: receives the contents; the caller unmaps them
 *
 * Several frames in a row are joined. As with gzip(1), anything else that
 * follows is left alone: padding, a length, a signature.
 *
 * Return: 0 with at least one byte in @out; -EILSEQ when the input is
 * damaged, -ENODATA when it ends early, -ENOMSG when nothing is in it, -EFBIG
 * when more than IMAGE_MAX_SIZE is, -EOVERFLOW when a window of more than
 * 128 MiB is needed, -ENOMEM, -EIO and others of pread().
 */
int codec_run(const struct codec *codec, const struct image *from, uint64_t off,
	      uint64_t size, struct codec_output *out);

#endif
