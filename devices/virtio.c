/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices without a transport.
 *
 * What the driver writes arrives on a vCPU thread, doorbells on the I/O
 * thread; both hold the device's lock. The only place where that lock is let
 * go in between is a device type's stop(), while it waits for requests in
 * flight: until the reset is complete, @resetting keeps every other vCPU and
 * the doorbells out.
 */
#include "devices/virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/bytes.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

/* What every device offers, whatever its type. */
#define COMMON_FEATURES                                                    \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | \
	 VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC))

#define STATUS_STARTED (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)
#define STATUS_KNOWN                                             \
	(STATUS_STARTED | VIRTIO_STATUS_DRIVER_OK |              \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_NEEDS_RESET | \
	 VIRTIO_STATUS_FAILED)

#define CONFIG_ACCESS_MAX 8U

bool virtio_has(const struct virtio_device *vdev, unsigned bit)
{
	return bit < 64 && (vdev->status & VIRTIO_STATUS_FEATURES_OK) &&
	       (vdev->accepted >> bit & 1);
}

bool virtio_running(const struct virtio_device *vdev)
{
	return (vdev->status & VIRTIO_STATUS_DRIVER_OK) &&
	       !(vdev->status & VIRTIO_STATUS_NEEDS_RESET) && !vdev->quiesced &&
	       !vdev->resetting;
}

static void ring_doorbell(const struct virtio_queue *queue)
{
	uint64_t one = 1;

	while (write(queue->doorbell.fd, &one, sizeof(one)) < 0 &&
	       errno == EINTR)
		;
}

static void doorbell_rang(struct ev_source *src, uint32_t events)
{
	struct virtio_queue *queue =
		container_of(src, struct virtio_queue, doorbell);
	struct virtio_device *vdev = queue->vdev;

	(void)events;
	/* Held back or early: resume and DRIVER_OK ring again. */
	if (virtio_running(vdev) && queue->vq.ready && !queue->vq.broken)
		vdev->vtype->notify(vdev, queue->index);
}

static int init_queue(struct virtio_device *vdev, unsigned index, uint16_t size,
		      struct error *err)
{
	struct virtio_queue *queue = &vdev->queues[index];
	struct vm *vm = vdev->dev.vm;
	int ret;

	virtq_init(&queue->vq, &vm->gmem, size);
	queue->vdev = vdev;
	queue->index = index;
	/*
	 * Edge-triggered, every ring is an event, and the counter need not be
	 * read: that spares a system call for each. It cannot fill up.
	 */
	queue->doorbell.events = EPOLLIN | EPOLLET;
	queue->doorbell.fn = doorbell_rang;
	queue->doorbell.lock = &vdev->dev.lock;

	queue->doorbell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->doorbell.fd < 0) {
		ret = -errno;
		goto err;
	}
	ret = evloop_add(vm->loop, &queue->doorbell);
	if (ret < 0)
		goto err_close;
	return 0;

err_close:
	close(queue->doorbell.fd);
err:
	queue->doorbell.fd = -1;
	return error_host(err, ret,
			  "cannot create a doorbell for %s: %s; raise the "
			  "limit on open files",
			  vdev->dev.id, strerror(-ret));
}

static void fini_queues(struct virtio_device *vdev)
{
	for (unsigned i = 0; i < vdev->nr_queues; i++) {
		struct ev_source *doorbell = &vdev->queues[i].doorbell;
		int fd = doorbell->fd;

		evloop_remove(vdev->dev.vm->loop, doorbell);
		close(fd);
	}
	free(vdev->queues);
	vdev->queues = NULL;
	vdev->nr_queues = 0;
}

