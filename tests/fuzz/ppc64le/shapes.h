/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the arguments of hypercalls and firmware calls are in a guest that
 * works, so that most calls of an input get beyond the checks.
 */
#ifndef PRIVET_TESTS_FUZZ_SHAPES_H
#define PRIVET_TESTS_FUZZ_SHAPES_H

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/phb.h"
#include "arch/ppc64le/rtas.h"
#include "tests/fuzz/machine.h"

enum shape {
	SHAPE_ANY,
	SHAPE_ZERO,
	SHAPE_SMALL,
	SHAPE_BYTE,
	SHAPE_LEN,
	SHAPE_CPU,
	SHAPE_CPUS,
	SHAPE_GPA,
	SHAPE_PAGE,
	SHAPE_TABLE,
	SHAPE_FLAGS,
	SHAPE_UNIT,
	SHAPE_LIOBN,
	SHAPE_IOBA,
	SHAPE_TCE,
	SHAPE_NR_TCES,
	SHAPE_IRQ,
	SHAPE_XIRR,
	SHAPE_SLOT,
	SHAPE_CONFIG,
	SHAPE_BUID_HIGH,
	SHAPE_BUID_LOW,
	SHAPE_SIZE,
	SHAPE_CHANGE,
	SHAPE_NVRAM,
	SHAPE_PARAM,
	SHAPE_YEAR,
	SHAPE_EVENTS,
	SHAPE_TEXT,
};

#define SHAPES_MAX 8

/** struct shaped - A call and its arguments */
struct shaped {
	uint64_t nr;
	uint8_t args[SHAPES_MAX];
};

static const struct shaped hcall_shapes[] = {
	{ 0x01c, { SHAPE_LIOBN, SHAPE_IOBA } },
	{ 0x020, { SHAPE_LIOBN, SHAPE_IOBA, SHAPE_TCE } },
	{ 0x138, { SHAPE_LIOBN, SHAPE_IOBA, SHAPE_TCE, SHAPE_NR_TCES } },
	{ 0x13c, { SHAPE_LIOBN, SHAPE_IOBA, SHAPE_PAGE, SHAPE_NR_TCES } },
	{ 0x03c, { SHAPE_SIZE, SHAPE_ANY } },
	{ 0x040, { SHAPE_SIZE, SHAPE_ANY } },
	{ 0xf001,
	  { SHAPE_GPA, SHAPE_GPA, SHAPE_SMALL, SHAPE_LEN, SHAPE_SMALL } },
	{ 0x31c, { SHAPE_SMALL, SHAPE_SMALL, SHAPE_ZERO, SHAPE_ZERO } },
	{ 0x37c, { SHAPE_FLAGS, SHAPE_TABLE, SHAPE_ZERO, SHAPE_SMALL } },
	{ 0x380, { SHAPE_CPUS } },
	{ HCALL_PROD, { SHAPE_CPU } },
	{ 0x064, { SHAPE_XIRR } },
	{ 0x068, { SHAPE_BYTE } },
	{ 0x06c, { SHAPE_CPU, SHAPE_BYTE } },
	{ 0x070, { SHAPE_CPU } },
	{ 0x054, { SHAPE_UNIT } },
	{ 0x058, { SHAPE_UNIT, SHAPE_LEN } },
	{ 0x104, { SHAPE_UNIT, SHAPE_SMALL } },
};

#define SHAPE_BRIDGE SHAPE_BUID_HIGH, SHAPE_BUID_LOW

