/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structures of virtio over PCI in their BAR (virtio 1.2, 4.1.4.3 to
 * 4.1.4.6).
 *
 * A register of the common configuration answers to accesses of its own width
 * only, an address also to its two halves (virtio 1.2, 4.1.3.1). Others read
 * as zero and are dropped.
 */
#include "devices/virtio_pci.h"

/**
 * struct reg - A register of the common configuration
 * @size: its width in bytes; 0: there is none at this offset
 * @read: NULL: reads as zero
 * @write: NULL: writes are ignored
 * @field: addresses: offset in struct virtq
 * @shift: addresses: 32 for the upper half
 */
struct reg {
	unsigned size;
	uint64_t (*read)(struct virtio_pci *p, const struct reg *reg);
	void (*write)(struct virtio_pci *p, const struct reg *reg,
		      uint32_t value);
	size_t field;
	unsigned shift;
};

static uint64_t read_offered_sel(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->regs.device_features_sel;
}

static void write_offered_sel(struct virtio_pci *p, const struct reg *reg,
			      uint32_t value)
{
	(void)reg;
	p->regs.device_features_sel = value;
}

static uint64_t read_offered(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return virtio_regs_offered(&p->regs);
}

static uint64_t read_accepted_sel(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->regs.driver_features_sel;
}

static void write_accepted_sel(struct virtio_pci *p, const struct reg *reg,
			       uint32_t value)
{
	(void)reg;
	p->regs.driver_features_sel = value;
}

static uint64_t read_accepted(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return virtio_regs_accepted(&p->regs);
}

static void write_accepted(struct virtio_pci *p, const struct reg *reg,
			   uint32_t value)
{
	(void)reg;
	virtio_regs_accept(&p->regs, value);
}

static uint64_t read_config_vector(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->config_vector;
}

/* A vector that does not exist reads back as none: the driver checks that. */
static uint16_t usable_vector(const struct virtio_pci *p, uint32_t vector)
{
	return vector < p->pci.nr_vectors ? (uint16_t)vector
					  : VIRTIO_PCI_NO_VECTOR;
}

static void write_config_vector(struct virtio_pci *p, const struct reg *reg,
				uint32_t value)
{
	(void)reg;
	p->config_vector = usable_vector(p, value);
}

static uint64_t read_num_queues(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->regs.vdev->nr_queues;
}

static uint64_t read_status(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->regs.vdev->status;
}

static void write_status(struct virtio_pci *p, const struct reg *reg,
			 uint32_t value)
{
	(void)reg;
	virtio_write_status(p->regs.vdev, (uint8_t)value);
}

static uint64_t read_generation(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->regs.vdev->config_generation;
}

static uint64_t read_queue_sel(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return p->regs.queue_sel;
}

static void write_queue_sel(struct virtio_pci *p, const struct reg *reg,
			    uint32_t value)
{
	(void)reg;
	p->regs.queue_sel = value;
}

/* A size that was refused reads as zero: a queue that cannot be used. */
static uint64_t read_queue_size(struct virtio_pci *p, const struct reg *reg)
{
	const struct virtq *vq = virtio_regs_queue(&p->regs);

	(void)reg;
	return vq != NULL ? vq->size : 0;
}

static void write_queue_size(struct virtio_pci *p, const struct reg *reg,
			     uint32_t value)
{
	(void)reg;
	virtio_regs_set_queue_size(&p->regs, value);
}

static uint64_t read_queue_vector(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	if (virtio_regs_queue(&p->regs) == NULL)
		return VIRTIO_PCI_NO_VECTOR;
	return p->queue_vectors[p->regs.queue_sel];
}

static void write_queue_vector(struct virtio_pci *p, const struct reg *reg,
			       uint32_t value)
{
	(void)reg;
	if (virtio_regs_queue(&p->regs) != NULL)
		p->queue_vectors[p->regs.queue_sel] = usable_vector(p, value);
}

static uint64_t read_queue_enable(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return virtio_regs_queue_ready(&p->regs);
}

/* Only a reset disables a queue (virtio 1.2, 4.1.4.3.2). */
static void write_queue_enable(struct virtio_pci *p, const struct reg *reg,
			       uint32_t value)
{
	(void)reg;
	if (value == 1)
		virtio_queue_set_ready(p->regs.vdev, p->regs.queue_sel, true);
}

static uint64_t read_notify_off(struct virtio_pci *p, const struct reg *reg)
{
	(void)reg;
	return virtio_regs_queue(&p->regs) != NULL ? p->regs.queue_sel : 0;
}

static uint64_t read_address(struct virtio_pci *p, const struct reg *reg)
{
	const struct virtq *vq = virtio_regs_queue(&p->regs);

	if (vq == NULL)
		return 0;
	return *(const uint64_t *)(const void *)((const char *)vq +
						 reg->field) >>
	       reg->shift;
}

static void write_address(struct virtio_pci *p, const struct reg *reg,
			  uint32_t value)
{
	virtio_regs_set_address(&p->regs, reg->field, reg->shift, value);
}

#define ADDRESS(name, half)                                                 \
	{                                                                   \
		.size = 4, .read = read_address, .write = write_address,    \
		.field = offsetof(struct virtq, name), .shift = 32 * (half) \
	}

