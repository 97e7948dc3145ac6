/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-mmio, version 2 (virtio 1.2, 4.2).
 *
 * A window of registers, one interrupt for everything, and a doorbell that
 * KVM turns into an eventfd where it can. A doorbell that reaches the window
 * nevertheless rings the same eventfd, so a device notices no difference.
 *
 * The interrupt is an edge: InterruptStatus is set first, then the line is
 * pulsed. Linux acknowledges what it read before it looks at the rings, and
 * each of its accesses exits and is handled here under the device's lock.
 */
#include "devices/virtio_regs.h"

#include <errno.h>
#include <stdlib.h>
#include "vmm/arch.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

/* Registers, virtio 1.2, 4.2.2 */
#define VIRTIO_MMIO_MAGIC_VALUE         0x000
#define VIRTIO_MMIO_VERSION             0x004
#define VIRTIO_MMIO_DEVICE_ID           0x008
#define VIRTIO_MMIO_VENDOR_ID           0x00c
#define VIRTIO_MMIO_DEVICE_FEATURES     0x010
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014
#define VIRTIO_MMIO_DRIVER_FEATURES     0x020
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024
#define VIRTIO_MMIO_QUEUE_SEL           0x030
#define VIRTIO_MMIO_QUEUE_NUM_MAX       0x034
#define VIRTIO_MMIO_QUEUE_NUM           0x038
#define VIRTIO_MMIO_QUEUE_READY         0x044
#define VIRTIO_MMIO_QUEUE_NOTIFY        0x050
#define VIRTIO_MMIO_INTERRUPT_STATUS    0x060
#define VIRTIO_MMIO_INTERRUPT_ACK       0x064
#define VIRTIO_MMIO_STATUS              0x070
#define VIRTIO_MMIO_QUEUE_DESC_LOW      0x080
#define VIRTIO_MMIO_QUEUE_DESC_HIGH     0x084
#define VIRTIO_MMIO_QUEUE_DRIVER_LOW    0x090
#define VIRTIO_MMIO_QUEUE_DRIVER_HIGH   0x094
#define VIRTIO_MMIO_QUEUE_DEVICE_LOW    0x0a0
#define VIRTIO_MMIO_QUEUE_DEVICE_HIGH   0x0a4
#define VIRTIO_MMIO_SHM_LEN_LOW         0x0b0
#define VIRTIO_MMIO_SHM_LEN_HIGH        0x0b4
#define VIRTIO_MMIO_SHM_BASE_LOW        0x0b8
#define VIRTIO_MMIO_SHM_BASE_HIGH       0x0bc
#define VIRTIO_MMIO_CONFIG_GENERATION   0x0fc
#define VIRTIO_MMIO_CONFIG              0x100

#define MAGIC                           0x74726976U
#define VERSION                         2U
/* "PRVT" */
#define VENDOR 0x54565250U

/**
 * struct virtio_mmio - A window
 * @regs: selectors, InterruptStatus; the device's lock
 * @where: address, size, interrupt
 * @nr_bound: queues whose doorbell KVM handles
 */
struct virtio_mmio {
	struct virtio_regs regs;
	struct arch_device where;
	struct irq_line irq;
	unsigned nr_bound;
};

/**
 * struct reg - A register
 * @read: NULL: reads as @fixed
 * @write: NULL: writes are ignored
 * @fixed: constant
 * @field: offset of what it selects: in struct virtio_mmio for selectors, in
 *	struct virtq for addresses
 */
struct reg {
	uint32_t (*read)(struct virtio_mmio *m);
	void (*write)(struct virtio_mmio *m, const struct reg *reg,
		      uint32_t value);
	uint32_t fixed;
	size_t field;
};

static uint32_t read_device_id(struct virtio_mmio *m)
{
	return m->regs.vdev->vtype->device_id;
}

static uint32_t read_features(struct virtio_mmio *m)
{
	return virtio_regs_offered(&m->regs);
}

static uint32_t read_queue_max(struct virtio_mmio *m)
{
	return virtio_regs_queue_max(&m->regs);
}

static uint32_t read_queue_ready(struct virtio_mmio *m)
{
	return virtio_regs_queue_ready(&m->regs);
}

