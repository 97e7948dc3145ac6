/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and restoring the XICS in the kernel.
 *
 * Saved state is what KVM gives for every source and every vCPU's
 * presentation. It is untrusted when it comes back, and it may come from a
 * host where KVM plays the XICS on another controller: one shows what a vCPU
 * is presented with in the vCPU's state, the other in the source's. So what is
 * presented is worked out anew: an inter-processor interrupt from its
 * priority, all else by having its source send it again.
 *
 * That a source which is sensitive to its level is asserted is not restored:
 * devices drive their lines again.
 */
#include "arch/ppc64le/xics_kvm.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/kvm.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define SOURCE_FLAGS                                               \
	(KVM_XICS_MASKED | KVM_XICS_PENDING | KVM_XICS_PRESENTED | \
	 KVM_XICS_QUEUED)
#define SOURCE_BITS                                                    \
	(KVM_XICS_DESTINATION_MASK |                                   \
	 (uint64_t)KVM_XICS_PRIORITY_MASK << KVM_XICS_PRIORITY_SHIFT | \
	 KVM_XICS_LEVEL_SENSITIVE | SOURCE_FLAGS)

/* Room that KVM_REG_PPC_ICP_STATE leaves below its fields. */
#define ICP_UNUSED UINT64_C(0xffff)

static struct xics_kvm *to_xics(struct irqchip *chip)
{
	return container_of(chip, struct xics_kvm, chip);
}

static uint8_t kind_of(struct xics_kvm *xics, unsigned irq)
{
	return atomic_load(&xics->kinds[irq - LAYOUT_IRQ_BASE]);
}

static uint32_t count_sources(struct xics_kvm *xics)
{
	uint32_t count = 0;

	for (unsigned irq = LAYOUT_IRQ_BASE; irq < LAYOUT_IRQ_LIMIT; irq++)
		count += kind_of(xics, irq) != XICS_KIND_NONE;
	return count;
}

/*
 * Each source is read exactly once: KVM on XIVE counts, and takes them for
 * frozen until all of them were read.
 */
static int save_sources(struct xics_kvm *xics, int fd, struct snap_writer *w)
{
	snap_put_u32(w, count_sources(xics));
	for (unsigned irq = LAYOUT_IRQ_BASE; irq < LAYOUT_IRQ_LIMIT; irq++) {
		uint64_t state = 0;

		if (kind_of(xics, irq) == XICS_KIND_NONE)
			continue;

		int ret = kvm_device_get(fd, KVM_DEV_XICS_GRP_SOURCES, irq,
					 &state);
		if (ret < 0)
			return ret;
		snap_put_u32(w, irq);
		snap_put_u64(w, state);
	}
	return 0;
}

static int save_servers(const struct vm *vm, struct snap_writer *w)
{
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		uint64_t state = 0;
		int ret = kvm_get_reg(vm->vcpus[i].fd, KVM_REG_PPC_ICP_STATE,
				      &state);

		if (ret < 0)
			return ret;
		snap_put_u64(w, state);
	}
	return 0;
}

int xics_kvm_save(struct irqchip *chip, struct snap_writer *w)
{
	struct xics_kvm *xics = to_xics(chip);
	int fd = atomic_load(&xics->fd);

	if (fd < 0)
		return -ENODEV;
	snap_put_u32(w, chip->vm->cfg->cpus);
	pthread_mutex_lock(&xics->lock);
	int ret = save_servers(chip->vm, w);
	if (ret == 0)
		ret = save_sources(xics, fd, w);
	pthread_mutex_unlock(&xics->lock);
	return ret;
}

/**
 * struct xics_saved - What a stream says
 * @sources: states in KVM's form
 * @there: such a source is in the stream
 * @servers: states in KVM's form, for each vCPU
 */
struct xics_saved {
	uint64_t sources[XICS_NR_SOURCES];
	bool there[XICS_NR_SOURCES];
	uint64_t servers[];
};

static void get_source(struct xics_kvm *xics, struct snap_reader *r,
		       struct xics_saved *saved)
{
	uint32_t irq = snap_get_u32(r);
	uint64_t state = snap_get_u64(r);
	uint32_t server = (uint32_t)(state & KVM_XICS_DESTINATION_MASK);
	bool level = (state & KVM_XICS_LEVEL_SENSITIVE) != 0;

	if (!xics_is_source(irq) || saved->there[irq - LAYOUT_IRQ_BASE] ||
	    (state & ~SOURCE_BITS) != 0 || server >= xics->chip.vm->cfg->cpus) {
		snap_reader_fail(r);
		return;
	}

