/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio over PCI: registers, capabilities, interrupts, doorbells. */
#include <stdio.h>
#include "tests/fakes/fake_kvm.h"
#include "tests/fakes/fake_vm.h"

static struct vm *vm_with_messages(uint64_t mem)
{
	struct vm *vm = fake_vm_create_pci(mem);

	fake_vm_take_msis(vm);
	return vm;
}

#define fake_vm_create vm_with_messages

#include "tests/unit/virtio_fixture.h"
#include "vmm/bytes.h"

#define COMMON_SIZE 56U
#define NO_VECTOR   0xffffU
#define NR_VECTORS  (NR_QUEUES + 1)
#define MSIX_ENABLE 0x8000U
#define COMMAND     0x04

enum {
	DEVICE_FEATURES_SEL = 0,
	DEVICE_FEATURES = 4,
	DRIVER_FEATURES_SEL = 8,
	DRIVER_FEATURES = 12,
	CONFIG_VECTOR = 16,
	NUM_QUEUES = 18,
	STATUS = 20,
	GENERATION = 21,
	QUEUE_SEL = 22,
	QUEUE_SIZE = 24,
	QUEUE_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
};

/** struct reg - A register of the common configuration */
struct reg {
	unsigned off;
	unsigned size;
};

static const struct reg all_regs[] = {
	{ DEVICE_FEATURES_SEL, 4 },
	{ DEVICE_FEATURES, 4 },
	{ DRIVER_FEATURES_SEL, 4 },
	{ DRIVER_FEATURES, 4 },
	{ CONFIG_VECTOR, 2 },
	{ NUM_QUEUES, 2 },
	{ STATUS, 1 },
	{ GENERATION, 1 },
	{ QUEUE_SEL, 2 },
	{ QUEUE_SIZE, 2 },
	{ QUEUE_VECTOR, 2 },
	{ QUEUE_ENABLE, 2 },
	{ QUEUE_NOTIFY_OFF, 2 },
	{ QUEUE_DESC, 4 },
	{ QUEUE_DESC + 4, 4 },
	{ QUEUE_DRIVER, 4 },
	{ QUEUE_DRIVER + 4, 4 },
	{ QUEUE_DEVICE, 4 },
	{ QUEUE_DEVICE + 4, 4 },
};

static uint64_t get(struct fixture *f, unsigned off, unsigned size)
{
	return fake_mmio_read(f->vm, f->m.pci.common + off, size);
}

static void set(struct fixture *f, unsigned off, unsigned size, uint64_t value)
{
	fake_mmio_write(f->vm, f->m.pci.common + off, size, value);
}

static void select_queue(struct fixture *f, unsigned queue)
{
	set(f, QUEUE_SEL, 2, queue);
}

static struct virtq *vq_of(struct fixture *f, unsigned queue)
{
	return &f->vdev->queues[queue].vq;
}

static void enable_msix(struct fixture *f, unsigned control)
{
	const struct fake_pci *p = &f->m.pci;

	for (unsigned i = 0; i < p->msix_vectors; i++) {
		uint64_t entry = p->msix_table + (uint64_t)i * 16;

		fake_mmio_write(f->vm, entry, 8, 0x28000000);
		fake_mmio_write(f->vm, entry + 8, 4, 100 + i);
		fake_mmio_write(f->vm, entry + 12, 4, 0);
	}
	fake_pci_set(p, p->msix_cap + 2, 2, control);
}

static void set_queue_vector(struct fixture *f, unsigned queue, unsigned vector)
{
	select_queue(f, queue);
	set(f, QUEUE_VECTOR, 2, vector);
}

static void test_identity(void **state)
{
	struct fixture *f = *state;
	const struct fake_pci *p = &f->m.pci;

	assert_int_equal(fake_pci_get(p, 0x00, 4),
			 (0x1040 + DEVICE_ID) << 16 | 0x1af4);
	assert_int_equal(fake_pci_get(p, 0x08, 4), 0x00ff0001);
	assert_int_equal(fake_pci_get(p, 0x2c, 4),
			 (0x40 + DEVICE_ID) << 16 | 0x1af4);
	assert_int_equal(fake_pci_get(p, 0x3d, 1), 1);
	assert_int_equal(p->notify_multiplier, 4);
	assert_true(p->device_len >= CONFIG_LEN);
	assert_int_equal(p->msix_vectors, NR_VECTORS);
	assert_int_equal(fake_pci_bar_size(p, 1), 4096);
	assert_int_equal(fake_pci_bar_size(p, 4), 16384);
	/* Its own device only: no other function, nothing else decoded. */
	assert_int_equal(fake_mmio_read(f->vm, FAKE_PCI_MEM64 + 16384, 4),
			 UINT32_MAX);
}

