/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-mmio window, register by register, and what a guest may try. */
#include <libfdt.h>
#include <stdio.h>
#include "tests/fakes/fake_kvm.h"
#include "tests/unit/virtio_fixture.h"

#include "vmm/bytes.h"
#include "vmm/fdt.h"

enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE = 0x008,
	VENDOR = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	SHM_LEN = 0x0b0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

static void test_identity(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_get(&f->m, MAGIC), 0x74726976);
	assert_int_equal(fake_mmio_get(&f->m, VERSION), 2);
	assert_int_equal(fake_mmio_get(&f->m, DEVICE), DEVICE_ID);
	assert_int_equal(fake_mmio_get(&f->m, STATUS), 0);
	assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 0);
	/* No shared memory: its length is all ones. */
	assert_int_equal(fake_mmio_get(&f->m, SHM_LEN), 0xffffffff);
	assert_int_equal(fake_mmio_get(&f->m, SHM_LEN + 4), 0xffffffff);
	/* Both halves of the features; nothing behind them. */
	assert_true(fake_mmio_offered(&f->m) == f->vdev->offered);
	fake_mmio_set(&f->m, DEVICE_FEATURES_SEL, 2);
	assert_int_equal(fake_mmio_get(&f->m, DEVICE_FEATURES), 0);
	fake_mmio_set(&f->m, DEVICE_FEATURES_SEL, ~0U);
	assert_int_equal(fake_mmio_get(&f->m, DEVICE_FEATURES), 0);
}

/* Only aligned 32-bit accesses to registers, below the configuration. */
static void test_widths(void **state)
{
	struct fixture *f = *state;
	static const unsigned widths[] = { 1, 2, 8 };

	for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
		for (uint64_t off = 0; off < CONFIG; off++) {
			uint64_t gpa = f->m.base + off;

			fake_mmio_write(f->vm, gpa, widths[i], ~0ULL);
			assert_true(fake_mmio_read(f->vm, gpa, widths[i]) == 0);
		}
	}
	for (uint64_t off = 0; off < CONFIG; off++) {
		if (off % 4 == 0)
			continue;
		fake_mmio_write(f->vm, f->m.base + off, 4, ~0ULL);
		assert_true(fake_mmio_read(f->vm, f->m.base + off, 4) == 0);
	}
	assert_int_equal(f->vdev->status, 0);
	assert_int_equal(f->vdev->accepted, 0);
	assert_int_equal(fake_vm_io(f->vm), 0);
}

static void test_read_only(void **state)
{
	struct fixture *f = *state;
	static const uint64_t regs[] = {
		MAGIC,   VERSION,          DEVICE,
		VENDOR,  DEVICE_FEATURES,  QUEUE_NUM_MAX,
		SHM_LEN, INTERRUPT_STATUS, CONFIG_GENERATION
	};

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		uint32_t before = fake_mmio_get(&f->m, regs[i]);

		fake_mmio_set(&f->m, regs[i], ~before);
		assert_int_equal(fake_mmio_get(&f->m, regs[i]), before);
	}
	/* Write-only ones and holes read as zero. */
	fake_mmio_set(&f->m, QUEUE_DESC, 0x1000);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_DESC), 0);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_NUM), 0);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_NOTIFY), 0);
	assert_int_equal(fake_mmio_get(&f->m, 0x0c0), 0);
	assert_int_equal(fake_mmio_get(&f->m, 0x018), 0);
}

static void test_queue_select(void **state)
{
	struct fixture *f = *state;
	static const uint32_t max[] = { 8, 64, VIRTQ_MAX_SIZE };
	static const uint32_t beyond[] = { NR_QUEUES,  63,         64,
					   0x10000,    0x7fffffff, 0x80000000,
					   0x80000001, 0xffffffff };

	for (uint32_t i = 0; i < NR_QUEUES; i++) {
		fake_mmio_set(&f->m, QUEUE_SEL, i);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_NUM_MAX), max[i]);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		fake_mmio_set(&f->m, QUEUE_SEL, beyond[i]);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_NUM_MAX), 0);
		for (uint64_t off = QUEUE_NUM; off < 0x0b0; off += 4)
			if (off != STATUS)
				fake_mmio_set(&f->m, off, 0x10);
		fake_mmio_set(&f->m, QUEUE_READY, 1);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
	}
	for (uint32_t i = 0; i < NR_QUEUES; i++)
		assert_int_equal(f->vdev->queues[i].vq.desc, 0);
}

