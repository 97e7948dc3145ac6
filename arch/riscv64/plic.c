/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platform-Level Interrupt Controller (RISC-V PLIC 1.0.0) in the monitor, for
 * hosts without AIA. Context n is the supervisor mode of hart n.
 *
 * Theory of operation: an input that rises becomes pending. A pending and
 * enabled input whose priority beats a context's threshold raises that
 * hart's external interrupt. The hart claims the input, which stops being
 * pending and is active from then on; while active it does not become pending
 * again. On completion it does, if it rose meanwhile or is still high.
 *
 * This serves both kinds of line: a pulse is remembered by its rise, a level
 * by being high at completion. What it cannot know is that a level dropped
 * before it was claimed; the hart then takes one interrupt too many, which a
 * driver that finds nothing to do ignores.
 *
 * Locking: one leaf lock. The MMIO bus takes it around the register handlers,
 * plic_chip.c takes it for the rest. KVM is told of a hart's line only when
 * that changes; KVM_INTERRUPT does not wait for the vCPU, which may be running.
 */
#include "arch/riscv64/plic.h"

#include "vmm/kvm.h"
#include "vmm/vm.h"

/* Registers (RISC-V PLIC 1.0.0, chapter 3 and following) */
#define PRIORITY_END      (UINT64_C(4) * PLIC_NR_IDS)
#define PENDING_BASE      UINT64_C(0x1000)
#define ENABLE_BASE       UINT64_C(0x2000)
#define ENABLE_STRIDE     UINT64_C(0x80)
#define CONTEXT_BASE      UINT64_C(0x200000)
#define CONTEXT_STRIDE    UINT64_C(0x1000)
#define CONTEXT_THRESHOLD 0U
#define CONTEXT_CLAIM     4U

#define FDT_S_EXTERNAL    9U

_Static_assert(UINT64_C(4) * PLIC_NR_WORDS <= ENABLE_STRIDE,
	       "enable bits of a context");
_Static_assert(CONTEXT_BASE + LAYOUT_MAX_HARTS * CONTEXT_STRIDE <=
		       LAYOUT_PLIC_SIZE,
	       "contexts fit into the window");
_Static_assert(ENABLE_BASE + LAYOUT_MAX_HARTS * ENABLE_STRIDE <= CONTEXT_BASE,
	       "enable bits end before the contexts");

static bool test_bit(const uint32_t *words, unsigned id)
{
	return (words[id / 32] >> (id % 32) & 1) != 0;
}

static void set_bit(uint32_t *words, unsigned id)
{
	words[id / 32] |= UINT32_C(1) << (id % 32);
}

static void clear_bit(uint32_t *words, unsigned id)
{
	words[id / 32] &= ~(UINT32_C(1) << (id % 32));
}

/*
 * The pending and enabled source of the highest priority above @threshold,
 * the lowest number among equals; 0 when there is none.
 */
static unsigned best_source(const struct plic *plic,
			    const struct plic_context *ctx, uint32_t threshold)
{
	uint32_t best_priority = threshold;
	unsigned best = 0;

	for (unsigned word = 0; word < PLIC_NR_WORDS; word++) {
		uint32_t ready = plic->src.pending[word] & ctx->enable[word];

		while (ready != 0) {
			unsigned id =
				32 * word + (unsigned)__builtin_ctz(ready);

			ready &= ready - 1;
			if (plic->src.priority[id] <= best_priority)
				continue;
			best_priority = plic->src.priority[id];
			best = id;
		}
	}
	return best;
}

static void update_context(struct plic *plic, unsigned hart)
{
	struct plic_context *ctx = &plic->contexts[hart];
	enum plic_output output = best_source(plic, ctx, ctx->threshold) != 0
					  ? PLIC_OUTPUT_HIGH
					  : PLIC_OUTPUT_LOW;

	if (output == ctx->output || !plic->on)
		return;

	int ret =
		kvm_interrupt(plic->chip.vm->vcpus[hart].fd,
			      output == PLIC_OUTPUT_HIGH ? KVM_INTERRUPT_SET
							 : KVM_INTERRUPT_UNSET);
	ctx->output = ret < 0 ? PLIC_OUTPUT_UNKNOWN : output;
}

/* Something about source @id changed: harts that listen to it look again. */
static void update_source(struct plic *plic, unsigned id)
{
	for (unsigned hart = 0; hart < plic->nr_contexts; hart++) {
		if (test_bit(plic->contexts[hart].enable, id))
			update_context(plic, hart);
	}
}

void plic_update(struct plic *plic)
{
	for (unsigned hart = 0; hart < plic->nr_contexts; hart++)
		update_context(plic, hart);
}

/*
 * The threshold does not matter for a claim: it only says when the hart is
 * interrupted.
 */
static uint32_t claim(struct plic *plic, unsigned hart)
{
	unsigned id = best_source(plic, &plic->contexts[hart], 0);

	if (id == 0)
		return 0;
	clear_bit(plic->src.pending, id);
	set_bit(plic->src.active, id);
	update_source(plic, id);
	return id;
}

