/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk against a driver that may be hostile. Real files, real workers;
 * the test turns the event loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "devices/virtio_blk.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_host_io.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define SECTORS   8192U
#define SIZE      (SECTORS * DISK_SECTOR)
#define AREA      MIB(1)
#define DEADLINE  60

#define T_IN      0U
#define T_OUT     1U
#define T_FLUSH   4U
#define T_GET_ID  8U
#define T_DISCARD 11U
#define T_ZEROES  13U

#define S_OK      0U
#define S_IOERR   1U
#define S_UNSUPP  2U
/* What the status byte holds until the device writes it. */
#define S_NONE 0xeeU

#define ALL_FEATURES                                           \
	(VIRTIO_BIT(BLK_F_FLUSH) | VIRTIO_BIT(BLK_F_DISCARD) | \
	 VIRTIO_BIT(BLK_F_WRITE_ZEROES) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC))

/*
 * @out, @in: areas for what the device reads and writes; a request begins at
 * the start of each
 */
struct fixture {
	struct vm *vm;
	struct fake_mmio m;
	struct device *dev;
	uint64_t out;
	uint64_t in;
	char path[64];
	void *opts;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	alarm(DEADLINE);
	fake_io_reset();
	snprintf(f->path, sizeof(f->path), "/tmp/privet-blk-XXXXXX");

	int fd = mkstemp(f->path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	f->vm = fake_vm_create(MIB(16));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_io_reset();
	fake_vm_destroy(f->vm);
	if (f->opts != NULL)
		params_free(virtio_blk_device.option->params, f->opts);
	free(f->opts);
	unlink(f->path);
	free(f);
	alarm(0);
	return 0;
}

static int parse(const char *arg, void **out, struct error *err)
{
	const struct device_option *opt = virtio_blk_device.option;
	void *opts = malloc(opt->size);

	memset(err, 0, sizeof(*err));
	memcpy(opts, opt->defaults, opt->size);

	int ret = params_parse("--disk", opt->params, arg, opts, err);
	if (ret == 0)
		ret = opt->check(opts, err);
	if (ret == 0) {
		*out = opts;
		return 0;
	}
	params_free(opt->params, opts);
	free(opts);
	return ret;
}

/* A device for the test's file; @keys follow its path. */
static void add_disk(struct fixture *f, const char *keys)
{
	struct error err;
	char arg[160];

	snprintf(arg, sizeof(arg), "%s%s", f->path, keys);
	if (parse(arg, &f->opts, &err) < 0)
		fail_msg("%s", err.text);
	f->dev = fake_vm_add(f->vm, &virtio_blk_device, f->opts);
	fake_vm_freeze(f->vm);
	fake_mmio_init(&f->m, f->vm, 0);
	f->out = fake_alloc(&f->m.drv, AREA, 4096);
	f->in = fake_alloc(&f->m.drv, AREA, 4096);
	fake_io_reset();
}

static void start(struct fixture *f, const char *keys, uint64_t features)
{
	add_disk(f, keys);
	features &= fake_mmio_offered(&f->m);
	assert_int_equal(fake_mmio_start(&f->m, features, 0), 0);
	fake_vm_io(f->vm);
}

/*
 * Requests.
 */

static void put_header(struct fixture *f, uint32_t type, uint64_t sector)
{
	uint8_t raw[16] = { 0 };

	le32_store(raw, type);
	le64_store(raw + 8, sector);
	fake_write(&f->m.drv, f->out, raw, sizeof(raw));
}

static unsigned cut(struct fake_buf *bufs, uint64_t gpa, uint32_t len,
		    uint32_t at, bool write)
{
	if (len == 0)
		return 0;
	if (at == 0 || at >= len) {
		bufs[0] = (struct fake_buf){ gpa, len, write };
		return 1;
	}
	bufs[0] = (struct fake_buf){ gpa, at, write };
	bufs[1] = (struct fake_buf){ gpa + at, len - at, write };
	return 2;
}

/* Both parts of a request, each in two descriptors, cut anywhere. */
static void publish(struct fixture *f, uint32_t out_len, uint32_t out_cut,
		    uint32_t in_len, uint32_t in_cut, bool indirect)
{
	uint8_t none = S_NONE;
	struct fake_buf bufs[4];
	unsigned n = cut(bufs, f->out, out_len, out_cut, false);

	n += cut(bufs + n, f->in, in_len, in_cut, true);
	if (in_len > 0)
		fake_write(&f->m.drv, f->in + in_len - 1, &none, 1);
	fake_queue_add(&f->m.queues[0], bufs, n, indirect);
}

struct wait {
	struct fixture *f;
	unsigned queue;
	struct fake_used used;
};

static bool have_used(void *arg)
{
	struct wait *w = arg;

	return fake_queue_used(&w->f->m.queues[w->queue], &w->used);
}

static struct fake_used wait_used(struct fixture *f, unsigned queue)
{
	struct wait w = { .f = f, .queue = queue };

