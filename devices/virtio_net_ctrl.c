/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net's control queue.
 *
 * The tap hands over every packet of the interface and we filter none, so
 * commands about filters are checked and change nothing.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio_net.h"
#include "vmm/bytes.h"

/* Commands, virtio 1.2, 5.1.6.5 */
enum {
	CTRL_RX = 0,
	CTRL_RX_PROMISC = 0,
	CTRL_RX_ALLMULTI = 1,
	CTRL_MAC = 1,
	CTRL_MAC_TABLE_SET = 0,
	CTRL_MAC_ADDR_SET = 1,
	CTRL_OK = 0,
	CTRL_ERR = 1,
	/* Class and command come before a command's data. */
	CTRL_HDR_LEN = 2,
};

/* Nothing is filtered, so every mode holds already. */
static bool ctrl_rx_mode(struct virtio_net *net,
			 const struct virtq_chain *chain)
{
	uint8_t on;

	(void)net;
	if (chain->out_len != CTRL_HDR_LEN + sizeof(on))
		return false;
	virtq_chain_read(chain, CTRL_HDR_LEN, &on, sizeof(on));
	return on <= 1;
}

/* Skip a table of {le32 entries; u8 macs[entries][6]}. */
static bool skip_mac_table(const struct virtq_chain *chain, uint64_t *off)
{
	uint8_t raw[4];

	if (virtq_chain_read(chain, *off, raw, sizeof(raw)) != sizeof(raw))
		return false;
	*off += sizeof(raw);

	uint64_t len = 6 * (uint64_t)le32_load(raw);
	if (!range_fits(*off, len, chain->out_len))
		return false;
	*off += len;
	return true;
}

static bool ctrl_mac_table(struct virtio_net *net,
			   const struct virtq_chain *chain)
{
	uint64_t off = CTRL_HDR_LEN;

	(void)net;
	/* One of unicast, then one of multicast addresses. */
	for (unsigned i = 0; i < 2; i++)
		if (!skip_mac_table(chain, &off))
			return false;
	return off == chain->out_len;
}

static bool ctrl_mac_addr(struct virtio_net *net,
			  const struct virtq_chain *chain)
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	if (chain->out_len != CTRL_HDR_LEN + sizeof(mac))
		return false;
	virtq_chain_read(chain, CTRL_HDR_LEN, mac, sizeof(mac));
	if ((mac[0] & 1) || memcmp(mac, zero, sizeof(mac)) == 0)
		return false;
	memcpy(net->mac, mac, sizeof(mac));
	return true;
}

static const struct {
	uint8_t class, command;
	unsigned feature;
	bool (*run)(struct virtio_net *net, const struct virtq_chain *chain);
} ctrl_commands[] = {
	{ CTRL_RX, CTRL_RX_PROMISC, NET_F_CTRL_RX, ctrl_rx_mode },
	{ CTRL_RX, CTRL_RX_ALLMULTI, NET_F_CTRL_RX, ctrl_rx_mode },
	{ CTRL_MAC, CTRL_MAC_TABLE_SET, NET_F_CTRL_RX, ctrl_mac_table },
	{ CTRL_MAC, CTRL_MAC_ADDR_SET, NET_F_CTRL_MAC_ADDR, ctrl_mac_addr },
};

static uint8_t ctrl_run(struct virtio_net *net, const struct virtq_chain *chain)
{
	uint8_t hdr[CTRL_HDR_LEN];

	if (virtq_chain_read(chain, 0, hdr, sizeof(hdr)) != sizeof(hdr))
		return CTRL_ERR;
	for (size_t i = 0; i < ARRAY_SIZE(ctrl_commands); i++) {
		if (ctrl_commands[i].class == hdr[0] &&
		    ctrl_commands[i].command == hdr[1] &&
		    virtio_has(&net->vdev, ctrl_commands[i].feature))
			return ctrl_commands[i].run(net, chain) ? CTRL_OK
								: CTRL_ERR;
	}
	return CTRL_ERR;
}

static int ctrl_one(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_CTRL);
	int ret = virtq_pop(vq, &net->chain);

	if (ret <= 0)
		return ret;

	uint8_t ack = ctrl_run(net, &net->chain);
	size_t written = virtq_chain_write(vq, &net->chain, 0, &ack, 1);

	virtq_push(vq, net->chain.head, (uint32_t)written);
	return 1;
}

void net_ctrl(struct virtio_net *net)
{
	struct virtq *vq = net_queue(net, NET_QUEUE_CTRL);
	uint16_t before = vq->used_idx;
	unsigned n = 0;
	int ret = 1;

	while (ret > 0 && n < NET_BUDGET) {
		n++;
		ret = ctrl_one(net);
		if (ret == 0 && virtq_enable_notify(vq))
			ret = 1;
	}
	net_signal(net, NET_QUEUE_CTRL, before);
	if (ret > 0)
		virtio_kick(&net->vdev, NET_QUEUE_CTRL);
	else if (ret == -EPROTO)
		virtio_fail(&net->vdev, "bad chain in the control queue");
}
