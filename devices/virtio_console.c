/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console (virtio 1.2, 5.3): consoles and named ports.
 *
 * Port 0 is the first --console virtio; the others follow in the order of the
 * command line. When only ports were asked for, port 0 has its queues, as it
 * must, but is never announced. A machine with one console and nothing else
 * is not offered MULTIPORT: it needs no control channel, and the terminal's
 * size travels in configuration space, whose layout all drivers agree on.
 */
#include "devices/virtio_console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/table.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

/* Configuration space, virtio 1.2, 5.3.4 */
#define CONSOLE_CONFIG_COLS  0U
#define CONSOLE_CONFIG_ROWS  2U
#define CONSOLE_CONFIG_PORTS 4U
#define CONSOLE_CONFIG_LEN   8U

#define CONSOLE_DATA_SIZE    64U
#define CONSOLE_CTRL_SIZE    32U

/* Saved state of a port */
#define PORT_SAVED_READY 1U
#define PORT_SAVED_OPEN  2U

static struct virtio_console *to_console(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_console, vdev);
}

static struct virtio_console *dev_to_console(struct device *dev)
{
	return container_of(dev, struct virtio_console, vdev.dev);
}

static struct console_port *to_port(struct chardev_frontend *fe)
{
	return container_of(fe, struct console_port, fe);
}

/*
 * Backends.
 */

static void port_rx_ready(struct chardev_frontend *fe)
{
	console_input(to_port(fe));
}

static void port_tx_ready(struct chardev_frontend *fe)
{
	struct console_port *port = to_port(fe);

	port->tx_blocked = false;
	console_output(port);
}

/*
 * What can change about a terminal is its size; that there is one at all was
 * settled when features were offered.
 */
static void console_resized(struct console_port *port)
{
	struct virtio_console *con = port->con;
	uint16_t cols, rows;

	if (port->cols == 0 || !chardev_size(port->cd, &cols, &rows) ||
	    (cols == port->cols && rows == port->rows))
		return;
	port->cols = cols;
	port->rows = rows;
	if (!virtio_has(&con->vdev, CONSOLE_F_SIZE))
		return;
	if (port->ready && port->is_console)
		console_ctrl_send(port, CONSOLE_MSG_RESIZE);
	if (port->index == 0)
		virtio_config_changed(&con->vdev);
}

/* A break has no meaning here. */
static void port_event(struct chardev_frontend *fe, enum chardev_event event)
{
	struct console_port *port = to_port(fe);

	if (event == CHARDEV_RESIZED)
		console_resized(port);
	else if (event != CHARDEV_BREAK && port->ready)
		console_ctrl_send(port, CONSOLE_MSG_OPEN);
}

/*
 * The virtio device.
 */

static void console_config_read(struct virtio_device *vdev, uint32_t off,
				void *buf, uint32_t len)
{
	const struct virtio_console *con = to_console(vdev);
	uint8_t config[CONSOLE_CONFIG_LEN];

	le16_store(config + CONSOLE_CONFIG_COLS, con->ports[0].cols);
	le16_store(config + CONSOLE_CONFIG_ROWS, con->ports[0].rows);
	le32_store(config + CONSOLE_CONFIG_PORTS, con->nr_ports);
	memcpy(buf, config + off, len);
}

static void console_stop(struct virtio_device *vdev)
{
	struct virtio_console *con = to_console(vdev);

	for (unsigned i = 0; i < con->nr_ports; i++) {
		struct console_port *port = &con->ports[i];

		port->ready = false;
		port->open = false;
		port->pending = 0;
		port->tx_blocked = false;
		port->tx_off = 0;
	}
}

static void console_notify(struct virtio_device *vdev, unsigned queue)
{
	struct virtio_console *con = to_console(vdev);
	bool ctrl = console_has_ctrl(con);

	if (queue == CONSOLE_QUEUE_CTRL_RX || queue == CONSOLE_QUEUE_CTRL_TX) {
		if (ctrl && queue == CONSOLE_QUEUE_CTRL_TX)
			console_ctrl_input(con);
		else if (ctrl)
			console_ctrl_flush(con);
		return;
	}

	unsigned index = queue < CONSOLE_QUEUE_CTRL_RX ? 0 : queue / 2 - 1;
	struct console_port *port = &con->ports[index];

	if (queue % 2 == 0)
		console_input(port);
	else
		console_output(port);
}

static const struct virtio_type console_vtype = {
	.device_id = VIRTIO_ID_CONSOLE,
	.config_len = CONSOLE_CONFIG_LEN,
	.config_read = console_config_read,
	.stop = console_stop,
	.notify = console_notify,
};

/*
 * The common device.
 */

static int console_add_port(struct virtio_console *con, unsigned index,
			    struct vm *vm, unsigned which, struct error *err)
{
	const struct console_config *cfg = &vm->cfg->consoles[which];
	struct console_port *port = &con->ports[index];

	if (cfg->name != NULL && strlen(cfg->name) > CONSOLE_NAME_MAX)
		return error_usage(err,
				   "%s: the port's name is too long; give at "
				   "most %u characters",
				   cfg->text, CONSOLE_NAME_MAX);
	port->cd = vm->consoles[which];
	port->name = cfg->name;
	port->is_console = cfg->kind == CONSOLE_VIRTIO;
	if (!chardev_size(port->cd, &port->cols, &port->rows)) {
		port->cols = 0;
		port->rows = 0;
	}
	return 0;
}

static void console_init_ports(struct virtio_console *con)
{
	for (unsigned i = 0; i < CONSOLE_MAX_PORTS; i++)
		con->ports[i] = (struct console_port){
			.fe = { .rx_ready = port_rx_ready,
				.tx_ready = port_tx_ready,
				.event = port_event,
				.lock = &con->vdev.dev.lock },
			.con = con,
			.index = i,
		};
}

