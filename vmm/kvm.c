/* SPDX-License-Identifier: Apache-2.0 */
/* Typed wrappers around KVM's ioctls. */
#include "vmm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm_sys.h"

/* Most registers that a vCPU may list; a kernel that wants more is refused. */
#define KVM_MAX_REGS 65536U

static int open_error(int code, const char *path, struct error *err)
{
	static const struct {
		int code;
		const char *help;
	} known[] = {
		{ -ENOENT, "there is no such device; load the kernel's kvm "
			   "module (modprobe kvm) on a machine with the "
			   "hypervisor extension" },
		{ -ENODEV, "the kvm module is not loaded or the machine lacks "
			   "the hypervisor extension (modprobe kvm, dmesg)" },
		{ -ENXIO, "the kvm module is not loaded or the machine lacks "
			  "the hypervisor extension (modprobe kvm, dmesg)" },
		{ -EACCES, "no permission; join the group that owns it "
			   "(usermod -aG kvm USER) and log in again" },
		{ -EPERM, "a sandbox or device policy forbids it; allow this "
			  "device there" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].code == code)
			return error_set(err, code, EXIT_STATUS_NO_KVM,
					 "cannot open %s: %s", path,
					 known[i].help);
	}
	return error_set(err, code, EXIT_STATUS_NO_KVM,
			 "cannot open %s: %s; see 'privet host'", path,
			 strerror(-code));
}

int kvm_open(struct kvm *kvm, const char *path, struct error *err)
{
	if (path == NULL)
		path = KVM_DEFAULT_PATH;

	kvm->vm_fd = -1;
	kvm->fd = kvm_sys_open(path);
	if (kvm->fd < 0) {
		int code = kvm->fd;

		kvm->fd = -1;
		return open_error(code, path, err);
	}

	int version = kvm_sys_ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		kvm_close(kvm);
		return error_set(
			err, -ENODEV, EXIT_STATUS_NO_KVM,
			"cannot use %s: it is not KVM with API version "
			"%d; check the path",
			path, KVM_API_VERSION);
	}

	int size = kvm_sys_ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run)) {
		kvm_close(kvm);
		return error_set(err, -ENODEV, EXIT_STATUS_NO_KVM,
				 "cannot use %s: KVM_GET_VCPU_MMAP_SIZE gave "
				 "%d; this kernel is too old",
				 path, size);
	}
	kvm->run_size = (size_t)size;
	return 0;
}

void kvm_close(struct kvm *kvm)
{
	kvm_destroy_vm(kvm);
	if (kvm->fd >= 0)
		kvm_sys_close(kvm->fd);
	kvm->fd = -1;
}

int kvm_check_extension(const struct kvm *kvm, unsigned cap)
{
	int fd = kvm->vm_fd >= 0 ? kvm->vm_fd : kvm->fd;
	int ret = kvm_sys_ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? 0 : ret;
}

int kvm_create_vm(struct kvm *kvm, unsigned long type, struct error *err)
{
	int fd = kvm_sys_ioctl(kvm->fd, KVM_CREATE_VM, type);

	if (fd < 0)
		return error_host(err, fd,
				  "cannot create a virtual machine: "
				  "KVM_CREATE_VM: %s; see 'privet host'",
				  strerror(-fd));
	kvm->vm_fd = fd;
	return 0;
}

void kvm_destroy_vm(struct kvm *kvm)
{
	if (kvm->vm_fd >= 0)
		kvm_sys_close(kvm->vm_fd);
	kvm->vm_fd = -1;
}

int kvm_set_memory(struct kvm *kvm, unsigned slot, unsigned flags, uint64_t gpa,
		   uint64_t size, void *host, struct error *err)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};
	int ret = kvm_sys_ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION,
				(uintptr_t)&region);

	if (ret < 0)
		return error_host(err, ret,
				  "cannot give the guest %llu MiB of RAM at "
				  "0x%llx: KVM_SET_USER_MEMORY_REGION: %s; try "
				  "less --mem",
				  (unsigned long long)(size >> 20),
				  (unsigned long long)gpa, strerror(-ret));
	return 0;
}

int kvm_create_vcpu(struct kvm *kvm, unsigned id, int *vcpu_fd,
		    struct kvm_run **run, struct error *err)
{
	int fd = kvm_sys_ioctl(kvm->vm_fd, KVM_CREATE_VCPU, id);

	if (fd < 0)
		return error_host(err, fd,
				  "cannot create vCPU %u: KVM_CREATE_VCPU: %s; "
				  "try fewer --cpus",
				  id, strerror(-fd));

	void *map = NULL;
	int ret = kvm_sys_mmap(fd, kvm->run_size, &map);
	if (ret < 0) {
		kvm_sys_close(fd);
		return error_host(err, ret,
				  "cannot map the state of vCPU %u: %s; raise "
				  "the memory limit",
				  id, strerror(-ret));
	}
	*vcpu_fd = fd;
	*run = map;
	return 0;
}

