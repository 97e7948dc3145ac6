/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a vCPU.
 *
 * Saved state is a list of {id, size, value} as KVM_GET_REG_LIST names them,
 * and the MP state. On the way back, order matters (Linux,
 * arch/riscv/kvm/vcpu_onereg.c and vcpu_timer.c):
 *
 * - what the hart is made of (CONFIG, ISA_EXT, SBI_EXT) comes first, since it
 *   decides which other registers exist;
 * - TIMER.time belongs to the whole VM: vCPU 0 alone restores it;
 * - TIMER.state is written last, after the compare value, and only if the
 *   timer was on: to switch off a timer that is off is an error.
 *
 * The list is untrusted: a register that this host's KVM does not list itself
 * is refused, and KVM checks the values.
 */
#include "arch/riscv64/regs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/kvm.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu.h"

/* Enough for vectors of 8192 bits. */
#define RVREG_MAX_SIZE 1024U

/* Ends the list of registers; not a valid id. */
#define RVREG_END 0U

enum phase {
	PHASE_CONFIG,
	PHASE_STATE,
	PHASE_TIME,
	PHASE_TIMER,
	PHASE_TIMER_STATE,
	PHASE_COUNT,
	PHASE_UNKNOWN,
};

static const struct {
	uint64_t type;
	enum phase phase;
} reg_types[] = {
	{ KVM_REG_RISCV_CONFIG, PHASE_CONFIG },
	{ KVM_REG_RISCV_ISA_EXT, PHASE_CONFIG },
	{ KVM_REG_RISCV_SBI_EXT, PHASE_CONFIG },
	{ KVM_REG_RISCV_CORE, PHASE_STATE },
	{ KVM_REG_RISCV_CSR, PHASE_STATE },
	{ KVM_REG_RISCV_FP_F, PHASE_STATE },
	{ KVM_REG_RISCV_FP_D, PHASE_STATE },
	{ KVM_REG_RISCV_VECTOR, PHASE_STATE },
	{ KVM_REG_RISCV_SBI_STATE, PHASE_STATE },
};

/* What a crash message names, most telling first. */
static const struct {
	const char *name;
	uint64_t id;
} shown_regs[] = {
	{ "pc", RVREG_PC },
	{ "scause", RVREG_CSR(scause) },
	{ "stval", RVREG_CSR(stval) },
	{ "sepc", RVREG_CSR(sepc) },
	{ "ra", RVREG_X(1) },
	{ "sp", RVREG_X(2) },
};

int regs_get(const struct vcpu *vcpu, uint64_t id, uint64_t *value)
{
	return kvm_get_reg(vcpu->fd, id, value);
}

int regs_set(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	return kvm_set_reg(vcpu->fd, id, &value);
}

int regs_set_boot(const struct vcpu *vcpu, uint64_t entry, uint64_t fdt,
		  struct error *err)
{
	const struct {
		const char *name;
		uint64_t id, value;
	} boot[] = {
		{ "pc", RVREG_PC, entry },
		{ "a0", RVREG_A0, vcpu->id },
		{ "a1", RVREG_A1, fdt },
		{ "satp", RVREG_CSR(satp), 0 },
		{ "mode", RVREG_MODE, KVM_RISCV_MODE_S },
	};

	for (size_t i = 0; i < ARRAY_SIZE(boot); i++) {
		int ret = regs_set(vcpu, boot[i].id, boot[i].value);

		if (ret < 0)
			return error_host(err, ret,
					  "cannot set register %s of vCPU %u: "
					  "KVM_SET_ONE_REG: %s; see "
					  "'privet host'",
					  boot[i].name, vcpu->id,
					  strerror(-ret));
	}
	return 0;
}

void arch_vcpu_describe(const struct vcpu *vcpu, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(shown_regs); i++) {
		uint64_t value = 0;

		if (regs_get(vcpu, shown_regs[i].id, &value) < 0)
			continue;

		int n = snprintf(text + len, size - len, "%s%s 0x%llx",
				 len > 0 ? ", " : "", shown_regs[i].name,
				 (unsigned long long)value);
		if (n < 0 || (size_t)n >= size - len) {
			text[len] = '\0';
			return;
		}
		len += (size_t)n;
	}
}

