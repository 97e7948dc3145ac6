/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by registers on every virtio device: what is frozen is written, what
 * is not there is selected, configuration space is accessed in every way. The
 * device goes on with what its driver had set up before.
 */
#include "tests/unit/attack_fixture.h"

#define STORM 2000U

static const uint32_t selectors[] = { 0, 1, 2, 5, 63, 64, 0x7fff, 0xffff };
static const uint32_t sizes[] = { 0, 1, 3, 8, 256, 1024, 2048, 0xffff };

static void put_address(struct arena *a, uint64_t reg, uint64_t gpa)
{
	fake_mmio_set(&a->m, reg, (uint32_t)gpa);
	fake_mmio_set(&a->m, reg + 4, (uint32_t)(gpa >> 32));
}

static void rewrite_selected(struct arena *a)
{
	static const uint64_t addresses[] = { 0, UINT64_MAX - 15, 0x1000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		fake_mmio_set(&a->m, REG_QUEUE_NUM, sizes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		put_address(a, REG_DESC, addresses[i]);
		put_address(a, REG_DRIVER, addresses[i]);
		put_address(a, REG_DEVICE, addresses[i]);
		put_address(a, REG_DESC, RAM_END - 16 * (i + 1));
	}
	for (uint32_t ready = 0; ready < 4; ready++)
		fake_mmio_set(&a->m, REG_QUEUE_READY, ready);
}

/* Everything that DRIVER_OK freezes, for queues that are there or not. */
static void rewrite(struct arena *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		bool there = selectors[i] < a->m.nr_queues;

		fake_mmio_set(&a->m, REG_QUEUE_SEL, selectors[i]);
		assert_int_equal(fake_mmio_get(&a->m, REG_QUEUE_MAX) != 0,
				 there);
		rewrite_selected(a);
		assert_int_equal(fake_mmio_get(&a->m, REG_QUEUE_READY), there);
	}
	for (uint32_t sel = 0; sel < 4; sel++) {
		fake_mmio_set(&a->m, REG_FEATURES_SEL, sel);
		fake_mmio_set(&a->m, REG_FEATURES, UINT32_MAX);
		fake_mmio_set(&a->m, REG_FEATURES, 0);
	}
	/* Fewer bits of status are no way back. */
	fake_mmio_set(&a->m, REG_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	fake_mmio_set(&a->m, REG_STATUS, 0xf);
}

static void rewritten(struct arena *a)
{
	for (unsigned round = 0; round < 3; round++) {
		revive(a, 0);
		expect_serves(a);
		for (unsigned i = 0; i < 10; i++)
			rewrite(a);
		expect_serves(a);
		expect_undisturbed(a);
	}
}

static void frozen_registers_are_written(void **state)
{
	(void)state;
	each_victim(rewritten);
}

/* Doorbells of queues that are not there, and more of those that are. */
static void rung(struct arena *a)
{
	revive(a, 0);
	for (unsigned i = 0; i < STORM; i++) {
		fake_mmio_kick(&a->m, i % 128);
		fake_mmio_kick(&a->m, 0xffff - i);
		if (!a->m.is_pci)
			fake_mmio_set(&a->m, 0x050, UINT32_MAX - i);
	}
	/* However often it rang: a callback for each queue, and a few more. */
	assert_true(fake_vm_io(a->vm) <= 64);
	expect_undisturbed(a);
	expect_serves(a);
}

static void doorbells_storm(void **state)
{
	(void)state;
	each_victim(rung);
}

static uint64_t config_at(const struct arena *a, uint64_t off)
{
	return (a->m.is_pci ? a->m.pci.device : a->m.base + 0x100) + off;
}

/* Every width everywhere, also across the end of the structure. */
static void access_config(struct arena *a)
{
	for (uint64_t off = 0; off < 0x140; off++) {
		for (unsigned size = 1; size <= 8; size++) {
			uint64_t gpa = config_at(a, off);

			fake_mmio_write(a->vm, gpa, size, UINT64_MAX);
			fake_mmio_read(a->vm, gpa, size);
		}
	}
}

static void configured(struct arena *a)
{
	uint64_t before[8];
	bool writable = a->dev->type == &virtio_input_device;

	revive(a, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
		before[i] = fake_mmio_read(a->vm, config_at(a, 8 * i), 8);
	access_config(a);
	for (unsigned i = 0; i < ARRAY_SIZE(before) && !writable; i++) {
		uint64_t after = fake_mmio_read(a->vm, config_at(a, 8 * i), 8);

		assert_int_equal(after, before[i]);
	}
	expect_undisturbed(a);
	expect_serves(a);
}

static void configuration_is_accessed(void **state)
{
	(void)state;
	each_victim(configured);
}

/* A status in every order: no device gets going, and none gets stuck. */
static void status_storm(struct arena *a)
{
	uint32_t seed = 1;

	for (unsigned i = 0; i < STORM; i++) {
		seed = seed * 1664525 + 1013904223;
		fake_mmio_set(&a->m, REG_STATUS, seed >> 24);
		fake_mmio_set(&a->m, REG_FEATURES_SEL, seed >> 16 & 1);
		fake_mmio_set(&a->m, REG_FEATURES, seed);
		fake_mmio_set(&a->m, REG_QUEUE_SEL, seed >> 8 & 7);
		fake_mmio_set(&a->m, REG_QUEUE_NUM, seed >> 4 & 0x1ff);
		fake_mmio_set(&a->m, REG_QUEUE_READY, seed >> 3 & 1);
		fake_mmio_kick(&a->m, seed >> 5 & 7);
		fake_vm_io(a->vm);
	}
	expect_undisturbed(a);
	revive(a, 0);
	expect_serves(a);
}

static void status_is_stormed(void **state)
{
	(void)state;
	each_victim(status_storm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_registers_are_written),
		cmocka_unit_test(doorbells_storm),
		cmocka_unit_test(configuration_is_accessed),
		cmocka_unit_test(status_is_stormed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
