/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: bytes arrive, and stay, whatever the host does. */
#include "tests/fakes/skip.h"
#include "tests/unit/disk_fixture.h"

/*
 * Data.
 */

#define PIECES 600

/* Many small pieces of uneven size, with bytes at the front to be skipped. */
static void goes_through_all_pieces(void **state)
{
	struct fixture *f = *state;
	static uint8_t memory[PIECES * 64];
	static struct iovec iov[PIECES];
	size_t total = 0;

	for (size_t i = 0; i < PIECES; i++) {
		iov[i].iov_base = memory + total;
		iov[i].iov_len = i % 64;
		total += iov[i].iov_len;
	}

	struct disk_request req = {
		.op = DISK_WRITE,
		.iov = iov,
		.nr_iov = PIECES,
		.skip = 1000,
		.offset = 1024,
		.length = total - 1000 - 10,
	};

	fill_pattern(memory + 1000, 1024, total - 1000);
	open_default(f);
	fake_io_limit(999);
	assert_int_equal(run(f, req), 0);
	fake_io_limit(0);
	assert_disk_pattern(f, 1024, total - 1010);
	/* Not a byte more. */
	assert_disk_zero(f, 1024 + total - 1010, 10);
	assert_disk_zero(f, 1023, 1);

	memset(memory, 0xaa, sizeof(memory));
	req.op = DISK_READ;
	fake_io_limit(1);
	assert_int_equal(run(f, req), 0);
	assert_pattern(memory + 1000, 1024, total - 1010);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(memory[i], 0xaa);
	for (size_t i = total - 10; i < total; i++)
		assert_int_equal(memory[i], 0xaa);
}

static void refuses_more_than_its_memory(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];
	struct iovec iov = { buf, sizeof(buf) };

	open_default(f);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_READ,
						       .iov = &iov,
						       .nr_iov = 1,
						       .length = 513 }),
			 -EINVAL);
}

static void survives_interruptions(void **state)
{
	struct fixture *f = *state;

	open_default(f);
	fake_io_limit(100);
	fake_io_fail(FAKE_IO_PWRITEV, 2, 3, EINTR);
	write_pattern(f, 0, 1000);
	assert_int_equal(fake_io_calls(FAKE_IO_PWRITEV), 13);
	fake_io_fail(FAKE_IO_PREADV, 1, 5, EINTR);
	assert_disk_pattern(f, 0, 1000);
	fake_io_fail(FAKE_IO_FDATASYNC, 1, 2, EINTR);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_FLUSH }), 0);
	assert_int_equal(fake_io_calls(FAKE_IO_FDATASYNC), 3);
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 2, EINTR);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .length = 1000 }),
			 0);
	assert_disk_zero(f, 0, 1000);
}

static void reports_each_failure_once(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[4096] = { 0 };

	open_default(f);
	fake_io_limit(1024);
	for (int i = 0; i < 3; i++) {
		fake_io_fail(FAKE_IO_PWRITEV, 2, 1, ENOSPC);
		assert_int_equal(transfer(f, DISK_WRITE, buf, 0, 4096),
				 -ENOSPC);
		fake_io_fail(FAKE_IO_PWRITEV, 4, 1, EIO);
		assert_int_equal(transfer(f, DISK_WRITE, buf, 0, 4096), -EIO);
		fake_io_fail(FAKE_IO_PREADV, 1, 1, EIO);
		assert_int_equal(transfer(f, DISK_READ, buf, 0, 4096), -EIO);
		/* Neither progress nor an error. */
		fake_io_fail(FAKE_IO_PREADV, 2, 1, 0);
		assert_int_equal(transfer(f, DISK_READ, buf, 0, 4096), -EIO);
		fake_io_fail(FAKE_IO_PWRITEV, 1, 1, 0);
		assert_int_equal(transfer(f, DISK_WRITE, buf, 0, 4096), -EIO);
	}
	assert_int_equal(log_lines(f), 3);
	assert_non_null(strstr(log_text(f), f->path));
	assert_non_null(strstr(log_text(f), "make room"));
	/* The disk goes on. */
	write_pattern(f, 0, 4096);
	assert_disk_pattern(f, 0, 4096);
}

