/* SPDX-License-Identifier: Apache-2.0 */
/* A PCI function's configuration space, INTA and MSI-X. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/pci.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define NR_VECTORS 5U
#define MSIX_BAR   2U
#define BIG_BAR    4U
#define BIG_SIZE   0x100000000ULL
#define BODY_LEN   6U
#define MSIX_GPA   FAKE_PCI_MEM32_GPA
#define ENABLE     0x8000U
#define MASKALL    0x4000U

/** struct fixture - A function with two BARs, MSI-X and another capability */
struct fixture {
	struct vm *vm;
	unsigned irq;
	pthread_mutex_t lock;
	struct pci_dev pd;
	struct fake_pci p;
	unsigned moved[PCI_NR_BARS];
};

static struct fixture *to_fixture(struct pci_function *fn)
{
	return container_of(fn, struct fixture, pd.fn);
}

static uint32_t config_read(struct pci_function *fn, unsigned off,
			    unsigned size)
{
	return pci_dev_config_read(&to_fixture(fn)->pd, off, size);
}

static void config_write(struct pci_function *fn, unsigned off, unsigned size,
			 uint32_t value)
{
	pci_dev_config_write(&to_fixture(fn)->pd, off, size, value);
}

static uint64_t bar_read(struct pci_function *fn, unsigned bar, uint64_t off,
			 unsigned size)
{
	if (bar == BIG_BAR)
		return 0xb16;
	return pci_dev_msix_read(&to_fixture(fn)->pd, off, size);
}

static void bar_write(struct pci_function *fn, unsigned bar, uint64_t off,
		      unsigned size, uint64_t value)
{
	if (bar == MSIX_BAR)
		pci_dev_msix_write(&to_fixture(fn)->pd, off, size, value);
}

static const struct pci_function_ops ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_read = bar_read,
	.bar_write = bar_write,
};

static void moved(struct pci_dev *pd, unsigned bar)
{
	container_of(pd, struct fixture, pd)->moved[bar]++;
}

static void build(struct fixture *f)
{
	static const struct pci_ids ids = {
		.vendor = 0x1234,
		.device = 0x5678,
		.revision = 9,
		.class_code = 0x0a0b0c,
		.subsystem_vendor = 0x4321,
		.subsystem = 0x8765,
	};
	static const uint8_t body[BODY_LEN] = { 1, 2, 3, 4, 5, 6 };
	static const uint8_t writable[BODY_LEN] = { 0, 0xf0, 0xff };

	pci_dev_init(&f->pd, f->vm, &ids);
	f->pd.fn.ops = &ops;
	f->pd.fn.name = "test";
	f->pd.fn.lock = &f->lock;
	f->pd.moved = moved;
	pci_dev_add_bar(&f->pd, BIG_BAR, BIG_SIZE, true);
	assert_int_equal(pci_dev_add_msix(&f->pd, MSIX_BAR, NR_VECTORS), 0);
	assert_true(pci_dev_add_cap(&f->pd, 0x77, body, writable, BODY_LEN) >
		    0);
	assert_int_equal(pci_bus_add(f->vm->pci, &f->pd.fn, NULL), 0);
	f->p = (struct fake_pci){ .vm = f->vm, .rid = pci_rid(&f->pd.fn) };
}

static int make(void **state, bool msi)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct arch_device slot;

	assert_non_null(f);
	assert_int_equal(arch_virtio_mmio_slot(0, &slot), 0);
	f->irq = slot.irq;
	f->vm = fake_vm_create_pci(MIB(1));
	if (msi)
		fake_vm_take_msis(f->vm);
	fake_vm_freeze(f->vm);
	pthread_mutex_init(&f->lock, NULL);
	build(f);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return make(state, true);
}

