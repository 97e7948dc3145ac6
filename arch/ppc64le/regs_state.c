/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a vCPU: saved and restored.
 *
 * KVM on POWER does not tell which registers there are, so there is a fixed
 * list (Linux, Documentation/virt/kvm/api.rst, 4.68). It is in the order in
 * which registers are restored, since some decide what others may be:
 *
 * - ARCH_COMPAT comes first, and LPCR before what depends on its bits;
 * - the VPA comes before the buffers that it refers to;
 * - the time base comes before everything: it goes on where it stopped, for
 *   all vCPUs alike. The decrementer's time is in ticks of the guest, and
 *   needs nothing but to be restored after it.
 *
 * A saved state is {pvr, guest's time base, general registers, {id, value}...,
 * 0, power, requests}. A register that the saving host lacked is left out. The
 * state is untrusted: ids must be of the list and in its order, KVM checks the
 * values. What the presentation controller keeps for a vCPU is in the
 * irqchip's section.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/regs.h"
#include "vmm/arch.h"
#include "vmm/snapshot.h"

/* Ends the list of registers; not a valid id. */
#define REG_END      0U
#define REG_MAX_SIZE 16U

/* Processors are told apart by the upper half of the PVR. */
#define PVR_FAMILY_SHIFT 16

/* What of the LPCR the guest set and depends on. */
#define LPCR_GUEST (LPCR_AIL | LPCR_ILE | LPCR_LD)

/**
 * struct reg_range - Registers with consecutive ids
 * @transaction: they exist only while MSR.TS says that there is one
 */
struct reg_range {
	uint64_t id;
	unsigned count;
	bool transaction;
};

#define REG(name)                                    \
	{                                            \
		.id = KVM_REG_PPC_##name, .count = 1 \
	}
#define REGS(name, n)                                  \
	{                                              \
		.id = KVM_REG_PPC_##name, .count = (n) \
	}
#define TM_REGS(name, n)                                                       \
	{                                                                      \
		.id = KVM_REG_PPC_TM_##name, .count = (n), .transaction = true \
	}

/* clang-format off */
static const struct reg_range ranges[] = {
	REG(ARCH_COMPAT), REG(LPCR_64), REG(VPA_ADDR), REG(VPA_SLB),
	REG(VPA_DTL), REG(ONLINE), REG(PTCR),
	REG(DSCR), REG(PURR), REG(SPURR), REG(DAR), REG(DSISR), REG(AMR),
	REG(UAMOR), REG(IAMR), REG(FSCR), REG(PSPB), REG(EBBHR), REG(EBBRR),
	REG(BESCR), REG(TAR), REG(DPDES), REG(CIABR), REG(IC), REG(VTB),
	REG(DAWR), REG(DAWRX), REG(DAWR1), REG(DAWRX1), REG(DABR), REG(DABRX),
	REG(CSIGR), REG(TACR), REG(TCSCR), REG(PID), REG(ACOP), REG(VRSAVE),
	REG(PPR), REG(WORT), REG(TIDR), REG(PSSCR),
	REG(DEXCR), REG(HASHKEYR), REG(HASHPKEYR),
	REG(MMCR0), REG(MMCR1), REG(MMCRA), REG(MMCR2), REG(MMCRS), REG(MMCR3),
	REG(SIAR), REG(SDAR), REG(SIER), REG(SIER2), REG(SIER3),
	REGS(PMC1, 8), REG(SPMC1), REG(SPMC2),
	REGS(FPR0, 32), REG(FPSCR), REGS(VR0, 32), REG(VSCR), REGS(VSR0, 32),
	REG(TFHAR), REG(TFIAR), REG(TEXASR),
	TM_REGS(GPR0, 32), TM_REGS(VSR0, 64), TM_REGS(CR, 1), TM_REGS(LR, 1),
	TM_REGS(CTR, 1), TM_REGS(FPSCR, 1), TM_REGS(AMR, 1), TM_REGS(PPR, 1),
	TM_REGS(VRSAVE, 1), TM_REGS(VSCR, 1), TM_REGS(DSCR, 1),
	TM_REGS(TAR, 1), TM_REGS(XER, 1),
	REG(DEC_EXPIRY),
};
/* clang-format on */

/* General registers that KVM hands over together, as 64-bit words. */
#define REGS_WORDS (sizeof(struct kvm_regs) / sizeof(uint64_t))

