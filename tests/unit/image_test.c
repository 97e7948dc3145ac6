/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images: wrappings are found and taken off, damaged and hostile ones
 * are refused, whatever length they are cut to.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "vmm/bytes.h"
#include "vmm/image.h"

/* A limit that a test reaches at once; codec.c alone knows it. */
#undef IMAGE_MAX_SIZE
#define IMAGE_MAX_SIZE MIB(4)
#include "vmm/codec.c"

#define PLAIN_SIZE 100000

struct blob {
	uint8_t *data;
	size_t size;
};

/* Text that compresses, but not to nothing, and looks like no wrapping. */
static struct blob plain_make(size_t size)
{
	struct blob plain = { .data = malloc(size), .size = size };
	uint32_t x = 1;

	assert_non_null(plain.data);
	for (size_t i = 0; i < size; i++) {
		x = x * 1103515245 + 12345;
		plain.data[i] = (uint8_t)('a' + (x >> 24) % 16);
	}
	return plain;
}

static struct blob zeros_make(size_t size)
{
	struct blob zeros = { .data = calloc(1, size), .size = size };

	assert_non_null(zeros.data);
	return zeros;
}

static struct blob gzip_make(const void *data, size_t size)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8,
				      Z_DEFAULT_STRATEGY),
			 Z_OK);
	struct blob out = { .size = deflateBound(&z, size) + 64 };
	out.data = malloc(out.size);
	assert_non_null(out.data);
	z.next_in = (z_const Bytef *)data;
	z.avail_in = (uInt)size;
	z.next_out = out.data;
	z.avail_out = (uInt)out.size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.size = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct blob zstd_make_window(const void *data, size_t size, int window)
{
	struct blob out = { .size = ZSTD_compressBound(size) };
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	out.data = malloc(out.size);
	assert_non_null(out.data);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	/* As a stream of unknown length, so that the window is not cut down. */
	if (window)
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window);
	ZSTD_inBuffer in = { .src = data, .size = size };
	ZSTD_outBuffer to = { .dst = out.data, .size = out.size };
	if (window)
		ZSTD_compressStream2(ctx, &to, &in, ZSTD_e_flush);
	assert_int_equal(ZSTD_compressStream2(ctx, &to, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(ctx);
	out.size = to.pos;
	return out;
}

static struct blob zstd_make(const void *data, size_t size)
{
	return zstd_make_window(data, size, 0);
}

static struct blob zboot_make(const char *type, struct blob payload)
{
	struct blob out = zeros_make(payload.size + 256 + 32);

	memcpy(out.data, "MZ\0\0zimg", 8);
	le32_store(out.data + 8, 256);
	le32_store(out.data + 12, (uint32_t)payload.size);
	memcpy(out.data + 24, type, strlen(type) + 1);
	memcpy(out.data + 256, payload.data, payload.size);
	return out;
}

/* Joins two and releases both. */
static struct blob join(struct blob a, struct blob b)
{
	a.data = realloc(a.data, a.size + b.size + 1);
	assert_non_null(a.data);
	memcpy(a.data + a.size, b.data, b.size);
	a.size += b.size;
	free(b.data);
	return a;
}

static struct blob bytes_make(const void *data, size_t size)
{
	struct blob out = zeros_make(size + 1);

	out.size = size;
	memcpy(out.data, data, size);
	return out;
}

static int file_make(const void *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

/* Releases @blob. Return: what image_open() says of it. */
static int open_blob(struct blob blob, struct image *image, struct error *err)
{
	int fd = file_make(blob.data, blob.size);

	free(blob.data);
	*err = (struct error){ 0 };
	int ret = image_open(image, fd, "kernel-name", err);
	if (ret)
		close(fd);
	else
		assert_string_equal(err->text, "");
	return ret;
}

static void close_image(struct image *image)
{
	int fd = image->fd;

	image_close(image);
	close(fd);
}

static void assert_contents(struct blob blob, struct blob want,
			    const char *wrapping)
{
	struct image image;
	struct error err;

	assert_int_equal(open_blob(blob, &image, &err), 0);
	if (wrapping)
		assert_string_equal(image.wrapping, wrapping);
	else
		assert_null(image.wrapping);
	assert_int_equal(image.size, want.size);
	uint8_t *got = malloc(want.size);
	assert_non_null(got);
	assert_int_equal(image_read(&image, 0, got, want.size), 0);
	assert_memory_equal(got, want.data, want.size);
	free(got);
	close_image(&image);
}

static void assert_refused(struct blob blob, const char *word)
{
	struct image image;
	struct error err;

	assert_int_equal(open_blob(blob, &image, &err), -EINVAL);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_non_null(strstr(err.text, "kernel-name"));
	if (!strstr(err.text, word))
		fail_msg("'%s' is not in: %s", word, err.text);
	assert_null(strchr(err.text, '\n'));
	assert_null(image.data);
}

static void plain_is_not_copied(void **state)
{
	struct blob plain = plain_make(PLAIN_SIZE);
	struct image image;
	uint8_t buf[4] = { 0 };

	(void)state;
	int fd = file_make(plain.data, plain.size);
	assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
	assert_int_equal(image_open(&image, fd, "k", NULL), 0);
	assert_null(image.data);
	assert_null(image.wrapping);
	assert_int_equal(image.size, PLAIN_SIZE);
	assert_int_equal(image_read(&image, 1000, buf, 4), 0);
	assert_memory_equal(buf, plain.data + 1000, 4);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 7);
	close_image(&image);
	free(plain.data);
}

static void check_read_limits(struct image *image)
{
	uint64_t size = image->size;
	uint8_t buf[16];

	assert_int_equal(image_read(image, 0, buf, 0), 0);
	assert_int_equal(image_read(image, size, buf, 0), 0);
	assert_int_equal(image_read(image, size - 1, buf, 1), 0);
	assert_int_equal(image_read(image, size, buf, 1), -ERANGE);
	assert_int_equal(image_read(image, size - 1, buf, 2), -ERANGE);
	assert_int_equal(image_read(image, size + 1, buf, 0), -ERANGE);
	assert_int_equal(image_read(image, UINT64_MAX, buf, 2), -ERANGE);
	assert_int_equal(image_read(image, 1, buf, UINT64_MAX), -ERANGE);
	assert_int_equal(image_read(image, UINT64_MAX, buf, UINT64_MAX),
			 -ERANGE);
}

static void read_stays_inside(void **state)
{
	struct image image;
	struct error err;

	(void)state;
	assert_int_equal(open_blob(plain_make(100), &image, &err), 0);
	check_read_limits(&image);
	close_image(&image);
	struct blob plain = plain_make(100);
	assert_int_equal(
		open_blob(gzip_make(plain.data, plain.size), &image, &err), 0);
	check_read_limits(&image);
	close_image(&image);
	free(plain.data);
}

static void file_that_shrinks(void **state)
{
	struct image image;
	struct error err;
	uint8_t buf[16];

	(void)state;
	assert_int_equal(open_blob(plain_make(100), &image, &err), 0);
	assert_int_equal(ftruncate(image.fd, 50), 0);
	assert_int_equal(image_read(&image, 40, buf, 16), -EIO);
	close_image(&image);
}

static void tiny_files(void **state)
{
	static const uint8_t byte[] = { 0x1f, 0x8b, 0x28, 'M', 'Z' };

	(void)state;
	assert_refused(bytes_make("", 0), "empty");
	for (size_t i = 0; i < sizeof(byte); i++)
		assert_contents(bytes_make(byte + i, 1),
				(struct blob){ (uint8_t *)&byte[i], 1 }, NULL);
	assert_refused(bytes_make("\x1f\x8b", 2), "truncated");
	assert_refused(bytes_make("\x28\xb5\x2f\xfd", 4), "truncated");
}

static void not_a_file(void **state)
{
	struct image image;
	struct error err = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(image_open(&image, fds[0], "pipe", &err), -EINVAL);
	assert_non_null(strstr(err.text, "regular file"));
	close(fds[0]);
	close(fds[1]);
	assert_true(image_open(&image, -1, "none", &err) < 0);
}

static void wrappings_come_off(void **state)
{
	struct blob p = plain_make(PLAIN_SIZE);

	(void)state;
	assert_contents(gzip_make(p.data, p.size), p, "gzip");
	assert_contents(zstd_make(p.data, p.size), p, "zstd");
	struct blob gz = gzip_make(p.data, p.size);
	struct blob zs = zstd_make(p.data, p.size);
	assert_contents(zboot_make("gzip", gz), p, "EFI zboot (gzip)");
	assert_contents(zboot_make("zstd", zs), p, "EFI zboot (zstd)");
	/* The outermost one is named. */
	struct blob boot = zboot_make("zstd", zs);
	assert_contents(gzip_make(boot.data, boot.size), p, "gzip");
	free(boot.data);
	free(gz.data);
	free(zs.data);
	free(p.data);
}

/* Input of several chunks, output that has to grow several times. */
static void large_and_growing(void **state)
{
	struct blob p = plain_make(3 * MIB(1) + 17);
	struct blob z = zeros_make(MIB(4));

	(void)state;
	assert_contents(gzip_make(p.data, p.size), p, "gzip");
	assert_contents(zstd_make(p.data, p.size), p, "zstd");
	assert_contents(gzip_make(z.data, z.size), z, "gzip");
	assert_contents(zstd_make(z.data, z.size), z, "zstd");
	free(p.data);
	free(z.data);
}

static void bombs_are_bounded(void **state)
{
	struct blob z = zeros_make(MIB(4) + 1);
	struct blob big = zeros_make(MIB(64));

	(void)state;
	assert_refused(gzip_make(z.data, z.size), "larger");
	assert_refused(zstd_make(z.data, z.size), "larger");
	assert_refused(gzip_make(big.data, big.size), "larger");
	assert_refused(zstd_make(big.data, big.size), "larger");
	/* In several frames, each of which would fit. */
	struct blob two =
		join(gzip_make(z.data, MIB(3)), gzip_make(z.data, MIB(3)));
	assert_refused(two, "larger");
	free(z.data);
	free(big.data);
}

static void frames_are_joined(void **state)
{
	struct blob p = plain_make(PLAIN_SIZE);

	(void)state;
	assert_contents(join(gzip_make(p.data, 40000),
			     gzip_make(p.data + 40000, 60000)),
			p, "gzip");
	assert_contents(join(gzip_make("", 0), gzip_make(p.data, p.size)), p,
			"gzip");
	assert_contents(join(zstd_make(p.data, 40000),
			     zstd_make(p.data + 40000, 60000)),
			p, "zstd");
	/* A skippable frame of 4 bytes, before and after. */
	static const uint8_t skip[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0,
					0,    0,    1,    2,    3, 4 };
	assert_contents(join(bytes_make(skip, sizeof(skip)),
			     join(zstd_make(p.data, p.size),
				  bytes_make(skip, sizeof(skip)))),
			p, "zstd");
	free(p.data);
}

static void what_follows_is_ignored(void **state)
{
	struct blob p = plain_make(PLAIN_SIZE);

	(void)state;
	for (size_t pad = 1; pad < 20; pad++) {
		assert_contents(
			join(gzip_make(p.data, p.size), zeros_make(pad)), p,
			"gzip");
		assert_contents(
			join(zstd_make(p.data, p.size), plain_make(pad)), p,
			"zstd");
	}
	assert_contents(join(gzip_make(p.data, p.size), bytes_make("\x1f", 1)),
			p, "gzip");
	/* What says that it is a frame has to be one. */
	assert_refused(
		join(gzip_make(p.data, p.size), bytes_make("\x1f\x8b", 2)),
		"truncated");
	assert_refused(join(gzip_make(p.data, p.size),
			    bytes_make("\x1f\x8b\x09\x09", 4)),
		       "damaged");
	free(p.data);
}

static void nothing_inside(void **state)
{
	(void)state;
	assert_refused(gzip_make("", 0), "nothing");
	assert_refused(zstd_make("", 0), "nothing");
}

static void every_truncation(void **state)
{
	struct blob p = plain_make(600);
	struct blob gz = gzip_make(p.data, p.size);
	struct blob zs = zstd_make(p.data, p.size);

	(void)state;
	for (size_t len = 2; len < gz.size; len++)
		assert_refused(bytes_make(gz.data, len), "truncated");
	for (size_t len = 4; len < zs.size; len++)
		assert_refused(bytes_make(zs.data, len), "truncated");
	struct blob boot = zboot_make("gzip", gz);
	for (size_t len = 8; len < 256 + gz.size; len++)
		assert_refused(bytes_make(boot.data, len), "kernel-name");
	free(boot.data);
	free(gz.data);
	free(zs.data);
	free(p.data);
}

/* Opens @blob with a bit flipped: refused, or the flip made no difference. */
static bool flip_refused(struct blob blob, size_t at, struct blob want)
{
	struct blob bad = bytes_make(blob.data, blob.size);
	struct image image;
	struct error err;

	bad.data[at] ^= 0x40;
	if (open_blob(bad, &image, &err) != 0) {
		assert_non_null(strstr(err.text, "cannot decompress"));
		return true;
	}
	assert_int_equal(image.size, want.size);
	assert_memory_equal(image.data, want.data, want.size);
	close_image(&image);
	return false;
}

static void every_flipped_byte(void **state)
{
	struct blob p = plain_make(300);
	struct blob kinds[] = { gzip_make(p.data, p.size),
				zstd_make(p.data, p.size) };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		unsigned accepted = 0;

		for (size_t i = 16; i < kinds[k].size; i++)
			accepted += !flip_refused(kinds[k], i, p);
		/* A few bits pad others to whole bytes. */
		assert_true(accepted < 3);
		free(kinds[k].data);
	}
	free(p.data);
}

