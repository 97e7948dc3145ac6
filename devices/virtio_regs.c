/* SPDX-License-Identifier: Apache-2.0 */
/* Registers that the transports of virtio have in common. */
#include "devices/virtio_regs.h"

#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define ISR_KNOWN (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG)

struct virtq *virtio_regs_queue(const struct virtio_regs *regs)
{
	if (regs->queue_sel >= regs->vdev->nr_queues)
		return NULL;
	return &regs->vdev->queues[regs->queue_sel].vq;
}

struct virtq *virtio_regs_writable_queue(const struct virtio_regs *regs)
{
	if (!virtio_queue_writable(regs->vdev, regs->queue_sel))
		return NULL;
	return virtio_regs_queue(regs);
}

uint32_t virtio_regs_offered(const struct virtio_regs *regs)
{
	return virtio_features_word(regs->vdev, regs->device_features_sel);
}

uint32_t virtio_regs_accepted(const struct virtio_regs *regs)
{
	uint32_t sel = regs->driver_features_sel;

	return sel < 2 ? (uint32_t)(regs->vdev->accepted >> (32 * sel)) : 0;
}

void virtio_regs_accept(struct virtio_regs *regs, uint32_t value)
{
	virtio_accept_word(regs->vdev, regs->driver_features_sel, value);
}

uint32_t virtio_regs_queue_max(const struct virtio_regs *regs)
{
	const struct virtq *vq = virtio_regs_queue(regs);

	return vq != NULL ? vq->max : 0;
}

bool virtio_regs_queue_ready(const struct virtio_regs *regs)
{
	const struct virtq *vq = virtio_regs_queue(regs);

	return vq != NULL && vq->ready;
}

void virtio_regs_set_queue_size(struct virtio_regs *regs, uint32_t size)
{
	struct virtq *vq = virtio_regs_writable_queue(regs);

	if (vq != NULL)
		virtq_set_size(vq, size);
}

void virtio_regs_set_address(struct virtio_regs *regs, size_t field,
			     unsigned shift, uint32_t value)
{
	struct virtq *vq = virtio_regs_writable_queue(regs);

	if (vq == NULL)
		return;

	uint64_t *addr = (void *)((char *)vq + field);

	*addr &= ~(UINT64_C(0xffffffff) << shift);
	*addr |= (uint64_t)value << shift;
}

void virtio_regs_reset(struct virtio_regs *regs)
{
	*regs = (struct virtio_regs){ .vdev = regs->vdev };
}

void virtio_regs_save(const struct virtio_regs *regs, struct snap_writer *w)
{
	snap_put_u32(w, regs->device_features_sel);
	snap_put_u32(w, regs->driver_features_sel);
	snap_put_u32(w, regs->queue_sel);
	snap_put_u32(w, regs->isr);
}

void virtio_regs_restore(struct virtio_regs *regs, struct snap_reader *r)
{
	regs->device_features_sel = snap_get_u32(r);
	regs->driver_features_sel = snap_get_u32(r);
	regs->queue_sel = snap_get_u32(r);
	regs->isr = snap_get_u32(r);
	if (regs->isr & ~ISR_KNOWN)
		snap_reader_fail(r);
}

bool virtio_regs_use_ioeventfd(const struct virtio_regs *regs)
{
	const struct vm *vm = regs->vdev->dev.vm;

	return !vm->cfg->no_ioeventfd &&
	       kvm_check_extension(&vm->kvm, KVM_CAP_IOEVENTFD) > 0;
}
