/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and restoring the XICS in the monitor.
 *
 * Each source that is there, and each server. What is presented follows from
 * them. Levels are not part of it: devices drive their lines again.
 */
#include <errno.h>

#include "arch/ppc64le/xics_core.h"
#include "vmm/snapshot.h"

#define ALL_BITS \
	(XICS_EXISTS | XICS_LEVEL | XICS_MASKED | XICS_PENDING | XICS_SENT)

static struct xics_chip *to_xics(struct irqchip *chip)
{
	return container_of(chip, struct xics_chip, chip);
}

static uint32_t count_sources(const struct xics_core *core)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < XICS_NR_SOURCES; i++)
		count += (core->sources[i].bits & XICS_EXISTS) != 0;
	return count;
}

static void put_source(struct snap_writer *w, uint32_t irq,
		       const struct xics_source *src)
{
	snap_put_u32(w, irq);
	snap_put_u32(w, src->server);
	snap_put_u8(w, src->priority);
	snap_put_u8(w, src->bits);
}

int xics_chip_save(struct irqchip *chip, struct snap_writer *w)
{
	struct xics_chip *xics = to_xics(chip);
	const struct xics_core *core = &xics->core;

	pthread_mutex_lock(&xics->lock);
	snap_put_u32(w, core->nr_servers);
	for (unsigned i = 0; i < core->nr_servers; i++) {
		snap_put_u8(w, core->servers[i].cppr);
		snap_put_u8(w, core->servers[i].mfrr);
	}
	snap_put_u32(w, count_sources(core));
	for (unsigned i = 0; i < XICS_NR_SOURCES; i++) {
		if ((core->sources[i].bits & XICS_EXISTS) != 0)
			put_source(w, LAYOUT_IRQ_BASE + i, &core->sources[i]);
	}
	pthread_mutex_unlock(&xics->lock);
	return 0;
}

/* Only a source that this machine has anyway can be one whose level counts. */
static bool kind_fits(const struct xics_core *core, uint32_t irq,
		      const struct xics_source *src)
{
	unsigned there = core->sources[irq - LAYOUT_IRQ_BASE].bits;

	if ((there & XICS_EXISTS) == 0)
		there = XICS_EXISTS;
	return (src->bits & ~ALL_BITS) == 0 &&
	       (src->bits & (XICS_EXISTS | XICS_LEVEL)) ==
		       (there & (XICS_EXISTS | XICS_LEVEL));
}

/* Numbers ascend, so that none is there twice. */
static void get_source(struct snap_reader *r, struct xics_core *core,
		       uint32_t *next)
{
	uint32_t irq = snap_get_u32(r);
	struct xics_source src = { .server = snap_get_u32(r) };

	src.priority = snap_get_u8(r);
	src.bits = snap_get_u8(r);
	if (irq < *next || !xics_is_source(irq) ||
	    src.server >= core->nr_servers || !kind_fits(core, irq, &src)) {
		snap_reader_fail(r);
		return;
	}
	if ((src.bits & XICS_LEVEL) != 0)
		src.bits &= (uint8_t)~XICS_PENDING;
	core->sources[irq - LAYOUT_IRQ_BASE] = src;
	*next = irq + 1;
}

static void get_core(struct snap_reader *r, struct xics_core *core)
{
	for (unsigned i = 0; i < core->nr_servers; i++) {
		core->servers[i].cppr = snap_get_u8(r);
		core->servers[i].mfrr = snap_get_u8(r);
	}

	uint32_t count = snap_get_u32(r);
	uint32_t next = 0;
	if (count > XICS_NR_SOURCES)
		snap_reader_fail(r);
	for (uint32_t i = 0; i < count && snap_reader_error(r) == 0; i++)
		get_source(r, core, &next);
}

/* On failure the state is some mix, which the caller does not run. */
int xics_chip_restore(struct irqchip *chip, struct snap_reader *r,
		      uint32_t version)
{
	struct xics_chip *xics = to_xics(chip);

	if (version != chip->ops->state_version)
		return -ENOTSUP;
	if (snap_get_u32(r) != xics->core.nr_servers)
		snap_reader_fail(r);
	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);

	pthread_mutex_lock(&xics->lock);
	get_core(r, &xics->core);
	if (snap_reader_error(r) == 0)
		xics_core_refresh(&xics->core);
	pthread_mutex_unlock(&xics->lock);
	return snap_reader_error(r);
}
