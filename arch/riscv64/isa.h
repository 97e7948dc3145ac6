/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hart can do: read from KVM once per power-on, told to the guest in
 * the device tree.
 */
#ifndef PRIVET_ARCH_RISCV64_ISA_H
#define PRIVET_ARCH_RISCV64_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/error.h"

/** Most names that isa_names() gives */
#define ISA_MAX_NAMES 128U

/** Bytes that any ISA string fits in */
#define ISA_STRING_SIZE 1024U

/**
 * struct isa - A hart's instruction set
 * @letters: bit 0 is A, bit 25 is Z: single-letter extensions
 * @exts: bit per row of the table of multi-letter extensions
 * @cbom_block_size, @cboz_block_size: bytes, 0 when not told
 * @satp_mode: 8, 9, 10 (Sv39, Sv48, Sv57), 0 when not told
 * @timebase: ticks of the time register per second
 */
struct isa {
	uint64_t letters;
	uint64_t exts[2];
	uint64_t cbom_block_size;
	uint64_t cboz_block_size;
	uint64_t satp_mode;
	uint64_t timebase;
};

/**
 * isa_read() - Ask KVM for a vCPU's instruction set
 * @vcpu_fd: a vCPU, set up
 * @has_aia: the machine has an AIA; else Ssaia is kept from the guest
 *
 * Extensions that this host or its kernel does not know are absent. Those
 * that only a newer kernel knows are not asked for.
 *
 * Return: 0, or negative errno with @err when KVM does not tell what every
 * hart has.
 */
int isa_read(int vcpu_fd, bool has_aia, struct isa *isa, struct error *err);

/**
 * isa_names() - Names of all extensions, in canonical order
 * @names: receives pointers to strings that live as long as the program
 *
 * Return: how many.
 */
unsigned isa_names(const struct isa *isa, const char *names[ISA_MAX_NAMES]);

/** isa_string() - "rv64imafdc_zicntr_..."; @buf of ISA_STRING_SIZE bytes */
void isa_string(const struct isa *isa, char buf[ISA_STRING_SIZE]);

/** isa_mmu_type() - "riscv,sv39" and so on, or NULL when KVM does not tell */
const char *isa_mmu_type(const struct isa *isa);

/**
 * isa_ext_name() - Row of the table of multi-letter extensions
 * @row: from 0
 * @id: receives KVM's number of it
 *
 * Return: its name, or NULL past the end. For tests.
 */
const char *isa_ext_name(unsigned row, unsigned *id);

#endif
