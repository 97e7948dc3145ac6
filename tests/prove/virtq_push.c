/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtq_push_batch(), virtq_undo_pop(), and the calls about notifications:
 * all that they touch of the ring is inside it.
 *
 * For a queue of 1, 2 or 4 in any state (queue.h), any two heads of 16 bits,
 * any lengths: heads that are not in flight are ignored, one given twice is
 * pushed once.
 *
 * Does not cover: larger queues and batches.
 */
#include "tests/prove/queue.h"

int main(void)
{
	struct gmem gmem;
	struct virtq vq;
	uint16_t heads[2] = { nondet_u16(), nondet_u16() };
	uint32_t written[2] = { nondet_u32(), nondet_u32() };
	struct virtq_chain chain;

	ram_init(&gmem);
	queue_init(&vq, &gmem);

	struct virtq old = vq;
	virtq_push_batch(&vq, heads, written, 2);

	uint16_t pushed = (uint16_t)(vq.used_idx - old.used_idx);
	prove(pushed <= (heads[0] == heads[1] ? 1 : 2));
	prove((vq.in_flight[0] & ~old.in_flight[0]) == 0);
	if (old.broken)
		prove(pushed == 0);
	virtq_must_signal(&vq);
	virtq_enable_notify(&vq);
	virtq_disable_notify(&vq);
	virtq_has_avail(&vq);
	chain.head = nondet_u16();
	suppose(chain.head < vq.size);
	virtq_undo_pop(&vq, &chain);
	return 0;
}
