/* SPDX-License-Identifier: Apache-2.0 */
/* A machine for device tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"

#define MAX_TURNS    10000
#define WAIT_SECONDS 10
#define MAX_LOG      65536

struct fake_irqchip {
	struct irqchip chip;
	unsigned nr_msis;
	struct fake_msi msi;
	unsigned pulses[FAKE_MAX_IRQS];
	bool level[FAKE_MAX_IRQS];
};

struct fake_vm {
	struct vm vm;
	struct vm_config cfg;
	struct log log;
	struct pci_bus bus;
	struct fake_irqchip irqchip;
	char text[MAX_LOG];
};

static void fake_set_level(struct irqchip *chip, unsigned irq, bool level)
{
	struct fake_irqchip *fake =
		container_of(chip, struct fake_irqchip, chip);

	assert_true(irq < FAKE_MAX_IRQS);
	if (level && !fake->level[irq])
		__atomic_add_fetch(&fake->pulses[irq], 1, __ATOMIC_SEQ_CST);
	fake->level[irq] = level;
}

static unsigned fake_fdt_cells(struct irqchip *chip, unsigned irq, bool edge,
			       uint32_t cells[3])
{
	(void)chip;
	cells[0] = irq;
	cells[1] = edge ? 1 : 4;
	return 2;
}

static uint32_t fake_phandle(struct irqchip *chip)
{
	(void)chip;
	return 99;
}

static const struct irqchip_ops fake_irqchip_ops = {
	.name = "fake",
	.max_vcpus = 8,
	.set_level = fake_set_level,
	.fdt_cells = fake_fdt_cells,
	.fdt_phandle = fake_phandle,
};

static void fake_send_msi(struct irqchip *chip, uint64_t addr, uint32_t data)
{
	struct fake_irqchip *fake =
		container_of(chip, struct fake_irqchip, chip);

	/* Where several threads send, nobody asks which came last. */
	__atomic_store_n(&fake->msi.addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&fake->msi.data, data, __ATOMIC_RELAXED);
	__atomic_add_fetch(&fake->nr_msis, 1, __ATOMIC_RELAXED);
}

static const struct irqchip_ops fake_msi_irqchip_ops = {
	.name = "fake",
	.max_vcpus = 8,
	.set_level = fake_set_level,
	.send_msi = fake_send_msi,
	.fdt_cells = fake_fdt_cells,
	.fdt_phandle = fake_phandle,
};

static struct fake_vm *to_fake(struct vm *vm)
{
	return container_of(vm, struct fake_vm, vm);
}

struct vm *fake_vm_create(uint64_t mem)
{
	struct fake_vm *fake = calloc(1, sizeof(*fake));
	struct error err = { 0 };

	assert_non_null(fake);
	assert_int_equal(config_init(&fake->cfg), 0);
	/* The fake machine has slots, on every architecture. */
	fake->cfg.virtio_transport = VIRTIO_TRANSPORT_MMIO;
	fake->log = (struct log){
		.fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_DEBUG,
		.name = "test",
	};
	assert_true(fake->log.fd >= 0);
	fake->vm.cfg = &fake->cfg;
	fake->vm.log = &fake->log;
	fake->vm.kvm = (struct kvm){ .fd = -1, .vm_fd = -1 };
	fake->vm.kernel_fd = -1;
	fake->vm.initrd_fd = -1;
	fake->irqchip.chip.ops = &fake_irqchip_ops;
	fake->irqchip.chip.vm = &fake->vm;
	fake->vm.irqchip = &fake->irqchip.chip;
	pthread_mutex_init(&fake->vm.lock, NULL);
	pthread_cond_init(&fake->vm.cond, NULL);
	assert_int_equal(
		gmem_add(&fake->vm.gmem, arch_info.ram_base, mem, &err), 0);
	assert_int_equal(evloop_create(&fake->vm.loop, &err), 0);
	/* vm_request_stop() walks the vCPUs. */
	fake->cfg.cpus = 1;
	fake->vm.vcpus = calloc(1, sizeof(*fake->vm.vcpus));
	assert_non_null(fake->vm.vcpus);
	fake->vm.vcpus[0] = (struct vcpu){ .vm = &fake->vm, .fd = -1 };
	return &fake->vm;
}

static const struct pci_window fake_windows[] = {
	{
		.name = "PCI memory",
		.cpu_base = FAKE_PCI_MEM32_GPA,
		.pci_base = FAKE_PCI_MEM32,
		.size = FAKE_PCI_MEM32_SIZE,
	},
	{
		.name = "PCI memory, 64 bits",
		.cpu_base = FAKE_PCI_MEM64,
		.pci_base = FAKE_PCI_MEM64,
		.size = FAKE_PCI_MEM64_SIZE,
	},
};

