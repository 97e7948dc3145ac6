/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk (virtio 1.2, 5.2): what its two files share. virtio_blk.c is the
 * device, virtio_blk_request.c its requests.
 */
#ifndef PRIVET_DEVICES_VIRTIO_BLK_H
#define PRIVET_DEVICES_VIRTIO_BLK_H

#include "devices/disk.h"
#include "devices/virtio.h"

/* Feature bits, virtio 1.2, 5.2.3 */
#define BLK_F_SEG_MAX      2
#define BLK_F_RO           5
#define BLK_F_BLK_SIZE     6
#define BLK_F_FLUSH        9
#define BLK_F_TOPOLOGY     10
#define BLK_F_MQ           12
#define BLK_F_DISCARD      13
#define BLK_F_WRITE_ZEROES 14

#define BLK_CFG_SIZE       60
#define BLK_ID_SIZE        20U

#define BLK_QUEUE_SIZE     256U
#define BLK_MAX_QUEUES     16U
/* More than this in flight makes no disk faster. */
#define BLK_POOL       64U
#define BLK_MAX_RANGES 16U
/* So that no single request takes a worker for long. */
#define BLK_DISCARD_SECTORS ((uint32_t)(GIB(2) / DISK_SECTOR))
#define BLK_ZEROES_SECTORS  ((uint32_t)(MIB(64) / DISK_SECTOR))

struct blk_queue;
struct virtio_blk;

/** struct blk_range - A part of the disk to discard or to zero, in bytes */
struct blk_range {
	uint64_t offset;
	uint64_t length;
	bool unmap;
};

/**
 * struct blk_request - A popped chain until it is pushed
 * @io: the part that the disk works on
 * @queue: whose it is
 * @next_free: in the queue's pool
 * @written: bytes at the start of the writable part, if all goes well
 * @ranges, @nr_ranges: of a discard or write of zeroes
 * @next_range: first that was not given to the disk yet
 * @chain: last, because few of its iovecs are ever touched
 */
struct blk_request {
	struct disk_request io;
	struct blk_queue *queue;
	struct blk_request *next_free;
	uint32_t written;
	unsigned nr_ranges;
	unsigned next_range;
	struct blk_range ranges[BLK_MAX_RANGES];
	struct virtq_chain chain;
};

/**
 * struct blk_queue - A request queue
 * @blk, @index: where it belongs
 * @pool: BLK_POOL requests, of which the first @nr_touched were used ever
 * @free: those among them that are free
 * @starved: stopped popping for want of a request
 * @pushed: an interrupt is due
 */
struct blk_queue {
	struct virtio_blk *blk;
	unsigned index;
	struct blk_request *pool;
	unsigned nr_touched;
	struct blk_request *free;
	bool starved;
	bool pushed;
};

/**
 * struct virtio_blk - The device
 * @client: gets the disk's completions
 * @disk: owned
 * @sectors: capacity in units of 512 bytes
 * @discard: the guest may give storage back
 * @config: configuration space; constant
 * @serial: padded with zeroes
 * @queues, @nr_queues: owned; their pools are one mapping of @pool_size bytes
 */
struct virtio_blk {
	struct virtio_device vdev;
	struct disk_client client;
	struct disk *disk;
	uint64_t sectors;
	bool discard;
	uint8_t config[BLK_CFG_SIZE];
	uint8_t serial[BLK_ID_SIZE];
	struct blk_queue queues[BLK_MAX_QUEUES];
	unsigned nr_queues;
	void *pools;
	size_t pool_size;
};

static inline struct virtio_blk *to_blk(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_blk, vdev);
}

/** blk_notify() - struct virtio_type's notify: serve a queue */
void blk_notify(struct virtio_device *vdev, unsigned index);

/** blk_done(), blk_batch() - Calls of struct disk_client */
void blk_done(struct disk_client *client, struct disk_request *io);
void blk_batch(struct disk_client *client);

#endif
