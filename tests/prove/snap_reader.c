/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of saved states: snap_reader_init(), snap_next(), snap_get_*().
 *
 * For states of any length up to 1 TiB and any content, two sections, and
 * after each a number and bytes of any length up to 64: nothing beyond the
 * state is read, names are terminated, the first error stays, and a body that
 * is handed out lies between its header and its check sum.
 *
 * Bounds: names of up to 8 bytes instead of 31.
 * Does not cover: what the sections' owners make of what they read; whether
 * the check sum is right.
 */
#include "tests/prove/env.h"
#include "tests/prove/copy.h"
#include <zlib.h>
#include "vmm/snapshot.c"

uLong crc32_z(uLong crc, const Bytef *buf, z_size_t len)
{
	(void)crc;
	prove(__CPROVER_r_ok(buf, len));
	return nondet_u32();
}

static void use(struct snap_reader *r)
{
	size_t len = nondet_size();
	int before = snap_reader_error(r);

	snap_get_u8(r);
	snap_get_u16(r);
	snap_get_u32(r);
	snap_get_u64(r);
	suppose(len <= 64);
	snap_get_bytes(r, any_bytes(len), len);
	prove(snap_left(r) <= r->len);
	prove(r->pos <= r->end && r->end <= r->len);
	if (before < 0)
		prove(snap_reader_error(r) == before);
}

static void check(const struct snap_section *section)
{
	bool ends = false, id_ends = false;

	for (unsigned i = 0; i < SNAP_NAME_MAX; i++) {
		ends = ends || section->name[i] == '\0';
		id_ends = id_ends || section->id[i] == '\0';
	}
	prove(ends && id_ends);
}

int main(void)
{
	struct snap_reader r;
	struct snap_section section;
	struct error err;
	size_t len = nondet_size();

	suppose(len <= 1ULL << 40);
	if (snap_reader_init(&r, any_bytes(len), len, "riscv64", &err) < 0)
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		int ret = snap_next(&r, &section);

		prove(ret == 1 || ret == 0 || ret == -EBADMSG);
		if (ret <= 0)
			break;
		check(&section);
		prove(r.len - r.end >= 4);
		use(&r);
	}
	return 0;
}
