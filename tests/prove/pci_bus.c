/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci_config_read(), pci_config_write(), and accesses to a window.
 *
 * For every routing id, offset and size: a function is reached only with an
 * aligned access inside its configuration space. For every offset in a window
 * and BARs of any address and size, overlapping each other or wrapping: only
 * with one inside the BAR. No lock is left held.
 *
 * Does not cover: more than two functions; BARs that move meanwhile.
 */
#include "tests/prove/env.h"
#include "vmm/pci.c"

static struct pci_function functions[2];

static void check(const struct pci_function *fn)
{
	prove(fn == &functions[0] || fn == &functions[1]);
	prove(locks_held == 1);
}

static void check_config(struct pci_function *fn, unsigned off, unsigned size)
{
	check(fn);
	prove(size == 1 || size == 2 || size == 4);
	prove(off % size == 0 && off <= PCI_CONFIG_SIZE - size);
}

static uint32_t config_read(struct pci_function *fn, unsigned off,
			    unsigned size)
{
	check_config(fn, off, size);
	return nondet_u32();
}

static void config_write(struct pci_function *fn, unsigned off, unsigned size,
			 uint32_t value)
{
	check_config(fn, off, size);
	prove(size == 4 || value >> (8 * size) == 0);
}

static void check_bar(struct pci_function *fn, unsigned bar, uint64_t off,
		      unsigned size)
{
	check(fn);
	prove(bar < PCI_NR_BARS);
	prove(size <= fn->bars[bar].size);
	prove(off <= fn->bars[bar].size - size);
}

static uint64_t bar_read(struct pci_function *fn, unsigned bar, uint64_t off,
			 unsigned size)
{
	check_bar(fn, bar, off, size);
	return nondet_u64();
}

static void bar_write(struct pci_function *fn, unsigned bar, uint64_t off,
		      unsigned size, uint64_t value)
{
	(void)value;
	check_bar(fn, bar, off, size);
}

static const struct pci_function_ops ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_read = bar_read,
	.bar_write = bar_write,
};

int main(void)
{
	static struct pci_bus bus;
	static pthread_mutex_t lock;
	struct pci_window window;
	uint32_t value = 0;
	uint64_t off = nondet_u64();
	unsigned size = nondet_u32(), shift = nondet_u32();

	any(functions);
	for (unsigned i = 0; i < 2; i++) {
		functions[i].ops = &ops;
		functions[i].lock = &lock;
	}
	bus.functions[0] = &functions[0];
	bus.functions[PCI_MAX_SLOTS - 1] = &functions[1];

	int ret = pci_config_read(&bus, nondet_u32(), off, size, &value);
	prove(ret == 0 || ret == -EINVAL || ret == -ENODEV);
	pci_config_write(&bus, nondet_u32(), off, size, nondet_u32());

	/* The MMIO bus lets only such accesses through. */
	suppose(shift <= 3);
	size = 1U << shift;
	any(window);
	window.bus = &bus;
	suppose(range_fits(window.pci_base, window.size, UINT64_MAX));
	suppose(range_fits(off, size, window.size));
	window_read(&window, off, size);
	window_write(&window, off, size, nondet_u64());
	prove(locks_held == 0);
	return 0;
}
