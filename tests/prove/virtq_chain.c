/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtq_chain_read(), _write(), _slice(), _dirty(): a chain's buffers are not
 * left, whatever the offset and the length.
 *
 * For chains of up to two readable and two writable pieces of 1 to 64
 * bytes each, and every offset and length.
 *
 * Bounds: copies of up to 64 bytes.
 * Does not cover: chains of more pieces.
 */
#define PROVE_COPY_CHECKS_ONLY
#include "tests/prove/ram.h"
#include "devices/virtq_chain.c"

static void add(struct virtq_chain *chain, unsigned *nr, uint64_t *total)
{
	uint32_t len = nondet_u32();

	suppose(len > 0 && len <= 64);
	chain->iov[chain->nr_out + chain->nr_in] = (struct iovec){
		.iov_base = any_bytes(len),
		.iov_len = len,
	};
	(*nr)++;
	*total += len;
}

int main(void)
{
	struct virtq vq = { 0 };
	struct virtq_chain chain = { 0 };
	struct iovec iov[2];
	uint64_t off = nondet_u64();
	size_t len = nondet_size();
	unsigned nr_out = nondet_u32(), nr_in = nondet_u32();
	unsigned max = nondet_u32();

	suppose(nr_out <= 2 && nr_in <= 2 && max <= 2);
	for (unsigned i = 0; i < nr_out; i++)
		add(&chain, &chain.nr_out, &chain.out_len);
	for (unsigned i = 0; i < nr_in; i++)
		add(&chain, &chain.nr_in, &chain.in_len);

	if (nondet_bool()) {
		int count = virtq_chain_slice(&chain, nondet_bool(), off, len,
					      iov, max);

		prove(count >= -ERANGE && count <= (int)max);
		suppose(count > 0);
		prove(__CPROVER_w_ok(iov[0].iov_base, iov[0].iov_len));
		count--;
		prove(__CPROVER_w_ok(iov[count].iov_base, iov[count].iov_len));
		return 0;
	}
	suppose(len <= 64);

	uint8_t *buf = any_bytes(64);

	if (nondet_bool())
		prove(virtq_chain_read(&chain, off, buf, len) <= len);
	else if (nondet_bool())
		prove(virtq_chain_write(&vq, &chain, off, buf, len) <= len);
	else
		virtq_chain_dirty(&vq, &chain, off);
	return 0;
}
