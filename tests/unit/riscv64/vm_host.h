/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a whole machine needs around it: the registers of a fake KVM, a kernel
 * that is only a header, and the handler of kicks, as signals.c installs it.
 */
#ifndef PRIVET_TESTS_VM_HOST_H
#define PRIVET_TESTS_VM_HOST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/riscv64/regs.h"
#include "tests/fakes/fake_kvm.h"
#include "vmm/bytes.h"
#include "vmm/vcpu.h"

static inline int make_kernel(void)
{
	static uint8_t image[4096];
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	assert_true(fd >= 0);
	memset(image, 0, sizeof(image));
	le64_store(image + 8, 0x200000);
	le64_store(image + 16, sizeof(image));
	le32_store(image + 32, 2);
	/* "RISCV" and "RSC\x05". */
	le64_store(image + 48, 0x5643534952);
	le32_store(image + 56, 0x05435352);
	assert_int_equal(write(fd, image, sizeof(image)), sizeof(image));
	return fd;
}

/* A host without any optional extension. */
static inline void default_regs(void)
{
	fake_kvm_set_default_reg(RVREG_CONFIG(isa), 0x14112d);
	fake_kvm_set_default_reg(RVREG_CONFIG(mvendorid), 0);
	fake_kvm_set_default_reg(RVREG_CONFIG(satp_mode), 8);
	fake_kvm_set_default_reg(RVREG_TIMER(frequency), 10000000);
	fake_kvm_set_default_reg(RVREG_TIMER(time), 0);
	fake_kvm_set_default_reg(RVREG_TIMER(compare), 0);
	fake_kvm_set_default_reg(RVREG_TIMER(state), 0);
	fake_kvm_set_default_reg(RVREG_PC, 0);
	fake_kvm_set_default_reg(RVREG_MODE, 1);
	for (unsigned i = 1; i < 32; i++)
		fake_kvm_set_default_reg(RVREG_X(i), 0);
	fake_kvm_set_default_reg(RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN), 0);
	fake_kvm_set_default_reg(RVREG_CSR(satp), 0);
}

/* Kicks need a handler, and only that. */
static inline void ignore_kicks(int signal)
{
	(void)signal;
}

static inline void install_kick_handler(void)
{
	struct sigaction action = { .sa_handler = ignore_kicks };

	sigaction(VCPU_KICK_SIGNAL, &action, NULL);
}

#endif
