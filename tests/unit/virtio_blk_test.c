/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk: options, and requests one at a time from a hostile driver. */
#include "tests/unit/virtio_blk_fixture.h"

/*
 * Options and configuration.
 */

static void checks_options(void **state)
{
	static const struct {
		const char *arg;
		const char *why;
	} bad[] = {
		{ "ro", "which disk" },
		{ "x.img,fd=3", "two disks" },
		{ "x.img,serial=123456789012345678901", "too long" },
		{ "x.img,block-size=513", "no power of two" },
		{ "x.img,block-size=256", "block-size" },
		{ "x.img,block-size=8192", "block-size" },
		{ "x.img,queues=0", "queues" },
		{ "x.img,queues=17", "queues" },
		{ "x.img,ro,discard=on", "cannot discard" },
		{ "x.img,cache=none", "cache" },
	};
	static const char *const good[] = {
		"x.img",
		"path=x.img,ro",
		"fd=7,discard=off",
		"x.img,serial=12345678901234567890,queues=16",
		"x,,y.img,block-size=4096,share",
		"x.img,ro,discard=off",
	};
	struct error err;
	void *opts = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i].arg, &opts, &err), -EINVAL);
		if (strstr(err.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].arg, err.text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse(good[i], &opts, &err), 0);
		params_free(virtio_blk_device.option->params, opts);
		free(opts);
	}
}

static void describes_a_disk(void **state)
{
	struct fixture *f = *state;

	fake_vm_config(f->vm)->cpus = 3;
	add_disk(f, ",block-size=1024");

	uint64_t offered = fake_mmio_offered(&f->m);
	uint64_t must = VIRTIO_BIT(BLK_F_SEG_MAX) | VIRTIO_BIT(BLK_F_BLK_SIZE) |
			VIRTIO_BIT(BLK_F_FLUSH) | VIRTIO_BIT(BLK_F_TOPOLOGY) |
			VIRTIO_BIT(BLK_F_MQ) | VIRTIO_BIT(BLK_F_WRITE_ZEROES);

	assert_int_equal(offered & must, must);
	assert_int_equal(offered & VIRTIO_BIT(BLK_F_RO), 0);
	assert_int_equal(fake_mmio_config(&f->m, 0, 8), SECTORS);
	assert_int_equal(fake_mmio_config(&f->m, 12, 4), 254);
	assert_int_equal(fake_mmio_config(&f->m, 20, 4), 1024);
	assert_true(fake_mmio_config(&f->m, 24, 1) <= 2);
	assert_int_equal(fake_mmio_config(&f->m, 25, 1), 0);
	assert_int_equal(fake_mmio_config(&f->m, 34, 2), 3);
	assert_int_equal(fake_mmio_config(&f->m, 48, 4), BLK_ZEROES_SECTORS);
	assert_int_equal(fake_mmio_config(&f->m, 52, 4), BLK_MAX_RANGES);
	if (offered & VIRTIO_BIT(BLK_F_DISCARD)) {
		assert_int_equal(fake_mmio_config(&f->m, 36, 4),
				 BLK_DISCARD_SECTORS);
		assert_int_equal(fake_mmio_config(&f->m, 40, 4),
				 BLK_MAX_RANGES);
		assert_true(fake_mmio_config(&f->m, 44, 4) >= 1);
		assert_int_equal(fake_mmio_config(&f->m, 56, 1), 1);
	}
	/* Past the end, and not to be changed. */
	assert_int_equal(fake_mmio_config(&f->m, 60, 4), 0);
	fake_mmio_config_write(&f->m, 0, 4, 1);
	assert_int_equal(fake_mmio_config(&f->m, 0, 4), SECTORS);
}

static void describes_a_read_only_disk(void **state)
{
	struct fixture *f = *state;
	uint64_t never = VIRTIO_BIT(BLK_F_DISCARD) | VIRTIO_BIT(BLK_F_MQ) |
			 VIRTIO_BIT(BLK_F_WRITE_ZEROES);

	add_disk(f, ",ro");

	uint64_t offered = fake_mmio_offered(&f->m);

	assert_int_equal(offered & VIRTIO_BIT(BLK_F_RO), VIRTIO_BIT(BLK_F_RO));
	assert_int_equal(offered & never, 0);
	assert_int_equal(fake_mmio_config(&f->m, 36, 8), 0);
	assert_int_equal(fake_mmio_config(&f->m, 48, 8), 0);
}

