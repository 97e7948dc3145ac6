/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: what is refused, and that bytes arrive whatever the host does. Real
 * files, real workers; the test turns the event loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/disk.h"
#include "tests/fakes/fake_host_io.h"

#define SIZE     MIB(4)
#define MAX_LOG  8192
#define DEADLINE 60

struct fixture {
	struct disk_client client;
	pthread_mutex_t lock;
	struct evloop *loop;
	struct log log;
	struct disk *disk;
	unsigned done;
	unsigned batches;
	char path[64];
	char text[MAX_LOG];
	struct error err;
};

static void on_done(struct disk_client *client, struct disk_request *req)
{
	struct fixture *f = container_of(client, struct fixture, client);

	(void)req;
	f->done++;
}

static void on_batch(struct disk_client *client)
{
	container_of(client, struct fixture, client)->batches++;
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 9) * 7 + 1);
}

static void fill_pattern(uint8_t *buf, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(offset + i);
}

static void assert_pattern(const uint8_t *buf, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != pattern(offset + i))
			fail_msg("byte %zu is wrong", i);
	}
}

static void make_file(struct fixture *f, uint64_t size)
{
	snprintf(f->path, sizeof(f->path), "/tmp/privet-disk-XXXXXX");
	int fd = mkstemp(f->path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* Whatever waits in vain ends the test. */
	alarm(DEADLINE);
	fake_io_reset();
	pthread_mutex_init(&f->lock, NULL);
	f->client = (struct disk_client){ &f->lock, on_done, on_batch };
	f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC),
			       .level = LOG_DEBUG,
			       .name = "test" };
	assert_int_equal(evloop_create(&f->loop, &f->err), 0);
	make_file(f, SIZE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_io_reset();
	evloop_stop(f->loop);
	disk_close(f->disk);
	evloop_destroy(f->loop);
	close(f->log.fd);
	unlink(f->path);
	pthread_mutex_destroy(&f->lock);
	free(f);
	alarm(0);
	return 0;
}

static int try_open(struct fixture *f, const struct disk_config *cfg,
		    struct disk **out)
{
	memset(&f->err, 0, sizeof(f->err));
	return disk_open(cfg, &f->client, f->loop, &f->log, out, &f->err);
}

static void open_with(struct fixture *f, struct disk_config cfg)
{
	cfg.path = cfg.path != NULL || cfg.fd > 0 ? cfg.path : f->path;
	cfg.threads = cfg.threads != 0 ? cfg.threads : 2;
	if (try_open(f, &cfg, &f->disk) < 0)
		fail_msg("%s", f->err.text);
	/* Opening looks for what the host can do. */
	fake_io_reset();
}

static void open_default(struct fixture *f)
{
	open_with(f, (struct disk_config){ .fd = -1 });
}

static void assert_refused(struct fixture *f, struct disk_config cfg, int code,
			   const char *why, const char *hint)
{
	struct disk *disk = NULL;

	cfg.threads = 1;
	assert_int_equal(try_open(f, &cfg, &disk), code);
	assert_int_equal(f->err.code, code);
	assert_null(disk);
	if (strstr(f->err.text, why) == NULL ||
	    strstr(f->err.text, hint) == NULL)
		fail_msg("'%s' lacks '%s' or '%s'", f->err.text, why, hint);
	assert_null(strchr(f->err.text, '\n'));
}

