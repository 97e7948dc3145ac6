/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt controllers of the riscv64 machine. */
#ifndef PRIVET_ARCH_RISCV64_IRQCHIPS_H
#define PRIVET_ARCH_RISCV64_IRQCHIPS_H

#include "vmm/irqchip.h"

/** aia_ops - Advanced Interrupt Architecture, in the kernel */
extern const struct irqchip_ops aia_ops;

/** plic_ops - Platform-Level Interrupt Controller, in the monitor */
extern const struct irqchip_ops plic_ops;

#endif