static uint32_t read_isr(struct virtio_mmio *m)
{
	return m->regs.isr;
}

static uint32_t read_status(struct virtio_mmio *m)
{
	return m->regs.vdev->status;
}

static uint32_t read_generation(struct virtio_mmio *m)
{
	return m->regs.vdev->config_generation;
}

static void write_selector(struct virtio_mmio *m, const struct reg *reg,
			   uint32_t value)
{
	*(uint32_t *)(void *)((char *)m + reg->field) = value;
}

static void write_features(struct virtio_mmio *m, const struct reg *reg,
			   uint32_t value)
{
	(void)reg;
	virtio_regs_accept(&m->regs, value);
}

static void write_queue_num(struct virtio_mmio *m, const struct reg *reg,
			    uint32_t value)
{
	(void)reg;
	virtio_regs_set_queue_size(&m->regs, value);
}

static void write_queue_ready(struct virtio_mmio *m, const struct reg *reg,
			      uint32_t value)
{
	(void)reg;
	if (value <= 1)
		virtio_queue_set_ready(m->regs.vdev, m->regs.queue_sel, value);
}

static void write_address_low(struct virtio_mmio *m, const struct reg *reg,
			      uint32_t value)
{
	virtio_regs_set_address(&m->regs, reg->field, 0, value);
}

static void write_address_high(struct virtio_mmio *m, const struct reg *reg,
			       uint32_t value)
{
	virtio_regs_set_address(&m->regs, reg->field, 32, value);
}

static void write_notify(struct virtio_mmio *m, const struct reg *reg,
			 uint32_t value)
{
	(void)reg;
	virtio_kick(m->regs.vdev, value);
}

static void write_isr_ack(struct virtio_mmio *m, const struct reg *reg,
			  uint32_t value)
{
	(void)reg;
	m->regs.isr &= ~value;
}

static void write_status(struct virtio_mmio *m, const struct reg *reg,
			 uint32_t value)
{
	(void)reg;
	/* Cut down to the eight bits that there are, 0x100 would reset. */
	if (value <= UINT8_MAX)
		virtio_write_status(m->regs.vdev, (uint8_t)value);
}

#define SELECTOR(name)                                           \
	{                                                        \
		.write = write_selector,                         \
		.field = offsetof(struct virtio_mmio, regs.name) \
	}
#define ADDRESS_LOW(name)                             \
	{                                             \
		.write = write_address_low,           \
		.field = offsetof(struct virtq, name) \
	}
#define ADDRESS_HIGH(name)                            \
	{                                             \
		.write = write_address_high,          \
		.field = offsetof(struct virtq, name) \
	}

