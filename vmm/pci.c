/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI bus.
 *
 * A window is a region of the MMIO bus without a lock of its own: which
 * function an access is for shows only here. The bus's lock is let go before
 * the function's is taken, because a function that moves a BAR holds its own
 * when it takes the bus's. In between the BAR may move away; the access then
 * goes to where the BAR was, as on hardware.
 */
#include "vmm/pci.h"

#include <errno.h>

#include "vmm/mmio.h"
#include "vmm/vm.h"

/** struct target - What a PCI address is decoded to; @fn NULL: nothing */
struct target {
	struct pci_function *fn;
	unsigned bar;
	uint64_t off;
};

static uint64_t all_ones(unsigned size)
{
	return size >= sizeof(uint64_t) ? UINT64_MAX
					: (UINT64_C(1) << (8 * size)) - 1;
}

/* Whether @size bytes at @addr are inside a BAR; nothing in it can wrap. */
static bool bar_has(const struct pci_bar *bar, uint64_t addr, unsigned size)
{
	return bar->addr != PCI_BAR_NONE && addr >= bar->addr &&
	       range_fits(addr - bar->addr, size, bar->size);
}

/* Of BARs that overlap the lowest slot's, and then the lowest, answers. */
static struct target decode(struct pci_bus *bus, uint64_t addr, unsigned size)
{
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		struct pci_function *fn = bus->functions[slot];

		for (unsigned i = 0; fn != NULL && i < PCI_NR_BARS; i++) {
			if (bar_has(&fn->bars[i], addr, size))
				return (struct target){
					.fn = fn,
					.bar = i,
					.off = addr - fn->bars[i].addr,
				};
		}
	}
	return (struct target){ 0 };
}

static struct target window_decode(const struct pci_window *window,
				   uint64_t off, unsigned size)
{
	struct pci_bus *bus = window->bus;

	pthread_mutex_lock(&bus->lock);
	struct target target = decode(bus, window->pci_base + off, size);
	pthread_mutex_unlock(&bus->lock);
	return target;
}

static uint64_t window_read(void *opaque, uint64_t off, unsigned size)
{
	struct target target = window_decode(opaque, off, size);
	struct pci_function *fn = target.fn;

	if (fn == NULL)
		return all_ones(size);
	pthread_mutex_lock(fn->lock);
	uint64_t value = fn->ops->bar_read(fn, target.bar, target.off, size);
	pthread_mutex_unlock(fn->lock);
	return value;
}

static void window_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t value)
{
	struct target target = window_decode(opaque, off, size);
	struct pci_function *fn = target.fn;

	if (fn == NULL)
		return;
	pthread_mutex_lock(fn->lock);
	fn->ops->bar_write(fn, target.bar, target.off, size, value);
	pthread_mutex_unlock(fn->lock);
}

static const struct mmio_ops window_ops = {
	.read = window_read,
	.write = window_write,
	.min_size = 1,
	.max_size = 8,
};

static int add_window(struct pci_bus *bus, const struct pci_window *window,
		      struct error *err)
{
	struct pci_window *copy = &bus->windows[bus->nr_windows];

	if (!range_fits(window->pci_base, window->size, UINT64_MAX))
		return error_host(
			err, -EINVAL, "cannot map %s: bad PCI address 0x%llx",
			window->name, (unsigned long long)window->pci_base);
	*copy = *window;
	copy->bus = bus;

	const struct mmio_region region = {
		.name = window->name,
		.base = window->cpu_base,
		.size = window->size,
		.ops = &window_ops,
		.opaque = copy,
	};
	int ret = mmio_add(&bus->vm->mmio, &region, err);
	if (ret == 0)
		bus->nr_windows++;
	return ret;
}

int pci_bus_init(struct pci_bus *bus, struct vm *vm,
		 const struct pci_window *windows, unsigned nr_windows,
		 unsigned first_irq, struct error *err)
{
	*bus = (struct pci_bus){ .vm = vm };
	if (nr_windows > PCI_MAX_WINDOWS)
		return error_host(err, -EINVAL,
				  "cannot give the PCI bus %u windows: %u are "
				  "possible",
				  nr_windows, PCI_MAX_WINDOWS);
	pthread_mutex_init(&bus->lock, NULL);

	int ret = 0;
	for (unsigned i = 0; ret == 0 && i < PCI_NR_INTX; i++)
		ret = irq_line_init(&bus->intx[i], vm, first_irq + i, IRQ_LEVEL,
				    err);
	for (unsigned i = 0; ret == 0 && i < nr_windows; i++)
		ret = add_window(bus, &windows[i], err);
	if (ret < 0)
		pci_bus_fini(bus);
	return ret;
}

void pci_bus_fini(struct pci_bus *bus)
{
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		irq_line_destroy(&bus->intx[i]);
	pthread_mutex_destroy(&bus->lock);
}

