/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for KVM below the ioctl: a register file, one KVM device's
 * attributes, and a record of what was asked of it. Included by one test
 * program, it takes the place of vmm/kvm_sys.c.
 */
#ifndef PRIVET_TESTS_UNIT_RISCV64_KVM_STUB_H
#define PRIVET_TESTS_UNIT_RISCV64_KVM_STUB_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/kvm_sys.h"

#define STUB_MAX_REGS  300
#define STUB_MAX_ATTRS 4096
#define STUB_MAX_LOG   4096

#define STUB_KVM_FD    10
#define STUB_VM_FD     20
#define STUB_DEV_FD    30
#define STUB_VCPU_FD   100

/**
 * struct stub_reg - A register of the vCPU
 * @get_error, @set_error: what the ioctl fails with, or 0
 */
struct stub_reg {
	uint64_t id;
	uint8_t value[64];
	int get_error;
	int set_error;
	bool unlisted;
};

struct stub_attr {
	uint32_t group;
	uint64_t attr;
	uint64_t value;
};

struct stub_event {
	int fd;
	unsigned irq;
	bool level;
};

/** enum stub_irqfd - What a signal of an irqfd does to an APLIC input */
enum stub_irqfd {
	STUB_IRQFD_ABSENT,
	STUB_IRQFD_STICKS,
	STUB_IRQFD_PULSES,
};

/**
 * struct stub - All of it; tests set and look at the fields
 * @writes: ids in the order of KVM_SET_ONE_REG that succeeded
 * @sets: device attributes in the order of KVM_SET_DEVICE_ATTR
 * @fail_at: which call fails with EIO, counted from 1; 0: none
 * @open: descriptors that are open now
 * @irqfd_fd: eventfd that is bound now, or 0
 */
struct stub {
	struct stub_reg regs[STUB_MAX_REGS];
	unsigned nr_regs;
	uint64_t writes[STUB_MAX_LOG];
	unsigned nr_writes;
	uint32_t mp_state;
	unsigned nr_mp_sets;

	int caps[512];
	struct stub_attr attrs[STUB_MAX_ATTRS];
	unsigned nr_attrs;
	struct stub_attr sets[STUB_MAX_LOG];
	unsigned nr_sets;
	int create_device_error;
	bool mode_auto_refused;
	enum stub_irqfd irqfd;
	int irqfd_fd;
	unsigned irqfd_gsi;

	struct stub_event interrupts[STUB_MAX_LOG];
	unsigned nr_interrupts;
	int interrupt_error;
	struct stub_event lines[STUB_MAX_LOG];
	unsigned nr_lines;

	unsigned calls;
	unsigned fail_at;
	int open;
};

static struct stub stub;

static inline void stub_reset(void)
{
	memset(&stub, 0, sizeof(stub));
}

