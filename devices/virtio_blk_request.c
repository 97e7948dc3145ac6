/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk: the life of a request.
 *
 * Theory of operation: a doorbell pops chains into requests from the queue's
 * pool, checks them, and gives them to the disk's workers; a run of
 * completions pushes the chains and ends in one interrupt for each queue.
 * With its pool used up a queue is starved: it is left alone, without
 * doorbells, until a completion gives requests back. All of it runs on the
 * I/O thread (completions also where the disk is drained), always under the
 * device's lock.
 */
#include "devices/virtio_blk.h"

#include <errno.h>
#include <string.h>

#include "vmm/bytes.h"
#include "vmm/vm.h"

/* Request types and status, virtio 1.2, 5.2.6 */
enum {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13,
};

enum {
	BLK_S_OK = 0,
	BLK_S_IOERR = 1,
	BLK_S_UNSUPP = 2,
	/* Not the guest's: the request is with the disk. */
	BLK_STARTED = 256,
};

#define BLK_HEADER_SIZE 16U
#define BLK_RANGE_SIZE  16U
#define BLK_RANGE_UNMAP 1U

static struct virtq *queue_vq(struct blk_queue *q)
{
	return &q->blk->vdev.queues[q->index].vq;
}

/*
 * The pool: memory that was never used costs nothing.
 */

static struct blk_request *get_request(struct blk_queue *q)
{
	struct blk_request *req = q->free;

	if (req != NULL) {
		q->free = req->next_free;
		return req;
	}
	if (q->nr_touched == BLK_POOL)
		return NULL;
	req = &q->pool[q->nr_touched++];
	req->queue = q;
	return req;
}

static void put_request(struct blk_request *req)
{
	req->next_free = req->queue->free;
	req->queue->free = req;
}

/*
 * Completion.
 */

/* The status is the last writable byte, virtio 1.2, 5.2.6. */
static void complete(struct blk_request *req, int status)
{
	struct virtq *vq = queue_vq(req->queue);
	uint8_t byte = (uint8_t)status;
	uint32_t written = status == BLK_S_OK ? req->written : 0;

	virtq_chain_write(vq, &req->chain, req->chain.in_len - 1, &byte, 1);
	virtq_push(vq, req->chain.head, written + 1);
	req->queue->pushed = true;
	put_request(req);
}

static void submit(struct blk_request *req)
{
	/* Without FLUSH the driver takes a completed write for a safe one. */
	req->io.through = !virtio_has(&req->queue->blk->vdev, BLK_F_FLUSH);
	disk_submit(req->queue->blk->disk, &req->io);
}

/* One after the other: so they need no more than one place in the disk. */
static void submit_range(struct blk_request *req)
{
	const struct blk_range *range = &req->ranges[req->next_range++];

	req->io.offset = range->offset;
	req->io.length = range->length;
	req->io.unmap = range->unmap;
	submit(req);
}

static int result_status(int result)
{
	if (result == 0)
		return BLK_S_OK;
	return result == -EOPNOTSUPP ? BLK_S_UNSUPP : BLK_S_IOERR;
}

void blk_done(struct disk_client *client, struct disk_request *io)
{
	struct virtio_blk *blk =
		container_of(client, struct virtio_blk, client);
	struct blk_request *req = container_of(io, struct blk_request, io);

	/* A read that failed may have written some of it. */
	if (io->op == DISK_READ)
		virtq_chain_dirty(queue_vq(req->queue), &req->chain,
				  io->length);
	if (blk->vdev.resetting)
		put_request(req);
	else if (io->result == 0 && req->next_range < req->nr_ranges)
		submit_range(req);
	else
		complete(req, result_status(io->result));
}

/*
 * Requests. A handler returns a status, or BLK_STARTED.
 */

/* @bytes of data at @sector: whole sectors, and inside the disk. */
static bool in_disk(const struct virtio_blk *blk, uint64_t sector,
		    uint64_t bytes)
{
	return bytes % DISK_SECTOR == 0 &&
	       range_fits(sector, bytes / DISK_SECTOR, blk->sectors);
}