int pci_bus_power_on(struct pci_bus *bus, struct error *err)
{
	for (unsigned i = 0; i < PCI_NR_INTX; i++) {
		int ret = irq_line_power_on(&bus->intx[i], err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

void pci_bus_power_off(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	for (unsigned i = 0; i < PCI_NR_INTX; i++) {
		irq_line_power_off(&bus->intx[i]);
		bus->nr_intx_asserted[i] = 0;
	}
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		if (bus->functions[slot] != NULL)
			bus->functions[slot]->intx = false;
	}
	pthread_mutex_unlock(&bus->lock);
}

int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, struct error *err)
{
	for (unsigned slot = bus->first_slot; slot < PCI_MAX_SLOTS; slot++) {
		if (bus->functions[slot] != NULL)
			continue;
		fn->bus = bus;
		fn->slot = slot;
		fn->intx = false;
		for (unsigned i = 0; i < PCI_NR_BARS; i++)
			fn->bars[i].addr = PCI_BAR_NONE;
		bus->functions[slot] = fn;
		return 0;
	}
	return error_set(err, -ENOSPC, EXIT_STATUS_USAGE,
			 "cannot add %s: this machine has room for %u PCI "
			 "devices; use fewer",
			 fn->name, PCI_MAX_SLOTS - bus->first_slot);
}

void pci_bus_remove(struct pci_function *fn)
{
	struct pci_bus *bus = fn->bus;

	if (bus == NULL)
		return;
	pci_set_intx(fn, false);
	pthread_mutex_lock(&bus->lock);
	bus->functions[fn->slot] = NULL;
	pthread_mutex_unlock(&bus->lock);
	fn->bus = NULL;
}

/* Only bus 0 and function 0 exist, so all other bits of @rid are zero. */
struct pci_function *pci_bus_find(struct pci_bus *bus, uint32_t rid)
{
	uint32_t slot = rid >> 3;

	return (rid & 7) == 0 && slot < PCI_MAX_SLOTS ? bus->functions[slot]
						      : NULL;
}

static bool config_access_ok(uint64_t off, unsigned size)
{
	return (size == 1 || size == 2 || size == 4) && off % size == 0 &&
	       range_fits(off, size, PCI_CONFIG_SIZE);
}

int pci_config_read(struct pci_bus *bus, uint32_t rid, uint64_t off,
		    unsigned size, uint32_t *value)
{
	struct pci_function *fn = pci_bus_find(bus, rid);

	*value = (uint32_t)all_ones(size);
	if (!config_access_ok(off, size))
		return -EINVAL;
	if (fn == NULL)
		return -ENODEV;
	pthread_mutex_lock(fn->lock);
	*value = fn->ops->config_read(fn, (unsigned)off, size);
	pthread_mutex_unlock(fn->lock);
	return 0;
}

int pci_config_write(struct pci_bus *bus, uint32_t rid, uint64_t off,
		     unsigned size, uint32_t value)
{
	struct pci_function *fn = pci_bus_find(bus, rid);

	if (!config_access_ok(off, size))
		return -EINVAL;
	if (fn == NULL)
		return -ENODEV;
	pthread_mutex_lock(fn->lock);
	fn->ops->config_write(fn, (unsigned)off, size,
			      value & (uint32_t)all_ones(size));
	pthread_mutex_unlock(fn->lock);
	return 0;
}

void pci_bar_decode(struct pci_function *fn, unsigned bar, uint64_t addr)
{
	pthread_mutex_lock(&fn->bus->lock);
	fn->bars[bar].addr = addr;
	pthread_mutex_unlock(&fn->bus->lock);
}

bool pci_bus_to_cpu(const struct pci_bus *bus, uint64_t addr, uint64_t size,
		    uint64_t *gpa)
{
	for (unsigned i = 0; i < bus->nr_windows; i++) {
		const struct pci_window *window = &bus->windows[i];

		if (addr < window->pci_base ||
		    !range_fits(addr - window->pci_base, size, window->size))
			continue;
		*gpa = window->cpu_base + (addr - window->pci_base);
		return true;
	}
	return false;
}

/*
 * The line is driven under the bus's lock: functions that share it would
 * overtake each other between counting and driving.
 */
void pci_set_intx(struct pci_function *fn, bool asserted)
{
	struct pci_bus *bus = fn->bus;
	unsigned line = pci_intx_line(fn->slot);

	pthread_mutex_lock(&bus->lock);
	if (fn->intx != asserted) {
		fn->intx = asserted;
		if (asserted)
			bus->nr_intx_asserted[line]++;
		else
			bus->nr_intx_asserted[line]--;
		irq_set_level(&bus->intx[line],
			      bus->nr_intx_asserted[line] > 0);
	}
	pthread_mutex_unlock(&bus->lock);
}
