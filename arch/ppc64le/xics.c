/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XICS in the monitor: its state machine (PAPR, chapters 7 and 14).
 *
 * Theory of operation: a source sends an interrupt of its priority to its
 * server. A server presents the most favoured one of those that are more
 * favoured than its CPPR; an inter-processor interrupt, which is there while
 * MFRR is more favoured than CPPR, wins among equals. What is presented is
 * worked out from the sources each time, not remembered. So nothing has to be
 * rejected by a server and sent again by its source: what waits is taken as
 * soon as CPPR lets it, also when its target or priority changes meanwhile.
 *
 * The server accepts: CPPR becomes the interrupt's priority, and the source
 * is "sent" until its interrupt is ended. It does not send while it is sent:
 * a pulse in between is kept and sent after the end, and a level that is still
 * high sends again.
 *
 * Nothing here knows of KVM, locks or the machine.
 */
#include <errno.h>
#include <string.h>

#include "arch/ppc64le/xics_core.h"

/**
 * struct presented - What a server has to present
 * @xisr: source, XICS_IPI, or 0
 * @priority: its priority; CPPR where there is nothing
 */
struct presented {
	uint32_t xisr;
	uint8_t priority;
};

static struct xics_source *find_source(struct xics_core *core, uint32_t irq)
{
	if (!xics_is_source(irq))
		return NULL;

	struct xics_source *src = &core->sources[irq - LAYOUT_IRQ_BASE];
	return (src->bits & XICS_EXISTS) != 0 ? src : NULL;
}

static bool wins(const struct xics_source *src, unsigned server,
		 uint8_t priority)
{
	return src->server == server && (src->bits & XICS_MASKED) == 0 &&
	       src->priority < priority;
}

/* The most favoured source, the lowest number among equals. */
static struct presented present(const struct xics_core *core, unsigned server)
{
	const struct xics_server *s = &core->servers[server];
	struct presented best = { .priority = s->cppr };

	if (s->mfrr < s->cppr)
		best = (struct presented){ XICS_IPI, s->mfrr };
	for (unsigned word = 0; word < XICS_NR_WORDS; word++) {
		uint64_t ready = core->ready[word];

		while (ready != 0) {
			unsigned i =
				64 * word + (unsigned)__builtin_ctzll(ready);

			ready &= ready - 1;
			if (!wins(&core->sources[i], server, best.priority))
				continue;
			best = (struct presented){
				.xisr = LAYOUT_IRQ_BASE + i,
				.priority = core->sources[i].priority,
			};
		}
	}
	return best;
}

static void update_server(struct xics_core *core, unsigned server)
{
	struct xics_server *s = &core->servers[server];
	enum xics_output output = present(core, server).xisr != 0
					  ? XICS_OUTPUT_HIGH
					  : XICS_OUTPUT_LOW;

	if (output == s->output)
		return;

	int ret = core->drive(core->opaque, server, output == XICS_OUTPUT_HIGH);
	s->output = ret < 0 ? XICS_OUTPUT_UNKNOWN : output;
}

static void set_ready(struct xics_core *core, const struct xics_source *src)
{
	unsigned i = (unsigned)(src - core->sources);
	uint64_t bit = UINT64_C(1) << (i % 64);

	if ((src->bits & (XICS_PENDING | XICS_SENT)) == XICS_PENDING)
		core->ready[i / 64] |= bit;
	else
		core->ready[i / 64] &= ~bit;
}

/* Bits of a source change: its server looks again. */
static void set_bits(struct xics_core *core, struct xics_source *src,
		     unsigned bits, bool value)
{
	unsigned now = value ? src->bits | bits : src->bits & ~bits;

	src->bits = (uint8_t)now;
	set_ready(core, src);
	update_server(core, src->server);
}

void xics_core_reset(struct xics_core *core)
{
	memset(core->sources, 0, sizeof(core->sources));
	memset(core->ready, 0, sizeof(core->ready));
	for (unsigned i = 0; i < core->nr_servers; i++)
		core->servers[i] = (struct xics_server){
			.mfrr = XICS_MASKED_PRIORITY,
			.output = XICS_OUTPUT_LOW,
		};
}