static void layers_are_bounded(void **state)
{
	struct blob p = plain_make(PLAIN_SIZE);
	struct blob wrapped = bytes_make(p.data, p.size);

	(void)state;
	for (unsigned depth = 1; depth <= 5; depth++) {
		struct blob inner = wrapped;

		wrapped = gzip_make(inner.data, inner.size);
		free(inner.data);
		struct blob copy = bytes_make(wrapped.data, wrapped.size);
		if (depth <= 4)
			assert_contents(copy, p, "gzip");
		else
			assert_refused(copy, "4 times");
	}
	free(wrapped.data);
	free(p.data);
}

static void zstd_window_is_bounded(void **state)
{
	struct blob p = plain_make(PLAIN_SIZE);

	(void)state;
	assert_contents(zstd_make_window(p.data, p.size, 27), p, "zstd");
	assert_refused(zstd_make_window(p.data, p.size, 28), "128 MiB");
	free(p.data);
}

static struct blob zboot_with(const char *type, uint32_t off, uint32_t size)
{
	struct blob out = zeros_make(1024);

	memcpy(out.data, "MZ\0\0zimg", 8);
	le32_store(out.data + 8, off);
	le32_store(out.data + 12, size);
	memcpy(out.data + 24, type, strlen(type));
	return out;
}