/* Lengths and offsets of the capabilities are inside of what a BAR has. */
static void test_capabilities(void **state)
{
	static const uint8_t sizes[] = { 0, 16, 20, 16, 16, 20 };
	struct fixture *f = *state;
	const struct fake_pci *p = &f->m.pci;
	unsigned seen = 0;

	for (unsigned cap = fake_pci_get(p, 0x34, 1); cap != 0;
	     cap = fake_pci_get(p, cap + 1, 1)) {
		if (fake_pci_get(p, cap, 1) != 9)
			continue;

		unsigned type = fake_pci_get(p, cap + 3, 1);

		assert_in_range(type, 1, 5);
		assert_int_equal(fake_pci_get(p, cap + 2, 1), sizes[type]);
		assert_false(seen & 1U << type);
		seen |= 1U << type;
		if (type == 5)
			continue;
		assert_int_equal(fake_pci_get(p, cap + 4, 1), 4);
		assert_true(range_fits(fake_pci_get(p, cap + 8, 4),
				       fake_pci_get(p, cap + 12, 4), 16384));
		/* None of these can be written. */
		for (unsigned i = 0; i < sizes[type]; i++) {
			uint32_t old = fake_pci_get(p, cap + i, 1);

			fake_pci_set(p, cap + i, 1, ~old & 0xff);
			assert_int_equal(fake_pci_get(p, cap + i, 1), old);
		}
	}
	assert_int_equal(seen, 0x3e);
}

static unsigned width_at(unsigned off)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_regs); i++) {
		if (all_regs[i].off == off)
			return all_regs[i].size;
	}
	return 0;
}

/* Of a width that is not the register's: zero, and without effect. */
static void test_widths(void **state)
{
	struct fixture *f = *state;

	for (unsigned size = 1; size <= 8; size *= 2) {
		for (unsigned off = 0; off < 0x1000; off += size) {
			bool address = off >= QUEUE_DESC && off < COMMON_SIZE &&
				       size == 8;

			if (size == width_at(off) || address)
				continue;
			set(f, off, size, 1);
			assert_int_equal(get(f, off, size), 0);
		}
	}
	assert_int_equal(f->vdev->status, 0);
	assert_int_equal(get(f, QUEUE_SEL, 2), 0);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
	assert_int_equal(get(f, QUEUE_SIZE, 2), 8);
	assert_int_equal(get(f, DEVICE_FEATURES_SEL, 4), 0);
	assert_int_equal(get(f, CONFIG_VECTOR, 2), NO_VECTOR);
}

static void test_read_only(void **state)
{
	static const struct reg regs[] = { { DEVICE_FEATURES, 4 },
					   { NUM_QUEUES, 2 },
					   { GENERATION, 1 },
					   { QUEUE_NOTIFY_OFF, 2 } };
	struct fixture *f = *state;

	assert_int_equal(get(f, NUM_QUEUES, 2), NR_QUEUES);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		uint64_t old = get(f, regs[i].off, regs[i].size);

		set(f, regs[i].off, regs[i].size, ~old);
		assert_int_equal(get(f, regs[i].off, regs[i].size), old);
	}
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(get(f, GENERATION, 1), i);
		lock(f);
		virtio_config_changed(f->vdev);
		unlock(f);
	}
	assert_int_equal(get(f, GENERATION, 1), 0);
}

static void test_features(void **state)
{
	struct fixture *f = *state;

	set(f, STATUS, 1, 3);
	for (uint32_t sel = 0; sel < 4; sel++) {
		set(f, DEVICE_FEATURES_SEL, 4, sel);
		assert_int_equal(get(f, DEVICE_FEATURES_SEL, 4), sel);
		assert_int_equal(get(f, DEVICE_FEATURES, 4),
				 virtio_features_word(f->vdev, sel));
		set(f, DRIVER_FEATURES_SEL, 4, sel);
		assert_int_equal(get(f, DRIVER_FEATURES_SEL, 4), sel);
		set(f, DRIVER_FEATURES, 4, 0x11111111 * (sel + 1));
		assert_int_equal(get(f, DRIVER_FEATURES, 4),
				 sel < 2 ? 0x11111111 * (sel + 1) : 0);
	}
	assert_true(f->vdev->accepted == 0x2222222211111111ULL);
	set(f, DEVICE_FEATURES_SEL, 4, UINT32_MAX);
	assert_int_equal(get(f, DEVICE_FEATURES_SEL, 4), UINT32_MAX);
	assert_int_equal(get(f, DEVICE_FEATURES, 4), 0);
}

static void test_queue_registers(void **state)
{
	static const uint16_t max[NR_QUEUES] = { 8, 64, VIRTQ_MAX_SIZE };
	struct fixture *f = *state;

	for (unsigned i = 0; i < NR_QUEUES; i++) {
		select_queue(f, i);
		assert_int_equal(get(f, QUEUE_SEL, 2), i);
		assert_int_equal(get(f, QUEUE_SIZE, 2), max[i]);
		assert_int_equal(get(f, QUEUE_NOTIFY_OFF, 2), i);
		assert_int_equal(get(f, QUEUE_VECTOR, 2), NO_VECTOR);
		set(f, QUEUE_SIZE, 2, 4);
		assert_int_equal(get(f, QUEUE_SIZE, 2), 4);
		set(f, QUEUE_DESC, 8, 0x1122334455667788);
		set(f, QUEUE_DRIVER, 4, 0x99aabbcc);
		set(f, QUEUE_DEVICE + 4, 4, 0xddeeff00);
		assert_true(vq_of(f, i)->desc == 0x1122334455667788);
		assert_true(vq_of(f, i)->driver == 0x99aabbcc);
		assert_true(vq_of(f, i)->device == 0xddeeff0000000000);
		assert_true(get(f, QUEUE_DESC, 8) == 0x1122334455667788);
		assert_int_equal(get(f, QUEUE_DESC, 4), 0x55667788);
		assert_int_equal(get(f, QUEUE_DESC + 4, 4), 0x11223344);
		assert_true(get(f, QUEUE_DEVICE, 8) == 0xddeeff0000000000);
		/* The halves do not touch each other. */
		set(f, QUEUE_DESC, 4, 1);
		assert_true(vq_of(f, i)->desc == 0x1122334400000001);
		set(f, QUEUE_DESC + 4, 4, 2);
		assert_true(vq_of(f, i)->desc == 0x200000001);
		/* Such a queue cannot be enabled. */
		set(f, QUEUE_ENABLE, 2, 1);
		assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
	}
	set(f, QUEUE_SIZE, 2, 3);
	assert_int_equal(get(f, QUEUE_SIZE, 2), 0);

	/* Nothing but a reset disables a queue. */
	assert_int_equal(fake_mmio_negotiate(&f->m, 0), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 0, 8), 0);
	select_queue(f, 0);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 1);
	set(f, QUEUE_ENABLE, 2, 0);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 1);
	set(f, QUEUE_ENABLE, 2, 2);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 1);
}