static void test_queue_ready(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_negotiate(&f->m, 0), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 0, 8), 0);
	/* Frozen while it is ready. */
	fake_mmio_set(&f->m, QUEUE_NUM, 4);
	fake_mmio_set(&f->m, QUEUE_DESC, 0);
	fake_mmio_set(&f->m, QUEUE_DRIVER + 4, 1);
	assert_int_equal(f->vdev->queues[0].vq.size, 8);
	assert_true(f->vdev->queues[0].vq.desc == f->m.queues[0].desc);
	assert_true(f->vdev->queues[0].vq.driver == f->m.queues[0].avail);
	/* Only 0 and 1 mean something. */
	fake_mmio_set(&f->m, QUEUE_READY, 2);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 1);
	fake_mmio_set(&f->m, QUEUE_READY, 0);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
	fake_mmio_set(&f->m, QUEUE_READY, 0x100);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
	/* Sizes that it must not take. */
	static const uint32_t bad[] = { 0, 3, 16, 0x10008, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_mmio_set(&f->m, QUEUE_NUM, bad[i]);
		fake_mmio_set(&f->m, QUEUE_READY, 1);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
	}
	fake_mmio_set(&f->m, QUEUE_NUM, 8);
	/* The high half counts. */
	fake_mmio_set(&f->m, QUEUE_DEVICE + 4, 0x80000000);
	fake_mmio_set(&f->m, QUEUE_READY, 1);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
	fake_mmio_set(&f->m, QUEUE_DEVICE + 4, 0);
	fake_mmio_set(&f->m, QUEUE_READY, 1);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 1);
}

/* As in CVE-2026-5747: the registers of a running device. */
static void test_frozen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);

	struct virtq before[NR_QUEUES];

	for (unsigned i = 0; i < NR_QUEUES; i++) {
		before[i] = f->vdev->queues[i].vq;
		fake_mmio_set(&f->m, QUEUE_SEL, i);
		fake_mmio_set(&f->m, QUEUE_NUM, 1024);
		fake_mmio_set(&f->m, QUEUE_NUM, 0);
		fake_mmio_set(&f->m, QUEUE_READY, 0);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 1);
		for (uint64_t off = QUEUE_DESC; off < 0x0b0; off += 4)
			fake_mmio_set(&f->m, off, 0xfffffff0);
		fake_mmio_set(&f->m, QUEUE_READY, 1);
		assert_memory_equal(&before[i], &f->vdev->queues[i].vq,
				    sizeof(before[i]));
	}
	fake_mmio_set(&f->m, DRIVER_FEATURES, 0xffffffff);
	fake_mmio_set(&f->m, STATUS, ALL_OK);
	assert_true(f->vdev->accepted == VIRTIO_BIT(VIRTIO_F_VERSION_1));
	for (unsigned i = 0; i < NR_QUEUES; i++)
		expect_works(f, i);
}

static void test_reset(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_start(&f->m, EVENT_IDX, 8), 0);
	expect_works(f, 0);
	assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 1);
	/* Not a reset: the low byte is not all there is. */
	fake_mmio_set(&f->m, STATUS, 0x100);
	fake_mmio_set(&f->m, STATUS, 0x80000000);
	assert_int_equal(fake_mmio_get(&f->m, STATUS), ALL_OK);
	expect_works(f, 1);

	fake_mmio_set(&f->m, QUEUE_SEL, 1);
	fake_mmio_set(&f->m, STATUS, 0);
	assert_int_equal(fake_mmio_get(&f->m, STATUS), 0);
	assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 0);
	assert_int_equal(fake_mmio_get(&f->m, QUEUE_NUM_MAX), 8);
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		fake_mmio_set(&f->m, QUEUE_SEL, i);
		assert_int_equal(fake_mmio_get(&f->m, QUEUE_READY), 0);
		assert_int_equal(f->vdev->queues[i].vq.desc, 0);
		assert_false(f->vdev->queues[i].vq.event_idx);
	}
	assert_int_equal(f->vdev->accepted, 0);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 2);
}

static void test_interrupts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_irq_pulses(f->vm, f->irq);
	expect_works(f, 0);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
	/* Not acknowledged: the driver will look anyway. */
	expect_works(f, 1);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);
	/* Another cause is news. */
	lock(f);
	virtio_config_changed(f->vdev);
	unlock(f);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
	assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 3);
	/* Bits that are not set, or do not exist. */
	fake_mmio_set(&f->m, INTERRUPT_ACK, 0xfffffffc);
	assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 3);
	fake_mmio_set(&f->m, INTERRUPT_ACK, 1);
	assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 2);
	expect_works(f, 0);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
	assert_int_equal(fake_mmio_irq(&f->m), 3);
	assert_int_equal(fake_mmio_irq(&f->m), 0);
	/* The line never stays up. */
	assert_false(fake_irq_level(f->vm, f->irq));
	/* The driver wants none. */
	fake_queue_set_avail_flags(&f->m.queues[0], FAKE_AVAIL_NO_IRQ);
	expect_works(f, 0);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);
	assert_int_equal(fake_mmio_irq(&f->m), 0);
}

