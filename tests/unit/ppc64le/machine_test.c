/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: its facts and limits, and what the guest told it as a whole. */
#include "tests/unit/ppc64le/core_fixture.h"

#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/layout.h"

static const struct kvm_ppc_rmmu_info rmmu;

static void good_host(void)
{
	static const unsigned caps[] = { KVM_CAP_PPC_PAPR,
					 KVM_CAP_PPC_ENABLE_HCALL,
					 KVM_CAP_PPC_MMU_RADIX };

	fake_kvm_reset();
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		fake_kvm_set_cap(caps[i], 1);
	fake_kvm_answer(KVM_PPC_GET_RMMU_INFO, &rmmu, sizeof(rmmu));
}

static int init_with(uint64_t mem, struct error *err)
{
	struct vm_config cfg = { .mem = mem };
	struct vm vm = { .cfg = &cfg, .kvm = { .fd = -1, .vm_fd = -1 } };

	*err = (struct error){ 0 };
	good_host();
	assert_int_equal(kvm_open(&vm.kvm, NULL, err), 0);
	int ret = arch_vm_init(&vm, err);
	if (ret == 0) {
		assert_int_equal(vm.gmem.nr_regions, 1);
		assert_int_equal(vm.gmem.regions[0].gpa, 0);
		assert_int_equal(gmem_total(&vm.gmem), mem);
		assert_true(vm_machine(&vm)->process_table == MACHINE_RADIX);
		assert_true(vm_machine(&vm)->caps.radix);
		gmem_destroy(&vm.gmem);
		arch_vm_destroy(&vm);
	}
	assert_null(vm.arch);
	kvm_close(&vm.kvm);
	assert_int_equal(fake_kvm_open_fds(), 0);
	return ret;
}

static void memory_limits(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(init_with(arch_info.min_mem, &err), 0);
	assert_int_equal(init_with(MIB(512), &err), 0);
	assert_int_equal(init_with(LAYOUT_RAM_LIMIT + 65536, &err), -EINVAL);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_non_null(strstr(err.text, "too many"));
	assert_int_equal(init_with(align_down(UINT64_MAX, 65536), &err),
			 -EINVAL);
}

static void host_without_radix(void **state)
{
	struct vm_config cfg = { .mem = MIB(256) };
	struct vm vm = { .cfg = &cfg, .kvm = { .fd = -1, .vm_fd = -1 } };
	struct error err = { 0 };

	(void)state;
	good_host();
	fake_kvm_set_cap(KVM_CAP_PPC_MMU_RADIX, 0);
	assert_int_equal(kvm_open(&vm.kvm, NULL, &err), 0);
	assert_int_equal(arch_vm_init(&vm, &err), -ENODEV);
	assert_null(vm.arch);
	arch_vm_destroy(&vm);
	kvm_close(&vm.kvm);
}

/* The map's windows, each aligned for 64 KiB pages, are apart. */
static void windows(void **state)
{
	struct arch_device slot = { 0 }, before = { 0 };

	(void)state;
	for (unsigned i = 0; i < arch_info.nr_virtio_mmio; i++) {
		assert_int_equal(arch_virtio_mmio_slot(i, &slot), 0);
		assert_int_equal(slot.base % 0x10000, 0);
		assert_true(slot.base >= before.base + before.size);
		assert_true(slot.irq == LAYOUT_IRQ_VIRTIO + i);
		assert_true(slot.irq < LAYOUT_IRQ_MSI);
		before = slot;
	}
	assert_int_equal(arch_virtio_mmio_slot(arch_info.nr_virtio_mmio, &slot),
			 -ENOSPC);
	assert_int_equal(arch_virtio_mmio_slot(UINT32_MAX, &slot), -ENOSPC);
	assert_true(slot.base + slot.size <= LAYOUT_PCI_MEM64_BASE);
	assert_true(arch_info.finisher.base >=
		    LAYOUT_PCI_MEM32_BASE + LAYOUT_PCI_MEM32_SIZE);
	assert_true(arch_info.finisher.base + arch_info.finisher.size <=
		    LAYOUT_VIRTIO_BASE);
	assert_int_equal(arch_info.serial.size, 0);
	assert_int_equal(arch_info.rtc.size, 0);
	assert_int_equal(arch_kvm_type(NULL), 1);
}

static void tables(void **state)
{
	(void)state;
	assert_ptr_equal(arch_irqchips[0], &xics_kvm_ops);
	assert_ptr_equal(arch_irqchips[1], &xics_ops);
	assert_null(arch_irqchips[2]);
	assert_ptr_equal(arch_device_types[0], &machine_device);
	for (unsigned i = 0; arch_device_types[i] != NULL; i++) {
		const struct device_type *t = arch_device_types[i];

		assert_non_null(t->name);
		assert_true(t->state_version >= 1);
		assert_true(t->create != NULL && t->destroy != NULL &&
			    t->reset != NULL && t->quiesce != NULL &&
			    t->resume != NULL && t->save != NULL &&
			    t->restore != NULL && t->fdt == NULL);
	}
}

