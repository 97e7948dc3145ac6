/* SPDX-License-Identifier: Apache-2.0 */
/* What a hart can do. */
#include "arch/riscv64/isa.h"

#include <errno.h>
#include <string.h>

#include "arch/riscv64/regs.h"
#include "vmm/kvm.h"

/**
 * struct isa_ext - A multi-letter extension
 * @id: KVM's number
 * @name: as in an ISA string
 */
struct isa_ext {
	unsigned id;
	const char *name;
};

#define EXT(id_, name_)                                        \
	{                                                      \
		.id = KVM_RISCV_ISA_EXT_##id_, .name = (name_) \
	}

/*
 * In canonical order (The RISC-V Instruction Set Manual, volume I, chapter
 * "ISA Extension Naming Conventions"): Z extensions by the category of their
 * second letter, in the order of the single letters, then by name; S
 * extensions by name.
 */
static const struct isa_ext exts[] = {
	EXT(ZICBOM, "zicbom"),
	EXT(ZICBOZ, "zicboz"),
	EXT(ZICNTR, "zicntr"),
	EXT(ZICOND, "zicond"),
	EXT(ZICSR, "zicsr"),
	EXT(ZIFENCEI, "zifencei"),
	EXT(ZIHINTNTL, "zihintntl"),
	EXT(ZIHINTPAUSE, "zihintpause"),
	EXT(ZIHPM, "zihpm"),
	EXT(ZIMOP, "zimop"),
	EXT(ZACAS, "zacas"),
	EXT(ZAWRS, "zawrs"),
	EXT(ZFA, "zfa"),
	EXT(ZFH, "zfh"),
	EXT(ZFHMIN, "zfhmin"),
	EXT(ZCA, "zca"),
	EXT(ZCB, "zcb"),
	EXT(ZCD, "zcd"),
	EXT(ZCF, "zcf"),
	EXT(ZCMOP, "zcmop"),
	EXT(ZBA, "zba"),
	EXT(ZBB, "zbb"),
	EXT(ZBC, "zbc"),
	EXT(ZBKB, "zbkb"),
	EXT(ZBKC, "zbkc"),
	EXT(ZBKX, "zbkx"),
	EXT(ZBS, "zbs"),
	EXT(ZKND, "zknd"),
	EXT(ZKNE, "zkne"),
	EXT(ZKNH, "zknh"),
	EXT(ZKR, "zkr"),
	EXT(ZKSED, "zksed"),
	EXT(ZKSH, "zksh"),
	EXT(ZKT, "zkt"),
	EXT(ZTSO, "ztso"),
	EXT(ZVBB, "zvbb"),
	EXT(ZVBC, "zvbc"),
	EXT(ZVFH, "zvfh"),
	EXT(ZVFHMIN, "zvfhmin"),
	EXT(ZVKB, "zvkb"),
	EXT(ZVKG, "zvkg"),
	EXT(ZVKNED, "zvkned"),
	EXT(ZVKNHA, "zvknha"),
	EXT(ZVKNHB, "zvknhb"),
	EXT(ZVKSED, "zvksed"),
	EXT(ZVKSH, "zvksh"),
	EXT(ZVKT, "zvkt"),
	EXT(SMSTATEEN, "smstateen"),
	EXT(SSAIA, "ssaia"),
	EXT(SSCOFPMF, "sscofpmf"),
	EXT(SSTC, "sstc"),
	EXT(SVINVAL, "svinval"),
	EXT(SVNAPOT, "svnapot"),
	EXT(SVPBMT, "svpbmt"),
};

_Static_assert(ARRAY_SIZE(exts) <= 128, "struct isa has a bit for each");

/*
 * Single letters in canonical order. Not h: a guest has no hypervisor
 * extension, whatever the host has.
 */
static const char *const letters[] = { "i", "m", "a", "f", "d",
				       "q", "c", "b", "v" };

