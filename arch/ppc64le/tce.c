/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls for the DMA window of the PCI host bridge (PAPR, 14.5.4.2).
 *
 * The table is kept for the guest to read back; nothing translates by it (see
 * phb.h). An entry is a page's address and permission to read and write it.
 */
#include <string.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/phb.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define TCE_PAGE_MASK ((UINT64_C(1) << PHB_TCE_SHIFT) - 1)
#define TCE_ACCESS    UINT64_C(3)

/* H_PUT_TCE_INDIRECT: what fits into the page that holds the list */
#define MAX_INDIRECT 512U

static struct phb *find_phb(const struct hcall *call, uint64_t liobn)
{
	return liobn == LAYOUT_PHB_LIOBN ? vm_machine(call->vcpu->vm)->phb
					 : NULL;
}

static bool tce_valid(uint64_t tce)
{
	return (tce & TCE_PAGE_MASK & ~TCE_ACCESS) == 0;
}

/* Whether @count entries from @ioba on are in the window, which begins at 0. */
static bool window_has(uint64_t ioba, uint64_t count)
{
	return (ioba & TCE_PAGE_MASK) == 0 &&
	       range_fits(ioba >> PHB_TCE_SHIFT, count, PHB_NR_TCES);
}

static int64_t h_get_tce(struct hcall *call)
{
	uint64_t ioba = call->args[1];
	struct phb *phb = find_phb(call, call->args[0]);

	if (phb == NULL || !window_has(ioba, 1))
		return H_PARAMETER;
	pthread_mutex_lock(&phb->dev.lock);
	call->args[0] = phb->tces[ioba >> PHB_TCE_SHIFT];
	pthread_mutex_unlock(&phb->dev.lock);
	return H_SUCCESS;
}

static int64_t fill(struct phb *phb, uint64_t ioba, uint64_t count,
		    uint64_t tce)
{
	if (phb == NULL || !window_has(ioba, count) || !tce_valid(tce))
		return H_PARAMETER;
	pthread_mutex_lock(&phb->dev.lock);
	for (uint64_t i = 0; i < count; i++)
		phb->tces[(ioba >> PHB_TCE_SHIFT) + i] = tce;
	pthread_mutex_unlock(&phb->dev.lock);
	return H_SUCCESS;
}

static int64_t h_put_tce(struct hcall *call)
{
	struct phb *phb = find_phb(call, call->args[0]);

	return fill(phb, call->args[1], 1, call->args[2]);
}

/* Kernels clear the whole window at once: its size is the only limit. */
static int64_t h_stuff_tce(struct hcall *call)
{
	struct phb *phb = find_phb(call, call->args[0]);

	return fill(phb, call->args[1], call->args[3], call->args[2]);
}

/* The list is copied before any entry is looked at: all of it or nothing. */
static int64_t h_put_tce_indirect(struct hcall *call)
{
	struct phb *phb = find_phb(call, call->args[0]);
	uint64_t ioba = call->args[1];
	uint64_t list = call->args[2];
	uint64_t count = call->args[3];
	uint64_t tces[MAX_INDIRECT];

	if (phb == NULL || count > MAX_INDIRECT || !window_has(ioba, count) ||
	    (list & TCE_PAGE_MASK) != 0 ||
	    gmem_read(&call->vcpu->vm->gmem, list, tces,
		      count * sizeof(tces[0])) < 0)
		return H_PARAMETER;
	for (uint64_t i = 0; i < count; i++) {
		tces[i] = be64_load(&tces[i]);
		if (!tce_valid(tces[i]))
			return H_PARAMETER;
	}
	pthread_mutex_lock(&phb->dev.lock);
	memcpy(&phb->tces[ioba >> PHB_TCE_SHIFT], tces,
	       count * sizeof(tces[0]));
	pthread_mutex_unlock(&phb->dev.lock);
	return H_SUCCESS;
}

const struct hcall_entry hcalls_tce[] = {
	{ 0x01c, "H_GET_TCE", h_get_tce },
	{ 0x020, "H_PUT_TCE", h_put_tce },
	{ 0x138, "H_STUFF_TCE", h_stuff_tce },
	{ 0x13c, "H_PUT_TCE_INDIRECT", h_put_tce_indirect },
	{ 0 },
};

void phb_reset_tces(struct phb *phb)
{
	memset(phb->tces, 0, sizeof(phb->tces));
}

/* Nearly all are zero: pairs of index and entry, and an end marker. */
void phb_save_tces(const struct phb *phb, struct snap_writer *w)
{
	for (uint32_t i = 0; i < PHB_NR_TCES; i++) {
		if (phb->tces[i] == 0)
			continue;
		snap_put_u32(w, i);
		snap_put_u64(w, phb->tces[i]);
	}
	snap_put_u32(w, PHB_NR_TCES);
}

/* Indices rise, so that the loop ends whatever the stream holds. */
void phb_restore_tces(struct phb *phb, struct snap_reader *r)
{
	uint32_t next = 0;

	for (;;) {
		uint32_t i = snap_get_u32(r);

		if (snap_reader_error(r) < 0 || i == PHB_NR_TCES)
			return;

		uint64_t tce = snap_get_u64(r);
		if (i < next || i > PHB_NR_TCES || tce == 0 ||
		    !tce_valid(tce)) {
			snap_reader_fail(r);
			return;
		}
		phb->tces[i] = tce;
		next = i + 1;
	}
}
