/* SPDX-License-Identifier: Apache-2.0 */
/* The PLIC as an interrupt controller: life cycle, device tree, saved state. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/plic.h"
#include "arch/riscv64/tree.h"
#include "vmm/fdt.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

static struct plic *to_plic(struct irqchip *chip)
{
	return container_of(chip, struct plic, chip);
}

static void plic_set_level(struct irqchip *chip, unsigned irq, bool level)
{
	struct plic *plic = to_plic(chip);

	pthread_mutex_lock(&plic->lock);
	plic_drive(plic, irq, level);
	pthread_mutex_unlock(&plic->lock);
}

static int plic_probe(const struct kvm *kvm, const char **why)
{
	(void)kvm;
	(void)why;
	return 1;
}

static int plic_create(struct vm *vm, struct irqchip **out, struct error *err)
{
	unsigned cpus = vm->cfg->cpus;
	struct plic *plic =
		calloc(1, sizeof(*plic) + cpus * sizeof(plic->contexts[0]));

	if (plic == NULL)
		return error_nomem(err, "the interrupt controller");
	plic->chip = (struct irqchip){ .ops = &plic_ops, .vm = vm };
	plic->nr_contexts = cpus;
	pthread_mutex_init(&plic->lock, NULL);

	const struct mmio_region region = {
		.name = "plic",
		.base = LAYOUT_PLIC_BASE,
		.size = LAYOUT_PLIC_SIZE,
		.ops = &plic_mmio,
		.lock = &plic->lock,
		.opaque = plic,
	};
	int ret = mmio_add(&vm->mmio, &region, err);
	if (ret < 0) {
		pthread_mutex_destroy(&plic->lock);
		free(plic);
		return ret;
	}
	*out = &plic->chip;
	return 0;
}

static void plic_destroy(struct irqchip *chip)
{
	struct plic *plic = to_plic(chip);

	pthread_mutex_destroy(&plic->lock);
	free(plic);
}

/* Fresh vCPUs have no interrupt pending, which is what PLIC_OUTPUT_LOW says. */
static int plic_power_on(struct irqchip *chip, struct error *err)
{
	struct plic *plic = to_plic(chip);

	(void)err;
	pthread_mutex_lock(&plic->lock);
	memset(&plic->src, 0, sizeof(plic->src));
	for (unsigned hart = 0; hart < plic->nr_contexts; hart++)
		plic->contexts[hart] =
			(struct plic_context){ .output = PLIC_OUTPUT_LOW };
	plic->on = true;
	pthread_mutex_unlock(&plic->lock);
	return 0;
}

static void plic_power_off(struct irqchip *chip)
{
	struct plic *plic = to_plic(chip);

	pthread_mutex_lock(&plic->lock);
	plic->on = false;
	pthread_mutex_unlock(&plic->lock);
}

static void plic_fdt(struct irqchip *chip, struct fdt_builder *fdt)
{
	static const char *const compatible[] = { "sifive,plic-1.0.0",
						  "riscv,plic0" };
	unsigned harts = to_plic(chip)->nr_contexts;

	fdt_begin(fdt, "plic@%x", (unsigned)LAYOUT_PLIC_BASE);
	fdt_prop_strings(fdt, "compatible", compatible, ARRAY_SIZE(compatible));
	fdt_prop_reg(fdt, LAYOUT_PLIC_BASE, LAYOUT_PLIC_SIZE);
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 1);
	fdt_prop_u32(fdt, "#address-cells", 0);
	fdt_prop_u32(fdt, "riscv,ndev", LAYOUT_NR_SOURCES);
	tree_interrupts_extended(harts, fdt);
	fdt_prop_u32(fdt, "phandle", PHANDLE_PLIC);
	fdt_end(fdt);
}

static uint32_t plic_fdt_phandle(struct irqchip *chip)
{
	(void)chip;
	return PHANDLE_PLIC;
}

