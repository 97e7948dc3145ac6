/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line by the legacy console calls (SBI 2.0, chapter 5). A host's KVM may
 * have been built without them.
 */
#include "guest.inc"

	.text
	.global	main
main:
	la	s0, text
1:	lbu	a0, 0(s0)
	beqz	a0, 3f
	sbi	SBI_LEGACY_PUTCHAR, 0
	li	t0, SBI_NOT_SUPPORTED
	beq	a0, t0, 2f
	expect	a0, 0, 1
	addi	s0, s0, 1
	j	1b
2:	say	"no legacy console\n"
	j	pass
	/* Nobody types anything; registers but a0 are kept. */
3:	li	a1, 0x1234
	sbi	SBI_LEGACY_GETCHAR, 0
	expect	a0, -1, 2
	expect	a1, 0x1234, 3
	j	pass

	.section .rodata
text:
	.asciz	"hello from the legacy console\n"