static inline uint32_t stub_size(uint64_t id)
{
	return 1U << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static inline struct stub_reg *stub_find(uint64_t id)
{
	for (unsigned i = 0; i < stub.nr_regs; i++) {
		if (stub.regs[i].id == id)
			return &stub.regs[i];
	}
	return NULL;
}

static inline struct stub_reg *stub_add(uint64_t id, uint64_t value)
{
	struct stub_reg *reg = stub_find(id);

	if (reg == NULL) {
		if (stub.nr_regs == STUB_MAX_REGS)
			abort();
		reg = &stub.regs[stub.nr_regs++];
	}
	*reg = (struct stub_reg){ .id = id };
	memcpy(reg->value, &value, sizeof(value));
	return reg;
}

static inline uint64_t stub_value(uint64_t id)
{
	const struct stub_reg *reg = stub_find(id);
	uint64_t value;

	if (reg == NULL)
		abort();
	memcpy(&value, reg->value, sizeof(value));
	return value;
}

static inline struct stub_attr *stub_attr(uint32_t group, uint64_t attr)
{
	for (unsigned i = 0; i < stub.nr_attrs; i++) {
		if (stub.attrs[i].group == group && stub.attrs[i].attr == attr)
			return &stub.attrs[i];
	}
	if (stub.nr_attrs == STUB_MAX_ATTRS)
		abort();
	stub.attrs[stub.nr_attrs] =
		(struct stub_attr){ .group = group, .attr = attr };
	return &stub.attrs[stub.nr_attrs++];
}

static inline size_t stub_attr_size(uint32_t group)
{
#ifdef KVM_DEV_RISCV_AIA_GRP_CONFIG
	if (group == KVM_DEV_RISCV_AIA_GRP_ADDR ||
	    group == KVM_DEV_RISCV_AIA_GRP_IMSIC)
		return sizeof(uint64_t);
	if (group == KVM_DEV_RISCV_AIA_GRP_CTRL)
		return 0;
#endif
	return sizeof(uint32_t);
}

static int stub_one_reg(bool set, uintptr_t arg)
{
	const struct kvm_one_reg *one = (const void *)arg;
	struct stub_reg *reg = stub_find(one->id);
	void *user = (void *)(uintptr_t)one->addr;

	if (reg == NULL)
		return -ENOENT;
	if (!set && reg->get_error != 0)
		return reg->get_error;
	if (set && reg->set_error != 0)
		return reg->set_error;
	if (!set) {
		memcpy(user, reg->value, stub_size(reg->id));
		return 0;
	}
	memcpy(reg->value, user, stub_size(reg->id));
	if (stub.nr_writes < STUB_MAX_LOG)
		stub.writes[stub.nr_writes++] = reg->id;
	return 0;
}

static int stub_reg_list(uintptr_t arg)
{
	struct kvm_reg_list *list = (void *)arg;
	uint64_t room = list->n;

	list->n = 0;
	for (unsigned i = 0; i < stub.nr_regs; i++) {
		if (stub.regs[i].unlisted)
			continue;
		if (list->n < room)
			list->reg[list->n] = stub.regs[i].id;
		list->n++;
	}
	return list->n > room ? -E2BIG : 0;
}

/* APLIC registers with the inputs, 32 to a word. */
static inline bool stub_is_input(const struct kvm_device_attr *a)
{
#ifdef KVM_DEV_RISCV_AIA_GRP_APLIC
	return a->group == KVM_DEV_RISCV_AIA_GRP_APLIC && a->attr >= 0x1d00 &&
	       a->attr < 0x1d80;
#else
	return false;
#endif
}

/* A bound eventfd that was signalled acts on its input. */
static inline uint64_t stub_inputs(unsigned word)
{
	uint64_t count;

	if (stub.irqfd_fd == 0 || stub.irqfd_gsi / 32 != word ||
	    read(stub.irqfd_fd, &count, sizeof(count)) != sizeof(count) ||
	    stub.irqfd != STUB_IRQFD_STICKS)
		return 0;
	return UINT64_C(1) << stub.irqfd_gsi % 32;
}

static int stub_bind(uintptr_t arg)
{
	const struct kvm_irqfd *irqfd = (const void *)arg;

	if (stub.irqfd == STUB_IRQFD_ABSENT)
		return -EINVAL;
	stub.irqfd_gsi = irqfd->gsi;
	stub.irqfd_fd = (irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN) != 0
				? 0
				: (int)irqfd->fd;
	return 0;
}

static int stub_device(bool set, uintptr_t arg)
{
	const struct kvm_device_attr *a = (const void *)arg;
	struct stub_attr *attr = stub_attr(a->group, a->attr);
	void *user = (void *)(uintptr_t)a->addr;
	size_t size = stub_attr_size(a->group);

	if (!set) {
		uint64_t value =
			stub_is_input(a)
				? stub_inputs((unsigned)(a->attr / 4 % 32))
				: attr->value;

		memcpy(user, &value, size);
		return 0;
	}
	attr->value = 0;
	if (size != 0)
		memcpy(&attr->value, user, size);
#ifdef KVM_DEV_RISCV_AIA_GRP_CONFIG
	if (stub.mode_auto_refused &&
	    a->group == KVM_DEV_RISCV_AIA_GRP_CONFIG &&
	    a->attr == KVM_DEV_RISCV_AIA_CONFIG_MODE &&
	    attr->value == KVM_DEV_RISCV_AIA_MODE_AUTO)
		return -EINVAL;
#endif
	if (stub.nr_sets < STUB_MAX_LOG)
		stub.sets[stub.nr_sets++] = *attr;
	return 0;
}

static int stub_create_device(uintptr_t arg)
{
	struct kvm_create_device *device = (void *)arg;

	if (stub.create_device_error != 0)
		return stub.create_device_error;
	device->fd = STUB_DEV_FD;
	stub.open++;
	return 0;
}

static int stub_log_line(uintptr_t arg)
{
	const struct kvm_irq_level *line = (const void *)arg;

	if (stub.nr_lines < STUB_MAX_LOG)
		stub.lines[stub.nr_lines++] = (struct stub_event){
			.irq = line->irq,
			.level = line->level != 0,
		};
	return 0;
}

static int stub_log_interrupt(int fd, uintptr_t arg)
{
	const struct kvm_interrupt *intr = (const void *)arg;

	if (stub.interrupt_error != 0)
		return stub.interrupt_error;
	if (stub.nr_interrupts < STUB_MAX_LOG)
		stub.interrupts[stub.nr_interrupts++] = (struct stub_event){
			.fd = fd,
			.irq = intr->irq,
			.level = intr->irq == KVM_INTERRUPT_SET,
		};
	return 0;
}

static int stub_mp_state(bool set, uintptr_t arg)
{
	struct kvm_mp_state *mp = (void *)arg;

	if (set) {
		stub.mp_state = mp->mp_state;
		stub.nr_mp_sets++;
	} else {
		mp->mp_state = stub.mp_state;
	}
	return 0;
}

int kvm_sys_open(const char *path)
{
	(void)path;
	return -ENOENT;
}

int kvm_sys_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	if (++stub.calls == stub.fail_at)
		return -EIO;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return arg < 512 ? stub.caps[arg] : 0;
	case KVM_CREATE_VM:
		stub.open++;
		return STUB_VM_FD;
	case KVM_CREATE_VCPU:
		stub.open++;
		return STUB_VCPU_FD;
	case KVM_CREATE_DEVICE:
		return stub_create_device(arg);
	case KVM_SET_DEVICE_ATTR:
		return stub_device(true, arg);
	case KVM_GET_DEVICE_ATTR:
		return stub_device(false, arg);
	case KVM_GET_ONE_REG:
		return stub_one_reg(false, arg);
	case KVM_SET_ONE_REG:
		return stub_one_reg(true, arg);
	case KVM_GET_REG_LIST:
		return stub_reg_list(arg);
	case KVM_GET_MP_STATE:
		return stub_mp_state(false, arg);
	case KVM_SET_MP_STATE:
		return stub_mp_state(true, arg);
	case KVM_INTERRUPT:
		return stub_log_interrupt(fd, arg);
	case KVM_IRQFD:
		return stub_bind(arg);
	case KVM_IRQ_LINE:
		return stub_log_line(arg);
	default:
		return -ENOTTY;
	}
}

int kvm_sys_mmap(int fd, size_t size, void **out)
{
	(void)fd;
	*out = calloc(1, size);
	return *out != NULL ? 0 : -ENOMEM;
}

void kvm_sys_munmap(void *map, size_t size)
{
	(void)size;
	free(map);
}

void kvm_sys_close(int fd)
{
	(void)fd;
	stub.open--;
}

#endif
