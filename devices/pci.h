/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI function's configuration space: a type 0 header, capabilities, memory
 * BARs, INTA and MSI-X (PCI Local Bus 3.0, chapters 6 and 6.8.2).
 *
 * A device embeds a struct pci_dev, describes it with the calls for devices
 * while it is built, and uses the rest as its struct pci_function_ops or from
 * there. Everything in configuration space is bytes with a mask of those that
 * the guest may write: a width is no concern of the registers.
 */
#ifndef PRIVET_DEVICES_PCI_H
#define PRIVET_DEVICES_PCI_H

#include "vmm/pci.h"

/* Registers of a type 0 header */
#define PCI_VENDOR_ID           0x00
#define PCI_DEVICE_ID           0x02
#define PCI_COMMAND             0x04
#define PCI_STATUS              0x06
#define PCI_REVISION_ID         0x08
#define PCI_CLASS_PROG          0x09
#define PCI_CACHE_LINE_SIZE     0x0c
#define PCI_LATENCY_TIMER       0x0d
#define PCI_HEADER_TYPE         0x0e
#define PCI_BAR(n)              (0x10 + 4 * (n))
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID        0x2e
#define PCI_CAPABILITY_LIST     0x34
#define PCI_INTERRUPT_LINE      0x3c
#define PCI_INTERRUPT_PIN       0x3d
#define PCI_FIRST_CAPABILITY    0x40

#define PCI_COMMAND_MEMORY      0x0002U
#define PCI_COMMAND_MASTER      0x0004U
#define PCI_COMMAND_INTX_OFF    0x0400U
#define PCI_STATUS_INTX         0x0008U
#define PCI_STATUS_CAP_LIST     0x0010U

#define PCI_BAR_TYPE_64         0x4U
#define PCI_BAR_PREFETCHABLE    0x8U

#define PCI_CAP_VENDOR          0x09
#define PCI_CAP_MSIX            0x11

/* Message control of the MSI-X capability, at 2 in it */
#define PCI_MSIX_CONTROL 2U
#define PCI_MSIX_ENABLE  0x8000U
#define PCI_MSIX_MASKALL 0x4000U

/* An entry of the MSI-X table */
#define PCI_MSIX_ENTRY       16U
#define PCI_MSIX_ENTRY_ADDR  0U
#define PCI_MSIX_ENTRY_DATA  8U
#define PCI_MSIX_ENTRY_CTRL  12U
#define PCI_MSIX_ENTRY_MASK  1U

#define PCI_MSIX_MAX_VECTORS 128U
/** The table, then the pending bits, in a BAR of this size */
#define PCI_MSIX_BAR_SIZE   4096U
#define PCI_MSIX_PBA        2048U

#define PCI_HEADER_AND_CAPS 256U

struct snap_reader;
struct snap_writer;

/**
 * struct pci_ids - What the header says of a function
 * @class_code: 24 bits: base class, subclass, programming interface
 */
struct pci_ids {
	uint16_t vendor;
	uint16_t device;
	uint8_t revision;
	uint32_t class_code;
	uint16_t subsystem_vendor;
	uint16_t subsystem;
};

/**
 * struct pci_dev - A function
 * @fn: as the bus sees it
 * @vm: the machine; not owned
 * @config: the header and the capabilities; what is above reads as zero
 * @writable: bits of @config that the guest may write
 * @next_cap: where the next capability goes
 * @last_cap: capability that will link to it
 * @moved: called after BAR @bar came to decode another address, or none; may
 *	be NULL
 * @irq: the device has something to say by INTA
 * @nr_vectors: 0: no MSI-X
 * @msix_cap: its capability
 * @msix_bar: its BAR
 * @table: the MSI-X table, in the guest's byte order
 * @pending: pending bits
 *
 * Context: the device's lock for everything that is not constant.
 */
