/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressions that a kernel may come in.
 *
 * Theory of operation: a stream fetches input in chunks (or has all of it,
 * when the source is in memory), hands it to the codec's step(), which writes
 * straight into the mapping that becomes the contents, and makes that mapping
 * larger when it is full. Neither the input nor any length in it is trusted:
 * output is bounded by IMAGE_MAX_SIZE, zstd's window by ZSTD_WINDOW_LOG.
 */
#include "vmm/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
#include "vmm/bytes.h"

#define INPUT_CHUNK KIB(256)

/* Output grows in steps that are a multiple of any host's page size. */
#define OUTPUT_STEP KIB(64)

/* 128 MiB: what `zstd --ultra -22` needs, as Linux's own makefiles call it. */
#define ZSTD_WINDOW_LOG 27

/**
 * struct stream - A layer on its way from its source to its contents
 * @from: source
 * @pos: next byte of it to fetch
 * @end: where its compressed bytes end
 * @buf: INPUT_CHUNK bytes; NULL when the source is in memory
 * @in, @in_len: bytes fetched and not consumed yet
 * @out: mapping of @map_size bytes, the first @out_len of them written
 */
struct stream {
	const struct image *from;
	uint64_t pos;
	uint64_t end;
	uint8_t *buf;
	const uint8_t *in;
	uint64_t in_len;
	uint8_t *out;
	uint64_t out_len;
	uint64_t map_size;
};

/**
 * struct codec - A compression that can be taken off
 * @name: also its name in an EFI zboot header
 * @zboot: what struct image calls an EFI zboot image of it
 * @detect: whether a frame begins with these CODEC_MAGIC_SIZE bytes
 * @open: state, or NULL without memory
 * @step: consume some of the input, produce some output. Return: 0, 1 when a
 *	frame is complete (and the state ready for another one), -EILSEQ when
 *	the input is damaged, -EOVERFLOW when it needs too large a window,
 *	-ENOMEM
 */
struct codec {
	const char *name;
	const char *zboot;
	bool (*detect)(const uint8_t *magic);
	void *(*open)(void);
	int (*step)(void *state, struct stream *s);
	void (*close)(void *state);
};

static bool gzip_detect(const uint8_t *magic)
{
	return magic[0] == 0x1f && magic[1] == 0x8b;
}

static void *gzip_open(void)
{
	z_stream *z = calloc(1, sizeof(*z));

	/* Adding 16 accepts gzip's format alone, not zlib's. */
	if (z && inflateInit2(z, MAX_WBITS + 16) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static void gzip_close(void *state)
{
	inflateEnd(state);
	free(state);
}

static int gzip_step(void *state, struct stream *s)
{
	z_stream *z = state;
	uInt in = (uInt)min_u64(s->in_len, GIB(1));
	uInt out = (uInt)min_u64(s->map_size - s->out_len, GIB(1));

	z->next_in = (z_const Bytef *)s->in;
	z->avail_in = in;
	z->next_out = s->out + s->out_len;
	z->avail_out = out;
	int ret = inflate(z, Z_NO_FLUSH);
	s->in += in - z->avail_in;
	s->in_len -= in - z->avail_in;
	s->out_len += out - z->avail_out;
	if (ret == Z_STREAM_END)
		return inflateReset(z) == Z_OK ? 1 : -EILSEQ;
	if (ret == Z_MEM_ERROR)
		return -ENOMEM;
	/* Z_BUF_ERROR: nothing more to do with this input. */
	return ret == Z_OK || ret == Z_BUF_ERROR ? 0 : -EILSEQ;
}

/* Frames that hold data, and those that a decompressor skips. */
static bool zstd_detect(const uint8_t *magic)
{
	uint32_t value = le32_load(magic);

	return value == ZSTD_MAGICNUMBER || (value & 0xfffffff0) == 0x184d2a50;
}

static void *zstd_open(void)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();

	if (ctx && ZSTD_isError(ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax,
						       ZSTD_WINDOW_LOG))) {
		ZSTD_freeDCtx(ctx);
		return NULL;
	}
	return ctx;
}

static void zstd_close(void *state)
{
	ZSTD_freeDCtx(state);
}

static int zstd_error(size_t ret)
{
	switch (ZSTD_getErrorCode(ret)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return -EOVERFLOW;
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	default:
		return -EILSEQ;
	}
}

static int zstd_step(void *state, struct stream *s)
{
	ZSTD_inBuffer in = { .src = s->in, .size = s->in_len };
	ZSTD_outBuffer out = {
		.dst = s->out,
		.size = s->map_size,
		.pos = s->out_len,
	};
	size_t ret = ZSTD_decompressStream(state, &out, &in);

	s->in += in.pos;
	s->in_len -= in.pos;
	s->out_len = out.pos;
	if (ZSTD_isError(ret))
		return zstd_error(ret);
	return ret == 0;
}

