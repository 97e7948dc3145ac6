/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net: a packet that the guest sends, and its control commands.
 *
 * For any features and every chain that virtq_pop() hands out (see virtq_pop),
 * with any header and any command: headers are read whole, the tap gets at
 * most as many pieces as there is room for, and what is written back is one
 * byte.
 *
 * Does not cover: the chain's own accesses, for which see virtq_chain;
 * receiving; what the tap makes of a packet.
 */
#include "tests/prove/env.h"
#include "tests/prove/copy.h"
#include "devices/virtio_net_ctrl.c"
#include "devices/virtio_net_io.c"

static struct virtio_net net;

bool virtio_has(const struct virtio_device *vdev, unsigned bit)
{
	prove(vdev == &net.vdev && bit < 64);
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

int virtq_chain_slice(const struct virtq_chain *chain, bool writable,
		      uint64_t off, uint64_t len, struct iovec *iov,
		      unsigned max)
{
	int count = nondet_int();

	prove(!writable && range_fits(off, len, chain->out_len));
	prove(iov == net.iov + 1 && max < ARRAY_SIZE(net.iov));
	suppose(count >= -ERANGE && count <= (int)max);
	return count;
}

int tap_write(const struct tap *tap, const struct iovec *iov, unsigned count)
{
	prove(tap == &net.tap);
	prove(iov == net.iov && count <= ARRAY_SIZE(net.iov));
	prove(iov[0].iov_len == TAP_HDR_LEN);
	return nondet_int();
}

int main(void)
{
	struct virtq_chain *chain = &net.chain;

	chain->nr_out = nondet_u32();
	chain->out_len = nondet_u32();
	net.link = nondet_bool();
	tx_send(&net, chain);

	uint8_t ack = ctrl_run(&net, chain);
	prove(ack == CTRL_OK || ack == CTRL_ERR);
	return 0;
}