static void test_no_such_queue(void **state)
{
	static const unsigned queues[] = { NR_QUEUES, 64, 0x8000, 0xffff };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		select_queue(f, queues[i]);
		for (unsigned off = QUEUE_SIZE; off < COMMON_SIZE; off += 2) {
			unsigned size = width_at(off);

			if (size == 0)
				continue;
			set(f, off, size, 1);
			assert_int_equal(get(f, off, size),
					 off == QUEUE_VECTOR ? NO_VECTOR : 0);
		}
		set(f, QUEUE_DESC, 8, 1);
		assert_int_equal(get(f, QUEUE_DESC, 8), 0);
	}
}

static void test_frozen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_start(&f->m, 0, 4), 0);
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		struct virtq before = *vq_of(f, i);

		select_queue(f, i);
		set(f, QUEUE_SIZE, 2, 2);
		set(f, QUEUE_ENABLE, 2, 0);
		set(f, QUEUE_ENABLE, 2, 2);
		set(f, QUEUE_DESC, 8, 0);
		set(f, QUEUE_DRIVER, 4, 0);
		set(f, QUEUE_DEVICE + 4, 4, 7);
		assert_memory_equal(vq_of(f, i), &before, sizeof(before));
		assert_int_equal(get(f, QUEUE_ENABLE, 2), 1);
		expect_works(f, i);
	}
}

static void test_vectors(void **state)
{
	static const unsigned bad[] = { NR_VECTORS, 0x7fff, 0x8000, 0xfffe };
	struct fixture *f = *state;

	for (unsigned i = 0; i < NR_VECTORS; i++) {
		set(f, CONFIG_VECTOR, 2, i);
		assert_int_equal(get(f, CONFIG_VECTOR, 2), i);
		set_queue_vector(f, i % NR_QUEUES, i);
		assert_int_equal(get(f, QUEUE_VECTOR, 2), i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		set(f, CONFIG_VECTOR, 2, 1);
		set(f, CONFIG_VECTOR, 2, bad[i]);
		assert_int_equal(get(f, CONFIG_VECTOR, 2), NO_VECTOR);
		set_queue_vector(f, 1, 1);
		set_queue_vector(f, 1, bad[i]);
		assert_int_equal(get(f, QUEUE_VECTOR, 2), NO_VECTOR);
	}
	/* Each queue has its own. */
	set_queue_vector(f, 0, 2);
	select_queue(f, 1);
	assert_int_equal(get(f, QUEUE_VECTOR, 2), NO_VECTOR);
}

static uint64_t read_isr(struct fixture *f)
{
	return fake_mmio_read(f->vm, f->m.pci.isr, 1);
}

static void test_intx(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);
	expect_works(f, 1);
	assert_true(fake_irq_level(f->vm, f->irq));
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
	/* Only the register itself acknowledges. */
	fake_mmio_write(f->vm, f->m.pci.isr, 1, 0xff);
	fake_mmio_read(f->vm, f->m.pci.isr + 1, 1);
	fake_mmio_read(f->vm, f->m.pci.isr + 4, 4);
	assert_true(fake_irq_level(f->vm, f->irq));
	lock(f);
	virtio_config_changed(f->vdev);
	unlock(f);
	assert_int_equal(read_isr(f), 3);
	assert_false(fake_irq_level(f->vm, f->irq));
	assert_int_equal(read_isr(f), 0);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
}

static void test_msix(void **state)
{
	struct fixture *f = *state;
	struct fake_msi msi;

	enable_msix(f, MSIX_ENABLE);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	set(f, CONFIG_VECTOR, 2, NR_QUEUES);
	for (unsigned i = 0; i < NR_QUEUES - 1; i++)
		set_queue_vector(f, i, i);
	for (unsigned i = 0; i < NR_QUEUES - 1; i++) {
		expect_works(f, i);
		assert_int_equal(fake_msis(f->vm, &msi), 1);
		assert_int_equal(msi.data, 100 + i);
		assert_int_equal(read_isr(f), 0);
	}
	/* A queue without a vector is silent. */
	expect_works(f, NR_QUEUES - 1);
	assert_int_equal(fake_msis(f->vm, NULL), 0);
	lock(f);
	virtio_config_changed(f->vdev);
	unlock(f);
	assert_int_equal(fake_msis(f->vm, &msi), 1);
	assert_int_equal(msi.data, 100 + NR_QUEUES);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);
	assert_int_equal(fake_pci_get(&f->m.pci, 0x06, 2), 0x18);
	assert_int_equal(read_isr(f), VIRTIO_ISR_CONFIG);
	assert_int_equal(fake_pci_get(&f->m.pci, 0x06, 2), 0x10);
}