static const struct shaped rtas_shapes[] = {
	{ RTAS_SET_TIME_OF_DAY,
	  { SHAPE_YEAR, SHAPE_SMALL, SHAPE_SMALL, SHAPE_SMALL, SHAPE_SMALL,
	    SHAPE_SMALL, SHAPE_ANY } },
	{ RTAS_QUERY_CPU_STOPPED_STATE, { SHAPE_CPU } },
	{ RTAS_START_CPU, { SHAPE_CPU, SHAPE_GPA, SHAPE_ANY } },
	{ RTAS_IBM_GET_SYSTEM_PARAMETER,
	  { SHAPE_PARAM, SHAPE_GPA, SHAPE_BYTE } },
	{ RTAS_IBM_SET_SYSTEM_PARAMETER, { SHAPE_PARAM, SHAPE_GPA } },
	{ RTAS_IBM_SET_XIVE, { SHAPE_IRQ, SHAPE_CPU, SHAPE_BYTE } },
	{ RTAS_IBM_GET_XIVE, { SHAPE_IRQ } },
	{ RTAS_IBM_INT_OFF, { SHAPE_IRQ } },
	{ RTAS_IBM_INT_ON, { SHAPE_IRQ } },
	{ RTAS_CHECK_EXCEPTION,
	  { SHAPE_ANY, SHAPE_IRQ, SHAPE_EVENTS, SHAPE_SMALL, SHAPE_GPA,
	    SHAPE_BYTE, SHAPE_ZERO } },
	{ RTAS_NVRAM_FETCH, { SHAPE_NVRAM, SHAPE_GPA, SHAPE_LEN } },
	{ RTAS_NVRAM_STORE, { SHAPE_NVRAM, SHAPE_GPA, SHAPE_LEN } },
	{ RTAS_READ_PCI_CONFIG, { SHAPE_CONFIG, SHAPE_SIZE } },
	{ RTAS_WRITE_PCI_CONFIG, { SHAPE_CONFIG, SHAPE_SIZE, SHAPE_ANY } },
	{ RTAS_IBM_READ_PCI_CONFIG,
	  { SHAPE_CONFIG, SHAPE_BRIDGE, SHAPE_SIZE } },
	{ RTAS_IBM_WRITE_PCI_CONFIG,
	  { SHAPE_CONFIG, SHAPE_BRIDGE, SHAPE_SIZE, SHAPE_ANY } },
	{ RTAS_IBM_QUERY_INTERRUPT_SOURCE_NUMBER,
	  { SHAPE_SLOT, SHAPE_BRIDGE, SHAPE_SMALL } },
	{ RTAS_IBM_CHANGE_MSI,
	  { SHAPE_SLOT, SHAPE_BRIDGE, SHAPE_CHANGE, SHAPE_SMALL,
	    SHAPE_SMALL } },
	{ RTAS_IBM_OS_TERM, { SHAPE_TEXT } },
};

/* What some call takes, for those that have no shape. */
static inline uint64_t take_arg(struct input *in)
{
	static const uint64_t known[] = {
		LAYOUT_VTY_UNIT,
		LAYOUT_PHB_LIOBN,
		LAYOUT_IRQ_MSI,
		LAYOUT_IRQ_EPOW,
		LAYOUT_PCI_MEM32_BASE,
		LAYOUT_FINISHER_BASE,
		LAYOUT_PCI_IO_BASE,
		LAYOUT_PHB_BUID >> 32,
		(uint32_t)LAYOUT_PHB_BUID,
		MACHINE_RADIX,
	};
	uint8_t kind = take_u8(in);

	if (kind < 96)
		return take_number(in);
	if (kind < 160)
		return machine_gpa(in);
	return known[kind % ARRAY_SIZE(known)] + (kind < 240 ? 0 : take_u8(in));
}

/* Entries of a DMA window, which are good but for one in 16. */
static inline uint64_t take_tce(struct input *in)
{
	uint8_t kind = take_u8(in);

	return (uint64_t)(kind / 4) << PHB_TCE_SHIFT |
	       (kind < 240 ? kind & 3U : kind);
}

static inline uint64_t take_page(struct input *in, struct gmem *gmem)
{
	uint64_t page = arch_info.ram_base + 0x1000 * (1U + take_below(in, 8));
	uint8_t list[8 * 8];

	for (unsigned i = 0; i < sizeof(list); i += 8)
		be64_store(list + i, take_tce(in));
	gmem_write(gmem, page, list, sizeof(list));
	return page;
}

static inline uint64_t take_text(struct input *in, struct gmem *gmem)
{
	uint8_t text[32] = "OS panic: ";
	uint64_t gpa = machine_gpa(in);

	take_bytes(in, text + (gpa & 8 ? 10 : 0), 16);
	gmem_write(gmem, gpa, text, sizeof(text));
	return gpa & 1 ? 0 : gpa;
}

static inline uint64_t take_irq(struct input *in)
{
	static const uint32_t irqs[] = {
		LAYOUT_IRQ_EPOW, LAYOUT_IRQ_LSI,  LAYOUT_IRQ_LSI + 1,
		LAYOUT_IRQ_MSI,  LAYOUT_IRQ_BASE, LAYOUT_IRQ_MSI + 1,
	};
	uint8_t kind = take_u8(in);

	return kind < 128 ? irqs[kind % ARRAY_SIZE(irqs)]
			  : LAYOUT_IRQ_BASE + kind;
}