/* One entry for every four bytes below the configuration space. */
static const struct reg regs[VIRTIO_MMIO_CONFIG / 4] = {
	[VIRTIO_MMIO_MAGIC_VALUE / 4] = { .fixed = MAGIC },
	[VIRTIO_MMIO_VERSION / 4] = { .fixed = VERSION },
	[VIRTIO_MMIO_DEVICE_ID / 4] = { .read = read_device_id },
	[VIRTIO_MMIO_VENDOR_ID / 4] = { .fixed = VENDOR },
	[VIRTIO_MMIO_DEVICE_FEATURES / 4] = { .read = read_features },
	[VIRTIO_MMIO_DEVICE_FEATURES_SEL / 4] = SELECTOR(device_features_sel),
	[VIRTIO_MMIO_DRIVER_FEATURES / 4] = { .write = write_features },
	[VIRTIO_MMIO_DRIVER_FEATURES_SEL / 4] = SELECTOR(driver_features_sel),
	[VIRTIO_MMIO_QUEUE_SEL / 4] = SELECTOR(queue_sel),
	[VIRTIO_MMIO_QUEUE_NUM_MAX / 4] = { .read = read_queue_max },
	[VIRTIO_MMIO_QUEUE_NUM / 4] = { .write = write_queue_num },
	[VIRTIO_MMIO_QUEUE_READY / 4] = { .read = read_queue_ready,
					  .write = write_queue_ready },
	[VIRTIO_MMIO_QUEUE_NOTIFY / 4] = { .write = write_notify },
	[VIRTIO_MMIO_INTERRUPT_STATUS / 4] = { .read = read_isr },
	[VIRTIO_MMIO_INTERRUPT_ACK / 4] = { .write = write_isr_ack },
	[VIRTIO_MMIO_STATUS / 4] = { .read = read_status,
				     .write = write_status },
	[VIRTIO_MMIO_QUEUE_DESC_LOW / 4] = ADDRESS_LOW(desc),
	[VIRTIO_MMIO_QUEUE_DESC_HIGH / 4] = ADDRESS_HIGH(desc),
	[VIRTIO_MMIO_QUEUE_DRIVER_LOW / 4] = ADDRESS_LOW(driver),
	[VIRTIO_MMIO_QUEUE_DRIVER_HIGH / 4] = ADDRESS_HIGH(driver),
	[VIRTIO_MMIO_QUEUE_DEVICE_LOW / 4] = ADDRESS_LOW(device),
	[VIRTIO_MMIO_QUEUE_DEVICE_HIGH / 4] = ADDRESS_HIGH(device),
	/* A length of all ones: there is no shared memory of that number. */
	[VIRTIO_MMIO_SHM_LEN_LOW / 4] = { .fixed = UINT32_MAX },
	[VIRTIO_MMIO_SHM_LEN_HIGH / 4] = { .fixed = UINT32_MAX },
	[VIRTIO_MMIO_SHM_BASE_LOW / 4] = { .fixed = UINT32_MAX },
	[VIRTIO_MMIO_SHM_BASE_HIGH / 4] = { .fixed = UINT32_MAX },
	[VIRTIO_MMIO_CONFIG_GENERATION / 4] = { .read = read_generation },
};

static uint64_t window_read(void *opaque, uint64_t off, unsigned size)
{
	struct virtio_mmio *m = opaque;

	if (off >= VIRTIO_MMIO_CONFIG)
		return virtio_config_read(m->regs.vdev,
					  off - VIRTIO_MMIO_CONFIG, size);
	if (size != 4)
		return 0;

	const struct reg *reg = &regs[off / 4];

	return reg->read != NULL ? reg->read(m) : reg->fixed;
}

static void window_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t value)
{
	struct virtio_mmio *m = opaque;

	if (off >= VIRTIO_MMIO_CONFIG) {
		virtio_config_write(m->regs.vdev, off - VIRTIO_MMIO_CONFIG,
				    size, value);
		return;
	}
	if (size != 4)
		return;

	const struct reg *reg = &regs[off / 4];

	if (reg->write != NULL)
		reg->write(m, reg, (uint32_t)value);
}

static const struct mmio_ops window_ops = {
	.read = window_read,
	.write = window_write,
	.min_size = 1,
	.max_size = 8,
};

static int claim_slot(struct virtio_mmio *m, struct error *err)
{
	struct vm *vm = m->regs.vdev->dev.vm;

	if (arch_virtio_mmio_slot(vm->nr_virtio_slots, &m->where) < 0)
		return error_usage(err,
				   "cannot add %s: this machine has room for "
				   "%u virtio devices",
				   m->regs.vdev->dev.id,
				   arch_info.nr_virtio_mmio);
	vm->nr_virtio_slots++;
	return 0;
}

static int attach(struct virtio_device *vdev, struct error *err)
{
	struct vm *vm = vdev->dev.vm;
	struct virtio_mmio *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return error_nomem(err, "a virtio device's window");
	m->regs.vdev = vdev;

	int ret = claim_slot(m, err);
	if (ret < 0)
		goto err_free;
	ret = irq_line_init(&m->irq, vm, m->where.irq, IRQ_EDGE, err);
	if (ret < 0)
		goto err_slot;

	struct mmio_region region = {
		.name = vdev->dev.id,
		.base = m->where.base,
		.size = m->where.size,
		.ops = &window_ops,
		.lock = &vdev->dev.lock,
		.opaque = m,
	};

	ret = mmio_add(&vm->mmio, &region, err);
	if (ret < 0)
		goto err_irq;
	vdev->transport_data = m;
	return 0;

err_irq:
	irq_line_destroy(&m->irq);
err_slot:
	vm->nr_virtio_slots--;
err_free:
	free(m);
	return ret;
}

