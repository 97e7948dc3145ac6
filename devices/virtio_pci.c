/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over PCI, without the legacy interface (virtio 1.2, 4.1).
 *
 * One BAR has all structures of virtio, another the MSI-X table. A doorbell
 * is an address of its own for each queue, which KVM turns into an eventfd
 * for as long as the BAR decodes addresses of a window. Where it does not, or
 * cannot, the store exits and rings the same eventfd.
 *
 * Binding is a system call for each queue, each of which may wait for all
 * vCPUs, under the device's lock. A guest that moves the BAR over and over gets
 * no doorbells of KVM any more until the machine is reset.
 *
 * KVM is not told of BARs that hide each other: its doorbells go by address
 * alone. A driver that overlaps BARs rings its own queues at wrong times.
 *
 * Interrupts: with MSI-X a message for each vector, else INTA, which is high
 * while the ISR register is not zero.
 */
#include "devices/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/bytes.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define VIRTIO_VENDOR    0x1af4U
#define VIRTIO_DEVICE    0x1040U
#define VIRTIO_REVISION  1U
#define VIRTIO_SUBSYSTEM 0x40U

/* Capabilities, virtio 1.2, 4.1.4 */
#define CAP_COMMON 1U
#define CAP_NOTIFY 2U
#define CAP_ISR    3U
#define CAP_DEVICE 4U
#define CAP_PCI    5U
#define CAP_HEADER 2U
#define CAP_LEN    2U
#define CAP_TYPE   3U
#define CAP_BAR    4U
#define CAP_OFFSET 8U
#define CAP_LENGTH 12U
#define CAP_SIZE   16U
/* What CAP_NOTIFY and CAP_PCI have behind that: multiplier, data */
#define CAP_EXTRA      16U
#define CAP_EXTRA_SIZE 4U

/* Linux moves a BAR a few times, when it finds out how large it is. */
#define MAX_BINDS         64U

#define CLASS_OTHER       0x00ff00U
#define CLASS_SCSI        0x010000U
#define CLASS_ETHERNET    0x020000U
#define CLASS_COMM_OTHER  0x078000U
#define CLASS_INPUT_OTHER 0x098000U

static struct virtio_pci *to_vp(struct pci_function *fn)
{
	return container_of(fn, struct virtio_pci, pci.fn);
}

static struct virtio_pci *vp_of(const struct virtio_device *vdev)
{
	return vdev->transport_data;
}

/*
 * Doorbells.
 */

static int bind_doorbell(struct virtio_pci *p, unsigned queue, bool assign)
{
	struct virtio_device *vdev = p->regs.vdev;

	return kvm_ioeventfd(
		&vdev->dev.vm->kvm, vdev->queues[queue].doorbell.fd,
		p->doorbells + (uint64_t)queue * VIRTIO_PCI_NOTIFY_MULTIPLIER,
		p->doorbell_len, NULL, assign);
}

static void unbind_doorbells(struct virtio_pci *p)
{
	while (p->nr_bound > 0)
		bind_doorbell(p, --p->nr_bound, false);
}

static bool may_bind(struct virtio_pci *p)
{
	struct virtio_device *vdev = p->regs.vdev;

	if (p->binds > MAX_BINDS)
		return false;
	if (p->binds++ < MAX_BINDS)
		return true;
	log_guest(vdev->dev.vm->log, &vdev->guest_log, LOG_WARNING,
		  "%s: the guest moved its registers %u times: its doorbells "
		  "are slow until the machine is reset",
		  vdev->dev.id, MAX_BINDS);
	return false;
}

/* What KVM does not take exits to virtio_pci_write(), which does the same. */
static void bind_doorbells(struct virtio_pci *p)
{
	uint64_t addr = p->pci.fn.bars[VIRTIO_PCI_BAR].addr;
	uint64_t gpa;

	if (!p->ioeventfd ||
	    !pci_bus_to_cpu(p->pci.fn.bus, addr, VIRTIO_PCI_BAR_SIZE, &gpa) ||
	    !may_bind(p))
		return;
	p->doorbells = gpa + VIRTIO_PCI_NOTIFY;
	while (p->nr_bound < p->regs.vdev->nr_queues &&
	       bind_doorbell(p, p->nr_bound, true) == 0)
		p->nr_bound++;
}

