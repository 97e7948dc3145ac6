/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of PCI, for tests: finds a function's capabilities and
 * gives its BARs addresses, by configuration accesses alone.
 *
 * A test of a virtio device runs over PCI as it is: fake_mmio_*() of
 * fake_driver.h turn the registers of virtio-mmio into those of virtio-pci
 * on a machine of fake_vm_create_pci().
 */
#ifndef PRIVET_TESTS_FAKE_PCI_H
#define PRIVET_TESTS_FAKE_PCI_H

#include "vmm/pci.h"
#include "vmm/vm.h"

/* The fake machine's windows: PCI address and guest-physical one differ. */
#define FAKE_PCI_MEM32      UINT64_C(0xc0000000)
#define FAKE_PCI_MEM32_GPA  UINT64_C(0x210000000000)
#define FAKE_PCI_MEM32_SIZE UINT64_C(0x20000000)
#define FAKE_PCI_MEM64      UINT64_C(0x220000000000)
#define FAKE_PCI_MEM64_SIZE UINT64_C(0x100000000)

/* Where fake_pci_place() puts the first slot's BARs, and the next one's. */
#define FAKE_PCI_BAR_STRIDE UINT64_C(0x100000)

/**
 * struct fake_pci - A function of virtio, as its driver knows it
 * @rid: its routing id
 * @common, @notify, @isr, @device: guest-physical addresses
 * @cfg_cap: offset of the capability with the window
 * @notify_multiplier: as the capability says
 * @device_len: bytes of the device's configuration, as the capability says
 * @msix_cap: offset of the MSI-X capability; 0: none
 * @msix_vectors: size of its table
 * @msix_table, @msix_pba: guest-physical addresses
 */
struct fake_pci {
	struct vm *vm;
	uint32_t rid;
	uint64_t common;
	uint64_t notify;
	uint64_t isr;
	uint64_t device;
	unsigned cfg_cap;
	uint32_t notify_multiplier;
	uint32_t device_len;
	unsigned msix_cap;
	unsigned msix_vectors;
	uint64_t msix_table;
	uint64_t msix_pba;
};

/** fake_pci_get(), fake_pci_set() - Configuration space; must be there */
uint32_t fake_pci_get(const struct fake_pci *p, unsigned off, unsigned size);
void fake_pci_set(const struct fake_pci *p, unsigned off, unsigned size,
		  uint32_t value);

/** fake_pci_bar_size() - By writing ones; the register keeps its value */
uint64_t fake_pci_bar_size(const struct fake_pci *p, unsigned bar);

/** fake_pci_set_bar() - Write an address into a BAR's register or two */
void fake_pci_set_bar(const struct fake_pci *p, unsigned bar, uint64_t addr);

/**
 * fake_pci_init() - Find the @slot'th function, place it, switch it on
 */
void fake_pci_init(struct fake_pci *p, struct vm *vm, unsigned slot);

/** fake_pci_walk() - Take the addresses again, after BARs were moved */
void fake_pci_walk(struct fake_pci *p);

/*
 * The registers of virtio-mmio that virtio-pci has too.
 */
uint32_t fake_pci_reg_get(struct fake_pci *p, uint64_t mmio_off);
void fake_pci_reg_set(struct fake_pci *p, uint64_t mmio_off, uint32_t value);

#endif
