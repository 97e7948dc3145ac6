/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /cpus: what the guest may know of its processors (PAPR, C.6.2).
 *
 * KVM runs guests on the host's own kind of processor, so that most follows
 * from its version register. Nothing is said of hash page tables, which no
 * guest of ours has.
 */
#include "arch/ppc64le/tree.h"

#include "arch/ppc64le/machine.h"
#include "vmm/fdt.h"

#define SLB_ENTRIES 32U
#define CACHE_LINE  128U

/** enum isa - Version of the Power ISA; later ones have all of the former's */
enum isa {
	ISA_ANY,
	ISA_3_0,
	ISA_3_1,
};

/**
 * struct cpu_model - A kind of processor
 * @pvr: upper half of its version register; 0 ends the table, and is any other
 * @name: of its node
 * @dcache, @icache: bytes of the first-level caches
 */
struct cpu_model {
	uint16_t pvr;
	const char *name;
	enum isa isa;
	uint32_t dcache;
	uint32_t icache;
};

static const struct cpu_model cpu_models[] = {
	{ 0x004e, "PowerPC,POWER9", ISA_3_0, KIB(32), KIB(32) },
	{ 0x0080, "PowerPC,POWER10", ISA_3_1, KIB(32), KIB(48) },
	{ 0x0082, "PowerPC,POWER11", ISA_3_1, KIB(32), KIB(48) },
	/* Radix guests came with 3.0: there is no older one. */
	{ 0, "PowerPC,POWER", ISA_3_0, KIB(32), KIB(32) },
};

static const struct cpu_model *find_model(uint32_t pvr)
{
	const struct cpu_model *model = cpu_models;

	while (model->pvr != 0 && model->pvr != pvr >> 16)
		model++;
	return model;
}

/*
 * ibm,pa-features (PAPR, C.6.2.3.1): an attribute's length, its type, and its
 * bytes, which are numbered from 0.
 */

#define PA_HEADER 2U
#define PA_MAX    74U

static const unsigned pa_length[] = {
	[ISA_3_0] = 66,
	[ISA_3_1] = 74,
};

/**
 * struct pa_byte - A byte of which bits are set
 * @isa: from this version on
 * @has: and only where this holds; NULL: everywhere
 */
struct pa_byte {
	uint8_t index;
	uint8_t bits;
	enum isa isa;
	bool (*has)(const struct caps *caps);
};

static bool has_htm(const struct caps *caps)
{
	return caps->htm;
}

static bool has_dawr1(const struct caps *caps)
{
	return caps->dawr1;
}

static const struct pa_byte pa_bytes[] = {
	/* MMU, floating point, cache and storage attributes */
	{ .index = 0, .bits = 0xf6 },
	{ .index = 1, .bits = 0x1f },
	{ .index = 2, .bits = 0xc7 },
	{ .index = 3, .bits = 0xc0 },
	{ .index = 5, .bits = 0xf0 },
	{ .index = 6, .bits = 0x80 },
	/* Vector, vector and scalar */
	{ .index = 16, .bits = 0x80 },
	{ .index = 18, .bits = 0x80 },
	{ .index = 20, .bits = 0x80 },
	{ .index = 22, .bits = 0x80, .has = has_htm },
	{ .index = 24, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 26, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 28, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 32, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 34, .bits = 0xc0, .isa = ISA_3_0 },
	/* Radix MMU */
	{ .index = 40, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 42, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 44, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 46, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 48, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 50, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 52, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 54, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 56, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 58, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 60, .bits = 0x80, .isa = ISA_3_0 },
	{ .index = 62, .bits = 0x80, .isa = ISA_3_0 },
	/* Second data watchpoint */
	{ .index = 64, .bits = 0x80, .isa = ISA_3_1, .has = has_dawr1 },
	/* Prefixed instructions and the rest of 3.1; matrix assist */
	{ .index = 68, .bits = 0xce, .isa = ISA_3_1 },
	{ .index = 72, .bits = 0x80, .isa = ISA_3_1 },
};

static void tree_pa_features(const struct caps *caps, enum isa isa,
			     struct fdt_builder *fdt)
{
	uint8_t bytes[PA_HEADER + PA_MAX] = { (uint8_t)pa_length[isa] };

