/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AIA's state and registers, between aia.c, which sets it up, and
 * aia_state.c, which saves and restores it.
 */
#ifndef PRIVET_ARCH_RISCV64_AIA_H
#define PRIVET_ARCH_RISCV64_AIA_H

#include <stdatomic.h>
#include <stdint.h>

#include "vmm/irqchip.h"

/* APLIC registers (RISC-V AIA 1.0, 4.5) */
#define APLIC_DOMAINCFG      0x0000U
#define APLIC_SOURCECFG(i)   (0x0004U + 4 * ((i)-1))
#define APLIC_SETIP(word)    (0x1c00U + 4 * (word))
#define APLIC_INPUT(word)    (0x1d00U + 4 * (word))
#define APLIC_CLRIPNUM       0x1ddcU
#define APLIC_SETIE(word)    (0x1e00U + 4 * (word))
#define APLIC_TARGET(i)      (0x3004U + 4 * ((i)-1))

#define APLIC_SM_EDGE_RISING 4U

/*
 * IMSIC registers by iselect (RISC-V AIA 1.0, 3.8); a hart of 64 bits has the
 * even ones of eip and eie only.
 */
#define IMSIC_EIDELIVERY  0x70U
#define IMSIC_EITHRESHOLD 0x72U
#define IMSIC_EIP(group)  (0x80U + 2 * (group))
#define IMSIC_EIE(group)  (0xc0U + 2 * (group))

/**
 * struct aia - The controller
 * @fd: KVM's device; -1 while powered off; set_level() reads it from any
 *	thread
 * @nr_ids: identities of each IMSIC
 * @nr_sources: inputs of the APLIC
 */
struct aia {
	struct irqchip chip;
	atomic_int fd;
	uint32_t nr_ids;
	uint32_t nr_sources;
};

/** aia_save(), aia_restore() - As in struct irqchip_ops */
int aia_save(struct irqchip *chip, struct snap_writer *w);
int aia_restore(struct irqchip *chip, struct snap_reader *r, uint32_t version);

#endif