static const struct codec codecs[] = {
	{
		.name = "gzip",
		.zboot = "EFI zboot (gzip)",
		.detect = gzip_detect,
		.open = gzip_open,
		.step = gzip_step,
		.close = gzip_close,
	},
	{
		.name = "zstd",
		.zboot = "EFI zboot (zstd)",
		.detect = zstd_detect,
		.open = zstd_open,
		.step = zstd_step,
		.close = zstd_close,
	},
};

/* Makes input available if there is none and the layer has more of it. */
static int fetch(struct stream *s)
{
	uint64_t len = s->end - s->pos;

	if (s->in_len || len == 0)
		return 0;
	if (s->from->data) {
		s->in = s->from->data + s->pos;
	} else {
		len = min_u64(len, INPUT_CHUNK);
		int ret = image_read(s->from, s->pos, s->buf, len);
		if (ret)
			return ret;
		s->in = s->buf;
	}
	s->in_len = len;
	s->pos += len;
	return 0;
}

/* Makes room for output; -EFBIG when there is more of it than allowed. */
static int make_room(struct stream *s)
{
	if (s->out_len > IMAGE_MAX_SIZE)
		return -EFBIG;
	if (s->out_len < s->map_size)
		return 0;
	/* One step more than allowed: to see that there is no more. */
	uint64_t size = min_u64(2 * s->map_size, IMAGE_MAX_SIZE + OUTPUT_STEP);
	void *out = mremap(s->out, s->map_size, size, MREMAP_MAYMOVE);
	if (out == MAP_FAILED)
		return -errno;
	s->out = out;
	s->map_size = size;
	return 0;
}

/* Whether another frame follows the one that ended. */
static bool another_frame(const struct stream *s, const struct codec *codec)
{
	uint64_t pos = s->pos - s->in_len;
	uint8_t magic[CODEC_MAGIC_SIZE] = { 0 };
	uint64_t len = min_u64(sizeof(magic), s->end - pos);

	return image_read(s->from, pos, magic, len) == 0 &&
	       codec->detect(magic);
}

/* Return: 0, a codec's error, -ENODATA when the input ends early, -EFBIG. */
static int run_codec(struct stream *s, const struct codec *codec, void *state)
{
	for (;;) {
		int ret = fetch(s);

		if (ret == 0)
			ret = make_room(s);
		if (ret)
			return ret;
		uint64_t in_len = s->in_len, out_len = s->out_len;
		ret = codec->step(state, s);
		if (ret < 0)
			return ret;
		if (ret == 1 && !another_frame(s, codec))
			return s->out_len > IMAGE_MAX_SIZE ? -EFBIG : 0;
		if (ret == 0 && s->in_len == in_len && s->out_len == out_len)
			return in_len ? -EILSEQ : -ENODATA;
	}
}

static int decompress(struct stream *s, const struct codec *codec)
{
	void *state = codec->open();

	if (!state)
		return -ENOMEM;
	int ret = run_codec(s, codec, state);
	codec->close(state);
	return ret;
}

static int stream_open(struct stream *s)
{
	uint64_t in_size = min_u64(s->end - s->pos, IMAGE_MAX_SIZE);

	s->map_size = min_u64(align_up(4 * in_size, MIB(1)), IMAGE_MAX_SIZE);
	s->out = mmap(NULL, s->map_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->out == MAP_FAILED)
		return -errno;
	if (s->from->data)
		return 0;
	s->buf = malloc(INPUT_CHUNK);
	if (s->buf)
		return 0;
	munmap(s->out, s->map_size);
	return -ENOMEM;
}

/* Gives back the part of the mapping that was not needed, if it can. */
static void trim(struct stream *s)
{
	uint64_t size = align_up(s->out_len, OUTPUT_STEP);

	if (size < s->map_size &&
	    munmap(s->out + size, s->map_size - size) == 0)
		s->map_size = size;
}

int codec_run(const struct codec *codec, const struct image *from, uint64_t off,
	      uint64_t size, struct codec_output *out)
{
	struct stream s = { .from = from, .pos = off, .end = off + size };
	int ret = stream_open(&s);

	if (ret)
		return ret;
	ret = decompress(&s, codec);
	free(s.buf);
	if (ret == 0 && s.out_len == 0)
		ret = -ENOMSG;
	if (ret) {
		munmap(s.out, s.map_size);
		return ret;
	}
	trim(&s);
	*out = (struct codec_output){
		.data = s.out,
		.size = s.out_len,
		.map_size = s.map_size,
	};
	return 0;
}

const struct codec *codec_detect(const uint8_t *magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++)
		if (codecs[i].detect(magic))
			return &codecs[i];
	return NULL;
}

const struct codec *codec_find(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++)
		if (strncmp(name, codecs[i].name, size) == 0)
			return &codecs[i];
	return NULL;
}

const char *codec_name(const struct codec *codec)
{
	return codec->name;
}

const char *codec_zboot_name(const struct codec *codec)
{
	return codec->zboot;
}