static void test_device_config(void **state)
{
	struct fixture *f = *state;
	uint64_t at = f->m.pci.device;

	for (unsigned size = 1; size <= 8; size *= 2) {
		for (unsigned off = 0; off < 32; off += size) {
			lock(f);
			uint64_t want = virtio_config_read(f->vdev, off, size);
			unlock(f);
			assert_true(fake_mmio_read(f->vm, at + off, size) ==
				    want);
		}
	}
	fake_mmio_write(f->vm, at + 2, 2, 0x1234);
	assert_int_equal(f->dev->config[2], 0x34);
	assert_int_equal(f->dev->config[3], 0x12);
	fake_mmio_write(f->vm, at + 0xff8, 8, UINT64_MAX);
	assert_int_equal(fake_mmio_read(f->vm, at + 0xff8, 8), 0);
}

static void test_doorbell(void **state)
{
	struct fixture *f = *state;
	uint64_t at = f->m.pci.notify;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_vm_io(f->vm);
	memset(f->dev->notified, 0, sizeof(f->dev->notified));
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			fake_mmio_write(f->vm, at + 4 * i, size, 0x77);
			fake_vm_io(f->vm);
		}
		assert_int_equal(f->dev->notified[i], 3);
	}
	/* Between two, behind the last one, and no write at all. */
	fake_mmio_write(f->vm, at + 2, 2, 0);
	fake_mmio_write(f->vm, at + 1, 1, 0);
	for (unsigned off = 4 * NR_QUEUES; off < 0x1000; off += 4)
		fake_mmio_write(f->vm, at + off, 2, 0);
	assert_int_equal(fake_mmio_read(f->vm, at, 2), 0);
	assert_int_equal(fake_vm_io(f->vm), 0);
}

/* The driver's reset is not the machine's. */
static void test_resets(void **state)
{
	struct fixture *f = *state;
	const struct fake_pci *p = &f->m.pci;

	enable_msix(f, MSIX_ENABLE);
	fake_pci_set(p, 0x3c, 1, 0x42);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	set(f, CONFIG_VECTOR, 2, 1);
	set_queue_vector(f, 0, 1);
	set(f, DEVICE_FEATURES_SEL, 4, 1);
	lock(f);
	virtio_config_changed(f->vdev);
	unlock(f);

	set(f, STATUS, 1, 0);
	assert_int_equal(get(f, STATUS, 1), 0);
	assert_int_equal(read_isr(f), 0);
	assert_int_equal(get(f, CONFIG_VECTOR, 2), NO_VECTOR);
	assert_int_equal(get(f, QUEUE_VECTOR, 2), NO_VECTOR);
	assert_int_equal(get(f, QUEUE_SEL, 2), 0);
	assert_int_equal(get(f, DEVICE_FEATURES_SEL, 4), 0);
	assert_int_equal(get(f, QUEUE_SIZE, 2), 8);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
	assert_int_equal(fake_pci_get(p, 0x3c, 1), 0x42);
	assert_int_equal(fake_pci_get(p, p->msix_cap + 2, 2),
			 MSIX_ENABLE | (NR_VECTORS - 1));
	assert_int_equal(fake_mmio_read(f->vm, p->msix_table + 8, 4), 100);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 1);

	lock(f);
	test_type.reset(&f->vdev->dev);
	unlock(f);
	assert_int_equal(fake_pci_get(p, COMMAND, 2), 0);
	assert_int_equal(fake_pci_get(p, 0x3c, 1), 0);
	assert_int_equal(fake_pci_get(p, 0x20, 4), 4);
	assert_int_equal(fake_pci_get(p, p->msix_cap + 2, 2), NR_VECTORS - 1);
	assert_int_equal(get(f, STATUS, 1), 0xff);
	fake_pci_init(&f->m.pci, f->vm, 0);
	assert_int_equal(fake_mmio_read(f->vm, p->msix_table + 8, 8),
			 1ULL << 32);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 2);
}

/*
 * The window in configuration space.
 */

static void aim(struct fixture *f, uint32_t bar, uint32_t off, uint32_t len)
{
	const struct fake_pci *p = &f->m.pci;

	fake_pci_set(p, p->cfg_cap + 4, 1, bar);
	fake_pci_set(p, p->cfg_cap + 8, 4, off);
	fake_pci_set(p, p->cfg_cap + 12, 4, len);
	assert_int_equal(fake_pci_get(p, p->cfg_cap + 4, 1), bar);
	assert_int_equal(fake_pci_get(p, p->cfg_cap + 8, 4), off);
	assert_int_equal(fake_pci_get(p, p->cfg_cap + 12, 4), len);
}

static uint32_t window_get(struct fixture *f, uint32_t off, unsigned len)
{
	aim(f, 4, off, len);
	return fake_pci_get(&f->m.pci, f->m.pci.cfg_cap + 16, len);
}