/*
 * Its state.
 */

static void save(struct core *c, struct device *dev, struct snap_writer *w)
{
	(void)c;
	*w = (struct snap_writer){ 0 };
	pthread_mutex_lock(&dev->lock);
	assert_int_equal(dev->type->save(dev, w), 0);
	pthread_mutex_unlock(&dev->lock);
}

static int restore(struct device *dev, const void *data, size_t len)
{
	struct snap_reader r = { .data = data, .len = len, .end = len };

	return device_restore(dev, &r, dev->type->state_version);
}

static void reset(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->type->reset(dev);
	pthread_mutex_unlock(&dev->lock);
}

static void state_comes_back(void **state)
{
	static const uint8_t want[] = {
		0x04, 0, 0x2f, 0, 0, 0, 0, 0x80, 1, 1, 3
	};
	struct core *c = *state;
	struct device *dev = fake_vm_add(c->f.vm, &machine_device, NULL);
	struct kvm_ppc_mmuv3_cfg cfg = { 0 };
	struct snap_writer w;

	c->machine.process_table = 0x80000000002f0004;
	c->machine.gtse = true;
	c->machine.ile = true;
	c->machine.ail = 3;
	save(c, dev, &w);
	assert_int_equal(w.len, sizeof(want));
	assert_memory_equal(w.data, want, sizeof(want));

	c->machine.nr_joined = 2;
	reset(dev);
	assert_true(c->machine.process_table == MACHINE_RADIX);
	assert_false(c->machine.gtse || c->machine.ile);
	assert_int_equal(c->machine.ail, 0);
	assert_int_equal(c->machine.nr_joined, 0);

	c->f.vcpus[1].power = VCPU_WAITING;
	c->f.vcpus[3].power = VCPU_WAITING;
	assert_int_equal(restore(dev, w.data, w.len), 0);
	assert_true(c->machine.process_table == 0x80000000002f0004);
	assert_true(c->machine.gtse && c->machine.ile);
	assert_int_equal(c->machine.ail, 3);
	/* KVM is told again. */
	assert_int_equal(
		fake_kvm_taken(KVM_PPC_CONFIGURE_V3_MMU, &cfg, sizeof(cfg)), 1);
	assert_true(cfg.process_table == 0x80000000002f0004);
	assert_true(cfg.flags == (KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE));
	uint64_t enabled = 1;
	assert_int_equal(c->machine.nr_joined, 2);
	assert_int_equal(
		fake_kvm_enabled(KVM_CAP_PPC_ENABLE_HCALL, 0xe8, &enabled), 1);
	assert_int_equal(enabled, 0);
	snap_writer_free(&w);
}

static void damaged_state_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		/* Not radix */
		{ 7, 0 },  { 8, 2 },  { 9, 0xff },
		{ 10, 1 }, { 10, 2 }, { 10, 4 },
	};
	struct core *c = *state;
	struct device *dev = fake_vm_add(c->f.vm, &machine_device, NULL);
	uint8_t longer[12];
	struct snap_writer w;

	save(c, dev, &w);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t data[11];

		memcpy(data, w.data, sizeof(data));
		data[bad[i].at] = bad[i].value;
		assert_int_equal(restore(dev, data, sizeof(data)), -EBADMSG);
	}
	for (size_t len = 0; len < w.len; len++)
		assert_int_equal(restore(dev, w.data, len), -EBADMSG);
	memcpy(longer, w.data, w.len);
	longer[w.len] = 0;
	assert_int_equal(restore(dev, longer, w.len + 1), -EBADMSG);
	assert_int_equal(restore(dev, w.data, w.len), 0);

	/* What KVM makes of it. */
	fake_kvm_refuse(KVM_PPC_CONFIGURE_V3_MMU, -EINVAL);
	assert_int_equal(restore(dev, w.data, w.len), -EBADMSG);
	fake_kvm_refuse(KVM_PPC_CONFIGURE_V3_MMU, -EBUSY);
	assert_int_equal(restore(dev, w.data, w.len), -EBUSY);

	fake_kvm_refuse(KVM_PPC_CONFIGURE_V3_MMU, 0);
	w.data[10] = 3;
	assert_int_equal(restore(dev, w.data, w.len), 0);
	c->machine.caps.ail3 = false;
	assert_int_equal(restore(dev, w.data, w.len), -ENXIO);
	snap_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_limits),
		cmocka_unit_test(host_without_radix),
		cmocka_unit_test(windows),
		cmocka_unit_test(tables),
		CORE_TEST(state_comes_back),
		CORE_TEST(damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
