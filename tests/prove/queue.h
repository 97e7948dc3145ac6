/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtqueue of up to four descriptors that a driver has enabled, in any state
 * that it can be in: any place of its areas, indices, features and heads in
 * flight.
 */
#ifndef PRIVET_TESTS_PROVE_QUEUE_H
#define PRIVET_TESTS_PROVE_QUEUE_H

#include "tests/prove/ram.h"
#include "devices/virtq.c"

#define QUEUE_MAX 4

static inline void queue_init(struct virtq *vq, struct gmem *gmem)
{
	virtq_init(vq, gmem, QUEUE_MAX);
	virtq_set_size(vq, nondet_u32());
	vq->desc = nondet_u64();
	vq->driver = nondet_u64();
	vq->device = nondet_u64();
	suppose(virtq_enable(vq) == 0);
	vq->event_idx = nondet_bool();
	vq->indirect = nondet_bool();
	vq->broken = nondet_bool();
	vq->last_avail = nondet_u16();
	vq->used_idx = nondet_u16();
	vq->signalled = nondet_u16();
	vq->signalled_valid = nondet_bool();
	vq->in_flight[0] = nondet_u64();
	suppose(vq->in_flight[0] < 1ULL << vq->size);
}

#endif
