/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-input (virtio 1.2, 5.8) with one key: the power button of machines
 * that have no other.
 *
 * What a press tells the guest is always the same sequence of events. So the
 * events that the driver has not had buffers for are a number: how many are
 * left of the sequence, or of a few sequences.
 */
#include "devices/table.h"

#include <stdlib.h>
#include <string.h>

#include "devices/virtio.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define EVENTQ     0U
#define STATUSQ    1U
#define QUEUE_SIZE 64U

/* Configuration space, virtio 1.2, 5.8.4 */
#define CFG_SELECT  0U
#define CFG_SUBSEL  1U
#define CFG_SIZE    2U
#define CFG_DATA    8U
#define CFG_MAX     128U
#define CFG_LEN     (CFG_DATA + CFG_MAX)

#define SEL_NAME    0x01U
#define SEL_SERIAL  0x02U
#define SEL_IDS     0x03U
#define SEL_EV_BITS 0x11U

/* Linux's input event codes, which the specification refers to. */
#define EV_SYN       0U
#define EV_KEY       1U
#define SYN_REPORT   0U
#define KEY_POWER    116U
#define BUS_VIRTUAL  6U

#define EVENT_LEN    8U

#define PRESS_EVENTS 4U
#define MAX_PRESSES  4U

/**
 * struct virtio_input - The device
 * @select, @subsel: what the driver wants to see in configuration space
 * @left: events that the driver has still to get; the last one ends a press
 * @chain: the buffer at hand; buffers are used at once
 */
struct virtio_input {
	struct virtio_device vdev;
	uint8_t select;
	uint8_t subsel;
	uint8_t left;
	struct virtq_chain chain;
};

static const struct device_option input_option = {
	.name = "power-button",
	.help = "a virtio-input device with a power key",
};

static struct virtio_input *to_input(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_input, vdev);
}

static struct virtio_input *dev_input(struct device *dev)
{
	return to_input(container_of(dev, struct virtio_device, dev));
}

/*
 * Configuration space. Bitmaps are bytes, the first one has bits 0 to 7.
 */

/** struct answer - What configuration space shows for a selection */
struct answer {
	uint8_t select;
	uint8_t subsel;
	uint8_t size;
	const void *data;
};

static const char name[] = "Privet power button";
static const char serial[] = "0";

/* struct virtio_input_devids: bus type, vendor, product, version */
static const uint8_t ids[] = { BUS_VIRTUAL, 0, 0, 0, 1, 0, 1, 0 };

static const uint8_t syn_bits[] = { 1U << SYN_REPORT };
static const uint8_t key_bits[] = {
	[KEY_POWER / 8] = 1U << KEY_POWER % 8,
};

/* No properties and no axes: those are of size 0, as all that is unknown. */
static const struct answer answers[] = {
	{ SEL_NAME, 0, sizeof(name) - 1, name },
	{ SEL_SERIAL, 0, sizeof(serial) - 1, serial },
	{ SEL_IDS, 0, sizeof(ids), ids },
	{ SEL_EV_BITS, EV_SYN, sizeof(syn_bits), syn_bits },
	{ SEL_EV_BITS, EV_KEY, sizeof(key_bits), key_bits },
};

static void show_answer(const struct virtio_input *in, uint8_t *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const struct answer *a = &answers[i];

		if (a->select != in->select || a->subsel != in->subsel)
			continue;
		config[CFG_SIZE] = a->size;
		memcpy(config + CFG_DATA, a->data, a->size);
	}
}

static void input_config_read(struct virtio_device *vdev, uint32_t off,
			      void *buf, uint32_t len)
{
	const struct virtio_input *in = to_input(vdev);
	uint8_t config[CFG_LEN] = {
		[CFG_SELECT] = in->select,
		[CFG_SUBSEL] = in->subsel,
	};

	show_answer(in, config);
	memcpy(buf, config + off, len);
}

static void input_config_write(struct virtio_device *vdev, uint32_t off,
			       const void *buf, uint32_t len)
{
	struct virtio_input *in = to_input(vdev);
	const uint8_t *bytes = buf;

	for (uint32_t i = 0; i < len; i++) {
		if (off + i == CFG_SELECT)
			in->select = bytes[i];
		else if (off + i == CFG_SUBSEL)
			in->subsel = bytes[i];
	}
}

/*
 * Events.
 */

static const struct event {
	uint16_t type;
	uint16_t code;
	uint32_t value;
} press[PRESS_EVENTS] = {
	{ EV_KEY, KEY_POWER, 1 },
	{ EV_SYN, SYN_REPORT, 0 },
	{ EV_KEY, KEY_POWER, 0 },
	{ EV_SYN, SYN_REPORT, 0 },
};

static void write_event(struct virtio_input *in, struct virtq *vq)
{
	const struct event *e =
		&press[(PRESS_EVENTS - in->left % PRESS_EVENTS) % PRESS_EVENTS];
	uint8_t buf[EVENT_LEN];

	le16_store(buf, e->type);
	le16_store(buf + 2, e->code);
	le32_store(buf + 4, e->value);
	virtq_chain_write(vq, &in->chain, 0, buf, sizeof(buf));
}

