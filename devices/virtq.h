/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues (virtio 1.2, 2.7): the security boundary of every virtio
 * device.
 *
 * Everything in a ring is written by a hostile guest, perhaps while we look
 * at it: each value is copied once, the copy is checked, and only the copy is
 * used. What virtq_pop() returns lies in guest RAM and does not change any
 * more; the bytes that the iovecs point to still do.
 *
 * A queue belongs to its device: all calls are made with the device's lock
 * held.
 */
#ifndef PRIVET_DEVICES_VIRTQ_H
#define PRIVET_DEVICES_VIRTQ_H

#include <sys/uio.h>
#include "vmm/gmem.h"

#define VIRTQ_MAX_SIZE 1024U
#define VIRTQ_MAX_IOV  256U

/**
 * struct virtq - A queue
 * @gmem: guest memory; not owned
 * @max: largest size offered; a power of two up to VIRTQ_MAX_SIZE
 * @size: size that the driver chose; a power of two up to @max
 * @desc, @driver, @device: guest-physical addresses as the driver wrote them
 * @ready: the driver enabled it and the addresses were good: they are frozen
 * @broken: the driver violated the protocol; nothing is read until reset
 * @event_idx, @indirect: features that were negotiated
 * @desc_host, @avail_host, @used_host: translations made when enabled
 * @last_avail: next available index to look at
 * @used_idx: next used index to write
 * @signalled: used index at the last look of virtq_must_signal()
 * @signalled_valid: false: so much was pushed since that @signalled says
 *	nothing any more: signal whatever the driver asked for
 * @in_flight: one bit per head that was popped and not pushed
 */
struct virtq {
	struct gmem *gmem;
	uint16_t max;
	uint16_t size;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	bool ready;
	bool broken;
	bool event_idx;
	bool indirect;
	uint8_t *desc_host;
	uint8_t *avail_host;
	uint8_t *used_host;
	uint16_t last_avail;
	uint16_t used_idx;
	uint16_t signalled;
	bool signalled_valid;
	uint64_t in_flight[VIRTQ_MAX_SIZE / 64];
};

/**
 * struct virtq_chain - A popped descriptor chain
 * @head: index to give back
 * @nr_out: iovecs that the device reads; they come first
 * @nr_in: iovecs that the device writes
 * @out_len, @in_len: bytes in each
 * @iov: host addresses inside guest RAM, no zero lengths
 *
 * About 4 KiB: a device keeps a pool of them.
 */
struct virtq_chain {
	uint16_t head;
	unsigned nr_out;
	unsigned nr_in;
	uint64_t out_len;
	uint64_t in_len;
	struct iovec iov[VIRTQ_MAX_IOV];
};

/** virtq_init() - Set up an idle queue of at most @max entries */
void virtq_init(struct virtq *vq, struct gmem *gmem, uint16_t max);

/** virtq_reset() - Back to what virtq_init() left */
void virtq_reset(struct virtq *vq);

/**
 * virtq_set_size() - The driver chooses a size
 *
 * One that is not a power of two up to @max becomes 0: virtq_enable() will
 * refuse it.
 */
void virtq_set_size(struct virtq *vq, uint32_t size);

/**
 * virtq_enable() - Check size and addresses and fix them
 *
 * Return: 0, or -EINVAL when the size is 0, not a power of two or larger than
 * @max, an area is not aligned (16, 2, 4 bytes) or not wholly in RAM, or two
 * of them overlap.
 */
int virtq_enable(struct virtq *vq);

/** virtq_disable() - The driver wrote 0 to QueueReady */
void virtq_disable(struct virtq *vq);

/**
 * virtq_pop() - Take the next available chain
 *
 * Return: 1 with @chain filled; 0 when there is none (also when the queue is
 * not ready); -EPROTO when the driver broke the protocol: the queue is marked
 * broken and the device must call virtio_fail(). Never more than the queue's
 * size of descriptors is followed.
 */
int virtq_pop(struct virtq *vq, struct virtq_chain *chain);

/**
 * virtq_undo_pop() - Put the chain that was popped last back
 *
 * For a device that cannot use it yet; only directly after virtq_pop().
 */
void virtq_undo_pop(struct virtq *vq, const struct virtq_chain *chain);

/**
 * virtq_push() - Give a chain back; exactly once for each popped one
 * @head: chain->head
 * @written: bytes written into the writable part
 *
 * The device marks what it wrote: see virtq_chain_dirty().
 */
void virtq_push(struct virtq *vq, uint16_t head, uint32_t written);

/**
 * virtq_push_batch() - Publish several used elements at once
 *
 * All become visible together, as a packet in merged buffers must.
 */
void virtq_push_batch(struct virtq *vq, const uint16_t *heads,
		      const uint32_t *written, unsigned count);

/**
 * virtq_must_signal() - Whether the driver wants an interrupt for what was
 * pushed since the last call
 */
bool virtq_must_signal(struct virtq *vq);

/**
 * virtq_enable_notify() - Ask the driver for doorbells again
 *
 * Return: true when a chain came in meanwhile: go on popping.
 */
bool virtq_enable_notify(struct virtq *vq);

/** virtq_disable_notify() - No doorbells needed while we poll */
void virtq_disable_notify(struct virtq *vq);

/** virtq_has_avail() - Whether virtq_pop() would find something */
bool virtq_has_avail(struct virtq *vq);

/**
 * virtq_chain_read() - Copy out of the readable part
 * @off: bytes to skip
 *
 * Return: bytes copied, less than @len only at the end of the chain.
 */
size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t off,
			void *buf, size_t len);

/**
 * virtq_chain_write() - Copy into the writable part and mark it dirty
 *
 * Return: bytes copied, less than @len only at the end of the chain.
 */
size_t virtq_chain_write(struct virtq *vq, const struct virtq_chain *chain,
			 uint64_t off, const void *buf, size_t len);

/**
 * virtq_chain_dirty() - Mark the first @len bytes of the writable part dirty
 *
 * For data that the kernel wrote there (preadv).
 */
void virtq_chain_dirty(struct virtq *vq, const struct virtq_chain *chain,
		       uint64_t len);

/**
 * virtq_chain_slice() - iovecs of a piece of the chain
 * @writable: of the writable part, else of the readable one
 * @iov, @max: where to put them
 *
 * Return: number of iovecs, or -ERANGE when the piece is not inside or needs
 * more than @max.
 */
int virtq_chain_slice(const struct virtq_chain *chain, bool writable,
		      uint64_t off, uint64_t len, struct iovec *iov,
		      unsigned max);

struct snap_reader;
struct snap_writer;

/** virtq_save() - Addresses and indices; nothing may be in flight */
void virtq_save(const struct virtq *vq, struct snap_writer *w);

/** virtq_restore() - Read and check them; enables the queue if it was */
int virtq_restore(struct virtq *vq, struct snap_reader *r);

#endif