static int start_in(struct virtio_blk *blk, struct blk_request *req,
		    uint64_t sector)
{
	uint64_t length = req->chain.in_len - 1;

	if (!in_disk(blk, sector, length))
		return BLK_S_IOERR;
	req->written = (uint32_t)length;
	req->io = (struct disk_request){
		.op = DISK_READ,
		.iov = req->chain.iov + req->chain.nr_out,
		.nr_iov = req->chain.nr_in,
		.offset = sector * DISK_SECTOR,
		.length = length,
	};
	submit(req);
	return BLK_STARTED;
}

static int start_out(struct virtio_blk *blk, struct blk_request *req,
		     uint64_t sector)
{
	uint64_t length = req->chain.out_len - BLK_HEADER_SIZE;

	if (blk->disk->info.read_only || !in_disk(blk, sector, length))
		return BLK_S_IOERR;
	req->io = (struct disk_request){
		.op = DISK_WRITE,
		.iov = req->chain.iov,
		.nr_iov = req->chain.nr_out,
		.skip = BLK_HEADER_SIZE,
		.offset = sector * DISK_SECTOR,
		.length = length,
	};
	submit(req);
	return BLK_STARTED;
}

static int start_flush(struct virtio_blk *blk, struct blk_request *req,
		       uint64_t sector)
{
	(void)blk;
	(void)sector;
	req->io = (struct disk_request){ .op = DISK_FLUSH };
	submit(req);
	return BLK_STARTED;
}

static int start_get_id(struct virtio_blk *blk, struct blk_request *req,
			uint64_t sector)
{
	size_t room = (size_t)min_u64(req->chain.in_len - 1, BLK_ID_SIZE);

	(void)sector;
	req->written = (uint32_t)virtq_chain_write(
		queue_vq(req->queue), &req->chain, 0, blk->serial, room);
	return BLK_S_OK;
}

/*
 * Copies a range out of the guest and checks it (virtio 1.2, 5.2.6.2: flags
 * that are not known, and unmap in a discard, are not supported).
 */
static int load_range(const struct virtio_blk *blk, struct blk_request *req,
		      unsigned i, uint32_t flags_known, uint64_t max_sectors)
{
	uint8_t raw[BLK_RANGE_SIZE];

	virtq_chain_read(&req->chain,
			 BLK_HEADER_SIZE + (uint64_t)i * BLK_RANGE_SIZE, raw,
			 sizeof(raw));

	uint64_t sector = le64_load(raw);
	uint64_t count = le32_load(raw + 8);
	uint32_t flags = le32_load(raw + 12);

	if ((flags & ~flags_known) != 0)
		return BLK_S_UNSUPP;
	if (count > max_sectors || !range_fits(sector, count, blk->sectors))
		return BLK_S_IOERR;
	req->ranges[i] = (struct blk_range){
		.offset = sector * DISK_SECTOR,
		.length = count * DISK_SECTOR,
		.unmap = blk->discard && (flags & BLK_RANGE_UNMAP) != 0,
	};
	return BLK_S_OK;
}

/* All ranges are checked before the first one is begun. */
static int start_ranges(struct virtio_blk *blk, struct blk_request *req,
			enum disk_op op, uint32_t flags_known,
			uint64_t max_sectors)
{
	uint64_t length = req->chain.out_len - BLK_HEADER_SIZE;

	if (length == 0 || length % BLK_RANGE_SIZE != 0 ||
	    length / BLK_RANGE_SIZE > BLK_MAX_RANGES)
		return BLK_S_IOERR;

	unsigned count = (unsigned)(length / BLK_RANGE_SIZE);
	for (unsigned i = 0; i < count; i++) {
		int status = load_range(blk, req, i, flags_known, max_sectors);

		if (status != BLK_S_OK)
			return status;
	}
	req->nr_ranges = count;
	req->io = (struct disk_request){ .op = op };
	submit_range(req);
	return BLK_STARTED;
}

static int start_discard(struct virtio_blk *blk, struct blk_request *req,
			 uint64_t sector)
{
	(void)sector;
	if (!virtio_has(&blk->vdev, BLK_F_DISCARD))
		return BLK_S_UNSUPP;
	return start_ranges(blk, req, DISK_DISCARD, 0, BLK_DISCARD_SECTORS);
}

