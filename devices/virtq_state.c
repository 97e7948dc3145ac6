/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state of a virtqueue.
 *
 * Rings and buffers are in guest RAM and saved with it. What is left is where
 * they are and how far we got, and none of it is believed when it comes back.
 */
#include "devices/virtq.h"

#include <errno.h>
#include "vmm/snapshot.h"

static bool anything_in_flight(const struct virtq *vq)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(vq->in_flight); i++)
		any |= vq->in_flight[i];
	return any != 0;
}

void virtq_save(const struct virtq *vq, struct snap_writer *w)
{
	/* A request that is nowhere in the state would be lost. */
	if (anything_in_flight(vq) && w->error == 0)
		w->error = -EBUSY;
	snap_put_u16(w, vq->size);
	snap_put_u64(w, vq->desc);
	snap_put_u64(w, vq->driver);
	snap_put_u64(w, vq->device);
	snap_put_u8(w, vq->ready);
	snap_put_u8(w, vq->broken);
	snap_put_u16(w, vq->last_avail);
	snap_put_u16(w, vq->used_idx);
}

/*
 * What was popped was pushed, unless the driver broke the queue: then up to a
 * queue's size of chains was dropped.
 */
static bool indices_plausible(const struct virtq *vq)
{
	uint16_t distance = (uint16_t)(vq->last_avail - vq->used_idx);

	if (!vq->ready)
		return vq->last_avail == 0 && vq->used_idx == 0;
	return distance <= (vq->broken ? vq->size : 0);
}

int virtq_restore(struct virtq *vq, struct snap_reader *r)
{
	virtq_reset(vq);

	uint16_t size = snap_get_u16(r);

	virtq_set_size(vq, size);
	vq->desc = snap_get_u64(r);
	vq->driver = snap_get_u64(r);
	vq->device = snap_get_u64(r);

	uint8_t ready = snap_get_u8(r);
	uint8_t is_broken = snap_get_u8(r);

	vq->last_avail = snap_get_u16(r);
	vq->used_idx = snap_get_u16(r);
	vq->signalled = vq->used_idx;
	vq->broken = is_broken;
	if (vq->size != size || ready > 1 || is_broken > 1 ||
	    (ready && virtq_enable(vq)) || !indices_plausible(vq))
		snap_reader_fail(r);
	if (snap_reader_error(r))
		virtq_reset(vq);
	return snap_reader_error(r);
}
