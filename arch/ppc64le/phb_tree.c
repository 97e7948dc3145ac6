/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device tree nodes of the PCI host bridge and of what is behind it (IEEE
 * 1275 PCI bus binding; PAPR, B.6).
 *
 * Kernels of this platform make PCI devices from these nodes, not by probing
 * the bus. Where no `assigned-addresses` are given they place the BARs.
 */
#include <stdio.h>

#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/phb.h"
#include "arch/ppc64le/tree.h"
#include "vmm/fdt.h"
#include "vmm/irqchip.h"

/* First cell of a PCI address */
#define SPACE_MEM32        0x02000000U
#define SPACE_MEM64        0x03000000U
#define SPACE_PREFETCHABLE 0x40000000U

/* Configuration registers */
#define REG_VENDOR    0x00U
#define REG_DEVICE    0x02U
#define REG_REVISION  0x08U
#define REG_CLASS     0x08U
#define REG_BAR(n)    (0x10U + 4U * (n))
#define REG_SUBVENDOR 0x2cU
#define REG_SUBSYSTEM 0x2eU
#define REG_INTPIN    0x3dU

#define PCI_CELLS     5U
#define MAP_SPECIFIER 3U
#define MAP_MAX_CELLS (6U + MAP_SPECIFIER)
#define MAP_SLOT_MASK (PCI_NR_INTX - 1)

static uint32_t high(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

static uint32_t low(uint64_t value)
{
	return (uint32_t)value;
}

/*
 * Functions.
 */

/** struct class_name - Generic name of a node, by base class and subclass */
struct class_name {
	uint32_t class;
	const char *name;
};

static const struct class_name class_names[] = {
	{ 0x0100, "scsi" },
	{ 0x0180, "mass-storage" },
	{ 0x0200, "ethernet" },
	{ 0x0280, "network" },
	{ 0x0780, "communication-controller" },
	{ 0x0980, "input-controller" },
};

/** struct id_prop - A property that repeats a register */
struct id_prop {
	const char *name;
	unsigned reg;
	unsigned size;
	unsigned shift;
};

static const struct id_prop id_props[] = {
	{ "vendor-id", REG_VENDOR, 2, 0 },
	{ "device-id", REG_DEVICE, 2, 0 },
	{ "revision-id", REG_REVISION, 1, 0 },
	{ "class-code", REG_CLASS, 4, 8 },
	{ "subsystem-vendor-id", REG_SUBVENDOR, 2, 0 },
	{ "subsystem-id", REG_SUBSYSTEM, 2, 0 },
};

static uint32_t config(struct pci_function *fn, unsigned reg, unsigned size)
{
	uint32_t value;

	pci_config_read(fn->bus, pci_rid(fn), reg, size, &value);
	return value;
}

static void begin_function(struct pci_function *fn, struct fdt_builder *fdt)
{
	uint32_t class = config(fn, REG_CLASS, 4) >> 16;

	for (size_t i = 0; i < ARRAY_SIZE(class_names); i++) {
		if (class_names[i].class == class) {
			fdt_begin(fdt, "%s@%x", class_names[i].name, fn->slot);
			return;
		}
	}
	fdt_begin(fdt, "pci%x,%x@%x", config(fn, REG_VENDOR, 2),
		  config(fn, REG_DEVICE, 2), fn->slot);
}

static uint32_t bar_space(const struct pci_bar *bar)
{
	return (bar->is_64 ? SPACE_MEM64 : SPACE_MEM32) |
	       (bar->prefetchable ? SPACE_PREFETCHABLE : 0);
}

/* Configuration space, then a BAR each, at no address as yet. */
static void function_reg(const struct pci_function *fn, struct fdt_builder *fdt)
{
	uint32_t cells[PCI_CELLS * (1 + PCI_NR_BARS)] = { pci_rid(fn) << 8 };
	unsigned n = PCI_CELLS;

	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		const struct pci_bar *bar = &fn->bars[i];

		if (bar->size == 0)
			continue;
		cells[n] = bar_space(bar) | pci_rid(fn) << 8 | REG_BAR(i);
		cells[n + 3] = high(bar->size);
		cells[n + 4] = low(bar->size);
		n += PCI_CELLS;
	}
	fdt_prop_cells(fdt, "reg", cells, n);
}

static void function_fdt(struct pci_function *fn, struct fdt_builder *fdt)
{
	uint32_t pin = config(fn, REG_INTPIN, 1);
	unsigned vectors = phb_nr_vectors(fn);
	char place[64];

	begin_function(fn, fdt);
	function_reg(fn, fdt);
	for (size_t i = 0; i < ARRAY_SIZE(id_props); i++) {
		const struct id_prop *p = &id_props[i];

		fdt_prop_u32(fdt, p->name,
			     config(fn, p->reg, p->size) >> p->shift);
	}
	if (pin != 0)
		fdt_prop_u32(fdt, "interrupts", pin);
	if (vectors != 0)
		fdt_prop_u32(fdt, "ibm,req#msi-x", vectors);
	snprintf(place, sizeof(place), "privet:%s", fn->name);
	fdt_prop_string(fdt, "ibm,loc-code", place);
	fdt_end(fdt);
}

