/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for KVM below the ioctl, for the interrupt controllers: a record
 * of what was asked, sources and presentation as they were set. Included by
 * one test program, it takes the place of vmm/kvm_sys.c.
 */
#ifndef PRIVET_TESTS_UNIT_PPC64LE_XICS_STUB_H
#define PRIVET_TESTS_UNIT_PPC64LE_XICS_STUB_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/xics.h"
#include "vmm/kvm_sys.h"

#define STUB_MAX_CALLS 8192
#define STUB_MAX_VCPUS 4
#define STUB_MAX_CAPS  256

#define STUB_KVM_FD    10
#define STUB_VM_FD     20
#define STUB_DEV_FD    30
#define STUB_VCPU_FD   100

/**
 * struct stub_call - An ioctl
 * @a, @b: what it was about: the number and the value
 */
struct stub_call {
	int fd;
	unsigned long request;
	uint64_t a, b;
};

/**
 * struct stub - All of it; tests set and look at the fields
 * @calls: ioctls that have an effect, in order
 * @names: of the tokens, in order
 * @sources, @exists: as KVM_DEV_XICS_GRP_SOURCES has them
 * @icp: KVM_REG_PPC_ICP_STATE of each vCPU
 * @count: ioctls of all kinds
 * @fail_at: which of them fails with EIO, from 1; 0: none
 * @open: descriptors that are open now
 */
struct stub {
	struct stub_call calls[STUB_MAX_CALLS];
	unsigned nr_calls;
	char names[8][120];
	unsigned nr_names;
	uint64_t sources[XICS_NR_SOURCES];
	bool exists[XICS_NR_SOURCES];
	uint64_t icp[STUB_MAX_VCPUS];
	uint64_t tb_offset;
	int caps[STUB_MAX_CAPS];
	bool has_nr_servers;
	int create_device_error;
	unsigned long vm_type;
	unsigned count;
	unsigned fail_at;
	int open;
};

static struct stub stub;

static inline void stub_reset(void)
{
	memset(&stub, 0, sizeof(stub));
	stub.caps[KVM_CAP_IRQ_XICS] = 1;
	stub.caps[KVM_CAP_IRQFD] = 1;
	stub.caps[KVM_CAP_PPC_UNSET_IRQ] = 1;
	stub.caps[KVM_CAP_PPC_IRQ_LEVEL] = 1;
}

static void stub_log(int fd, unsigned long request, uint64_t a, uint64_t b)
{
	if (stub.nr_calls == STUB_MAX_CALLS)
		abort();
	stub.calls[stub.nr_calls++] = (struct stub_call){
		.fd = fd,
		.request = request,
		.a = a,
		.b = b,
	};
}

static int stub_set_attr(int fd, const struct kvm_device_attr *a)
{
	uint64_t value = 0;
	bool is_source = a->group == KVM_DEV_XICS_GRP_SOURCES;

	memcpy(&value, (void *)(uintptr_t)a->addr, is_source ? 8 : 4);
	stub_log(fd, KVM_SET_DEVICE_ATTR, a->group << 24 | a->attr, value);
	if (!is_source)
		return 0;
	if (!xics_is_source((uint32_t)a->attr))
		return -ENOENT;
	stub.sources[a->attr - LAYOUT_IRQ_BASE] = value;
	stub.exists[a->attr - LAYOUT_IRQ_BASE] = true;
	return 0;
}

static int stub_get_attr(const struct kvm_device_attr *a)
{
	if (a->group != KVM_DEV_XICS_GRP_SOURCES ||
	    !xics_is_source((uint32_t)a->attr) ||
	    !stub.exists[a->attr - LAYOUT_IRQ_BASE])
		return -ENOENT;
	memcpy((void *)(uintptr_t)a->addr,
	       &stub.sources[a->attr - LAYOUT_IRQ_BASE], 8);
	return 0;
}

static int stub_one_reg(int fd, bool set, const struct kvm_one_reg *one)
{
	void *user = (void *)(uintptr_t)one->addr;
	uint64_t *reg = &stub.icp[fd - STUB_VCPU_FD];

	if (one->id == KVM_REG_PPC_TB_OFFSET)
		reg = &stub.tb_offset;
	else if (one->id != KVM_REG_PPC_ICP_STATE)
		return -EINVAL;
	if (!set) {
		memcpy(user, reg, 8);
		return 0;
	}
	memcpy(reg, user, 8);
	stub_log(fd, KVM_SET_ONE_REG, one->id, *reg);
	return 0;
}

static int stub_token(int fd, const struct kvm_rtas_token_args *args)
{
	if (stub.nr_names == ARRAY_SIZE(stub.names))
		abort();
	memcpy(stub.names[stub.nr_names++], args->name, sizeof(args->name));
	stub_log(fd, KVM_PPC_RTAS_DEFINE_TOKEN, args->token, 0);
	return 0;
}

static int stub_create_device(int fd, struct kvm_create_device *device)
{
	if (stub.create_device_error != 0)
		return stub.create_device_error;
	stub_log(fd, KVM_CREATE_DEVICE, device->type, 0);
	device->fd = STUB_DEV_FD;
	stub.open++;
	return 0;
}

static int stub_enable_cap(int fd, const struct kvm_enable_cap *cap)
{
	stub_log(fd, KVM_ENABLE_CAP, cap->cap,
		 cap->args[0] << 32 | cap->args[1]);
	return 0;
}

static int stub_line(int fd, const struct kvm_irq_level *line)
{
	stub_log(fd, KVM_IRQ_LINE, line->irq, line->level);
	return 0;
}

static int stub_create_vm(unsigned long type)
{
	stub.vm_type = type;
	stub.open++;
	return STUB_VM_FD;
}

int kvm_sys_open(const char *path)
{
	(void)path;
	return -ENOENT;
}

int kvm_sys_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	void *p = (void *)arg;

	if (++stub.count == stub.fail_at)
		return -EIO;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return arg < STUB_MAX_CAPS ? stub.caps[arg] : 0;
	case KVM_CREATE_VM:
		return stub_create_vm(arg);
	case KVM_CREATE_DEVICE:
		return stub_create_device(fd, p);
	case KVM_HAS_DEVICE_ATTR:
		return stub.has_nr_servers ? 0 : -ENXIO;
	case KVM_SET_DEVICE_ATTR:
		return stub_set_attr(fd, p);
	case KVM_GET_DEVICE_ATTR:
		return stub_get_attr(p);
	case KVM_GET_ONE_REG:
		return stub_one_reg(fd, false, p);
	case KVM_SET_ONE_REG:
		return stub_one_reg(fd, true, p);
	case KVM_ENABLE_CAP:
		return stub_enable_cap(fd, p);
	case KVM_PPC_RTAS_DEFINE_TOKEN:
		return stub_token(fd, p);
	case KVM_IRQ_LINE:
		return stub_line(fd, p);
	case KVM_INTERRUPT:
		stub_log(fd, request, ((struct kvm_interrupt *)p)->irq, 0);
		return 0;
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