/* The binding has no cell for the trigger. */
static unsigned plic_fdt_cells(struct irqchip *chip, unsigned irq, bool edge,
			       uint32_t cells[3])
{
	(void)chip;
	(void)edge;
	cells[0] = irq;
	return 1;
}

static void put_words(struct snap_writer *w,
		      const uint32_t words[PLIC_NR_WORDS])
{
	for (unsigned i = 0; i < PLIC_NR_WORDS; i++)
		snap_put_u32(w, words[i]);
}

static int plic_save(struct irqchip *chip, struct snap_writer *w)
{
	struct plic *plic = to_plic(chip);

	pthread_mutex_lock(&plic->lock);
	snap_put_u32(w, PLIC_NR_IDS);
	snap_put_u32(w, plic->nr_contexts);
	put_words(w, plic->src.level);
	put_words(w, plic->src.pending);
	put_words(w, plic->src.active);
	put_words(w, plic->src.again);
	snap_put_bytes(w, plic->src.priority, PLIC_NR_IDS);
	for (unsigned hart = 0; hart < plic->nr_contexts; hart++) {
		put_words(w, plic->contexts[hart].enable);
		snap_put_u32(w, plic->contexts[hart].threshold);
	}
	pthread_mutex_unlock(&plic->lock);
	return 0;
}

static void get_words(struct snap_reader *r, uint32_t words[PLIC_NR_WORDS])
{
	for (unsigned i = 0; i < PLIC_NR_WORDS; i++) {
		words[i] = snap_get_u32(r);
		if ((words[i] & ~plic_valid_bits(i)) != 0)
			snap_reader_fail(r);
	}
}

static void get_sources(struct snap_reader *r, struct plic_sources *src)
{
	get_words(r, src->level);
	get_words(r, src->pending);
	get_words(r, src->active);
	get_words(r, src->again);
	snap_get_bytes(r, src->priority, PLIC_NR_IDS);
	for (unsigned i = 0; i < PLIC_NR_IDS; i++) {
		if (src->priority[i] > PLIC_MAX_PRIORITY ||
		    (i == 0 && src->priority[i] != 0))
			snap_reader_fail(r);
	}
}

static void get_context(struct snap_reader *r, struct plic_context *ctx)
{
	get_words(r, ctx->enable);
	ctx->threshold = snap_get_u32(r);
	if (ctx->threshold > PLIC_MAX_PRIORITY)
		snap_reader_fail(r);
	ctx->output = PLIC_OUTPUT_UNKNOWN;
}

/* On failure the state is some mix, which the caller does not run. */
static int plic_restore(struct irqchip *chip, struct snap_reader *r,
			uint32_t version)
{
	struct plic *plic = to_plic(chip);

	if (version != plic_ops.state_version)
		return -ENOTSUP;
	if (snap_get_u32(r) != PLIC_NR_IDS ||
	    snap_get_u32(r) != plic->nr_contexts)
		snap_reader_fail(r);
	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);

	pthread_mutex_lock(&plic->lock);
	get_sources(r, &plic->src);
	for (unsigned hart = 0; hart < plic->nr_contexts; hart++)
		get_context(r, &plic->contexts[hart]);
	if (snap_reader_error(r) == 0)
		plic_update(plic);
	pthread_mutex_unlock(&plic->lock);
	return snap_reader_error(r);
}

const struct irqchip_ops plic_ops = {
	.name = "plic",
	.max_vcpus = LAYOUT_MAX_HARTS,
	.state_version = 1,
	.probe = plic_probe,
	.create = plic_create,
	.destroy = plic_destroy,
	.power_on = plic_power_on,
	.power_off = plic_power_off,
	.set_level = plic_set_level,
	.fdt = plic_fdt,
	.fdt_phandle = plic_fdt_phandle,
	.fdt_cells = plic_fdt_cells,
	.save = plic_save,
	.restore = plic_restore,
};
