/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt controllers behind one struct: AIA, PLIC (XICS, XIVE).
 *
 * An architecture lists what it has in arch_irqchips[], best first; the
 * machine takes the first whose probe() succeeds. Devices never see this
 * file: they hold a struct irq_line (vmm/irq.h).
 */
#ifndef PRIVET_VMM_IRQCHIP_H
#define PRIVET_VMM_IRQCHIP_H

#include "vmm/error.h"

struct fdt_builder;
struct kvm;
struct snap_reader;
struct snap_writer;
struct vm;
struct irqchip;

/**
 * struct irqchip_ops - An interrupt controller
 * @name: as in --irqchip and messages
 * @in_kernel: KVM implements it
 * @max_vcpus: most vCPUs that it can serve
 * @probe: whether this host has it: 1 yes, 0 no (@why says why not)
 * @create: build it, once, before devices exist; may add MMIO regions
 * @destroy: undo @create
 * @power_on: called for every new KVM VM, after all vCPUs exist and before any
 *	runs; sets every input inactive
 * @power_off: called before that KVM VM goes away
 * @set_level: drive an input; any thread; must not block. Edge-triggered
 *	inputs act on the change to true; calls for one input do not overlap
 * @send_msi: deliver a message-signalled interrupt; any thread; must not
 *	block. What the guest wrote, untrusted. NULL: there are none
 * @fdt: emit the controller's node(s) into /soc
 * @fdt_phandle: phandle that an `interrupt-parent` names
 * @fdt_cells: fill the interrupt specifier of one input
 * @save, @restore: while every vCPU is parked
 */
struct irqchip_ops {
	const char *name;
	bool in_kernel;
	unsigned max_vcpus;
	uint32_t state_version;
	int (*probe)(const struct kvm *kvm, const char **why);
	int (*create)(struct vm *vm, struct irqchip **out, struct error *err);
	void (*destroy)(struct irqchip *chip);
	int (*power_on)(struct irqchip *chip, struct error *err);
	void (*power_off)(struct irqchip *chip);
	void (*set_level)(struct irqchip *chip, unsigned irq, bool level);
	void (*send_msi)(struct irqchip *chip, uint64_t addr, uint32_t data);
	void (*fdt)(struct irqchip *chip, struct fdt_builder *fdt);
	uint32_t (*fdt_phandle)(struct irqchip *chip);
	unsigned (*fdt_cells)(struct irqchip *chip, unsigned irq, bool edge,
			      uint32_t cells[3]);
	int (*save)(struct irqchip *chip, struct snap_writer *w);
	int (*restore)(struct irqchip *chip, struct snap_reader *r,
		       uint32_t version);
};

/**
 * struct irqchip - What every controller's own struct begins with
 * @ops: its operations
 * @vm: the machine; not owned
 * @irqfd: KVM takes pulses of edge-triggered inputs through irqfds; set by
 *	@power_on
 */
struct irqchip {
	const struct irqchip_ops *ops;
	struct vm *vm;
	bool irqfd;
};

#endif
