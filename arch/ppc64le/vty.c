/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvterm1: the terminal of a partition, read and written by hypercalls (PAPR,
 * chapter 14), which stands where other machines have a serial port.
 *
 * Output goes straight to the chardev. A call prints all of its bytes or none,
 * so what the chardev leaves of one stays here until tx_ready(); calls that
 * come before that get H_BUSY, and the guest repeats them. The chardev's stall
 * rule bounds that time.
 *
 * Input waits in the chardev's ring; up to one call's worth is taken ahead, to
 * see what it ends with. Guests drop a NUL that follows a CR in one answer,
 * because firmware used to put it there. So an answer ends between the two,
 * and they arrive as they were sent.
 *
 * The interrupt is an edge for each arrival. A break becomes ^O, which is how
 * Linux takes a SysRq on such a console.
 */
#include "arch/ppc64le/vty.h"

#include <stdlib.h>
#include <string.h>
#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/tree.h"
#include "vmm/bytes.h"
#include "vmm/chardev.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/snapshot.h"

#define H_GET_TERM_CHAR 0x54U
#define H_PUT_TERM_CHAR 0x58U
#define H_VIO_SIGNAL    0x104U

#define SYSRQ_BYTE      0x0fU

/** struct vty_buf - Bytes on their way */
struct vty_buf {
	uint8_t data[VTY_MAX];
	size_t len;
};

/**
 * struct vty - A terminal
 * @cd: the console; not owned
 * @fe: its frontend
 * @tx: what of the last call the chardev did not take yet
 * @rx: taken from the chardev, not yet by the guest
 * @signal: the guest wants interrupts (H_VIO_SIGNAL)
 */
struct vty {
	struct device dev;
	struct irq_line irq;
	struct chardev *cd;
	struct chardev_frontend fe;
	struct vty_buf tx;
	struct vty_buf rx;
	bool signal;
};

static struct vty *to_vty(struct device *dev)
{
	return container_of(dev, struct vty, dev);
}

static struct vty *fe_to_vty(struct chardev_frontend *fe)
{
	return container_of(fe, struct vty, fe);
}

static void buf_drop(struct vty_buf *buf, size_t len)
{
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len);
}

/*
 * Output.
 */

static void flush(struct vty *vty)
{
	if (vty->tx.len > 0)
		buf_drop(&vty->tx,
			 chardev_write(vty->cd, vty->tx.data, vty->tx.len));
}

static bool put(struct vty *vty, const void *buf, size_t len)
{
	flush(vty);
	if (vty->tx.len > 0)
		return false;
	memcpy(vty->tx.data, buf, len);
	vty->tx.len = len;
	flush(vty);
	return true;
}

bool vty_put(struct vty *vty, const void *buf, size_t len)
{
	pthread_mutex_lock(&vty->dev.lock);
	bool done = put(vty, buf, len);
	pthread_mutex_unlock(&vty->dev.lock);
	return done;
}

/*
 * Input.
 */

static void fetch(struct vty *vty)
{
	struct vty_buf *rx = &vty->rx;

	if (rx->len < VTY_MAX)
		rx->len += chardev_read(vty->cd, rx->data + rx->len,
					VTY_MAX - rx->len);
}

/* How many bytes may go out together. */
static size_t answer_len(const struct vty_buf *rx)
{
	for (size_t i = 1; i < rx->len; i++) {
		if (rx->data[i - 1] == '\r' && rx->data[i] == '\0')
			return i;
	}
	return rx->len;
}

static void signal_guest(struct vty *vty)
{
	if (vty->signal)
		irq_pulse(&vty->irq);
}

static void signal_pending(struct vty *vty)
{
	if (vty->rx.len > 0 || chardev_readable(vty->cd))
		signal_guest(vty);
}