	fake_vm_wait(f->vm, have_used, &w, "a used element");
	return w.used;
}

static uint8_t status(struct fixture *f, uint32_t in_len)
{
	uint8_t byte;

	fake_read(&f->m.drv, f->in + in_len - 1, &byte, 1);
	return byte;
}

/* Return: the status; *@written: what the used element says. */
static uint8_t run_cut(struct fixture *f, uint32_t out_len, uint32_t out_cut,
		       uint32_t in_len, uint32_t in_cut, bool indirect,
		       uint32_t *written)
{
	publish(f, out_len, out_cut, in_len, in_cut, indirect);
	fake_mmio_kick(&f->m, 0);

	struct fake_used used = wait_used(f, 0);

	if (written != NULL)
		*written = used.len;
	assert_false(fake_queue_used(&f->m.queues[0], &used));
	return in_len > 0 ? status(f, in_len) : S_NONE;
}

static uint8_t run(struct fixture *f, uint32_t out_len, uint32_t in_len)
{
	uint32_t written;
	uint8_t st = run_cut(f, out_len, 0, in_len, 0, false, &written);

	assert_true(written <= in_len);
	return st;
}

static uint8_t read_sectors(struct fixture *f, uint64_t sector, uint32_t bytes)
{
	put_header(f, T_IN, sector);
	return run(f, 16, bytes + 1);
}

static uint8_t write_sectors(struct fixture *f, uint64_t sector, uint32_t bytes)
{
	put_header(f, T_OUT, sector);
	return run(f, 16 + bytes, 1);
}

static uint8_t flush(struct fixture *f)
{
	put_header(f, T_FLUSH, 0);
	return run(f, 16, 1);
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 13 + (at >> 9) * 3 + 1);
}

/* Data for a write to @offset behind the header. */
static void put_pattern(struct fixture *f, uint64_t offset, uint32_t len)
{
	uint8_t *buf = malloc(len);

	for (uint32_t i = 0; i < len; i++)
		buf[i] = pattern(offset + i);
	fake_write(&f->m.drv, f->out + 16, buf, len);
	free(buf);
}

static void assert_in_pattern(struct fixture *f, uint64_t offset, uint32_t len)
{
	uint8_t *buf = malloc(len);

	fake_read(&f->m.drv, f->in, buf, len);
	for (uint32_t i = 0; i < len; i++)
		if (buf[i] != pattern(offset + i))
			fail_msg("byte %u is wrong", i);
	free(buf);
}

static void fill_file(struct fixture *f)
{
	uint8_t *buf = malloc(SIZE);
	int fd = open(f->path, O_RDWR);

	for (uint32_t i = 0; i < SIZE; i++)
		buf[i] = pattern(i);
	assert_int_equal(pwrite(fd, buf, SIZE, 0), SIZE);
	close(fd);
	free(buf);
}