/* Lengths of buffers: those that a call knows, and long ones. */
static inline uint64_t take_len(struct input *in)
{
	static const uint8_t lens[] = { 0, 1, 2, 4, 8, 12, 16, 17, 20, 48 };
	uint8_t kind = take_u8(in);

	return kind < 224 ? lens[kind % ARRAY_SIZE(lens)] : 4U * take_u16(in);
}

/* A place in something that has @size bytes, mostly at one of its ends. */
static inline uint64_t take_place(struct input *in, uint64_t size,
				  uint64_t step)
{
	uint8_t kind = take_u8(in);

	return kind < 192 ? kind * step : size - (kind % 32) * step + step;
}

/**
 * struct choice - A shape that is one of @count values
 * @count: 0: it is another kind of shape
 */
struct choice {
	uint16_t count;
	uint8_t shift;
	uint64_t first;
};

static const struct choice choices[] = {
	[SHAPE_ZERO] = { .count = 1 },
	[SHAPE_SMALL] = { .count = 14 },
	[SHAPE_BYTE] = { .count = 256 },
	[SHAPE_CPU] = { .count = CPUS + 1 },
	[SHAPE_CPUS] = { .count = CPUS + 3, .first = UINT64_MAX - 1 },
	[SHAPE_TABLE] = { .count = 256, .shift = 12 },
	[SHAPE_FLAGS] = { .count = 32 },
	[SHAPE_UNIT] = { .count = 1, .first = LAYOUT_VTY_UNIT },
	[SHAPE_LIOBN] = { .count = 1, .first = LAYOUT_PHB_LIOBN },
	[SHAPE_SLOT] = { .count = 3, .shift = 11 },
	[SHAPE_BUID_HIGH] = { .count = 1, .first = LAYOUT_PHB_BUID >> 32 },
	[SHAPE_BUID_LOW] = { .count = 1, .first = (uint32_t)LAYOUT_PHB_BUID },
	[SHAPE_CHANGE] = { .count = 5 },
	[SHAPE_YEAR] = { .count = 256, .first = 1970 },
	[SHAPE_EVENTS] = { .count = 4, .shift = 30, .first = 0x40000000 },
	[SHAPE_TEXT] = { .count = 0 },
};

/* The shapes that are not choices. */
static inline uint64_t take_special(struct input *in, struct gmem *gmem,
				    enum shape shape)
{
	static const uint8_t params[] = { 20, 42, 55, 0, 41 };

	switch (shape) {
	case SHAPE_LEN:
		return take_len(in);
	case SHAPE_GPA:
		return machine_gpa(in);
	case SHAPE_PAGE:
		return take_page(in, gmem);
	case SHAPE_IOBA:
		return take_place(in, PHB_NR_TCES, 1) << PHB_TCE_SHIFT;
	case SHAPE_TCE:
		return take_tce(in);
	case SHAPE_NR_TCES:
		return take_rarely(in, 16) ? 512 + take_u8(in) % 3U - 1
					   : take_u8(in) % 16;
	case SHAPE_IRQ:
		return take_irq(in);
	case SHAPE_XIRR:
		return (uint64_t)take_u8(in) << 24 | take_irq(in);
	case SHAPE_CONFIG:
		return take_below(in, 4) << 11 | take_u8(in);
	case SHAPE_SIZE:
		return 1U << take_below(in, 4);
	case SHAPE_NVRAM:
		return take_place(in, 0x10000, 16);
	case SHAPE_PARAM:
		return params[take_below(in, ARRAY_SIZE(params))];
	case SHAPE_TEXT:
		return take_text(in, gmem);
	default:
		return take_arg(in);
	}
}

/** take_shaped() - An argument; one in 16 is not what it should be */
static inline uint64_t take_shaped(struct input *in, struct gmem *gmem,
				   enum shape shape)
{
	const struct choice *c = &choices[shape];

	if (shape == SHAPE_ANY || take_rarely(in, 16))
		return take_arg(in);
	if (c->count == 0)
		return take_special(in, gmem, shape);
	return ((uint64_t)take_below(in, c->count) << c->shift) + c->first;
}

/** shape_of() - What argument @i of call @nr is; @count: of @table */
static inline enum shape shape_of(const struct shaped *table, size_t count,
				  uint64_t nr, unsigned i)
{
	for (size_t k = 0; k < count && i < SHAPES_MAX; k++) {
		if (table[k].nr == nr)
			return table[k].args[i];
	}
	return SHAPE_ANY;
}

#endif
