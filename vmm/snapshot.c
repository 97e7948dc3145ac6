/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: writer and reader of the sectioned stream. */
#include "vmm/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "vmm/bytes.h"

/* Bytes of the length field that snap_begin() leaves to snap_end(). */
#define SECTION_LEN 8U

static uint8_t *reserve(struct snap_writer *w, size_t len)
{
	if (w->error < 0)
		return NULL;
	if (len > w->size - w->len) {
		size_t size = w->size == 0 ? 4096 : w->size;

		while (size - w->len < len)
			size *= 2;

		uint8_t *data = realloc(w->data, size);
		if (data == NULL) {
			w->error = -ENOMEM;
			return NULL;
		}
		w->data = data;
		w->size = size;
	}

	uint8_t *at = w->data + w->len;
	w->len += len;
	return at;
}

void snap_put_bytes(struct snap_writer *w, const void *data, size_t len)
{
	uint8_t *at = reserve(w, len);

	if (at != NULL && len > 0)
		memcpy(at, data, len);
}

void snap_put_u8(struct snap_writer *w, uint8_t value)
{
	snap_put_bytes(w, &value, sizeof(value));
}

void snap_put_u16(struct snap_writer *w, uint16_t value)
{
	uint8_t raw[sizeof(value)];

	le16_store(raw, value);
	snap_put_bytes(w, raw, sizeof(raw));
}

void snap_put_u32(struct snap_writer *w, uint32_t value)
{
	uint8_t raw[sizeof(value)];

	le32_store(raw, value);
	snap_put_bytes(w, raw, sizeof(raw));
}

void snap_put_u64(struct snap_writer *w, uint64_t value)
{
	uint8_t raw[sizeof(value)];

	le64_store(raw, value);
	snap_put_bytes(w, raw, sizeof(raw));
}

static void put_name(struct snap_writer *w, const char *name)
{
	size_t len = strlen(name);

	if (len >= SNAP_NAME_MAX) {
		w->error = w->error < 0 ? w->error : -ENAMETOOLONG;
		return;
	}
	snap_put_u32(w, (uint32_t)len);
	snap_put_bytes(w, name, len);
}

void snap_writer_init(struct snap_writer *w, const char *arch)
{
	*w = (struct snap_writer){ 0 };
	snap_put_u64(w, SNAP_MAGIC);
	snap_put_u32(w, SNAP_FORMAT);
	put_name(w, arch);
}

void snap_writer_free(struct snap_writer *w)
{
	free(w->data);
	*w = (struct snap_writer){ 0 };
}

void snap_begin(struct snap_writer *w, const char *name, const char *id,
		uint32_t version)
{
	put_name(w, name);
	put_name(w, id);
	snap_put_u32(w, version);
	snap_put_u64(w, 0);
	w->section = w->len;
}

void snap_end(struct snap_writer *w)
{
	if (w->error < 0)
		return;

	size_t len = w->len - w->section;
	uint8_t *body = w->data + w->section;

	le64_store(body - SECTION_LEN, len);
	snap_put_u32(w, (uint32_t)crc32_z(0, body, len));
}

int snap_finish(struct snap_writer *w)
{
	put_name(w, "");
	return w->error;
}

static const uint8_t *take(struct snap_reader *r, size_t len)
{
	if (r->error == 0 && len > r->end - r->pos)
		r->error = -EBADMSG;
	if (r->error < 0)
		return NULL;

	const uint8_t *at = r->data + r->pos;
	r->pos += len;
	return at;
}

void snap_get_bytes(struct snap_reader *r, void *out, size_t len)
{
	const uint8_t *at = take(r, len);

	if (at == NULL)
		memset(out, 0, len);
	else if (len > 0)
		memcpy(out, at, len);
}

uint8_t snap_get_u8(struct snap_reader *r)
{
	const uint8_t *at = take(r, 1);

	return at == NULL ? 0 : *at;
}

uint16_t snap_get_u16(struct snap_reader *r)
{
	const uint8_t *at = take(r, 2);

	return at == NULL ? 0 : le16_load(at);
}

uint32_t snap_get_u32(struct snap_reader *r)
{
	const uint8_t *at = take(r, 4);

	return at == NULL ? 0 : le32_load(at);
}

uint64_t snap_get_u64(struct snap_reader *r)
{
	const uint8_t *at = take(r, 8);

	return at == NULL ? 0 : le64_load(at);
}

static void get_name(struct snap_reader *r, char name[SNAP_NAME_MAX])
{
	uint32_t len = snap_get_u32(r);

	name[0] = '\0';
	if (len >= SNAP_NAME_MAX) {
		snap_reader_fail(r);
		return;
	}
	snap_get_bytes(r, name, len);
	name[len] = '\0';
}

int snap_reader_init(struct snap_reader *r, const void *data, size_t len,
		     const char *arch, struct error *err)
{
	*r = (struct snap_reader){ .data = data, .len = len, .end = len };

	if (snap_get_u64(r) != SNAP_MAGIC)
		return error_usage(err, "saved state: it does not begin with "
					"privet's magic number; it is another "
					"kind of file");

	uint32_t format = snap_get_u32(r);
	if (format != SNAP_FORMAT)
		return error_usage(err,
				   "saved state: format %u is unknown to this "
				   "privet, which reads %u; use the version "
				   "that wrote it",
				   format, SNAP_FORMAT);

	char name[SNAP_NAME_MAX];
	get_name(r, name);
	if (r->error < 0 || strcmp(name, arch) != 0)
		return error_usage(err,
				   "saved state: it is of a %s machine, this "
				   "privet runs %s",
				   r->error < 0 ? "damaged" : name, arch);
	return 0;
}

int snap_next(struct snap_reader *r, struct snap_section *section)
{
	/* Only the body of the current section is closed; its CRC follows. */
	bool first = r->end == r->len;

	if (!first) {
		r->pos = r->end;
		r->end = r->len;
		take(r, 4);
	}

	get_name(r, section->name);
	if (r->error == 0 && section->name[0] == '\0')
		return r->pos == r->len ? 0 : -EBADMSG;
	get_name(r, section->id);
	section->version = snap_get_u32(r);

	uint64_t len = snap_get_u64(r);
	if (r->error < 0 || len > r->len - r->pos ||
	    r->len - r->pos - len < 4) {
		r->error = -EBADMSG;
		return -EBADMSG;
	}

	const uint8_t *body = r->data + r->pos;
	if ((uint32_t)crc32_z(0, body, (size_t)len) != le32_load(body + len)) {
		r->error = -EBADMSG;
		return -EBADMSG;
	}
	r->end = r->pos + (size_t)len;
	return 1;
}

size_t snap_left(const struct snap_reader *r)
{
	return r->error < 0 ? 0 : r->end - r->pos;
}

void snap_reader_fail(struct snap_reader *r)
{
	if (r->error == 0)
		r->error = -EBADMSG;
}

int snap_reader_error(const struct snap_reader *r)
{
	return r->error;
}
