/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of virtio-blk share: a disk with a file, and requests in all
 * shapes. Real files, real workers; the test turns the event loop.
 */
#ifndef PRIVET_TESTS_VIRTIO_BLK_FIXTURE_H
#define PRIVET_TESTS_VIRTIO_BLK_FIXTURE_H

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
#include <sys/stat.h>
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

#define SECTORS 8192U
#define SIZE    AT(SECTORS)
/* Where a sector begins, in bytes. */
#define AT(sector) ((uint64_t)(sector)*DISK_SECTOR)
#define AREA       MIB(1)
#define DEADLINE   60

#define T_IN       0U
#define T_OUT      1U
#define T_FLUSH    4U
#define T_GET_ID   8U
#define T_DISCARD  11U
#define T_ZEROES   13U

#define S_OK       0U
#define S_IOERR    1U
#define S_UNSUPP   2U
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

static inline void *alloc(size_t len)
{
	void *memory = calloc(1, len);

	if (memory == NULL)
		abort();
	return memory;
}

static inline int setup(void **state)
{
	struct fixture *f = alloc(sizeof(*f));

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

static inline int teardown(void **state)
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

static inline int parse(const char *arg, void **out, struct error *err)
{
	const struct device_option *opt = virtio_blk_device.option;
	void *opts = alloc(opt->size);

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
static inline void add_disk(struct fixture *f, const char *keys)
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

static inline void start(struct fixture *f, const char *keys, uint64_t features)
{
	add_disk(f, keys);
	features &= fake_mmio_offered(&f->m);
	assert_int_equal(fake_mmio_start(&f->m, features, 0), 0);
	fake_vm_io(f->vm);
}

/*
 * Requests.
 */

static inline void put_header(struct fixture *f, uint32_t type, uint64_t sector)
{
	uint8_t raw[16] = { 0 };

	le32_store(raw, type);
	le64_store(raw + 8, sector);
	fake_write(&f->m.drv, f->out, raw, sizeof(raw));
}

static inline unsigned cut(struct fake_buf *bufs, uint64_t gpa, uint32_t len,
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
static inline void publish(struct fixture *f, uint32_t out_len,
			   uint32_t out_cut, uint32_t in_len, uint32_t in_cut,
			   bool indirect)
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

static inline bool have_used(void *arg)
{
	struct wait *w = arg;

	return fake_queue_used(&w->f->m.queues[w->queue], &w->used);
}

static inline struct fake_used wait_used(struct fixture *f, unsigned queue)
{
	struct wait w = { .f = f, .queue = queue };

	fake_vm_wait(f->vm, have_used, &w, "a used element");
	return w.used;
}

static inline uint8_t status(struct fixture *f, uint32_t in_len)
{
	uint8_t byte;

	fake_read(&f->m.drv, f->in + in_len - 1, &byte, 1);
	return byte;
}

/* Return: the status; *@written: what the used element says. */
static inline uint8_t run_cut(struct fixture *f, uint32_t out_len,
			      uint32_t out_cut, uint32_t in_len,
			      uint32_t in_cut, bool indirect, uint32_t *written)
{
	publish(f, out_len, out_cut, in_len, in_cut, indirect);
	fake_mmio_kick(&f->m, 0);

	struct fake_used used = wait_used(f, 0);

	if (written != NULL)
		*written = used.len;
	assert_false(fake_queue_used(&f->m.queues[0], &used));
	return in_len > 0 ? status(f, in_len) : S_NONE;
}

static inline uint8_t run(struct fixture *f, uint32_t out_len, uint32_t in_len)
{
	uint32_t written;
	uint8_t st = run_cut(f, out_len, 0, in_len, 0, false, &written);

	assert_true(written <= in_len);
	return st;
}

static inline uint8_t read_sectors(struct fixture *f, uint64_t sector,
				   uint32_t bytes)
{
	put_header(f, T_IN, sector);
	return run(f, 16, bytes + 1);
}

static inline uint8_t write_sectors(struct fixture *f, uint64_t sector,
				    uint32_t bytes)
{
	put_header(f, T_OUT, sector);
	return run(f, 16 + bytes, 1);
}

static inline uint8_t flush(struct fixture *f)
{
	put_header(f, T_FLUSH, 0);
	return run(f, 16, 1);
}

static inline uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 13 + (at >> 9) * 3 + 1);
}

/* Data for a write to @offset behind the header. */
static inline void put_pattern(struct fixture *f, uint64_t offset, uint32_t len)
{
	uint8_t *buf = alloc(len);

	for (uint32_t i = 0; i < len; i++)
		buf[i] = pattern(offset + i);
	fake_write(&f->m.drv, f->out + 16, buf, len);
	free(buf);
}

static inline void assert_in_pattern(struct fixture *f, uint64_t offset,
				     uint32_t len)
{
	uint8_t *buf = alloc(len);

	fake_read(&f->m.drv, f->in, buf, len);
	for (uint32_t i = 0; i < len; i++)
		if (buf[i] != pattern(offset + i))
			fail_msg("byte %u is wrong", i);
	free(buf);
}

static inline void fill_file(struct fixture *f)
{
	uint8_t *buf = alloc(SIZE);
	int fd = open(f->path, O_RDWR);

	for (uint32_t i = 0; i < SIZE; i++)
		buf[i] = pattern(i);
	assert_int_equal(pwrite(fd, buf, SIZE, 0), SIZE);
	close(fd);
	free(buf);
}

/* Bytes of the file from @offset on: the pattern, or zeroes. */
static inline void assert_file(struct fixture *f, uint64_t offset, size_t len,
			       bool zero)
{
	uint8_t *buf = alloc(len);
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
	for (size_t i = 0; i < len; i++)
		if (buf[i] != (zero ? 0 : pattern(offset + i)))
			fail_msg("byte %zu of the file is wrong", i);
	close(fd);
	free(buf);
}

#endif
