/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device tree builder: libfdt's sequential write with a latched error.
 *
 * Callers emit nodes and properties without checking each call; the first
 * failure sticks and fdt_builder_finish() reports it.
 */
#ifndef PRIVET_VMM_FDT_H
#define PRIVET_VMM_FDT_H

#include "vmm/error.h"

struct fdt_builder {
	void *blob;
	size_t size;
	int error;
};

/**
 * fdt_builder_init() - Start a tree
 * @size: most bytes that it may take
 */
int fdt_builder_init(struct fdt_builder *b, size_t size);
void fdt_builder_free(struct fdt_builder *b);

/** fdt_reserve() - Add a memory reservation; before the first node */
void fdt_reserve(struct fdt_builder *b, uint64_t addr, uint64_t size);

/** fdt_begin() - Open a node; @name is printf-like */
void fdt_begin(struct fdt_builder *b, const char *name, ...) PRINTF_LIKE(2, 3);
void fdt_end(struct fdt_builder *b);

void fdt_prop_empty(struct fdt_builder *b, const char *name);
void fdt_prop_u32(struct fdt_builder *b, const char *name, uint32_t value);
void fdt_prop_u64(struct fdt_builder *b, const char *name, uint64_t value);
void fdt_prop_string(struct fdt_builder *b, const char *name,
		     const char *value);

/** fdt_prop_strings() - A list of strings, each ending in its NUL */
void fdt_prop_strings(struct fdt_builder *b, const char *name,
		      const char *const *values, unsigned count);
void fdt_prop_bytes(struct fdt_builder *b, const char *name, const void *data,
		    size_t len);

/** fdt_prop_cells() - An array of big-endian 32-bit cells */
void fdt_prop_cells(struct fdt_builder *b, const char *name,
		    const uint32_t *cells, unsigned count);

/** fdt_prop_reg() - `reg` with two address and two size cells */
void fdt_prop_reg(struct fdt_builder *b, uint64_t addr, uint64_t size);

/**
 * fdt_builder_finish() - Complete the tree
 * @blob: receives the tree; owned by the builder
 * @len: receives its bytes
 *
 * Return: 0, or a negative errno with @err when any call failed.
 */
int fdt_builder_finish(struct fdt_builder *b, const void **blob, size_t *len,
		       struct error *err);

#endif