int xics_core_create(struct xics_core *core, unsigned irq, bool level)
{
	if (!xics_is_source(irq))
		return -EINVAL;

	struct xics_source *src = &core->sources[irq - LAYOUT_IRQ_BASE];
	if ((src->bits & XICS_EXISTS) != 0)
		return ((src->bits & XICS_LEVEL) != 0) == level ? 0 : -EINVAL;
	*src = (struct xics_source){
		.priority = XICS_MASKED_PRIORITY,
		.bits = level ? XICS_EXISTS | XICS_LEVEL : XICS_EXISTS,
	};
	return 0;
}

void xics_core_input(struct xics_core *core, unsigned irq, bool high)
{
	struct xics_source *src = find_source(core, irq);

	if (src != NULL && (high || (src->bits & XICS_LEVEL) != 0))
		set_bits(core, src, XICS_PENDING, high);
}

bool xics_core_set_xive(struct xics_core *core, uint32_t irq, uint32_t server,
			uint32_t priority)
{
	struct xics_source *src = find_source(core, irq);

	if (src == NULL || server >= core->nr_servers ||
	    priority > XICS_MASKED_PRIORITY)
		return false;

	uint32_t before = src->server;
	src->server = server;
	src->priority = (uint8_t)priority;
	set_bits(core, src, XICS_MASKED, false);
	update_server(core, before);
	return true;
}

bool xics_core_get_xive(const struct xics_core *core, uint32_t irq,
			uint32_t *server, uint32_t *priority)
{
	if (!xics_is_source(irq))
		return false;

	const struct xics_source *src = &core->sources[irq - LAYOUT_IRQ_BASE];
	if ((src->bits & XICS_EXISTS) == 0)
		return false;
	*server = src->server;
	*priority = (src->bits & XICS_MASKED) != 0 ? XICS_MASKED_PRIORITY
						   : src->priority;
	return true;
}

bool xics_core_mask(struct xics_core *core, uint32_t irq, bool masked)
{
	struct xics_source *src = find_source(core, irq);

	if (src == NULL)
		return false;
	set_bits(core, src, XICS_MASKED, masked);
	return true;
}

static uint32_t xirr_of(uint8_t cppr, uint32_t xisr)
{
	return (uint32_t)cppr << 24 | xisr;
}

uint32_t xics_core_poll(const struct xics_core *core, unsigned server)
{
	return xirr_of(core->servers[server].cppr, present(core, server).xisr);
}

/*
 * An inter-processor interrupt stays until its MFRR is taken back; CPPR is
 * what keeps it from being presented again. A level stays pending.
 */
uint32_t xics_core_accept(struct xics_core *core, unsigned server)
{
	struct xics_server *s = &core->servers[server];
	struct presented got = present(core, server);
	struct xics_source *src = find_source(core, got.xisr);
	uint32_t xirr = xirr_of(s->cppr, got.xisr);

	s->cppr = got.priority;
	if (src != NULL) {
		if ((src->bits & XICS_LEVEL) == 0)
			src->bits &= (uint8_t)~XICS_PENDING;
		src->bits |= XICS_SENT;
		set_ready(core, src);
	}
	update_server(core, server);
	return xirr;
}

void xics_core_set_cppr(struct xics_core *core, unsigned server, uint8_t cppr)
{
	core->servers[server].cppr = cppr;
	update_server(core, server);
}

bool xics_core_set_mfrr(struct xics_core *core, uint64_t server, uint8_t mfrr)
{
	if (server >= core->nr_servers)
		return false;
	core->servers[server].mfrr = mfrr;
	update_server(core, (unsigned)server);
	return true;
}

/* The priority counts even when the source is none. */
bool xics_core_eoi(struct xics_core *core, unsigned server, uint32_t xirr)
{
	uint32_t irq = xirr & 0xffffff;
	struct xics_source *src = find_source(core, irq);

	core->servers[server].cppr = (uint8_t)(xirr >> 24);
	if (src != NULL)
		set_bits(core, src, XICS_SENT, false);
	update_server(core, server);
	return src != NULL || irq == XICS_IPI;
}

void xics_core_refresh(struct xics_core *core)
{
	for (unsigned i = 0; i < XICS_NR_SOURCES; i++)
		set_ready(core, &core->sources[i]);
	for (unsigned i = 0; i < core->nr_servers; i++) {
		core->servers[i].output = XICS_OUTPUT_UNKNOWN;
		update_server(core, i);
	}
}
