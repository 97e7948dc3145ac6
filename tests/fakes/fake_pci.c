/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of PCI: see fake_pci.h. */
#include "tests/fakes/fake_pci.h"

#include <stdio.h>
#include <stdlib.h>
#include "tests/fakes/fake_vm.h"

#define CHECK(cond)                              \
	do {                                     \
		if (!(cond))                     \
			misuse(__func__, #cond); \
	} while (0)

#define COMMAND   0x04
#define BAR(n)    (0x10 + 4 * (n))
#define CAP_LIST  0x34
#define NR_BARS   6U
#define CAP_LIMIT 48U

static void misuse(const char *func, const char *cond)
{
	fprintf(stderr, "fake pci: %s: not true: %s\n", func, cond);
	abort();
}

uint32_t fake_pci_get(const struct fake_pci *p, unsigned off, unsigned size)
{
	uint32_t value;

	CHECK(pci_config_read(p->vm->pci, p->rid, off, size, &value) == 0);
	return value;
}

void fake_pci_set(const struct fake_pci *p, unsigned off, unsigned size,
		  uint32_t value)
{
	CHECK(pci_config_write(p->vm->pci, p->rid, off, size, value) == 0);
}

static bool is_64(const struct fake_pci *p, unsigned bar)
{
	return (fake_pci_get(p, BAR(bar), 4) & 6) == 4;
}

static uint64_t bar_value(const struct fake_pci *p, unsigned bar)
{
	uint64_t value = fake_pci_get(p, BAR(bar), 4) & ~0xfU;

	if (is_64(p, bar))
		value |= (uint64_t)fake_pci_get(p, BAR(bar + 1), 4) << 32;
	return value;
}

void fake_pci_set_bar(const struct fake_pci *p, unsigned bar, uint64_t addr)
{
	fake_pci_set(p, BAR(bar), 4, (uint32_t)addr);
	if (is_64(p, bar))
		fake_pci_set(p, BAR(bar + 1), 4, (uint32_t)(addr >> 32));
}

uint64_t fake_pci_bar_size(const struct fake_pci *p, unsigned bar)
{
	uint64_t old = bar_value(p, bar);

	fake_pci_set_bar(p, bar, UINT64_MAX);
	uint64_t mask = bar_value(p, bar);

	if (!is_64(p, bar) && mask != 0)
		mask |= 0xffffffff00000000;
	fake_pci_set_bar(p, bar, old);
	return mask == 0 ? 0 : ~mask + 1;
}

static void place(const struct fake_pci *p, unsigned slot)
{
	uint64_t mem32 = FAKE_PCI_MEM32 + slot * FAKE_PCI_BAR_STRIDE;
	uint64_t mem64 = FAKE_PCI_MEM64 + slot * FAKE_PCI_BAR_STRIDE;

	for (unsigned bar = 0; bar < NR_BARS; bar++) {
		uint64_t size = fake_pci_bar_size(p, bar);
		uint64_t *next = is_64(p, bar) ? &mem64 : &mem32;

		if (size == 0)
			continue;
		CHECK(is_power_of_two(size) && size <= FAKE_PCI_BAR_STRIDE / 8);
		*next = align_up(*next, size);
		fake_pci_set_bar(p, bar, *next);
		CHECK(bar_value(p, bar) == *next);
		*next += size;
		bar += is_64(p, bar);
	}
}

static uint64_t gpa(const struct fake_pci *p, unsigned bar, uint32_t off)
{
	uint64_t addr = bar_value(p, bar) + off;

	if (addr >= FAKE_PCI_MEM32 &&
	    addr - FAKE_PCI_MEM32 < FAKE_PCI_MEM32_SIZE)
		return addr - FAKE_PCI_MEM32 + FAKE_PCI_MEM32_GPA;
	return addr;
}

static void take_virtio(struct fake_pci *p, unsigned cap)
{
	unsigned type = fake_pci_get(p, cap + 3, 1);
	unsigned bar = fake_pci_get(p, cap + 4, 1);
	uint64_t at;

	if (type == 5) {
		p->cfg_cap = cap;
		return;
	}
	CHECK(bar < NR_BARS);
	at = gpa(p, bar, fake_pci_get(p, cap + 8, 4));
	if (type == 1) {
		p->common = at;
	} else if (type == 2) {
		p->notify = at;
		p->notify_multiplier = fake_pci_get(p, cap + 16, 4);
	} else if (type == 3) {
		p->isr = at;
	} else if (type == 4) {
		p->device = at;
		p->device_len = fake_pci_get(p, cap + 12, 4);
	}
}

static void take_msix(struct fake_pci *p, unsigned cap)
{
	uint32_t table = fake_pci_get(p, cap + 4, 4);
	uint32_t pba = fake_pci_get(p, cap + 8, 4);

	p->msix_cap = cap;
	p->msix_vectors = (fake_pci_get(p, cap + 2, 2) & 0x7ff) + 1;
	p->msix_table = gpa(p, table & 7, table & ~7U);
	p->msix_pba = gpa(p, pba & 7, pba & ~7U);
}

void fake_pci_walk(struct fake_pci *p)
{
	unsigned cap = fake_pci_get(p, CAP_LIST, 1);
	unsigned count = 0;

	CHECK(fake_pci_get(p, 0x06, 2) & 0x10);
	while (cap != 0) {
		unsigned id = fake_pci_get(p, cap, 1);

		CHECK(++count < CAP_LIMIT && cap % 4 == 0 && cap >= 0x40);
		if (id == 0x09)
			take_virtio(p, cap);
		else if (id == 0x11)
			take_msix(p, cap);
		cap = fake_pci_get(p, cap + 1, 1);
	}
}

static uint32_t find_function(const struct vm *vm, unsigned slot)
{
	for (unsigned i = 0; i < PCI_MAX_SLOTS; i++) {
		if (vm->pci->functions[i] != NULL && slot-- == 0)
			return i << 3;
	}
	misuse(__func__, "there are so many functions");
	return 0;
}

void fake_pci_init(struct fake_pci *p, struct vm *vm, unsigned slot)
{
	*p = (struct fake_pci){ .vm = vm, .rid = find_function(vm, slot) };
	place(p, slot);
	fake_pci_set(p, COMMAND, 2, 0x6);
	fake_pci_walk(p);
	CHECK(p->common != 0 && p->notify != 0 && p->isr != 0 &&
	      p->device != 0 && p->cfg_cap != 0);
}

/** struct reg - Where a register of virtio-mmio is in the common one */
struct reg {
	uint16_t mmio;
	uint16_t off;
	uint16_t size;
};

static const struct reg regs[] = {
	{ 0x010, 4, 4 },  { 0x014, 0, 4 },  { 0x020, 12, 4 }, { 0x024, 8, 4 },
	{ 0x030, 22, 2 }, { 0x034, 24, 2 }, { 0x038, 24, 2 }, { 0x044, 28, 2 },
	{ 0x070, 20, 1 }, { 0x080, 32, 4 }, { 0x084, 36, 4 }, { 0x090, 40, 4 },
	{ 0x094, 44, 4 }, { 0x0a0, 48, 4 }, { 0x0a4, 52, 4 }, { 0x0fc, 21, 1 },
};

static const struct reg *find_reg(uint64_t mmio_off)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		if (regs[i].mmio == mmio_off)
			return &regs[i];
	}
	return NULL;
}

uint32_t fake_pci_reg_get(struct fake_pci *p, uint64_t mmio_off)
{
	const struct reg *reg = find_reg(mmio_off);

	if (mmio_off == 0x008)
		return fake_pci_get(p, 0x02, 2) - 0x1040;
	if (mmio_off == 0x060)
		return (uint32_t)fake_mmio_read(p->vm, p->isr, 1);
	CHECK(reg != NULL);
	return (uint32_t)fake_mmio_read(p->vm, p->common + reg->off, reg->size);
}

void fake_pci_reg_set(struct fake_pci *p, uint64_t mmio_off, uint32_t value)
{
	const struct reg *reg = find_reg(mmio_off);

	/* Reading has acknowledged. */
	if (mmio_off == 0x064)
		return;
	if (mmio_off == 0x050) {
		uint64_t at =
			p->notify + (uint64_t)value * p->notify_multiplier;

		fake_mmio_write(p->vm, at, 2, (uint16_t)value);
		return;
	}
	CHECK(reg != NULL);
	/* What does not fit would be another value. */
	if (reg->size < 4 && value >> (8 * reg->size) != 0)
		return;
	fake_mmio_write(p->vm, p->common + reg->off, reg->size, value);
}