/* Bytes of the file from @offset on: the pattern, or zeroes. */
static void assert_file(struct fixture *f, uint64_t offset, size_t len,
			bool zero)
{
	uint8_t *buf = malloc(len);
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
	for (size_t i = 0; i < len; i++)
		if (buf[i] != (zero ? 0 : pattern(offset + i)))
			fail_msg("byte %zu of the file is wrong", i);
	close(fd);
	free(buf);
}

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
	void *opts;

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
		put_pattern(f, (at % 64) * 512, 512);
		assert_int_equal(
			run_cut(f, 16 + 512, at, 1, 0, at % 2, &written), S_OK);
		assert_int_equal(written, 1);
	}
	assert_file(f, 0, 64 * 512, false);
	for (uint32_t at = 0; at < 1024 + 1; at++) {
		put_header(f, T_IN, at % 63);
		assert_int_equal(
			run_cut(f, 16, at % 16, 1024 + 1, at, at % 2, &written),
			S_OK);
		assert_int_equal(written, 1025);
		assert_in_pattern(f, (at % 63) * 512, 1024);
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
		bufs[i] =
			(struct fake_buf){ f->in + (255 - i) * 512, 512, true };
	bufs[255] = (struct fake_buf){ f->in, 1, true };
	fake_queue_add(&f->m.queues[0], bufs, 256, false);
	fake_mmio_kick(&f->m, 0);
	assert_int_equal(wait_used(f, 0).len, 254 * 512 + 1);
	fake_read(&f->m.drv, f->in, &ok, 1);
	assert_int_equal(ok, S_OK);
	for (unsigned i = 1; i < 255; i++) {
		uint8_t first;

		fake_read(&f->m.drv, bufs[i].gpa, &first, 1);
		assert_int_equal(first, pattern((8 + i - 1) * 512));
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

		assert_int_equal(read_sectors(f, sector, bytes),
				 cases[i].status);
		put_pattern(f, sector * 512, bytes + 1);
		assert_int_equal(write_sectors(f, sector, bytes),
				 cases[i].status);
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
	for (uint32_t type = 0; type < 16; type++) {
		put_header(f, type, 0);
		run_cut(f, 16 + 512, 0, 0, 0, false, &written);
		assert_int_equal(written, 0);
	}
	assert_file(f, 0, SIZE, true);
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
	assert_in_pattern(f, 3 * 512, 2048);
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

/*
 * Discard and zeroes.
 */

static uint8_t ranges(struct fixture *f, uint32_t type, unsigned count,
		      uint64_t sector, uint32_t sectors, uint32_t flags)
{
	put_header(f, type, 0);
	for (unsigned i = 0; i < count; i++) {
		uint8_t raw[16];

		le64_store(raw, sector + i * 2ULL * sectors);
		le32_store(raw + 8, sectors);
		le32_store(raw + 12, flags);
		fake_write(&f->m.drv, f->out + 16 + i * 16, raw, sizeof(raw));
	}
	return run(f, 16 + count * 16, 1);
}

static void zeroes_ranges(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	assert_int_equal(ranges(f, T_ZEROES, 1, 8, 8, 0), S_OK);
	assert_int_equal(ranges(f, T_ZEROES, 1, 16, 8, 1), S_OK);
	assert_file(f, 0, 8 * 512, false);
	assert_file(f, 8 * 512, 16 * 512, true);
	assert_file(f, 24 * 512, SIZE - 24 * 512, false);
	/* As many as there may be, with gaps. */
	assert_int_equal(ranges(f, T_ZEROES, BLK_MAX_RANGES, 100, 1, 0), S_OK);
	for (unsigned i = 0; i < BLK_MAX_RANGES; i++) {
		assert_file(f, (100 + 2 * i) * 512, 512, true);
		assert_file(f, (101 + 2 * i) * 512, 512, false);
	}
	/* A failure in the middle is the result of all. */
	fake_io_reset();
	fake_io_fail(FAKE_IO_FALLOCATE, 2, 1, EIO);
	assert_int_equal(ranges(f, T_ZEROES, 3, 200, 1, 0), S_IOERR);
	assert_int_equal(fake_io_calls(FAKE_IO_FALLOCATE), 2);
	assert_file(f, 204 * 512, 512, false);
}

static void discards_ranges(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	if (!(f->m.features & VIRTIO_BIT(BLK_F_DISCARD)))
		skip();
	assert_int_equal(ranges(f, T_DISCARD, 2, 1024, 1024, 0), S_OK);
	assert_file(f, 0, 1024 * 512, false);
	assert_file(f, 2048 * 512, 1024 * 512, false);
	assert_file(f, 4096 * 512, SIZE - 4096 * 512, false);
	/* virtio 1.2, 5.2.6.2: unmap means nothing in a discard. */
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, 8, 1), S_UNSUPP);
	fake_io_fail(FAKE_IO_FALLOCATE, 1, 1, EOPNOTSUPP);
	assert_int_equal(ranges(f, T_DISCARD, 1, 0, 8, 0), S_UNSUPP);
	assert_file(f, 0, 1024 * 512, false);
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

/*
 * Many at a time.
 */

#define MANY 200U

static void publish_many(struct fixture *f, unsigned count)
{
	put_header(f, T_OUT, 0);
	for (unsigned i = 0; i < count; i++)
		publish(f, 16 + 512, 0, 1, 0, true);
	fake_mmio_kick(&f->m, 0);
}

static void assert_each_used_once(struct fixture *f, unsigned count)
{
	bool seen[BLK_QUEUE_SIZE] = { false };
	struct fake_used used;

	for (unsigned i = 0; i < count; i++) {
		used = wait_used(f, 0);
		assert_true(used.id < BLK_QUEUE_SIZE);
		assert_false(seen[used.id]);
		seen[used.id] = true;
		assert_int_equal(used.len, 1);
	}
	assert_false(fake_queue_used(&f->m.queues[0], &used));
}

static void takes_no_more_than_its_pool(void **state)
{
	struct fixture *f = *state;
	uint64_t features = ALL_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX);

	start(f, "", features);
	fake_io_gate(false);
	publish_many(f, MANY);
	fake_vm_io(f->vm);
	assert_int_equal(f->m.queues[0].used_seen, 0);

	struct virtio_blk *blk =
		to_blk(container_of(f->dev, struct virtio_device, dev));

	assert_int_equal(blk->disk->in_flight, BLK_POOL);
	/* Full: a doorbell would be of no use. */
	fake_queue_wants_kick(&f->m.queues[0]);
	publish(f, 16 + 512, 0, 1, 0, true);
	assert_false(fake_queue_wants_kick(&f->m.queues[0]));
	fake_io_gate(true);
	/* None is forgotten, without another doorbell. */
	assert_each_used_once(f, MANY + 1);
	publish(f, 16 + 512, 0, 1, 0, true);
	assert_true(fake_queue_wants_kick(&f->m.queues[0]));
}

