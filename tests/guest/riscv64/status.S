/* SPDX-License-Identifier: Apache-2.0 */
/* Ends with the status after "status=" on the kernel's command line. */
#include "guest.inc"

	.text
	.global	main
main:
	/* Look for it in all of the tree. */
	mv	s0, a1
	lbu	t0, 5(a1)
	lbu	t1, 6(a1)
	lbu	t2, 7(a1)
	slli	t0, t0, 16
	slli	t1, t1, 8
	or	t0, t0, t1
	or	t0, t0, t2
	add	s1, s0, t0
1:	li	a0, 1
	bgeu	s0, s1, fail
	mv	t0, s0
	la	t1, key
2:	lbu	t2, 0(t1)
	beqz	t2, 4f
	lbu	t3, 0(t0)
	bne	t2, t3, 3f
	addi	t0, t0, 1
	addi	t1, t1, 1
	j	2b
3:	addi	s0, s0, 1
	j	1b
	/* A decimal number. */
4:	li	s2, 0
	li	t2, 10
5:	lbu	t1, 0(t0)
	addi	t1, t1, -'0'
	bgeu	t1, t2, 6f
	mul	s2, s2, t2
	add	s2, s2, t1
	addi	t0, t0, 1
	j	5b
6:	say_number "status", s2
	/* A value that means nothing does nothing. */
	li	t0, FINISHER
	li	t1, 0x12345678
	sw	t1, 0(t0)
	sw	zero, 0(t0)
	slli	a0, s2, 16
	li	t0, FINISHER_FAIL
	or	a0, a0, t0
	j	finish

	.section .rodata
key:
	.asciz	"status="
