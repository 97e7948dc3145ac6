/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk whose host fails: each request is answered exactly once, the log has
 * one line, and the disk goes on. What was not flushed is never called so.
 */
#include "tests/fakes/skip.h"
#include "tests/unit/virtio_blk_fixture.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define MANY  8U
#define DATA  2048U
#define APART 8192U
#define RANGE 16U

/* Block devices are discarded by ioctl: the first @fails of them fail. */
static struct {
	unsigned calls;
	unsigned fails;
	int code;
} blkdiscard;

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (request != BLKDISCARD)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	if (blkdiscard.calls++ >= blkdiscard.fails)
		return 0;
	errno = blkdiscard.code;
	return -1;
}

static struct virtio_blk *blk_of(struct fixture *f)
{
	return to_blk(container_of(f->dev, struct virtio_device, dev));
}

static unsigned count_lines(struct fixture *f)
{
	unsigned lines = 0;

	for (const char *at = fake_vm_log(f->vm); *at != '\0'; at++)
		lines += *at == '\n';
	return lines;
}

static uint32_t in_len(uint32_t type)
{
	return type == T_IN ? DATA + 1 : 1;
}

/* A request of @type to the disk's beginning, @ranges where it has some. */
static uint32_t put_request(struct fixture *f, uint32_t type, unsigned ranges)
{
	uint8_t raw[RANGE];

	put_header(f, type, 0);
	if (type == T_OUT) {
		put_pattern(f, 0, DATA);
		return 16 + DATA;
	}
	if (type != T_DISCARD && type != T_ZEROES)
		return 16;
	for (unsigned i = 0; i < ranges; i++) {
		memset(raw, 0, sizeof(raw));
		le64_store(raw, 8 * i);
		le32_store(raw + 8, DATA / DISK_SECTOR);
		fake_write(&f->m.drv, f->out + 16 + i * RANGE, raw,
			   sizeof(raw));
	}
	return 16 + ranges * RANGE;
}

/*
 * Publishes MANY requests, cut where no sector ends, and waits for all.
 *
 * Return: how many have status @want; @other: the status of the others.
 */
static unsigned run_many(struct fixture *f, uint32_t type, uint8_t want,
			 uint8_t other)
{
	uint64_t in = f->in;
	uint32_t len = in_len(type);
	uint32_t out_len = put_request(f, type, 1);
	bool seen[BLK_QUEUE_SIZE] = { false };
	unsigned count = 0;

	for (unsigned i = 0; i < MANY; i++) {
		f->in = in + (uint64_t)i * APART;
		publish(f, out_len, 777, len, 555, i % 2);
	}
	fake_mmio_kick(&f->m, 0);
	for (unsigned i = 0; i < MANY; i++) {
		struct fake_used used = wait_used(f, 0);

		assert_true(used.id < BLK_QUEUE_SIZE && !seen[used.id]);
		seen[used.id] = true;
	}
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]),
			 f->m.queues[0].used_seen);
	for (unsigned i = 0; i < MANY; i++) {
		f->in = in + (uint64_t)i * APART;

		uint8_t st = status(f, len);
		if (st != want && st != other)
			fail_msg("type %u: status %u", type, st);
		count += st == want;
	}
	f->in = in;
	return count;
}

static uint8_t run_one(struct fixture *f, uint32_t type, unsigned ranges)
{
	uint32_t out_len = put_request(f, type, ranges);

	return run_cut(f, out_len, 777, in_len(type), 555, true, NULL);
}

/*
 * One kind of request, one call that fails for all of them.
 */

static const struct fault {
	uint32_t type;
	enum fake_io_call call;
	int code;
	uint8_t status;
	unsigned lines;
} faults[] = {
	{ T_IN, FAKE_IO_PREADV, EIO, S_IOERR, 1 },
	{ T_IN, FAKE_IO_PREADV, EAGAIN, S_IOERR, 1 },
	{ T_IN, FAKE_IO_PREADV, ENOMEM, S_IOERR, 1 },
	{ T_IN, FAKE_IO_PREADV, EINVAL, S_IOERR, 1 },
	/* The file became shorter. */
	{ T_IN, FAKE_IO_PREADV, 0, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, EIO, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, EAGAIN, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, ENOSPC, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, EDQUOT, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, EFBIG, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, EPERM, S_IOERR, 1 },
	{ T_OUT, FAKE_IO_PWRITEV, 0, S_IOERR, 1 },
	{ T_DISCARD, FAKE_IO_FALLOCATE, EIO, S_IOERR, 1 },
	{ T_DISCARD, FAKE_IO_FALLOCATE, ENOSPC, S_IOERR, 1 },
	{ T_DISCARD, FAKE_IO_FALLOCATE, EOPNOTSUPP, S_UNSUPP, 0 },
	{ T_ZEROES, FAKE_IO_FALLOCATE, EIO, S_IOERR, 1 },
	{ T_ZEROES, FAKE_IO_FALLOCATE, ENOSPC, S_IOERR, 1 },
	/* It writes them then. */
	{ T_ZEROES, FAKE_IO_FALLOCATE, EOPNOTSUPP, S_OK, 0 },
};

