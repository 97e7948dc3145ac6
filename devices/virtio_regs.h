/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers that the transports of virtio have in common, whatever their
 * offsets and widths (virtio 1.2, 4.1.4.3 and 4.2.2).
 */
#ifndef PRIVET_DEVICES_VIRTIO_REGS_H
#define PRIVET_DEVICES_VIRTIO_REGS_H

#include "devices/virtio.h"

/**
 * struct virtio_regs - What a transport keeps for a device
 * @vdev: the device; not owned
 * @device_features_sel, @driver_features_sel, @queue_sel: selectors, as the
 *	driver wrote them
 * @isr: interrupt causes: VIRTIO_ISR_*
 *
 * Context: the device's lock for this and all functions.
 */
struct virtio_regs {
	struct virtio_device *vdev;
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint32_t queue_sel;
	uint32_t isr;
};

/** virtio_regs_queue() - The selected queue, NULL when there is none such */
struct virtq *virtio_regs_queue(const struct virtio_regs *regs);

/** virtio_regs_writable_queue() - The same, if it may still be set up */
struct virtq *virtio_regs_writable_queue(const struct virtio_regs *regs);

/** virtio_regs_offered(), virtio_regs_accepted() - The selected 32 bits */
uint32_t virtio_regs_offered(const struct virtio_regs *regs);
uint32_t virtio_regs_accepted(const struct virtio_regs *regs);
void virtio_regs_accept(struct virtio_regs *regs, uint32_t value);

/** virtio_regs_queue_max() - Largest size of the selected queue, or 0 */
uint32_t virtio_regs_queue_max(const struct virtio_regs *regs);
bool virtio_regs_queue_ready(const struct virtio_regs *regs);

void virtio_regs_set_queue_size(struct virtio_regs *regs, uint32_t size);

/**
 * virtio_regs_set_address() - The driver writes an address of the queue
 * @field: offset in struct virtq
 * @shift: 0 or 32: where the four bytes go
 */
void virtio_regs_set_address(struct virtio_regs *regs, size_t field,
			     unsigned shift, uint32_t value);

/** virtio_regs_reset() - Initial values */
void virtio_regs_reset(struct virtio_regs *regs);
void virtio_regs_save(const struct virtio_regs *regs, struct snap_writer *w);
void virtio_regs_restore(struct virtio_regs *regs, struct snap_reader *r);

/** virtio_regs_use_ioeventfd() - Whether KVM is to handle doorbells */
bool virtio_regs_use_ioeventfd(const struct virtio_regs *regs);

#endif