	uint8_t kind = kind_of(xics, irq);
	if ((kind == XICS_KIND_LEVEL) != level)
		snap_reader_fail(r);
	if (level)
		state &= ~(KVM_XICS_PENDING | KVM_XICS_PRESENTED |
			   KVM_XICS_QUEUED);
	saved->sources[irq - LAYOUT_IRQ_BASE] = state;
	saved->there[irq - LAYOUT_IRQ_BASE] = true;
}

static uint64_t icp_field(uint64_t state, unsigned shift, uint64_t mask)
{
	return state >> shift & mask;
}

/* What vCPU @i is presented with goes back to where it came from. */
static void unpresent(struct xics_saved *saved, unsigned i,
		      struct snap_reader *r)
{
	uint64_t state = saved->servers[i];
	uint64_t cppr = icp_field(state, KVM_REG_PPC_ICP_CPPR_SHIFT,
				  KVM_REG_PPC_ICP_CPPR_MASK);
	uint64_t mfrr = icp_field(state, KVM_REG_PPC_ICP_MFRR_SHIFT,
				  KVM_REG_PPC_ICP_MFRR_MASK);
	uint64_t xisr = icp_field(state, KVM_REG_PPC_ICP_XISR_SHIFT,
				  KVM_REG_PPC_ICP_XISR_MASK);
	bool ipi = mfrr < cppr;

	if (xisr != 0 && xisr != XICS_IPI) {
		unsigned idx = (unsigned)xisr - LAYOUT_IRQ_BASE;

		if (!xics_is_source((uint32_t)xisr) || !saved->there[idx]) {
			snap_reader_fail(r);
			return;
		}
		if ((saved->sources[idx] & KVM_XICS_LEVEL_SENSITIVE) == 0)
			saved->sources[idx] |= KVM_XICS_PENDING;
	}
	if ((state & ICP_UNUSED) != 0)
		snap_reader_fail(r);
	saved->servers[i] =
		cppr << KVM_REG_PPC_ICP_CPPR_SHIFT |
		(ipi ? UINT64_C(2) : 0) << KVM_REG_PPC_ICP_XISR_SHIFT |
		mfrr << KVM_REG_PPC_ICP_MFRR_SHIFT |
		(ipi ? mfrr : UINT64_C(0xff)) << KVM_REG_PPC_ICP_PPRI_SHIFT;
}

static int parse(struct xics_kvm *xics, struct snap_reader *r,
		 struct xics_saved *saved)
{
	unsigned cpus = xics->chip.vm->cfg->cpus;

	if (snap_get_u32(r) != cpus)
		snap_reader_fail(r);
	for (unsigned i = 0; i < cpus; i++)
		saved->servers[i] = snap_get_u64(r);

	uint32_t count = snap_get_u32(r);
	if (count > XICS_NR_SOURCES)
		snap_reader_fail(r);
	for (uint32_t i = 0; i < count && snap_reader_error(r) == 0; i++)
		get_source(xics, r, saved);
	for (unsigned i = 0; i < cpus && snap_reader_error(r) == 0; i++)
		unpresent(saved, i, r);
	return snap_reader_error(r);
}

/* Presentation first, so that sources have somebody to send to. */
static int apply(struct xics_kvm *xics, int fd, const struct xics_saved *saved)
{
	struct vm *vm = xics->chip.vm;
	int ret = 0;

	for (unsigned i = 0; i < vm->cfg->cpus && ret >= 0; i++)
		ret = kvm_set_reg(vm->vcpus[i].fd, KVM_REG_PPC_ICP_STATE,
				  &saved->servers[i]);
	for (unsigned i = 0; i < XICS_NR_SOURCES && ret >= 0; i++) {
		if (!saved->there[i])
			continue;
		ret = xics_kvm_set_source(fd, LAYOUT_IRQ_BASE + i,
					  saved->sources[i]);
		if (ret == 0 && atomic_load(&xics->kinds[i]) == XICS_KIND_NONE)
			atomic_store(&xics->kinds[i], XICS_KIND_EDGE);
	}
	return ret;
}

int xics_kvm_restore(struct irqchip *chip, struct snap_reader *r,
		     uint32_t version)
{
	struct xics_kvm *xics = to_xics(chip);
	int fd = atomic_load(&xics->fd);

	if (fd < 0)
		return -ENODEV;
	if (version != chip->ops->state_version)
		return -ENOTSUP;

	struct xics_saved *saved =
		calloc(1, sizeof(*saved) + chip->vm->cfg->cpus *
						   sizeof(saved->servers[0]));
	if (saved == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&xics->lock);
	int ret = parse(xics, r, saved);
	if (ret == 0)
		ret = apply(xics, fd, saved);
	pthread_mutex_unlock(&xics->lock);
	free(saved);
	return ret;
}
