/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: what is opened, and what is refused with which words. */
#include "tests/unit/disk_fixture.h"

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

static void cannot_write_to_a_descriptor_for_reading(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	unlink(f->path);
	open_with(f, (struct disk_config){ .fd = fd, .read_only = true });
	assert_int_equal(fcntl(f->disk->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(f->disk->fd, F_GETFD), FD_CLOEXEC);
	/* It is the same file. */
	uint8_t buf[512];
	fill_pattern(buf, 512, sizeof(buf));
	assert_int_equal(pwrite(fd, buf, sizeof(buf), 512), sizeof(buf));
	close(fd);
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

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(refuses_what_is_no_disk),
		TEST(refuses_bad_sizes),
		TEST(never_falls_back_to_reading),
		TEST(refuses_bad_descriptors),
		TEST(uses_a_descriptor),
		TEST(cannot_write_to_a_descriptor_for_reading),
		TEST(locks_out_other_writers),
		TEST(measures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
