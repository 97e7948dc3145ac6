/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by PCI's own registers on every virtio device: BARs moved over RAM,
 * over the bystander's, out of all windows and about in use; vectors, tables
 * and windows out of range. Another function and RAM stay what they are.
 */
#include "tests/fakes/fake_vm.h"

#define fake_vm_create fake_vm_create_pci

#include "tests/unit/attack_fixture.h"

#define BAR        4
#define COMMAND    0x04
#define CONFIG_VEC 16
#define QUEUE_VEC  26
#define NO_VECTOR  0xffff

/* A BAR's 64 bits as they are; the fake's places are left for it. */
static void move(struct arena *a, unsigned bar, uint64_t addr)
{
	fake_pci_set_bar(&a->m.pci, bar, addr);
}

static uint64_t home(const struct fake_pci *p)
{
	return p->common & ~UINT64_C(0x3fff);
}

/* Back to where it was, and it serves with what was set up before. */
static void bring_back(struct arena *a)
{
	move(a, BAR, home(&a->m.pci));
	expect_undisturbed(a);
	expect_serves(a);
}

static void moved(struct arena *a)
{
	const uint64_t places[] = {
		0,
		RAM_BASE,
		RAM_BASE + MIB(2),
		RAM_END - 0x4000,
		FAKE_PCI_MEM64 - 0x4000,
		FAKE_PCI_MEM64 + FAKE_PCI_MEM64_SIZE,
		UINT64_MAX,
		(uint64_t)1 << 63,
	};
	uint64_t ram = RAM_BASE + MIB(2), word = 0;

	revive(a, 0);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		fake_write(&a->m.drv, ram, "RAM stays", 8);
		move(a, BAR, places[i]);
		/* It does not answer where it was, nor where RAM is. */
		assert_int_equal(fake_mmio_read(a->vm, a->m.pci.common, 4),
				 UINT32_MAX);
		fake_mmio_write(a->vm, places[i] + 20, 1, 0);
		fake_read(&a->m.drv, ram, &word, 8);
		assert_memory_equal(&word, "RAM stay", 8);
		bring_back(a);
	}
}

static void bars_go_over_ram(void **state)
{
	(void)state;
	each_victim(moved);
}

/* Over the other's: one of both answers, and the other is unharmed. */
static void stacked(struct arena *a)
{
	revive(a, 0);
	for (unsigned i = 0; i < 8; i++) {
		move(a, BAR,
		     home(&a->other_m.pci) + (i & 3) * 0x1000 * (i > 3));
		fake_mmio_write(a->vm, a->other_m.pci.common + 20, 1, 0xf);
		fake_mmio_read(a->vm, a->other_m.pci.common, 4);
		bring_back(a);
	}
	/* Both BARs of one function at one place. */
	move(a, 1, home(&a->m.pci));
	fake_mmio_read(a->vm, a->m.pci.common, 4);
	move(a, 1, FAKE_PCI_MEM32 + MIB(1) * 16);
	bring_back(a);
}

static void bars_go_over_each_other(void **state)
{
	(void)state;
	each_victim(stacked);
}

/* Between a doorbell and the look at it. */
static void moved_in_use(struct arena *a)
{
	revive(a, 0);
	for (unsigned i = 0; i < 200; i++) {
		fake_mmio_kick(&a->m, 0);
		move(a, BAR, i & 1 ? FAKE_PCI_MEM64 + MIB(64) : RAM_BASE);
		fake_mmio_kick(&a->m, 0);
		fake_pci_set(&a->m.pci, COMMAND, 2, i % 7);
		fake_vm_io(a->vm);
		fake_pci_set(&a->m.pci, COMMAND, 2, 6);
		move(a, BAR, home(&a->m.pci));
	}
	expect_undisturbed(a);
	revive(a, 0);
	expect_serves(a);
}

static void bars_move_in_use(void **state)
{
	(void)state;
	each_victim(moved_in_use);
}

static void expect_no_vector(struct arena *a, unsigned reg, uint16_t vector)
{
	fake_mmio_write(a->vm, a->m.pci.common + reg, 2, vector);
	uint64_t got = fake_mmio_read(a->vm, a->m.pci.common + reg, 2);

	if (vector < a->m.pci.msix_vectors)
		assert_int_equal(got, vector);
	else
		assert_int_equal(got, NO_VECTOR);
}

/* Vectors that there are not, for queues that there are or not. */
static void misled(struct arena *a)
{
	static const uint16_t queues[] = { 0, 1, 63, 64, 0x7fff, 0xffff };
	uint64_t table = a->m.pci.msix_table;
	unsigned n = a->m.pci.msix_vectors;
	const uint16_t vectors[] = { (uint16_t)n, (uint16_t)(n - 1),
				     0x7ff,       0x800,
				     0xfffe,      0xffff };

	revive(a, 0);
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		expect_no_vector(a, CONFIG_VEC, vectors[i]);
		for (size_t q = 0; q < ARRAY_SIZE(queues); q++) {
			fake_mmio_set(&a->m, REG_QUEUE_SEL, queues[q]);
			fake_mmio_write(a->vm, a->m.pci.common + QUEUE_VEC, 2,
					vectors[i]);
			if (queues[q] < a->m.nr_queues)
				expect_no_vector(a, QUEUE_VEC, vectors[i]);
		}
		/* Around the table's and the pending bits' ends. */
		for (uint64_t off = 0; off < 16 * n + 64; off += 4)
			fake_mmio_write(a->vm, table + off, 4, UINT32_MAX);
		for (uint64_t off = 0; off < 0x40; off += 8)
			fake_mmio_write(a->vm, a->m.pci.msix_pba + off, 8,
					UINT64_MAX);
		fake_mmio_read(a->vm, table + 16 * n - 4, 8);
	}
	expect_undisturbed(a);
	expect_serves(a);
}

static void vectors_are_out_of_range(void **state)
{
	(void)state;
	each_victim(misled);
}

/* Masked and unmasked at any rate, with something pending: few messages. */
static void masked(struct arena *a)
{
	unsigned ctrl = a->m.pci.msix_cap + 2;

	revive(a, 0);
	fake_pci_set(&a->m.pci, ctrl, 2, 0x8000);
	for (unsigned i = 0; i < 500; i++) {
		fake_pci_set(&a->m.pci, ctrl, 2, i & 1 ? 0xc000 : 0x8000);
		fake_mmio_write(a->vm, a->m.pci.msix_table + 12, 4, i >> 1 & 1);
		fake_mmio_kick(&a->m, 0);
		fake_vm_io(a->vm);
	}
	fake_pci_set(&a->m.pci, ctrl, 2, 0);
	expect_undisturbed(a);
	expect_serves(a);
}

static void masks_storm(void **state)
{
	(void)state;
	each_victim(masked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_go_over_ram),
		cmocka_unit_test(bars_go_over_each_other),
		cmocka_unit_test(bars_move_in_use),
		cmocka_unit_test(vectors_are_out_of_range),
		cmocka_unit_test(masks_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
