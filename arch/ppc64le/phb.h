/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host bridge: inside, for the files that implement it.
 *
 * Locks: the bridge's device lock guards @msis and @tces. A function's
 * operations take that function's lock, which is another device's: the
 * bridge's is let go before.
 */
#ifndef PRIVET_ARCH_PPC64LE_PHB_H
#define PRIVET_ARCH_PPC64LE_PHB_H

#include "arch/ppc64le/layout.h"
#include "vmm/device.h"
#include "vmm/pci.h"

/*
 * DMA window of the bridge. No device that the machine has uses it, as virtio
 * without VIRTIO_F_ACCESS_PLATFORM takes guest-physical addresses, but
 * kernels look for it, clear it entry by entry, and want 64-bit masks
 * supported by one. A small one costs a small table and few calls.
 */
#define PHB_TCE_SHIFT  12
#define PHB_DMA_WINDOW MIB(64)
#define PHB_NR_TCES    (PHB_DMA_WINDOW >> PHB_TCE_SHIFT)

/** PHB_MSI_ADDR - Address of every message, its data is the source */
#define PHB_MSI_ADDR UINT64_C(0x40000000000)

/**
 * struct phb_msis - Interrupt sources that a function has for its MSI-X
 * @first: source of vector 0
 * @count: vectors with a source; 0: none
 * @busy: a vCPU is programming them
 */
struct phb_msis {
	unsigned first;
	unsigned count;
	bool busy;
};

/**
 * struct phb - The bridge
 * @bus: what is behind it
 * @msis: by slot
 * @tces: the DMA window's table
 */
struct phb {
	struct device dev;
	struct pci_bus bus;
	struct phb_msis msis[PCI_MAX_SLOTS];
	uint64_t tces[PHB_NR_TCES];
};

/*
 * phb_msi.c: Context: the bridge's lock but for phb_change_msis().
 */

/**
 * phb_change_msis() - Give a function sources for its vectors
 * @count: how many; 0: it has none from here on; at most what its MSI-X
 *	table has
 *
 * What it had is replaced, and kept when there are not enough.
 *
 * Return: 0, -ENOSPC, -EBUSY while another vCPU does the same, or what the
 * interrupt controller failed with.
 * Context: a vCPU thread; takes the bridge's lock, then the function's.
 */
int phb_change_msis(struct phb *phb, struct pci_function *fn, unsigned count);

/** phb_nr_vectors() - Size of a function's MSI-X table, 0 for none */
unsigned phb_nr_vectors(struct pci_function *fn);

/** phb_reset_msis() - No function has any */
void phb_reset_msis(struct phb *phb);
void phb_save_msis(const struct phb *phb, struct snap_writer *w);

/** phb_restore_msis() - Latches an error for what cannot be */
void phb_restore_msis(struct phb *phb, struct snap_reader *r);

/* tce.c; Context: the bridge's lock. */
void phb_reset_tces(struct phb *phb);
void phb_save_tces(const struct phb *phb, struct snap_writer *w);
void phb_restore_tces(struct phb *phb, struct snap_reader *r);

#endif
