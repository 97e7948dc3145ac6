/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts all other harts (SBI HSM), which count themselves and stop; starts
 * them again, and wakes each by an IPI.
 */
#include "guest.inc"

/* Far longer than all of it takes; 10 s at 10 MHz. */
#define PATIENCE  100000000

	.text
	.global	main
main:
	mv	s0, a0
	/* Start them until there are no more; this one runs already. */
	li	s1, 0
1:	mv	a0, s1
	la	a1, count_me
	addi	a2, s1, 100
	sbi	SBI_HSM, 0
	li	t0, SBI_INVALID_PARAM
	beq	a0, t0, 3f
	bne	s1, s0, 2f
	expect	a0, SBI_ALREADY, 1
	li	a0, 0
2:	expect	a0, 0, 2
	addi	s1, s1, 1
	j	1b
3:	say_number "harts", s1
	addi	a0, s1, -1
	la	a1, counted
	call	wait_for
	call	wait_stopped
	say_number "started", s1

	la	a1, sleep
	call	start_others
	addi	a0, s1, -1
	la	a1, sleeping
	call	wait_for
	/* To all at once; this one ignores it. */
	li	a0, 0
	li	a1, -1
	sbi	SBI_IPI, 0
	expect	a0, 0, 3
	addi	a0, s1, -1
	la	a1, woken
	call	wait_for
	li	a0, 0
	li	a1, -1
	sbi	SBI_RFENCE, 0
	expect	a0, 0, 4
	say_number "woken", s1
	j	pass

/* Starts all others at a1, with their number + 100 as the opaque value. */
start_others:
	mv	s2, a1
	li	s3, 0
1:	beq	s3, s0, 2f
	mv	a0, s3
	mv	a1, s2
	addi	a2, s3, 100
	sbi	SBI_HSM, 0
	expect	a0, 0, 5
2:	addi	s3, s3, 1
	bltu	s3, s1, 1b
	ret

/* Waits until the word at a1 is a0. */
wait_for:
	rdtime	t0
	li	t1, PATIENCE
	add	t0, t0, t1
1:	lw	t2, 0(a1)
	beq	t2, a0, 2f
	rdtime	t1
	bltu	t1, t0, 1b
	li	a0, 6
	j	fail
2:	ret

/* Waits until all others are stopped (state 1). */
wait_stopped:
	li	s3, 0
	rdtime	s4
	li	t1, PATIENCE
	add	s4, s4, t1
1:	beq	s3, s0, 3f
2:	mv	a0, s3
	sbi	SBI_HSM, 2
	expect	a0, 0, 7
	li	t0, 1
	beq	a1, t0, 3f
	rdtime	t1
	bltu	t1, s4, 2b
	li	a0, 8
	j	fail
3:	addi	s3, s3, 1
	bltu	s3, s1, 1b
	ret

/* Where the others begin; they have no stack. */
check_args:
	addi	t0, a0, 100
	beq	t0, a1, 1f
	j	stop
1:	ret

	.balign	4
count_me:
	call	check_args
	la	t0, counted
	li	t1, 1
	amoadd.w.aqrl zero, t1, (t0)
stop:
	sbi	SBI_HSM, 1
	j	stop

	.balign	4
sleep:
	call	check_args
	/* Interrupts stay off: wfi wakes, and sip says why. */
	li	t0, 2
	csrw	CSR_SIE, t0
	la	t0, sleeping
	li	t1, 1
	amoadd.w.aqrl zero, t1, (t0)
1:	wfi
	csrr	t0, sip
	andi	t0, t0, 2
	beqz	t0, 1b
	la	t0, woken
	li	t1, 1
	amoadd.w.aqrl zero, t1, (t0)
	j	stop

	.bss
	.balign	4
counted:
	.space	4
sleeping:
	.space	4
woken:
	.space	4