static void detach(struct virtio_device *vdev)
{
	struct virtio_mmio *m = vdev->transport_data;

	if (m == NULL)
		return;
	irq_line_destroy(&m->irq);
	free(m);
	vdev->transport_data = NULL;
}

static int bind_doorbell(struct virtio_mmio *m, unsigned queue, bool assign)
{
	uint64_t match = queue;

	return kvm_ioeventfd(&m->regs.vdev->dev.vm->kvm,
			     m->regs.vdev->queues[queue].doorbell.fd,
			     m->where.base + VIRTIO_MMIO_QUEUE_NOTIFY, 4,
			     &match, assign);
}

/* What KVM does not take exits to window_write(), which does the same. */
static int power_on(struct virtio_device *vdev, struct error *err)
{
	struct virtio_mmio *m = vdev->transport_data;
	struct vm *vm = vdev->dev.vm;
	int ret = irq_line_power_on(&m->irq, err);

	if (ret < 0)
		return ret;
	m->nr_bound = 0;
	if (!virtio_regs_use_ioeventfd(&m->regs))
		return 0;
	while (m->nr_bound < vdev->nr_queues &&
	       bind_doorbell(m, m->nr_bound, true) == 0)
		m->nr_bound++;
	if (m->nr_bound < vdev->nr_queues)
		log_debug(vm->log,
			  "%s: KVM handles the doorbells of %u of %u "
			  "queues",
			  vdev->dev.id, m->nr_bound, vdev->nr_queues);
	return 0;
}

static void power_off(struct virtio_device *vdev)
{
	struct virtio_mmio *m = vdev->transport_data;

	while (m->nr_bound > 0)
		bind_doorbell(m, --m->nr_bound, false);
	irq_line_power_off(&m->irq);
}

/*
 * No pulse while the bit is still set from an earlier one: the driver has not
 * acknowledged that one, since the acknowledgement exits and is handled under
 * the same lock as this. It will look at the rings after it has, and what is
 * signalled now was written there before.
 */
static void raise_cause(struct virtio_mmio *m, uint32_t cause)
{
	if (m->regs.isr & cause)
		return;
	m->regs.isr |= cause;
	irq_pulse(&m->irq);
}

static void signal_queue(struct virtio_device *vdev, unsigned queue)
{
	(void)queue;
	raise_cause(vdev->transport_data, VIRTIO_ISR_QUEUE);
}

static void signal_config(struct virtio_device *vdev)
{
	raise_cause(vdev->transport_data, VIRTIO_ISR_CONFIG);
}

static void reset(struct virtio_device *vdev)
{
	struct virtio_mmio *m = vdev->transport_data;

	virtio_regs_reset(&m->regs);
}

static void save(struct virtio_device *vdev, struct snap_writer *w)
{
	const struct virtio_mmio *m = vdev->transport_data;

	virtio_regs_save(&m->regs, w);
}

/*
 * A pulse may have been under way when the state was saved. One too many is
 * harmless: the driver finds InterruptStatus as it is.
 */
static void restore(struct virtio_device *vdev, struct snap_reader *r)
{
	struct virtio_mmio *m = vdev->transport_data;

	virtio_regs_restore(&m->regs, r);
	if (!snap_reader_error(r) && m->regs.isr != 0)
		irq_pulse(&m->irq);
}

static void fdt(struct virtio_device *vdev, struct fdt_builder *b)
{
	const struct virtio_mmio *m = vdev->transport_data;

	fdt_begin(b, "virtio_mmio@%llx", (unsigned long long)m->where.base);
	fdt_prop_string(b, "compatible", "virtio,mmio");
	fdt_prop_reg(b, m->where.base, m->where.size);
	irq_line_fdt(&m->irq, b);
	fdt_prop_empty(b, "dma-coherent");
	fdt_end(b);
}

const struct virtio_transport virtio_mmio_transport = {
	.name = "mmio",
	.attach = attach,
	.detach = detach,
	.power_on = power_on,
	.power_off = power_off,
	.signal_queue = signal_queue,
	.signal_config = signal_config,
	.reset = reset,
	.save = save,
	.restore = restore,
	.fdt = fdt,
};
