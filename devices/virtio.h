/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices without a transport (virtio 1.2, chapters 2 and 3).
 *
 * A virtio device knows neither MMIO nor PCI: it has a type, queues, and the
 * calls below. The transport knows no device: it translates registers into
 * virtio_*() calls. They meet in struct virtio_device only.
 *
 * Doorbells arrive on the I/O thread, through one eventfd per queue: KVM
 * signals it (ioeventfd), or the transport does when the host has none.
 */
#ifndef PRIVET_DEVICES_VIRTIO_H
#define PRIVET_DEVICES_VIRTIO_H

#include "devices/virtq.h"
#include "vmm/device.h"
#include "vmm/evloop.h"
#include "vmm/log.h"

/* Device status, virtio 1.2, 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 1U
#define VIRTIO_STATUS_DRIVER      2U
#define VIRTIO_STATUS_DRIVER_OK   4U
#define VIRTIO_STATUS_FEATURES_OK 8U
#define VIRTIO_STATUS_NEEDS_RESET 64U
#define VIRTIO_STATUS_FAILED      128U

/* Feature bits that belong to no device type, virtio 1.2, 6 */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX     29
#define VIRTIO_F_VERSION_1     32

/* Interrupt causes, virtio 1.2, 4.2.2 */
#define VIRTIO_ISR_QUEUE  1U
#define VIRTIO_ISR_CONFIG 2U

#define VIRTIO_ID_NET     1U
#define VIRTIO_ID_BLOCK   2U
#define VIRTIO_ID_CONSOLE 3U
#define VIRTIO_ID_ENTROPY 4U
#define VIRTIO_ID_INPUT   18U

#define VIRTIO_MAX_QUEUES 64U

#define VIRTIO_BIT(n)     (1ULL << (n))

struct virtio_device;

/**
 * struct virtio_type - A kind of virtio device
 * @device_id: VIRTIO_ID_*
 * @config_len: bytes of configuration space
 * @config_read: read @len bytes at @off; both inside @config_len
 * @config_write: write them; NULL: writes are ignored
 * @activate: the driver set DRIVER_OK; queues that are ready may be used. Also
 *	after a restore of such a state (see virtio_restore()). May be NULL
 * @stop: the device is being reset: forget requests and wait for those in
 *	flight (pthread_cond_wait on the device's lock is allowed). Called for
 *	every reset, also when there was no @activate. May be NULL
 * @notify: doorbell of a queue, on the I/O thread, device in DRIVER_OK
 *
 * Context: the device's lock is held in all of them.
 */
struct virtio_type {
	uint32_t device_id;
	uint32_t config_len;
	void (*config_read)(struct virtio_device *vdev, uint32_t off, void *buf,
			    uint32_t len);
	void (*config_write)(struct virtio_device *vdev, uint32_t off,
			     const void *buf, uint32_t len);
	void (*activate)(struct virtio_device *vdev);
	void (*stop)(struct virtio_device *vdev);
	void (*notify)(struct virtio_device *vdev, unsigned queue);
};

/**
 * struct virtio_transport - How a virtio device appears in the machine
 * @attach: claim a slot, an interrupt and a window; sets vdev->transport_data
 * @detach: undo @attach; accepts a device that was never attached
 * @power_on, @power_off: bind and unbind ioeventfds and irqfds
 * @signal_queue: interrupt for used buffers; device's lock held
 * @signal_config: interrupt for a configuration change; device's lock held
 * @reset: transport registers back to their initial values
 * @power_reset: also what the driver's reset leaves alone, such as PCI's
 *	configuration space; after @reset. May be NULL
 * @save, @restore: registers of the transport
 * @fdt: the device-tree node; NULL where there is none for each device
 */
struct virtio_transport {
	const char *name;
	int (*attach)(struct virtio_device *vdev, struct error *err);
	void (*detach)(struct virtio_device *vdev);
	int (*power_on)(struct virtio_device *vdev, struct error *err);
	void (*power_off)(struct virtio_device *vdev);
	void (*signal_queue)(struct virtio_device *vdev, unsigned queue);
	void (*signal_config)(struct virtio_device *vdev);
	void (*reset)(struct virtio_device *vdev);
	void (*power_reset)(struct virtio_device *vdev);
	void (*save)(struct virtio_device *vdev, struct snap_writer *w);
	void (*restore)(struct virtio_device *vdev, struct snap_reader *r);
	void (*fdt)(struct virtio_device *vdev, struct fdt_builder *fdt);
};

extern const struct virtio_transport virtio_mmio_transport;
extern const struct virtio_transport virtio_pci_transport;

/**
 * struct virtio_queue - A queue with its doorbell
 * @vq: the ring
 * @doorbell: eventfd and its callback on the I/O thread
 * @vdev, @index: back pointers
 */
struct virtio_queue {
	struct virtq vq;
	struct ev_source doorbell;
	struct virtio_device *vdev;
	unsigned index;
};

