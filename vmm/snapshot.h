/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state: a stream of versioned sections.
 *
 * Layout, all little-endian: u64 magic, u32 format version, u32 length of the
 * architecture's name and the name; then sections of {u32 length of name,
 * name, u32 length of id, id, u32 version, u64 length of body, body, u32
 * CRC-32 of the body}; then a section with an empty name. Bodies are written
 * field by field, never as structs.
 *
 * A reader trusts nothing: every length is checked against what is left, and
 * the first error sticks: later reads return zeros, and snap_reader_error()
 * tells.
 */
#ifndef PRIVET_VMM_SNAPSHOT_H
#define PRIVET_VMM_SNAPSHOT_H

#include "vmm/error.h"

#define SNAP_MAGIC    0x50414e5354565250ULL
#define SNAP_FORMAT   1U
#define SNAP_NAME_MAX 32U

/** struct snap_writer - Growing buffer; the first failure sticks in @error */
struct snap_writer {
	uint8_t *data;
	size_t len;
	size_t size;
	size_t section;
	int error;
};

/** snap_writer_init() - Begin a stream for architecture @arch */
void snap_writer_init(struct snap_writer *w, const char *arch);
void snap_writer_free(struct snap_writer *w);

/** snap_begin() - Open a section; snap_end() closes it. They do not nest. */
void snap_begin(struct snap_writer *w, const char *name, const char *id,
		uint32_t version);
void snap_end(struct snap_writer *w);

/** snap_finish() - Write the end marker; Return: 0 or the sticky error */
int snap_finish(struct snap_writer *w);

void snap_put_u8(struct snap_writer *w, uint8_t value);
void snap_put_u16(struct snap_writer *w, uint16_t value);
void snap_put_u32(struct snap_writer *w, uint32_t value);
void snap_put_u64(struct snap_writer *w, uint64_t value);

/** snap_put_bytes() - @len bytes as they are; the reader knows the length */
void snap_put_bytes(struct snap_writer *w, const void *data, size_t len);

/** struct snap_reader - A cursor; @data is not owned */
struct snap_reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	size_t end;
	int error;
};

/**
 * struct snap_section - Header of the section that was opened
 */
struct snap_section {
	char name[SNAP_NAME_MAX];
	char id[SNAP_NAME_MAX];
	uint32_t version;
};

/** snap_reader_init() - Check magic, format and architecture */
int snap_reader_init(struct snap_reader *r, const void *data, size_t len,
		     const char *arch, struct error *err);

/**
 * snap_next() - Open the next section
 *
 * Skips what is left of the current one. The CRC is checked before the body
 * is handed out.
 *
 * Return: 1, 0 at the end marker, -EBADMSG when the stream is damaged.
 */
int snap_next(struct snap_reader *r, struct snap_section *section);

uint8_t snap_get_u8(struct snap_reader *r);
uint16_t snap_get_u16(struct snap_reader *r);
uint32_t snap_get_u32(struct snap_reader *r);
uint64_t snap_get_u64(struct snap_reader *r);
void snap_get_bytes(struct snap_reader *r, void *out, size_t len);

/** snap_left() - Bytes left in the open section */
size_t snap_left(const struct snap_reader *r);

/** snap_reader_fail() - Latch -EBADMSG: a value makes no sense */
void snap_reader_fail(struct snap_reader *r);

/** snap_reader_error() - 0, or the first error of this reader */
int snap_reader_error(const struct snap_reader *r);

#endif
