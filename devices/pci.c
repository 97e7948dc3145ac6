/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI function's configuration space.
 *
 * After each write all that depends on it is derived anew: what BARs decode,
 * INTA, and messages that waited for a mask to go away. Deriving costs
 * nothing where nothing changed, and there is no order of writes to get wrong.
 */
#include "devices/pci.h"

#include <errno.h>
#include <string.h>

#include "devices/pci_msix.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

/* Bits of the command register that mean something here, or that Linux sets. */
#define COMMAND_WRITABLE \
	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF)
#define PIN_INTA       1U
#define BAR_FLAGS      0xfU
#define CAP_HEADER     2U
#define CAP_NEXT       1U
#define CONFIG_ALIGNED 4U

void pci_dev_init(struct pci_dev *pd, struct vm *vm, const struct pci_ids *ids)
{
	uint8_t *config = pd->config;

	memset(pd, 0, sizeof(*pd));
	pd->vm = vm;
	pd->next_cap = PCI_FIRST_CAPABILITY;
	pd->last_cap = PCI_CAPABILITY_LIST - CAP_NEXT;
	le16_store(config + PCI_VENDOR_ID, ids->vendor);
	le16_store(config + PCI_DEVICE_ID, ids->device);
	config[PCI_REVISION_ID] = ids->revision;
	config[PCI_CLASS_PROG] = (uint8_t)ids->class_code;
	le16_store(config + PCI_CLASS_PROG + 1,
		   (uint16_t)(ids->class_code >> 8));
	le16_store(config + PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor);
	le16_store(config + PCI_SUBSYSTEM_ID, ids->subsystem);
	config[PCI_INTERRUPT_PIN] = PIN_INTA;

	le16_store(pd->writable + PCI_COMMAND, COMMAND_WRITABLE);
	pd->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	pd->writable[PCI_LATENCY_TIMER] = 0xff;
	pd->writable[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_dev_add_bar(struct pci_dev *pd, unsigned bar, uint64_t size,
		     bool is_64)
{
	uint64_t mask = ~(size - 1) & ~(uint64_t)BAR_FLAGS;

	pd->fn.bars[bar] = (struct pci_bar){
		.size = size,
		.is_64 = is_64,
		.addr = PCI_BAR_NONE,
	};
	le32_store(pd->config + PCI_BAR(bar), is_64 ? PCI_BAR_TYPE_64 : 0);
	le32_store(pd->writable + PCI_BAR(bar), (uint32_t)mask);
	if (is_64)
		le32_store(pd->writable + PCI_BAR(bar + 1),
			   (uint32_t)(mask >> 32));
}

int pci_dev_add_cap(struct pci_dev *pd, uint8_t id, const uint8_t *body,
		    const uint8_t *writable, unsigned len)
{
	unsigned at = pd->next_cap;

	if (!range_fits(at, CAP_HEADER + len, sizeof(pd->config)))
		return -ENOSPC;
	pd->config[at] = id;
	memcpy(pd->config + at + CAP_HEADER, body, len);
	if (writable != NULL)
		memcpy(pd->writable + at + CAP_HEADER, writable, len);
	pd->config[pd->last_cap + CAP_NEXT] = (uint8_t)at;
	pd->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	pd->last_cap = at;
	pd->next_cap =
		(unsigned)align_up(at + CAP_HEADER + len, CONFIG_ALIGNED);
	return (int)at;
}

static uint16_t command(const struct pci_dev *pd)
{
	return le16_load(pd->config + PCI_COMMAND);
}

uint64_t pci_dev_bar_address(const struct pci_dev *pd, unsigned bar)
{
	const struct pci_bar *b = &pd->fn.bars[bar];

	if (b->size == 0 || !(command(pd) & PCI_COMMAND_MEMORY))
		return PCI_BAR_NONE;

	uint64_t addr =
		le32_load(pd->config + PCI_BAR(bar)) & ~(uint32_t)BAR_FLAGS;

	if (b->is_64)
		addr |= (uint64_t)le32_load(pd->config + PCI_BAR(bar + 1))
			<< 32;
	return addr;
}

static void update_bars(struct pci_dev *pd)
{
	for (unsigned bar = 0; bar < PCI_NR_BARS; bar++) {
		uint64_t addr = pci_dev_bar_address(pd, bar);

		if (addr == pd->fn.bars[bar].addr)
			continue;
		pci_bar_decode(&pd->fn, bar, addr);
		if (pd->moved != NULL)
			pd->moved(pd, bar);
	}
}

static void update_intx(struct pci_dev *pd)
{
	pci_set_intx(&pd->fn, pd->irq && !pci_dev_msix_enabled(pd) &&
				      !(command(pd) & PCI_COMMAND_INTX_OFF));
}

static void update(struct pci_dev *pd)
{
	update_bars(pd);
	update_intx(pd);
	pci_msix_update(pd);
}

void pci_dev_set_irq(struct pci_dev *pd, bool irq)
{
	pd->irq = irq;
	update_intx(pd);
}

static uint8_t config_byte(const struct pci_dev *pd, unsigned off)
{
	if (off >= sizeof(pd->config))
		return 0;
	if (off == PCI_STATUS && pd->irq)
		return pd->config[off] | PCI_STATUS_INTX;
	return pd->config[off];
}

uint32_t pci_dev_config_read(const struct pci_dev *pd, unsigned off,
			     unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)config_byte(pd, off + i) << (8 * i);
	return value;
}

static void put_byte(struct pci_dev *pd, unsigned off, uint8_t value)
{
	uint8_t mask = pd->writable[off];

	pd->config[off] = (uint8_t)((pd->config[off] & ~mask) | (value & mask));
}

void pci_dev_config_write(struct pci_dev *pd, unsigned off, unsigned size,
			  uint32_t value)
{
	for (unsigned i = 0; i < size && off + i < sizeof(pd->config); i++)
		put_byte(pd, off + i, (uint8_t)(value >> (8 * i)));
	update(pd);
}

void pci_dev_reset(struct pci_dev *pd)
{
	for (unsigned i = 0; i < sizeof(pd->config); i++)
		put_byte(pd, i, 0);
	pd->irq = false;
	pci_msix_reset(pd);
	update(pd);
}

void pci_dev_save(const struct pci_dev *pd, struct snap_writer *w)
{
	snap_put_bytes(w, pd->config, sizeof(pd->config));
	pci_msix_save(pd, w);
}

/* What the guest cannot write says what kind of function was saved. */
static void restore_config(struct pci_dev *pd, struct snap_reader *r)
{
	uint8_t saved[sizeof(pd->config)];

	snap_get_bytes(r, saved, sizeof(saved));
	for (unsigned i = 0; i < sizeof(saved); i++) {
		if ((saved[i] ^ pd->config[i]) & (uint8_t)~pd->writable[i])
			snap_reader_fail(r);
		put_byte(pd, i, saved[i]);
	}
}

void pci_dev_restore(struct pci_dev *pd, struct snap_reader *r)
{
	pci_dev_reset(pd);
	restore_config(pd, r);
	pci_msix_restore(pd, r);
	if (snap_reader_error(r))
		pci_dev_reset(pd);
	else
		update(pd);
}