static uint32_t reg_size(uint64_t id)
{
	return 1U << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

/* This host has no such register, or not for this guest. */
static bool is_absent(int error)
{
	return error == -EINVAL || error == -ENXIO || error == -ENOENT;
}

static void put_value(struct snap_writer *w, uint64_t id, const uint8_t *value)
{
	uint32_t v32;
	uint64_t v64;

	switch (reg_size(id)) {
	case sizeof(v32):
		memcpy(&v32, value, sizeof(v32));
		snap_put_u32(w, v32);
		break;
	case sizeof(v64):
		memcpy(&v64, value, sizeof(v64));
		snap_put_u64(w, v64);
		break;
	default:
		/* Two words in the order of the host, which is little-endian */
		snap_put_bytes(w, value, reg_size(id));
		break;
	}
}

static void get_value(struct snap_reader *r, uint64_t id, uint8_t *value)
{
	uint32_t v32;
	uint64_t v64;

	switch (reg_size(id)) {
	case sizeof(v32):
		v32 = snap_get_u32(r);
		memcpy(value, &v32, sizeof(v32));
		break;
	case sizeof(v64):
		v64 = snap_get_u64(r);
		memcpy(value, &v64, sizeof(v64));
		break;
	default:
		snap_get_bytes(r, value, reg_size(id));
		break;
	}
}

/*
 * Saving.
 */

static int save_reg(const struct vcpu *vcpu, struct snap_writer *w, uint64_t id)
{
	uint8_t value[REG_MAX_SIZE] __attribute__((aligned(8))) = { 0 };
	int ret = kvm_get_reg(vcpu->fd, id, value);

	if (is_absent(ret))
		return 0;
	if (ret < 0)
		return ret;
	snap_put_u64(w, id);
	put_value(w, id, value);
	return 0;
}

static int save_list(const struct vcpu *vcpu, struct snap_writer *w,
		     bool transaction)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (ranges[i].transaction && !transaction)
			continue;
		for (unsigned n = 0; n < ranges[i].count; n++) {
			int ret = save_reg(vcpu, w, ranges[i].id + n);

			if (ret < 0)
				return ret;
		}
	}
	snap_put_u64(w, REG_END);
	return 0;
}

static int save_general(const struct vcpu *vcpu, struct snap_writer *w,
			bool *transaction)
{
	union {
		struct kvm_regs regs;
		uint64_t words[REGS_WORDS];
	} general = { .words = { 0 } };
	int ret = kvm_ppc_get_regs(vcpu->fd, &general.regs);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < REGS_WORDS; i++)
		snap_put_u64(w, general.words[i]);
	*transaction = (general.regs.msr & MSR_TS) != 0;
	return 0;
}

static int save_time(const struct vcpu *vcpu, struct snap_writer *w)
{
	uint64_t offset = 0;
	int ret = kvm_get_reg(vcpu->fd, KVM_REG_PPC_TB_OFFSET, &offset);

	if (ret < 0)
		return ret;
	snap_put_u64(w, regs_timebase() + offset);
	return 0;
}

int arch_vcpu_save(struct vcpu *vcpu, struct snap_writer *w)
{
	bool transaction = false;

	snap_put_u32(w, vm_machine(vcpu->vm)->caps.pvr);
	int ret = save_time(vcpu, w);
	if (ret == 0)
		ret = save_general(vcpu, w, &transaction);
	if (ret == 0)
		ret = save_list(vcpu, w, transaction);
	if (ret < 0)
		return ret;

	pthread_mutex_lock(&vcpu->vm->lock);
	snap_put_u8(w, (uint8_t)vcpu->power);
	snap_put_u32(w, vcpu->requests);
	pthread_mutex_unlock(&vcpu->vm->lock);
	return 0;
}

/*
 * Restoring.
 */

static int restore_pvr(const struct vcpu *vcpu, struct snap_reader *r)
{
	uint32_t pvr = snap_get_u32(r);
	uint32_t own = vm_machine(vcpu->vm)->caps.pvr;

	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);
	return pvr >> PVR_FAMILY_SHIFT == own >> PVR_FAMILY_SHIFT ? 0 : -ENXIO;
}

/* The first vCPU decides for all. */
static int restore_time(const struct vcpu *vcpu, struct snap_reader *r)
{
	struct machine *machine = vm_machine(vcpu->vm);
	uint64_t timebase = snap_get_u64(r);

	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);
	if (!machine->tb_restored)
		machine->tb_offset = timebase - regs_timebase();
	machine->tb_restored = true;
	return kvm_set_reg(vcpu->fd, KVM_REG_PPC_TB_OFFSET,
			   &machine->tb_offset);
}