static void bar_moved(struct pci_dev *pd, unsigned bar)
{
	struct virtio_pci *p = container_of(pd, struct virtio_pci, pci);

	if (bar != VIRTIO_PCI_BAR)
		return;
	unbind_doorbells(p);
	bind_doorbells(p);
}

/*
 * A store of any width is the cheapest to match: on ppc64le KVM does not even
 * fetch the instruction. Drivers write 16 bits.
 */
static int power_on(struct virtio_device *vdev, struct error *err)
{
	struct virtio_pci *p = vp_of(vdev);
	const struct kvm *kvm = &vdev->dev.vm->kvm;

	(void)err;
	p->ioeventfd = virtio_regs_use_ioeventfd(&p->regs);
	p->doorbell_len =
		kvm_check_extension(kvm, KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0 ? 0
									   : 2;
	bind_doorbells(p);
	return 0;
}

static void power_off(struct virtio_device *vdev)
{
	unbind_doorbells(vp_of(vdev));
	vp_of(vdev)->ioeventfd = false;
}

/*
 * Interrupts.
 */

static void raise_cause(struct virtio_pci *p, uint32_t cause)
{
	p->regs.isr |= cause;
	if (!p->pci.irq)
		pci_dev_set_irq(&p->pci, true);
}

/* virtio 1.2, 4.1.5.3: with MSI-X the ISR register does not tell of queues. */
static void signal_queue(struct virtio_device *vdev, unsigned queue)
{
	struct virtio_pci *p = vp_of(vdev);

	if (pci_dev_msix_enabled(&p->pci))
		pci_dev_send_msix(&p->pci, p->queue_vectors[queue]);
	else
		raise_cause(p, VIRTIO_ISR_QUEUE);
}

/* virtio 1.2, 4.1.5.4: of changes of the configuration it always does. */
static void signal_config(struct virtio_device *vdev)
{
	struct virtio_pci *p = vp_of(vdev);

	raise_cause(p, VIRTIO_ISR_CONFIG);
	pci_dev_send_msix(&p->pci, p->config_vector);
}

/*
 * Configuration space: what is more than registers is the window of CAP_PCI,
 * for firmware that cannot, or does not want to, map the BAR (virtio 1.2,
 * 4.1.4.9).
 */

/** struct window - An access that the driver set up in CAP_PCI */
struct window {
	uint32_t off;
	uint32_t len;
};

static bool get_window(const struct virtio_pci *p, struct window *w)
{
	const uint8_t *cap = p->pci.config + p->cfg_cap;

	w->off = le32_load(cap + CAP_OFFSET);
	w->len = le32_load(cap + CAP_LENGTH);
	return cap[CAP_BAR] == VIRTIO_PCI_BAR &&
	       (w->len == 1 || w->len == 2 || w->len == 4) &&
	       w->off % w->len == 0 &&
	       range_fits(w->off, w->len, VIRTIO_PCI_BAR_SIZE);
}

static bool is_window_data(const struct virtio_pci *p, unsigned off)
{
	unsigned data = p->cfg_cap + CAP_EXTRA;

	return off >= data && off < data + CAP_EXTRA_SIZE;
}

static uint32_t config_read(struct pci_function *fn, unsigned off,
			    unsigned size)
{
	struct virtio_pci *p = to_vp(fn);
	struct window w;

	if (is_window_data(p, off) && get_window(p, &w)) {
		uint64_t value = virtio_pci_read(p, w.off, w.len);

		le32_store(p->pci.config + p->cfg_cap + CAP_EXTRA,
			   (uint32_t)value);
	}
	return pci_dev_config_read(&p->pci, off, size);
}

static void config_write(struct pci_function *fn, unsigned off, unsigned size,
			 uint32_t value)
{
	struct virtio_pci *p = to_vp(fn);
	struct window w;

	pci_dev_config_write(&p->pci, off, size, value);
	if (is_window_data(p, off) && get_window(p, &w)) {
		uint32_t data =
			le32_load(p->pci.config + p->cfg_cap + CAP_EXTRA);

		virtio_pci_write(p, w.off, w.len,
				 data & (UINT32_MAX >> (32 - 8 * w.len)));
	}
}

static uint64_t bar_read(struct pci_function *fn, unsigned bar, uint64_t off,
			 unsigned size)
{
	struct virtio_pci *p = to_vp(fn);

	if (bar == VIRTIO_PCI_BAR)
		return virtio_pci_read(p, off, size);
	return pci_dev_msix_read(&p->pci, off, size);
}

static void bar_write(struct pci_function *fn, unsigned bar, uint64_t off,
		      unsigned size, uint64_t value)
{
	struct virtio_pci *p = to_vp(fn);

	if (bar == VIRTIO_PCI_BAR)
		virtio_pci_write(p, off, size, value);
	else
		pci_dev_msix_write(&p->pci, off, size, value);
}

static unsigned msix_vectors(struct pci_function *fn)
{
	return to_vp(fn)->pci.nr_vectors;
}

static void msix_program(struct pci_function *fn, unsigned vector,
			 uint64_t addr, uint32_t data)
{
	pci_dev_msix_program(&to_vp(fn)->pci, vector, addr, data);
}

static const struct pci_function_ops function_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.msix_vectors = msix_vectors,
	.msix_program = msix_program,
};

