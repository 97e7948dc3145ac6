/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X of a PCI function (PCI Local Bus 3.0, 6.8.2).
 *
 * The table is kept as the bytes that the guest wrote: a message of which one
 * half is new when it is sent is the guest's affair, and where a message goes
 * is checked by who delivers it.
 */
#include "devices/pci_msix.h"

#include <errno.h>
#include <string.h>

#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define WORD_BITS       64U
#define TABLE_SIZE_MASK 0x7ffU
#define CAP_BODY        10U
/* The two low bits of a message's address are zero. */
#define ADDR_LOW_WRITABLE 0xfcU

_Static_assert(PCI_MSIX_MAX_VECTORS *PCI_MSIX_ENTRY <= PCI_MSIX_PBA,
	       "the table ends before the pending bits");
_Static_assert(PCI_MSIX_PBA + PCI_MSIX_MAX_VECTORS / 8 <= PCI_MSIX_BAR_SIZE,
	       "the pending bits are inside the BAR");

static uint8_t *control_byte(struct pci_dev *pd, unsigned vector)
{
	return &pd->table[vector * PCI_MSIX_ENTRY + PCI_MSIX_ENTRY_CTRL];
}

static bool is_pending(const struct pci_dev *pd, unsigned vector)
{
	return pd->pending[vector / WORD_BITS] >> (vector % WORD_BITS) & 1;
}

static void set_pending(struct pci_dev *pd, unsigned vector, bool on)
{
	uint64_t bit = UINT64_C(1) << (vector % WORD_BITS);

	if (on)
		pd->pending[vector / WORD_BITS] |= bit;
	else
		pd->pending[vector / WORD_BITS] &= ~bit;
}

int pci_dev_add_msix(struct pci_dev *pd, unsigned bar, unsigned nr_vectors)
{
	uint8_t body[CAP_BODY] = { 0 };
	uint8_t writable[CAP_BODY] = { 0 };

	if (!irq_has_msi(pd->vm))
		return 0;
	if (nr_vectors == 0 || nr_vectors > PCI_MSIX_MAX_VECTORS)
		return -ENOSPC;
	le16_store(body, (uint16_t)(nr_vectors - 1));
	le16_store(writable, PCI_MSIX_ENABLE | PCI_MSIX_MASKALL);
	le32_store(body + 2, bar);
	le32_store(body + 6, PCI_MSIX_PBA | bar);

	int at =
		pci_dev_add_cap(pd, PCI_CAP_MSIX, body, writable, sizeof(body));
	if (at < 0)
		return at;
	pci_dev_add_bar(pd, bar, PCI_MSIX_BAR_SIZE, false);
	pd->msix_cap = (unsigned)at;
	pd->msix_bar = bar;
	pd->nr_vectors = nr_vectors;
	pci_msix_reset(pd);
	return 0;
}

static uint16_t control(const struct pci_dev *pd)
{
	if (pd->nr_vectors == 0)
		return 0;
	return le16_load(pd->config + pd->msix_cap + PCI_MSIX_CONTROL);
}

bool pci_dev_msix_enabled(const struct pci_dev *pd)
{
	return (control(pd) & PCI_MSIX_ENABLE) != 0;
}

static bool masked(struct pci_dev *pd, unsigned vector)
{
	return (control(pd) & PCI_MSIX_MASKALL) ||
	       (*control_byte(pd, vector) & PCI_MSIX_ENTRY_MASK);
}

static void deliver(struct pci_dev *pd, unsigned vector)
{
	const uint8_t *entry = &pd->table[(size_t)vector * PCI_MSIX_ENTRY];

	irq_send_msi(pd->vm, le64_load(entry + PCI_MSIX_ENTRY_ADDR),
		     le32_load(entry + PCI_MSIX_ENTRY_DATA));
}

void pci_dev_send_msix(struct pci_dev *pd, unsigned vector)
{
	if (vector >= pd->nr_vectors || !pci_dev_msix_enabled(pd))
		return;
	if (masked(pd, vector))
		set_pending(pd, vector, true);
	else
		deliver(pd, vector);
}

static void send_if_pending(struct pci_dev *pd, unsigned vector)
{
	if (!is_pending(pd, vector) || masked(pd, vector))
		return;
	set_pending(pd, vector, false);
	deliver(pd, vector);
}