static void sees_a_file_that_shrank(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[1024];

	open_default(f);
	assert_int_equal(truncate(f->path, 512), 0);
	assert_int_equal(transfer(f, DISK_READ, buf, 0, 1024), -EIO);
	assert_int_equal(transfer(f, DISK_READ, buf, 0, 512), 0);
}

/* The kernel's signal for it would end the process. */
static void survives_the_file_size_limit(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, limit;
	uint8_t buf[512] = { 0 };

	open_default(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = MIB(1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(transfer(f, DISK_WRITE, buf, MIB(2), 512), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(transfer(f, DISK_WRITE, buf, MIB(2), 512), 0);
}

static void does_not_write_read_only(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512] = { 1 };

	open_with(f, (struct disk_config){ .fd = -1, .read_only = true });
	assert_int_equal(transfer(f, DISK_WRITE, buf, 0, 512), -EROFS);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .length = 512 }),
			 -EROFS);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_FLUSH }), 0);
	assert_disk_zero(f, 0, 512);
	assert_int_equal(fake_io_calls(FAKE_IO_PWRITEV), 0);
	assert_int_equal(fake_io_calls(FAKE_IO_FALLOCATE), 0);
}

/*
 * Durability.
 */

static void flushes_after_what_was_written(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512] = { 0 };
	struct iovec iov = { buf, sizeof(buf) };

	open_default(f);
	write_pattern(f, 0, 512);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_FLUSH }), 0);
	assert_string_equal(fake_io_order(), "ws");

	fake_io_reset();
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE,
						       .through = true,
						       .iov = &iov,
						       .nr_iov = 1,
						       .length = 512 }),
			 0);
	assert_string_equal(fake_io_order(), "ws");

	fake_io_reset();
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .through = true,
						       .length = 512 }),
			 0);
	assert_string_equal(fake_io_order(), "fs");
}

/*
 * The kernel says once that it lost data. A later flush that succeeds would
 * tell the guest that the data is there.
 */
static void never_flushes_after_a_lost_write(void **state)
{
	struct fixture *f = *state;

	open_default(f);
	fake_io_fail(FAKE_IO_FDATASYNC, 1, 1, EIO);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			run(f, (struct disk_request){ .op = DISK_FLUSH }),
			-EIO);
	assert_int_equal(log_lines(f), 1);
	write_pattern(f, 0, 512);
	assert_disk_pattern(f, 0, 512);
}

/*
 * Discard and zeroes.
 */

static void discards_only_what_it_should(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	open_default(f);
	if (!f->disk->info.can_discard)
		skip_because("the file system cannot punch holes");
	write_pattern(f, 0, SIZE);
	assert_int_equal(stat(f->path, &before), 0);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_DISCARD,
						       .offset = MIB(1) + 512,
						       .length = MIB(1) }),
			 0);
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(after.st_size, SIZE);
	assert_true(after.st_blocks < before.st_blocks);
	assert_disk_pattern(f, 0, MIB(1) + 512);
	assert_disk_pattern(f, MIB(2) + 512, SIZE - MIB(2) - 512);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_DISCARD }),
			 0);
	assert_disk_pattern(f, 0, 512);
}

static void zero_middle(struct fixture *f, bool unmap)
{
	write_pattern(f, 0, SIZE);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .unmap = unmap,
						       .offset = 512,
						       .length = SIZE - 1024 }),
			 0);
	assert_disk_pattern(f, 0, 512);
	assert_disk_zero(f, 512, SIZE - 1024);
	assert_disk_pattern(f, SIZE - 512, 512);
}

