/* SPDX-License-Identifier: Apache-2.0 */
/* What the XICS in the kernel and the one in the monitor have in common. */
#include "arch/ppc64le/irqchips.h"

#include <errno.h>

#include "arch/ppc64le/xics.h"
#include "arch/ppc64le/xics_core.h"
#include "arch/ppc64le/xics_kvm.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

/* Second cell of an interrupt specifier (PAPR, appendix B) */
#define FDT_EDGE  0U
#define FDT_LEVEL 1U

const struct xics_range xics_fixed_sources[] = {
	{ .first = LAYOUT_IRQ_EPOW, .count = 1 },
	{ .first = LAYOUT_IRQ_VTY, .count = 1 },
	{ .first = LAYOUT_IRQ_LSI, .count = 4, .level = true },
	{ .first = LAYOUT_IRQ_VIRTIO, .count = LAYOUT_VIRTIO_SLOTS },
	{ 0 },
};

int xics_source_create(struct irqchip *chip, unsigned irq, bool edge)
{
	if (!xics_is_source(irq))
		return -EINVAL;
	if (chip->ops == &xics_kvm_ops)
		return xics_kvm_source_create(chip, irq, edge);
	if (chip->ops == &xics_ops)
		return xics_chip_source_create(chip, irq, edge);
	return -ENODEV;
}

void xics_fdt(struct irqchip *chip, struct fdt_builder *fdt)
{
	const uint32_t servers[] = { 0, chip->vm->cfg->cpus };

	fdt_begin(fdt, "interrupt-controller");
	fdt_prop_string(fdt, "device_type",
			"PowerPC-External-Interrupt-Presentation");
	fdt_prop_string(fdt, "compatible", "IBM,ppc-xicp");
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_cells(fdt, "ibm,interrupt-server-ranges", servers,
		       ARRAY_SIZE(servers));
	fdt_prop_u32(fdt, "#interrupt-cells", 2);
	fdt_prop_u32(fdt, "#address-cells", 0);
	fdt_prop_u32(fdt, "linux,phandle", PHANDLE_XICS);
	fdt_prop_u32(fdt, "phandle", PHANDLE_XICS);
	fdt_end(fdt);
}

uint32_t xics_fdt_phandle(struct irqchip *chip)
{
	(void)chip;
	return PHANDLE_XICS;
}

unsigned xics_fdt_cells(struct irqchip *chip, unsigned irq, bool edge,
			uint32_t cells[3])
{
	(void)chip;
	cells[0] = irq;
	cells[1] = edge ? FDT_EDGE : FDT_LEVEL;
	return 2;
}