/**
 * struct virtio_device - What every virtio device's struct begins with
 * @dev: the common device
 * @vtype: its kind
 * @transport, @transport_data: where it sits; data owned by the transport
 * @offered: features offered to the driver; constant after virtio_init()
 * @accepted: features that the driver wrote
 * @status: device status
 * @config_generation: changes when configuration space does
 * @quiesced: doorbells are held back until resume
 * @resetting: a reset is under way, perhaps waiting in @stop: the driver's
 *	writes are ignored
 * @queues, @nr_queues: owned
 * @guest_log: limits lines that the guest can provoke
 */
struct virtio_device {
	struct device dev;
	const struct virtio_type *vtype;
	const struct virtio_transport *transport;
	void *transport_data;
	uint64_t offered;
	uint64_t accepted;
	uint8_t status;
	uint8_t config_generation;
	bool quiesced;
	bool resetting;
	struct virtio_queue *queues;
	unsigned nr_queues;
	struct log_limit guest_log;
};

/*
 * For devices.
 */

/**
 * virtio_init() - Set up the common part and attach to a transport
 * @dtype, @vtype: kinds
 * @index: as in struct device_config
 * @features: device-type features; the common ones are added
 * @queue_sizes: largest size of each queue
 * @nr_queues: their number, 1 to VIRTIO_MAX_QUEUES
 *
 * Context: the device's create(). On failure nothing is left to undo.
 */
int virtio_init(struct virtio_device *vdev, const struct device_type *dtype,
		const struct virtio_type *vtype, struct vm *vm, unsigned index,
		uint64_t features, const uint16_t *queue_sizes,
		unsigned nr_queues, struct error *err);
void virtio_fini(struct virtio_device *vdev);

/** virtio_has() - Whether a feature was negotiated */
bool virtio_has(const struct virtio_device *vdev, unsigned bit);

/**
 * virtio_running() - DRIVER_OK is set, the device is neither broken, nor
 * quiesced, nor being reset
 */
bool virtio_running(const struct virtio_device *vdev);

/**
 * virtio_fail() - The driver broke the protocol
 * @why: for the log, once per limiter
 *
 * Sets DEVICE_NEEDS_RESET and signals it; no queue is looked at until reset.
 */
void virtio_fail(struct virtio_device *vdev, const char *why);

/** virtio_signal() - Interrupt for @queue unless the driver wants none */
void virtio_signal(struct virtio_device *vdev, unsigned queue);

/** virtio_config_changed() - New generation and a configuration interrupt */
void virtio_config_changed(struct virtio_device *vdev);

/** virtio_kick() - Have notify() called for @queue on the I/O thread */
void virtio_kick(struct virtio_device *vdev, unsigned queue);

/*
 * Functions that device types use for their device_type as they are.
 */
int virtio_dev_power_on(struct device *dev, struct error *err);
void virtio_dev_power_off(struct device *dev);
void virtio_dev_reset(struct device *dev);

/** virtio_dev_quiesce() - Hold doorbells back; nothing may be in flight */
void virtio_dev_quiesce(struct device *dev);

/** virtio_dev_resume() - Go on, with a doorbell for every queue */
void virtio_dev_resume(struct device *dev);
void virtio_dev_fdt(struct device *dev, struct fdt_builder *fdt);

/** virtio_save() - Common part and queues; the device adds its own after */
int virtio_save(struct virtio_device *vdev, struct snap_writer *w);

/**
 * virtio_restore() - Read and check them; the device reads its own after
 *
 * The device is quiesced then, as it was when it was saved. When the driver
 * had set DRIVER_OK, @activate is called, so that the device's own state is
 * read on top of what activation does.
 *
 * Return: 0, or -EBADMSG with the device as after a reset.
 */
int virtio_restore(struct virtio_device *vdev, struct snap_reader *r);

/*
 * For transports. The device's lock is held.
 */

/** virtio_features_word() - 32 offered feature bits; 0 beyond the second */
uint32_t virtio_features_word(const struct virtio_device *vdev, uint32_t sel);

/** virtio_accept_word() - The driver writes 32 accepted feature bits */
void virtio_accept_word(struct virtio_device *vdev, uint32_t sel,
			uint32_t value);

/**
 * virtio_write_status() - The driver writes the status (virtio 1.2, 3.1)
 *
 * 0 resets; it may wait for requests in flight. FEATURES_OK is refused unless
 * VERSION_1 and a subset of the offered features were accepted. DRIVER_OK
 * activates.
 */
void virtio_write_status(struct virtio_device *vdev, uint8_t value);

/** virtio_config_read() - Any width; bytes outside read as zero */
uint64_t virtio_config_read(struct virtio_device *vdev, uint64_t off,
			    unsigned size);

/** virtio_config_write() - Any width; bytes outside are dropped */
void virtio_config_write(struct virtio_device *vdev, uint64_t off,
			 unsigned size, uint64_t value);

/** virtio_queue_writable() - Whether queue registers may still change */
bool virtio_queue_writable(const struct virtio_device *vdev, unsigned queue);

/**
 * virtio_queue_set_ready() - The driver enables or disables a queue
 *
 * Nothing happens from DRIVER_OK on, or when size and addresses are not good:
 * the driver sees that when it reads vq.ready back.
 */
void virtio_queue_set_ready(struct virtio_device *vdev, unsigned queue,
			    bool ready);

#endif