static int console_add_ports(struct virtio_console *con, struct vm *vm,
			     struct error *err)
{
	bool have_console = false;
	int ret = 0;

	console_init_ports(con);
	con->nr_ports = 1;
	for (unsigned i = 0; ret == 0 && i < vm->cfg->nr_consoles; i++) {
		enum console_kind kind = vm->cfg->consoles[i].kind;
		bool first = kind == CONSOLE_VIRTIO && !have_console;

		if (kind == CONSOLE_SERIAL)
			continue;
		have_console |= first;
		ret = console_add_port(con, first ? 0 : con->nr_ports++, vm, i,
				       err);
	}
	return ret;
}

static uint64_t console_features(const struct virtio_console *con)
{
	uint64_t features = 0;

	if (con->nr_ports > 1)
		features |= VIRTIO_BIT(CONSOLE_F_MULTIPORT);
	for (unsigned i = 0; i < con->nr_ports; i++)
		if (con->ports[i].cols != 0)
			features |= VIRTIO_BIT(CONSOLE_F_SIZE);
	return features;
}

static int console_create(struct vm *vm, const struct device_config *cfg,
			  struct device **out, struct error *err)
{
	uint16_t sizes[CONSOLE_MAX_QUEUES];
	struct virtio_console *con = calloc(1, sizeof(*con));

	if (con == NULL)
		return error_nomem(err, "the virtio console");
	for (unsigned i = 0; i < CONSOLE_MAX_QUEUES; i++)
		sizes[i] = CONSOLE_DATA_SIZE;
	sizes[CONSOLE_QUEUE_CTRL_RX] = CONSOLE_CTRL_SIZE;
	sizes[CONSOLE_QUEUE_CTRL_TX] = CONSOLE_CTRL_SIZE;

	int ret = console_add_ports(con, vm, err);
	if (ret < 0)
		goto err_free;

	unsigned queues = con->nr_ports > 1 ? 2 * con->nr_ports + 2 : 2;
	ret = virtio_init(&con->vdev, &virtio_console_device, &console_vtype,
			  vm, cfg->index, console_features(con), sizes, queues,
			  err);
	if (ret < 0)
		goto err_free;
	for (unsigned i = 0; i < con->nr_ports; i++)
		if (con->ports[i].cd != NULL)
			chardev_attach(con->ports[i].cd, &con->ports[i].fe);
	*out = &con->vdev.dev;
	return 0;

err_free:
	free(con);
	return ret;
}

static void console_destroy(struct device *dev)
{
	struct virtio_console *con = dev_to_console(dev);

	for (unsigned i = 0; i < con->nr_ports; i++)
		if (con->ports[i].cd != NULL)
			chardev_attach(con->ports[i].cd, NULL);
	virtio_fini(&con->vdev);
	free(con);
}

static bool console_implied(const struct vm *vm, bool nodefaults)
{
	(void)nodefaults;
	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++)
		if (vm->cfg->consoles[i].kind != CONSOLE_SERIAL)
			return true;
	return false;
}

static int console_save(struct device *dev, struct snap_writer *w)
{
	struct virtio_console *con = dev_to_console(dev);
	int ret = virtio_save(&con->vdev, w);

	snap_put_u32(w, con->nr_ports);
	for (unsigned i = 0; i < con->nr_ports; i++) {
		const struct console_port *port = &con->ports[i];

		snap_put_u8(w, (port->ready ? PORT_SAVED_READY : 0) |
				       (port->open ? PORT_SAVED_OPEN : 0));
		snap_put_u8(w, port->pending);
		snap_put_u64(w, port->tx_off);
	}
	return ret;
}

static void restore_port(struct console_port *port, struct snap_reader *r)
{
	uint8_t flags = snap_get_u8(r);
	uint8_t pending = snap_get_u8(r);

	port->tx_off = snap_get_u64(r);
	port->ready = flags & PORT_SAVED_READY;
	port->open = flags & PORT_SAVED_OPEN;
	port->pending = pending;
	if (flags > (PORT_SAVED_READY | PORT_SAVED_OPEN) ||
	    pending > CONSOLE_MSG_ALL || (port->open && !port->ready) ||
	    (port->cd == NULL && (flags != 0 || pending != 0)) ||
	    (port->name == NULL && (pending & CONSOLE_MSG_NAME)))
		snap_reader_fail(r);
	/* The host's end may be another one now. */
	if (port->ready)
		port->pending |= CONSOLE_MSG_OPEN;
}

static int console_restore(struct device *dev, struct snap_reader *r,
			   uint32_t version)
{
	struct virtio_console *con = dev_to_console(dev);
	int ret = virtio_restore(&con->vdev, r);

	(void)version;
	if (ret < 0)
		return ret;
	if (snap_get_u32(r) != con->nr_ports)
		snap_reader_fail(r);
	for (unsigned i = 0; i < con->nr_ports && !snap_reader_error(r); i++)
		restore_port(&con->ports[i], r);
	if (snap_reader_error(r))
		virtio_dev_reset(dev);
	return snap_reader_error(r);
}

const struct device_type virtio_console_device = {
	.name = "virtio-console",
	.state_version = 1,
	.max = 1,
	.implied = console_implied,
	.create = console_create,
	.destroy = console_destroy,
	.power_on = virtio_dev_power_on,
	.power_off = virtio_dev_power_off,
	.reset = virtio_dev_reset,
	.quiesce = virtio_dev_quiesce,
	.resume = virtio_dev_resume,
	.save = console_save,
	.restore = console_restore,
	.fdt = virtio_dev_fdt,
};
