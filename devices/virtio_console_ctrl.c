/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console's control messages (virtio 1.2, 5.3.6.2).
 *
 * What has to be said to the driver is kept as one bit per message and port:
 * however often things change while the driver gives no buffers, nothing
 * grows.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio_console.h"
#include "vmm/bytes.h"
#include "vmm/vm.h"

enum {
	EVENT_DEVICE_READY = 0,
	EVENT_DEVICE_ADD = 1,
	EVENT_PORT_READY = 3,
	EVENT_CONSOLE_PORT = 4,
	EVENT_RESIZE = 5,
	EVENT_PORT_OPEN = 6,
	EVENT_PORT_NAME = 7,
};

/* {le32 port; le16 event; le16 value} */
#define MSG_LEN     8U
#define MSG_MAX_LEN (MSG_LEN + CONSOLE_NAME_MAX)

static const struct {
	uint8_t bit;
	uint16_t event;
} messages[] = {
	{ CONSOLE_MSG_ADD, EVENT_DEVICE_ADD },
	{ CONSOLE_MSG_CONSOLE, EVENT_CONSOLE_PORT },
	{ CONSOLE_MSG_RESIZE, EVENT_RESIZE },
	{ CONSOLE_MSG_NAME, EVENT_PORT_NAME },
	{ CONSOLE_MSG_OPEN, EVENT_PORT_OPEN },
};

static size_t build_message(const struct console_port *port, uint16_t event,
			    uint8_t *msg)
{
	bool closed = event == EVENT_PORT_OPEN && !chardev_connected(port->cd);

	le32_store(msg, port->index);
	le16_store(msg + 4, event);
	le16_store(msg + 6, closed ? 0 : 1);
	if (event == EVENT_RESIZE) {
		/*
		 * The specification has the columns first. Linux, but for its
		 * releases 6.15 and 6.16, has always taken rows first, and so
		 * it is what we send.
		 */
		le16_store(msg + MSG_LEN, port->rows);
		le16_store(msg + MSG_LEN + 2, port->cols);
		return MSG_LEN + 4;
	}
	if (event == EVENT_PORT_NAME) {
		size_t len = strlen(port->name);

		memcpy(msg + MSG_LEN, port->name, len);
		return MSG_LEN + len;
	}
	return MSG_LEN;
}

/* Return: 1 when sent, 0 when there is no buffer, -EPROTO. */
static int send_message(struct console_port *port, uint16_t event)
{
	struct virtio_console *con = port->con;
	struct virtq *vq = console_queue(con, CONSOLE_QUEUE_CTRL_RX);
	uint8_t msg[MSG_MAX_LEN];
	int ret = virtq_pop(vq, &con->chain);

	if (ret == 0 && virtq_enable_notify(vq))
		ret = virtq_pop(vq, &con->chain);
	if (ret <= 0)
		return ret;

	size_t len = build_message(port, event, msg);
	bool fits = con->chain.in_len >= len;

	if (fits)
		virtq_chain_write(vq, &con->chain, 0, msg, len);
	virtq_push(vq, con->chain.head, fits ? (uint32_t)len : 0);
	return fits ? 1 : -EPROTO;
}

static int flush_port(struct console_port *port)
{
	int ret = 1;

	for (size_t i = 0; ret > 0 && i < ARRAY_SIZE(messages); i++) {
		if (!(port->pending & messages[i].bit))
			continue;
		ret = send_message(port, messages[i].event);
		if (ret > 0)
			port->pending &= (uint8_t)~messages[i].bit;
	}
	return ret;
}

void console_ctrl_flush(struct virtio_console *con)
{
	uint16_t before = console_queue(con, CONSOLE_QUEUE_CTRL_RX)->used_idx;
	int ret = 1;

	for (unsigned i = 0; ret > 0 && i < con->nr_ports; i++)
		ret = flush_port(&con->ports[i]);
	console_signal(con, CONSOLE_QUEUE_CTRL_RX, before);
	if (ret == -EPROTO)
		virtio_fail(&con->vdev, "bad buffer for control messages");
}

void console_ctrl_send(struct console_port *port, unsigned what)
{
	struct virtio_console *con = port->con;

	port->pending |= (uint8_t)what;
	if (console_has_ctrl(con))
		console_ctrl_flush(con);
}

/* A port that leads nowhere is not there for the driver. */
static void device_ready(struct virtio_console *con)
{
	for (unsigned i = 0; i < con->nr_ports; i++)
		if (con->ports[i].cd != NULL)
			con->ports[i].pending |= CONSOLE_MSG_ADD;
}

static void port_ready(struct console_port *port)
{
	unsigned what = 0;

	port->ready = true;
	if (port->is_console)
		what |= CONSOLE_MSG_CONSOLE;
	if (port->is_console && port->cols != 0 &&
	    virtio_has(&port->con->vdev, CONSOLE_F_SIZE))
		what |= CONSOLE_MSG_RESIZE;
	if (port->name != NULL)
		what |= CONSOLE_MSG_NAME;
	if (chardev_connected(port->cd))
		what |= CONSOLE_MSG_OPEN;
	port->pending |= (uint8_t)what;
}

/* Return: whether it made sense. */
static bool handle_message(struct virtio_console *con, const uint8_t *msg)
{
	uint32_t id = le32_load(msg);
	uint16_t event = le16_load(msg + 4);
	uint16_t value = le16_load(msg + 6);

	if (event == EVENT_DEVICE_READY) {
		if (value == 1)
			device_ready(con);
		return value <= 1;
	}
	if (id >= con->nr_ports || con->ports[id].cd == NULL || value > 1)
		return false;

	struct console_port *port = &con->ports[id];

	if (event == EVENT_PORT_READY) {
		port->ready = false;
		port->open = false;
		port->pending &= CONSOLE_MSG_ADD;
		if (value == 1)
			port_ready(port);
	} else if (event == EVENT_PORT_OPEN && port->ready) {
		port->open = value;
		if (value == 1)
			console_input(port);
	} else {
		return false;
	}
	return true;
}

/* Return: 1 to go on, 0 when the queue is empty, -EPROTO. */
static int handle_one(struct virtio_console *con)
{
	struct virtq *vq = console_queue(con, CONSOLE_QUEUE_CTRL_TX);
	int ret = virtq_pop(vq, &con->chain);
	uint8_t msg[MSG_LEN];

	if (ret <= 0)
		return ret;

	size_t len = virtq_chain_read(&con->chain, 0, msg, sizeof(msg));

	virtq_push(vq, con->chain.head, 0);
	if (len < sizeof(msg) || !handle_message(con, msg))
		log_guest(con->vdev.dev.vm->log, &con->vdev.guest_log,
			  LOG_DEBUG, "%s: ignored a control message",
			  con->vdev.dev.id);
	return 1;
}

void console_ctrl_input(struct virtio_console *con)
{
	struct virtq *vq = console_queue(con, CONSOLE_QUEUE_CTRL_TX);
	uint16_t before = vq->used_idx;
	unsigned n = 0;
	int ret = 1;

	while (ret > 0 && n < CONSOLE_BUDGET) {
		n++;
		ret = handle_one(con);
		if (ret == 0 && virtq_enable_notify(vq))
			ret = 1;
	}
	console_signal(con, CONSOLE_QUEUE_CTRL_TX, before);
	if (ret > 0)
		virtio_kick(&con->vdev, CONSOLE_QUEUE_CTRL_TX);
	else if (ret == -EPROTO)
		virtio_fail(&con->vdev, "bad chain in the control queue");
	if (console_has_ctrl(con))
		console_ctrl_flush(con);
}
