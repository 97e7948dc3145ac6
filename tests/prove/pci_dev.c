/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI function's configuration space and its MSI-X table.
 *
 * For a function with a 32-bit and a 64-bit BAR and three vectors, in any state
 * of its registers, table and pending bits: every access that the bus lets
 * through, to configuration space, to the MSI-X BAR, or by firmware, stays
 * inside the arrays; a BAR that moves exists; what the guest cannot write
 * stays as it is.
 *
 * Does not cover: other numbers of vectors.
 */
#include "tests/prove/env.h"
#include "devices/pci.c"
#undef WORD_BITS
#include "devices/pci_msix.c"

bool irq_has_msi(const struct vm *vm)
{
	(void)vm;
	return true;
}

void irq_send_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	(void)vm;
	(void)data;
	prove((addr & 3) == 0);
}

void pci_bar_decode(struct pci_function *fn, unsigned bar, uint64_t addr)
{
	prove(bar < PCI_NR_BARS);
	prove(addr == PCI_BAR_NONE || fn->bars[bar].size != 0);
	fn->bars[bar].addr = addr;
}

void pci_set_intx(struct pci_function *fn, bool asserted)
{
	(void)fn;
	(void)asserted;
}

static void moved(struct pci_dev *pd, unsigned bar)
{
	prove(pd->fn.bars[bar].size != 0);
}

int main(void)
{
	static const struct pci_ids ids = { .vendor = 0x1af4 };
	static struct pci_dev pd;
	uint8_t config[PCI_HEADER_AND_CAPS];
	uint64_t off = nondet_u64(), value = nondet_u64();
	unsigned shift = nondet_u32(), which = nondet_u32();

	pci_dev_init(&pd, NULL, &ids);
	pci_dev_add_bar(&pd, 4, 0x4000, true);
	prove(pci_dev_add_msix(&pd, 1, 3) == 0);
	/* As pci_bus_add() does. */
	for (unsigned i = 0; i < PCI_NR_BARS; i++)
		pd.fn.bars[i].addr = PCI_BAR_NONE;
	pd.moved = moved;
	pd.irq = nondet_bool();

	/* As far as the guest can bring it. */
	memcpy(config, pd.config, sizeof(config));
	any(pd.config);
	unsigned at = nondet_u32();
	suppose(at < sizeof(config));
	suppose(((config[at] ^ pd.config[at]) & ~pd.writable[at]) == 0);
	suppose((pd.config[pd.msix_cap] == PCI_CAP_MSIX));
	any(pd.table);
	any(pd.pending);
	suppose((pd.table[0] & 3) == 0 && (pd.table[16] & 3) == 0 &&
		(pd.table[32] & 3) == 0);

	suppose(shift <= 3);
	unsigned size = 1U << shift;
	suppose(off % size == 0);
	suppose(off <=
		(which < 2 ? PCI_CONFIG_SIZE : PCI_MSIX_BAR_SIZE) - size);
	if (which < 2)
		suppose(size <= 4);
	if (which == 0)
		pci_dev_config_read(&pd, (unsigned)off, size);
	else if (which == 1)
		pci_dev_config_write(&pd, (unsigned)off, size, (uint32_t)value);
	else if (which == 2)
		pci_dev_msix_read(&pd, off, size);
	else if (which == 3)
		pci_dev_msix_write(&pd, off, size, value);
	else if (which == 4)
		pci_dev_msix_program(&pd, nondet_u32(), value, nondet_u32());
	else
		pci_dev_send_msix(&pd, nondet_u32());
	prove(((config[at] ^ pd.config[at]) & ~pd.writable[at]) == 0);
	return 0;
}
