/* SPDX-License-Identifier: Apache-2.0 */
/* What the riscv64 code keeps for a machine: vm->arch. */
#ifndef PRIVET_ARCH_RISCV64_MACHINE_H
#define PRIVET_ARCH_RISCV64_MACHINE_H

#include "arch/riscv64/isa.h"

/**
 * struct machine - Private state of the architecture
 * @isa: of every hart; valid while vCPU 0 exists
 */
struct machine {
	struct isa isa;
};

struct device_type;
struct kvm;

/** machine_gpa_bits() - Guest-physical address bits on this host */
unsigned machine_gpa_bits(const struct kvm *kvm);

/** pci_host_device - The PCI host bridge */
extern const struct device_type pci_host_device;

#endif