struct vm *fake_vm_create_pci(uint64_t mem)
{
	struct vm *vm = fake_vm_create(mem);
	struct fake_vm *fake = to_fake(vm);
	struct error err = { 0 };
	struct arch_device slot;

	assert_int_equal(arch_virtio_mmio_slot(0, &slot), 0);
	assert_int_equal(pci_bus_init(&fake->bus, vm, fake_windows,
				      ARRAY_SIZE(fake_windows), slot.irq, &err),
			 0);
	vm->pci = &fake->bus;
	fake->cfg.virtio_transport = VIRTIO_TRANSPORT_PCI;
	return vm;
}

void fake_vm_take_msis(struct vm *vm)
{
	vm->irqchip->ops = &fake_msi_irqchip_ops;
}

void fake_vm_destroy(struct vm *vm)
{
	struct fake_vm *fake = to_fake(vm);

	evloop_stop(vm->loop);
	for (unsigned i = vm->nr_devices; i-- > 0;) {
		struct device *dev = vm->devices[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->reset(dev);
		pthread_mutex_unlock(&dev->lock);
		if (dev->type->power_off != NULL)
			dev->type->power_off(dev);
	}
	for (unsigned i = vm->nr_devices; i-- > 0;)
		vm->devices[i]->type->destroy(vm->devices[i]);
	if (vm->pci == &fake->bus)
		pci_bus_fini(&fake->bus);
	gmem_destroy(&vm->gmem);
	evloop_destroy(vm->loop);
	free(vm->vcpus);
	close(fake->log.fd);
	pthread_cond_destroy(&vm->cond);
	pthread_mutex_destroy(&vm->lock);
	config_free(&fake->cfg);
	free(fake);
}

struct vm_config *fake_vm_config(struct vm *vm)
{
	return &to_fake(vm)->cfg;
}

struct device *fake_vm_add(struct vm *vm, const struct device_type *type,
			   void *opts)
{
	struct error err = { 0 };
	struct device_config dc = { .type = type, .opts = opts };
	struct device *dev = NULL;

	for (unsigned i = 0; i < vm->nr_devices; i++)
		dc.index += vm->devices[i]->type == type;
	if (type->create(vm, &dc, &dev, &err) < 0)
		fail_msg("create %s: %s", type->name, err.text);
	vm->devices[vm->nr_devices++] = dev;
	if (type->power_on != NULL && type->power_on(dev, &err) < 0)
		fail_msg("power on %s: %s", type->name, err.text);
	return dev;
}

void fake_vm_freeze(struct vm *vm)
{
	mmio_freeze(&vm->mmio);
	vm->frozen = true;
}

int fake_vm_io(struct vm *vm)
{
	int total = 0;

	for (int turn = 0; turn < MAX_TURNS; turn++) {
		int calls = evloop_run_once(vm->loop, 0);

		assert_true(calls >= 0);
		if (calls == 0)
			return total;
		total += calls;
	}
	fail_msg("the event loop spins: %d callbacks", total);
	return total;
}

void fake_vm_wait(struct vm *vm, bool (*done)(void *arg), void *arg,
		  const char *what)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!done(arg)) {
		assert_true(evloop_run_once(vm->loop, 100) >= 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > WAIT_SECONDS)
			fail_msg("waited %d s in vain for %s", WAIT_SECONDS,
				 what);
	}
}

unsigned fake_irq_pulses(struct vm *vm, unsigned irq)
{
	assert_true(irq < FAKE_MAX_IRQS);
	return __atomic_exchange_n(&to_fake(vm)->irqchip.pulses[irq], 0,
				   __ATOMIC_SEQ_CST);
}

unsigned fake_msis(struct vm *vm, struct fake_msi *last)
{
	struct fake_irqchip *fake = &to_fake(vm)->irqchip;

	if (last != NULL)
		*last = fake->msi;
	return __atomic_exchange_n(&fake->nr_msis, 0, __ATOMIC_SEQ_CST);
}

bool fake_irq_level(struct vm *vm, unsigned irq)
{
	assert_true(irq < FAKE_MAX_IRQS);
	return to_fake(vm)->irqchip.level[irq];
}

const char *fake_vm_log(struct vm *vm)
{
	struct fake_vm *fake = to_fake(vm);
	ssize_t n = pread(fake->log.fd, fake->text, sizeof(fake->text) - 1, 0);

	fake->text[n < 0 ? 0 : n] = '\0';
	return fake->text;
}

uint64_t fake_mmio_read(struct vm *vm, uint64_t gpa, unsigned size)
{
	uint8_t data[8] = { 0 };

	mmio_access(&vm->mmio, gpa, data, size, false);
	return le64_load(data);
}

void fake_mmio_write(struct vm *vm, uint64_t gpa, unsigned size, uint64_t value)
{
	uint8_t data[8];

	le64_store(data, value);
	mmio_access(&vm->mmio, gpa, data, size, true);
}