/* Return: whether an event went out. */
static bool send_event(struct virtio_input *in, struct virtq *vq)
{
	int ret = virtq_pop(vq, &in->chain);

	if (ret < 0)
		virtio_fail(&in->vdev, "bad descriptor chain");
	if (ret <= 0)
		return false;
	if (in->chain.in_len < EVENT_LEN) {
		virtq_push(vq, in->chain.head, 0);
		virtio_fail(&in->vdev, "a buffer is shorter than an event");
		return false;
	}
	write_event(in, vq);
	virtq_push(vq, in->chain.head, EVENT_LEN);
	in->left--;
	return true;
}

/* Doorbells are wanted only where events wait for buffers. */
static void send_events(struct virtio_input *in)
{
	struct virtq *vq = &in->vdev.queues[EVENTQ].vq;

	virtq_disable_notify(vq);
	while (in->left > 0 && send_event(in, vq))
		;
	if (in->left > 0 && virtq_enable_notify(vq))
		virtio_kick(&in->vdev, EVENTQ);
	virtio_signal(&in->vdev, EVENTQ);
}

/*
 * The status queue is for lamps and force feedback. There are none, but its
 * buffers are the driver's to have back.
 */
static void drop_status(struct virtio_input *in)
{
	struct virtq *vq = &in->vdev.queues[STATUSQ].vq;
	unsigned budget = QUEUE_SIZE;
	int ret = 1;

	while (budget-- > 0 && (ret = virtq_pop(vq, &in->chain)) > 0)
		virtq_push(vq, in->chain.head, 0);
	if (ret < 0)
		virtio_fail(&in->vdev, "bad descriptor chain");
	virtio_signal(&in->vdev, STATUSQ);
	/* The rest after other devices had their turn. */
	if (ret > 0 || virtq_enable_notify(vq))
		virtio_kick(&in->vdev, STATUSQ);
}

static void input_notify(struct virtio_device *vdev, unsigned queue)
{
	if (queue == EVENTQ)
		send_events(to_input(vdev));
	else
		drop_status(to_input(vdev));
}

static void input_stop(struct virtio_device *vdev)
{
	struct virtio_input *in = to_input(vdev);

	in->select = 0;
	in->subsel = 0;
	in->left = 0;
}

static const struct virtio_type input_vtype = {
	.device_id = VIRTIO_ID_INPUT,
	.config_len = CFG_LEN,
	.config_read = input_config_read,
	.config_write = input_config_write,
	.stop = input_stop,
	.notify = input_notify,
};

/*
 * A driver that is there listens, as far as can be known. It gets presses
 * later when it has no buffers now; beyond a few they are one and the same.
 */
static bool input_power_button(struct device *dev)
{
	struct virtio_input *in = dev_input(dev);
	const struct virtq *vq = &in->vdev.queues[EVENTQ].vq;

	if (!virtio_running(&in->vdev) || !vq->ready || vq->broken)
		return false;
	if (in->left <= (MAX_PRESSES - 1) * PRESS_EVENTS)
		in->left = (uint8_t)(in->left + PRESS_EVENTS);
	send_events(in);
	return virtio_running(&in->vdev);
}

/*
 * Life.
 */

static bool machine_has_button(void)
{
	for (unsigned i = 0; arch_device_types[i] != NULL; i++) {
		if (arch_device_types[i]->power_button != NULL)
			return true;
	}
	return false;
}

static bool input_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	return !nodefaults && !machine_has_button();
}

static int input_create(struct vm *vm, const struct device_config *cfg,
			struct device **out, struct error *err)
{
	static const uint16_t sizes[] = {
		[EVENTQ] = QUEUE_SIZE,
		[STATUSQ] = QUEUE_SIZE,
	};
	struct virtio_input *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return error_nomem(err, "a power button");

	int ret = virtio_init(&in->vdev, &virtio_input_device, &input_vtype, vm,
			      cfg->index, 0, sizes, ARRAY_SIZE(sizes), err);
	if (ret < 0) {
		free(in);
		return ret;
	}
	*out = &in->vdev.dev;
	return 0;
}

static void input_destroy(struct device *dev)
{
	struct virtio_input *in = dev_input(dev);

	virtio_fini(&in->vdev);
	free(in);
}

static int input_save(struct device *dev, struct snap_writer *w)
{
	struct virtio_input *in = dev_input(dev);
	int ret = virtio_save(&in->vdev, w);

	if (ret < 0)
		return ret;
	snap_put_u8(w, in->select);
	snap_put_u8(w, in->subsel);
	snap_put_u8(w, in->left);
	return w->error;
}

static int input_restore(struct device *dev, struct snap_reader *r,
			 uint32_t version)
{
	struct virtio_input *in = dev_input(dev);
	int ret = virtio_restore(&in->vdev, r);

	(void)version;
	if (ret < 0)
		return ret;
	in->select = snap_get_u8(r);
	in->subsel = snap_get_u8(r);
	in->left = snap_get_u8(r);
	if (in->left > MAX_PRESSES * PRESS_EVENTS)
		snap_reader_fail(r);
	if (snap_reader_error(r))
		virtio_dev_reset(dev);
	return snap_reader_error(r);
}

const struct device_type virtio_input_device = {
	.name = "virtio-input",
	.state_version = 1,
	.option = &input_option,
	.max = 1,
	.implied = input_implied,
	.create = input_create,
	.destroy = input_destroy,
	.power_on = virtio_dev_power_on,
	.power_off = virtio_dev_power_off,
	.reset = virtio_dev_reset,
	.quiesce = virtio_dev_quiesce,
	.resume = virtio_dev_resume,
	.save = input_save,
	.restore = input_restore,
	.fdt = virtio_dev_fdt,
	.power_button = input_power_button,
};