static void writes_zeroes(void **state)
{
	struct fixture *f = *state;

	open_default(f);
	zero_middle(f, false);
	zero_middle(f, true);
	/* A host that can do neither of the two calls, or only the first. */
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 100, EOPNOTSUPP);
	zero_middle(f, true);
	assert_int_equal(fake_io_calls(FAKE_IO_FALLOCATE), 4);
	zero_middle(f, false);
	fake_io_reset();
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1, EOPNOTSUPP);
	zero_middle(f, true);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .offset = 0 }),
			 0);
	assert_disk_pattern(f, 0, 512);
	/* Not for lack of support: no reason to try otherwise. */
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1, ENOSPC);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .length = 512 }),
			 -ENOSPC);
}

/* A memory file cannot zero a range, but can give memory back. */
static void writes_zeroes_to_tmpfs(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
	open_with(f, (struct disk_config){ .fd = fd });
	close(fd);
	zero_middle(f, false);
	zero_middle(f, true);
}

static void knows_a_host_without_discard(void **state)
{
	struct fixture *f = *state;
	struct disk_config cfg = { .path = f->path, .threads = 1 };

	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1000, EOPNOTSUPP);
	assert_int_equal(try_open(f, &cfg, &f->disk), 0);
	assert_false(f->disk->info.can_discard);
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_DISCARD,
						       .length = 512 }),
			 -EOPNOTSUPP);
	assert_int_equal(log_lines(f), 0);
}

/*
 * In flight.
 */

#define MANY 100

static void delivers_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct disk_request reqs[MANY];

	open_with(f, (struct disk_config){ .fd = -1, .threads = 4 });
	fake_io_gate(false);
	for (size_t i = 0; i < MANY; i++) {
		reqs[i] = (struct disk_request){ .op = DISK_FLUSH };
		submit(f, &reqs[i]);
	}
	/* Nothing before it is done. */
	assert_true(evloop_run_once(f->loop, 0) >= 0);
	assert_int_equal(f->done, 0);
	fake_io_gate(true);
	pthread_mutex_lock(&f->disk->lock);
	while (f->disk->completed < MANY)
		pthread_cond_wait(&f->disk->done_cond, &f->disk->lock);
	pthread_mutex_unlock(&f->disk->lock);
	assert_int_equal(f->done, 0);
	wait_done(f, MANY);
	assert_int_equal(f->batches, 1);
}

struct opener {
	struct fixture *f;
	bool had_lock;
};

/* Gets the lock only if disk_drain() gives it up. */
static void *open_gate(void *arg)
{
	struct opener *opener = arg;

	pthread_mutex_lock(&opener->f->lock);
	opener->had_lock = opener->f->done == 7;
	fake_io_gate(true);
	pthread_mutex_unlock(&opener->f->lock);
	return NULL;
}

static void cancels_what_waits(void **state)
{
	struct fixture *f = *state;
	struct opener opener = { .f = f };
	struct disk_request reqs[8];
	pthread_t thread;

	open_with(f, (struct disk_config){ .fd = -1, .threads = 1 });
	fake_io_gate(false);
	for (size_t i = 0; i < ARRAY_SIZE(reqs); i++) {
		reqs[i] = (struct disk_request){ .op = DISK_FLUSH };
		submit(f, &reqs[i]);
	}
	fake_io_await(1);
	pthread_mutex_lock(&f->lock);
	assert_int_equal(pthread_create(&thread, NULL, open_gate, &opener), 0);
	disk_cancel(f->disk);
	disk_drain(f->disk);
	assert_int_equal(f->done, 8);
	pthread_mutex_unlock(&f->lock);
	pthread_join(thread, NULL);
	assert_true(opener.had_lock);
	assert_int_equal(reqs[0].result, 0);
	for (size_t i = 1; i < ARRAY_SIZE(reqs); i++)
		assert_int_equal(reqs[i].result, -ECANCELED);
	assert_int_equal(log_lines(f), 0);
	/* What was posted for it finds nothing. */
	while (evloop_run_once(f->loop, 0) > 0)
		;
	assert_int_equal(f->done, 8);
	write_pattern(f, 0, 512);
}