static void signals_a_run_once(void **state)
{
	struct fixture *f = *state;
	struct arch_device where;

	assert_int_equal(arch_virtio_mmio_slot(0, &where), 0);
	start(f, "", ALL_FEATURES);
	fake_io_gate(false);
	publish_many(f, 32);
	fake_vm_io(f->vm);
	fake_irq_pulses(f->vm, where.irq);
	fake_mmio_irq(&f->m);
	fake_io_gate(true);

	struct virtio_blk *blk =
		to_blk(container_of(f->dev, struct virtio_device, dev));

	pthread_mutex_lock(&blk->disk->lock);
	while (blk->disk->completed < 32)
		pthread_cond_wait(&blk->disk->done_cond, &blk->disk->lock);
	pthread_mutex_unlock(&blk->disk->lock);
	fake_vm_io(f->vm);
	assert_each_used_once(f, 32);
	assert_int_equal(fake_irq_pulses(f->vm, where.irq), 1);
	assert_int_equal(fake_mmio_irq(&f->m), VIRTIO_ISR_QUEUE);
}

static void answers_a_flood_of_nonsense(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	put_header(f, UINT32_MAX, 0);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned n = 0; n < BLK_QUEUE_SIZE; n++)
			publish(f, 16, 0, 1, 0, true);
		fake_mmio_kick(&f->m, 0);
		assert_each_used_once(f, BLK_QUEUE_SIZE);
	}
}

