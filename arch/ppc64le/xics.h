/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XICS: interrupt sources and what is common to both controllers.
 *
 * Sources have the numbers of layout.h. Those of fixed devices are there from
 * power-on; MSI sources come to be when the host bridge hands them to a
 * function.
 */
#ifndef PRIVET_ARCH_PPC64LE_XICS_H
#define PRIVET_ARCH_PPC64LE_XICS_H

#include "arch/ppc64le/layout.h"
#include "vmm/util.h"

struct fdt_builder;
struct irqchip;

#define XICS_NR_SOURCES (LAYOUT_IRQ_LIMIT - LAYOUT_IRQ_BASE)

/** XICS_IPI - What the presentation layer calls an inter-processor interrupt */
#define XICS_IPI 2U

/** XICS_MASKED_PRIORITY - Least favoured: never presented */
#define XICS_MASKED_PRIORITY 0xffU

/**
 * struct xics_range - Sources that belong together
 * @level: sensitive to the level: a PCI function's pin
 */
struct xics_range {
	unsigned first;
	unsigned count;
	bool level;
};

/** xics_fixed_sources[] - There from power-on; ends with a @count of 0 */
extern const struct xics_range xics_fixed_sources[];

/** xics_is_source() - Whether a number can be a source's */
static inline bool xics_is_source(uint32_t irq)
{
	return irq >= LAYOUT_IRQ_BASE && irq < LAYOUT_IRQ_LIMIT;
}

/** xics_is_msi() - Whether a number can be an MSI's */
static inline bool xics_is_msi(uint32_t irq)
{
	return irq >= LAYOUT_IRQ_MSI && irq - LAYOUT_IRQ_MSI < LAYOUT_NR_MSI;
}

/**
 * xics_source_create() - Have a source
 * @chip: of this machine, powered on
 * @irq: LAYOUT_IRQ_BASE to LAYOUT_IRQ_LIMIT - 1
 * @edge: a message or a pulse; else its level counts
 *
 * A new source is masked. One that is there already stays as it is.
 *
 * Return: 0; -EINVAL for a number that is none, or when the source is there
 * with the other sensitivity; -ENODEV for a machine without an XICS, or
 * without power; or what KVM failed with.
 * Context: any thread; takes a leaf lock.
 */
int xics_source_create(struct irqchip *chip, unsigned irq, bool edge);

/*
 * For both struct irqchip_ops.
 */
void xics_fdt(struct irqchip *chip, struct fdt_builder *fdt);
uint32_t xics_fdt_phandle(struct irqchip *chip);
unsigned xics_fdt_cells(struct irqchip *chip, unsigned irq, bool edge,
			uint32_t cells[3]);

#endif
