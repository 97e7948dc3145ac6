/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message-signalled interrupts of functions behind the PCI host bridge.
 *
 * The guest asks firmware for a number of interrupts; firmware picks sources
 * of the interrupt controller, a run of them for each function, and writes
 * the messages into the function's MSI-X table. The guest then masks and
 * enables vectors, and may write other messages: the interrupt controller
 * takes those for what they are worth.
 */
#include <errno.h>
#include <string.h>

#include "arch/ppc64le/phb.h"
#include "arch/ppc64le/xics.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define MSI_END (LAYOUT_IRQ_MSI + LAYOUT_NR_MSI)

unsigned phb_nr_vectors(struct pci_function *fn)
{
	if (fn->ops->msix_vectors == NULL)
		return 0;

	pthread_mutex_lock(fn->lock);
	unsigned nr = fn->ops->msix_vectors(fn);
	pthread_mutex_unlock(fn->lock);
	return nr;
}

static bool is_free(const struct phb *phb, unsigned first, unsigned count,
		    unsigned but_slot)
{
	if (first < LAYOUT_IRQ_MSI || !range_fits(first, count, MSI_END))
		return false;
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		const struct phb_msis *m = &phb->msis[slot];

		if (slot != but_slot &&
		    ranges_overlap(first, count, m->first, m->count))
			return false;
	}
	return true;
}

/*
 * The lowest run that is free, if the one that @slot has does not count. Free
 * runs begin where the numbers do or where another function's run ends.
 *
 * Return: its first source, 0 when there is none.
 */
static unsigned find_run(const struct phb *phb, unsigned count, unsigned slot)
{
	unsigned best = MSI_END;

	if (is_free(phb, LAYOUT_IRQ_MSI, count, slot))
		return LAYOUT_IRQ_MSI;
	for (unsigned i = 0; i < PCI_MAX_SLOTS; i++) {
		unsigned end = phb->msis[i].first + phb->msis[i].count;

		if (i != slot && end < best && is_free(phb, end, count, slot))
			best = end;
	}
	return best < MSI_END ? best : 0;
}

/* Sources of a run exist before the guest hears of them, masked. */
static int create_sources(const struct phb *phb, unsigned first, unsigned count)
{
	int ret = 0;

	for (unsigned i = 0; i < count && ret == 0; i++)
		ret = xics_source_create(phb->dev.vm->irqchip, first + i, true);
	return ret;
}

/* What the slot had stays as it was when this fails. */
static int allocate(struct phb *phb, unsigned slot, unsigned count)
{
	unsigned first = count == 0 ? 0 : find_run(phb, count, slot);

	if (phb->msis[slot].busy)
		return -EBUSY;
	if (count != 0 && first == 0)
		return -ENOSPC;

	int ret = create_sources(phb, first, count);
	if (ret == 0)
		phb->msis[slot] = (struct phb_msis){
			.first = first,
			.count = count,
			.busy = true,
		};
	return ret;
}

/* Reserves, so that the function can be programmed without the lock. */
static int begin_change(struct phb *phb, unsigned slot, unsigned count,
			struct phb_msis *now)
{
	pthread_mutex_lock(&phb->dev.lock);
	int ret = allocate(phb, slot, count);
	*now = phb->msis[slot];
	pthread_mutex_unlock(&phb->dev.lock);
	return ret;
}

static void end_change(struct phb *phb, unsigned slot)
{
	pthread_mutex_lock(&phb->dev.lock);
	phb->msis[slot].busy = false;
	pthread_mutex_unlock(&phb->dev.lock);
}

/* Vectors beyond the granted ones get a message that reaches nothing. */
static void program(struct pci_function *fn, const struct phb_msis *msis)
{
	pthread_mutex_lock(fn->lock);
	unsigned nr = fn->ops->msix_vectors(fn);

	for (unsigned i = 0; i < nr; i++) {
		if (i < msis->count)
			fn->ops->msix_program(fn, i, PHB_MSI_ADDR,
					      msis->first + i);
		else
			fn->ops->msix_program(fn, i, 0, 0);
	}
	pthread_mutex_unlock(fn->lock);
}

int phb_change_msis(struct phb *phb, struct pci_function *fn, unsigned count)
{
	struct phb_msis now;
	int ret = begin_change(phb, fn->slot, count, &now);

	if (ret < 0)
		return ret;
	if (fn->ops->msix_vectors != NULL)
		program(fn, &now);
	end_change(phb, fn->slot);
	return 0;
}

void phb_reset_msis(struct phb *phb)
{
	memset(phb->msis, 0, sizeof(phb->msis));
}

void phb_save_msis(const struct phb *phb, struct snap_writer *w)
{
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		snap_put_u32(w, phb->msis[slot].first);
		snap_put_u32(w, phb->msis[slot].count);
	}
}

static bool may_have(struct phb *phb, unsigned slot, unsigned first,
		     unsigned count)
{
	struct pci_function *fn = phb->bus.functions[slot];

	if (count == 0)
		return first == 0;
	return fn != NULL && is_free(phb, first, count, slot);
}

void phb_restore_msis(struct phb *phb, struct snap_reader *r)
{
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		unsigned first = snap_get_u32(r);
		unsigned count = snap_get_u32(r);

		if (!may_have(phb, slot, first, count)) {
			snap_reader_fail(r);
			return;
		}
		phb->msis[slot] = (struct phb_msis){
			.first = first,
			.count = count,
		};
	}
}