static void window_set(struct fixture *f, uint32_t off, unsigned len,
		       uint32_t value)
{
	aim(f, 4, off, len);
	fake_pci_set(&f->m.pci, f->m.pci.cfg_cap + 16, len, value);
}

/* A driver that has no other way, with memory accesses off. */
static void test_window(void **state)
{
	struct fixture *f = *state;

	fake_pci_set(&f->m.pci, COMMAND, 2, 0);
	assert_int_equal(get(f, STATUS, 1), 0xff);
	window_set(f, STATUS, 1, 3);
	assert_int_equal(f->vdev->status, 3);
	assert_int_equal(window_get(f, STATUS, 1), 3);
	window_set(f, QUEUE_SEL, 2, 1);
	assert_int_equal(window_get(f, QUEUE_SIZE, 2), 64);
	window_set(f, QUEUE_DESC + 4, 4, 0x12345678);
	assert_true(vq_of(f, 1)->desc == 0x1234567800000000);
	assert_int_equal(window_get(f, 0x2000, 4), 0xa3a2a1a0);
	assert_int_equal(window_get(f, 0x2003, 1), 0xa3);
	window_set(f, STATUS, 1, 0);
	assert_int_equal(f->vdev->status, 0);
	/* Of the data only as much counts as the access is long. */
	aim(f, 4, QUEUE_SIZE, 2);
	fake_pci_set(&f->m.pci, f->m.pci.cfg_cap + 16, 4, 0xdead0004);
	assert_int_equal(window_get(f, QUEUE_SIZE, 2), 4);
}

static void test_window_refuses(void **state)
{
	static const struct {
		uint32_t bar, off, len;
	} bad[] = {
		{ 4, 0x14, 0 },       { 4, 0x14, 3 },     { 4, 0x14, 8 },
		{ 4, 0x13, 2 },       { 4, 0x12, 4 },     { 4, 0x4000, 1 },
		{ 4, 0xfffffffc, 4 }, { 4, 0x14, 0x101 }, { 0, 0x14, 1 },
		{ 1, 0x14, 1 },       { 5, 0x14, 1 },     { 6, 0x14, 1 },
		{ 0xff, 0x14, 1 },    { 0x84, 0x14, 1 },  { 4, 0x2001, 3 },
	};
	struct fixture *f = *state;
	const struct fake_pci *p = &f->m.pci;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		aim(f, bad[i].bar, bad[i].off, bad[i].len);
		fake_pci_set(p, p->cfg_cap + 16, 4, 0xffffffff);
		/* What was written last stays there. */
		assert_int_equal(fake_pci_get(p, p->cfg_cap + 16, 4),
				 0xffffffff);
		assert_int_equal(f->vdev->status, 0);
		assert_int_equal(f->vdev->accepted, 0);
	}
	/* Only its data is a way through, not what lies around it. */
	aim(f, 4, STATUS, 1);
	fake_pci_set(p, p->cfg_cap + 12, 4, 1);
	fake_pci_set(p, p->cfg_cap + 20, 4, 0);
	assert_int_equal(f->vdev->status, 0);
}

/*
 * Doorbells that KVM handles.
 */

/** struct store - A guest's store that may or may not exit */
struct store {
	uint64_t gpa;
	uint32_t len;
};

static int prepare_store(struct kvm_run *run, void *arg)
{
	const struct store *s = arg;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = s->gpa;
	run->mmio.len = s->len;
	run->mmio.is_write = 1;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	return 0;
}

static int prepare_end(struct kvm_run *run, void *arg)
{
	(void)arg;
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

/** struct kvm_state - One vCPU of a fake KVM */
struct kvm_state {
	int vcpu;
	struct kvm_run *run;
};

static bool store_exits(const struct kvm_state *k, uint64_t gpa, unsigned len)
{
	struct store s = { gpa, len };
	struct fake_exit exits[] = { { .prepare = prepare_store, .arg = &s },
				     { .prepare = prepare_end } };

	fake_kvm_script(0, exits, 2);
	assert_int_equal(kvm_run(k->vcpu), 0);

	bool exited = k->run->exit_reason == KVM_EXIT_MMIO;

	if (exited)
		assert_int_equal(kvm_run(k->vcpu), 0);
	return exited;
}

static void kvm_start(struct fixture *f, struct kvm_state *k)
{
	struct error err;

	assert_int_equal(kvm_open(&f->vm->kvm, NULL, &err), 0);
	assert_int_equal(kvm_create_vm(&f->vm->kvm, 0, &err), 0);
	assert_int_equal(
		kvm_create_vcpu(&f->vm->kvm, 0, &k->vcpu, &k->run, &err), 0);
	assert_int_equal(test_type.power_on(&f->vdev->dev, &err), 0);
}

static void kvm_stop(struct fixture *f, struct kvm_state *k)
{
	test_type.power_off(&f->vdev->dev);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	kvm_destroy_vcpu(&f->vm->kvm, k->vcpu, k->run);
	kvm_destroy_vm(&f->vm->kvm);
	kvm_close(&f->vm->kvm);
}

static void expect_bound(struct fixture *f, const struct kvm_state *k)
{
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		uint64_t at = f->m.pci.notify + 4 * i;
		unsigned before = f->dev->notified[i];

		assert_false(store_exits(k, at, 2));
		fake_vm_io(f->vm);
		assert_int_equal(f->dev->notified[i], before + 1);
		assert_true(store_exits(k, at + 2, 2));
	}
	assert_true(store_exits(k, f->m.pci.notify + 4 * NR_QUEUES, 2));
}