static int setup_intx(void **state)
{
	return make(state, false);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_bus_remove(&f->pd.fn);
	fake_vm_destroy(f->vm);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static uint32_t get(struct fixture *f, unsigned off, unsigned size)
{
	return fake_pci_get(&f->p, off, size);
}

static void set(struct fixture *f, unsigned off, unsigned size, uint32_t value)
{
	fake_pci_set(&f->p, off, size, value);
}

/* The MSI-X table decoded at MSIX_GPA. */
static void map_table(struct fixture *f)
{
	fake_pci_set_bar(&f->p, MSIX_BAR, FAKE_PCI_MEM32);
	set(f, 0x04, 2, 2);
	fake_pci_walk(&f->p);
	assert_int_equal(f->p.msix_table, MSIX_GPA);
	assert_int_equal(f->p.msix_pba, MSIX_GPA + 2048);
}

static void set_control(struct fixture *f, unsigned control)
{
	set(f, f->p.msix_cap + 2, 2, control);
}

static void send(struct fixture *f, unsigned vector)
{
	pthread_mutex_lock(&f->lock);
	pci_dev_send_msix(&f->pd, vector);
	pthread_mutex_unlock(&f->lock);
}

static void set_irq(struct fixture *f, bool on)
{
	pthread_mutex_lock(&f->lock);
	pci_dev_set_irq(&f->pd, on);
	pthread_mutex_unlock(&f->lock);
}

static void reset(struct fixture *f)
{
	pthread_mutex_lock(&f->lock);
	pci_dev_reset(&f->pd);
	pthread_mutex_unlock(&f->lock);
}

static uint64_t entry(unsigned vector)
{
	return MSIX_GPA + (uint64_t)vector * 16;
}

static void program(struct fixture *f, unsigned vector, uint64_t addr,
		    uint32_t data, bool masked)
{
	fake_mmio_write(f->vm, entry(vector), 4, (uint32_t)addr);
	fake_mmio_write(f->vm, entry(vector) + 4, 4, addr >> 32);
	fake_mmio_write(f->vm, entry(vector) + 8, 4, data);
	fake_mmio_write(f->vm, entry(vector) + 12, 4, masked);
}

static void test_header(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, 0x00, 4), 0x56781234);
	assert_int_equal(get(f, 0x02, 1), 0x78);
	assert_int_equal(get(f, 0x04, 4), 0x00100000);
	assert_int_equal(get(f, 0x08, 4), 0x0a0b0c09);
	assert_int_equal(get(f, 0x0c, 4), 0);
	assert_int_equal(get(f, 0x2c, 4), 0x87654321);
	assert_int_equal(get(f, 0x3c, 4), 0x100);
	/* No expansion ROM, no extended capabilities. */
	set(f, 0x30, 4, UINT32_MAX);
	assert_int_equal(get(f, 0x30, 4), 0);
	set(f, 0x100, 4, UINT32_MAX);
	assert_int_equal(get(f, 0x100, 4), 0);
	assert_int_equal(get(f, 0xffc, 4), 0);
}

/* Writes each byte in turn with all ones and zeros: what may change does. */
static void test_write_masks(void **state)
{
	struct fixture *f = *state;

	for (unsigned size = 1; size <= 4; size *= 2) {
		for (unsigned off = 0; off < 0x100; off += size) {
			uint32_t before = get(f, off, size);

			set(f, off, size, UINT32_MAX);
			uint32_t ones = get(f, off, size);

			set(f, off, size, 0);
			uint32_t zeros = get(f, off, size);
			uint32_t mask = ones ^ zeros;

			assert_int_equal(ones & mask, mask);
			assert_int_equal(before & ~mask, ones & ~mask);
			set(f, off, size, before);
			assert_int_equal(get(f, off, size), before);
			for (unsigned i = 0; i < size; i++)
				assert_int_equal(mask >> (8 * i) & 0xff,
						 f->pd.writable[off + i]);
		}
	}
	set(f, 0x04, 4, UINT32_MAX);
	assert_int_equal(get(f, 0x04, 4), 0x00100406);
	set(f, 0x04, 4, 0);
}

static void test_capabilities(void **state)
{
	struct fixture *f = *state;
	unsigned msix = get(f, 0x34, 1);
	unsigned other = get(f, msix + 1, 1);

	assert_int_equal(get(f, msix, 1), 0x11);
	assert_int_equal(get(f, msix + 2, 2), NR_VECTORS - 1);
	assert_int_equal(get(f, msix + 4, 4), MSIX_BAR);
	assert_int_equal(get(f, msix + 8, 4), 2048 + MSIX_BAR);
	assert_int_equal(get(f, other, 1), 0x77);
	assert_int_equal(get(f, other + 1, 1), 0);
	set(f, other + 2, 1, 0);
	set(f, other + 3, 1, 0xff);
	set(f, other + 4, 1, 0xaa);
	assert_int_equal(get(f, other + 2, 1), 1);
	assert_int_equal(get(f, other + 3, 1), 0xf2);
	assert_int_equal(get(f, other + 4, 1), 0xaa);
}

static void test_no_room(void **state)
{
	struct fixture *f = *state;
	uint8_t body[0x100] = { 0 };
	struct pci_dev pd = { 0 };
	static const struct pci_ids ids = { 0 };

	pci_dev_init(&pd, f->vm, &ids);
	assert_true(pci_dev_add_cap(&pd, 9, body, NULL, 0xbf) < 0);
	assert_int_equal(pci_dev_add_cap(&pd, 9, body, NULL, 0xbe), 0x40);
	assert_true(pci_dev_add_cap(&pd, 9, body, NULL, 0) < 0);
	assert_true(pci_dev_add_msix(&pd, 0, 2) < 0);
	assert_true(pci_dev_add_msix(&pd, 0, 129) < 0);
	assert_true(pci_dev_add_msix(&pd, 0, 0) < 0);
	assert_int_equal(pd.nr_vectors, 0);
}

static void test_bar_sizes(void **state)
{
	struct fixture *f = *state;

	for (unsigned bar = 0; bar < PCI_NR_BARS; bar++) {
		uint64_t want = bar == MSIX_BAR  ? 4096
				: bar == BIG_BAR ? BIG_SIZE
						 : 0;

		if (bar != BIG_BAR + 1)
			assert_int_equal(fake_pci_bar_size(&f->p, bar), want);
	}
	/* Both halves by themselves, a byte at a time. */
	for (unsigned i = 0; i < 8; i++)
		set(f, 0x20 + i, 1, 0xff);
	assert_int_equal(get(f, 0x20, 4), 4);
	assert_int_equal(get(f, 0x24, 4), UINT32_MAX);
	assert_int_equal(f->moved[BIG_BAR], 0);
}

static void test_decode(void **state)
{
	struct fixture *f = *state;

	fake_pci_set_bar(&f->p, BIG_BAR, FAKE_PCI_MEM64);
	assert_int_equal(f->pd.fn.bars[BIG_BAR].addr, PCI_BAR_NONE);
	set(f, 0x04, 2, 2);
	assert_int_equal(f->pd.fn.bars[BIG_BAR].addr, FAKE_PCI_MEM64);
	assert_int_equal(f->moved[BIG_BAR], 1);
	assert_int_equal(fake_mmio_read(f->vm, FAKE_PCI_MEM64, 4), 0xb16);
	/* Nothing that matters. */
	set(f, 0x04, 2, 6);
	set(f, 0x3c, 1, 3);
	assert_int_equal(f->moved[BIG_BAR], 1);
	/* The upper half alone moves it. */
	set(f, 0x24, 4, 7);
	assert_int_equal(f->moved[BIG_BAR], 2);
	assert_int_equal(f->pd.fn.bars[BIG_BAR].addr, 0x700000000);
	assert_int_equal(fake_mmio_read(f->vm, FAKE_PCI_MEM64, 4), ~0U);
	set(f, 0x04, 2, 4);
	assert_int_equal(f->moved[BIG_BAR], 3);
	assert_int_equal(f->pd.fn.bars[BIG_BAR].addr, PCI_BAR_NONE);
	assert_int_equal(get(f, 0x24, 4), 7);
	reset(f);
	assert_int_equal(get(f, 0x24, 4), 0);
	assert_int_equal(f->moved[BIG_BAR], 3);
}

static void test_intx(void **state)
{
	struct fixture *f = *state;

	set_irq(f, true);
	assert_true(fake_irq_level(f->vm, f->irq));
	assert_int_equal(get(f, 0x06, 2), 0x18);
	set(f, 0x04, 2, 0x400);
	assert_false(fake_irq_level(f->vm, f->irq));
	assert_int_equal(get(f, 0x06, 2), 0x18);
	set_irq(f, false);
	set_irq(f, true);
	assert_false(fake_irq_level(f->vm, f->irq));
	set(f, 0x04, 2, 0);
	assert_true(fake_irq_level(f->vm, f->irq));
	reset(f);
	assert_false(fake_irq_level(f->vm, f->irq));
	assert_int_equal(get(f, 0x06, 2), 0x10);
}

/* Without messages there is no capability, and no BAR. */
static void test_no_msix(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->pd.nr_vectors, 0);
	assert_int_equal(get(f, get(f, 0x34, 1), 1), 0x77);
	assert_int_equal(fake_pci_bar_size(&f->p, MSIX_BAR), 0);
	assert_false(pci_dev_msix_enabled(&f->pd));
	send(f, 0);
	assert_int_equal(pci_dev_msix_read(&f->pd, 0, 8), 0);
	pci_dev_msix_write(&f->pd, 0, 8, 1);
	pci_dev_msix_program(&f->pd, 0, 1, 1);
	assert_int_equal(f->pd.table[0], 0);
	test_intx(state);
}

static void test_intx_with_msix(void **state)
{
	struct fixture *f = *state;

	map_table(f);
	set_irq(f, true);
	assert_true(fake_irq_level(f->vm, f->irq));
	set_control(f, ENABLE);
	assert_false(fake_irq_level(f->vm, f->irq));
	set_control(f, MASKALL);
	assert_true(fake_irq_level(f->vm, f->irq));
	set_irq(f, false);
}

static void test_table(void **state)
{
	struct fixture *f = *state;

	map_table(f);
	for (unsigned i = 0; i < NR_VECTORS; i++) {
		assert_int_equal(fake_mmio_read(f->vm, entry(i), 8), 0);
		assert_int_equal(fake_mmio_read(f->vm, entry(i) + 8, 8),
				 1ULL << 32);
	}
	/* Behind the last vector there is nothing, nor can it be written. */
	for (uint64_t off = NR_VECTORS * 16; off < 4096; off += 8) {
		fake_mmio_write(f->vm, MSIX_GPA + off, 8, UINT64_MAX);
		assert_int_equal(fake_mmio_read(f->vm, MSIX_GPA + off, 8), 0);
	}
	for (unsigned size = 1; size <= 8; size *= 2) {
		for (unsigned off = 0; off < 16; off += size)
			fake_mmio_write(f->vm, entry(3) + off, size,
					UINT64_MAX);
		assert_int_equal(fake_mmio_read(f->vm, entry(3), 8),
				 UINT64_MAX - 3);
		assert_int_equal(fake_mmio_read(f->vm, entry(3) + 8, 8),
				 0x1ffffffff);
		assert_int_equal(fake_mmio_read(f->vm, entry(3) + 2, 2),
				 0xffff);
		fake_mmio_write(f->vm, entry(3), 8, 0);
		fake_mmio_write(f->vm, entry(3) + 8, 8, 0);
		assert_int_equal(fake_mmio_read(f->vm, entry(3) + 8, 8), 0);
	}
	assert_int_equal(fake_mmio_read(f->vm, entry(4) + 12, 4), 1);
}

/* The largest table fills its array: what comes next is not written. */
static void test_largest_table(void **state)
{
	static const struct pci_ids ids = { .vendor = 0x1234 };
	const uint64_t size = PCI_MSIX_MAX_VECTORS * PCI_MSIX_ENTRY;
	struct fixture *f = *state;
	struct pci_dev *pd = calloc(1, sizeof(*pd));

	assert_non_null(pd);
	pci_dev_init(pd, f->vm, &ids);
	assert_int_equal(pci_dev_add_msix(pd, 1, PCI_MSIX_MAX_VECTORS + 1),
			 -ENOSPC);
	assert_int_equal(pci_dev_add_msix(pd, 1, PCI_MSIX_MAX_VECTORS), 0);
	pci_dev_msix_write(pd, size - 16, 8, UINT64_MAX);
	assert_true(pci_dev_msix_read(pd, size - 16, 8) == UINT64_MAX - 3);
	pci_dev_msix_write(pd, size, 8, UINT64_MAX);
	pci_dev_msix_program(pd, PCI_MSIX_MAX_VECTORS, UINT64_MAX, 1);
	assert_int_equal(pd->pending[0], 0);
	assert_int_equal(pci_dev_msix_read(pd, size, 8), 0);
	free(pd);
}

static void test_send(void **state)
{
	struct fixture *f = *state;
	struct fake_msi msi;

	map_table(f);
	program(f, 4, 0x123456789abcdefcULL, 0xcafe0001, false);
	send(f, 4);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	set_control(f, ENABLE);
	/* Not enabled when it happened: nothing was kept. */
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	send(f, 4);
	assert_int_equal(fake_msis(f->vm, &msi), 1);
	assert_true(msi.addr == 0x123456789abcdefcULL);
	assert_int_equal(msi.data, 0xcafe0001);
	send(f, NR_VECTORS);
	send(f, 0xffff);
	send(f, UINT32_MAX);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 8), 0);
}

static void test_vector_mask(void **state)
{
	struct fixture *f = *state;
	struct fake_msi msi;

	map_table(f);
	set_control(f, ENABLE);
	program(f, 2, 0x1000, 22, true);
	send(f, 2);
	send(f, 2);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 8), 4);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 1), 4);
	/* Pending bits are the function's to write. */
	fake_mmio_write(f->vm, f->p.msix_pba, 8, 0);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 8), 4);
	fake_mmio_write(f->vm, entry(2) + 8, 4, 33);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	fake_mmio_write(f->vm, entry(2) + 12, 4, 0);
	assert_int_equal(fake_msis(f->vm, &msi), 1);
	assert_int_equal(msi.data, 33);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 8), 0);
	fake_mmio_write(f->vm, entry(2) + 12, 4, 1);
	fake_mmio_write(f->vm, entry(2) + 12, 4, 0);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
}

static void test_function_mask(void **state)
{
	struct fixture *f = *state;

	map_table(f);
	set_control(f, ENABLE | MASKALL);
	for (unsigned i = 0; i < NR_VECTORS; i++) {
		program(f, i, 0x1000, i, i == 3);
		send(f, i);
	}
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 4), 0x1f);
	set_control(f, ENABLE);
	assert_int_equal(fake_msis(f->vm, NULL), 4);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 4), 8);
	/* Switched off, the rest is forgotten. */
	set_control(f, 0);
	assert_int_equal(fake_mmio_read(f->vm, f->p.msix_pba, 4), 0);
	set_control(f, ENABLE);
	program(f, 3, 0x1000, 3, false);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
}

static void test_program(void **state)
{
	struct fixture *f = *state;
	struct fake_msi msi;

	map_table(f);
	set_control(f, ENABLE);
	pci_dev_msix_program(&f->pd, 1, 0x40000000003, 0x1300);
	pci_dev_msix_program(&f->pd, NR_VECTORS, 1, 1);
	pci_dev_msix_program(&f->pd, UINT32_MAX, 1, 1);
	assert_int_equal(fake_mmio_read(f->vm, entry(1), 8), 0x40000000000);
	assert_int_equal(fake_mmio_read(f->vm, entry(1) + 8, 8),
			 1ULL << 32 | 0x1300);
	send(f, 1);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	fake_mmio_write(f->vm, entry(1) + 12, 4, 0);
	assert_int_equal(fake_msis(f->vm, &msi), 1);
	assert_true(msi.addr == 0x40000000000);
	assert_int_equal(msi.data, 0x1300);
}

static void test_reset(void **state)
{
	struct fixture *f = *state;
	struct pci_dev fresh = f->pd;

	map_table(f);
	fake_pci_set_bar(&f->p, BIG_BAR, FAKE_PCI_MEM64);
	set_control(f, ENABLE | MASKALL);
	program(f, 0, 0x1000, 1, false);
	send(f, 0);
	set_irq(f, true);
	set(f, 0x3c, 1, 77);
	reset(f);
	/* But for the capability's and the BARs' defaults, which are bits. */
	for (unsigned i = 0; i < sizeof(fresh.config); i++)
		assert_int_equal(f->pd.config[i],
				 fresh.config[i] & ~fresh.writable[i]);
	assert_memory_equal(f->pd.table, fresh.table, sizeof(fresh.table));
	assert_int_equal(f->pd.pending[0], 0);
	assert_int_equal(f->pd.fn.bars[BIG_BAR].addr, PCI_BAR_NONE);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
}

/*
 * Saved state.
 */

static void save(struct fixture *f, struct snap_writer *w)
{
	snap_writer_init(w, arch_info.name);
	snap_begin(w, "pci", "test", 1);
	pci_dev_save(&f->pd, w);
	snap_end(w);
	assert_int_equal(snap_finish(w), 0);
}

