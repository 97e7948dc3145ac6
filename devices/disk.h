/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks on the host: a raw image file or a block device.
 *
 * A disk is bytes as they are: no format is looked for, nothing is created or
 * truncated. Requests run on a small pool of worker threads that belongs to
 * the disk; their completions come back on the I/O thread, under a lock that
 * the owner names.
 */
#ifndef PRIVET_DEVICES_DISK_H
#define PRIVET_DEVICES_DISK_H

#include <pthread.h>
#include <sys/uio.h>
#include "vmm/error.h"
#include "vmm/evloop.h"
#include "vmm/log.h"

#define DISK_SECTOR      512U
#define DISK_BLOCK_MAX   4096U
#define DISK_MAX_THREADS 4U

/** enum disk_op - What a request does */
enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,
	DISK_DISCARD,
	DISK_WRITE_ZEROES,
	DISK_NR_OPS,
};

/**
 * struct disk_request - A request, embedded in its owner's own
 * @op: what to do
 * @through: after a write, it is on the medium before it completes
 * @unmap: write zeroes: storage may be given back
 * @iov, @nr_iov: memory of a read or write; not owned, not changed, must stay
 *	until completion
 * @skip: bytes at the start of @iov to leave alone
 * @offset, @length: bytes of the disk; the caller made sure that they lie
 *	inside it; @length is at most what @iov has after @skip
 * @result: 0 or negative errno, once completed. -ECANCELED: by disk_cancel()
 * @next: owned by the disk from submission to completion
 */
struct disk_request {
	enum disk_op op;
	bool through;
	bool unmap;
	const struct iovec *iov;
	unsigned nr_iov;
	uint64_t skip;
	uint64_t offset;
	uint64_t length;
	int result;
	struct disk_request *next;
};

/**
 * struct sandbox;

struct disk_client - Who gets the completions
 * @lock: held around both calls and by the caller of disk_submit()
 * @done: a request is complete and the client's again; it may submit more
 * @batch: called after a run of done() calls; may be NULL
 */
struct disk_client {
	pthread_mutex_t *lock;
	void (*done)(struct disk_client *client, struct disk_request *req);
	void (*batch)(struct disk_client *client);
};

/**
 * struct disk_config - What to open and how
 * @path: file or block device; NULL when @fd is used
 * @fd: descriptor to duplicate when @path is NULL
 * @read_only: open for reading only
 * @share: allow other processes that share to have it open for writing
 * @block_size: logical block size; 0: the block device's own, 512 for a file
 * @threads: workers, 1 to DISK_MAX_THREADS
 */
struct disk_config {
	const char *path;
	int fd;
	bool read_only;
	bool share;
	uint32_t block_size;
	unsigned threads;
};

/**
 * struct disk_info - What the disk is like; constant
 * @size: bytes, not 0, a multiple of @logical
 * @logical: logical block size, a power of two, 512 or more
 * @physical: physical block size, a power of two, @logical or more
 * @io_min, @io_opt: preferred request sizes in bytes; 0: none
 * @discard_align: granularity of discards in bytes
 * @read_only: opened for reading only
 * @can_discard: the host gives storage back
 */
struct disk_info {
	uint64_t size;
	uint32_t logical;
	uint32_t physical;
	uint32_t io_min;
	uint32_t io_opt;
	uint32_t discard_align;
	bool read_only;
	bool can_discard;
};