static size_t get(struct vty *vty, uint8_t buf[VTY_MAX])
{
	fetch(vty);

	size_t len = answer_len(&vty->rx);
	memcpy(buf, vty->rx.data, len);
	buf_drop(&vty->rx, len);
	/* A guest may take a short answer for the end. */
	if (vty->rx.len > 0)
		signal_guest(vty);
	return len;
}

/*
 * Hypercalls.
 */

/* Terminal 0 is the first one. */
static struct vty *find_vty(const struct hcall *call)
{
	uint64_t unit = call->args[0];

	if (unit != 0 && unit != LAYOUT_VTY_UNIT)
		return NULL;
	return vm_machine(call->vcpu->vm)->vty;
}

static int64_t h_get_term_char(struct hcall *call)
{
	struct vty *vty = find_vty(call);
	uint8_t buf[VTY_MAX] = { 0 };

	if (vty == NULL)
		return H_PARAMETER;
	pthread_mutex_lock(&vty->dev.lock);
	call->args[0] = get(vty, buf);
	pthread_mutex_unlock(&vty->dev.lock);
	call->args[1] = be64_load(buf);
	call->args[2] = be64_load(buf + 8);
	return H_SUCCESS;
}

static int64_t h_put_term_char(struct hcall *call)
{
	struct vty *vty = find_vty(call);
	uint64_t len = call->args[1];
	uint8_t buf[VTY_MAX];

	if (vty == NULL || len > VTY_MAX)
		return H_PARAMETER;
	be64_store(buf, call->args[2]);
	be64_store(buf + 8, call->args[3]);
	return vty_put(vty, buf, len) ? H_SUCCESS : H_BUSY;
}

static int64_t h_vio_signal(struct hcall *call)
{
	struct vty *vty = find_vty(call);
	uint64_t mode = call->args[1];

	if (vty == NULL || call->args[0] == 0 || mode > 1)
		return H_PARAMETER;
	pthread_mutex_lock(&vty->dev.lock);
	vty->signal = mode == 1;
	signal_pending(vty);
	pthread_mutex_unlock(&vty->dev.lock);
	return H_SUCCESS;
}

const struct hcall_entry hcalls_vty[] = {
	{ H_GET_TERM_CHAR, "H_GET_TERM_CHAR", h_get_term_char },
	{ H_PUT_TERM_CHAR, "H_PUT_TERM_CHAR", h_put_term_char },
	{ H_VIO_SIGNAL, "H_VIO_SIGNAL", h_vio_signal },
	{ .fn = NULL },
};

/*
 * The host's side; the chardev takes the device's lock.
 */

static void on_rx_ready(struct chardev_frontend *fe)
{
	signal_guest(fe_to_vty(fe));
}

static void on_tx_ready(struct chardev_frontend *fe)
{
	flush(fe_to_vty(fe));
}

static void on_event(struct chardev_frontend *fe, enum chardev_event event)
{
	struct vty *vty = fe_to_vty(fe);

	if (event != CHARDEV_BREAK)
		return;
	fetch(vty);
	if (vty->rx.len == VTY_MAX)
		return;
	vty->rx.data[vty->rx.len++] = SYSRQ_BYTE;
	signal_guest(vty);
}

/*
 * Life cycle.
 */

static void vty_reset(struct device *dev)
{
	struct vty *vty = to_vty(dev);

	vty->tx.len = 0;
	vty->rx.len = 0;
	vty->signal = true;
}

/* The terminal touches no guest memory: there is nothing to hold back. */
static void vty_quiesce(struct device *dev)
{
	(void)dev;
}

static void vty_resume(struct device *dev)
{
	struct vty *vty = to_vty(dev);

	flush(vty);
	signal_pending(vty);
}

static void save_buf(struct snap_writer *w, const struct vty_buf *buf)
{
	snap_put_u8(w, (uint8_t)buf->len);
	snap_put_bytes(w, buf->data, buf->len);
}

