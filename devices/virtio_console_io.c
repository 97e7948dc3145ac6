/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console's data.
 *
 * Between two callbacks no chain is in flight. Output that the backend does
 * not take yet stays in the queue, with a note of how much of the first chain
 * is done; so quiesce, reset and saved state need no care for it.
 *
 * Input is held back until the guest has opened the port (with MULTIPORT):
 * Linux throws away what comes earlier, also for a console.
 */
#include <errno.h>

#include "devices/virtio_console.h"
#include "vmm/chardev.h"

static unsigned port_rx_queue(const struct console_port *port)
{
	return port->index == 0 ? CONSOLE_QUEUE_RX0 : 2 * port->index + 2;
}

static unsigned port_tx_queue(const struct console_port *port)
{
	return port_rx_queue(port) + 1;
}

/*
 * Input.
 */

static bool may_receive(const struct console_port *port)
{
	const struct virtio_device *vdev = &port->con->vdev;

	if (port->cd == NULL || !virtio_running(vdev))
		return false;
	if (!virtio_has(vdev, CONSOLE_F_MULTIPORT))
		return port->index == 0;
	return port->ready && port->open;
}

static size_t fill_chain(struct console_port *port,
			 const struct virtq_chain *chain)
{
	const struct iovec *in = chain->iov + chain->nr_out;
	size_t done = 0;

	for (unsigned i = 0; i < chain->nr_in; i++) {
		size_t got =
			chardev_read(port->cd, in[i].iov_base, in[i].iov_len);

		done += got;
		if (got < in[i].iov_len)
			break;
	}
	return done;
}

/* Return: 1 to go on, 0 when there is no buffer or no input, -EPROTO. */
static int input_one(struct console_port *port)
{
	struct virtio_console *con = port->con;
	struct virtq *vq = console_queue(con, port_rx_queue(port));
	int ret = virtq_pop(vq, &con->chain);

	if (ret == 0 && virtq_enable_notify(vq))
		ret = virtq_pop(vq, &con->chain);
	if (ret <= 0)
		return ret;

	size_t done = fill_chain(port, &con->chain);

	if (done == 0) {
		virtq_undo_pop(vq, &con->chain);
		return con->chain.in_len == 0 ? -EPROTO : 0;
	}
	virtq_chain_dirty(vq, &con->chain, done);
	virtq_push(vq, con->chain.head, (uint32_t)done);
	return 1;
}

/* Ends after a ring of the backend: it is filled on this thread only. */
void console_input(struct console_port *port)
{
	struct virtio_console *con = port->con;
	unsigned queue = port_rx_queue(port);
	uint16_t before = console_queue(con, queue)->used_idx;
	int ret = 1;

	if (!may_receive(port))
		return;
	while (ret > 0)
		ret = input_one(port);
	console_signal(con, queue, before);
	if (ret == -EPROTO)
		virtio_fail(&con->vdev, "bad receive buffer");
}

/*
 * Output.
 */

/* Write up to @max bytes from @off on; returns what the backend took. */
static size_t write_chain(struct console_port *port,
			  const struct virtq_chain *chain, uint64_t off,
			  size_t max)
{
	size_t done = 0;

	for (unsigned i = 0; i < chain->nr_out && done < max; i++) {
		const struct iovec *v = &chain->iov[i];

		if (off >= v->iov_len) {
			off -= v->iov_len;
			continue;
		}
		size_t part = min_size(max - done, v->iov_len - (size_t)off);
		size_t took = chardev_write(
			port->cd, (const uint8_t *)v->iov_base + off, part);

		done += took;
		if (took < part)
			break;
		off = 0;
	}
	return done;
}

/*
 * @left: bytes that may be written in this callback; lowered
 *
 * Return: 1 to go on, 0 when the queue is empty, -EAGAIN when the backend is
 * full, -EPROTO.
 */
static int output_one(struct console_port *port, size_t *left)
{
	struct virtio_console *con = port->con;
	struct virtq *vq = console_queue(con, port_tx_queue(port));
	const struct virtq_chain *chain = &con->chain;
	int ret = virtq_pop(vq, &con->chain);

	if (ret <= 0)
		return ret;

	/* The driver may have put another chain there: that is done then. */
	uint64_t rest = chain->out_len - min_u64(port->tx_off, chain->out_len);
	size_t want = (size_t)min_u64(rest, *left);
	size_t done = 0;

	if (port->cd == NULL)
		done = (size_t)rest;
	else if (want > 0)
		done = write_chain(port, chain, port->tx_off, want);

	*left -= min_size(done, *left);
	if (done == rest) {
		virtq_push(vq, chain->head, 0);
		port->tx_off = 0;
		return 1;
	}
	port->tx_off += done;
	virtq_undo_pop(vq, chain);
	return done < want ? -EAGAIN : 1;
}

void console_output(struct console_port *port)
{
	struct virtio_console *con = port->con;
	unsigned queue = port_tx_queue(port);
	struct virtq *vq = console_queue(con, queue);
	uint16_t before = vq->used_idx;
	size_t left = CONSOLE_TX_BYTES;
	int ret = 1;

	if (!virtio_running(&con->vdev) || port->tx_blocked)
		return;
	for (unsigned n = 0; ret > 0 && left > 0 && n < CONSOLE_BUDGET; n++) {
		ret = output_one(port, &left);
		if (ret == 0 && virtq_enable_notify(vq))
			ret = 1;
	}
	console_signal(con, queue, before);
	port->tx_blocked = ret == -EAGAIN;
	if (ret > 0)
		virtio_kick(&con->vdev, queue);
	else if (ret == -EPROTO)
		virtio_fail(&con->vdev, "bad chain in a transmit queue");
}