static int restore_general(const struct vcpu *vcpu, struct snap_reader *r)
{
	union {
		struct kvm_regs regs;
		uint64_t words[REGS_WORDS];
	} general;

	for (size_t i = 0; i < REGS_WORDS; i++)
		general.words[i] = snap_get_u64(r);
	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);
	return kvm_ppc_set_regs(vcpu->fd, &general.regs);
}

/** struct place - Of a register in the list */
struct place {
	size_t range;
	unsigned n;
};

/* Goes on to @id; false when it is not in what is left of the list. */
static bool find_next(struct place *at, uint64_t id)
{
	for (; at->range < ARRAY_SIZE(ranges); at->range++, at->n = 0) {
		const struct reg_range *range = &ranges[at->range];

		if (id < range->id + at->n || id >= range->id + range->count)
			continue;
		at->n = (unsigned)(id - range->id) + 1;
		return true;
	}
	return false;
}

static bool is_zero(const uint8_t *value)
{
	static const uint8_t zeros[REG_MAX_SIZE];

	return memcmp(value, zeros, sizeof(zeros)) == 0;
}

/* KVM takes what it can of the LPCR, and says nothing of the rest. */
static int check_lpcr(const struct vcpu *vcpu, const uint8_t *value)
{
	uint64_t want, have = 0;

	memcpy(&want, value, sizeof(want));

	int ret = kvm_get_reg(vcpu->fd, KVM_REG_PPC_LPCR_64, &have);
	if (ret < 0)
		return ret;
	return ((want ^ have) & LPCR_GUEST) == 0 ? 0 : -ENXIO;
}

/*
 * KVM has one error for a register that is absent and for a value that makes
 * no sense. A register that the guest does not use may be absent.
 */
static int restore_reg(const struct vcpu *vcpu, uint64_t id,
		       const uint8_t *value)
{
	uint8_t old[REG_MAX_SIZE] __attribute__((aligned(8)));
	int ret = kvm_set_reg(vcpu->fd, id, value);

	if (ret == 0 && id == KVM_REG_PPC_LPCR_64)
		return check_lpcr(vcpu, value);
	if (!is_absent(ret))
		return ret;
	if (kvm_get_reg(vcpu->fd, id, old) == 0)
		return -EBADMSG;
	return is_zero(value) ? 0 : -ENXIO;
}

static int restore_list(const struct vcpu *vcpu, struct snap_reader *r)
{
	struct place at = { 0 };
	uint64_t id;

	while ((id = snap_get_u64(r)) != REG_END) {
		uint8_t value[REG_MAX_SIZE] __attribute__((aligned(8))) = { 0 };

		if (!find_next(&at, id)) {
			snap_reader_fail(r);
			break;
		}
		get_value(r, id, value);
		if (snap_reader_error(r) < 0)
			break;

		int ret = restore_reg(vcpu, id, value);
		if (ret < 0)
			return ret;
	}
	return snap_reader_error(r);
}

static int restore_power(struct vcpu *vcpu, struct snap_reader *r)
{
	uint8_t power = snap_get_u8(r);
	uint32_t requests = snap_get_u32(r);

	if ((power != VCPU_ONLINE && power != VCPU_OFFLINE &&
	     power != VCPU_WAITING) ||
	    (requests & ~MACHINE_REQUESTS) != 0)
		snap_reader_fail(r);
	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);

	pthread_mutex_lock(&vcpu->vm->lock);
	vcpu->power = (enum vcpu_power)power;
	vcpu->requests = requests;
	pthread_mutex_unlock(&vcpu->vm->lock);
	return 0;
}

int arch_vcpu_restore(struct vcpu *vcpu, struct snap_reader *r,
		      uint32_t version)
{
	if (version != ARCH_VCPU_STATE_VERSION)
		return -ENOTSUP;

	int ret = restore_pvr(vcpu, r);
	if (ret == 0)
		ret = restore_time(vcpu, r);
	if (ret == 0)
		ret = restore_general(vcpu, r);
	if (ret == 0)
		ret = restore_list(vcpu, r);
	if (ret == 0)
		ret = restore_power(vcpu, r);
	return ret;
}