/* What the guest would read if it looked at the moment of the interrupt. */
static struct fixture *watched;
static uint32_t isr_at_pulse;

static void watch_level(struct irqchip *chip, unsigned irq, bool level)
{
	(void)chip;
	assert_int_equal(irq, watched->irq);
	if (!level)
		return;
	unlock(watched);
	isr_at_pulse = fake_mmio_irq(&watched->m);
	lock(watched);
}

static void test_status_before_pulse(void **state)
{
	struct fixture *f = *state;
	static const struct irqchip_ops ops = { .name = "watch",
						.set_level = watch_level };
	const struct irqchip_ops *old = f->vm->irqchip->ops;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	watched = f;
	f->vm->irqchip->ops = &ops;
	for (unsigned i = 0; i < 3; i++) {
		isr_at_pulse = 0;
		expect_works(f, 0);
		assert_int_equal(isr_at_pulse, VIRTIO_ISR_QUEUE);
		assert_int_equal(fake_mmio_get(&f->m, INTERRUPT_STATUS), 0);
	}
	f->vm->irqchip->ops = old;
}

static void test_config_window(void **state)
{
	struct fixture *f = *state;
	uint64_t base = f->m.base + CONFIG;

	for (unsigned size = 1; size <= 8; size *= 2) {
		for (uint64_t off = 0; off < 32; off += size) {
			uint64_t want = 0;

			for (unsigned i = 0; i < size; i++)
				if (off + i < CONFIG_LEN)
					want |= (0xa0 + off + i) << (8 * i);
			assert_true(fake_mmio_config(&f->m, off, size) == want);
		}
	}
	/* The last byte, across the end, behind it, end of the window. */
	fake_mmio_config_write(&f->m, 12, 4, 0xffffff55);
	assert_int_equal(f->dev->config[12], 0x55);
	fake_mmio_config_write(&f->m, 8, 8, 0x8877665544332211);
	assert_int_equal(f->dev->config[12], 0x55);
	assert_int_equal(f->dev->config[8], 0x11);
	fake_mmio_config_write(&f->m, 16, 8, ~0ULL);
	for (unsigned size = 1; size <= 8; size *= 2) {
		uint64_t last = f->m.base + 0x1000 - size;

		assert_true(fake_mmio_read(f->vm, last, size) == 0);
		fake_mmio_write(f->vm, last, size, ~0ULL);
	}
	/* Unaligned ones do not reach the device. */
	assert_true(fake_mmio_read(f->vm, base + 1, 2) == 0);
	assert_true(fake_mmio_read(f->vm, base + 4, 8) == 0);

	uint32_t before = fake_mmio_get(&f->m, CONFIG_GENERATION);

	lock(f);
	virtio_config_changed(f->vdev);
	unlock(f);
	assert_int_not_equal(fake_mmio_get(&f->m, CONFIG_GENERATION), before);
}

/*
 * Doorbells through KVM.
 */

struct store {
	uint64_t gpa;
	uint32_t value;
	uint32_t len;
};

static int prepare_store(struct kvm_run *run, void *arg)
{
	const struct store *s = arg;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = s->gpa;
	run->mmio.len = s->len;
	run->mmio.is_write = 1;
	memcpy(run->mmio.data, &s->value, 4);
	return 0;
}