/*
 * Construction.
 */

static uint32_t class_code(uint32_t device_id)
{
	static const uint32_t classes[] = {
		[VIRTIO_ID_NET] = CLASS_ETHERNET,
		[VIRTIO_ID_BLOCK] = CLASS_SCSI,
		[VIRTIO_ID_CONSOLE] = CLASS_COMM_OTHER,
		[VIRTIO_ID_INPUT] = CLASS_INPUT_OTHER,
	};

	if (device_id >= ARRAY_SIZE(classes) || classes[device_id] == 0)
		return CLASS_OTHER;
	return classes[device_id];
}

/** struct cap - A capability of virtio */
struct cap {
	uint8_t type;
	uint32_t off;
	uint32_t len;
	bool extra;
};

static int add_cap(struct virtio_pci *p, const struct cap *cap)
{
	unsigned size = CAP_SIZE + (cap->extra ? CAP_EXTRA_SIZE : 0);
	uint8_t raw[CAP_SIZE + CAP_EXTRA_SIZE] = { 0 };
	uint8_t writable[CAP_SIZE + CAP_EXTRA_SIZE] = { 0 };

	raw[CAP_LEN] = (uint8_t)size;
	raw[CAP_TYPE] = cap->type;
	if (cap->type == CAP_PCI) {
		writable[CAP_BAR] = 0xff;
		le32_store(writable + CAP_OFFSET, UINT32_MAX);
		le32_store(writable + CAP_LENGTH, UINT32_MAX);
		le32_store(writable + CAP_EXTRA, UINT32_MAX);
	} else {
		raw[CAP_BAR] = VIRTIO_PCI_BAR;
		le32_store(raw + CAP_OFFSET, cap->off);
		le32_store(raw + CAP_LENGTH, cap->len);
		le32_store(raw + CAP_EXTRA, VIRTIO_PCI_NOTIFY_MULTIPLIER);
	}
	return pci_dev_add_cap(&p->pci, PCI_CAP_VENDOR, raw + CAP_HEADER,
			       writable + CAP_HEADER, size - CAP_HEADER);
}

