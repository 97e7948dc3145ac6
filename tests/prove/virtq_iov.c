/* SPDX-License-Identifier: Apache-2.0 */
/*
 * add_buffer() of virtq.c: no chain has more than VIRTQ_MAX_IOV pieces.
 *
 * For every descriptor, on a chain that has any number of pieces already, up
 * to VIRTQ_MAX_IOV of them, and any length so far.
 *
 * Does not cover: more than two regions of RAM.
 */
#include "tests/prove/queue.h"

int main(void)
{
	struct gmem gmem;
	struct virtq vq;
	struct virtq_chain chain;
	struct desc d;

	ram_init(&gmem);
	any(vq);
	any(chain);
	any(d);
	vq.gmem = &gmem;
	suppose(chain.nr_out <= VIRTQ_MAX_IOV);
	suppose(chain.nr_in <= VIRTQ_MAX_IOV - chain.nr_out);

	struct walk walk = { .vq = &vq, .chain = &chain };
	walk.total = nondet_u32();
	bool writing = nondet_bool();
	/* Before what is written there is only what is read. */
	suppose(writing || chain.nr_in == 0);
	suppose(chain.out_len + chain.in_len == walk.total);
	suppose(chain.out_len <= walk.total);

	if (add_buffer(&walk, &d, &writing) == 0)
		prove(chain.out_len + chain.in_len <= UINT32_MAX);
	prove(chain.nr_out + chain.nr_in <= VIRTQ_MAX_IOV);
	return 0;
}
