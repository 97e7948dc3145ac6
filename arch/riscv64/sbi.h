/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI calls that KVM leaves to the monitor.
 *
 * KVM itself handles base, timer, IPI, remote fences, HSM, PMU and STA, and
 * turns system reset into an event. It forwards the legacy console calls, the
 * debug console (which has to be enabled for each vCPU, see arch.c), and the
 * experimental and vendor ranges. Each extension is a file with one function
 * and one line in the table of sbi.c.
 */
#ifndef PRIVET_ARCH_RISCV64_SBI_H
#define PRIVET_ARCH_RISCV64_SBI_H

#include <stdint.h>

struct chardev;
struct vcpu;
struct vm;

/* SBI 2.0, chapter 3 */
#define SBI_SUCCESS           0
#define SBI_ERR_FAILED        (-1)
#define SBI_ERR_NOT_SUPPORTED (-2)
#define SBI_ERR_INVALID_PARAM (-3)

/**
 * SBI_AGAIN - Not done yet: the guest repeats the call
 *
 * Not a value that a guest sees: its registers stay as they were. This is how
 * a call that must block does so without blocking the monitor: the vCPU can
 * be kicked, paused and saved meanwhile.
 */
#define SBI_AGAIN              INT64_MIN

#define SBI_EXT_LEGACY_PUTCHAR 0x01U
#define SBI_EXT_LEGACY_GETCHAR 0x02U
#define SBI_EXT_BASE           0x10U
#define SBI_EXT_DBCN           0x4442434eU

/**
 * struct sbi_ret - What a call returns
 * @error: for a0
 * @value: for a1
 */
struct sbi_ret {
	int64_t error;
	uint64_t value;
};

/**
 * struct sbi_ext - An extension, or several with neighbouring numbers
 * @first, @last: extension ids, inclusive
 * @call: @fid and @args are the guest's a6 and a0 to a5, all untrusted; must
 *	not block
 */
struct sbi_ext {
	uint64_t first;
	uint64_t last;
	const char *name;
	struct sbi_ret (*call)(struct vcpu *vcpu, uint64_t fid,
			       const uint64_t args[6]);
};

/** sbi_find() - Extension with id @eid, or NULL */
const struct sbi_ext *sbi_find(uint64_t eid);

/** sbi_table() - All extensions, for tests; @count receives how many */
const struct sbi_ext *sbi_table(unsigned *count);

/**
 * sbi_dispatch() - Carry out a call
 *
 * Context: the vCPU's thread.
 */
struct sbi_ret sbi_dispatch(struct vcpu *vcpu, uint64_t eid, uint64_t fid,
			    const uint64_t args[6]);

/** sbi_console() - What console calls use, or NULL when there is none */
struct chardev *sbi_console(const struct vm *vm);

/* The extensions */
struct sbi_ret sbi_dbcn_call(struct vcpu *vcpu, uint64_t fid,
			     const uint64_t args[6]);
struct sbi_ret sbi_legacy_putchar(struct vcpu *vcpu, uint64_t fid,
				  const uint64_t args[6]);
struct sbi_ret sbi_legacy_getchar(struct vcpu *vcpu, uint64_t fid,
				  const uint64_t args[6]);

#endif