static int vty_save(struct device *dev, struct snap_writer *w)
{
	const struct vty *vty = to_vty(dev);

	save_buf(w, &vty->tx);
	save_buf(w, &vty->rx);
	snap_put_u8(w, vty->signal);
	return 0;
}

static void restore_buf(struct snap_reader *r, struct vty_buf *buf)
{
	size_t len = snap_get_u8(r);

	if (len > VTY_MAX) {
		snap_reader_fail(r);
		return;
	}
	snap_get_bytes(r, buf->data, len);
	buf->len = len;
}

/* What waits goes on from vty_resume(). */
static int vty_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	struct vty *vty = to_vty(dev);

	(void)version;
	restore_buf(r, &vty->tx);
	restore_buf(r, &vty->rx);

	uint8_t signal = snap_get_u8(r);
	if (signal > 1)
		snap_reader_fail(r);
	vty->signal = signal == 1;
	if (snap_reader_error(r) < 0)
		vty_reset(dev);
	return snap_reader_error(r);
}

static int vty_power_on(struct device *dev, struct error *err)
{
	return irq_line_power_on(&to_vty(dev)->irq, err);
}

static void vty_power_off(struct device *dev)
{
	irq_line_power_off(&to_vty(dev)->irq);
}

void vty_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	const struct vty *vty = vm_machine(vm)->vty;

	if (vty == NULL)
		return;
	fdt_begin(fdt, "vty@%x", LAYOUT_VTY_UNIT);
	fdt_prop_string(fdt, "device_type", "serial");
	fdt_prop_string(fdt, "compatible", "hvterm1");
	fdt_prop_u32(fdt, "reg", LAYOUT_VTY_UNIT);
	irq_line_fdt(&vty->irq, fdt);
	fdt_end(fdt);
}

/* The first serial console's backend; NULL when there is none. */
static struct chardev *vty_backend(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++) {
		if (vm->cfg->consoles[i].kind == CONSOLE_SERIAL)
			return vm->consoles[i];
	}
	return NULL;
}

static bool vty_implied(const struct vm *vm, bool nodefaults)
{
	(void)nodefaults;
	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++) {
		if (vm->cfg->consoles[i].kind == CONSOLE_SERIAL)
			return true;
	}
	return false;
}

static int vty_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	struct chardev *cd = vty_backend(vm);
	if (cd == NULL)
		return error_usage(err, "a terminal needs a serial console: "
					"add --console serial");

	struct vty *vty = calloc(1, sizeof(*vty));
	if (vty == NULL)
		return error_nomem(err, "the terminal");
	device_init(&vty->dev, &vty_device, vm, cfg->index);

	int ret = irq_line_init(&vty->irq, vm, LAYOUT_IRQ_VTY, IRQ_EDGE, err);
	if (ret < 0) {
		device_fini(&vty->dev);
		free(vty);
		return ret;
	}
	vty->cd = cd;
	vty->signal = true;
	vty->fe = (struct chardev_frontend){
		.rx_ready = on_rx_ready,
		.tx_ready = on_tx_ready,
		.event = on_event,
		.lock = &vty->dev.lock,
	};
	chardev_attach(cd, &vty->fe);
	vm_machine(vm)->vty = vty;
	*out = &vty->dev;
	return 0;
}

static void vty_destroy(struct device *dev)
{
	struct vty *vty = to_vty(dev);

	vm_machine(dev->vm)->vty = NULL;
	chardev_attach(vty->cd, NULL);
	irq_line_destroy(&vty->irq);
	device_fini(&vty->dev);
	free(vty);
}

const struct device_type vty_device = {
	.name = "vty",
	.state_version = 1,
	.max = 1,
	.implied = vty_implied,
	.create = vty_create,
	.destroy = vty_destroy,
	.power_on = vty_power_on,
	.power_off = vty_power_off,
	.reset = vty_reset,
	.quiesce = vty_quiesce,
	.resume = vty_resume,
	.save = vty_save,
	.restore = vty_restore,
};