static void move_bar(struct fixture *f, uint64_t addr)
{
	fake_pci_set_bar(&f->m.pci, 4, addr);
	fake_pci_walk(&f->m.pci);
}

static void test_ioeventfd(void **state)
{
	struct fixture *f = *state;
	const struct fake_pci *p = &f->m.pci;
	uint64_t old = p->notify;
	struct kvm_state k;

	fake_kvm_reset();
	kvm_start(f, &k);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	expect_bound(f, &k);
	assert_true(store_exits(&k, old, 4));

	/* Into the other window, whose addresses are not the guest's. */
	move_bar(f, FAKE_PCI_MEM32 + 0x40000);
	assert_int_equal(p->common, FAKE_PCI_MEM32_GPA + 0x40000);
	assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	expect_bound(f, &k);
	assert_true(store_exits(&k, old, 2));

	/* To where no window is, and off. */
	move_bar(f, FAKE_PCI_MEM32 - 0x2000);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	move_bar(f, UINT64_MAX);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	move_bar(f, FAKE_PCI_MEM64);
	assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	fake_pci_set(p, COMMAND, 2, 0);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	fake_pci_set(p, COMMAND, 2, 2);
	expect_bound(f, &k);

	lock(f);
	test_type.reset(&f->vdev->dev);
	unlock(f);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	kvm_stop(f, &k);
	/* Without a virtual machine there is nothing to bind to. */
	fake_pci_init(&f->m.pci, f->vm, 0);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
}

static void test_ioeventfd_any_length(void **state)
{
	struct fixture *f = *state;
	struct kvm_state k;

	fake_kvm_reset();
	fake_kvm_set_cap(KVM_CAP_IOEVENTFD_ANY_LENGTH, 1);
	kvm_start(f, &k);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_vm_io(f->vm);
	expect_bound(f, &k);
	assert_false(store_exits(&k, f->m.pci.notify, 4));
	/* A reboot: as it is, then bound anew. */
	test_type.power_off(&f->vdev->dev);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	assert_int_equal(test_type.power_on(&f->vdev->dev, NULL), 0);
	assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	kvm_stop(f, &k);
}

/* KVM takes some of them, or none: the rest exits and rings all the same. */
static void test_few_ioeventfds(void **state)
{
	struct fixture *f = *state;
	struct kvm_state k;

	for (unsigned n = 1; n <= NR_QUEUES + 1; n++) {
		fake_kvm_reset();
		fake_pci_set(&f->m.pci, COMMAND, 2, 0);
		kvm_start(f, &k);
		fake_kvm_fail_nth(n, -ENOSPC);
		fake_pci_set(&f->m.pci, COMMAND, 2, 2);
		assert_int_equal(fake_kvm_ioeventfds(),
				 n > NR_QUEUES ? NR_QUEUES : n - 1);
		fake_kvm_fail_nth(0, 0);
		assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
		for (unsigned i = 0; i < NR_QUEUES; i++)
			expect_works(f, i);
		kvm_stop(f, &k);
	}
	fake_kvm_reset();
	fake_vm_config(f->vm)->no_ioeventfd = true;
	kvm_start(f, &k);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	kvm_stop(f, &k);
}

static void toggle(struct fixture *f, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		fake_pci_set(&f->m.pci, COMMAND, 2, 0);
		fake_pci_set(&f->m.pci, COMMAND, 2, 2);
	}
}