static void serves_all_queues(void **state)
{
	struct fixture *f = *state;

	start(f, ",queues=16", ALL_FEATURES | VIRTIO_BIT(BLK_F_MQ));
	assert_int_equal(f->m.nr_queues, 16);
	fake_io_gate(false);
	put_header(f, T_IN, 0);
	for (unsigned i = 0; i < 16; i++) {
		struct fake_buf bufs[2] = { { f->out, 16, false },
					    { f->in + i * 1024, 513, true } };

		fake_queue_add(&f->m.queues[i], bufs, 2, false);
		fake_mmio_kick(&f->m, i);
	}
	fake_vm_io(f->vm);
	fake_io_gate(true);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(wait_used(f, i).len, 513);
}

static void keeps_disks_apart(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;

	fill_file(f);
	start(f, ",ro", ALL_FEATURES);
	/* A second one, of the same file, in a machine of its own. */
	assert_int_equal(setup((void **)&g), 0);
	unlink(g->path);
	memcpy(g->path, f->path, sizeof(g->path));
	start(g, ",ro", ALL_FEATURES);
	assert_int_equal(read_sectors(f, 1, 512), S_OK);
	assert_int_equal(read_sectors(g, 2, 512), S_OK);
	assert_in_pattern(f, 512, 512);
	assert_in_pattern(g, 1024, 512);
	assert_int_equal(teardown((void **)&g), 0);
}

/*
 * Reset, pause, state.
 */

static struct virtio_device *vdev_of(struct fixture *f)
{
	return container_of(f->dev, struct virtio_device, dev);
}

/* Lets the workers go on once the device is being reset, and not before. */
static void *open_in_reset(void *arg)
{
	struct fixture *f = arg;
	bool resetting = false;

	while (!resetting) {
		pthread_mutex_lock(&f->dev->lock);
		resetting = vdev_of(f)->resetting;
		pthread_mutex_unlock(&f->dev->lock);
		sched_yield();
	}
	fake_io_gate(true);
	return NULL;
}

static void resets_with_requests_in_flight(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	for (unsigned round = 0; round < 5; round++) {
		uint16_t used = fake_queue_used_idx(&f->m.queues[0]);

		fake_io_gate(false);
		put_pattern(f, 0, 512);
		publish_many(f, MANY);
		fake_vm_io(f->vm);
		fake_io_await(2);
		assert_int_equal(
			pthread_create(&thread, NULL, open_in_reset, f), 0);
		fake_mmio_reset(&f->m);
		pthread_join(thread, NULL);
		assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), used);
		assert_int_equal(fake_mmio_status(&f->m), 0);
		/* What completed meanwhile is nobody's. */
		fake_vm_io(f->vm);
		assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), used);
		fake_driver_init(&f->m.drv, &f->vm->gmem);
		f->out = fake_alloc(&f->m.drv, AREA, 4096);
		f->in = fake_alloc(&f->m.drv, AREA, 4096);
		assert_int_equal(fake_mmio_start(&f->m, ALL_FEATURES, 0), 0);
		assert_int_equal(read_sectors(f, 5, 512), S_OK);
		assert_in_pattern(f, 5 * 512, 512);
	}
	assert_file(f, 0, SIZE, false);
}

static void breaks_with_requests_in_flight(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	fake_io_gate(false);
	put_pattern(f, 0, 512);
	publish_many(f, 8);
	/* A chain that ends nowhere. */
	fake_queue_set_avail(&f->m.queues[0], f->m.queues[0].avail_idx, 9999);
	fake_queue_set_avail_idx(&f->m.queues[0],
				 (uint16_t)(f->m.queues[0].avail_idx + 1));
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_true(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET);
	fake_io_gate(true);
	pthread_mutex_lock(&f->dev->lock);
	disk_drain(to_blk(vdev_of(f))->disk);
	pthread_mutex_unlock(&f->dev->lock);
	fake_mmio_reset(&f->m);
	assert_int_equal(fake_mmio_start(&f->m, ALL_FEATURES, 0), 0);
	assert_int_equal(read_sectors(f, 5, 512), S_OK);
	assert_in_pattern(f, 5 * 512, 512);
}

