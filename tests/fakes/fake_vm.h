/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for device tests: RAM, MMIO bus, an event loop that the test
 * turns, an interrupt controller that records. No KVM, no vCPUs.
 */
#ifndef PRIVET_TESTS_FAKE_VM_H
#define PRIVET_TESTS_FAKE_VM_H

#include "vmm/vm.h"

#define FAKE_MAX_IRQS 0x2000

/**
 * fake_vm_create() - A machine with @mem bytes of RAM at arch_info.ram_base
 *
 * Configuration, log and irqchip belong to it. vm->cfg may be changed through
 * fake_vm_config() before devices are created.
 */
struct vm *fake_vm_create(uint64_t mem);

/**
 * fake_vm_create_pci() - A machine whose virtio devices are PCI functions
 *
 * INTA of slot n is the input that virtio-mmio slot n has, so that a device's
 * test need not know which it is.
 */
struct vm *fake_vm_create_pci(uint64_t mem);

/** fake_vm_take_msis() - Have messages; before devices are created */
void fake_vm_take_msis(struct vm *vm);

/** struct fake_msi - A message that was sent */
struct fake_msi {
	uint64_t addr;
	uint32_t data;
};

/**
 * fake_msis() - Messages sent since the last call
 * @last: receives the last one; may be NULL
 */
unsigned fake_msis(struct vm *vm, struct fake_msi *last);

void fake_vm_destroy(struct vm *vm);

struct vm_config *fake_vm_config(struct vm *vm);

/**
 * fake_vm_add() - Create a device of @type with @opts (may be NULL)
 *
 * The device is powered on and belongs to the machine. Fails the test when
 * it cannot be created. @opts stays the caller's.
 */
struct device *fake_vm_add(struct vm *vm, const struct device_type *type,
			   void *opts);

/** fake_vm_freeze() - Freeze the MMIO map; needed before mmio_access() */
void fake_vm_freeze(struct vm *vm);

/**
 * fake_vm_io() - Turn the loop until nothing is ready
 *
 * Return: callbacks made. Fails the test after very many turns: a spin.
 */
int fake_vm_io(struct vm *vm);

/**
 * fake_vm_wait() - Turn the loop until @done says so
 * @what: for the message when it does not happen within 10 seconds
 */
void fake_vm_wait(struct vm *vm, bool (*done)(void *arg), void *arg,
		  const char *what);

/** fake_irq_pulses() - Rising edges of an input since the last call */
unsigned fake_irq_pulses(struct vm *vm, unsigned irq);
bool fake_irq_level(struct vm *vm, unsigned irq);

/** fake_vm_log() - What was logged so far; valid until the next call */
const char *fake_vm_log(struct vm *vm);

/** fake_mmio_read(), fake_mmio_write() - An access that a guest makes */
uint64_t fake_mmio_read(struct vm *vm, uint64_t gpa, unsigned size);
void fake_mmio_write(struct vm *vm, uint64_t gpa, unsigned size,
		     uint64_t value);

#endif
