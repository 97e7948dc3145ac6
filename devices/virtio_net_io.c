/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net's packets.
 *
 * Between two callbacks no chain is in flight: one that cannot be used yet is
 * put back, so quiesce, reset and saved state need no care for it.
 *
 * Receiving: a packet is read into a buffer of the device's own and copied
 * out. Only then is its length known, and with it how many of the guest's
 * buffers it takes: nothing has to be taken on suspicion, and a packet that
 * does not fit leaves no trace. It waits while the driver has given too few
 * buffers, and so long the tap is not polled: a guest that never reads its
 * queue costs nothing, and the host's queue drops the rest. Without merged
 * buffers one buffer has to hold it, or it is dropped.
 *
 * Sending: the header is copied, checked and handed to the tap together with
 * the guest's own memory, so the data is not copied here. When the tap is
 * full the chain waits in the queue for EPOLLOUT: to drop it would turn a
 * short stall of the host into loss that the guest's TCP has to repair.
 */
#include <errno.h>

#include "devices/virtio_net.h"
#include "vmm/bytes.h"
#include "vmm/vm.h"

/* Packet header, virtio 1.2, 5.1.6 */
enum {
	HDR_FLAGS = 0,
	HDR_GSO_TYPE = 1,
	HDR_NUM_BUFFERS = 10,
	HDR_F_NEEDS_CSUM = 1,
	HDR_GSO_NONE = 0,
	HDR_GSO_TCPV4 = 1,
	HDR_GSO_TCPV6 = 4,
};

/*
 * Receiving.
 */

static bool gso_allowed(const struct virtio_net *net, uint8_t type,
			unsigned tso4, unsigned tso6)
{
	return type == HDR_GSO_NONE ||
	       (type == HDR_GSO_TCPV4 && virtio_has(&net->vdev, tso4)) ||
	       (type == HDR_GSO_TCPV6 && virtio_has(&net->vdev, tso6));
}

/*
 * Packets that the tap had queued before it learned what the driver takes may
 * leave too much undone.
 */
static bool rx_header_good(struct virtio_net *net)
{
	uint8_t *hdr = net->rx_buf;

	if (virtio_has(&net->vdev, NET_F_GUEST_CSUM))
		return gso_allowed(net, hdr[HDR_GSO_TYPE], NET_F_GUEST_TSO4,
				   NET_F_GUEST_TSO6);
	if (hdr[HDR_FLAGS] & HDR_F_NEEDS_CSUM)
		return false;
	/* virtio 1.2, 5.1.6.4.1: no flags without GUEST_CSUM. */
	hdr[HDR_FLAGS] = 0;
	return hdr[HDR_GSO_TYPE] == HDR_GSO_NONE;
}

/* Return: 1 when a packet is waiting, 0 when there is none, -ENODEV. */
static int rx_fetch(struct virtio_net *net)
{
	if (net->rx_len != 0)
		return 1;

	ssize_t len = tap_read(&net->tap, net->rx_buf, sizeof(net->rx_buf));
	if (len == -EAGAIN)
		return 0;
	/* That packet is gone, which is no worse than a bad one. */
	if (len == -EINVAL)
		return 1;
	/* An error that stays would have us called again and again. */
	if (len < 0)
		return -ENODEV;
	/* A bad one is left at length 0, and the caller comes again. */
	if ((size_t)len >= TAP_HDR_LEN + TAP_MIN_PACKET &&
	    (size_t)len <= NET_MAX_LEN && rx_header_good(net))
		net->rx_len = (size_t)len;
	return 1;
}

/*
 * Take a buffer. When there is none the driver is asked to say when there is:
 * at this point, with the chains popped that do not suffice, so that the next
 * one rings.
 */
static int rx_pop(struct virtq *vq, struct virtq_chain *chain)
{
	int ret = virtq_pop(vq, chain);

	if (ret == 0 && virtq_enable_notify(vq))
		ret = virtq_pop(vq, chain);
	return ret;
}

static void rx_put_back(struct virtio_net *net, unsigned count)
{
	while (count > 0) {
		net->chain.head = net->heads[--count];
		virtq_undo_pop(net_queue(net, NET_QUEUE_RX), &net->chain);
	}
}

/*
 * Fill buffers until the packet is in.
 *
 * Return: their number; 0 when there are too few for now; -ENOSPC when they
 * will never suffice; -EPROTO. Unless positive, all have been put back.
 */
static int rx_fill(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_RX);
	bool merge = virtio_has(&net->vdev, NET_F_MRG_RXBUF);
	unsigned max = merge ? vq->size : 1;
	unsigned count = 0;
	size_t done = 0;
	int ret = -ENOSPC;

	while (count < max && done < net->rx_len) {
		struct virtq_chain *chain = count ? &net->chain : &net->first;

		ret = rx_pop(vq, chain);
		if (ret <= 0)
			break;
		net->heads[count++] = chain->head;
		/* virtio 1.2, 5.1.6.3.1: each can hold a header at least. */
		ret = chain->in_len < TAP_HDR_LEN ? -EPROTO : -ENOSPC;
		if (ret == -EPROTO)
			break;

		size_t part = virtq_chain_write(
			vq, chain, 0, net->rx_buf + done, net->rx_len - done);
		net->written[count - 1] = (uint32_t)part;
		done += part;
	}
	if (done == net->rx_len)
		return (int)count;
	rx_put_back(net, count);
	return ret;
}