/* A completion for a source that this hart does not listen to is ignored. */
static void complete(struct plic *plic, unsigned hart, uint64_t id)
{
	struct plic_sources *src = &plic->src;

	if (id == 0 || id >= PLIC_NR_IDS ||
	    !test_bit(plic->contexts[hart].enable, (unsigned)id) ||
	    !test_bit(src->active, (unsigned)id))
		return;

	clear_bit(src->active, (unsigned)id);
	if (!test_bit(src->again, (unsigned)id) &&
	    !test_bit(src->level, (unsigned)id))
		return;
	clear_bit(src->again, (unsigned)id);
	set_bit(src->pending, (unsigned)id);
	update_source(plic, (unsigned)id);
}

static uint64_t read_context(struct plic *plic, uint64_t off)
{
	uint64_t hart = off / CONTEXT_STRIDE;

	if (hart >= plic->nr_contexts)
		return 0;
	if (off % CONTEXT_STRIDE == CONTEXT_THRESHOLD)
		return plic->contexts[hart].threshold;
	if (off % CONTEXT_STRIDE == CONTEXT_CLAIM)
		return claim(plic, (unsigned)hart);
	return 0;
}

static uint64_t read_enable(const struct plic *plic, uint64_t off)
{
	uint64_t hart = off / ENABLE_STRIDE;
	uint64_t word = off % ENABLE_STRIDE / 4;

	if (hart >= plic->nr_contexts || word >= PLIC_NR_WORDS)
		return 0;
	return plic->contexts[hart].enable[word];
}

static uint64_t plic_read(void *opaque, uint64_t off, unsigned size)
{
	struct plic *plic = opaque;

	(void)size;
	if (off >= CONTEXT_BASE)
		return read_context(plic, off - CONTEXT_BASE);
	if (off >= ENABLE_BASE)
		return read_enable(plic, off - ENABLE_BASE);
	if (off >= PENDING_BASE && (off - PENDING_BASE) / 4 < PLIC_NR_WORDS)
		return plic->src.pending[(off - PENDING_BASE) / 4];
	if (off < PRIORITY_END)
		return plic->src.priority[off / 4];
	return 0;
}

/*
 * A hart that is started writes its threshold first. KVM has dropped what was
 * pending for it when it reset the hart, so KVM is told anew.
 */
static void write_threshold(struct plic *plic, unsigned hart, uint64_t val)
{
	struct plic_context *ctx = &plic->contexts[hart];

	ctx->threshold = (uint32_t)val & PLIC_MAX_PRIORITY;
	ctx->output = PLIC_OUTPUT_UNKNOWN;
	update_context(plic, hart);
}

static void write_context(struct plic *plic, uint64_t off, uint64_t val)
{
	uint64_t hart = off / CONTEXT_STRIDE;

	if (hart >= plic->nr_contexts)
		return;
	if (off % CONTEXT_STRIDE == CONTEXT_THRESHOLD)
		write_threshold(plic, (unsigned)hart, val);
	else if (off % CONTEXT_STRIDE == CONTEXT_CLAIM)
		complete(plic, (unsigned)hart, val);
}

uint32_t plic_valid_bits(uint64_t word)
{
	uint32_t bits = UINT32_MAX;

	if (word == 0)
		bits &= ~UINT32_C(1);
	if (word == PLIC_NR_WORDS - 1 && PLIC_NR_IDS % 32 != 0)
		bits &= (UINT32_C(1) << (PLIC_NR_IDS % 32)) - 1;
	return bits;
}

static void write_enable(struct plic *plic, uint64_t off, uint64_t val)
{
	uint64_t hart = off / ENABLE_STRIDE;
	uint64_t word = off % ENABLE_STRIDE / 4;

	if (hart >= plic->nr_contexts || word >= PLIC_NR_WORDS)
		return;
	plic->contexts[hart].enable[word] =
		(uint32_t)val & plic_valid_bits(word);
	update_context(plic, (unsigned)hart);
}

static void write_priority(struct plic *plic, unsigned id, uint64_t val)
{
	if (id == 0)
		return;
	plic->src.priority[id] = (uint8_t)(val & PLIC_MAX_PRIORITY);
	update_source(plic, id);
}

static void plic_write(void *opaque, uint64_t off, unsigned size, uint64_t val)
{
	struct plic *plic = opaque;

	(void)size;
	if (off >= CONTEXT_BASE)
		write_context(plic, off - CONTEXT_BASE, val);
	else if (off >= ENABLE_BASE)
		write_enable(plic, off - ENABLE_BASE, val);
	else if (off < PRIORITY_END)
		write_priority(plic, (unsigned)(off / 4), val);
}

const struct mmio_ops plic_mmio = {
	.read = plic_read,
	.write = plic_write,
	.min_size = 4,
	.max_size = 4,
};

/*
 * A line that is driven high counts as rising even when it is high already:
 * then two pulses overlap, and the later one must not be lost.
 */
void plic_drive(struct plic *plic, unsigned irq, bool level)
{
	struct plic_sources *src = &plic->src;

	if (irq == 0 || irq >= PLIC_NR_IDS)
		return;
	if (!level) {
		clear_bit(src->level, irq);
		return;
	}
	set_bit(src->level, irq);
	set_bit(test_bit(src->active, irq) ? src->again : src->pending, irq);
	update_source(plic, irq);
}