static void leaves_discard_out(void **state)
{
	struct fixture *f = *state;

	add_disk(f, ",discard=off");
	assert_int_equal(fake_mmio_offered(&f->m) & VIRTIO_BIT(BLK_F_DISCARD),
			 0);
	assert_int_equal(fake_mmio_config(&f->m, 56, 1), 0);
}

static void says_that_the_host_cannot_discard(void **state)
{
	struct fixture *f = *state;
	struct device *dev = NULL;
	struct error err;
	char arg[160];

	fake_io_fail(FAKE_IO_FALLOCATE, 1, 100, EOPNOTSUPP);
	snprintf(arg, sizeof(arg), "%s,discard=on", f->path);
	assert_int_equal(parse(arg, &f->opts, &err), 0);

	struct device_config dc = { .type = &virtio_blk_device,
				    .opts = f->opts };

	assert_int_equal(virtio_blk_device.create(f->vm, &dc, &dev, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "discard=on"));
}

/* The machine has no slot left: the disk is free for another one. */
static void lets_go_of_the_disk_when_it_fails(void **state)
{
	struct fixture *f = *state;
	struct device *dev = NULL;
	struct error err;

	assert_int_equal(parse(f->path, &f->opts, &err), 0);

	struct device_config dc = { .type = &virtio_blk_device,
				    .opts = f->opts };

	f->vm->nr_virtio_slots = arch_info.nr_virtio_mmio;
	if (f->vm->pci != NULL)
		f->vm->pci->first_slot = PCI_MAX_SLOTS;
	assert_true(virtio_blk_device.create(f->vm, &dc, &dev, &err) < 0);
	assert_null(dev);
	f->vm->nr_virtio_slots = 0;
	if (f->vm->pci != NULL)
		f->vm->pci->first_slot = 0;
	f->dev = fake_vm_add(f->vm, &virtio_blk_device, f->opts);
}

/*
 * Reading and writing.
 */

static void takes_every_split(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	start(f, "", ALL_FEATURES);
	for (uint32_t at = 0; at < 16 + 512; at++) {
		put_header(f, T_OUT, at % 64);
		put_pattern(f, AT(at % 64), 512);
		assert_int_equal(
			run_cut(f, 16 + 512, at, 1, 0, at % 2, &written), S_OK);
		assert_int_equal(written, 1);
	}
	assert_file(f, 0, AT(64), false);
	for (uint32_t at = 0; at < 1024 + 1; at++) {
		put_header(f, T_IN, at % 63);
		assert_int_equal(
			run_cut(f, 16, at % 16, 1024 + 1, at, at % 2, &written),
			S_OK);
		assert_int_equal(written, 1025);
		assert_in_pattern(f, AT(at % 63), 1024);
	}
}

/* As many descriptors as a driver may use, and they are not in order. */
static void takes_the_longest_chain(void **state)
{
	struct fixture *f = *state;
	struct fake_buf bufs[256];
	uint8_t ok;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	put_header(f, T_IN, 8);
	bufs[0] = (struct fake_buf){ f->out, 16, false };
	for (unsigned i = 1; i < 255; i++)
		bufs[i] = (struct fake_buf){ f->in + AT(255 - i), 512, true };
	bufs[255] = (struct fake_buf){ f->in, 1, true };
	fake_queue_add(&f->m.queues[0], bufs, 256, false);
	fake_mmio_kick(&f->m, 0);
	assert_int_equal(wait_used(f, 0).len, AT(254) + 1);
	fake_read(&f->m.drv, f->in, &ok, 1);
	assert_int_equal(ok, S_OK);
	for (unsigned i = 1; i < 255; i++) {
		uint8_t first;

		fake_read(&f->m.drv, bufs[i].gpa, &first, 1);
		assert_int_equal(first, pattern(AT(8 + i - 1)));
	}
}

