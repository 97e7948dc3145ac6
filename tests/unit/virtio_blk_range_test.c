/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk: discards and writes of zeroes. */
#include "tests/fakes/skip.h"
#include "tests/unit/virtio_blk_fixture.h"

static uint8_t ranges(struct fixture *f, uint32_t type, unsigned count,
		      uint64_t sector, uint32_t sectors, uint32_t flags)
{
	put_header(f, type, 0);
	for (unsigned i = 0; i < count; i++) {
		uint8_t raw[16];

		le64_store(raw, sector + i * 2ULL * sectors);
		le32_store(raw + 8, sectors);
		le32_store(raw + 12, flags);
		fake_write(&f->m.drv, f->out + 16 + i * 16ULL, raw,
			   sizeof(raw));
	}
	return run(f, 16 + count * 16ULL, 1);
}

static void zeroes_ranges(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	assert_int_equal(ranges(f, T_ZEROES, 1, 8, 8, 0), S_OK);
	assert_int_equal(ranges(f, T_ZEROES, 1, 16, 8, 1), S_OK);
	assert_file(f, 0, AT(8), false);
	assert_file(f, AT(8), AT(16), true);
	assert_file(f, AT(24), SIZE - AT(24), false);
	/* As many as there may be, with gaps. */
	assert_int_equal(ranges(f, T_ZEROES, BLK_MAX_RANGES, 100, 1, 0), S_OK);
	for (unsigned i = 0; i < BLK_MAX_RANGES; i++) {
		assert_file(f, AT(100 + 2 * i), 512, true);
		assert_file(f, AT(101 + 2 * i), 512, false);
	}
	/* A failure in the middle is the result of all. */
	fake_io_reset();
	fake_io_fail(FAKE_IO_FALLOCATE, 2, 1, EIO);
	assert_int_equal(ranges(f, T_ZEROES, 3, 200, 1, 0), S_IOERR);
	assert_int_equal(fake_io_calls(FAKE_IO_FALLOCATE), 2);
	assert_file(f, AT(204), 512, false);
}

static blkcnt_t blocks(struct fixture *f)
{
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	return st.st_blocks;
}

static void gives_storage_back_when_asked(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	if (!(f->m.features & VIRTIO_BIT(BLK_F_DISCARD)))
		skip_because("the file system cannot punch holes");

	blkcnt_t before = blocks(f);

	assert_int_equal(ranges(f, T_ZEROES, 1, 0, SECTORS / 2, 0), S_OK);
	assert_true(blocks(f) >= before);
	assert_int_equal(ranges(f, T_ZEROES, 1, 0, SECTORS / 2, 1), S_OK);
	assert_true(blocks(f) < before);
	assert_file(f, 0, SIZE / 2, true);
	assert_file(f, SIZE / 2, SIZE / 2, false);
}

/* Whoever reserved all of a disk keeps it, whatever the guest asks for. */
static void keeps_storage_with_discard_off(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, ",discard=off", ALL_FEATURES);
	assert_false(f->m.features & VIRTIO_BIT(BLK_F_DISCARD));

	blkcnt_t before = blocks(f);

	assert_int_equal(ranges(f, T_ZEROES, 1, 0, SECTORS / 2, 1), S_OK);
	assert_true(blocks(f) >= before);
	assert_file(f, 0, SIZE / 2, true);
}

static void discards_ranges(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	if (!(f->m.features & VIRTIO_BIT(BLK_F_DISCARD)))
		skip_because("the file system cannot punch holes");
	assert_int_equal(ranges(f, T_DISCARD, 2, 1024, 1024, 0), S_OK);
	assert_file(f, 0, AT(1024), false);
	assert_file(f, AT(2048), AT(1024), false);
	assert_file(f, AT(4096), SIZE - AT(4096), false);
	/* virtio 1.2, 5.2.6.2: unmap means nothing in a discard. */
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, 8, 1), S_UNSUPP);
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1, EOPNOTSUPP);
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, 8, 0), S_UNSUPP);
	assert_file(f, 0, AT(1024), false);
}

static void checks_ranges(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t sector;
		uint32_t sectors;
		uint32_t flags;
		uint8_t status;
	} cases[] = {
		{ SECTORS, 1, 0, S_IOERR },
		{ SECTORS - 1, 2, 0, S_IOERR },
		{ 0, SECTORS + 1, 0, S_IOERR },
		{ 0, UINT32_MAX, 0, S_IOERR },
		{ UINT64_MAX, 1, 0, S_IOERR },
		{ UINT64_MAX, UINT32_MAX, 0, S_IOERR },
		{ 1ULL << 55, 1, 0, S_IOERR },
		{ 0, 1, 2, S_UNSUPP },
		{ 0, 1, 1U << 31, S_UNSUPP },
		{ 0, 1, UINT32_MAX, S_UNSUPP },
		{ 0, 0, 0, S_OK },
		{ SECTORS, 0, 0, S_OK },
	};

	fill_file(f);
	start(f, "", ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ranges(f, T_ZEROES, 1, cases[i].sector,
					cases[i].sectors, cases[i].flags),
				 cases[i].status);
	/* None, too many, and not whole ones. */
	assert_int_equal(ranges(f, T_ZEROES, 0, 0, 1, 0), S_IOERR);
	assert_int_equal(ranges(f, T_ZEROES, BLK_MAX_RANGES + 1, 0, 1, 0),
			 S_IOERR);
	for (uint32_t len = 1; len < 32; len++) {
		if (len != 16)
			assert_int_equal(run(f, 16 + len, 1), S_IOERR);
	}
	/* The last one is bad: the first is not done either. */
	assert_int_equal(ranges(f, T_ZEROES, 2, 0, SECTORS / 2 + 1, 0),
			 S_IOERR);
	assert_file(f, 0, SIZE, false);
}

static void needs_features_for_ranges(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", VIRTIO_BIT(BLK_F_FLUSH));
	assert_int_equal(ranges(f, T_ZEROES, 1, 0, 8, 0), S_UNSUPP);
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, 8, 0), S_UNSUPP);
	assert_file(f, 0, SIZE, false);
}

static void limits_one_range(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(truncate(f->path, (off_t)GIB(4)), 0);
	start(f, "", ALL_FEATURES);
	assert_int_equal(ranges(f, T_ZEROES, 1, 0, BLK_ZEROES_SECTORS, 1),
			 S_OK);
	assert_int_equal(ranges(f, T_ZEROES, 1, 0, BLK_ZEROES_SECTORS + 1, 1),
			 S_IOERR);
	if (!(f->m.features & VIRTIO_BIT(BLK_F_DISCARD)))
		return;
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, BLK_DISCARD_SECTORS, 0),
			 S_OK);
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, BLK_DISCARD_SECTORS + 1, 0),
			 S_IOERR);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(zeroes_ranges),
		TEST(gives_storage_back_when_asked),
		TEST(keeps_storage_with_discard_off),
		TEST(discards_ranges),
		TEST(checks_ranges),
		TEST(needs_features_for_ranges),
		TEST(limits_one_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