static void hostile_zboot_headers(void **state)
{
	(void)state;
	assert_refused(zboot_with("gzip", 0, 0), "no payload");
	assert_refused(zboot_with("gzip", 64, 0), "no payload");
	assert_refused(zboot_with("gzip", 63, 1), "no payload");
	assert_refused(zboot_with("gzip", 64, 961), "1025 of 1024");
	assert_refused(zboot_with("gzip", 1024, 1), "truncated");
	assert_refused(zboot_with("gzip", UINT32_MAX, UINT32_MAX), "truncated");
	assert_refused(zboot_with("gzip", 64, UINT32_MAX), "truncated");
	/* Zeros are not gzip. */
	assert_refused(zboot_with("gzip", 64, 960), "damaged");
	assert_refused(zboot_with("lz4", 64, 960), "'lz4'");
	assert_refused(zboot_with("xzkern", 64, 960), "'xzkern'");
	assert_refused(zboot_with("", 64, 960), "''");
	assert_refused(zboot_with("gzipp", 64, 960), "'gzipp'");
	assert_refused(zboot_with("a\n\x1b[2J%s", 64, 960), "'a??[2J%s'");
	assert_refused(
		zboot_with("12345678901234567890123456789012345", 64, 960),
		"'12345678901234567890123456789012'");
}