static int init_queues(struct virtio_device *vdev, const uint16_t *sizes,
		       unsigned nr_queues, struct error *err)
{
	if (nr_queues == 0 || nr_queues > VIRTIO_MAX_QUEUES)
		return error_usage(err,
				   "cannot give %s %u queues: between 1 and %u "
				   "are possible",
				   vdev->dev.id, nr_queues, VIRTIO_MAX_QUEUES);

	vdev->queues = calloc(nr_queues, sizeof(*vdev->queues));
	if (vdev->queues == NULL)
		return error_nomem(err, "the queues of a virtio device");
	for (unsigned i = 0; i < nr_queues; i++) {
		int ret;

		if (!is_power_of_two(sizes[i]) || sizes[i] > VIRTQ_MAX_SIZE)
			ret = error_usage(err,
					  "cannot give %s a queue of %u "
					  "entries: it must be a power of two "
					  "up to %u",
					  vdev->dev.id, sizes[i],
					  VIRTQ_MAX_SIZE);
		else
			ret = init_queue(vdev, i, sizes[i], err);
		if (ret < 0) {
			fini_queues(vdev);
			return ret;
		}
		vdev->nr_queues = i + 1;
	}
	return 0;
}

int virtio_init(struct virtio_device *vdev, const struct device_type *dtype,
		const struct virtio_type *vtype, struct vm *vm, unsigned index,
		uint64_t features, const uint16_t *queue_sizes,
		unsigned nr_queues, struct error *err)
{
	device_init(&vdev->dev, dtype, vm, index);
	vdev->vtype = vtype;
	vdev->transport = vm_uses_pci(vm) ? &virtio_pci_transport
					  : &virtio_mmio_transport;
	vdev->transport_data = NULL;
	vdev->offered = features | COMMON_FEATURES;
	vdev->accepted = 0;
	vdev->status = 0;
	vdev->config_generation = 0;
	vdev->quiesced = false;
	vdev->resetting = false;
	vdev->queues = NULL;
	vdev->nr_queues = 0;
	vdev->guest_log = (struct log_limit){ 0 };

	int ret = init_queues(vdev, queue_sizes, nr_queues, err);
	if (ret < 0)
		goto err_fini;
	ret = vdev->transport->attach(vdev, err);
	if (ret < 0)
		goto err_queues;
	return 0;

err_queues:
	fini_queues(vdev);
err_fini:
	device_fini(&vdev->dev);
	return ret;
}

void virtio_fini(struct virtio_device *vdev)
{
	vdev->transport->detach(vdev);
	fini_queues(vdev);
	device_fini(&vdev->dev);
}