/* Return: 1 when the packet is dealt with, 0 when it has to wait, -EPROTO. */
static int rx_deliver(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_RX);
	int count = rx_fill(net);

	if (count == 0 || count == -EPROTO)
		return count;
	if (count > 0) {
		uint8_t num_buffers[2];

		le16_store(num_buffers, (uint16_t)count);
		virtq_chain_write(vq, &net->first, HDR_NUM_BUFFERS, num_buffers,
				  sizeof(num_buffers));
		virtq_push_batch(vq, net->heads, net->written, (unsigned)count);
	}
	net->rx_len = 0;
	return 1;
}

/* Return: 1 to go on, 0 when the tap is empty, -EAGAIN without buffers. */
static int rx_one(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_RX);

	if (!virtq_has_avail(vq) && !virtq_enable_notify(vq))
		return -EAGAIN;

	int ret = rx_fetch(net);
	if (ret <= 0 || net->rx_len == 0)
		return ret;
	ret = rx_deliver(net);
	return ret == 0 ? -EAGAIN : ret;
}

int net_rx(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_RX);
	uint16_t before = vq->used_idx;
	int ret = 1;

	/* While the tap is polled we see new buffers ourselves. */
	virtq_disable_notify(vq);
	for (unsigned n = 0; ret > 0 && n < NET_BUDGET; n++)
		ret = rx_one(net);

	net_signal(net, NET_QUEUE_RX, before);
	net->rx_stalled = ret == -EAGAIN;
	if (ret == -EPROTO)
		virtio_fail(&net->vdev, "bad receive buffer");
	return ret == -ENODEV ? ret : 0;
}

/*
 * Sending.
 */

/*
 * Make the header fit for the tap. virtio 1.2, 5.1.6.2.2: flags that we do not
 * know are ignored. The rest is for the tap to judge: it knows the packet.
 */
static bool tx_header_good(const struct virtio_net *net, uint8_t *hdr)
{
	bool csum = virtio_has(&net->vdev, NET_F_CSUM);

	hdr[HDR_FLAGS] &= csum ? HDR_F_NEEDS_CSUM : 0;
	le16_store(hdr + HDR_NUM_BUFFERS, 0);
	return gso_allowed(net, hdr[HDR_GSO_TYPE], NET_F_HOST_TSO4,
			   NET_F_HOST_TSO6);
}

/* Return: as tap_write(); -EINVAL also for what the tap need not see. */
static int tx_send(struct virtio_net *net, const struct virtq_chain *chain)
{
	uint8_t hdr[TAP_HDR_LEN];

	if (!net->link)
		return 0;
	if (chain->out_len < TAP_HDR_LEN + TAP_MIN_PACKET ||
	    chain->out_len > NET_MAX_LEN)
		return -EINVAL;
	virtq_chain_read(chain, 0, hdr, sizeof(hdr));
	if (!tx_header_good(net, hdr))
		return -EINVAL;

	net->iov[0] = (struct iovec){ .iov_base = hdr, .iov_len = sizeof(hdr) };
	int count = virtq_chain_slice(chain, false, TAP_HDR_LEN,
				      chain->out_len - TAP_HDR_LEN,
				      net->iov + 1, VIRTQ_MAX_IOV);
	if (count < 0)
		return -EINVAL;
	return tap_write(&net->tap, net->iov, (unsigned)count + 1);
}

/* Return: 1 to go on, 0 when the queue is empty, -EAGAIN, -ENODEV, -EPROTO. */
static int tx_one(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_TX);
	int ret = virtq_pop(vq, &net->chain);

	if (ret <= 0)
		return ret;

	ret = tx_send(net, &net->chain);
	if (ret == -EAGAIN) {
		virtq_undo_pop(vq, &net->chain);
		return ret;
	}
	if (ret == -EINVAL)
		log_guest(net->vdev.dev.vm->log, &net->vdev.guest_log,
			  LOG_WARNING, "%s: dropped a malformed packet",
			  net->vdev.dev.id);
	virtq_push(vq, net->chain.head, 0);
	return ret == -ENODEV ? ret : 1;
}

int net_tx(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_TX);
	uint16_t before = vq->used_idx;
	unsigned n = 0;
	int ret = 1;

	virtq_disable_notify(vq);
	while (ret > 0 && n < NET_BUDGET) {
		n++;
		ret = tx_one(net);
		if (ret == 0 && virtq_enable_notify(vq))
			ret = 1;
	}
	net_signal(net, NET_QUEUE_TX, before);
	net->tx_blocked = ret == -EAGAIN;
	if (ret > 0)
		virtio_kick(&net->vdev, NET_QUEUE_TX);
	else if (ret == -EPROTO)
		virtio_fail(&net->vdev, "bad chain in the transmit queue");
	return ret == -ENODEV ? ret : 0;
}
