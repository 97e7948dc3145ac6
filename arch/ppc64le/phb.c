/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host bridge of an sPAPR partition: life cycle and saved state.
 *
 * To the guest it is a node of the device tree (phb_tree.c), firmware calls
 * for configuration access and MSIs (phb_rtas.c, phb_msi.c), hypercalls for a
 * DMA window (tce.c) and two windows of memory, which the bus decodes.
 */
#include "arch/ppc64le/phb.h"

#include <stdlib.h>

#include "arch/ppc64le/machine.h"
#include "vmm/snapshot.h"

/* Ports are left out: no function that the machine has uses them. */
static const struct pci_window phb_windows[] = {
	{
		.name = "PCI memory, 32 bits",
		.cpu_base = LAYOUT_PCI_MEM32_BASE,
		.pci_base = LAYOUT_PCI_MEM32_PCI,
		.size = LAYOUT_PCI_MEM32_SIZE,
	},
	{
		.name = "PCI memory, 64 bits",
		.cpu_base = LAYOUT_PCI_MEM64_BASE,
		.pci_base = LAYOUT_PCI_MEM64_BASE,
		.size = LAYOUT_PCI_MEM64_SIZE,
	},
};

static struct phb *to_phb(struct device *dev)
{
	return container_of(dev, struct phb, dev);
}

static void phb_reset(struct device *dev)
{
	phb_reset_msis(to_phb(dev));
	phb_reset_tces(to_phb(dev));
}

/* Nothing of the bridge runs by itself. */
static void phb_quiesce(struct device *dev)
{
	(void)dev;
}

static void phb_resume(struct device *dev)
{
	(void)dev;
}

static int phb_save(struct device *dev, struct snap_writer *w)
{
	phb_save_msis(to_phb(dev), w);
	phb_save_tces(to_phb(dev), w);
	return 0;
}

static int phb_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	(void)version;
	phb_reset(dev);
	phb_restore_msis(to_phb(dev), r);
	phb_restore_tces(to_phb(dev), r);
	if (snap_reader_error(r) < 0)
		phb_reset(dev);
	return snap_reader_error(r);
}

static int phb_power_on(struct device *dev, struct error *err)
{
	return pci_bus_power_on(&to_phb(dev)->bus, err);
}

static void phb_power_off(struct device *dev)
{
	pci_bus_power_off(&to_phb(dev)->bus);
}

static bool phb_implied(const struct vm *vm, bool nodefaults)
{
	(void)nodefaults;
	return vm_uses_pci(vm);
}

static int phb_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	struct phb *phb = calloc(1, sizeof(*phb));
	if (phb == NULL)
		return error_nomem(err, "the PCI host bridge");
	device_init(&phb->dev, &phb_device, vm, cfg->index);

	int ret = pci_bus_init(&phb->bus, vm, phb_windows,
			       ARRAY_SIZE(phb_windows), LAYOUT_IRQ_LSI, err);
	if (ret < 0) {
		device_fini(&phb->dev);
		free(phb);
		return ret;
	}
	vm->pci = &phb->bus;
	vm_machine(vm)->phb = phb;
	*out = &phb->dev;
	return 0;
}

static void phb_destroy(struct device *dev)
{
	struct phb *phb = to_phb(dev);

	vm_machine(dev->vm)->phb = NULL;
	dev->vm->pci = NULL;
	pci_bus_fini(&phb->bus);
	device_fini(&phb->dev);
	free(phb);
}

const struct device_type phb_device = {
	.name = "phb",
	.state_version = 1,
	.max = 1,
	.implied = phb_implied,
	.create = phb_create,
	.destroy = phb_destroy,
	.power_on = phb_power_on,
	.power_off = phb_power_off,
	.reset = phb_reset,
	.quiesce = phb_quiesce,
	.resume = phb_resume,
	.save = phb_save,
	.restore = phb_restore,
};