static int prepare_end(struct kvm_run *run, void *arg)
{
	(void)arg;
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

/* Whether a guest's store to QueueNotify leaves KVM. */
static bool store_exits(struct fixture *f, int vcpu_fd, struct kvm_run *run,
			uint32_t value, uint32_t len)
{
	struct store s = { f->m.base + QUEUE_NOTIFY, value, len };
	struct fake_exit exits[] = { { .prepare = prepare_store, .arg = &s },
				     { .prepare = prepare_end } };

	fake_kvm_script(0, exits, 2);
	assert_int_equal(kvm_run(vcpu_fd), 0);

	bool exited = run->exit_reason == KVM_EXIT_MMIO;

	if (exited)
		assert_int_equal(kvm_run(vcpu_fd), 0);
	assert_int_equal(run->exit_reason, KVM_EXIT_SHUTDOWN);
	return exited;
}

static void kvm_start(struct fixture *f)
{
	struct error err = { 0 };

	assert_int_equal(kvm_open(&f->vm->kvm, NULL, &err), 0);
	assert_int_equal(kvm_create_vm(&f->vm->kvm, 0, &err), 0);
}

static void kvm_stop(struct fixture *f)
{
	kvm_destroy_vm(&f->vm->kvm);
	kvm_close(&f->vm->kvm);
}

static void test_ioeventfd(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct kvm_run *run;
	int vcpu;

	fake_kvm_reset();
	kvm_start(f);
	assert_int_equal(kvm_create_vcpu(&f->vm->kvm, 0, &vcpu, &run, &err), 0);
	assert_int_equal(test_type.power_on(&f->vdev->dev, &err), 0);
	assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	fake_vm_io(f->vm);
	memset(f->dev->notified, 0, sizeof(f->dev->notified));

	for (uint32_t i = 0; i < NR_QUEUES; i++) {
		add_one(f, i);
		assert_false(store_exits(f, vcpu, run, i, 4));
		fake_vm_io(f->vm);
		assert_int_equal(f->dev->notified[i], 1);
		assert_int_equal(fake_queue_used_idx(&f->m.queues[i]), 1);
	}
	/* Of another queue, or another width. */
	assert_true(store_exits(f, vcpu, run, NR_QUEUES, 4));
	assert_true(store_exits(f, vcpu, run, 0, 2));
	fake_vm_io(f->vm);
	assert_int_equal(f->dev->notified[0], 1);

	/* A reboot binds them anew. */
	for (unsigned i = 0; i < 3; i++) {
		test_type.power_off(&f->vdev->dev);
		assert_int_equal(fake_kvm_ioeventfds(), 0);
		assert_int_equal(test_type.power_on(&f->vdev->dev, &err), 0);
		assert_int_equal(fake_kvm_ioeventfds(), NR_QUEUES);
	}
	test_type.power_off(&f->vdev->dev);
	test_type.power_off(&f->vdev->dev);
	kvm_destroy_vcpu(&f->vm->kvm, vcpu, run);
	kvm_stop(f);
}

static void test_no_ioeventfd(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	fake_kvm_reset();
	kvm_start(f);
	/* Not wanted. */
	fake_vm_config(f->vm)->no_ioeventfd = true;
	assert_int_equal(test_type.power_on(&f->vdev->dev, &err), 0);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	test_type.power_off(&f->vdev->dev);
	/* Not there. */
	fake_vm_config(f->vm)->no_ioeventfd = false;
	fake_kvm_set_cap(KVM_CAP_IOEVENTFD, 0);
	assert_int_equal(test_type.power_on(&f->vdev->dev, &err), 0);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	/* The same store exits, and rings all the same. */
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	for (unsigned i = 0; i < NR_QUEUES; i++)
		expect_works(f, i);
	test_type.power_off(&f->vdev->dev);
	kvm_stop(f);
}

/* KVM takes some of them only: its bus may be full. */
static void test_few_ioeventfds(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	for (unsigned n = 1; n <= NR_QUEUES + 1; n++) {
		fake_kvm_reset();
		kvm_start(f);
		fake_kvm_fail_nth(n, -ENOSPC);
		assert_int_equal(test_type.power_on(&f->vdev->dev, &err), 0);
		assert_int_equal(fake_kvm_ioeventfds(),
				 n > NR_QUEUES ? NR_QUEUES : n - 1);
		fake_kvm_fail_nth(0, 0);
		assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
		for (unsigned i = 0; i < NR_QUEUES; i++)
			expect_works(f, i);
		test_type.power_off(&f->vdev->dev);
		assert_int_equal(fake_kvm_ioeventfds(), 0);
		kvm_stop(f);
	}
}

static void test_fdt_node(void **state)
{
	struct fixture *f = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	char path[64];
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	test_type.fdt(&f->vdev->dev, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	snprintf(path, sizeof(path), "/virtio_mmio@%llx",
		 (unsigned long long)f->m.base);
	int node = fdt_path_offset(blob, path);

	assert_true(node >= 0);
	assert_string_equal(fdt_getprop(blob, node, "compatible", &len),
			    "virtio,mmio");

	const uint8_t *reg = fdt_getprop(blob, node, "reg", &len);

	assert_int_equal(len, 16);
	assert_true(be64_load(reg) == f->m.base);
	assert_true(be64_load(reg + 8) >= 0x200);

	const fdt32_t *irq = fdt_getprop(blob, node, "interrupts", &len);

	assert_int_equal(fdt32_to_cpu(irq[0]), f->irq);
	/* An edge. */
	assert_int_equal(fdt32_to_cpu(irq[1]), 1);
	assert_non_null(fdt_getprop(blob, node, "dma-coherent", &len));
	fdt_builder_free(&b);
}

static void test_slots(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct device_config cfg = { .type = &test_type };
	struct device *dev;
	unsigned n = 1;

	f->vm->mmio.frozen = false;
	while (f->vm->nr_devices < VM_MAX_DEVICES) {
		cfg.index = n;
		if (test_create(f->vm, &cfg, &dev, &err) < 0)
			break;
		f->vm->devices[f->vm->nr_devices++] = dev;
		n++;
	}
	assert_int_equal(n, arch_info.nr_virtio_mmio);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_non_null(strstr(err.text, "room for"));
	fake_vm_freeze(f->vm);
	/* Each in a window of its own. */
	for (unsigned i = 0; i < n; i++) {
		fake_mmio_init(&f->other, f->vm, i);
		assert_int_equal(fake_mmio_get(&f->other, DEVICE), DEVICE_ID);
	}
}

/*
 * Anything written anywhere, with values that are often almost right. The
 * device never gets into a state that cannot be, and works after a reset.
 */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33) % below;
}