void virtio_fail(struct virtio_device *vdev, const char *why)
{
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		vdev->queues[i].vq.broken = true;
	if (vdev->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	vdev->status |= VIRTIO_STATUS_NEEDS_RESET;
	log_guest(vdev->dev.vm->log, &vdev->guest_log, LOG_WARNING,
		  "%s: the guest's driver broke the protocol (%s): it has to "
		  "reset the device",
		  vdev->dev.id, why);
	/* virtio 1.2, 2.1.2 */
	if (vdev->status & VIRTIO_STATUS_DRIVER_OK)
		vdev->transport->signal_config(vdev);
}

void virtio_signal(struct virtio_device *vdev, unsigned queue)
{
	if (virtq_must_signal(&vdev->queues[queue].vq))
		vdev->transport->signal_queue(vdev, queue);
}

void virtio_config_changed(struct virtio_device *vdev)
{
	vdev->config_generation++;
	if (vdev->status & VIRTIO_STATUS_DRIVER_OK)
		vdev->transport->signal_config(vdev);
}

void virtio_kick(struct virtio_device *vdev, unsigned queue)
{
	if (queue < vdev->nr_queues)
		ring_doorbell(&vdev->queues[queue]);
}

static void kick_ready_queues(struct virtio_device *vdev)
{
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		if (vdev->queues[i].vq.ready)
			ring_doorbell(&vdev->queues[i]);
}

/*
 * The status keeps its old value until everything is done: a driver that
 * looks at it from another vCPU must not read 0 while requests still write
 * into its memory.
 */
static void reset(struct virtio_device *vdev)
{
	if (vdev->resetting)
		return;
	vdev->resetting = true;
	if (vdev->vtype->stop != NULL)
		vdev->vtype->stop(vdev);
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		virtq_reset(&vdev->queues[i].vq);
	vdev->transport->reset(vdev);
	vdev->accepted = 0;
	vdev->status = 0;
	vdev->resetting = false;
}

/* As if the machine had just been switched on. */
static void power_reset(struct virtio_device *vdev)
{
	reset(vdev);
	if (vdev->transport->power_reset != NULL)
		vdev->transport->power_reset(vdev);
}

static bool features_acceptable(const struct virtio_device *vdev)
{
	return (vdev->accepted & ~vdev->offered) == 0 &&
	       (vdev->accepted & VIRTIO_BIT(VIRTIO_F_VERSION_1));
}

static void set_features_ok(struct virtio_device *vdev)
{
	if (!features_acceptable(vdev)) {
		log_guest(vdev->dev.vm->log, &vdev->guest_log, LOG_INFO,
			  "%s: the guest's driver chose features 0x%llx: not "
			  "possible",
			  vdev->dev.id, (unsigned long long)vdev->accepted);
		return;
	}
	vdev->status |= VIRTIO_STATUS_FEATURES_OK;
	for (unsigned i = 0; i < vdev->nr_queues; i++) {
		struct virtq *vq = &vdev->queues[i].vq;

		vq->event_idx = virtio_has(vdev, VIRTIO_F_EVENT_IDX);
		vq->indirect = virtio_has(vdev, VIRTIO_F_INDIRECT_DESC);
	}
}

/*
 * A driver may have filled queues and rung for them too early. That costs one
 * look at each queue here, and spares it a stall.
 */
static void set_driver_ok(struct virtio_device *vdev)
{
	vdev->status |= VIRTIO_STATUS_DRIVER_OK;
	if (vdev->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	if (vdev->vtype->activate != NULL)
		vdev->vtype->activate(vdev);
	kick_ready_queues(vdev);
}

void virtio_write_status(struct virtio_device *vdev, uint8_t value)
{
	if (vdev->resetting)
		return;
	if (value == 0) {
		reset(vdev);
		return;
	}

	/* No bit goes away but by a reset (virtio 1.2, 2.1.1). */
	uint8_t added = (uint8_t)(value & ~vdev->status);

	vdev->status |= added & (STATUS_STARTED | VIRTIO_STATUS_FAILED);
	if ((added & VIRTIO_STATUS_FEATURES_OK) &&
	    (vdev->status & STATUS_STARTED) == STATUS_STARTED)
		set_features_ok(vdev);
	if ((added & VIRTIO_STATUS_DRIVER_OK) &&
	    (vdev->status & VIRTIO_STATUS_FEATURES_OK))
		set_driver_ok(vdev);
}

uint32_t virtio_features_word(const struct virtio_device *vdev, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(vdev->offered >> (32 * sel)) : 0;
}

void virtio_accept_word(struct virtio_device *vdev, uint32_t sel,
			uint32_t value)
{
	if (sel >= 2 || vdev->resetting ||
	    (vdev->status & VIRTIO_STATUS_FEATURES_OK))
		return;

	unsigned shift = 32 * sel;

	vdev->accepted &= ~(0xffffffffULL << shift);
	vdev->accepted |= (uint64_t)value << shift;
}

/* How many of @size bytes at @off are inside the configuration space. */
static uint32_t config_part(const struct virtio_device *vdev, uint64_t off,
			    unsigned size)
{
	uint32_t len = vdev->vtype->config_len;

	if (off >= len || size > CONFIG_ACCESS_MAX)
		return 0;
	return (uint32_t)min_u64(size, len - off);
}

uint64_t virtio_config_read(struct virtio_device *vdev, uint64_t off,
			    unsigned size)
{
	uint8_t buf[CONFIG_ACCESS_MAX] = { 0 };
	uint32_t part = config_part(vdev, off, size);

	if (part > 0)
		vdev->vtype->config_read(vdev, (uint32_t)off, buf, part);
	return le64_load(buf);
}

void virtio_config_write(struct virtio_device *vdev, uint64_t off,
			 unsigned size, uint64_t value)
{
	uint8_t buf[CONFIG_ACCESS_MAX];
	uint32_t part = config_part(vdev, off, size);

	if (part == 0 || vdev->resetting || vdev->vtype->config_write == NULL)
		return;
	le64_store(buf, value);
	vdev->vtype->config_write(vdev, (uint32_t)off, buf, part);
}

bool virtio_queue_writable(const struct virtio_device *vdev, unsigned queue)
{
	return queue < vdev->nr_queues && !vdev->queues[queue].vq.ready &&
	       !vdev->resetting && !(vdev->status & VIRTIO_STATUS_DRIVER_OK);
}

void virtio_queue_set_ready(struct virtio_device *vdev, unsigned queue,
			    bool ready)
{
	if (queue >= vdev->nr_queues || vdev->resetting ||
	    (vdev->status & VIRTIO_STATUS_DRIVER_OK))
		return;

	struct virtq *vq = &vdev->queues[queue].vq;

	if (!ready)
		virtq_disable(vq);
	else if (!vq->ready && virtq_enable(vq))
		log_guest(vdev->dev.vm->log, &vdev->guest_log, LOG_WARNING,
			  "%s: the guest's driver set up queue %u badly",
			  vdev->dev.id, queue);
}

int virtio_dev_power_on(struct device *dev, struct error *err)
{
	struct virtio_device *vdev =
		container_of(dev, struct virtio_device, dev);

	return vdev->transport->power_on(vdev, err);
}

void virtio_dev_power_off(struct device *dev)
{
	struct virtio_device *vdev =
		container_of(dev, struct virtio_device, dev);

	vdev->transport->power_off(vdev);
}

void virtio_dev_reset(struct device *dev)
{
	power_reset(container_of(dev, struct virtio_device, dev));
}

void virtio_dev_quiesce(struct device *dev)
{
	container_of(dev, struct virtio_device, dev)->quiesced = true;
}

void virtio_dev_resume(struct device *dev)
{
	struct virtio_device *vdev =
		container_of(dev, struct virtio_device, dev);

	vdev->quiesced = false;
	kick_ready_queues(vdev);
}

void virtio_dev_fdt(struct device *dev, struct fdt_builder *fdt)
{
	struct virtio_device *vdev =
		container_of(dev, struct virtio_device, dev);

	if (vdev->transport->fdt != NULL)
		vdev->transport->fdt(vdev, fdt);
}

int virtio_save(struct virtio_device *vdev, struct snap_writer *w)
{
	snap_put_u64(w, vdev->accepted);
	snap_put_u8(w, vdev->status);
	snap_put_u8(w, vdev->config_generation);
	snap_put_u32(w, vdev->nr_queues);
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		virtq_save(&vdev->queues[i].vq, w);
	vdev->transport->save(vdev, w);
	return w->error;
}

/* Whether write_status() and virtio_fail() could have led to @status. */
static bool status_possible(const struct virtio_device *vdev, uint8_t status)
{
	if (status & ~STATUS_KNOWN)
		return false;
	if ((status & VIRTIO_STATUS_FEATURES_OK) &&
	    ((status & STATUS_STARTED) != STATUS_STARTED ||
	     !features_acceptable(vdev)))
		return false;
	if ((status & VIRTIO_STATUS_DRIVER_OK) &&
	    !(status & VIRTIO_STATUS_FEATURES_OK))
		return false;
	return true;
}

static void restore_queues(struct virtio_device *vdev, struct snap_reader *r)
{
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		if (virtq_restore(&vdev->queues[i].vq, r))
			return;
}

int virtio_restore(struct virtio_device *vdev, struct snap_reader *r)
{
	power_reset(vdev);
	vdev->quiesced = true;
	vdev->accepted = snap_get_u64(r);

	uint8_t status = snap_get_u8(r);

	vdev->config_generation = snap_get_u8(r);
	if (!status_possible(vdev, status) ||
	    snap_get_u32(r) != vdev->nr_queues)
		snap_reader_fail(r);
	else
		restore_queues(vdev, r);
	if (!snap_reader_error(r))
		vdev->transport->restore(vdev, r);
	if (snap_reader_error(r)) {
		power_reset(vdev);
		return snap_reader_error(r);
	}
	vdev->status = status & (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
	if (status & VIRTIO_STATUS_FEATURES_OK)
		set_features_ok(vdev);
	if (status & VIRTIO_STATUS_DRIVER_OK)
		set_driver_ok(vdev);
	return 0;
}
