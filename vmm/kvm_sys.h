/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only calls into /dev/kvm. Unit tests replace kvm_sys.c by a fake.
 */
#ifndef PRIVET_VMM_KVM_SYS_H
#define PRIVET_VMM_KVM_SYS_H

#include <stddef.h>
#include <stdint.h>

/** kvm_sys_open() - Open the device; Return: a descriptor or negative errno */
int kvm_sys_open(const char *path);

/**
 * kvm_sys_ioctl() - One ioctl on a KVM, VM, vCPU or KVM device descriptor
 * @arg: integer, or pointer cast to uintptr_t
 *
 * Return: the ioctl's result (0 or more) or negative errno.
 */
int kvm_sys_ioctl(int fd, unsigned long request, uintptr_t arg);

/** kvm_sys_mmap() - Map a vCPU's kvm_run; Return: 0 or negative errno */
int kvm_sys_mmap(int fd, size_t size, void **out);

void kvm_sys_munmap(void *map, size_t size);
void kvm_sys_close(int fd);

#endif
