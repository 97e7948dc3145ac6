/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XICS in the monitor: the state machine (xics.c), and the interrupt
 * controller that the machine sees (xics_chip.c).
 */
#ifndef PRIVET_ARCH_PPC64LE_XICS_CORE_H
#define PRIVET_ARCH_PPC64LE_XICS_CORE_H

#include <pthread.h>

#include "arch/ppc64le/xics.h"
#include "vmm/irqchip.h"

#define XICS_NR_WORDS (XICS_NR_SOURCES / 64)

_Static_assert(XICS_NR_SOURCES % 64 == 0, "whole words of sources");

/**
 * enum xics_source_bits - What a source is and does
 * @XICS_EXISTS: it was created
 * @XICS_LEVEL: its level counts
 * @XICS_MASKED: by ibm,int-off
 * @XICS_PENDING: it has something to send; a level that is high has
 * @XICS_SENT: a server accepted it and has not ended it yet
 */
enum xics_source_bits {
	XICS_EXISTS = 1 << 0,
	XICS_LEVEL = 1 << 1,
	XICS_MASKED = 1 << 2,
	XICS_PENDING = 1 << 3,
	XICS_SENT = 1 << 4,
};

/** struct xics_source - Where an interrupt goes, and how it is */
struct xics_source {
	uint32_t server;
	uint8_t priority;
	uint8_t bits;
};

enum xics_output {
	XICS_OUTPUT_UNKNOWN,
	XICS_OUTPUT_LOW,
	XICS_OUTPUT_HIGH,
};

/**
 * struct xics_server - Presentation to a vCPU
 * @cppr: its priority: it takes what is more favoured, which is lower
 * @mfrr: of the inter-processor interrupt for it
 * @output: its external interrupt, as was told last
 */
struct xics_server {
	uint8_t cppr;
	uint8_t mfrr;
	enum xics_output output;
};

/**
 * struct xics_core - Sources and servers
 * @drive: sets the external interrupt of a server; returns a negative errno
 *	when it could not: it is called again at the next chance
 * @opaque: for it
 * @ready: bit for each source that is pending and not sent
 */
struct xics_core {
	int (*drive)(void *opaque, unsigned server, bool high);
	void *opaque;
	struct xics_source sources[XICS_NR_SOURCES];
	uint64_t ready[XICS_NR_WORDS];
	unsigned nr_servers;
	struct xics_server *servers;
};

/*
 * Numbers of sources and servers that come from the guest are checked here:
 * functions that return bool return false for those that there are not.
 */

/** xics_core_reset() - No sources; every server takes nothing; outputs low */
void xics_core_reset(struct xics_core *core);

/** xics_core_create() - As xics_source_create() */
int xics_core_create(struct xics_core *core, unsigned irq, bool level);

/** xics_core_input() - A source is driven; a pulse is its being driven high */
void xics_core_input(struct xics_core *core, unsigned irq, bool high);

/** xics_core_set_xive() - Target and priority of a source; unmasks it */
bool xics_core_set_xive(struct xics_core *core, uint32_t irq, uint32_t server,
			uint32_t priority);
bool xics_core_get_xive(const struct xics_core *core, uint32_t irq,
			uint32_t *server, uint32_t *priority);
bool xics_core_mask(struct xics_core *core, uint32_t irq, bool masked);

/** xics_core_poll() - XIRR: CPPR in the high byte, then what is presented */
uint32_t xics_core_poll(const struct xics_core *core, unsigned server);

/** xics_core_accept() - Its XIRR; the server has the interrupt from then on */
uint32_t xics_core_accept(struct xics_core *core, unsigned server);

void xics_core_set_cppr(struct xics_core *core, unsigned server, uint8_t cppr);
bool xics_core_set_mfrr(struct xics_core *core, uint64_t server, uint8_t mfrr);

/** xics_core_eoi() - The end of an interrupt, with the CPPR of before */
bool xics_core_eoi(struct xics_core *core, unsigned server, uint32_t xirr);

/** xics_core_refresh() - After a restore: what is ready, and all outputs */
void xics_core_refresh(struct xics_core *core);

/**
 * struct xics_chip - The interrupt controller
 * @lock: a leaf; guards everything below
 * @on: vCPUs exist
 */
struct xics_chip {
	struct irqchip chip;
	pthread_mutex_t lock;
	bool on;
	struct xics_core core;
};

/** xics_chip_of() - This machine's, or NULL where it has another controller */
struct xics_chip *xics_chip_of(const struct vm *vm);

/** xics_chip_source_create() - As xics_source_create() */
int xics_chip_source_create(struct irqchip *chip, unsigned irq, bool edge);

/** xics_chip_save(), xics_chip_restore() - As in struct irqchip_ops */
int xics_chip_save(struct irqchip *chip, struct snap_writer *w);
int xics_chip_restore(struct irqchip *chip, struct snap_reader *r,
		      uint32_t version);

#endif
