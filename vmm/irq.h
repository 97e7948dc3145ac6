/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt lines: how a device raises an interrupt.
 *
 * A device asks for a line when it is created and then pulses it (edge) or
 * drives it (level). Whether that becomes an eventfd write that the kernel
 * picks up, an ioctl, or a call into an interrupt controller in the monitor
 * is decided here and is invisible to the device.
 */
#ifndef PRIVET_VMM_IRQ_H
#define PRIVET_VMM_IRQ_H

#include "vmm/error.h"

struct fdt_builder;
struct vm;

enum irq_trigger {
	IRQ_EDGE,
	IRQ_LEVEL,
};

/**
 * struct irq_line - One input of the interrupt controller
 * @vm: the machine; NULL means not connected: pulses and levels are dropped
 * @nr: number of the input
 * @trigger: how the guest is told to treat it
 * @fd: eventfd for the in-kernel controller, or -1; owned
 * @bound: KVM listens to @fd
 * @level: last level driven (IRQ_LEVEL)
 */
struct irq_line {
	struct vm *vm;
	unsigned nr;
	enum irq_trigger trigger;
	int fd;
	bool bound;
	bool level;
};

/**
 * irq_line_init() - Claim an input for a device
 *
 * Allocates the eventfd when the controller is in the kernel, the host has
 * irqfd, and the line is IRQ_EDGE.
 *
 * Context: main thread while building.
 */
int irq_line_init(struct irq_line *line, struct vm *vm, unsigned nr,
		  enum irq_trigger trigger, struct error *err);
void irq_line_destroy(struct irq_line *line);

/**
 * irq_line_power_on() - Bind the line to a fresh KVM VM
 *
 * Does nothing when the controller takes no irqfds: pulses are ioctls then.
 * Context: main thread, after the irqchip's power_on.
 */
int irq_line_power_on(struct irq_line *line, struct error *err);
void irq_line_power_off(struct irq_line *line);

/**
 * irq_pulse() - Signal an IRQ_EDGE line
 *
 * Without an irqfd it raises the input and lowers it again: two pulses of one
 * line that overlapped would be one to the guest.
 *
 * Context: the device's lock; any thread.
 */
void irq_pulse(struct irq_line *line);

/** irq_set_level() - Drive an IRQ_LEVEL line; Context: the device's lock */
void irq_set_level(struct irq_line *line, bool level);

/**
 * irq_line_fdt() - Emit `interrupts` (and `interrupt-parent`) into the
 * device-tree node being built
 */
void irq_line_fdt(const struct irq_line *line, struct fdt_builder *fdt);

/** irq_has_msi() - Whether the machine takes message-signalled interrupts */
bool irq_has_msi(const struct vm *vm);

/**
 * irq_send_msi() - Deliver a message
 * @addr, @data: as the guest (or its firmware) programmed them
 *
 * Does nothing on a machine without. Context: the device's lock; any thread.
 */
void irq_send_msi(struct vm *vm, uint64_t addr, uint32_t data);

#endif