/* By offset, virtio 1.2, 4.1.4.3. */
static const struct reg regs[VIRTIO_PCI_COMMON_SIZE] = {
	[0] = { .size = 4,
		.read = read_offered_sel,
		.write = write_offered_sel },
	[4] = { .size = 4, .read = read_offered },
	[8] = { .size = 4,
		.read = read_accepted_sel,
		.write = write_accepted_sel },
	[12] = { .size = 4, .read = read_accepted, .write = write_accepted },
	[16] = { .size = 2,
		 .read = read_config_vector,
		 .write = write_config_vector },
	[18] = { .size = 2, .read = read_num_queues },
	[20] = { .size = 1, .read = read_status, .write = write_status },
	[21] = { .size = 1, .read = read_generation },
	[22] = { .size = 2, .read = read_queue_sel, .write = write_queue_sel },
	[24] = { .size = 2,
		 .read = read_queue_size,
		 .write = write_queue_size },
	[26] = { .size = 2,
		 .read = read_queue_vector,
		 .write = write_queue_vector },
	[28] = { .size = 2,
		 .read = read_queue_enable,
		 .write = write_queue_enable },
	[30] = { .size = 2, .read = read_notify_off },
	[32] = ADDRESS(desc, 0),
	[36] = ADDRESS(desc, 1),
	[40] = ADDRESS(driver, 0),
	[44] = ADDRESS(driver, 1),
	[48] = ADDRESS(device, 0),
	[52] = ADDRESS(device, 1),
};

/* The lower half of an address that all of @size bytes are meant for. */
static bool whole_address(const struct reg *reg, unsigned size)
{
	return size == 8 && reg->read == read_address && reg->shift == 0;
}

static uint64_t common_read(struct virtio_pci *p, uint64_t off, unsigned size)
{
	if (off >= VIRTIO_PCI_COMMON_SIZE)
		return 0;

	const struct reg *reg = &regs[off];

	if (reg->read == NULL)
		return 0;
	if (whole_address(reg, size))
		return reg->read(p, reg);
	if (size != reg->size)
		return 0;
	return size == 4 ? (uint32_t)reg->read(p, reg) : reg->read(p, reg);
}

static void common_write(struct virtio_pci *p, uint64_t off, unsigned size,
			 uint64_t value)
{
	if (off >= VIRTIO_PCI_COMMON_SIZE)
		return;

	const struct reg *reg = &regs[off];

	if (reg->write == NULL)
		return;
	if (whole_address(reg, size)) {
		reg->write(p, reg, (uint32_t)value);
		reg = &regs[off + 4];
		reg->write(p, reg, (uint32_t)(value >> 32));
	} else if (size == reg->size) {
		reg->write(p, reg, (uint32_t)value);
	}
}

/* Reading it acknowledges, and takes INTA back. */
static uint64_t isr_read(struct virtio_pci *p, uint64_t off, unsigned size)
{
	(void)size;
	if (off != 0)
		return 0;

	uint32_t isr = p->regs.isr;

	p->regs.isr = 0;
	pci_dev_set_irq(&p->pci, false);
	return isr;
}

static void isr_write(struct virtio_pci *p, uint64_t off, unsigned size,
		      uint64_t value)
{
	(void)p;
	(void)off;
	(void)size;
	(void)value;
}

static uint64_t device_read(struct virtio_pci *p, uint64_t off, unsigned size)
{
	return virtio_config_read(p->regs.vdev, off, size);
}

static void device_write(struct virtio_pci *p, uint64_t off, unsigned size,
			 uint64_t value)
{
	virtio_config_write(p->regs.vdev, off, size, value);
}

static uint64_t notify_read(struct virtio_pci *p, uint64_t off, unsigned size)
{
	(void)p;
	(void)off;
	(void)size;
	return 0;
}

/*
 * The address says which queue, whatever the value and the width are: so does
 * KVM where it takes the store.
 */
static void notify_write(struct virtio_pci *p, uint64_t off, unsigned size,
			 uint64_t value)
{
	(void)size;
	(void)value;
	if (off % VIRTIO_PCI_NOTIFY_MULTIPLIER == 0 &&
	    off / VIRTIO_PCI_NOTIFY_MULTIPLIER < VIRTIO_MAX_QUEUES)
		virtio_kick(p->regs.vdev,
			    (unsigned)(off / VIRTIO_PCI_NOTIFY_MULTIPLIER));
}

/** struct part - A structure in the BAR; offsets are those inside of it */
struct part {
	uint64_t (*read)(struct virtio_pci *p, uint64_t off, unsigned size);
	void (*write)(struct virtio_pci *p, uint64_t off, unsigned size,
		      uint64_t value);
};

static const struct part parts[] = {
	[VIRTIO_PCI_COMMON / VIRTIO_PCI_PART_SIZE] = { common_read,
						       common_write },
	[VIRTIO_PCI_ISR / VIRTIO_PCI_PART_SIZE] = { isr_read, isr_write },
	[VIRTIO_PCI_DEVICE /
		VIRTIO_PCI_PART_SIZE] = { device_read, device_write },
	[VIRTIO_PCI_NOTIFY /
		VIRTIO_PCI_PART_SIZE] = { notify_read, notify_write },
};

_Static_assert(ARRAY_SIZE(parts) * VIRTIO_PCI_PART_SIZE == VIRTIO_PCI_BAR_SIZE,
	       "every byte of the BAR belongs to a structure");

uint64_t virtio_pci_read(struct virtio_pci *p, uint64_t off, unsigned size)
{
	return parts[off / VIRTIO_PCI_PART_SIZE].read(
		p, off % VIRTIO_PCI_PART_SIZE, size);
}

void virtio_pci_write(struct virtio_pci *p, uint64_t off, unsigned size,
		      uint64_t value)
{
	parts[off / VIRTIO_PCI_PART_SIZE].write(p, off % VIRTIO_PCI_PART_SIZE,
						size, value);
}
