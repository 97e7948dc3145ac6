/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: round trip, exact bytes, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>

#include "vmm/snapshot.h"

static void write_sample(struct snap_writer *w)
{
	snap_writer_init(w, "riscv64");
	snap_begin(w, "dev", "dev0", 3);
	snap_put_u8(w, 0x11);
	snap_put_u16(w, 0x2233);
	snap_put_u32(w, 0x44556677);
	snap_put_u64(w, 0x8899aabbccddeeffULL);
	snap_put_bytes(w, "xyz", 3);
	snap_end(w);
	snap_begin(w, "empty", "e", 1);
	snap_end(w);
	assert_int_equal(snap_finish(w), 0);
}

static void test_round_trip(void **state)
{
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section s;
	char text[3];

	(void)state;
	write_sample(&w);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", NULL),
			 0);
	assert_int_equal(snap_next(&r, &s), 1);
	assert_string_equal(s.name, "dev");
	assert_string_equal(s.id, "dev0");
	assert_int_equal(s.version, 3);
	assert_int_equal(snap_get_u8(&r), 0x11);
	assert_int_equal(snap_get_u16(&r), 0x2233);
	assert_int_equal(snap_get_u32(&r), 0x44556677);
	assert_true(snap_get_u64(&r) == 0x8899aabbccddeeffULL);
	assert_int_equal(snap_left(&r), 3);
	snap_get_bytes(&r, text, 3);
	assert_memory_equal(text, "xyz", 3);
	assert_int_equal(snap_left(&r), 0);
	assert_int_equal(snap_next(&r, &s), 1);
	assert_string_equal(s.name, "empty");
	assert_int_equal(snap_left(&r), 0);
	assert_int_equal(snap_next(&r, &s), 0);
	assert_int_equal(snap_reader_error(&r), 0);
	snap_writer_free(&w);
}

static void test_exact_bytes(void **state)
{
	static const uint8_t want[] = {
		/* magic, format, architecture */
		'P', 'R', 'V', 'T', 'S', 'N', 'A', 'P', 1, 0, 0, 0, 2, 0, 0, 0,
		'x', 'y',
		/* section: name, id, version, length */
		1, 0, 0, 0, 'd', 1, 0, 0, 0, 'i', 7, 0, 0, 0, 4, 0, 0, 0, 0, 0,
		0, 0,
		/* body, and the CRC-32 of 01 02 03 04 */
		1, 2, 3, 4, 0xcd, 0xfb, 0x3c, 0xb6,
		/* end */
		0, 0, 0, 0
	};
	struct snap_writer w;

	(void)state;
	snap_writer_init(&w, "xy");
	snap_begin(&w, "d", "i", 7);
	snap_put_u32(&w, 0x04030201);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(w.len, sizeof(want));
	assert_memory_equal(w.data, want, sizeof(want));
	snap_writer_free(&w);
}

/* Unread bytes are skipped; a read past the end gives zeros and an error. */
static void test_reads_stay_in_their_section(void **state)
{
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section s;

	(void)state;
	write_sample(&w);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", NULL),
			 0);
	assert_int_equal(snap_next(&r, &s), 1);
	assert_int_equal(snap_next(&r, &s), 1);
	assert_string_equal(s.name, "empty");
	assert_int_equal(snap_get_u32(&r), 0);
	assert_int_equal(snap_reader_error(&r), -EBADMSG);
	assert_int_equal(snap_left(&r), 0);
	assert_int_equal(snap_next(&r, &s), -EBADMSG);
	snap_writer_free(&w);
}

/* Reads everything; the result only has to be an end or an error. */
static int read_all(const uint8_t *data, size_t len)
{
	struct snap_reader r;
	struct snap_section s;
	int ret = snap_reader_init(&r, data, len, "riscv64", NULL);

	if (ret < 0)
		return ret;
	while ((ret = snap_next(&r, &s)) == 1) {
		while (snap_left(&r) > 0)
			snap_get_u8(&r);
	}
	return ret;
}