/*
 * The bridge.
 */

static void put_range(uint32_t *cells, uint32_t space,
		      const struct pci_window *window)
{
	cells[0] = space;
	cells[1] = high(window->pci_base);
	cells[2] = low(window->pci_base);
	cells[3] = high(window->cpu_base);
	cells[4] = low(window->cpu_base);
	cells[5] = high(window->size);
	cells[6] = low(window->size);
}

static void ranges(const struct pci_bus *bus, struct fdt_builder *fdt)
{
	uint32_t cells[7 * PCI_MAX_WINDOWS];

	for (unsigned i = 0; i < bus->nr_windows; i++) {
		const struct pci_window *w = &bus->windows[i];

		put_range(&cells[(size_t)7 * i],
			  high(w->pci_base) == 0 ? SPACE_MEM32 : SPACE_MEM64,
			  w);
	}
	fdt_prop_cells(fdt, "ranges", cells, 7 * bus->nr_windows);
}

/*
 * Pins of slots to inputs of the interrupt controller. The pattern repeats
 * every four slots, which the mask says.
 */
static void interrupt_map(const struct pci_bus *bus, struct fdt_builder *fdt)
{
	static const uint32_t mask[] = { MAP_SLOT_MASK << 11, 0, 0, 7 };
	uint32_t cells[PCI_NR_INTX * PCI_NR_INTX * MAP_MAX_CELLS];
	struct irqchip *chip = bus->vm->irqchip;
	unsigned n = 0;

	for (unsigned i = 0; i < PCI_NR_INTX * PCI_NR_INTX; i++) {
		unsigned slot = i / PCI_NR_INTX;
		unsigned pin = i % PCI_NR_INTX;
		unsigned line = pci_intx_line(slot + pin);

		cells[n++] = slot << 11;
		cells[n++] = 0;
		cells[n++] = 0;
		cells[n++] = pin + 1;
		cells[n++] = chip->ops->fdt_phandle(chip);
		n += chip->ops->fdt_cells(chip, bus->intx[line].nr, false,
					  &cells[n]);
	}
	fdt_prop_cells(fdt, "interrupt-map-mask", mask, ARRAY_SIZE(mask));
	fdt_prop_cells(fdt, "interrupt-map", cells, n);
}

static void dma_window(struct fdt_builder *fdt)
{
	static const uint32_t cells[] = { LAYOUT_PHB_LIOBN, 0, 0, 0,
					  PHB_DMA_WINDOW };

	fdt_prop_u32(fdt, "ibm,#dma-address-cells", 2);
	fdt_prop_u32(fdt, "ibm,#dma-size-cells", 2);
	fdt_prop_cells(fdt, "ibm,dma-window", cells, ARRAY_SIZE(cells));
}

static void bridge_props(const struct pci_bus *bus, struct fdt_builder *fdt)
{
	static const uint32_t buses[] = { 0, 0xff };
	static const uint32_t reg[] = { LAYOUT_PHB_BUID >> 32,
					LAYOUT_PHB_BUID & UINT32_MAX, 0, 0 };

	fdt_prop_string(fdt, "device_type", "pci");
	fdt_prop_string(fdt, "compatible", "IBM,Logical_PHB");
	fdt_prop_cells(fdt, "reg", reg, ARRAY_SIZE(reg));
	fdt_prop_u32(fdt, "#address-cells", 3);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_u32(fdt, "#interrupt-cells", 1);
	fdt_prop_cells(fdt, "bus-range", buses, ARRAY_SIZE(buses));
	ranges(bus, fdt);
	interrupt_map(bus, fdt);
	dma_window(fdt);
	fdt_prop_u32(fdt, "ibm,pci-config-space-type", 1);
	fdt_prop_u32(fdt, "ibm,pe-total-#msi", LAYOUT_NR_MSI);
	fdt_prop_empty(fdt, "used-by-rtas");
}

void phb_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	struct phb *phb = vm_machine(vm)->phb;

	if (phb == NULL)
		return;
	fdt_begin(fdt, "pci@%llx", (unsigned long long)LAYOUT_PHB_BUID);
	bridge_props(&phb->bus, fdt);
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		if (phb->bus.functions[slot] != NULL)
			function_fdt(phb->bus.functions[slot], fdt);
	}
	fdt_end(fdt);
}
