/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels' files, for the targets that read them: wrappings around what a
 * target made, good but for a few lengths and bytes, one in another.
 */
#ifndef PRIVET_TESTS_FUZZ_KERNEL_H
#define PRIVET_TESTS_FUZZ_KERNEL_H

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/fuzz/input.h"
#include "vmm/bytes.h"
#include "vmm/image.h"

#define KERNEL_MAX 8192U

/** struct kernel - A file that is being made */
struct kernel {
	struct input in;
	uint8_t data[KERNEL_MAX];
	size_t len;
};

/** kernel_rest() - What is left of the input, from @at on */
static inline void kernel_rest(struct kernel *f, size_t at)
{
	size_t len;
	const uint8_t *rest = take_rest(&f->in, &len);

	len = min_size(len, KERNEL_MAX - at);
	if (len > 0)
		memcpy(f->data + at, rest, len);
	f->len = at + len;
}

/* A member of a gzip file. Return: its bytes. */
static inline size_t kernel_gzip(const void *data, size_t len, uint8_t *out,
				 size_t size)
{
	z_stream z = { .next_in = (z_const Bytef *)data,
		       .avail_in = (uInt)len,
		       .next_out = out,
		       .avail_out = (uInt)size };

	FUZZ_CHECK(deflateInit2(&z, 1, Z_DEFLATED, MAX_WBITS + 16, 8,
				Z_DEFAULT_STRATEGY) == Z_OK);
	deflate(&z, Z_FINISH);
	size = z.total_out;
	deflateEnd(&z);
	return size;
}

static inline size_t kernel_pack(bool gzip, const void *data, size_t len,
				 uint8_t *out, size_t size)
{
	if (gzip)
		return kernel_gzip(data, len, out, size);
	size = ZSTD_compress(out, size, data, len, 1);
	FUZZ_CHECK(!ZSTD_isError(size));
	return size;
}

/* What may stand before or behind frames: another one, or one to skip. */
static inline size_t kernel_frame(struct kernel *f, bool gzip, uint8_t *out,
				  size_t size)
{
	static const uint8_t zeroes[512];
	uint8_t kind = take_u8(&f->in), text[16];
	size_t len = take_below(&f->in, sizeof(text) + 1);

	if (kind < 208)
		return 0;
	if (kind < 224)
		return kernel_pack(gzip, zeroes, 32 * len, out, size);
	take_bytes(&f->in, text, len);
	if (kind < 240)
		return kernel_pack(gzip, text, len, out, size);
	/* Nothing in it counts; its length may be a lie. */
	le32_store(out, 0x184d2a50U + kind % 16U);
	le32_store(out + 4, take_rarely(&f->in, 4)
				    ? (uint32_t)take_number(&f->in)
				    : (uint32_t)len);
	memcpy(out + 8, text, len);
	return 8 + len;
}

/* The head of an EFI zboot image, Linux, drivers/firmware/efi/libstub. */
static inline void kernel_zboot(struct kernel *f, uint8_t *out, size_t size,
				bool gzip)
{
	static const char *const others[] = { "lzma", "gzi", "xz", "zstd22",
					      "" };
	uint8_t kind = take_u8(&f->in);
	const char *codec = gzip ? "gzip" : "zstd";

	if (kind >= 224)
		codec = others[kind % ARRAY_SIZE(others)];
	memset(out, 0, 64);
	memcpy(out, "MZ", 2);
	memcpy(out + 4, "zimg", 4);
	le32_store(out + 8,
		   take_rarely(&f->in, 8) ? (uint32_t)take_number(&f->in) : 64);
	le32_store(out + 12, take_rarely(&f->in, 8)
				     ? (uint32_t)take_number(&f->in)
				     : (uint32_t)size);
	memcpy(out + 24, codec, strlen(codec));
}

/* @kind: bit 0: which codec, bit 1: with a program that unpacks it */
static inline void kernel_wrap(struct kernel *f, uint8_t kind)
{
	static uint8_t out[4 * KERNEL_MAX];
	bool gzip = (kind & 1) != 0, zboot = (kind & 2) != 0;
	size_t at = zboot ? 64 : 0, room = sizeof(out);

	at += kernel_frame(f, gzip, out + at, KERNEL_MAX);
	at += kernel_pack(gzip, f->data, f->len, out + at, room - at);
	FUZZ_CHECK(at < room - KERNEL_MAX);
	at += kernel_frame(f, gzip, out + at, KERNEL_MAX);
	if (zboot)
		kernel_zboot(f, out, at - 64, gzip);
	f->len = min_size(at, KERNEL_MAX);
	memcpy(f->data, out, f->len);
}

/* Up to @max bytes of it become others. */
static inline void kernel_damage(struct kernel *f, unsigned max)
{
	uint8_t change[3];

	for (unsigned n = take_below(&f->in, max + 1); n > 0; n--) {
		take_bytes(&f->in, change, sizeof(change));
		f->data[le16_load(change) % f->len] ^= change[2];
	}
}

/**
 * kernel_make() - The file that the input describes
 * @make: makes what is in the wrappings; it may leave the rest of the input
 *	for them
 */
static inline void kernel_make(struct kernel *f, void (*make)(struct kernel *f))
{
	uint8_t kind = take_u8(&f->in), layers[6];

	if (kind < 24) {
		kernel_rest(f, 0);
		return;
	}
	take_bytes(&f->in, layers, sizeof(layers));
	make(f);
	kernel_damage(f, 4);
	/* Half have no layer, some one too many, and they may be damaged. */
	for (unsigned i = 0; i < kind / 32U && i < sizeof(layers); i++) {
		if (layers[i] < 128)
			break;
		kernel_wrap(f, layers[i]);
		if (layers[i] >= 224)
			kernel_damage(f, 4);
	}
	if (kind % 16 == 15)
		f->len = 1 + take_u16(&f->in) % f->len;
}

/** kernel_run() - Make the file, open it, and give it to @load */
static inline void kernel_run(const uint8_t *data, size_t len,
			      void (*make)(struct kernel *f),
			      void (*load)(const struct image *image))
{
	struct kernel *f = calloc(1, sizeof(*f));
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct error err = { 0 };
	struct image image;
	uint8_t byte;

	FUZZ_CHECK(f != NULL && fd >= 0);
	f->in = (struct input){ data, len };
	kernel_make(f, make);
	FUZZ_CHECK(write(fd, f->data, f->len) == (ssize_t)f->len);
	if (image_open(&image, fd, "kernel", &err) == 0) {
		FUZZ_CHECK(image.size > 0);
		FUZZ_CHECK(image_read(&image, image.size - 1, &byte, 1) == 0);
		FUZZ_CHECK(image_read(&image, image.size, &byte, 1) < 0);
		load(&image);
		image_close(&image);
	} else {
		FUZZ_CHECK(err.text[0] != '\0' && err.code != 0);
	}
	close(fd);
	free(f);
}

#endif