static const char *log_text(struct fixture *f)
{
	ssize_t n = pread(f->log.fd, f->text, MAX_LOG - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static unsigned log_lines(struct fixture *f)
{
	unsigned lines = 0;

	for (const char *at = log_text(f); *at != '\0'; at++)
		lines += *at == '\n';
	return lines;
}

static void submit(struct fixture *f, struct disk_request *req)
{
	pthread_mutex_lock(&f->lock);
	disk_submit(f->disk, req);
	pthread_mutex_unlock(&f->lock);
}

static void wait_done(struct fixture *f, unsigned count)
{
	while (f->done < count)
		assert_true(evloop_run_once(f->loop, 1000) >= 0);
	assert_int_equal(f->done, count);
}

static int run(struct fixture *f, struct disk_request req)
{
	req.result = 1;
	submit(f, &req);
	wait_done(f, f->done + 1);
	return req.result;
}

static int transfer(struct fixture *f, enum disk_op op, void *buf,
		    uint64_t offset, size_t len)
{
	struct iovec iov = { buf, len };

	return run(f, (struct disk_request){ .op = op,
					     .iov = &iov,
					     .nr_iov = 1,
					     .offset = offset,
					     .length = len });
}

static void assert_disk_pattern(struct fixture *f, uint64_t offset, size_t len)
{
	uint8_t *buf = calloc(1, len);

	assert_int_equal(transfer(f, DISK_READ, buf, offset, len), 0);
	assert_pattern(buf, offset, len);
	free(buf);
}

static void assert_disk_zero(struct fixture *f, uint64_t offset, size_t len)
{
	uint8_t *buf = malloc(len);

	memset(buf, 0xaa, len);
	assert_int_equal(transfer(f, DISK_READ, buf, offset, len), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf[i], 0);
	free(buf);
}

static void write_pattern(struct fixture *f, uint64_t offset, size_t len)
{
	uint8_t *buf = malloc(len);

	fill_pattern(buf, offset, len);
	assert_int_equal(transfer(f, DISK_WRITE, buf, offset, len), 0);
	free(buf);
}

/*
 * Opening.
 */

static void refuses_what_is_no_disk(void **state)
{
	struct fixture *f = *state;
	char fifo[80];

	assert_refused(f, (struct disk_config){ .path = "/nowhere/x.img" },
		       -ENOENT, "'/nowhere/x.img'", "truncate");
	assert_refused(f, (struct disk_config){ .path = "/tmp" }, -EISDIR,
		       "directory", "image");
	assert_refused(
		f, (struct disk_config){ .path = "/tmp", .read_only = true },
		-EISDIR, "directory", "image");
	assert_refused(f, (struct disk_config){ .path = "/dev/null" }, -EINVAL,
		       "no block device", "image");

	/* Nobody writes to it: must not wait for that either. */
	snprintf(fifo, sizeof(fifo), "%s.fifo", f->path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_refused(f,
		       (struct disk_config){ .path = fifo, .read_only = true },
		       -EINVAL, "no block device", "image");
	unlink(fifo);
}

static void refuses_bad_sizes(void **state)
{
	struct fixture *f = *state;
	static const struct {
		off_t size;
		uint32_t block;
		const char *why;
	} cases[] = {
		{ 0, 0, "empty" },
		{ 1, 0, "1 bytes" },
		{ 511, 0, "511 bytes" },
		{ 513, 0, "513 bytes" },
		{ 4096 + 512, 4096, "4096" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stat st;

		assert_int_equal(truncate(f->path, cases[i].size), 0);
		assert_refused(
			f,
			(struct disk_config){ .path = f->path,
					      .block_size = cases[i].block },
			-EINVAL, cases[i].why, "truncate");
		assert_int_equal(stat(f->path, &st), 0);
		assert_int_equal(st.st_size, cases[i].size);
	}
	assert_int_equal(truncate(f->path, 512), 0);
	open_default(f);
	assert_int_equal(f->disk->info.size, 512);
}

static void never_falls_back_to_reading(void **state)
{
	struct fixture *f = *state;
	struct disk_config sysfs = { .path = "/sys/kernel/uevent_seqnum" };
	struct disk *disk = NULL;

	/* Not even root may open it for writing. */
	assert_true(try_open(f, &sysfs, &disk) < 0);
	assert_non_null(strstr(f->err.text, "for reading and writing"));
	assert_non_null(strstr(f->err.text, ",ro"));
	if (geteuid() == 0)
		return;
	assert_int_equal(chmod(f->path, 0400), 0);
	assert_refused(f, (struct disk_config){ .path = f->path }, -EACCES,
		       f->path, ",ro");
	assert_int_equal(chmod(f->path, 0), 0);
	assert_refused(
		f, (struct disk_config){ .path = f->path, .read_only = true },
		-EACCES, f->path, "right to read");
}

static void refuses_bad_descriptors(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int flags;
		bool ro;
		const char *why;
	} cases[] = {
		{ O_WRONLY, false, "writing only" },
		{ O_WRONLY, true, "writing only" },
		{ O_RDONLY, false, ",ro" },
		{ O_RDWR | O_APPEND, false, "appending" },
		{ O_PATH, true, "O_PATH" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = open(f->path, cases[i].flags | O_CLOEXEC);
		struct disk_config cfg = { .fd = fd, .read_only = cases[i].ro };

		assert_true(fd >= 0);
		assert_refused(f, cfg, -EBADF, cases[i].why, "open");
		close(fd);
		assert_refused(f, cfg, -EBADF, "cannot use fd", "before");
	}
}

static void uses_a_descriptor(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	open_with(f, (struct disk_config){ .fd = fd });
	/* The disk has one of its own. */
	close(fd);
	write_pattern(f, 512, 512);
	assert_disk_pattern(f, 512, 512);
}

static void locks_out_other_writers(void **state)
{
	struct fixture *f = *state;
	static const struct {
		struct disk_config first, second;
		int ret;
	} cases[] = {
		{ { 0 }, { 0 }, -EBUSY },
		{ { 0 }, { .read_only = true }, -EBUSY },
		{ { 0 }, { .share = true }, -EBUSY },
		{ { .read_only = true }, { 0 }, -EBUSY },
		{ { .share = true }, { 0 }, -EBUSY },
		{ { .read_only = true }, { .read_only = true }, 0 },
		{ { .share = true }, { .share = true }, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct disk_config second = cases[i].second;
		struct disk *disk = NULL;

		open_with(f, cases[i].first);
		second.path = f->path;
		second.threads = 1;
		assert_int_equal(try_open(f, &second, &disk), cases[i].ret);
		if (cases[i].ret < 0)
			assert_non_null(strstr(f->err.text, "in use"));
		disk_close(disk);
		disk_close(f->disk);
		f->disk = NULL;
	}
}

static void measures(void **state)
{
	struct fixture *f = *state;

	open_default(f);
	assert_int_equal(f->disk->info.size, SIZE);
	assert_int_equal(f->disk->info.logical, 512);
	assert_true(f->disk->info.physical >= 512);
	assert_true(f->disk->info.physical <= 4096);
	disk_close(f->disk);

	open_with(f, (struct disk_config){ .fd = -1, .block_size = 4096 });
	assert_int_equal(f->disk->info.logical, 4096);
	assert_int_equal(f->disk->info.physical, 4096);
	disk_close(f->disk);

	open_with(f, (struct disk_config){ .fd = -1, .read_only = true });
	assert_true(f->disk->info.read_only);
	assert_false(f->disk->info.can_discard);
}

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
		skip();
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
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1, EOPNOTSUPP);
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
		TEST(refuses_what_is_no_disk),
		TEST(refuses_bad_sizes),
		TEST(never_falls_back_to_reading),
		TEST(refuses_bad_descriptors),
		TEST(uses_a_descriptor),
		TEST(locks_out_other_writers),
		TEST(measures),
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
		TEST(drains_while_the_loop_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