static int start_write_zeroes(struct virtio_blk *blk, struct blk_request *req,
			      uint64_t sector)
{
	(void)sector;
	if (!virtio_has(&blk->vdev, BLK_F_WRITE_ZEROES))
		return BLK_S_UNSUPP;
	return start_ranges(blk, req, DISK_WRITE_ZEROES, BLK_RANGE_UNMAP,
			    BLK_ZEROES_SECTORS);
}

static int (*const handlers[])(struct virtio_blk *blk, struct blk_request *req,
			       uint64_t sector) = {
	[BLK_T_IN] = start_in,
	[BLK_T_OUT] = start_out,
	[BLK_T_FLUSH] = start_flush,
	[BLK_T_GET_ID] = start_get_id,
	[BLK_T_DISCARD] = start_discard,
	[BLK_T_WRITE_ZEROES] = start_write_zeroes,
};

static int start(struct virtio_blk *blk, struct blk_request *req)
{
	uint8_t header[BLK_HEADER_SIZE];

	if (virtq_chain_read(&req->chain, 0, header, sizeof(header)) <
	    sizeof(header))
		return BLK_S_IOERR;

	uint32_t type = le32_load(header);
	if (type >= ARRAY_SIZE(handlers) || handlers[type] == NULL)
		return BLK_S_UNSUPP;
	return handlers[type](blk, req, le64_load(header + 8));
}

static void handle(struct virtio_blk *blk, struct blk_request *req)
{
	struct blk_queue *q = req->queue;

	/* No place to say anything: the driver just gets its chain back. */
	if (req->chain.in_len == 0) {
		log_guest(blk->vdev.dev.vm->log, &blk->vdev.guest_log,
			  LOG_WARNING,
			  "%s: the guest sent a request without a status byte",
			  blk->vdev.dev.id);
		virtq_push(queue_vq(q), req->chain.head, 0);
		q->pushed = true;
		put_request(req);
		return;
	}

	req->written = 0;
	req->nr_ranges = 0;
	req->next_range = 0;

	int status = start(blk, req);
	if (status != BLK_STARTED)
		complete(req, status);
}

/*
 * Pops up to *@budget chains. False: there is no more to do here, now.
 */
static bool pop_some(struct blk_queue *q, unsigned *budget)
{
	for (; *budget > 0; (*budget)--) {
		struct blk_request *req = get_request(q);

		if (req == NULL) {
			q->starved = true;
			return false;
		}

		int ret = virtq_pop(queue_vq(q), &req->chain);
		if (ret <= 0) {
			put_request(req);
			if (ret < 0)
				virtio_fail(&q->blk->vdev,
					    "bad descriptor chain");
			return ret == 0;
		}
		handle(q->blk, req);
	}
	/* A guest that never lets up shares the thread with other devices. */
	virtio_kick(&q->blk->vdev, q->index);
	return false;
}

static void serve(struct blk_queue *q)
{
	struct virtq *vq = queue_vq(q);
	unsigned budget = BLK_QUEUE_SIZE;

	q->starved = false;
	virtq_disable_notify(vq);
	while (pop_some(q, &budget)) {
		if (!virtq_enable_notify(vq))
			break;
		virtq_disable_notify(vq);
	}
}

static void signal_pushed(struct blk_queue *q)
{
	if (!q->pushed)
		return;
	q->pushed = false;
	virtio_signal(&q->blk->vdev, q->index);
}

void blk_batch(struct disk_client *client)
{
	struct virtio_blk *blk =
		container_of(client, struct virtio_blk, client);

	for (unsigned i = 0; i < blk->nr_queues; i++) {
		struct blk_queue *q = &blk->queues[i];

		/* What is complete first: the guest can go on meanwhile. */
		signal_pushed(q);
		if (q->starved && virtio_running(&blk->vdev))
			serve(q);
		signal_pushed(q);
	}
}

void blk_notify(struct virtio_device *vdev, unsigned index)
{
	struct blk_queue *q = &to_blk(vdev)->queues[index];

	serve(q);
	signal_pushed(q);
}
