/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a whole machine needs of its host, on whichever architecture: a fake
 * KVM that can run it, and a kernel to load. One file for each architecture
 * defines it.
 */
#ifndef PRIVET_TESTS_FAKE_HOST_H
#define PRIVET_TESTS_FAKE_HOST_H

/** fake_host_mem - RAM that is enough for the kernel, as --mem takes it */
extern const char *const fake_host_mem;

/**
 * fake_host_irqchips - Names for --irqchip that work after fake_host_offer();
 * ends with NULL
 */
extern const char *const fake_host_irqchips[];

/** fake_host_init() - fake_kvm_reset(), and what a good host has */
void fake_host_init(void);

/** fake_host_offer() - All of fake_host_irqchips can be made */
void fake_host_offer(void);

/** fake_host_kernel() - A new memory file with a kernel that can be loaded */
int fake_host_kernel(void);

#endif
