/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the PCI transport share. */
#ifndef PRIVET_DEVICES_VIRTIO_PCI_H
#define PRIVET_DEVICES_VIRTIO_PCI_H

#include "devices/pci.h"
#include "devices/virtio_regs.h"

/* The BAR with the structures of virtio, and where each begins in it */
#define VIRTIO_PCI_BAR       4U
#define VIRTIO_PCI_BAR_SIZE  0x4000U
#define VIRTIO_PCI_COMMON    0x0000U
#define VIRTIO_PCI_ISR       0x1000U
#define VIRTIO_PCI_DEVICE    0x2000U
#define VIRTIO_PCI_NOTIFY    0x3000U
#define VIRTIO_PCI_PART_SIZE 0x1000U

/** The common configuration without optional registers, virtio 1.2, 4.1.4.3 */
#define VIRTIO_PCI_COMMON_SIZE 56U

/** Doorbell of queue n is at this times n */
#define VIRTIO_PCI_NOTIFY_MULTIPLIER 4U

/** The MSI-X table has a BAR of its own, so that this one is doorbells' only */
#define VIRTIO_PCI_MSIX_BAR  1U
#define VIRTIO_PCI_NO_VECTOR 0xffffU

/**
 * struct virtio_pci - A virtio device on the bus
 * @pci: the function
 * @regs: selectors and interrupt causes
 * @cfg_cap: capability through which configuration space reaches the BAR
 * @config_vector, @queue_vectors: MSI-X vectors, VIRTIO_PCI_NO_VECTOR for none
 * @ioeventfd: KVM handles doorbells where they can be bound
 * @doorbell_len: bytes of a store that rings; 0: any
 * @doorbells: guest-physical address of the first one that is bound
 * @nr_bound: queues whose doorbell KVM handles at present
 * @binds: how often they were bound since the machine's reset
 */
struct virtio_pci {
	struct pci_dev pci;
	struct virtio_regs regs;
	unsigned cfg_cap;
	uint16_t config_vector;
	uint16_t queue_vectors[VIRTIO_MAX_QUEUES];
	bool ioeventfd;
	unsigned doorbell_len;
	uint64_t doorbells;
	unsigned nr_bound;
	unsigned binds;
};

/**
 * virtio_pci_read() - An access to the BAR with virtio's structures
 * @off, @size: naturally aligned, inside the BAR
 *
 * Context: the device's lock.
 */
uint64_t virtio_pci_read(struct virtio_pci *p, uint64_t off, unsigned size);
void virtio_pci_write(struct virtio_pci *p, uint64_t off, unsigned size,
		      uint64_t value);

#endif
