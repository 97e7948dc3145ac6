/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warm reboots until it was there three times: RAM is kept, but the image is
 * loaded again and its bss is zero.
 */
#include "guest.inc"

#define COUNT (RAM + 0x1000000)

	.text
	.global	main
main:
	li	s0, COUNT
	ld	s2, 0(s0)
	addi	s2, s2, 1
	sd	s2, 0(s0)
	say_number "boot", s2
	la	s1, in_bss
	ld	t1, 0(s1)
	expect	t1, 0, 1
	la	s3, in_data
	ld	t1, 0(s3)
	expect	t1, 0x1234, 2
	sd	s2, 0(s1)
	sd	s2, 0(s3)
	li	t0, 3
	beq	s2, t0, pass
	li	a0, 2
	li	a1, 0
	sbi	SBI_SRST, 0
	li	a0, 3
	j	fail

	.data
	.balign	8
in_data:
	.dword	0x1234

	.bss
	.balign	8
in_bss:
	.space	8