/**
 * struct disk - An open disk
 * @info: properties
 * @name: path, or "fd N"; for messages; owned
 * @fd: owned
 * @is_block: a block device, whose own logical blocks have @host_block bytes
 * @client, @loop, @log: not owned
 * @delivery: brings completions to the I/O thread
 * @sync_lock: one fdatasync() at a time; outer to @lock
 * @sync_error: one failed: the kernel may have dropped what was written, so
 *	none succeeds any more; guarded by @sync_lock
 * @lock: guards all that follow; a leaf
 * @work_cond: a request was queued, or @closing
 * @done_cond: @completed changed
 * @queue, @queue_tail: waiting for a worker
 * @done, @done_tail: waiting for delivery
 * @in_flight: requests submitted and not delivered
 * @completed: how many requests ever were put on @done
 * @idle: workers that wait on @work_cond
 * @cancel: long requests stop early
 * @reported: one bit for each kind of failure that was logged
 * @sandbox, @lock_down: workers have to enter it; not owned
 * @nr_sandboxed: workers that did
 * @sandbox_error: why one could not
 * @threads, @nr_threads: workers
 */
struct disk {
	struct disk_info info;
	char *name;
	int fd;
	bool is_block;
	uint32_t host_block;
	struct disk_client *client;
	struct evloop *loop;
	struct log *log;
	struct ev_work delivery;

	pthread_mutex_t sync_lock;
	int sync_error;

	pthread_mutex_t lock;
	pthread_cond_t work_cond;
	pthread_cond_t done_cond;
	struct disk_request *queue, **queue_tail;
	struct disk_request *done, **done_tail;
	unsigned in_flight;
	uint64_t completed;
	unsigned idle;
	bool cancel;
	bool closing;
	uint32_t reported;
	struct sandbox *sandbox;
	bool lock_down;
	unsigned nr_sandboxed;
	struct error sandbox_error;
	pthread_t threads[DISK_MAX_THREADS];
	unsigned nr_threads;
};

/**
 * disk_open() - Open, lock and measure a disk, and start its workers
 * @client: must outlive the disk
 * @loop: where completions are delivered
 * @log: failures are reported there, once for each kind
 *
 * Return: 0, or negative errno with a line in @err and nothing left open.
 * Context: main thread.
 */
int disk_open(const struct disk_config *cfg, struct disk_client *client,
	      struct evloop *loop, struct log *log, struct disk **out,
	      struct error *err);

/**
 * disk_close() - Join the workers and close
 * @disk: may be NULL; nothing may be in flight
 *
 * Context: main thread, while the loop does not run.
 */
void disk_close(struct disk *disk);

/**
 * disk_submit() - Start a request
 *
 * A flush covers the writes that were completed before it was submitted.
 * Requests that are in flight together are not ordered.
 *
 * Context: any thread, client's lock held. Does not block, does not call back.
 */
void disk_submit(struct disk *disk, struct disk_request *req);

/**
 * disk_cancel() - Complete what no worker has begun, and hurry the rest
 *
 * For a reset: what is cancelled has -ECANCELED. Only with disk_drain() next.
 *
 * Context: client's lock held.
 */
void disk_cancel(struct disk *disk);

/**
 * disk_drain() - Deliver completions until nothing is in flight
 *
 * Gives the client's lock up while it waits, like pthread_cond_wait(); the
 * client must not submit from elsewhere meanwhile. Works whether or not the
 * loop runs.
 *
 * Context: client's lock held; not the I/O thread's callbacks of this client.
 */
void disk_drain(struct disk *disk);

/**
 * disk_lock_down() - Have all workers enter the sandbox
 * @sandbox: NULL: there is none, and they just go on
 *
 * Return: 0 when all have, or negative errno with @err.
 * Context: main thread; before anything was submitted.
 */
int disk_lock_down(struct disk *disk, struct sandbox *sandbox,
		   struct error *err);

/*
 * Between disk.c and disk_io.c.
 */

/**
 * disk_execute() - Do a request, blocking
 *
 * Return: 0 or negative errno. -EOPNOTSUPP: the host cannot discard.
 * Context: a worker, no lock.
 */
int disk_execute(struct disk *disk, const struct disk_request *req);

/** disk_start() - Start @threads workers; Return: 0 or error with @err */
int disk_start(struct disk *disk, unsigned threads, struct error *err);

/** disk_join() - Stop and join the workers; idempotent */
void disk_join(struct disk *disk);

#endif
