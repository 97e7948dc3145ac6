/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of disks share: real files, real workers; the test turns the
 * event loop.
 */
#ifndef PRIVET_TESTS_DISK_FIXTURE_H
#define PRIVET_TESTS_DISK_FIXTURE_H

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

static inline void on_done(struct disk_client *client, struct disk_request *req)
{
	struct fixture *f = container_of(client, struct fixture, client);

	(void)req;
	f->done++;
}

static inline void on_batch(struct disk_client *client)
{
	container_of(client, struct fixture, client)->batches++;
}

static inline uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 9) * 7 + 1);
}

static inline void fill_pattern(uint8_t *buf, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(offset + i);
}

static inline void assert_pattern(const uint8_t *buf, uint64_t offset,
				  size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != pattern(offset + i))
			fail_msg("byte %zu is wrong", i);
	}
}

static inline void make_file(struct fixture *f, uint64_t size)
{
	snprintf(f->path, sizeof(f->path), "/tmp/privet-disk-XXXXXX");
	int fd = mkstemp(f->path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

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

static inline int teardown(void **state)
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

static inline int try_open(struct fixture *f, const struct disk_config *cfg,
			   struct disk **out)
{
	memset(&f->err, 0, sizeof(f->err));
	return disk_open(cfg, &f->client, f->loop, &f->log, out, &f->err);
}

static inline void open_with(struct fixture *f, struct disk_config cfg)
{
	cfg.path = cfg.path != NULL || cfg.fd > 0 ? cfg.path : f->path;
	cfg.threads = cfg.threads != 0 ? cfg.threads : 2;
	if (try_open(f, &cfg, &f->disk) < 0)
		fail_msg("%s", f->err.text);
	/* Opening looks for what the host can do. */
	fake_io_reset();
}

static inline void open_default(struct fixture *f)
{
	open_with(f, (struct disk_config){ .fd = -1 });
}

static inline void assert_refused(struct fixture *f, struct disk_config cfg,
				  int code, const char *why, const char *hint)
{
	struct disk *disk = NULL;

	cfg.threads = 1;
	assert_int_equal(try_open(f, &cfg, &disk), code);
	assert_int_equal(f->err.code, code);
	assert_int_equal(f->err.status, code == -EBUSY ? EXIT_STATUS_ERROR
						       : EXIT_STATUS_USAGE);
	assert_null(disk);
	if (strstr(f->err.text, why) == NULL ||
	    strstr(f->err.text, hint) == NULL)
		fail_msg("'%s' lacks '%s' or '%s'", f->err.text, why, hint);
	assert_null(strchr(f->err.text, '\n'));
}

static inline const char *log_text(struct fixture *f)
{
	ssize_t n = pread(f->log.fd, f->text, MAX_LOG - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static inline unsigned log_lines(struct fixture *f)
{
	unsigned lines = 0;

	for (const char *at = log_text(f); *at != '\0'; at++)
		lines += *at == '\n';
	return lines;
}

static inline void submit(struct fixture *f, struct disk_request *req)
{
	pthread_mutex_lock(&f->lock);
	disk_submit(f->disk, req);
	pthread_mutex_unlock(&f->lock);
}

static inline void wait_done(struct fixture *f, unsigned count)
{
	while (f->done < count)
		assert_true(evloop_run_once(f->loop, 1000) >= 0);
	assert_int_equal(f->done, count);
}

static inline int run(struct fixture *f, struct disk_request req)
{
	req.result = 1;
	submit(f, &req);
	wait_done(f, f->done + 1);
	return req.result;
}

static inline int transfer(struct fixture *f, enum disk_op op, void *buf,
			   uint64_t offset, size_t len)
{
	struct iovec iov = { buf, len };

	return run(f, (struct disk_request){ .op = op,
					     .iov = &iov,
					     .nr_iov = 1,
					     .offset = offset,
					     .length = len });
}

static inline void assert_disk_pattern(struct fixture *f, uint64_t offset,
				       size_t len)
{
	uint8_t *buf = alloc(len);

	assert_int_equal(transfer(f, DISK_READ, buf, offset, len), 0);
	assert_pattern(buf, offset, len);
	free(buf);
}

static inline void assert_disk_zero(struct fixture *f, uint64_t offset,
				    size_t len)
{
	uint8_t *buf = alloc(len);

	memset(buf, 0xaa, len);
	assert_int_equal(transfer(f, DISK_READ, buf, offset, len), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf[i], 0);
	free(buf);
}

static inline void write_pattern(struct fixture *f, uint64_t offset, size_t len)
{
	uint8_t *buf = alloc(len);

	fill_pattern(buf, offset, len);
	assert_int_equal(transfer(f, DISK_WRITE, buf, offset, len), 0);
	free(buf);
}

#endif
