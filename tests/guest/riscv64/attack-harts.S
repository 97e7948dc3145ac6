/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the other hart again and again as soon as it has stopped, with
 * interrupts to it all the time, and asks for harts that there are not.
 */
#include "guest.inc"

#define ROUNDS   500
#define PATIENCE 300000000

	.text
	.global	main
main:
	mv	s0, a0
	xori	s1, a0, 1
	li	s2, 0
	rdtime	s3
	li	t0, PATIENCE
	add	s3, s3, t0
1:	mv	a0, s1
	la	a1, count_me
	mv	a2, s2
	sbi	SBI_HSM, 0
	mv	s4, a0
	/* Interrupts, whether it runs or not; to all, and to nobody. */
	li	a0, 0
	li	a1, -1
	sbi	SBI_IPI, 0
	li	a0, 1
	li	a1, 1000
	sbi	SBI_IPI, 0
	/* The 512th hart, the last that can be said, and this one. */
	li	a0, 512
	la	a1, count_me
	sbi	SBI_HSM, 0
	expect	a0, SBI_INVALID_PARAM, 1
	li	a0, -1
	la	a1, count_me
	sbi	SBI_HSM, 0
	expect	a0, SBI_INVALID_PARAM, 2
	mv	a0, s0
	la	a1, count_me
	sbi	SBI_HSM, 0
	expect	a0, SBI_ALREADY, 3
	beqz	s4, 2f
	/* Not stopped yet. */
	rdtime	t0
	bltu	t0, s3, 1b
	li	a0, 4
	j	fail
2:	addi	s2, s2, 1
	li	t0, ROUNDS
	bltu	s2, t0, 1b
	la	t1, counted
3:	lw	t2, 0(t1)
	li	t0, ROUNDS
	beq	t2, t0, pass
	rdtime	t0
	bltu	t0, s3, 3b
	li	a0, 5
	j	fail

	.balign	4
count_me:
	la	t0, counted
	li	t1, 1
	amoadd.w.aqrl zero, t1, (t0)
1:	sbi	SBI_HSM, 1
	j	1b

	.bss
	.balign	4
counted:
	.space	4