static uint32_t draw_value(struct fixture *f, uint64_t *seed)
{
	uint32_t ram = (uint32_t)f->vm->gmem.regions[0].gpa;

	switch (draw(seed, 6)) {
	case 0:
		return draw(seed, 16);
	case 1:
		return 1U << draw(seed, 32);
	case 2:
		return ram + draw(seed, 512) * 16;
	case 3:
		return draw(seed, 4) ? ALL_OK : 0;
	case 4:
		return ~0U - draw(seed, 4);
	default:
		return draw(seed, 0x7fffffff) * 2;
	}
}

static void check_state(struct fixture *f)
{
	uint8_t s = f->vdev->status;

	assert_true(!(s & VIRTIO_STATUS_DRIVER_OK) ||
		    (s & VIRTIO_STATUS_FEATURES_OK));
	assert_true(!(s & VIRTIO_STATUS_FEATURES_OK) ||
		    !(f->vdev->accepted & ~f->vdev->offered));
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		const struct virtq *vq = &f->vdev->queues[i].vq;

		assert_true(vq->size <= vq->max);
		if (!vq->ready)
			continue;
		assert_true(vq->size > 0);
		assert_ptr_equal(
			vq->desc_host,
			gmem_range(&f->vm->gmem, vq->desc, 16ULL * vq->size));
	}
}

static void test_random_writes(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 0x5eed;
	unsigned running = 0, failed = 0;
	uint8_t *ram = f->vm->gmem.regions[0].host;

	for (unsigned i = 0; i < 300000; i++) {
		uint64_t off = draw(&seed, 64) ? draw(&seed, 48) * 4ULL
					       : draw(&seed, 0x1000);
		unsigned size = draw(&seed, 16) ? 4 : 1U << draw(&seed, 4);
		uint8_t data[8] = { 0 };
		uint32_t value = draw_value(f, &seed);

		memcpy(data, &value, 4);
		mmio_access(&f->vm->mmio, f->m.base + off, data, size, true);
		mmio_access(&f->vm->mmio, f->m.base + off, data, size, false);
		ram[draw(&seed, 8192)] = (uint8_t)draw(&seed, 256);
		/* Now and then the driver gets further than chance allows. */
		if (i % 512 == 0) {
			f->m.drv.next = f->vm->gmem.regions[0].gpa;
			fake_mmio_start(&f->m, EVENT_IDX, 8);
		}
		if (i % 16 == 0)
			fake_vm_io(f->vm);
		check_state(f);
		running += f->vdev->status == ALL_OK;
		failed +=
			f->vdev->status == (ALL_OK | VIRTIO_STATUS_NEEDS_RESET);
	}
	assert_true(running > 1000 && failed > 1000);
	f->m.drv.next = f->vm->gmem.regions[0].gpa + KIB(64);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_widths),
		TEST(test_read_only),
		TEST(test_queue_select),
		TEST(test_queue_ready),
		TEST(test_frozen),
		TEST(test_reset),
		TEST(test_interrupts),
		TEST(test_status_before_pulse),
		TEST(test_config_window),
		TEST(test_ioeventfd),
		TEST(test_no_ioeventfd),
		TEST(test_few_ioeventfds),
		TEST(test_fdt_node),
		TEST(test_slots),
		TEST(test_random_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
