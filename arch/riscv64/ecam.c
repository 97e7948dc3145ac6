/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host bridge: configuration space in memory (PCI Express 4.0, 7.2.2),
 * as the device tree's "pci-host-ecam-generic" describes it.
 *
 * There is nothing to program: no registers of its own, no function on the
 * bus. BARs are given addresses by the guest.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/machine.h"
#include "arch/riscv64/tree.h"
#include "vmm/device.h"
#include "vmm/fdt.h"
#include "vmm/mmio.h"
#include "vmm/pci.h"
#include "vmm/vm.h"

/* Bits of an address: bus, device and function, register. */
#define ECAM_RID_SHIFT 12

/* QEMU's machine has its bridge in slot 0; firmware may count on that. */
#define FIRST_SLOT 1U

/* Cells of a PCI address (Open Firmware PCI Bus Binding, 2.2.1.1) */
#define FDT_MEM32       0x02000000U
#define FDT_MEM64       0x03000000U
#define FDT_SLOT(n)     ((uint32_t)(n) << 11)
#define FDT_BUSES       256U
#define MAP_SLOT_MASK   FDT_SLOT(PCI_NR_INTX - 1)
#define MAP_PIN_MASK    7U
#define MAP_CHILD_CELLS 4U
#define MAP_MAX_CELLS   (MAP_CHILD_CELLS + 1 + 3)
#define RANGE_CELLS     7U

struct pci_host {
	struct device dev;
	struct pci_bus bus;
};

static struct pci_host *to_host(struct device *dev)
{
	return container_of(dev, struct pci_host, dev);
}

/* What is not there, or not aligned, reads as all ones. */
static uint64_t ecam_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_host *host = opaque;
	uint32_t value;

	if (size > sizeof(value))
		return UINT64_MAX;
	pci_config_read(&host->bus, (uint32_t)(off >> ECAM_RID_SHIFT),
			off % PCI_CONFIG_SIZE, size, &value);
	return value;
}

static void ecam_write(void *opaque, uint64_t off, unsigned size,
		       uint64_t value)
{
	struct pci_host *host = opaque;

	pci_config_write(&host->bus, (uint32_t)(off >> ECAM_RID_SHIFT),
			 off % PCI_CONFIG_SIZE, size, (uint32_t)value);
}

static const struct mmio_ops ecam_ops = {
	.read = ecam_read,
	.write = ecam_write,
	.min_size = 1,
	.max_size = 8,
};

/* 64-bit BARs go behind RAM, where the host's address bits reach so far. */
static unsigned get_windows(const struct vm *vm,
			    struct pci_window windows[PCI_MAX_WINDOWS])
{
	uint64_t limit = UINT64_C(1) << machine_gpa_bits(&vm->kvm);
	uint64_t base = align_up(LAYOUT_RAM_BASE + vm->cfg->mem,
				 LAYOUT_PCI_MEM64_ALIGN);

	windows[0] = (struct pci_window){
		.name = "PCI memory",
		.cpu_base = LAYOUT_PCI_MEM32_BASE,
		.pci_base = LAYOUT_PCI_MEM32_BASE,
		.size = LAYOUT_PCI_MEM32_SIZE,
	};
	windows[1] = (struct pci_window){
		.name = "PCI memory, 64 bits",
		.cpu_base = base,
		.pci_base = base,
		.size = LAYOUT_PCI_MEM64_SIZE,
	};
	return range_fits(base, LAYOUT_PCI_MEM64_SIZE, limit) ? 2 : 1;
}

static int init_bus(struct pci_host *host, struct error *err)
{
	struct vm *vm = host->dev.vm;
	struct pci_window windows[PCI_MAX_WINDOWS];
	unsigned nr_windows = get_windows(vm, windows);
	int ret = pci_bus_init(&host->bus, vm, windows, nr_windows,
			       LAYOUT_IRQ_PCI, err);

	if (ret < 0)
		return ret;
	host->bus.first_slot = FIRST_SLOT;

	/* No lock: the bus takes that of the function. */
	const struct mmio_region region = {
		.name = host->dev.id,
		.base = LAYOUT_ECAM_BASE,
		.size = LAYOUT_ECAM_SIZE,
		.ops = &ecam_ops,
		.opaque = host,
	};
	ret = mmio_add(&vm->mmio, &region, err);
	if (ret < 0)
		pci_bus_fini(&host->bus);
	return ret;
}

static int pci_host_create(struct vm *vm, const struct device_config *cfg,
			   struct device **out, struct error *err)
{
	struct pci_host *host = calloc(1, sizeof(*host));

	if (host == NULL)
		return error_nomem(err, "the PCI host bridge");
	device_init(&host->dev, &pci_host_device, vm, cfg->index);

	int ret = init_bus(host, err);
	if (ret < 0) {
		device_fini(&host->dev);
		free(host);
		return ret;
	}
	vm->pci = &host->bus;
	*out = &host->dev;
	return 0;
}

static void pci_host_destroy(struct device *dev)
{
	struct pci_host *host = to_host(dev);

	dev->vm->pci = NULL;
	pci_bus_fini(&host->bus);
	device_fini(dev);
	free(host);
}

