/* SPDX-License-Identifier: Apache-2.0 */
/* A fake KVM, among its own files: the ioctls that only one architecture has.
 */
#ifndef PRIVET_TESTS_FAKE_KVM_SPECIAL_H
#define PRIVET_TESTS_FAKE_KVM_SPECIAL_H

#include <linux/kvm.h>
#include <stdint.h>

void fake_special_reset(void);

/** fake_special_ioctl() - As the test said, or -ENOTTY */
int fake_special_ioctl(unsigned long request, uintptr_t arg);

/** fake_special_refusal() - The error that the test wants, or 0 */
int fake_special_refusal(unsigned long request);

/** fake_special_enable() - KVM_ENABLE_CAP */
int fake_special_enable(const struct kvm_enable_cap *cap);

#endif
