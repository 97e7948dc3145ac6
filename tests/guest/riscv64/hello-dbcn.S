/* SPDX-License-Identifier: Apache-2.0 */
/* A line on the SBI debug console (SBI 2.0, chapter 12). */
#include "guest.inc"

	.text
	.global	main
main:
	li	a0, SBI_DBCN
	sbi	SBI_BASE, 3
	expect	a0, 0, 1
	li	a0, 2
	beqz	a1, fail
	la	s0, text
	la	s1, text_end
	/* A call may take less than all of it. */
1:	sub	a0, s1, s0
	beqz	a0, pass
	mv	a1, s0
	li	a2, 0
	sbi	SBI_DBCN, 0
	expect	a0, 0, 3
	add	s0, s0, a1
	li	a0, 4
	bgtu	s0, s1, fail
	j	1b

	.section .rodata
text:
	.ascii	"hello from the debug console\n"
text_end:
