/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus: slots, configuration access, windows, BARs, INTx. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"

#define NR_FUNCTIONS 40U
#define BAR_SIZE     0x1000U
#define NO_ACCESS    UINT64_MAX
#define ROUNDS       20000U

/** struct function - Remembers the last access, answers with its number */
struct function {
	struct pci_function fn;
	pthread_mutex_t lock;
	uint64_t number;
	unsigned bar;
	uint64_t off;
	unsigned size;
	uint64_t value;
	bool outside;
};

struct fixture {
	struct vm *vm;
	unsigned irq;
	struct function fns[NR_FUNCTIONS];
};

static struct function *to_function(struct pci_function *fn)
{
	return container_of(fn, struct function, fn);
}

static uint32_t config_read(struct pci_function *fn, unsigned off,
			    unsigned size)
{
	struct function *f = to_function(fn);

	f->off = off;
	f->size = size;
	return 0x5a5a5a5a;
}

static void config_write(struct pci_function *fn, unsigned off, unsigned size,
			 uint32_t value)
{
	struct function *f = to_function(fn);

	f->off = off;
	f->size = size;
	f->value = value;
}

static void note(struct function *f, unsigned bar, uint64_t off, unsigned size)
{
	f->bar = bar;
	f->off = off;
	f->size = size;
	f->outside |= bar >= PCI_NR_BARS ||
		      !range_fits(off, size, f->fn.bars[bar].size);
}

static uint64_t bar_read(struct pci_function *fn, unsigned bar, uint64_t off,
			 unsigned size)
{
	note(to_function(fn), bar, off, size);
	return to_function(fn)->number;
}

static void bar_write(struct pci_function *fn, unsigned bar, uint64_t off,
		      unsigned size, uint64_t value)
{
	note(to_function(fn), bar, off, size);
	to_function(fn)->value = value;
}

static const struct pci_function_ops ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_read = bar_read,
	.bar_write = bar_write,
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct arch_device slot;

	assert_non_null(f);
	assert_int_equal(arch_virtio_mmio_slot(0, &slot), 0);
	f->irq = slot.irq;
	f->vm = fake_vm_create_pci(MIB(1));
	fake_vm_freeze(f->vm);
	for (unsigned i = 0; i < NR_FUNCTIONS; i++) {
		struct function *fn = &f->fns[i];

		fn->fn.ops = &ops;
		fn->fn.name = "test";
		fn->fn.lock = &fn->lock;
		fn->number = 0x1122334455667700 + i;
		fn->off = NO_ACCESS;
		for (unsigned bar = 0; bar < PCI_NR_BARS; bar++)
			fn->fn.bars[bar].size = BAR_SIZE;
		pthread_mutex_init(&fn->lock, NULL);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < NR_FUNCTIONS; i++) {
		pci_bus_remove(&f->fns[i].fn);
		pthread_mutex_destroy(&f->fns[i].lock);
	}
	fake_vm_destroy(f->vm);
	free(f);
	return 0;
}

static struct function *add(struct fixture *f, unsigned i)
{
	assert_int_equal(pci_bus_add(f->vm->pci, &f->fns[i].fn, NULL), 0);
	return &f->fns[i];
}

static void decode(struct function *f, unsigned bar, uint64_t addr)
{
	pthread_mutex_lock(&f->lock);
	pci_bar_decode(&f->fn, bar, addr);
	pthread_mutex_unlock(&f->lock);
}

static void test_slots(void **state)
{
	struct fixture *f = *state;
	struct pci_bus *bus = f->vm->pci;
	struct error err;

	bus->first_slot = 3;
	for (unsigned i = 0; i < PCI_MAX_SLOTS - 3; i++) {
		add(f, i);
		assert_int_equal(f->fns[i].fn.slot, i + 3);
		assert_int_equal(f->fns[i].fn.bars[5].addr, PCI_BAR_NONE);
	}
	f->fns[39].fn.name = "straw";
	assert_int_equal(pci_bus_add(bus, &f->fns[39].fn, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "straw"));
	assert_non_null(strstr(err.text, "29"));
	assert_null(f->fns[39].fn.bus);

	pci_bus_remove(&f->fns[4].fn);
	assert_null(pci_bus_find(bus, 7 << 3));
	add(f, 39);
	assert_int_equal(f->fns[39].fn.slot, 7);
	/* Not on the bus: nothing happens. */
	pci_bus_remove(&f->fns[4].fn);
	assert_ptr_equal(pci_bus_find(bus, 7 << 3), &f->fns[39].fn);
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	struct function *fn = add(f, 0);
	struct pci_bus *bus = f->vm->pci;

	assert_ptr_equal(pci_bus_find(bus, 0), &fn->fn);
	assert_int_equal(pci_rid(&fn->fn), 0);
	/* Another function, slot, bus, and what is no routing id at all. */
	for (unsigned bit = 0; bit < 32; bit++)
		assert_null(pci_bus_find(bus, UINT32_C(1) << bit));
	assert_null(pci_bus_find(bus, UINT32_MAX));
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	struct function *fn = add(f, 0);
	struct pci_bus *bus = f->vm->pci;
	uint32_t value;

	for (unsigned size = 1; size <= 4; size *= 2) {
		assert_int_equal(
			pci_config_read(bus, 0, 4096 - size, size, &value), 0);
		assert_int_equal(value, 0x5a5a5a5a);
		assert_int_equal(fn->off, 4096 - size);
		assert_int_equal(fn->size, size);
		assert_int_equal(pci_config_write(bus, 0, 8, size, ~0U), 0);
		assert_int_equal(fn->value, UINT32_MAX >> (32 - 8 * size));
	}
}

static void test_config_refused(void **state)
{
	static const struct {
		uint64_t off;
		unsigned size;
	} bad[] = {
		{ 0, 0 },
		{ 0, 3 },
		{ 0, 8 },
		{ 0, 0x10000 },
		{ 1, 2 },
		{ 2, 4 },
		{ 4096, 1 },
		{ 4095, 2 },
		{ 4094, 4 },
		{ 8192, 4 },
		{ UINT64_MAX - 3, 4 },
		{ ~0ULL, 1 },
	};
	struct fixture *f = *state;
	struct function *fn = add(f, 0);
	struct pci_bus *bus = f->vm->pci;
	uint32_t value;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(pci_config_read(bus, 0, bad[i].off,
						 bad[i].size, &value),
				 -EINVAL);
		assert_int_equal(
			pci_config_write(bus, 0, bad[i].off, bad[i].size, 0),
			-EINVAL);
	}
	assert_int_equal(fn->off, NO_ACCESS);
	assert_int_equal(pci_config_read(bus, 8, 0, 2, &value), -ENODEV);
	assert_int_equal(value, 0xffff);
	assert_int_equal(pci_config_read(bus, 8, 0, 4, &value), -ENODEV);
	assert_int_equal(value, UINT32_MAX);
	assert_int_equal(pci_config_write(bus, 8, 0, 4, 0), -ENODEV);
}

static void test_unclaimed(void **state)
{
	struct fixture *f = *state;
	static const uint64_t ones[] = { 0, 0xff, 0xffff, 0,         0xffffffff,
					 0, 0,    0,      UINT64_MAX };

	for (unsigned size = 1; size <= 8; size *= 2) {
		assert_int_equal(
			fake_mmio_read(f->vm, FAKE_PCI_MEM32_GPA, size),
			ones[size]);
		assert_int_equal(fake_mmio_read(f->vm,
						FAKE_PCI_MEM64 +
							FAKE_PCI_MEM64_SIZE -
							size,
						size),
				 ones[size]);
		fake_mmio_write(f->vm, FAKE_PCI_MEM32_GPA, size, 1);
	}
}

static void test_bar(void **state)
{
	struct fixture *f = *state;
	struct function *fn = add(f, 0);
	uint64_t gpa = FAKE_PCI_MEM32_GPA + 0x5000;

	decode(fn, 2, FAKE_PCI_MEM32 + 0x5000);
	for (unsigned size = 1; size <= 8; size *= 2) {
		uint64_t mask = UINT64_MAX >> (64 - 8 * size);

		assert_int_equal(fake_mmio_read(f->vm, gpa, size),
				 fn->number & mask);
		assert_int_equal(fn->bar, 2);
		assert_int_equal(fn->off, 0);
		assert_int_equal(fn->size, size);
		fake_mmio_write(f->vm, gpa + BAR_SIZE - size, size, UINT64_MAX);
		assert_int_equal(fn->off, BAR_SIZE - size);
		assert_int_equal(fn->value, mask);
	}
	fn->off = NO_ACCESS;
	assert_int_equal(fake_mmio_read(f->vm, gpa - 1, 1), 0xff);
	assert_int_equal(fake_mmio_read(f->vm, gpa + BAR_SIZE, 1), 0xff);
	decode(fn, 2, PCI_BAR_NONE);
	assert_int_equal(fake_mmio_read(f->vm, gpa, 4), UINT32_MAX);
	assert_int_equal(fn->off, NO_ACCESS);
}

/* Over RAM, below, above and between the windows, and where it would wrap. */
static void test_bar_elsewhere(void **state)
{
	static const uint64_t places[] = {
		0,
		0x1000,
		0x80000000,
		FAKE_PCI_MEM32 - BAR_SIZE,
		FAKE_PCI_MEM32 + FAKE_PCI_MEM32_SIZE,
		FAKE_PCI_MEM32_GPA,
		FAKE_PCI_MEM64 - BAR_SIZE,
		FAKE_PCI_MEM64 + FAKE_PCI_MEM64_SIZE,
		UINT64_MAX - BAR_SIZE + 1,
		UINT64_MAX - 1,
	};
	struct fixture *f = *state;
	struct function *fn = add(f, 0);
	uint64_t ram = f->vm->gmem.regions[0].gpa;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		decode(fn, 0, places[i]);
		assert_int_equal(fake_mmio_read(f->vm, FAKE_PCI_MEM32_GPA, 8),
				 UINT64_MAX);
		assert_int_equal(fake_mmio_read(f->vm, FAKE_PCI_MEM64, 8),
				 UINT64_MAX);
		assert_int_equal(fake_mmio_read(f->vm, ram, 8), 0);
	}
	assert_int_equal(fn->off, NO_ACCESS);
	/* Half inside the window: that half answers. */
	decode(fn, 0, FAKE_PCI_MEM64 - 0x800);
	fake_mmio_read(f->vm, FAKE_PCI_MEM64, 8);
	assert_int_equal(fn->off, 0x800);
	assert_false(fn->outside);
}

static void test_overlap(void **state)
{
	struct fixture *f = *state;
	struct function *low = add(f, 0);
	struct function *high = add(f, 1);
	uint64_t gpa = FAKE_PCI_MEM64;

	decode(high, 0, gpa);
	assert_int_equal(fake_mmio_read(f->vm, gpa, 8), high->number);
	decode(low, 5, gpa);
	decode(low, 4, gpa + 0x800);
	assert_int_equal(fake_mmio_read(f->vm, gpa, 8), low->number);
	assert_int_equal(low->bar, 5);
	fake_mmio_read(f->vm, gpa + 0x800, 8);
	assert_int_equal(low->bar, 4);
	assert_int_equal(low->off, 0);
	decode(low, 4, PCI_BAR_NONE);
	decode(low, 5, PCI_BAR_NONE);
	assert_int_equal(fake_mmio_read(f->vm, gpa, 8), high->number);
	pci_bus_remove(&high->fn);
	assert_int_equal(fake_mmio_read(f->vm, gpa, 8), UINT64_MAX);
}

static void test_to_cpu(void **state)
{
	struct fixture *f = *state;
	const struct pci_bus *bus = f->vm->pci;
	uint64_t gpa = 1;
	uint64_t end = FAKE_PCI_MEM32 + FAKE_PCI_MEM32_SIZE;

	assert_true(
		pci_bus_to_cpu(bus, FAKE_PCI_MEM32, FAKE_PCI_MEM32_SIZE, &gpa));
	assert_int_equal(gpa, FAKE_PCI_MEM32_GPA);
	assert_true(pci_bus_to_cpu(bus, end - 1, 1, &gpa));
	assert_int_equal(gpa, FAKE_PCI_MEM32_GPA + FAKE_PCI_MEM32_SIZE - 1);
	assert_true(pci_bus_to_cpu(bus, FAKE_PCI_MEM64, 1, &gpa));
	assert_int_equal(gpa, FAKE_PCI_MEM64);

	gpa = 1;
	assert_false(pci_bus_to_cpu(bus, end - 1, 2, &gpa));
	assert_false(pci_bus_to_cpu(bus, FAKE_PCI_MEM32 - 1, 1, &gpa));
	assert_false(pci_bus_to_cpu(bus, FAKE_PCI_MEM32 + 1,
				    FAKE_PCI_MEM32_SIZE, &gpa));
	assert_false(pci_bus_to_cpu(bus, FAKE_PCI_MEM32, UINT64_MAX, &gpa));
	assert_false(pci_bus_to_cpu(bus, PCI_BAR_NONE, 4096, &gpa));
	assert_false(pci_bus_to_cpu(bus, UINT64_MAX - 4095, 4096, &gpa));
	assert_int_equal(gpa, 1);
}

static void set_intx(struct function *f, bool on)
{
	pthread_mutex_lock(&f->lock);
	pci_set_intx(&f->fn, on);
	pthread_mutex_unlock(&f->lock);
}

static void test_intx(void **state)
{
	struct fixture *f = *state;
	struct function *a, *b;

	for (unsigned i = 0; i < 6; i++)
		add(f, i);
	for (unsigned i = 0; i < 4; i++) {
		set_intx(&f->fns[i], true);
		assert_true(fake_irq_level(f->vm, f->irq + i));
		set_intx(&f->fns[i], false);
		assert_false(fake_irq_level(f->vm, f->irq + i));
	}
	/* Slots 1 and 5 share a line; asserting twice counts once. */
	a = &f->fns[1];
	b = &f->fns[5];
	fake_irq_pulses(f->vm, f->irq + 1);
	set_intx(a, true);
	set_intx(a, true);
	set_intx(b, true);
	set_intx(a, false);
	assert_true(fake_irq_level(f->vm, f->irq + 1));
	set_intx(a, false);
	assert_true(fake_irq_level(f->vm, f->irq + 1));
	assert_int_equal(fake_irq_pulses(f->vm, f->irq + 1), 1);
	pci_bus_remove(&b->fn);
	assert_false(fake_irq_level(f->vm, f->irq + 1));
}

static void test_power(void **state)
{
	struct fixture *f = *state;
	struct function *fn = add(f, 2);

	assert_int_equal(pci_bus_power_on(f->vm->pci, NULL), 0);
	set_intx(fn, true);
	pci_bus_power_off(f->vm->pci);
	assert_false(fn->fn.intx);
	assert_int_equal(pci_bus_power_on(f->vm->pci, NULL), 0);
	set_intx(fn, true);
	assert_true(f->vm->pci->intx[0].level);
	set_intx(fn, false);
	assert_false(fake_irq_level(f->vm, f->irq));
}

static int try_init(struct fixture *f, const struct pci_window *windows,
		    unsigned count, struct error *err)
{
	struct pci_bus bus;

	f->vm->mmio.frozen = false;
	return pci_bus_init(&bus, f->vm, windows, count, f->irq, err);
}

static void test_init_refuses(void **state)
{
	struct fixture *f = *state;
	struct pci_window w[4] = {
		{ .name = "one", .cpu_base = 0x1000, .size = 0x1000 }
	};
	struct error err;

	assert_int_equal(try_init(f, w, 4, &err), -EINVAL);
	w[0].cpu_base = FAKE_PCI_MEM64;
	assert_int_equal(try_init(f, w, 1, &err), -EEXIST);
	assert_non_null(strstr(err.text, "one"));
	w[0].cpu_base = 0x1000;
	w[0].pci_base = UINT64_MAX - 0x10;
	assert_int_equal(try_init(f, w, 1, &err), -EINVAL);
	w[0].pci_base = 0;
	w[0].size = 0;
	assert_int_equal(try_init(f, w, 1, &err), -EINVAL);
}

/* One thread moves the BARs of two functions about, another accesses both. */
static void *mover(void *arg)
{
	struct fixture *f = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct function *fn = &f->fns[i & 1];
		uint64_t at = FAKE_PCI_MEM64 + (i * 0x810U & 0x7ff0);

		decode(fn, i % PCI_NR_BARS, i % 7 == 0 ? PCI_BAR_NONE : at);
		set_intx(fn, i & 2);
	}
	return NULL;
}

static void *user(void *arg)
{
	struct fixture *f = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t at = FAKE_PCI_MEM64 + (i * 8 & 0x7ff8);
		uint64_t got = fake_mmio_read(f->vm, at, 8);

		if (got != UINT64_MAX && got != f->fns[0].number &&
		    got != f->fns[1].number)
			return f;
		fake_mmio_write(f->vm, at, 8, got);
	}
	return NULL;
}

static void test_race(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];
	void *result;

	add(f, 0);
	add(f, 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < 2 ? mover : user, f),
				 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_false(f->fns[0].outside);
	assert_false(f->fns[1].outside);
	set_intx(&f->fns[0], false);
	set_intx(&f->fns[1], false);
	assert_false(fake_irq_level(f->vm, f->irq));
	assert_false(fake_irq_level(f->vm, f->irq + 1));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slots),         TEST(test_find),
		TEST(test_config),        TEST(test_config_refused),
		TEST(test_unclaimed),     TEST(test_bar),
		TEST(test_bar_elsewhere), TEST(test_overlap),
		TEST(test_to_cpu),        TEST(test_intx),
		TEST(test_power),         TEST(test_init_refuses),
		TEST(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