	for (size_t i = 0; i < ARRAY_SIZE(pa_bytes); i++) {
		const struct pa_byte *b = &pa_bytes[i];

		if (b->isa <= isa && (b->has == NULL || b->has(caps)))
			bytes[PA_HEADER + b->index] |= b->bits;
	}
	fdt_prop_bytes(fdt, "ibm,pa-features", bytes,
		       PA_HEADER + pa_length[isa]);
}

/* Doorbells to other threads are not for guests: they use the XICS. */
static void tree_pi_features(struct fdt_builder *fdt)
{
	static const uint8_t bytes[] = { 1, 0, 0x08 };

	fdt_prop_bytes(fdt, "ibm,pi-features", bytes, sizeof(bytes));
}

static void tree_frequencies(const struct caps *caps, struct fdt_builder *fdt)
{
	fdt_prop_u32(fdt, "timebase-frequency", (uint32_t)caps->timebase_hz);
	if (caps->clock_hz == 0)
		return;
	fdt_prop_u64(fdt, "ibm,extended-clock-frequency", caps->clock_hz);
	if (caps->clock_hz <= UINT32_MAX)
		fdt_prop_u32(fdt, "clock-frequency", (uint32_t)caps->clock_hz);
}

static void tree_caches(const struct cpu_model *model, struct fdt_builder *fdt)
{
	fdt_prop_u32(fdt, "d-cache-size", model->dcache);
	fdt_prop_u32(fdt, "d-cache-line-size", CACHE_LINE);
	fdt_prop_u32(fdt, "d-cache-block-size", CACHE_LINE);
	fdt_prop_u32(fdt, "i-cache-size", model->icache);
	fdt_prop_u32(fdt, "i-cache-line-size", CACHE_LINE);
	fdt_prop_u32(fdt, "i-cache-block-size", CACHE_LINE);
}

static void tree_mmu(const struct caps *caps, struct fdt_builder *fdt)
{
	fdt_prop_cells(fdt, "ibm,processor-radix-AP-encodings", caps->ap,
		       caps->nr_ap);
	fdt_prop_u32(fdt, "slb-size", SLB_ENTRIES);
	fdt_prop_u32(fdt, "ibm,slb-size", SLB_ENTRIES);
}

/* One thread to a core; its id is its interrupt server. */
static void tree_cpu(const struct caps *caps, unsigned id,
		     struct fdt_builder *fdt)
{
	const struct cpu_model *model = find_model(caps->pvr);
	const uint32_t gserver[] = { id, 0 };

	fdt_begin(fdt, "%s@%x", model->name, id);
	fdt_prop_string(fdt, "device_type", "cpu");
	fdt_prop_u32(fdt, "reg", id);
	fdt_prop_string(fdt, "status", "okay");
	fdt_prop_u32(fdt, "cpu-version", caps->pvr);
	fdt_prop_u32(fdt, "ibm,ppc-interrupt-server#s", id);
	fdt_prop_cells(fdt, "ibm,ppc-interrupt-gserver#s", gserver,
		       ARRAY_SIZE(gserver));
	tree_frequencies(caps, fdt);
	tree_caches(model, fdt);
	tree_mmu(caps, fdt);
	fdt_prop_empty(fdt, "64-bit");
	/* 2: vector and scalar, too */
	fdt_prop_u32(fdt, "ibm,vmx", 2);
	fdt_prop_u32(fdt, "ibm,dfp", 1);
	fdt_prop_u32(fdt, "ibm,purr", 1);
	fdt_prop_u32(fdt, "ibm,spurr", 1);
	fdt_prop_u32(fdt, "ibm,chip-id", 0);
	tree_pa_features(caps, model->isa, fdt);
	tree_pi_features(fdt);
	fdt_end(fdt);
}

void tree_cpus(const struct vm *vm, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "cpus");
	fdt_prop_u32(fdt, "#address-cells", 1);
	fdt_prop_u32(fdt, "#size-cells", 0);
	for (unsigned id = 0; id < vm->cfg->cpus; id++)
		tree_cpu(&vm_machine(vm)->caps, id, fdt);
	fdt_end(fdt);
}