static void check_fault(struct fixture *f, const struct fault *fault)
{
	struct virtio_blk *blk = blk_of(f);
	unsigned before = count_lines(f);

	blk->disk->reported = 0;
	fake_io_reset();
	fake_io_fail(fault->call, 1, 1000, fault->code);
	assert_int_equal(run_many(f, fault->type, fault->status, fault->status),
			 MANY);
	assert_int_equal(count_lines(f) - before, fault->lines);
	assert_true(fake_io_calls(fault->call) <= 2 * MANY);
	fake_io_reset();
	assert_int_equal(run_many(f, fault->type, S_OK, S_OK), MANY);
	/* Once more: it was said already. */
	fake_io_fail(fault->call, 1, 1, fault->code);
	assert_int_equal(run_one(f, fault->type, 1), fault->status);
	assert_int_equal(count_lines(f) - before, fault->lines);
	assert_int_equal(run_one(f, fault->type, 1), S_OK);
}

static void every_request_is_answered_once(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	if (!blk_of(f)->disk->info.can_discard)
		print_message("# this file system cannot discard\n");
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (faults[i].type == T_DISCARD &&
		    !blk_of(f)->disk->info.can_discard)
			continue;
		check_fault(f, &faults[i]);
	}
	assert_int_equal(blk_of(f)->disk->in_flight, 0);
}

/*
 * In the middle of a request.
 */

static void short_transfers_are_continued(void **state)
{
	static const size_t limits[] = { 1, 15, 511, 512, 513, DATA - 1 };
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		fake_io_reset();
		fake_io_limit(limits[i]);
		fake_io_fail(FAKE_IO_PWRITEV, 2, 3, EINTR);
		fake_io_fail(FAKE_IO_PREADV, 1, 3, EINTR);
		assert_int_equal(run_one(f, T_OUT, 0), S_OK);
		assert_file(f, 0, DATA, false);
		assert_int_equal(run_one(f, T_IN, 0), S_OK);
		assert_in_pattern(f, 0, DATA);
		assert_true(fake_io_calls(FAKE_IO_PREADV) <=
			    4 + DATA / limits[i]);
		put_header(f, T_ZEROES, 0);
		fake_io_fail(FAKE_IO_FALLOCATE, 1, 1000, EOPNOTSUPP);
		assert_int_equal(run_one(f, T_ZEROES, 1), S_OK);
		assert_file(f, 0, DATA, true);
	}
	assert_int_equal(count_lines(f), 0);
}

/* Whatever has been done of it: an error is the whole request's. */
static void failing_in_the_middle(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	fake_io_limit(100);
	for (unsigned nth = 1; nth <= 1 + DATA / 100; nth++) {
		fake_io_fail(FAKE_IO_PREADV, nth, 1, EIO);
		put_header(f, T_IN, 0);
		assert_int_equal(
			run_cut(f, 16, 0, DATA + 1, 999, false, &written),
			S_IOERR);
		/* The status, at the end, and nothing that could be relied on.
		 */
		assert_int_equal(written, 1);
		fake_io_fail(FAKE_IO_PWRITEV, nth, 1, ENOSPC);
		assert_int_equal(run_one(f, T_OUT, 0), S_IOERR);
	}
	assert_int_equal(count_lines(f), 2);
	assert_int_equal(run_one(f, T_IN, 0), S_OK);
}

static void failing_range_ends_the_request(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	if (!blk_of(f)->disk->info.can_discard)
		skip_because("the file system cannot punch holes");
	for (unsigned nth = 1; nth <= 3; nth++) {
		fake_io_reset();
		fake_io_fail(FAKE_IO_FALLOCATE, nth, 1, EIO);
		assert_int_equal(run_one(f, T_DISCARD, 3), S_IOERR);
		assert_int_equal(fake_io_calls(FAKE_IO_FALLOCATE), nth);
	}
	assert_int_equal(run_one(f, T_DISCARD, 3), S_OK);
}