static unsigned lines_with(struct fixture *f, const char *text)
{
	unsigned count = 0;

	for (const char *at = fake_vm_log(f->vm);
	     (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

/* However often a guest moves the BAR, KVM has little work of it. */
static void test_many_moves(void **state)
{
	struct fixture *f = *state;
	struct kvm_state k;

	fake_kvm_reset();
	kvm_start(f, &k);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_vm_io(f->vm);
	/* More than Linux does. */
	toggle(f, 32);
	expect_bound(f, &k);
	assert_int_equal(lines_with(f, "slow"), 0);

	fake_kvm_fail_nth(64 * 2 * NR_QUEUES + 1, -ENOSPC);
	toggle(f, 10000);
	assert_false(fake_kvm_failed());
	fake_kvm_fail_nth(0, 0);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	assert_int_equal(lines_with(f, "slow"), 1);
	/* The stores exit, and do the same. */
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		assert_true(store_exits(&k, f->m.pci.notify + 4 * i, 2));
		expect_works(f, i);
	}

	/* Not for ever: the next life begins anew. */
	lock(f);
	test_type.reset(&f->vdev->dev);
	unlock(f);
	fake_pci_init(&f->m.pci, f->vm, 0);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_vm_io(f->vm);
	expect_bound(f, &k);
	kvm_stop(f, &k);
}

/*
 * Saved state.
 */

static void save(struct fixture *f, struct snap_writer *w)
{
	lock(f);
	test_type.quiesce(&f->vdev->dev);
	unlock(f);
	snap_writer_init(w, arch_info.name);
	assert_int_equal(device_save(&f->vdev->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

/* The body of @w's first section. */
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

static int restore(struct fixture *f, const uint8_t *body, size_t len)
{
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section section;

	snap_writer_init(&w, arch_info.name);
	snap_begin(&w, "virtio-test", "virtio-test0", 1);
	snap_put_bytes(&w, body, len);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(
		snap_reader_init(&r, w.data, w.len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	int ret = device_restore(&f->vdev->dev, &r, section.version);

	snap_writer_free(&w);
	return ret;
}

/* A second machine with the same RAM, where the first one's driver goes on. */
static struct fixture *move(struct fixture *from, int *ret)
{
	struct snap_writer w;
	void *state;
	size_t len;

	save(from, &w);
	setup(&state);

	struct fixture *to = state;
	const uint8_t *body = body_of(&w, &len);

	lock(to);
	test_type.reset(&to->vdev->dev);
	unlock(to);
	memcpy(to->vm->gmem.regions[0].host, from->vm->gmem.regions[0].host,
	       from->vm->gmem.regions[0].size);
	*ret = restore(to, body, len);
	snap_writer_free(&w);

	struct vm *vm = to->m.vm;

	to->m = from->m;
	to->m.vm = vm;
	to->m.pci.vm = vm;
	to->m.drv.gmem = &vm->gmem;
	for (unsigned i = 0; i < to->m.nr_queues; i++)
		to->m.queues[i].drv = &to->m.drv;
	lock(to);
	test_type.resume(&to->vdev->dev);
	unlock(to);
	return to;
}

static void finish(struct fixture *f)
{
	void *state = f;

	teardown(&state);
}

static void test_state_msix(void **state)
{
	struct fixture *f = *state;
	struct fake_msi msi;
	int ret;

	enable_msix(f, MSIX_ENABLE);
	assert_int_equal(fake_mmio_start(&f->m, EVENT_IDX, 8), 0);
	set(f, CONFIG_VECTOR, 2, 0);
	set_queue_vector(f, 2, 3);
	expect_works(f, 2);

	struct fixture *to = move(f, &ret);

	assert_int_equal(ret, 0);
	assert_int_equal(get(to, CONFIG_VECTOR, 2), 0);
	assert_int_equal(get(to, QUEUE_SEL, 2), 2);
	assert_int_equal(get(to, QUEUE_VECTOR, 2), 3);
	assert_int_equal(get(to, STATUS, 1), ALL_OK);
	expect_works(to, 2);
	assert_int_equal(fake_msis(to->vm, &msi), 1);
	assert_int_equal(msi.data, 103);
	assert_int_equal(fake_irq_pulses(to->vm, to->irq), 0);
	finish(to);
}

/* An interrupt that was not acknowledged is there after the move. */
static void test_state_intx(void **state)
{
	struct fixture *f = *state;
	int ret;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);
	assert_true(fake_irq_level(f->vm, f->irq));

	struct fixture *to = move(f, &ret);

	assert_int_equal(ret, 0);
	assert_true(fake_irq_level(to->vm, to->irq));
	assert_int_equal(read_isr(to), VIRTIO_ISR_QUEUE);
	assert_false(fake_irq_level(to->vm, to->irq));
	expect_works(to, 1);
	finish(to);
}

static void test_state_truncated(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	size_t len;

	enable_msix(f, MSIX_ENABLE);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	set_queue_vector(f, 1, 1);
	save(f, &w);

	const uint8_t *body = body_of(&w, &len);

	assert_int_equal(restore(f, body, len), 0);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(restore(f, body, n), -EBADMSG);
		assert_int_equal(f->vdev->status, 0);
		assert_int_equal(fake_pci_get(&f->m.pci, COMMAND, 2), 0);
		assert_false(fake_irq_level(f->vm, f->irq));
	}
	snap_writer_free(&w);
}

/* Random bytes turned: never more than a state that a driver could reach. */
static void test_state_damaged(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	size_t len;

	enable_msix(f, MSIX_ENABLE);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	save(f, &w);

	const uint8_t *body = body_of(&w, &len);
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	for (size_t i = 0; i < len; i++) {
		memcpy(copy, body, len);
		copy[i] ^= (uint8_t)(1U << (i * 7 % 8));
		if (restore(f, copy, len) < 0) {
			assert_int_equal(f->vdev->status, 0);
			continue;
		}
		fake_vm_io(f->vm);
		for (unsigned q = 0; q < NR_QUEUES; q++) {
			select_queue(f, q);
			if (get(f, STATUS, 1) != 0xff)
				assert_true(
					get(f, QUEUE_VECTOR, 2) < NR_VECTORS ||
					get(f, QUEUE_VECTOR, 2) == NO_VECTOR);
		}
	}
	free(copy);
	snap_writer_free(&w);
}

/* Vectors that do not exist, and a selector that no register holds. */
static void test_state_out_of_range(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	size_t len;

	enable_msix(f, MSIX_ENABLE);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	save(f, &w);

	uint8_t *copy = malloc(body_of(&w, &len) != NULL ? len : 0);
	size_t vectors = len - 2 * (1 + NR_QUEUES);

	assert_non_null(copy);
	for (size_t at = vectors; at < len; at += 2) {
		memcpy(copy, body_of(&w, &len), len);
		le16_store(copy + at, NR_VECTORS - 1);
		assert_int_equal(restore(f, copy, len), 0);
		le16_store(copy + at, NR_VECTORS);
		assert_int_equal(restore(f, copy, len), -EBADMSG);
	}
	memcpy(copy, body_of(&w, &len), len);
	le32_store(copy + vectors - 8, UINT16_MAX);
	assert_int_equal(restore(f, copy, len), 0);
	le32_store(copy + vectors - 8, UINT16_MAX + 1);
	assert_int_equal(restore(f, copy, len), -EBADMSG);
	free(copy);
	snap_writer_free(&w);
}

/*
 * A hostile guest.
 */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* One access of any kind to anything. */
static void wild_access(struct fixture *f, uint32_t *seed)
{
	static const uint64_t bases[] = {
		FAKE_PCI_MEM64,
		FAKE_PCI_MEM64 + 0x1000,
		FAKE_PCI_MEM64 + 0x2000,
		FAKE_PCI_MEM64 + 0x3000,
		FAKE_PCI_MEM32_GPA,
		FAKE_PCI_MEM32_GPA + 0x800,
		FAKE_PCI_MEM32_GPA + 0x1000,
	};
	uint32_t r = next_random(seed);
	unsigned size = 1U << (r & 3);
	uint64_t value = next_random(seed);
	uint64_t off = next_random(seed) & 0x7f & ~(uint64_t)(size - 1);
	uint32_t ignored;

	if (r & 4)
		value = value % 5;
	if (r & 8) {
		unsigned cfg = next_random(seed) & 0xff & ~(size - 1);

		pci_config_write(f->vm->pci, 0, cfg, size, (uint32_t)value);
		pci_config_read(f->vm->pci, 0, cfg, size, &ignored);
		return;
	}
	uint64_t gpa = bases[r / 16 % ARRAY_SIZE(bases)] + off;

	fake_mmio_write(f->vm, gpa, size, value);
	fake_mmio_read(f->vm, gpa, size);
}

static void test_wild(void **state)
{
	struct fixture *f = *state;

	for (uint32_t run = 1; run < 200; run++) {
		uint32_t seed = run;

		for (unsigned i = 0; i < 500; i++) {
			wild_access(f, &seed);
			/* Back to where most accesses go. */
			if (i % 50 == 0) {
				fake_pci_set_bar(&f->m.pci, 4, FAKE_PCI_MEM64);
				fake_pci_set_bar(&f->m.pci, 1, FAKE_PCI_MEM32);
				fake_pci_set(&f->m.pci, COMMAND, 2, 2);
			}
		}
		fake_vm_io(f->vm);
		lock(f);
		test_type.reset(&f->vdev->dev);
		unlock(f);
		assert_false(fake_irq_level(f->vm, f->irq));
		fake_pci_init(&f->m.pci, f->vm, 0);
		assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
		expect_works(f, run % NR_QUEUES);
		f->m.drv.next = f->vm->gmem.regions[0].gpa + KIB(64);
	}
}

/** struct racer - A vCPU with its own random numbers */
struct racer {
	struct fixture *f;
	uint32_t seed;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	for (unsigned i = 0; i < 10000; i++)
		wild_access(racer->f, &racer->seed);
	return NULL;
}

static void *move_bars(void *arg)
{
	struct racer *racer = arg;
	const struct fake_pci *p = &racer->f->m.pci;

	for (unsigned i = 0; i < 2000; i++) {
		fake_pci_set_bar(p, 4, FAKE_PCI_MEM64 + (i & 1) * 0x4000);
		fake_pci_set_bar(p, 1, FAKE_PCI_MEM32 + (i & 2) * 0x1000);
		fake_pci_set(p, COMMAND, 2, i % 5 ? 6 : 0);
	}
	return NULL;
}

static void test_race(void **state)
{
	struct fixture *f = *state;
	struct racer racers[3] = { { f, 1 }, { f, 2 }, { f, 3 } };
	pthread_t threads[3];
	struct kvm_state k;

	fake_kvm_reset();
	kvm_start(f, &k);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i == 0 ? move_bars : race,
						&racers[i]),
				 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	fake_vm_io(f->vm);
	lock(f);
	test_type.reset(&f->vdev->dev);
	unlock(f);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	fake_pci_init(&f->m.pci, f->vm, 0);
	assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);
	kvm_stop(f, &k);
}

static void test_no_bus(void **state)
{
	struct fixture *f = *state;
	struct pci_bus *bus = f->vm->pci;
	struct device_config dc = { .type = &test_type, .index = 1 };
	struct device *dev;
	struct error err;

	f->vm->pci = NULL;
	assert_int_equal(test_type.create(f->vm, &dc, &dev, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--virtio-transport mmio"));
	f->vm->pci = bus;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_capabilities),
		TEST(test_widths),
		TEST(test_read_only),
		TEST(test_features),
		TEST(test_queue_registers),
		TEST(test_no_such_queue),
		TEST(test_frozen),
		TEST(test_vectors),
		TEST(test_intx),
		TEST(test_msix),
		TEST(test_device_config),
		TEST(test_doorbell),
		TEST(test_resets),
		TEST(test_window),
		TEST(test_window_refuses),
		TEST(test_ioeventfd),
		TEST(test_ioeventfd_any_length),
		TEST(test_few_ioeventfds),
		TEST(test_many_moves),
		TEST(test_state_msix),
		TEST(test_state_intx),
		TEST(test_state_truncated),
		TEST(test_state_damaged),
		TEST(test_state_out_of_range),
		TEST(test_wild),
		TEST(test_race),
		TEST(test_no_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
