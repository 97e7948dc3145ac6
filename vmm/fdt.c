/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device tree builder over libfdt's sequential write.
 *
 * b->error latches libfdt's first error (negative FDT_ERR_*); after that every
 * call is a no-op. libfdt itself refuses calls in the wrong order, what it
 * does not see (nodes left open) is found by the check of the finished tree.
 */
#include "vmm/fdt.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include "vmm/bytes.h"

/* Longest node name with its unit address, and its NUL. */
#define NODE_NAME_SIZE 64

int fdt_builder_init(struct fdt_builder *b, size_t size)
{
	*b = (struct fdt_builder){ .size = size };
	if (size > INT_MAX)
		return -EINVAL;
	b->blob = calloc(1, size);
	if (!b->blob)
		return -ENOMEM;
	b->error = fdt_create(b->blob, (int)size);
	return 0;
}

void fdt_builder_free(struct fdt_builder *b)
{
	free(b->blob);
	*b = (struct fdt_builder){ 0 };
}

static void latch(struct fdt_builder *b, int error)
{
	if (error < 0 && !b->error)
		b->error = error;
}

void fdt_reserve(struct fdt_builder *b, uint64_t addr, uint64_t size)
{
	if (!b->error)
		latch(b, fdt_add_reservemap_entry(b->blob, addr, size));
}

/*
 * The first node ends the reservations. libfdt answers FDT_ERR_BADSTATE when
 * they have ended before.
 */
static int end_reservations(struct fdt_builder *b)
{
	int ret = fdt_finish_reservemap(b->blob);

	return ret == -FDT_ERR_BADSTATE ? 0 : ret;
}

static int begin_node(struct fdt_builder *b, const char *name)
{
	int ret = end_reservations(b);

	return ret ? ret : fdt_begin_node(b->blob, name);
}

void fdt_begin(struct fdt_builder *b, const char *name, ...)
{
	char text[NODE_NAME_SIZE];
	va_list args;

	va_start(args, name);
	int len = vsnprintf(text, sizeof(text), name, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		latch(b, -FDT_ERR_BADVALUE);
	if (!b->error)
		latch(b, begin_node(b, text));
}

void fdt_end(struct fdt_builder *b)
{
	if (!b->error)
		latch(b, fdt_end_node(b->blob));
}

/*
 * Opens a property of @len bytes.
 *
 * Return: where its value goes, or NULL when the tree has failed.
 */
static void *prop_space(struct fdt_builder *b, const char *name, size_t len)
{
	void *space = NULL;

	if (len > INT_MAX)
		latch(b, -FDT_ERR_NOSPACE);
	if (!b->error)
		latch(b, fdt_property_placeholder(b->blob, name, (int)len,
						  &space));
	return b->error ? NULL : space;
}

void fdt_prop_empty(struct fdt_builder *b, const char *name)
{
	prop_space(b, name, 0);
}

void fdt_prop_bytes(struct fdt_builder *b, const char *name, const void *data,
		    size_t len)
{
	void *space = prop_space(b, name, len);

	if (space && len)
		memcpy(space, data, len);
}

void fdt_prop_u32(struct fdt_builder *b, const char *name, uint32_t value)
{
	fdt_prop_cells(b, name, &value, 1);
}

void fdt_prop_u64(struct fdt_builder *b, const char *name, uint64_t value)
{
	const uint32_t cells[] = { (uint32_t)(value >> 32), (uint32_t)value };

	fdt_prop_cells(b, name, cells, ARRAY_SIZE(cells));
}

void fdt_prop_string(struct fdt_builder *b, const char *name, const char *value)
{
	fdt_prop_bytes(b, name, value, strlen(value) + 1);
}

void fdt_prop_strings(struct fdt_builder *b, const char *name,
		      const char *const *values, unsigned count)
{
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += strlen(values[i]) + 1;
	char *space = prop_space(b, name, len);
	for (unsigned i = 0; space && i < count; i++)
		space = stpcpy(space, values[i]) + 1;
}

void fdt_prop_cells(struct fdt_builder *b, const char *name,
		    const uint32_t *cells, unsigned count)
{
	uint8_t *space = prop_space(b, name, count * sizeof(*cells));

	for (unsigned i = 0; space && i < count; i++)
		be32_store(space + i * sizeof(*cells), cells[i]);
}

void fdt_prop_reg(struct fdt_builder *b, uint64_t addr, uint64_t size)
{
	const uint32_t cells[] = {
		(uint32_t)(addr >> 32),
		(uint32_t)addr,
		(uint32_t)(size >> 32),
		(uint32_t)size,
	};

	fdt_prop_cells(b, "reg", cells, ARRAY_SIZE(cells));
}

int fdt_builder_finish(struct fdt_builder *b, const void **blob, size_t *len,
		       struct error *err)
{
	if (!b->error)
		latch(b, fdt_finish(b->blob));
	if (!b->error)
		latch(b, fdt_check_full(b->blob, fdt_totalsize(b->blob)));
	if (b->error == -FDT_ERR_NOSPACE)
		return error_host(err, -ENOSPC,
				  "cannot build the device tree: it needs more "
				  "than %zu bytes; use fewer CPUs or devices",
				  b->size);
	if (b->error)
		return error_host(err, -EINVAL,
				  "cannot build the device tree: %s",
				  fdt_strerror(b->error));
	*blob = b->blob;
	*len = fdt_totalsize(b->blob);
	return 0;
}