void kvm_destroy_vcpu(struct kvm *kvm, int vcpu_fd, struct kvm_run *run)
{
	if (run != NULL)
		kvm_sys_munmap(run, kvm->run_size);
	if (vcpu_fd >= 0)
		kvm_sys_close(vcpu_fd);
}

int kvm_run(int vcpu_fd)
{
	return kvm_sys_ioctl(vcpu_fd, KVM_RUN, 0);
}

int kvm_get_reg(int vcpu_fd, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return kvm_sys_ioctl(vcpu_fd, KVM_GET_ONE_REG, (uintptr_t)&reg);
}

int kvm_set_reg(int vcpu_fd, uint64_t id, const void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return kvm_sys_ioctl(vcpu_fd, KVM_SET_ONE_REG, (uintptr_t)&reg);
}

int kvm_get_reg_list(int vcpu_fd, struct kvm_reg_list **list)
{
	struct kvm_reg_list probe = { .n = 0 };
	int ret = kvm_sys_ioctl(vcpu_fd, KVM_GET_REG_LIST, (uintptr_t)&probe);

	if (ret < 0 && ret != -E2BIG)
		return ret;
	if (probe.n > KVM_MAX_REGS)
		return -E2BIG;

	size_t count = (size_t)probe.n;
	struct kvm_reg_list *out =
		calloc(1, sizeof(*out) + count * sizeof(out->reg[0]));
	if (out == NULL)
		return -ENOMEM;
	out->n = count;
	ret = kvm_sys_ioctl(vcpu_fd, KVM_GET_REG_LIST, (uintptr_t)out);
	if (ret < 0) {
		free(out);
		return ret;
	}
	*list = out;
	return 0;
}

int kvm_get_mp_state(int vcpu_fd, uint32_t *state)
{
	struct kvm_mp_state mp = { 0 };
	int ret = kvm_sys_ioctl(vcpu_fd, KVM_GET_MP_STATE, (uintptr_t)&mp);

	if (ret == 0)
		*state = mp.mp_state;
	return ret;
}

int kvm_set_mp_state(int vcpu_fd, uint32_t state)
{
	struct kvm_mp_state mp = { .mp_state = state };

	return kvm_sys_ioctl(vcpu_fd, KVM_SET_MP_STATE, (uintptr_t)&mp);
}

int kvm_interrupt(int vcpu_fd, unsigned irq)
{
	struct kvm_interrupt intr = { .irq = irq };

	return kvm_sys_ioctl(vcpu_fd, KVM_INTERRUPT, (uintptr_t)&intr);
}

int kvm_irq_line(const struct kvm *kvm, unsigned irq, bool level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	return kvm_sys_ioctl(kvm->vm_fd, KVM_IRQ_LINE, (uintptr_t)&line);
}

int kvm_signal_msi(const struct kvm *kvm, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};

	return kvm_sys_ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, (uintptr_t)&msi);
}

int kvm_irqfd(const struct kvm *kvm, int fd, unsigned gsi, bool assign)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return kvm_sys_ioctl(kvm->vm_fd, KVM_IRQFD, (uintptr_t)&irqfd);
}

int kvm_ioeventfd(const struct kvm *kvm, int fd, uint64_t gpa, unsigned len,
		  const uint64_t *datamatch, bool assign)
{
	struct kvm_ioeventfd ioev = {
		.datamatch = datamatch != NULL ? *datamatch : 0,
		.addr = gpa,
		.len = len,
		.fd = fd,
	};

	if (datamatch != NULL)
		ioev.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
	if (!assign)
		ioev.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	return kvm_sys_ioctl(kvm->vm_fd, KVM_IOEVENTFD, (uintptr_t)&ioev);
}

int kvm_create_device(const struct kvm *kvm, unsigned type)
{
	struct kvm_create_device device = { .type = type };
	int ret = kvm_sys_ioctl(kvm->vm_fd, KVM_CREATE_DEVICE,
				(uintptr_t)&device);

	return ret < 0 ? ret : (int)device.fd;
}

int kvm_device_set(int dev_fd, uint32_t group, uint64_t attr, const void *val)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)val,
	};

	return kvm_sys_ioctl(dev_fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&a);
}

int kvm_device_get(int dev_fd, uint32_t group, uint64_t attr, void *val)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)val,
	};

	return kvm_sys_ioctl(dev_fd, KVM_GET_DEVICE_ATTR, (uintptr_t)&a);
}

bool kvm_device_has(int dev_fd, uint32_t group, uint64_t attr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr };

	return kvm_sys_ioctl(dev_fd, KVM_HAS_DEVICE_ATTR, (uintptr_t)&a) == 0;
}
