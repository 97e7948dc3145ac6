/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console, shared by its own files: virtio_console.c has the device,
 * virtio_console_io.c its data, virtio_console_ctrl.c the control messages.
 */
#ifndef PRIVET_DEVICES_VIRTIO_CONSOLE_H
#define PRIVET_DEVICES_VIRTIO_CONSOLE_H

#include "devices/virtio.h"
#include "vmm/config.h"

/* Features, virtio 1.2, 5.3.3 */
enum {
	CONSOLE_F_SIZE = 0,
	CONSOLE_F_MULTIPORT = 1,
};

/* Queues, virtio 1.2, 5.3.2; port 1's follow those for control. */
enum {
	CONSOLE_QUEUE_RX0 = 0,
	CONSOLE_QUEUE_TX0 = 1,
	CONSOLE_QUEUE_CTRL_RX = 2,
	CONSOLE_QUEUE_CTRL_TX = 3,
};

/* Port 0 is there even when it leads nowhere. */
#define CONSOLE_MAX_PORTS  (1U + CONFIG_MAX_CONSOLES)
#define CONSOLE_MAX_QUEUES (2U * CONSOLE_MAX_PORTS + 2U)
#define CONSOLE_NAME_MAX   127U

/* Chains, and bytes, in one callback: others wait for the I/O thread, too. */
#define CONSOLE_BUDGET   64U
#define CONSOLE_TX_BYTES 65536U

struct virtio_console;

/**
 * struct console_port - A port
 * @fe: gets the backend's callbacks
 * @con: the device
 * @index: number of the port
 * @cd: backend; NULL: nothing is connected, output vanishes
 * @name: in the guest, or NULL; not owned
 * @is_console: the guest makes a terminal of it
 * @cols, @rows: size of the terminal behind it; 0: not known
 * @ready: the driver has set it up
 * @open: somebody in the guest has opened it
 * @pending: messages for the driver that wait for a buffer, CONSOLE_MSG_*
 * @tx_blocked: the backend has to take output before we go on
 * @tx_off: bytes of the next chain in the transmit queue that are done
 */
struct console_port {
	struct chardev_frontend fe;
	struct virtio_console *con;
	unsigned index;
	struct chardev *cd;
	const char *name;
	bool is_console;
	uint16_t cols;
	uint16_t rows;
	bool ready;
	bool open;
	uint8_t pending;
	bool tx_blocked;
	uint64_t tx_off;
};

/**
 * struct virtio_console - The device
 * @ports, @nr_ports: port 0 first
 * @chain: the one that is being worked on
 */
struct virtio_console {
	struct virtio_device vdev;
	struct console_port ports[CONSOLE_MAX_PORTS];
	unsigned nr_ports;
	struct virtq_chain chain;
};

/* Messages to the driver, in the order in which they have to be sent. */
enum {
	CONSOLE_MSG_ADD = 1,
	CONSOLE_MSG_CONSOLE = 2,
	CONSOLE_MSG_RESIZE = 4,
	CONSOLE_MSG_NAME = 8,
	CONSOLE_MSG_OPEN = 16,
	CONSOLE_MSG_ALL = 31,
};

/*
 * Context of all that follows: device's lock.
 */

/** console_input() - Bring input from the port's backend to the guest */
void console_input(struct console_port *port);

/** console_output() - Bring the guest's output to the port's backend */
void console_output(struct console_port *port);

/** console_ctrl_input() - Handle the driver's messages; device running */
void console_ctrl_input(struct virtio_console *con);

/**
 * console_ctrl_send() - Have messages sent to the driver
 * @messages: CONSOLE_MSG_*; what was waiting before stays
 *
 * They are sent as soon as the driver gives buffers. Each says how things are
 * when it is sent, so there is never more than one of a kind.
 */
void console_ctrl_send(struct console_port *port, unsigned messages);

/** console_ctrl_flush() - Send what is waiting; device running */
void console_ctrl_flush(struct virtio_console *con);

static inline struct virtq *console_queue(struct virtio_console *con,
					  unsigned index)
{
	return &con->vdev.queues[index].vq;
}

/** console_has_ctrl() - Whether there is a control channel */
static inline bool console_has_ctrl(const struct virtio_console *con)
{
	return virtio_running(&con->vdev) &&
	       virtio_has(&con->vdev, CONSOLE_F_MULTIPORT);
}

/**
 * console_signal() - Interrupt for what was pushed
 * @before: the queue's used index when the callback began
 */
static inline void console_signal(struct virtio_console *con, unsigned index,
				  uint16_t before)
{
	if (console_queue(con, index)->used_idx != before)
		virtio_signal(&con->vdev, index);
}

#endif