/* The last one, whose offset stays in p->cfg_cap, is the window. */
static int add_caps(struct virtio_pci *p)
{
	const struct cap caps[] = {
		{ CAP_COMMON, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE,
		  false },
		{ CAP_ISR, VIRTIO_PCI_ISR, 1, false },
		{ CAP_DEVICE, VIRTIO_PCI_DEVICE, VIRTIO_PCI_PART_SIZE, false },
		{ CAP_NOTIFY, VIRTIO_PCI_NOTIFY,
		  p->regs.vdev->nr_queues * VIRTIO_PCI_NOTIFY_MULTIPLIER,
		  true },
		{ CAP_PCI, 0, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		int at = add_cap(p, &caps[i]);

		if (at < 0)
			return at;
		p->cfg_cap = (unsigned)at;
	}
	return 0;
}

static int build(struct virtio_pci *p, struct error *err)
{
	struct virtio_device *vdev = p->regs.vdev;
	uint32_t id = vdev->vtype->device_id;
	const struct pci_ids ids = {
		.vendor = VIRTIO_VENDOR,
		.device = (uint16_t)(VIRTIO_DEVICE + id),
		.revision = VIRTIO_REVISION,
		.class_code = class_code(id),
		.subsystem_vendor = VIRTIO_VENDOR,
		.subsystem = (uint16_t)(VIRTIO_SUBSYSTEM + id),
	};

	pci_dev_init(&p->pci, vdev->dev.vm, &ids);
	p->pci.fn.ops = &function_ops;
	p->pci.fn.name = vdev->dev.id;
	p->pci.fn.lock = &vdev->dev.lock;
	p->pci.moved = bar_moved;
	pci_dev_add_bar(&p->pci, VIRTIO_PCI_BAR, VIRTIO_PCI_BAR_SIZE, true);

	/* One vector for each queue, and one for the configuration. */
	int ret = pci_dev_add_msix(&p->pci, VIRTIO_PCI_MSIX_BAR,
				   vdev->nr_queues + 1);
	if (ret == 0)
		ret = add_caps(p);
	if (ret < 0)
		return error_host(err, ret,
				  "cannot describe %s to the guest: its "
				  "capabilities need too much room",
				  vdev->dev.id);
	return pci_bus_add(vdev->dev.vm->pci, &p->pci.fn, err);
}

static void clear_vectors(struct virtio_pci *p)
{
	p->config_vector = VIRTIO_PCI_NO_VECTOR;
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		p->queue_vectors[i] = VIRTIO_PCI_NO_VECTOR;
}

static int attach(struct virtio_device *vdev, struct error *err)
{
	if (vdev->dev.vm->pci == NULL)
		return error_usage(err,
				   "cannot add %s: this machine has no PCI "
				   "bus; use --virtio-transport mmio",
				   vdev->dev.id);

	struct virtio_pci *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return error_nomem(err, "a PCI function");
	p->regs.vdev = vdev;
	clear_vectors(p);

	int ret = build(p, err);
	if (ret < 0) {
		free(p);
		return ret;
	}
	vdev->transport_data = p;
	return 0;
}

static void detach(struct virtio_device *vdev)
{
	struct virtio_pci *p = vp_of(vdev);

	if (p == NULL)
		return;
	pci_bus_remove(&p->pci.fn);
	free(p);
	vdev->transport_data = NULL;
}

/*
 * State.
 */

static void reset(struct virtio_device *vdev)
{
	struct virtio_pci *p = vp_of(vdev);

	virtio_regs_reset(&p->regs);
	clear_vectors(p);
	pci_dev_set_irq(&p->pci, false);
}

static void power_reset(struct virtio_device *vdev)
{
	struct virtio_pci *p = vp_of(vdev);

	pci_dev_reset(&p->pci);
	p->binds = 0;
}

static void save(struct virtio_device *vdev, struct snap_writer *w)
{
	const struct virtio_pci *p = vp_of(vdev);

	pci_dev_save(&p->pci, w);
	virtio_regs_save(&p->regs, w);
	snap_put_u16(w, p->config_vector);
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		snap_put_u16(w, p->queue_vectors[i]);
}

static uint16_t get_vector(const struct virtio_pci *p, struct snap_reader *r)
{
	uint16_t vector = snap_get_u16(r);

	if (vector != VIRTIO_PCI_NO_VECTOR && vector >= p->pci.nr_vectors)
		snap_reader_fail(r);
	return vector;
}

static void restore(struct virtio_device *vdev, struct snap_reader *r)
{
	struct virtio_pci *p = vp_of(vdev);

	pci_dev_restore(&p->pci, r);
	virtio_regs_restore(&p->regs, r);
	if (p->regs.queue_sel > UINT16_MAX)
		snap_reader_fail(r);
	p->config_vector = get_vector(p, r);
	for (unsigned i = 0; i < vdev->nr_queues; i++)
		p->queue_vectors[i] = get_vector(p, r);
	if (!snap_reader_error(r))
		pci_dev_set_irq(&p->pci, p->regs.isr != 0);
}

const struct virtio_transport virtio_pci_transport = {
	.name = "pci",
	.attach = attach,
	.detach = detach,
	.power_on = power_on,
	.power_off = power_off,
	.signal_queue = signal_queue,
	.signal_config = signal_config,
	.reset = reset,
	.power_reset = power_reset,
	.save = save,
	.restore = restore,
};
