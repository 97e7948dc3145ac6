/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt controllers of the ppc64le machine. */
#ifndef PRIVET_ARCH_PPC64LE_IRQCHIPS_H
#define PRIVET_ARCH_PPC64LE_IRQCHIPS_H

#include "vmm/irqchip.h"

/** xics_kvm_ops - XICS in the kernel, also where it is XICS on XIVE */
extern const struct irqchip_ops xics_kvm_ops;

/** xics_ops - XICS in the monitor */
extern const struct irqchip_ops xics_ops;

/** PHANDLE_XICS - Of the node that either of them emits */
#define PHANDLE_XICS 1U

#endif