static bool pci_host_implied(const struct vm *vm, bool nodefaults)
{
	(void)nodefaults;
	return vm_uses_pci(vm);
}

static int pci_host_power_on(struct device *dev, struct error *err)
{
	return pci_bus_power_on(&to_host(dev)->bus, err);
}

static void pci_host_power_off(struct device *dev)
{
	pci_bus_power_off(&to_host(dev)->bus);
}

static void pci_host_nothing(struct device *dev)
{
	(void)dev;
}

/* The functions' state has all there is, INTA included. */
static int pci_host_save(struct device *dev, struct snap_writer *w)
{
	(void)dev;
	(void)w;
	return 0;
}

static int pci_host_restore(struct device *dev, struct snap_reader *r,
			    uint32_t version)
{
	(void)dev;
	(void)r;
	(void)version;
	return 0;
}

/*
 * Device tree.
 */

static void range_cells(const struct pci_window *window, uint32_t *cells)
{
	bool high = window->pci_base + window->size - 1 > UINT32_MAX;

	cells[0] = high ? FDT_MEM64 : FDT_MEM32;
	cells[1] = (uint32_t)(window->pci_base >> 32);
	cells[2] = (uint32_t)window->pci_base;
	cells[3] = (uint32_t)(window->cpu_base >> 32);
	cells[4] = (uint32_t)window->cpu_base;
	cells[5] = (uint32_t)(window->size >> 32);
	cells[6] = (uint32_t)window->size;
}

static void fdt_ranges(const struct pci_bus *bus, struct fdt_builder *fdt)
{
	uint32_t cells[PCI_MAX_WINDOWS * RANGE_CELLS];

	for (unsigned i = 0; i < bus->nr_windows; i++)
		range_cells(&bus->windows[i], &cells[(size_t)i * RANGE_CELLS]);
	fdt_prop_cells(fdt, "ranges", cells, bus->nr_windows * RANGE_CELLS);
}

/*
 * Pin @pin (0: INTA) of slot @slot: the controllers have no address cells, so
 * a phandle and the input's own cells follow. Return: cells.
 */
static unsigned map_entry(struct irqchip *chip, unsigned slot, unsigned pin,
			  uint32_t cells[MAP_MAX_CELLS])
{
	unsigned line = (pci_intx_line(slot) + pin) % PCI_NR_INTX;

	cells[0] = FDT_SLOT(slot);
	cells[1] = 0;
	cells[2] = 0;
	cells[3] = pin + 1;
	cells[4] = chip->ops->fdt_phandle(chip);
	return MAP_CHILD_CELLS + 1 +
	       chip->ops->fdt_cells(chip, LAYOUT_IRQ_PCI + line, false,
				    &cells[MAP_CHILD_CELLS + 1]);
}

static void fdt_interrupt_map(struct irqchip *chip, struct fdt_builder *fdt)
{
	static const uint32_t mask[MAP_CHILD_CELLS] = { MAP_SLOT_MASK, 0, 0,
							MAP_PIN_MASK };
	uint32_t cells[PCI_NR_INTX * PCI_NR_INTX * MAP_MAX_CELLS];
	unsigned count = 0;

	for (unsigned slot = 0; slot < PCI_NR_INTX; slot++) {
		for (unsigned pin = 0; pin < PCI_NR_INTX; pin++)
			count += map_entry(chip, slot, pin, &cells[count]);
	}
	fdt_prop_cells(fdt, "interrupt-map-mask", mask, ARRAY_SIZE(mask));
	fdt_prop_cells(fdt, "interrupt-map", cells, count);
}

static void pci_host_fdt(struct device *dev, struct fdt_builder *fdt)
{
	static const uint32_t buses[] = { 0, FDT_BUSES - 1 };

	fdt_begin(fdt, "pci@%x", (unsigned)LAYOUT_ECAM_BASE);
	fdt_prop_string(fdt, "compatible", "pci-host-ecam-generic");
	fdt_prop_string(fdt, "device_type", "pci");
	fdt_prop_reg(fdt, LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE);
	fdt_prop_u32(fdt, "#address-cells", 3);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_u32(fdt, "#interrupt-cells", 1);
	fdt_prop_u32(fdt, "linux,pci-domain", 0);
	fdt_prop_cells(fdt, "bus-range", buses, ARRAY_SIZE(buses));
	fdt_ranges(&to_host(dev)->bus, fdt);
	fdt_interrupt_map(dev->vm->irqchip, fdt);
	if (irq_has_msi(dev->vm))
		fdt_prop_u32(fdt, "msi-parent", PHANDLE_IMSIC);
	fdt_prop_empty(fdt, "dma-coherent");
	fdt_end(fdt);
}

const struct device_type pci_host_device = {
	.name = "pci-host",
	.state_version = 1,
	.max = 1,
	.implied = pci_host_implied,
	.create = pci_host_create,
	.destroy = pci_host_destroy,
	.power_on = pci_host_power_on,
	.power_off = pci_host_power_off,
	.reset = pci_host_nothing,
	.quiesce = pci_host_nothing,
	.resume = pci_host_nothing,
	.save = pci_host_save,
	.restore = pci_host_restore,
	.fdt = pci_host_fdt,
};
