/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtq_pop(): a chain that it hands out lies in RAM.
 *
 * For a queue of 1 or 2 in any state (queue.h) in RAM of one region
 * (ram.h), with whatever the driver writes, changing between any two loads:
 * every access is inside RAM; at most as many descriptors are followed as the
 * queue has; each iovec can be read and written; lengths add up and stay below
 * 2^32; a head is in the queue, was not in flight and is now; what is refused
 * leaves an empty chain and a broken queue.
 *
 * Bounds: a VIRTQ_MAX_IOV of 2 instead of 256.
 * Does not cover: buffers that cross regions, and a chain of too many pieces,
 * for which see virtq_iov; larger queues, and so chains and tables of more than
 * two descriptors.
 */
#define PROVE_ONE_REGION
#include "tests/prove/queue.h"

int main(void)
{
	struct gmem gmem;
	struct virtq vq;
	struct virtq_chain chain;

	ram_init(&gmem);
	queue_init(&vq, &gmem);
	any(chain);

	struct virtq old = vq;
	int ret = virtq_pop(&vq, &chain);

	prove(ret == 0 || ret == 1 || ret == -EPROTO);
	if (ret < 0)
		prove(vq.broken && chain.nr_out == 0 && chain.nr_in == 0);
	if (ret <= 0) {
		prove(vq.last_avail == old.last_avail);
		prove(vq.in_flight[0] == old.in_flight[0]);
		return 0;
	}
	prove(!old.broken);
	prove(chain.head < vq.size);
	prove((old.in_flight[0] >> chain.head & 1) == 0);
	prove((vq.in_flight[0] >> chain.head & 1) == 1);
	prove(chain.out_len + chain.in_len <= UINT32_MAX);
	prove(chain.nr_out + chain.nr_in <= vq.size);

	unsigned i = nondet_u32();
	suppose(i < chain.nr_out + chain.nr_in);
	prove(chain.iov[i].iov_len > 0);
	prove(chain.iov[i].iov_len <=
	      (i < chain.nr_out ? chain.out_len : chain.in_len));
	prove(__CPROVER_w_ok(chain.iov[i].iov_base, chain.iov[i].iov_len));
	return 0;
}