/* Restores the first @len bytes of the section's body. */
static int restore(struct fixture *f, const uint8_t *body, size_t len)
{
	struct snap_reader r;
	struct snap_section section;
	struct snap_writer w;

	snap_writer_init(&w, arch_info.name);
	snap_begin(&w, "pci", "test", 1);
	snap_put_bytes(&w, body, len);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(
		snap_reader_init(&r, w.data, w.len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	pthread_mutex_lock(&f->lock);
	pci_dev_restore(&f->pd, &r);
	pthread_mutex_unlock(&f->lock);
	int ret = snap_reader_error(&r);

	snap_writer_free(&w);
	return ret;
}

static const uint8_t *body_of(const struct snap_writer *w, size_t *len)
{
	struct snap_reader r;
	struct snap_section section;

	assert_int_equal(
		snap_reader_init(&r, w->data, w->len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	*len = snap_left(&r);
	return w->data + r.pos;
}

static void fill_state(struct fixture *f)
{
	map_table(f);
	fake_pci_set_bar(&f->p, BIG_BAR, FAKE_PCI_MEM64);
	set_control(f, ENABLE);
	program(f, 0, 0x1000, 10, false);
	program(f, 1, 0x2000, 11, true);
	send(f, 1);
}

static void test_state(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	struct fake_msi msi;
	size_t len;

	fill_state(f);
	save(f, &w);
	struct pci_dev before = f->pd;

	reset(f);
	const uint8_t *body = body_of(&w, &len);

	assert_int_equal(restore(f, body, len), 0);
	assert_memory_equal(f->pd.config, before.config, sizeof(before.config));
	assert_memory_equal(f->pd.table, before.table, sizeof(before.table));
	assert_int_equal(f->pd.pending[0], 2);
	assert_int_equal(fake_mmio_read(f->vm, FAKE_PCI_MEM64, 4), 0xb16);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	fake_mmio_write(f->vm, entry(1) + 12, 4, 0);
	assert_int_equal(fake_msis(f->vm, &msi), 1);
	assert_int_equal(msi.data, 11);
	snap_writer_free(&w);
}

static void expect_reset(struct fixture *f)
{
	assert_int_equal(f->pd.fn.bars[BIG_BAR].addr, PCI_BAR_NONE);
	assert_int_equal(get(f, 0x04, 2), 0);
	assert_false(pci_dev_msix_enabled(&f->pd));
	assert_int_equal(f->pd.table[12], 1);
	assert_int_equal(f->pd.pending[0], 0);
}

static void test_truncated(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	size_t len;

	fill_state(f);
	save(f, &w);
	const uint8_t *body = body_of(&w, &len);

	assert_int_equal(restore(f, body, len), 0);
	for (size_t n = 0; n < len; n++) {
		assert_int_not_equal(restore(f, body, n), 0);
		expect_reset(f);
	}
	snap_writer_free(&w);
}

/* Every bit of the state, turned: refused, or something that can be. */
static void test_damaged(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	size_t len;
	unsigned taken = 0;

	fill_state(f);
	save(f, &w);
	const uint8_t *body = body_of(&w, &len);
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		memcpy(copy, body, len);
		copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		bool writable = bit / 8 >= 256 ||
				(f->pd.writable[bit / 8] >> (bit % 8) & 1);

		if (restore(f, copy, len) != 0) {
			expect_reset(f);
			continue;
		}
		assert_true(writable);
		/* The number of vectors, behind the configuration space. */
		assert_false(bit / 8 >= 256 && bit / 8 < 260);
		taken++;
		for (unsigned i = 0; i < NR_VECTORS; i++) {
			assert_int_equal(f->pd.table[i * 16] & 3, 0);
			assert_int_equal(f->pd.table[i * 16 + 12] & 0xfe, 0);
			assert_int_equal(f->pd.table[i * 16 + 15], 0);
		}
		/* A vector that is not masked is not pending. */
		for (unsigned i = 0; i < NR_VECTORS; i++)
			assert_true(!(f->pd.pending[0] >> i & 1) ||
				    (f->pd.table[i * 16 + 12] & 1) ||
				    (get(f, f->p.msix_cap + 2, 2) & MASKALL));
		assert_int_equal(f->pd.pending[0] >> NR_VECTORS, 0);
		assert_int_equal(f->pd.pending[1], 0);
	}
	assert_true(taken > 300);
	free(copy);
	snap_writer_free(&w);
}

#define TEST(fn)      cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define TEST_INTX(fn) cmocka_unit_test_setup_teardown(fn, setup_intx, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_write_masks),
		TEST_INTX(test_write_masks),
		TEST(test_capabilities),
		TEST(test_no_room),
		TEST(test_bar_sizes),
		TEST(test_decode),
		TEST(test_intx),
		TEST_INTX(test_no_msix),
		TEST(test_intx_with_msix),
		TEST(test_table),
		TEST(test_largest_table),
		TEST(test_send),
		TEST(test_vector_mask),
		TEST(test_function_mask),
		TEST(test_program),
		TEST(test_reset),
		TEST(test_state),
		TEST(test_truncated),
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
