/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI bus: functions, configuration access, BAR decoding, INTx.
 *
 * A host bridge (an architecture's device) owns the bus, gives it windows and
 * interrupt lines, and turns the guest's configuration accesses into
 * pci_config_read() and pci_config_write(). A function (devices/pci.h) is
 * reached by the operations below only. There is one bus, 0, without bridges
 * behind it, and every function is function 0 of a slot of its own.
 *
 * Locks: a function's lock is its device's. The bus has a leaf lock for what
 * BARs decode and for INTx. A BAR may move while another vCPU accesses it: the
 * access then goes to where the BAR was or is.
 */
#ifndef PRIVET_VMM_PCI_H
#define PRIVET_VMM_PCI_H

#include <pthread.h>
#include "vmm/error.h"
#include "vmm/irq.h"

#define PCI_MAX_SLOTS   32U
#define PCI_MAX_WINDOWS 3U
#define PCI_NR_BARS     6U
#define PCI_NR_INTX     4U
#define PCI_CONFIG_SIZE 4096U

/** PCI_BAR_NONE - Address of a BAR that decodes nothing at present */
#define PCI_BAR_NONE UINT64_MAX

struct pci_bus;
struct pci_function;
struct vm;

/**
 * struct pci_function_ops - What a function does
 * @config_read: @size bytes at @off of its configuration space
 * @config_write: the same; upper bytes of @value are zero
 * @bar_read, @bar_write: memory access inside a BAR that it declared
 * @msix_vectors: size of its MSI-X table; 0: no MSI-X
 * @msix_program: firmware, not the guest, sets a vector's message (PAPR)
 *
 * Sizes are 1, 2 or 4 for configuration, 1, 2, 4 or 8 for memory; accesses
 * are naturally aligned and inside the space or BAR.
 * Context: a vCPU thread, the function's lock held.
 */
struct pci_function_ops {
	uint32_t (*config_read)(struct pci_function *fn, unsigned off,
				unsigned size);
	void (*config_write)(struct pci_function *fn, unsigned off,
			     unsigned size, uint32_t value);
	uint64_t (*bar_read)(struct pci_function *fn, unsigned bar,
			     uint64_t off, unsigned size);
	void (*bar_write)(struct pci_function *fn, unsigned bar, uint64_t off,
			  unsigned size, uint64_t value);
	unsigned (*msix_vectors)(struct pci_function *fn);
	void (*msix_program)(struct pci_function *fn, unsigned vector,
			     uint64_t addr, uint32_t data);
};

/**
 * struct pci_bar - A base address register that is in use
 * @size: bytes, a power of two of 16 or more; 0: no such BAR
 * @is_64: takes two registers, this and the next
 * @prefetchable: as the register says
 * @addr: PCI address that it decodes, PCI_BAR_NONE for none; the bus's lock
 */
struct pci_bar {
	uint64_t size;
	bool is_64;
	bool prefetchable;
	uint64_t addr;
};

/**
 * struct pci_function - What every function's own struct begins with
 * @ops: its operations
 * @name: the device's id; for messages and device-tree nodes; not owned
 * @lock: taken around every operation; not owned
 * @bus: set by pci_bus_add()
 * @slot: device number, set by pci_bus_add()
 * @bars: memory BARs; sizes are constant once it is on the bus
 * @intx: it asserts INTA
 */
struct pci_function {
	const struct pci_function_ops *ops;
	const char *name;
	pthread_mutex_t *lock;
	struct pci_bus *bus;
	unsigned slot;
	struct pci_bar bars[PCI_NR_BARS];
	bool intx;
};

/**
 * struct pci_window - Guest-physical addresses that reach PCI addresses
 * @name: "PCI memory", for messages
 * @cpu_base: guest-physical
 * @pci_base: PCI address of the same byte
 * @size: bytes
 */
struct pci_window {
	const char *name;
	uint64_t cpu_base;
	uint64_t pci_base;
	uint64_t size;
	struct pci_bus *bus;
};

/**
 * struct pci_bus - The bus
 * @first_slot: lowest slot that pci_bus_add() gives out
 * @functions: by slot; NULL where there is none
 * @intx: interrupt lines that INTA to INTD of the slots are swizzled onto
 * @nr_intx_asserted: functions that assert each line
 */
struct pci_bus {
	struct vm *vm;
	pthread_mutex_t lock;
	unsigned first_slot;
	struct pci_function *functions[PCI_MAX_SLOTS];
	struct pci_window windows[PCI_MAX_WINDOWS];
	unsigned nr_windows;
	struct irq_line intx[PCI_NR_INTX];
	unsigned nr_intx_asserted[PCI_NR_INTX];
};

/**
 * pci_bus_init() - Set up the bus and add its windows to the MMIO bus
 * @windows: @nr_windows of them; copied
 * @first_irq: INTx lines are inputs first_irq to first_irq + 3 of the
 *	interrupt controller, level-triggered
 *
 * Context: the host bridge's create(), which then sets vm->pci.
 */
int pci_bus_init(struct pci_bus *bus, struct vm *vm,
		 const struct pci_window *windows, unsigned nr_windows,
		 unsigned first_irq, struct error *err);
void pci_bus_fini(struct pci_bus *bus);

/** pci_bus_power_on() - Bind the INTx lines; the host bridge calls it */
int pci_bus_power_on(struct pci_bus *bus, struct error *err);
void pci_bus_power_off(struct pci_bus *bus);

/**
 * pci_bus_add() - Give a function the next free slot
 *
 * Return: 0, or -ENOSPC with @err. Context: main thread while building.
 */
int pci_bus_add(struct pci_bus *bus, struct pci_function *fn,
		struct error *err);
void pci_bus_remove(struct pci_function *fn);

/**
 * pci_bus_find() - The function at a routing id, NULL for none
 * @rid: bus << 8 | device << 3 | function
 */
struct pci_function *pci_bus_find(struct pci_bus *bus, uint32_t rid);

/** pci_rid() - Its routing id */
static inline uint32_t pci_rid(const struct pci_function *fn)
{
	return fn->slot << 3;
}

/**
 * pci_config_read() - The guest reads configuration space
 * @rid: as above; anything
 * @off, @size: anything
 * @value: receives the register; all ones when there is none
 *
 * Return: 0, -ENODEV when there is no such function, -EINVAL when the access
 * is not 1, 2 or 4 naturally aligned bytes below PCI_CONFIG_SIZE.
 * Context: a vCPU thread; takes the function's lock.
 */
int pci_config_read(struct pci_bus *bus, uint32_t rid, uint64_t off,
		    unsigned size, uint32_t *value);
int pci_config_write(struct pci_bus *bus, uint32_t rid, uint64_t off,
		     unsigned size, uint32_t value);

/**
 * pci_bar_decode() - A BAR decodes another address, or none, from here on
 * @addr: PCI address or PCI_BAR_NONE
 *
 * Context: the function's lock; takes the bus's.
 */
void pci_bar_decode(struct pci_function *fn, unsigned bar, uint64_t addr);

/**
 * pci_bus_to_cpu() - Where PCI addresses are for the vCPUs
 * @addr, @size: PCI addresses; anything
 * @gpa: receives the guest-physical address
 *
 * Return: false when they are not wholly inside one window.
 */
bool pci_bus_to_cpu(const struct pci_bus *bus, uint64_t addr, uint64_t size,
		    uint64_t *gpa);

/**
 * pci_set_intx() - Assert or deassert the function's INTA
 *
 * Context: the function's lock; takes the bus's.
 */
void pci_set_intx(struct pci_function *fn, bool asserted);

/** pci_intx_line() - Which of bus->intx INTA of @slot is wired to */
static inline unsigned pci_intx_line(unsigned slot)
{
	return slot % PCI_NR_INTX;
}

#endif
