/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: what a worker does with a request.
 *
 * Data goes through the host's page cache. A write is on the medium once
 * fdatasync() succeeded after it; when that fails, the kernel may mark the
 * pages clean all the same and later calls succeed, so the first failure is
 * final for this disk.
 */
#include "devices/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WINDOW 256
/* So that a reset does not have to wait for all of a huge request. */
#define DATA_PIECE MIB(16)
#define ZERO_PIECE KIB(256)

typedef ssize_t transfer_fn(int fd, const struct iovec *iov, int count,
			    off_t offset);

/*
 * The part of the request's memory that is left after @done bytes, or as much
 * of it as goes into one call.
 */
static int window(const struct disk_request *req, uint64_t done,
		  struct iovec *out)
{
	uint64_t skip = req->skip + done;
	uint64_t left = min_u64(req->length - done, DATA_PIECE);
	int n = 0;

	for (unsigned i = 0; i < req->nr_iov && n < WINDOW && left > 0; i++) {
		const struct iovec *v = &req->iov[i];

		if (skip >= v->iov_len) {
			skip -= v->iov_len;
			continue;
		}
		out[n].iov_base = (uint8_t *)v->iov_base + skip;
		out[n].iov_len = (size_t)min_u64(v->iov_len - skip, left);
		left -= out[n].iov_len;
		skip = 0;
		n++;
	}
	return n;
}

static bool is_cancelled(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	bool cancel = disk->cancel;
	pthread_mutex_unlock(&disk->lock);
	return cancel;
}

static int transfer(struct disk *disk, const struct disk_request *req,
		    transfer_fn *fn)
{
	struct iovec iov[WINDOW];
	uint64_t done = 0;

	while (done < req->length) {
		int count = window(req, done, iov);
		if (count == 0)
			return -EINVAL;

		ssize_t n =
			fn(disk->fd, iov, count, (off_t)(req->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* Somebody made the file shorter than it was. */
		if (n == 0)
			return -EIO;
		done += (uint64_t)n;
		if (done < req->length && is_cancelled(disk))
			return -ECANCELED;
	}
	return 0;
}

static int sync_data(struct disk *disk)
{
	/*
	 * The kernel reports a lost page once for each descriptor: of two
	 * calls at a time, one could succeed although its data is lost.
	 */
	pthread_mutex_lock(&disk->sync_lock);
	if (disk->sync_error == 0) {
		int ret;

		do
			ret = fdatasync(disk->fd);
		while (ret < 0 && errno == EINTR);
		if (ret < 0)
			disk->sync_error = -errno;
	}
	int code = disk->sync_error;
	pthread_mutex_unlock(&disk->sync_lock);
	return code;
}

static int do_read(struct disk *disk, const struct disk_request *req)
{
	return transfer(disk, req, preadv);
}

static int do_write(struct disk *disk, const struct disk_request *req)
{
	int ret = transfer(disk, req, pwritev);

	return ret == 0 && req->through ? sync_data(disk) : ret;
}

static int do_flush(struct disk *disk, const struct disk_request *req)
{
	(void)req;
	return disk->info.read_only ? 0 : sync_data(disk);
}

static int allocate(struct disk *disk, int mode, uint64_t offset,
		    uint64_t length)
{
	int ret;

	do
		ret = fallocate(disk->fd, mode | FALLOC_FL_KEEP_SIZE,
				(off_t)offset, (off_t)length);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* The device wants whole blocks; a discard may always do less. */
static int discard_device(struct disk *disk, const struct disk_request *req)
{
	uint64_t start = align_up(req->offset, disk->host_block);
	uint64_t end = align_down(req->offset + req->length, disk->host_block);
	uint64_t range[2] = { start, end - start };

	int ret = 0;

	if (start >= end)
		return 0;
	do
		ret = ioctl(disk->fd, BLKDISCARD, range);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static int do_discard(struct disk *disk, const struct disk_request *req)
{
	if (!disk->info.can_discard)
		return -EOPNOTSUPP;
	if (req->length == 0)
		return 0;

	int ret = disk->is_block ? discard_device(disk, req)
				 : allocate(disk, FALLOC_FL_PUNCH_HOLE,
					    req->offset, req->length);
	return ret == 0 && req->through ? sync_data(disk) : ret;
}

/* In pieces, for the same reason. */
static int write_zero_bytes(struct disk *disk, const struct disk_request *req)
{
	static const uint8_t zeroes[4096];
	struct iovec iov[ZERO_PIECE / sizeof(zeroes)];

	for (size_t i = 0; i < ARRAY_SIZE(iov); i++) {
		/* Only read from: the cast is for the struct's sake. */
		iov[i].iov_base = (void *)(uintptr_t)zeroes;
		iov[i].iov_len = sizeof(zeroes);
	}

	uint64_t done = 0;
	int ret = 0;

	while (ret == 0 && done < req->length) {
		struct disk_request piece = {
			.iov = iov,
			.nr_iov = ARRAY_SIZE(iov),
			.offset = req->offset + done,
			.length = min_u64(req->length - done, ZERO_PIECE),
		};

		if (is_cancelled(disk))
			return -ECANCELED;
		ret = transfer(disk, &piece, pwritev);
		done += piece.length;
	}
	return ret;
}

static bool unsupported(int code)
{
	return code == -EOPNOTSUPP || code == -ENOSYS || code == -EINVAL;
}

/* Both calls leave zeroes or fail, for files and for block devices. */
static int zero_range(struct disk *disk, const struct disk_request *req)
{
	int ret = -EOPNOTSUPP;

	if (req->unmap && disk->info.can_discard)
		ret = allocate(disk, FALLOC_FL_PUNCH_HOLE, req->offset,
			       req->length);
	if (unsupported(ret))
		ret = allocate(disk, FALLOC_FL_ZERO_RANGE, req->offset,
			       req->length);
	if (unsupported(ret))
		ret = write_zero_bytes(disk, req);
	return ret;
}

static int do_write_zeroes(struct disk *disk, const struct disk_request *req)
{
	if (req->length == 0)
		return 0;

	int ret = zero_range(disk, req);

	return ret == 0 && req->through ? sync_data(disk) : ret;
}

static int (*const operations[DISK_NR_OPS])(struct disk *disk,
					    const struct disk_request *req) = {
	[DISK_READ] = do_read,
	[DISK_WRITE] = do_write,
	[DISK_FLUSH] = do_flush,
	[DISK_DISCARD] = do_discard,
	[DISK_WRITE_ZEROES] = do_write_zeroes,
};

int disk_execute(struct disk *disk, const struct disk_request *req)
{
	/* The descriptor would refuse as well; this does not depend on it. */
	if (disk->info.read_only && req->op != DISK_READ &&
	    req->op != DISK_FLUSH)
		return -EROFS;
	return operations[req->op](disk, req);
}