/* Without MSI-X the device speaks by INTA: what was pending is said there. */
void pci_msix_update(struct pci_dev *pd)
{
	if (!pci_dev_msix_enabled(pd)) {
		memset(pd->pending, 0, sizeof(pd->pending));
		return;
	}
	for (unsigned vector = 0; vector < pd->nr_vectors; vector++)
		send_if_pending(pd, vector);
}

static uint8_t bar_byte(const struct pci_dev *pd, uint64_t off)
{
	if (off < (uint64_t)pd->nr_vectors * PCI_MSIX_ENTRY)
		return pd->table[off];
	if (off >= PCI_MSIX_PBA && off - PCI_MSIX_PBA < sizeof(pd->pending)) {
		unsigned byte = (unsigned)(off - PCI_MSIX_PBA);

		return (uint8_t)(pd->pending[byte / 8] >> (8 * (byte % 8)));
	}
	return 0;
}

uint64_t pci_dev_msix_read(const struct pci_dev *pd, uint64_t off,
			   unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)bar_byte(pd, off + i) << (8 * i);
	return value;
}

static uint8_t writable_bits(unsigned in_entry)
{
	if (in_entry == PCI_MSIX_ENTRY_ADDR)
		return ADDR_LOW_WRITABLE;
	if (in_entry < PCI_MSIX_ENTRY_CTRL)
		return 0xff;
	return in_entry == PCI_MSIX_ENTRY_CTRL ? PCI_MSIX_ENTRY_MASK : 0;
}

/* An access never crosses an entry: it is aligned and of 8 bytes at most. */
void pci_dev_msix_write(struct pci_dev *pd, uint64_t off, unsigned size,
			uint64_t value)
{
	if (off >= (uint64_t)pd->nr_vectors * PCI_MSIX_ENTRY)
		return;
	for (unsigned i = 0; i < size; i++)
		pd->table[off + i] =
			(uint8_t)(value >> (8 * i)) &
			writable_bits((unsigned)(off + i) % PCI_MSIX_ENTRY);
	if (pci_dev_msix_enabled(pd))
		send_if_pending(pd, (unsigned)off / PCI_MSIX_ENTRY);
}

void pci_dev_msix_program(struct pci_dev *pd, unsigned vector, uint64_t addr,
			  uint32_t data)
{
	if (vector >= pd->nr_vectors)
		return;

	uint8_t *entry = &pd->table[(size_t)vector * PCI_MSIX_ENTRY];

	le64_store(entry + PCI_MSIX_ENTRY_ADDR, addr & ~UINT64_C(3));
	le32_store(entry + PCI_MSIX_ENTRY_DATA, data);
}

void pci_msix_reset(struct pci_dev *pd)
{
	memset(pd->table, 0, sizeof(pd->table));
	memset(pd->pending, 0, sizeof(pd->pending));
	for (unsigned vector = 0; vector < pd->nr_vectors; vector++)
		*control_byte(pd, vector) = PCI_MSIX_ENTRY_MASK;
}

void pci_msix_save(const struct pci_dev *pd, struct snap_writer *w)
{
	snap_put_u32(w, pd->nr_vectors);
	snap_put_bytes(w, pd->table, (size_t)pd->nr_vectors * PCI_MSIX_ENTRY);
	for (unsigned i = 0; i < ARRAY_SIZE(pd->pending); i++)
		snap_put_u64(w, pd->pending[i]);
}

static bool table_possible(const struct pci_dev *pd)
{
	for (unsigned i = 0; i < pd->nr_vectors * PCI_MSIX_ENTRY; i++) {
		if (pd->table[i] & ~writable_bits(i % PCI_MSIX_ENTRY))
			return false;
	}
	return true;
}

/* Only a vector that exists and is masked can be pending. */
static bool pending_possible(struct pci_dev *pd)
{
	for (unsigned i = 0; i < PCI_MSIX_MAX_VECTORS; i++) {
		if (is_pending(pd, i) &&
		    (i >= pd->nr_vectors || !pci_dev_msix_enabled(pd) ||
		     !masked(pd, i)))
			return false;
	}
	return true;
}

void pci_msix_restore(struct pci_dev *pd, struct snap_reader *r)
{
	if (snap_get_u32(r) != pd->nr_vectors) {
		snap_reader_fail(r);
		return;
	}
	snap_get_bytes(r, pd->table, (size_t)pd->nr_vectors * PCI_MSIX_ENTRY);
	for (unsigned i = 0; i < ARRAY_SIZE(pd->pending); i++)
		pd->pending[i] = snap_get_u64(r);
	if (!table_possible(pd) || !pending_possible(pd))
		snap_reader_fail(r);
}
