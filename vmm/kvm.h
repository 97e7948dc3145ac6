/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed wrappers around KVM's ioctls (Documentation/virt/kvm/api.rst).
 *
 * Wrappers return 0 (or a value of 0 or more where they say so) or a negative
 * errno. Those with a `struct error` name the failing ioctl in it.
 */
#ifndef PRIVET_VMM_KVM_H
#define PRIVET_VMM_KVM_H

#include <linux/kvm.h>
#include "vmm/error.h"

#define KVM_DEFAULT_PATH "/dev/kvm"

/**
 * struct kvm - An open /dev/kvm and the virtual machine on it
 * @fd: the device; -1 when closed
 * @vm_fd: the virtual machine; -1 between power-off and power-on
 * @run_size: bytes of a vCPU's kvm_run mapping
 */
struct kvm {
	int fd;
	int vm_fd;
	size_t run_size;
};

/**
 * kvm_open() - Open KVM and check its API version
 *
 * Return: 0, or negative errno with @err saying which of "no device", "no
 * permission", "no hypervisor extension" it is and what to do; its status is
 * EXIT_STATUS_NO_KVM.
 */
int kvm_open(struct kvm *kvm, const char *path, struct error *err);
void kvm_close(struct kvm *kvm);

/**
 * kvm_check_extension() - Ask for a capability
 *
 * Asks the virtual machine when there is one, else the system.
 *
 * Return: its value, 0 when it is absent (an error counts as absent).
 */
int kvm_check_extension(const struct kvm *kvm, unsigned cap);

int kvm_create_vm(struct kvm *kvm, unsigned long type, struct error *err);
void kvm_destroy_vm(struct kvm *kvm);

int kvm_set_memory(struct kvm *kvm, unsigned slot, unsigned flags, uint64_t gpa,
		   uint64_t size, void *host, struct error *err);

int kvm_create_vcpu(struct kvm *kvm, unsigned id, int *vcpu_fd,
		    struct kvm_run **run, struct error *err);
void kvm_destroy_vcpu(struct kvm *kvm, int vcpu_fd, struct kvm_run *run);

/** kvm_run() - KVM_RUN; -EINTR when kicked, -EAGAIN included */
int kvm_run(int vcpu_fd);

/**
 * kvm_get_reg() - KVM_GET_ONE_REG
 * @value: as many bytes as @id's size field says
 */
int kvm_get_reg(int vcpu_fd, uint64_t id, void *value);
int kvm_set_reg(int vcpu_fd, uint64_t id, const void *value);

/**
 * kvm_get_reg_list() - KVM_GET_REG_LIST
 * @list: receives an allocated list; the caller frees it
 */
int kvm_get_reg_list(int vcpu_fd, struct kvm_reg_list **list);

int kvm_get_mp_state(int vcpu_fd, uint32_t *state);
int kvm_set_mp_state(int vcpu_fd, uint32_t state);

/** kvm_interrupt() - KVM_INTERRUPT; callable from any thread on riscv64 */
int kvm_interrupt(int vcpu_fd, unsigned irq);

/** kvm_irq_line() - KVM_IRQ_LINE to the in-kernel irqchip; any thread */
int kvm_irq_line(const struct kvm *kvm, unsigned irq, bool level);

/**
 * kvm_signal_msi() - Deliver a message; any thread
 * @addr, @data: anything; KVM drops what no interrupt controller takes
 */
int kvm_signal_msi(const struct kvm *kvm, uint64_t addr, uint32_t data);

/** kvm_irqfd() - Bind or unbind an eventfd to a global interrupt number */
int kvm_irqfd(const struct kvm *kvm, int fd, unsigned gsi, bool assign);

/**
 * kvm_ioeventfd() - Have KVM turn a guest store into an eventfd signal
 * @gpa: address of the store
 * @len: 0 (any width), 1, 2, 4 or 8 bytes
 * @datamatch: value to match, or NULL for any
 */
int kvm_ioeventfd(const struct kvm *kvm, int fd, uint64_t gpa, unsigned len,
		  const uint64_t *datamatch, bool assign);

/** kvm_create_device() - Return: the device's descriptor or negative errno */
int kvm_create_device(const struct kvm *kvm, unsigned type);
int kvm_device_set(int dev_fd, uint32_t group, uint64_t attr, const void *val);
int kvm_device_get(int dev_fd, uint32_t group, uint64_t attr, void *val);
bool kvm_device_has(int dev_fd, uint32_t group, uint64_t attr);

#endif