static uint32_t reg_size(uint64_t id)
{
	return 1U << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static enum phase timer_phase(uint64_t id)
{
	if (id == RVREG_TIMER(frequency))
		return PHASE_CONFIG;
	if (id == RVREG_TIMER(time))
		return PHASE_TIME;
	return id == RVREG_TIMER(state) ? PHASE_TIMER_STATE : PHASE_TIMER;
}

static enum phase reg_phase(uint64_t id)
{
	uint64_t type = id & KVM_REG_RISCV_TYPE_MASK;

	if (type == KVM_REG_RISCV_TIMER)
		return timer_phase(id);
	for (size_t i = 0; i < ARRAY_SIZE(reg_types); i++) {
		if (reg_types[i].type == type)
			return reg_types[i].phase;
	}
	return PHASE_UNKNOWN;
}

/* Integers have a byte order; vectors are byte strings. */
static void put_value(struct snap_writer *w, uint32_t size, const void *value)
{
	uint32_t v32;
	uint64_t v64;

	if (size == sizeof(v32)) {
		memcpy(&v32, value, sizeof(v32));
		snap_put_u32(w, v32);
	} else if (size == sizeof(v64)) {
		memcpy(&v64, value, sizeof(v64));
		snap_put_u64(w, v64);
	} else {
		snap_put_bytes(w, value, size);
	}
}

static void get_value(struct snap_reader *r, uint32_t size, void *value)
{
	uint32_t v32;
	uint64_t v64;

	if (size == sizeof(v32)) {
		v32 = snap_get_u32(r);
		memcpy(value, &v32, sizeof(v32));
	} else if (size == sizeof(v64)) {
		v64 = snap_get_u64(r);
		memcpy(value, &v64, sizeof(v64));
	} else {
		snap_get_bytes(r, value, size);
	}
}

static int save_reg(const struct vcpu *vcpu, struct snap_writer *w, uint64_t id)
{
	uint8_t value[RVREG_MAX_SIZE] __attribute__((aligned(8)));
	uint32_t size = reg_size(id);

	if (size > sizeof(value) || reg_phase(id) == PHASE_UNKNOWN)
		return -EOVERFLOW;

	int ret = kvm_get_reg(vcpu->fd, id, value);
	/* Listed for the hart's kind, but absent from this one. */
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;

	snap_put_u64(w, id);
	snap_put_u32(w, size);
	put_value(w, size, value);
	return 0;
}

int arch_vcpu_save(struct vcpu *vcpu, struct snap_writer *w)
{
	struct kvm_reg_list *list = NULL;
	uint32_t mp_state = 0;

	int ret = kvm_get_reg_list(vcpu->fd, &list);
	if (ret < 0)
		return ret;
	for (uint64_t i = 0; i < list->n && ret == 0; i++)
		ret = save_reg(vcpu, w, list->reg[i]);
	free(list);
	if (ret < 0)
		return ret;
	snap_put_u64(w, RVREG_END);

	ret = kvm_get_mp_state(vcpu->fd, &mp_state);
	if (ret < 0)
		return ret;
	snap_put_u32(w, mp_state);
	return 0;
}

static bool is_listed(const struct kvm_reg_list *list, uint64_t id)
{
	for (uint64_t i = 0; i < list->n; i++) {
		if (list->reg[i] == id)
			return true;
	}
	return false;
}

/* An extension that this host lacks is fine as long as the guest had none. */
static bool is_absent_extension(uint64_t id, const void *value)
{
	uint64_t type = id & KVM_REG_RISCV_TYPE_MASK;
	uint64_t enabled;

	if (type != KVM_REG_RISCV_ISA_EXT && type != KVM_REG_RISCV_SBI_EXT)
		return false;
	if (reg_size(id) != sizeof(enabled))
		return false;
	memcpy(&enabled, value, sizeof(enabled));
	return enabled == 0;
}

/* Whether a register of its phase is written at all. */
static bool is_wanted(const struct vcpu *vcpu, enum phase phase,
		      const void *value)
{
	uint64_t number;

	if (phase == PHASE_TIME)
		return vcpu->id == 0;
	if (phase != PHASE_TIMER_STATE)
		return true;
	memcpy(&number, value, sizeof(number));
	return number == KVM_RISCV_TIMER_STATE_ON;
}

/* One pass over the list: writes the registers of @phase. */
static int restore_phase(const struct vcpu *vcpu, struct snap_reader *r,
			 const struct kvm_reg_list *list, enum phase phase)
{
	uint8_t value[RVREG_MAX_SIZE] __attribute__((aligned(8)));
	uint64_t id;

	while ((id = snap_get_u64(r)) != RVREG_END) {
		uint32_t size = snap_get_u32(r);

		if (size != reg_size(id) || size > sizeof(value)) {
			snap_reader_fail(r);
			break;
		}
		get_value(r, size, value);
		if (snap_reader_error(r) < 0)
			break;
		if (!is_listed(list, id)) {
			if (is_absent_extension(id, value))
				continue;
			return -ENXIO;
		}
		if (reg_phase(id) != phase || !is_wanted(vcpu, phase, value))
			continue;

		int ret = kvm_set_reg(vcpu->fd, id, value);
		if (ret < 0)
			return ret == -EOPNOTSUPP ? -ENXIO : ret;
	}
	return snap_reader_error(r);
}

static int restore_mp_state(const struct vcpu *vcpu, struct snap_reader *r)
{
	uint32_t mp_state = snap_get_u32(r);

	if (mp_state != KVM_MP_STATE_RUNNABLE &&
	    mp_state != KVM_MP_STATE_STOPPED)
		snap_reader_fail(r);
	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);
	return kvm_set_mp_state(vcpu->fd, mp_state);
}

int arch_vcpu_restore(struct vcpu *vcpu, struct snap_reader *r,
		      uint32_t version)
{
	struct kvm_reg_list *list = NULL;

	if (version != ARCH_VCPU_STATE_VERSION)
		return -ENOTSUP;

	int ret = kvm_get_reg_list(vcpu->fd, &list);
	if (ret < 0)
		return ret;

	const struct snap_reader start = *r;
	for (enum phase phase = 0; phase < PHASE_COUNT && ret == 0; phase++) {
		*r = start;
		ret = restore_phase(vcpu, r, list, phase);
	}
	free(list);
	return ret < 0 ? ret : restore_mp_state(vcpu, r);
}