/* Both ways to zero are not there, and then the writing of it fails. */
static void failing_fallback(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1000, EOPNOTSUPP);
	fake_io_fail(FAKE_IO_PWRITEV, 1, 1000, ENOSPC);
	assert_int_equal(run_many(f, T_ZEROES, S_IOERR, S_IOERR), MANY);
	assert_int_equal(count_lines(f), 1);
}

/*
 * Durability.
 */

static void flush_stays_failed(struct fixture *f, int code)
{
	/* So that several workers are at it. */
	fake_vm_config(f->vm)->cpus = DISK_MAX_THREADS;
	start(f, "", ALL_FEATURES);
	assert_int_equal(blk_of(f)->disk->nr_threads, DISK_MAX_THREADS);
	fake_io_fail(FAKE_IO_FDATASYNC, 3, 1, code);
	/* Two at most were done before. */
	assert_true(run_many(f, T_FLUSH, S_OK, S_IOERR) <= 2);
	assert_int_equal(count_lines(f), 1);
	/* The kernel would call these successful: it told once. */
	assert_int_equal(run_many(f, T_FLUSH, S_OK, S_IOERR), 0);
	assert_int_equal(run_many(f, T_OUT, S_OK, S_OK), MANY);
	assert_int_equal(run_many(f, T_FLUSH, S_OK, S_IOERR), 0);
	assert_int_equal(fake_io_calls(FAKE_IO_FDATASYNC), 3);
	assert_int_equal(count_lines(f), 1);
}

static void flush_that_failed_is_never_good(void **state)
{
	flush_stays_failed(*state, EIO);
}

static void flush_without_room_is_never_good(void **state)
{
	flush_stays_failed(*state, ENOSPC);
}

/* A new driver does not know what the one before was told. */
static void so_after_a_reset(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	fake_io_fail(FAKE_IO_FDATASYNC, 1, 1, EIO);
	assert_int_equal(flush(f), S_IOERR);
	fake_mmio_reset(&f->m);
	assert_int_equal(
		fake_mmio_start(&f->m, ALL_FEATURES & fake_mmio_offered(&f->m),
				0),
		0);
	assert_int_equal(flush(f), S_IOERR);
}

/* Without flushes each write is one, and so are discards and zeroes. */
static void write_through_that_failed(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES & ~VIRTIO_BIT(BLK_F_FLUSH));
	fake_io_fail(FAKE_IO_FDATASYNC, 1, 1, EIO);
	assert_int_equal(run_many(f, T_OUT, S_OK, S_IOERR), 0);
	assert_int_equal(run_many(f, T_ZEROES, S_OK, S_IOERR), 0);
	assert_int_equal(run_many(f, T_IN, S_OK, S_OK), MANY);
}

/*
 * Block devices.
 */

static void block_device_that_cannot_discard(void **state)
{
	static const struct {
		unsigned fails;
		int code;
		uint8_t status;
		unsigned lines;
	} cases[] = {
		{ 1000, EIO, S_IOERR, 1 },
		{ 1000, EOPNOTSUPP, S_UNSUPP, 0 },
		{ 3, EINTR, S_OK, 0 },
	};
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	if (!blk_of(f)->disk->info.can_discard)
		skip_because("the file system cannot punch holes");
	blk_of(f)->disk->is_block = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned before = count_lines(f);

		blk_of(f)->disk->reported = 0;
		blkdiscard.calls = 0;
		blkdiscard.fails = cases[i].fails;
		blkdiscard.code = cases[i].code;
		assert_int_equal(run_one(f, T_DISCARD, 1), cases[i].status);
		assert_int_equal(count_lines(f) - before, cases[i].lines);
		blkdiscard.fails = 0;
		assert_int_equal(run_one(f, T_DISCARD, 3), S_OK);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(every_request_is_answered_once),
		TEST(short_transfers_are_continued),
		TEST(failing_in_the_middle),
		TEST(failing_range_ends_the_request),
		TEST(failing_fallback),
		TEST(flush_that_failed_is_never_good),
		TEST(flush_without_room_is_never_good),
		TEST(so_after_a_reset),
		TEST(write_through_that_failed),
		TEST(block_device_that_cannot_discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