static void *open_after_await(void *arg)
{
	struct fixture *f = arg;

	/* Had by somebody else as long as the device does not wait. */
	pthread_mutex_lock(&f->dev->lock);
	fake_io_gate(true);
	pthread_mutex_unlock(&f->dev->lock);
	return NULL;
}

static void quiesce(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->quiesce(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void resume(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->resume(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void finishes_what_is_in_flight_to_pause(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	start(f, "", ALL_FEATURES);
	fake_io_gate(false);
	publish_many(f, MANY);
	fake_vm_io(f->vm);
	fake_io_await(2);

	pthread_mutex_lock(&f->dev->lock);
	assert_int_equal(pthread_create(&thread, NULL, open_after_await, f), 0);
	f->dev->type->quiesce(f->dev);
	/* Those that were taken, and no others. */
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), BLK_POOL);
	pthread_mutex_unlock(&f->dev->lock);
	pthread_join(thread, NULL);

	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), BLK_POOL);
	resume(f);
	assert_each_used_once(f, MANY);
}

static void save(struct fixture *f, struct snap_writer *w)
{
	quiesce(f);
	snap_writer_init(w, arch_info.name);
	assert_int_equal(device_save(f->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

static int restore(struct fixture *f, const struct snap_writer *w)
{
	struct snap_reader r;
	struct snap_section section;
	struct error err = { 0 };

	assert_int_equal(
		snap_reader_init(&r, w->data, w->len, arch_info.name, &err), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	assert_string_equal(section.id, f->dev->id);
	return device_restore(f->dev, &r, section.version);
}

static void reset(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->reset(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void goes_on_from_saved_state(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;

	fill_file(f);
	start(f, "", ALL_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(read_sectors(f, i, 512), S_OK);
	quiesce(f);
	/* Comes while the machine is paused. */
	put_header(f, T_IN, 7);
	publish(f, 16, 0, 513, 0, false);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	save(f, &w);
	reset(f);
	assert_int_equal(restore(f, &w), 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 300);
	resume(f);
	assert_int_equal(wait_used(f, 0).len, 513);
	assert_in_pattern(f, 7 * 512, 512);
	assert_int_equal(read_sectors(f, 9, 512), S_OK);
	assert_in_pattern(f, 9 * 512, 512);
	snap_writer_free(&w);
}

static void refuses_state_of_another_disk(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;
	struct snap_writer w;

	start(f, "", ALL_FEATURES);
	assert_int_equal(read_sectors(f, 0, 512), S_OK);
	save(f, &w);

	assert_int_equal(setup((void **)&g), 0);
	assert_int_equal(truncate(g->path, SIZE - 512), 0);
	add_disk(g, "");
	assert_int_equal(restore(g, &w), -EINVAL);
	assert_non_null(strstr(fake_vm_log(g->vm), "sectors"));
	assert_int_equal(teardown((void **)&g), 0);
	snap_writer_free(&w);
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
		TEST(zeroes_ranges),
		TEST(discards_ranges),
		TEST(checks_ranges),
		TEST(needs_features_for_ranges),
		TEST(limits_one_range),
		TEST(takes_no_more_than_its_pool),
		TEST(signals_a_run_once),
		TEST(answers_a_flood_of_nonsense),
		TEST(serves_all_queues),
		TEST(keeps_disks_apart),
		TEST(resets_with_requests_in_flight),
		TEST(breaks_with_requests_in_flight),
		TEST(finishes_what_is_in_flight_to_pause),
		TEST(goes_on_from_saved_state),
		TEST(refuses_state_of_another_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