static void test_truncation_is_found(void **state)
{
	struct snap_writer w;

	(void)state;
	write_sample(&w);
	assert_int_equal(read_all(w.data, w.len), 0);
	for (size_t len = 0; len < w.len; len++) {
		/* A copy of the exact size: a read beyond it is found. */
		uint8_t *copy = malloc(len);

		assert_true(copy != NULL || len == 0);
		memcpy(copy, w.data, len);
		if (read_all(copy, len) >= 0)
			fail_msg("truncated to %zu of %zu", len, w.len);
		free(copy);
	}
	/* Nor may anything follow the end. */
	snap_put_u8(&w, 0);
	assert_int_equal(read_all(w.data, w.len), -EBADMSG);
	snap_writer_free(&w);
}

static void test_every_flipped_byte_is_survived(void **state)
{
	struct snap_writer w;
	unsigned found = 0;

	(void)state;
	write_sample(&w);
	for (size_t i = 0; i < w.len; i++) {
		w.data[i] ^= 0xff;
		found += read_all(w.data, w.len) < 0;
		w.data[i] ^= 0xff;
	}
	/* Only names, ids and versions are outside of the CRC. */
	assert_true(found > w.len - 24);
	snap_writer_free(&w);
}

static void test_wrong_files_are_named(void **state)
{
	struct snap_writer w;
	struct snap_reader r;
	struct error err;

	(void)state;
	write_sample(&w);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "ppc64le", &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "riscv64"));
	w.data[8] = 9;
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "format 9"));
	w.data[0] = 0;
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "magic"));
	snap_writer_free(&w);
}

static void test_long_names_are_refused(void **state)
{
	char name[SNAP_NAME_MAX + 1];
	struct snap_writer w;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[SNAP_NAME_MAX] = '\0';
	snap_writer_init(&w, "riscv64");
	snap_begin(&w, name, "id", 1);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), -ENAMETOOLONG);
	snap_writer_free(&w);
}

/* A name of a stream's own making, as long as the room for it and its end. */
static void test_long_names_are_not_read(void **state)
{
	struct snap_writer w;
	struct snap_reader r;
	struct {
		struct snap_section s;
		uint8_t behind;
	} read = { .behind = 0x77 };

	(void)state;
	for (uint32_t len = SNAP_NAME_MAX - 1; len <= SNAP_NAME_MAX; len++) {
		snap_writer_init(&w, "riscv64");
		snap_put_u32(&w, 1);
		snap_put_u8(&w, 'n');
		snap_put_u32(&w, len);
		for (uint32_t i = 0; i < len; i++)
			snap_put_u8(&w, 'i');
		snap_put_u32(&w, 7);
		snap_put_u64(&w, 0);
		snap_put_u32(&w, 0);
		assert_int_equal(w.error, 0);
		assert_int_equal(
			snap_reader_init(&r, w.data, w.len, "riscv64", NULL),
			0);
		assert_int_equal(snap_next(&r, &read.s),
				 len < SNAP_NAME_MAX ? 1 : -EBADMSG);
		assert_int_equal(snap_reader_error(&r),
				 len < SNAP_NAME_MAX ? 0 : -EBADMSG);
		snap_writer_free(&w);
	}
}

/* Much larger than the buffer was, and than its double. */
static void test_large_blocks(void **state)
{
	const size_t size = 100000;
	uint8_t *block = malloc(size), *again = malloc(size);
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section s;

	(void)state;
	assert_true(block != NULL && again != NULL);
	memset(block, 0x5a, size);
	snap_writer_init(&w, "riscv64");
	snap_begin(&w, "dev", "dev0", 1);
	snap_put_bytes(&w, block, size);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", NULL),
			 0);
	assert_int_equal(snap_next(&r, &s), 1);
	snap_get_bytes(&r, again, size);
	assert_memory_equal(block, again, size);
	/* What is not there reads as zeros, and is not left either. */
	snap_get_bytes(&r, again, 2);
	assert_int_equal(again[0] | again[1], 0);
	assert_int_equal(snap_left(&r), 0);
	assert_int_equal(snap_reader_error(&r), -EBADMSG);
	snap_writer_free(&w);
	free(block);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_exact_bytes),
		cmocka_unit_test(test_reads_stay_in_their_section),
		cmocka_unit_test(test_truncation_is_found),
		cmocka_unit_test(test_every_flipped_byte_is_survived),
		cmocka_unit_test(test_wrong_files_are_named),
		cmocka_unit_test(test_long_names_are_refused),
		cmocka_unit_test(test_long_names_are_not_read),
		cmocka_unit_test(test_large_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