static const char *const mmu_types[] = {
	[8] = "riscv,sv39",
	[9] = "riscv,sv48",
	[10] = "riscv,sv57",
};

const char *isa_ext_name(unsigned row, unsigned *id)
{
	if (row >= ARRAY_SIZE(exts))
		return NULL;
	*id = exts[row].id;
	return exts[row].name;
}

static bool has_ext(const struct isa *isa, size_t row)
{
	return (isa->exts[row / 64] >> (row % 64) & 1) != 0;
}

static bool has_letter(const struct isa *isa, const char *letter)
{
	return (isa->letters >> (letter[0] - 'a') & 1) != 0;
}

static int read_required(int fd, const char *name, uint64_t id, uint64_t *value,
			 struct error *err)
{
	int ret = kvm_get_reg(fd, id, value);

	if (ret < 0)
		return error_host(err, ret,
				  "cannot read the vCPU's %s: KVM_GET_ONE_REG: "
				  "%s; see 'privet host'",
				  name, strerror(-ret));
	return 0;
}

/*
 * Vector extensions need V. KVM names some of them on a host whose harts have
 * no vectors, or whose kernel does not use them.
 */
static bool lacks_base(const struct isa *isa, const char *name)
{
	return name[0] == 'z' && name[1] == 'v' && !has_letter(isa, "v");
}

static uint64_t read_optional(int fd, uint64_t id)
{
	uint64_t value = 0;

	return kvm_get_reg(fd, id, &value) < 0 ? 0 : value;
}

int isa_read(int vcpu_fd, bool has_aia, struct isa *isa, struct error *err)
{
	*isa = (struct isa){ 0 };

	int ret = read_required(vcpu_fd, "instruction set", RVREG_CONFIG(isa),
				&isa->letters, err);
	if (ret < 0)
		return ret;
	ret = read_required(vcpu_fd, "timer frequency", RVREG_TIMER(frequency),
			    &isa->timebase, err);
	if (ret < 0)
		return ret;

	for (size_t i = 0; i < ARRAY_SIZE(exts); i++) {
		if (exts[i].id == KVM_RISCV_ISA_EXT_SSAIA && !has_aia)
			continue;
		if (lacks_base(isa, exts[i].name))
			continue;
		if (read_optional(vcpu_fd, RVREG_ISA_EXT(exts[i].id)) == 1)
			isa->exts[i / 64] |= UINT64_C(1) << (i % 64);
	}
	isa->cbom_block_size =
		read_optional(vcpu_fd, RVREG_CONFIG(zicbom_block_size));
	isa->cboz_block_size =
		read_optional(vcpu_fd, RVREG_CONFIG(zicboz_block_size));
	isa->satp_mode = read_optional(vcpu_fd, RVREG_CONFIG(satp_mode));
	return 0;
}

unsigned isa_names(const struct isa *isa, const char *names[ISA_MAX_NAMES])
{
	unsigned count = 0;

	_Static_assert(ARRAY_SIZE(letters) + ARRAY_SIZE(exts) <= ISA_MAX_NAMES,
		       "room for every name");
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
		if (has_letter(isa, letters[i]))
			names[count++] = letters[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(exts); i++) {
		if (has_ext(isa, i))
			names[count++] = exts[i].name;
	}
	return count;
}

void isa_string(const struct isa *isa, char buf[ISA_STRING_SIZE])
{
	const char *names[ISA_MAX_NAMES];
	unsigned count = isa_names(isa, names);
	char *end = stpcpy(buf, "rv64");

	/* All names of the table together are shorter than the buffer. */
	for (unsigned i = 0; i < count; i++) {
		if (names[i][1] != '\0')
			end = stpcpy(end, "_");
		end = stpcpy(end, names[i]);
	}
}

const char *isa_mmu_type(const struct isa *isa)
{
	return isa->satp_mode < ARRAY_SIZE(mmu_types)
		       ? mmu_types[isa->satp_mode]
		       : NULL;
}
