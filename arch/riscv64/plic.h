/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PLIC's state and registers, between plic.c, which moves them, and
 * plic_chip.c, which is the interrupt controller that the machine sees.
 */
#ifndef PRIVET_ARCH_RISCV64_PLIC_H
#define PRIVET_ARCH_RISCV64_PLIC_H

#include <pthread.h>
#include <stdint.h>

#include "arch/riscv64/layout.h"
#include "vmm/irqchip.h"
#include "vmm/mmio.h"

/* Source 0 does not exist, so there is one bit more than sources. */
#define PLIC_NR_IDS       (LAYOUT_NR_SOURCES + 1)
#define PLIC_NR_WORDS     ((PLIC_NR_IDS + 31) / 32)
#define PLIC_MAX_PRIORITY 7U

enum plic_output {
	PLIC_OUTPUT_UNKNOWN,
	PLIC_OUTPUT_LOW,
	PLIC_OUTPUT_HIGH,
};

/**
 * struct plic_context - A hart's view
 * @enable: bit per source
 * @threshold: 0 to PLIC_MAX_PRIORITY
 * @output: what KVM was told last
 */
struct plic_context {
	uint32_t enable[PLIC_NR_WORDS];
	uint32_t threshold;
	enum plic_output output;
};

/**
 * struct plic_sources - State of the inputs, one bit or entry for each
 * @level: driven high by the device
 * @pending: waits to be claimed
 * @active: claimed, not completed
 * @again: rose while active
 * @priority: 0 (never) to PLIC_MAX_PRIORITY
 */
struct plic_sources {
	uint32_t level[PLIC_NR_WORDS];
	uint32_t pending[PLIC_NR_WORDS];
	uint32_t active[PLIC_NR_WORDS];
	uint32_t again[PLIC_NR_WORDS];
	uint8_t priority[PLIC_NR_IDS];
};

/**
 * struct plic - The controller
 * @lock: guards everything below
 * @on: vCPUs exist
 */
struct plic {
	struct irqchip chip;
	pthread_mutex_t lock;
	bool on;
	struct plic_sources src;
	unsigned nr_contexts;
	struct plic_context contexts[];
};

/** plic_mmio - Handlers of the register window; the opaque is struct plic */
extern const struct mmio_ops plic_mmio;

/** plic_valid_bits() - Bits of word @word that stand for sources */
uint32_t plic_valid_bits(uint64_t word);

/** plic_drive() - An input's level; Context: lock held */
void plic_drive(struct plic *plic, unsigned irq, bool level);

/** plic_update() - Tell KVM of every hart's line that changed; lock held */
void plic_update(struct plic *plic);

#endif