struct pci_dev {
	struct pci_function fn;
	struct vm *vm;
	uint8_t config[PCI_HEADER_AND_CAPS];
	uint8_t writable[PCI_HEADER_AND_CAPS];
	unsigned next_cap;
	unsigned last_cap;
	void (*moved)(struct pci_dev *pd, unsigned bar);
	bool irq;
	unsigned nr_vectors;
	unsigned msix_cap;
	unsigned msix_bar;
	uint8_t table[PCI_MSIX_MAX_VECTORS * PCI_MSIX_ENTRY];
	uint64_t pending[PCI_MSIX_MAX_VECTORS / 64];
};

/*
 * For devices, while the function is built.
 */

/** pci_dev_init() - A header without BARs and capabilities, with INTA */
void pci_dev_init(struct pci_dev *pd, struct vm *vm, const struct pci_ids *ids);

/**
 * pci_dev_add_bar() - A memory BAR
 * @bar: its register, 0 to 5 (to 4 when @is_64)
 * @size: a power of two of 16 or more; below 2^32 unless @is_64
 */
void pci_dev_add_bar(struct pci_dev *pd, unsigned bar, uint64_t size,
		     bool is_64);

/**
 * pci_dev_add_cap() - A capability, linked behind those that are there
 * @body: it without its first two bytes
 * @writable: bits of @body that the guest may write; NULL: none
 * @len: bytes of @body
 *
 * Return: its offset in configuration space. What does not fit is an error of
 * the caller: -ENOSPC.
 */
int pci_dev_add_cap(struct pci_dev *pd, uint8_t id, const uint8_t *body,
		    const uint8_t *writable, unsigned len);

/**
 * pci_dev_add_msix() - MSI-X, with table and pending bits in BAR @bar
 * @nr_vectors: 1 to PCI_MSIX_MAX_VECTORS
 *
 * A machine that takes no messages gets none: pd->nr_vectors stays 0.
 * Return: 0 or -ENOSPC.
 */
int pci_dev_add_msix(struct pci_dev *pd, unsigned bar, unsigned nr_vectors);

/*
 * For a struct pci_function_ops: the device's lock is held.
 */

uint32_t pci_dev_config_read(const struct pci_dev *pd, unsigned off,
			     unsigned size);
void pci_dev_config_write(struct pci_dev *pd, unsigned off, unsigned size,
			  uint32_t value);

/** pci_dev_msix_read() - An access to BAR pd->msix_bar */
uint64_t pci_dev_msix_read(const struct pci_dev *pd, uint64_t off,
			   unsigned size);
void pci_dev_msix_write(struct pci_dev *pd, uint64_t off, unsigned size,
			uint64_t value);

/** pci_dev_msix_program() - Firmware sets a message; the mask stays */
void pci_dev_msix_program(struct pci_dev *pd, unsigned vector, uint64_t addr,
			  uint32_t data);

/*
 * At run time: the device's lock is held.
 */

/** pci_dev_bar_address() - PCI address that @bar decodes, or PCI_BAR_NONE */
uint64_t pci_dev_bar_address(const struct pci_dev *pd, unsigned bar);

/** pci_dev_msix_enabled() - Whether the guest chose MSI-X instead of INTA */
bool pci_dev_msix_enabled(const struct pci_dev *pd);

/**
 * pci_dev_set_irq() - The device has, or has not, something to say by INTA
 *
 * INTA follows unless the guest disabled it or enabled MSI-X.
 */
void pci_dev_set_irq(struct pci_dev *pd, bool irq);

/**
 * pci_dev_send_msix() - Send a vector's message, or have it pending
 * @vector: ignored when there is no such vector
 */
void pci_dev_send_msix(struct pci_dev *pd, unsigned vector);

/** pci_dev_reset() - As it was built: nothing decoded, nothing enabled */
void pci_dev_reset(struct pci_dev *pd);

void pci_dev_save(const struct pci_dev *pd, struct snap_writer *w);

/**
 * pci_dev_restore() - Read and check it
 *
 * BARs decode what they did. On failure, which the reader latches, the
 * function is as after a reset.
 */
void pci_dev_restore(struct pci_dev *pd, struct snap_reader *r);

#endif
