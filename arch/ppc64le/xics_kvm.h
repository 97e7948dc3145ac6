/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XICS in the kernel, between xics_kvm.c, which sets it up, and
 * xics_kvm_state.c, which saves and restores it.
 */
#ifndef PRIVET_ARCH_PPC64LE_XICS_KVM_H
#define PRIVET_ARCH_PPC64LE_XICS_KVM_H

#include <pthread.h>
#include <stdatomic.h>

#include "arch/ppc64le/xics.h"
#include "vmm/irqchip.h"

/** enum xics_kind - What KVM was told of a source */
enum xics_kind {
	XICS_KIND_NONE,
	XICS_KIND_EDGE,
	XICS_KIND_LEVEL,
};

/**
 * struct xics_kvm - The controller
 * @fd: KVM's device; -1 while powered off; set_level() reads it from any
 *	thread
 * @lock: a leaf; a source is created once
 * @kinds: of each source, an enum xics_kind; changed with @lock held, read by
 *	any thread
 */
struct xics_kvm {
	struct irqchip chip;
	atomic_int fd;
	pthread_mutex_t lock;
	_Atomic uint8_t kinds[XICS_NR_SOURCES];
};

/** xics_kvm_set_source() - KVM's state of a source, which creates it */
int xics_kvm_set_source(int fd, unsigned irq, uint64_t state);

/** xics_kvm_source_create() - As xics_source_create() */
int xics_kvm_source_create(struct irqchip *chip, unsigned irq, bool edge);

/** xics_kvm_save(), xics_kvm_restore() - As in struct irqchip_ops */
int xics_kvm_save(struct irqchip *chip, struct snap_writer *w);
int xics_kvm_restore(struct irqchip *chip, struct snap_reader *r,
		     uint32_t version);

#endif
