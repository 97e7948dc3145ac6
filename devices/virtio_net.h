/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net, shared by its own files: virtio_net.c has the device,
 * virtio_net_io.c packets, virtio_net_ctrl.c the control queue.
 */
#ifndef PRIVET_DEVICES_VIRTIO_NET_H
#define PRIVET_DEVICES_VIRTIO_NET_H

#include "devices/tap.h"
#include "devices/virtio.h"

/* Features, virtio 1.2, 5.1.3 */
enum {
	NET_F_CSUM = 0,
	NET_F_GUEST_CSUM = 1,
	NET_F_MTU = 3,
	NET_F_MAC = 5,
	NET_F_GUEST_TSO4 = 7,
	NET_F_GUEST_TSO6 = 8,
	NET_F_HOST_TSO4 = 11,
	NET_F_HOST_TSO6 = 12,
	NET_F_MRG_RXBUF = 15,
	NET_F_STATUS = 16,
	NET_F_CTRL_VQ = 17,
	NET_F_CTRL_RX = 18,
	NET_F_CTRL_MAC_ADDR = 23,
};

enum {
	NET_QUEUE_RX,
	NET_QUEUE_TX,
	NET_QUEUE_CTRL,
	NET_QUEUES
};

#define NET_MAX_LEN (TAP_HDR_LEN + TAP_MAX_PACKET)

/* Chains in one callback: others wait for the I/O thread, too. */
#define NET_BUDGET 64U

/**
 * struct virtio_net - A network interface
 * @tap: the host's side
 * @source: polls the tap; added while @link is true
 * @link: the tap exists
 * @offloads: TAP_* that the tap has been told of
 * @offloads_due: a driver began: the tap has to be told of what it takes
 * @rx_stalled: the driver has to add buffers before we read on
 * @tx_blocked: the tap has to take packets before we send on
 * @mac: current address
 * @own_mac: the address after reset
 * @mtu: 0 when none was given
 * @first: first chain of a packet that is being delivered
 * @chain: any other chain
 * @iov: header and data of a packet to send
 * @heads, @written: chains of a packet that is being delivered
 * @rx_len: bytes in @rx_buf, with header; 0: no packet is waiting
 * @rx_buf: one byte more than a packet may have, to see longer ones
 */
struct virtio_net {
	struct virtio_device vdev;
	struct tap tap;
	struct ev_source source;
	bool link;
	unsigned offloads;
	bool offloads_due;
	bool rx_stalled;
	bool tx_blocked;
	uint8_t mac[6];
	uint8_t own_mac[6];
	uint16_t mtu;
	struct virtq_chain first;
	struct virtq_chain chain;
	struct iovec iov[VIRTQ_MAX_IOV + 1];
	uint16_t heads[VIRTQ_MAX_SIZE];
	uint32_t written[VIRTQ_MAX_SIZE];
	size_t rx_len;
	uint8_t rx_buf[NET_MAX_LEN + 1];
};

/*
 * Context of all that follows: I/O thread, device's lock, device running.
 */

/**
 * net_rx() - Bring packets from the tap to the guest
 *
 * Return: 0, or -ENODEV when the tap is gone. Sets @rx_stalled when the driver
 * has to add buffers first.
 */
int net_rx(struct virtio_net *net);

/** net_tx() - Send the guest's packets; as net_rx(), with @tx_blocked */
int net_tx(struct virtio_net *net);

/** net_ctrl() - Run the commands in the control queue */
void net_ctrl(struct virtio_net *net);

static inline struct virtq *net_queue(struct virtio_net *net, unsigned index)
{
	return &net->vdev.queues[index].vq;
}

/**
 * net_signal() - Interrupt for what was pushed
 * @before: the queue's used index when the callback began
 */
static inline void net_signal(struct virtio_net *net, unsigned index,
			      uint16_t before)
{
	if (net_queue(net, index)->used_idx != before)
		virtio_signal(&net->vdev, index);
}

#endif