static void other_compressions_by_name(void **state)
{
	(void)state;
	assert_refused(bytes_make("\xfd"
				  "7zXZ\0....",
				  10),
		       "xz -d");
	assert_refused(bytes_make("BZh91AY", 7), "bzip2");
	assert_refused(bytes_make("\x02\x21\x4c\x18....", 8), "lz4");
	assert_refused(bytes_make("\x04\x22\x4d\x18....", 8), "lz4");
	assert_refused(bytes_make("\x89LZO....", 8), "lzo");
	assert_refused(bytes_make("\x5d\0\0\x80....", 8), "lzma");
}

/* A file of many gigabytes that says that it is compressed. */
static void sparse_giant(void **state)
{
	struct image image;
	struct error err = { 0 };
	int fd = file_make("\x1f\x8b\x08\0\0\0\0\0\0\3", 10);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)1 << 50), 0);
	assert_int_equal(image_open(&image, fd, "k", &err), -EINVAL);
	assert_non_null(strstr(err.text, "damaged"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_not_copied),
		cmocka_unit_test(read_stays_inside),
		cmocka_unit_test(file_that_shrinks),
		cmocka_unit_test(tiny_files),
		cmocka_unit_test(not_a_file),
		cmocka_unit_test(wrappings_come_off),
		cmocka_unit_test(large_and_growing),
		cmocka_unit_test(bombs_are_bounded),
		cmocka_unit_test(frames_are_joined),
		cmocka_unit_test(what_follows_is_ignored),
		cmocka_unit_test(nothing_inside),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_flipped_byte),
		cmocka_unit_test(layers_are_bounded),
		cmocka_unit_test(zstd_window_is_bounded),
		cmocka_unit_test(hostile_zboot_headers),
		cmocka_unit_test(other_compressions_by_name),
		cmocka_unit_test(sparse_giant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