static void cancels_a_long_one(void **state)
{
	struct fixture *f = *state;
	struct disk_request req = { .op = DISK_WRITE_ZEROES, .length = SIZE };
	struct opener opener = { .f = f };
	pthread_t thread;

	open_with(f, (struct disk_config){ .fd = -1, .threads = 1 });
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 2, EOPNOTSUPP);
	fake_io_gate(false);
	submit(f, &req);
	fake_io_await(1);
	pthread_mutex_lock(&f->lock);
	disk_cancel(f->disk);
	assert_int_equal(pthread_create(&thread, NULL, open_gate, &opener), 0);
	disk_drain(f->disk);
	pthread_mutex_unlock(&f->lock);
	pthread_join(thread, NULL);
	assert_int_equal(req.result, -ECANCELED);
	assert_int_equal(fake_io_calls(FAKE_IO_PWRITEV), 0);
	/* Only that once. */
	assert_int_equal(run(f, (struct disk_request){ .op = DISK_WRITE_ZEROES,
						       .length = SIZE }),
			 0);
}

/* A guest may name the same memory so often that it makes gigabytes. */
static void cancels_a_huge_transfer(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = alloc(MIB(4));
	struct iovec iov[16];
	struct disk_request req = { .op = DISK_READ,
				    .iov = iov,
				    .nr_iov = ARRAY_SIZE(iov),
				    .length = MIB(64) };
	struct opener opener = { .f = f };
	pthread_t thread;

	for (size_t i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ buf, MIB(4) };
	assert_int_equal(truncate(f->path, (off_t)MIB(64)), 0);
	open_with(f, (struct disk_config){ .fd = -1, .threads = 1 });
	fake_io_gate(false);
	submit(f, &req);
	fake_io_await(1);
	pthread_mutex_lock(&f->lock);
	disk_cancel(f->disk);
	assert_int_equal(pthread_create(&thread, NULL, open_gate, &opener), 0);
	disk_drain(f->disk);
	pthread_mutex_unlock(&f->lock);
	pthread_join(thread, NULL);
	assert_int_equal(req.result, -ECANCELED);
	assert_int_equal(fake_io_calls(FAKE_IO_PREADV), 1);
	/* Only that once. */
	assert_int_equal(run(f, req), 0);
	free(buf);
}

/* Main thread and loop may both be delivering. */
static void drains_while_the_loop_runs(void **state)
{
	struct fixture *f = *state;
	struct disk_request reqs[MANY];

	open_with(f, (struct disk_config){ .fd = -1, .threads = 4 });
	assert_int_equal(evloop_start(f->loop, &f->err), 0);
	for (unsigned round = 1; round <= 20; round++) {
		pthread_mutex_lock(&f->lock);
		for (size_t i = 0; i < MANY; i++) {
			reqs[i] = (struct disk_request){ .op = DISK_FLUSH };
			disk_submit(f->disk, &reqs[i]);
		}
		disk_drain(f->disk);
		assert_int_equal(f->done, round * MANY);
		pthread_mutex_unlock(&f->lock);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(goes_through_all_pieces),
		TEST(refuses_more_than_its_memory),
		TEST(survives_interruptions),
		TEST(reports_each_failure_once),
		TEST(sees_a_file_that_shrank),
		TEST(survives_the_file_size_limit),
		TEST(does_not_write_read_only),
		TEST(flushes_after_what_was_written),
		TEST(never_flushes_after_a_lost_write),
		TEST(discards_only_what_it_should),
		TEST(writes_zeroes),
		TEST(writes_zeroes_to_tmpfs),
		TEST(knows_a_host_without_discard),
		TEST(delivers_in_one_batch),
		TEST(cancels_what_waits),
		TEST(cancels_a_long_one),
		TEST(cancels_a_huge_transfer),
		TEST(drains_while_the_loop_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