static void stays_inside_the_disk(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t sector;
		uint32_t bytes;
		uint8_t status;
	} cases[] = {
		{ 0, 512, S_OK },
		{ 0, 0, S_OK },
		{ SECTORS - 1, 512, S_OK },
		{ SECTORS - 2, 1024, S_OK },
		{ SECTORS, 0, S_OK },
		{ SECTORS, 512, S_IOERR },
		{ SECTORS - 1, 1024, S_IOERR },
		{ SECTORS + 1, 0, S_IOERR },
		{ SECTORS + 1, 512, S_IOERR },
		{ 1ULL << 32, 512, S_IOERR },
		{ (1ULL << 54) - 1, 512, S_IOERR },
		{ 1ULL << 54, 512, S_IOERR },
		{ 1ULL << 55, 512, S_IOERR },
		{ (1ULL << 55) + 1, 512, S_IOERR },
		{ UINT64_MAX / 512, 512, S_IOERR },
		{ UINT64_MAX / 512 + 1, 512, S_IOERR },
		{ 1ULL << 63, 512, S_IOERR },
		{ UINT64_MAX - 1, 1024, S_IOERR },
		{ UINT64_MAX, 512, S_IOERR },
		{ UINT64_MAX, 1024, S_IOERR },
	};

	fill_file(f);
	start(f, "", ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t sector = cases[i].sector;
		uint32_t bytes = cases[i].bytes;

		fake_io_reset();
		assert_int_equal(read_sectors(f, sector, bytes),
				 cases[i].status);
		put_pattern(f, AT(sector), bytes + 1);
		assert_int_equal(write_sectors(f, sector, bytes),
				 cases[i].status);
		/* The host is not asked to find the bad ones. */
		if (cases[i].status != S_OK)
			assert_string_equal(fake_io_order(), "");
	}
	assert_file(f, 0, SIZE, false);
}

static void wants_whole_sectors(void **state)
{
	struct fixture *f = *state;
	static const uint32_t lengths[] = { 1, 511, 513, 1023 };

	start(f, "", ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		put_pattern(f, 0, lengths[i]);
		assert_int_equal(write_sectors(f, 0, lengths[i]), S_IOERR);
		assert_int_equal(read_sectors(f, 0, lengths[i]), S_IOERR);
	}
	assert_file(f, 0, SIZE, true);
}

static void refuses_writes_to_a_read_only_disk(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, ",ro", ALL_FEATURES);
	memset(gmem_range(&f->vm->gmem, f->out, AREA), 0, AREA);
	assert_int_equal(write_sectors(f, 0, 512), S_IOERR);
	put_header(f, T_ZEROES, 0);
	assert_int_equal(run(f, 16 + 16, 1), S_UNSUPP);
	put_header(f, T_DISCARD, 0);
	assert_int_equal(run(f, 16 + 16, 1), S_UNSUPP);
	assert_int_equal(flush(f), S_OK);
	assert_int_equal(read_sectors(f, 0, 512), S_OK);
	assert_in_pattern(f, 0, 512);
	assert_file(f, 0, SIZE, false);
	/* The disk refuses as well, but would have said so. */
	assert_string_equal(fake_vm_log(f->vm), "");
}

static void does_not_know_other_types(void **state)
{
	struct fixture *f = *state;
	/* 2: the command that lets a guest talk SCSI to the host's disk. */
	static const uint32_t types[] = { 2,   3,    5,        6,
					  7,   9,    10,       12,
					  14,  15,   16,       24,
					  255, 1024, 1U << 31, UINT32_MAX };

	start(f, "", ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		put_header(f, types[i], 0);
		assert_int_equal(run(f, 16, 513), S_UNSUPP);
		assert_int_equal(run(f, 16 + 512, 1), S_UNSUPP);
	}
}

static void gives_malformed_chains_back(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	start(f, "", ALL_FEATURES);
	/* No status byte: whatever it is, and nothing to write at all. */
	for (uint32_t i = 0; i < 4 * BLK_POOL; i++) {
		put_header(f, i % 16, 0);
		run_cut(f, 16 + 512, 0, 0, 0, false, &written);
		assert_int_equal(written, 0);
	}
	assert_file(f, 0, SIZE, true);
	assert_true(strlen(fake_vm_log(f->vm)) < 4096);
	/* A header that is not all there. */
	put_header(f, T_FLUSH, 0);
	for (uint32_t len = 0; len < 16; len++)
		assert_int_equal(run(f, len, 1), S_IOERR);
	assert_int_equal(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET,
			 0);
	assert_int_equal(read_sectors(f, 0, 512), S_OK);
}

