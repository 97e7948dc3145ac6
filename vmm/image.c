/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images: what a file holds once its wrapping is off.
 *
 * image_open() looks at the first bytes. If they are a wrapping's, what is in
 * it goes into an anonymous mapping, which is then looked at in the same way,
 * a bounded number of times.
 */
#include "vmm/image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm/bytes.h"
#include "vmm/codec.h"

#define MAX_LAYERS 4
#define HEAD_SIZE  64

/* EFI zboot header (Linux, drivers/firmware/efi/libstub/zboot-header.S). */
#define ZBOOT_MAGIC     4
#define ZBOOT_OFFSET    8
#define ZBOOT_SIZE      12
#define ZBOOT_TYPE      24
#define ZBOOT_TYPE_SIZE 32

/** struct layer - Where and what the outermost wrapping of an image is */
struct layer {
	const struct codec *codec;
	const char *wrapping;
	uint64_t off;
	uint64_t size;
};

/* What else kernels come in; refused with the way out. */
static const struct {
	const char *name;
	const char *tool;
	uint8_t len;
	uint8_t magic[CODEC_MAGIC_SIZE];
} foreign_codecs[] = {
	{ "xz", "xz -d", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
	{ "bzip2", "bzip2 -d", 3, { 'B', 'Z', 'h' } },
	{ "lz4", "lz4 -d", 4, { 0x02, 0x21, 0x4c, 0x18 } },
	{ "lz4", "lz4 -d", 4, { 0x04, 0x22, 0x4d, 0x18 } },
	{ "lzo", "lzop -d", 4, { 0x89, 'L', 'Z', 'O' } },
	{ "lzma", "xz -d --format=lzma", 3, { 0x5d, 0, 0 } },
};

static int read_file(int fd, uint64_t off, uint8_t *buf, uint64_t len)
{
	while (len) {
		ssize_t got = pread(fd, buf, len, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		/* Shorter than when it was opened. */
		if (got == 0)
			return -EIO;
		buf += got;
		off += (uint64_t)got;
		len -= (uint64_t)got;
	}
	return 0;
}

int image_read(const struct image *image, uint64_t off, void *buf, uint64_t len)
{
	if (!range_fits(off, len, image->size))
		return -ERANGE;
	if (!image->data)
		return read_file(image->fd, off, buf, len);
	memcpy(buf, image->data + off, len);
	return 0;
}

static const char *reason(int error)
{
	switch (error) {
	case -EILSEQ:
		return "the data is damaged; copy or build the file again";
	case -ENODATA:
		return "it is truncated; copy or build the file again";
	case -ENOMSG:
		return "nothing is in it";
	case -EFBIG:
		return "the contents are larger than 1 GiB";
	case -EOVERFLOW:
		return "it needs a window of more than 128 MiB; compress it "
		       "without --long";
	default:
		return strerror(-error);
	}
}

static int refuse(const struct image *image, const struct layer *layer,
		  int error, struct error *err)
{
	int code = -EINVAL;
	enum exit_status status = EXIT_STATUS_USAGE;

	if (error == -ENOMEM || error == -EIO) {
		code = error;
		status = EXIT_STATUS_ERROR;
	}
	return error_set(err, code, status,
			 "cannot decompress kernel %s (%s): %s", image->name,
			 layer->wrapping, reason(error));
}

/* Replaces the image by what is inside its outermost layer. */
static int unwrap(struct image *image, const struct layer *layer,
		  struct error *err)
{
	struct codec_output out;
	int ret = codec_run(layer->codec, image, layer->off, layer->size, &out);

	if (ret)
		return refuse(image, layer, ret, err);
	if (image->data)
		munmap(image->data, image->map_size);
	image->data = out.data;
	image->size = out.size;
	image->map_size = out.map_size;
	if (!image->wrapping)
		image->wrapping = layer->wrapping;
	return 0;
}

static int refuse_zboot(const struct image *image, const uint8_t *head,
			struct error *err)
{
	char type[ZBOOT_TYPE_SIZE + 1] = { 0 };

	memcpy(type, head + ZBOOT_TYPE, ZBOOT_TYPE_SIZE);
	for (char *c = type; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return error_usage(
		err,
		"kernel %s is an EFI zboot image compressed with "
		"'%s': privet reads gzip and zstd; give the raw Image",
		image->name, type);
}

/* Return: 1 with @layer filled, or -EINVAL. */
static int find_zboot(const struct image *image, const uint8_t *head,
		      struct layer *layer, struct error *err)
{
	layer->off = le32_load(head + ZBOOT_OFFSET);
	layer->size = le32_load(head + ZBOOT_SIZE);
	if (layer->size == 0 || layer->off < HEAD_SIZE)
		return error_usage(err,
				   "kernel %s is damaged: its EFI zboot header "
				   "has no payload",
				   image->name);
	if (!range_fits(layer->off, layer->size, image->size))
		return error_usage(
			err,
			"kernel %s is truncated: its EFI zboot "
			"payload ends at byte %" PRIu64 " of %" PRIu64
			"; copy or build the file again",
			image->name, layer->off + layer->size, image->size);
	layer->codec =
		codec_find((const char *)head + ZBOOT_TYPE, ZBOOT_TYPE_SIZE);
	if (!layer->codec)
		return refuse_zboot(image, head, err);
	layer->wrapping = codec_zboot_name(layer->codec);
	return 1;
}

static int refuse_foreign(const struct image *image, const uint8_t *head,
			  struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign_codecs); i++)
		if (memcmp(head, foreign_codecs[i].magic,
			   foreign_codecs[i].len) == 0)
			return error_usage(err,
					   "kernel %s is compressed with %s, "
					   "which privet does not read: use %s",
					   image->name, foreign_codecs[i].name,
					   foreign_codecs[i].tool);
	return 0;
}

/* Return: 1 with @layer filled, 0 when there is no wrapping, or an error. */
static int find_layer(const struct image *image, struct layer *layer,
		      struct error *err)
{
	uint8_t head[HEAD_SIZE] = { 0 };
	int ret =
		image_read(image, 0, head, min_u64(sizeof(head), image->size));

	if (ret)
		return error_host(err, ret, "cannot read kernel %s: %s",
				  image->name, strerror(-ret));
	*layer = (struct layer){
		.codec = codec_detect(head),
		.size = image->size,
	};
	if (layer->codec) {
		layer->wrapping = codec_name(layer->codec);
		return 1;
	}
	if (memcmp(head, "MZ", 2) == 0 &&
	    memcmp(head + ZBOOT_MAGIC, "zimg", 4) == 0)
		return find_zboot(image, head, layer, err);
	return refuse_foreign(image, head, err);
}

static int unwrap_all(struct image *image, struct error *err)
{
	for (unsigned depth = 0;; depth++) {
		struct layer layer = { 0 };
		int ret = find_layer(image, &layer, err);

		if (ret <= 0)
			return ret;
		if (depth == MAX_LAYERS)
			return error_usage(err,
					   "kernel %s is compressed more than "
					   "%u times",
					   image->name, MAX_LAYERS);
		ret = unwrap(image, &layer, err);
		if (ret)
			return ret;
	}
}

int image_open(struct image *image, int fd, const char *name, struct error *err)
{
	struct stat st;

	*image = (struct image){ .name = name, .fd = fd };
	if (fstat(fd, &st) < 0) {
		int code = -errno;

		return error_host(err, code, "cannot look at kernel %s: %s",
				  name, strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return error_usage(err,
				   "kernel %s is not a regular file: give the "
				   "kernel's image itself",
				   name);
	if (st.st_size == 0)
		return error_usage(err, "kernel %s is empty", name);
	image->size = (uint64_t)st.st_size;
	int ret = unwrap_all(image, err);
	if (ret)
		image_close(image);
	return ret;
}

void image_close(struct image *image)
{
	if (image->data)
		munmap(image->data, image->map_size);
	image->data = NULL;
	image->size = 0;
	image->map_size = 0;
}
