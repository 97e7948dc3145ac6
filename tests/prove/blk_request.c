/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk: from a popped chain to the disk or to the answer.
 *
 * For a disk of any size, any features, and every chain that virtq_pop() hands
 * out (lengths that add up to less than 2^32, see virtq_pop), with any header
 * and any ranges: what the disk is given lies inside the disk, and its length
 * in the chain; a read-only disk is not written; each request is either with
 * the disk or answered, once, also when the disk says that it is done.
 *
 * Does not cover: the chain's own accesses, for which see virtq_chain; the
 * loop that pops; what the disk's workers do.
 */
#include "tests/prove/env.h"
#include "tests/prove/copy.h"
#include "devices/virtio_blk_request.c"

static struct virtio_blk blk;
static struct disk disk;
static struct blk_request req;
static struct virtio_queue queue;
static unsigned submitted, pushed;

bool virtio_has(const struct virtio_device *vdev, unsigned bit)
{
	prove(vdev == &blk.vdev && bit < 64);
	return nondet_bool();
}

size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t off,
			void *buf, size_t len)
{
	uint64_t left = off < chain->out_len ? chain->out_len - off : 0;

	prove(__CPROVER_w_ok(buf, len));
	__CPROVER_havoc_slice(buf, len);
	return min_u64(left, len);
}

size_t virtq_chain_write(struct virtq *vq, const struct virtq_chain *chain,
			 uint64_t off, const void *buf, size_t len)
{
	uint64_t left = off < chain->in_len ? chain->in_len - off : 0;

	prove(vq == &queue.vq);
	prove(len == 0 || off < chain->in_len);
	prove(__CPROVER_r_ok(buf, len));
	return min_u64(left, len);
}

void virtq_chain_dirty(struct virtq *vq, const struct virtq_chain *chain,
		       uint64_t len)
{
	prove(vq == &queue.vq && len < chain->in_len);
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	prove(vq == &queue.vq && head == req.chain.head);
	prove(written <= req.chain.in_len);
	pushed++;
}

/* What struct disk_request says that the caller makes sure of. */
void disk_submit(struct disk *to, struct disk_request *io)
{
	prove(to == &disk && io == &req.io);
	if (io->op != DISK_FLUSH) {
		prove(io->length <= disk.info.size);
		prove(io->offset <= disk.info.size - io->length);
	}
	if (io->op == DISK_READ)
		prove(io->nr_iov <= VIRTQ_MAX_IOV &&
		      io->length + 1 == req.chain.in_len);
	if (io->op == DISK_WRITE)
		prove(!disk.info.read_only && io->nr_iov <= VIRTQ_MAX_IOV &&
		      io->length + io->skip == req.chain.out_len);
	if (io->op == DISK_DISCARD || io->op == DISK_WRITE_ZEROES)
		prove(req.next_range <= req.nr_ranges &&
		      req.nr_ranges <= BLK_MAX_RANGES);
	submitted++;
}

int main(void)
{
	static struct vm vm;
	static struct blk_queue q;

	disk.info.size = nondet_u64();
	suppose(disk.info.size <= INT64_MAX);
	suppose(disk.info.size % DISK_SECTOR == 0);
	disk.info.read_only = nondet_bool();
	blk.disk = &disk;
	blk.sectors = disk.info.size / DISK_SECTOR;
	blk.discard = nondet_bool();
	blk.vdev.queues = &queue;
	blk.vdev.dev.vm = &vm;
	q.blk = &blk;
	req.queue = &q;
	req.nr_ranges = nondet_u32();
	req.chain.head = nondet_u16();
	req.chain.nr_out = nondet_u32();
	req.chain.nr_in = nondet_u32();
	req.chain.out_len = nondet_u32();
	req.chain.in_len = nondet_u32();
	suppose(req.chain.nr_out <= VIRTQ_MAX_IOV);
	suppose(req.chain.nr_in <= VIRTQ_MAX_IOV - req.chain.nr_out);
	suppose(req.chain.out_len + req.chain.in_len <= UINT32_MAX);

	handle(&blk, &req);
	prove(submitted + pushed == 1);
	if (submitted == 1) {
		blk.vdev.resetting = nondet_bool();
		req.io.result = nondet_int();
		suppose(req.io.result <= 0);
		blk_done(&blk.client, &req.io);
		prove(submitted + pushed == (blk.vdev.resetting ? 1 : 2));
	}
	return 0;
}