static void tells_its_serial_number(void **state)
{
	struct fixture *f = *state;
	static const char serial[20] = "vol-0123";
	uint8_t id[40];
	uint32_t written;

	start(f, ",serial=vol-0123", ALL_FEATURES);
	put_header(f, T_GET_ID, 0);
	memset(gmem_range(&f->vm->gmem, f->in, 64), 0xaa, 64);
	assert_int_equal(run_cut(f, 16, 0, 21, 3, false, &written), S_OK);
	assert_int_equal(written, 21);
	fake_read(&f->m.drv, f->in, id, 20);
	assert_memory_equal(id, serial, 20);

	/* Less room, no room, and more than it needs. */
	memset(gmem_range(&f->vm->gmem, f->in, 64), 0xaa, 64);
	assert_int_equal(run(f, 16, 6), S_OK);
	fake_read(&f->m.drv, f->in, id, 8);
	assert_memory_equal(id, "vol-0\0\xaa\xaa", 8);
	assert_int_equal(run(f, 16, 1), S_OK);
	assert_int_equal(run_cut(f, 16, 0, 40, 0, false, &written), S_OK);
	assert_int_equal(written, 21);
	fake_read(&f->m.drv, f->in, id, 39);
	assert_memory_equal(id, serial, 20);
	assert_int_equal(id[20], 0xaa);
}

static void marks_what_it_reads_dirty(void **state)
{
	struct fixture *f = *state;
	uint64_t dirty[MIB(16) / GMEM_DIRTY_PAGE / 64];

	start(f, "", ALL_FEATURES);

	uint64_t page = (f->in - f->vm->gmem.regions[0].gpa) / GMEM_DIRTY_PAGE;
	for (int fails = 0; fails < 2; fails++) {
		gmem_take_dirty(&f->vm->gmem, 0, dirty);
		fake_io_fail(FAKE_IO_PREADV, 1, (unsigned)fails, EIO);
		assert_int_equal(read_sectors(f, 0, 8192), (uint8_t)fails);
		gmem_take_dirty(&f->vm->gmem, 0, dirty);
		/* Two pages of data; the status byte is in the third. */
		for (uint64_t i = page; i < page + 3; i++)
			assert_true(dirty[i / 64] >> (i % 64) & 1);
		assert_false(dirty[(page + 3) / 64] >> ((page + 3) % 64) & 1);
	}
}

/*
 * The host.
 */

static void passes_errors_on(void **state)
{
	struct fixture *f = *state;
	static const int codes[] = { EIO, ENOSPC, EDQUOT, EPERM };

	fill_file(f);
	start(f, "", ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		fake_io_fail(FAKE_IO_PREADV, 1, 1, codes[i]);
		assert_int_equal(read_sectors(f, 0, 512), S_IOERR);
		fake_io_fail(FAKE_IO_PWRITEV, 1, 1, codes[i]);
		put_pattern(f, 0, 512);
		assert_int_equal(write_sectors(f, 0, 512), S_IOERR);
	}
	fake_io_limit(100);
	fake_io_fail(FAKE_IO_PREADV, 2, 2, EINTR);
	assert_int_equal(read_sectors(f, 3, 2048), S_OK);
	assert_in_pattern(f, AT(3), 2048);
	fake_io_fail(FAKE_IO_FDATASYNC, 1, 1, EIO);
	assert_int_equal(flush(f), S_IOERR);
	assert_int_equal(flush(f), S_IOERR);
}

static void flushes(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	assert_int_equal(write_sectors(f, 0, 512), S_OK);
	assert_string_equal(fake_io_order(), "w");
	assert_int_equal(flush(f), S_OK);
	assert_string_equal(fake_io_order(), "ws");
}

/* virtio 1.2, 5.2.6.2: a driver without FLUSH has no way to ask for it. */
static void writes_through_without_flush(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES & ~VIRTIO_BIT(BLK_F_FLUSH));
	assert_int_equal(write_sectors(f, 0, 512), S_OK);
	assert_string_equal(fake_io_order(), "ws");
	fake_io_fail(FAKE_IO_FDATASYNC, 1, 1, EIO);
	assert_int_equal(write_sectors(f, 0, 512), S_IOERR);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(checks_options),
		TEST(describes_a_disk),
		TEST(describes_a_read_only_disk),
		TEST(leaves_discard_out),
		TEST(says_that_the_host_cannot_discard),
		TEST(lets_go_of_the_disk_when_it_fails),
		TEST(takes_every_split),
		TEST(takes_the_longest_chain),
		TEST(stays_inside_the_disk),
		TEST(wants_whole_sectors),
		TEST(refuses_writes_to_a_read_only_disk),
		TEST(does_not_know_other_types),
		TEST(gives_malformed_chains_back),
		TEST(tells_its_serial_number),
		TEST(marks_what_it_reads_dirty),
		TEST(passes_errors_on),
		TEST(flushes),
		TEST(writes_through_without_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
