/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64 kernels: checked headers and placement of the loadable segments.
 */
#ifndef PRIVET_VMM_ELF_H
#define PRIVET_VMM_ELF_H

#include "vmm/gmem.h"
#include "vmm/image.h"

#define ELF_MAX_SEGMENTS 32

/**
 * struct elf_segment - A PT_LOAD segment
 */
struct elf_segment {
	uint64_t offset;
	uint64_t paddr;
	uint64_t vaddr;
	uint64_t file_size;
	uint64_t mem_size;
};

/**
 * struct elf - What the loader needs of an ELF file
 * @big_endian: its byte order, and that of its program
 * @entry: e_entry, a virtual address
 * @flags: e_flags
 * @low: lowest p_paddr
 * @high: end of the highest segment
 */
struct elf {
	bool big_endian;
	uint64_t entry;
	uint32_t flags;
	uint64_t low;
	uint64_t high;
	unsigned nr_segments;
	struct elf_segment segments[ELF_MAX_SEGMENTS];
};

/**
 * elf_detect() - Whether the image begins with the ELF magic
 *
 * Also true where that cannot be read: elf_parse() then says why.
 */
bool elf_detect(const struct image *image);

/**
 * elf_parse() - Read and check the headers
 * @machine: expected e_machine; another one is refused by its name
 *
 * Refuses by name: 32-bit, big-endian (but for EM_PPC64, whose guests choose
 * their byte order), another architecture, not executable, truncated (any
 * segment's bytes beyond the end), wrapping or overlapping segments, no
 * segment.
 */
int elf_parse(const struct image *image, uint16_t machine, struct elf *elf,
	      struct error *err);

/**
 * elf_load() - Copy the segments into guest memory
 * @offset: added to every p_paddr (modulo 2^64)
 *
 * Memory beyond a segment's file bytes is left as it is: guest RAM is zero.
 */
int elf_load(const struct image *image, const struct elf *elf, uint64_t offset,
	     struct gmem *gmem, struct error *err);

/**
 * elf_entry_paddr() - Physical address of the entry point
 *
 * The segment that holds the virtual entry address tells the difference.
 */
uint64_t elf_entry_paddr(const struct elf *elf);

#endif
