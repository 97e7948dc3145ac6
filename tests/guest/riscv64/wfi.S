/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps until a timer interrupt. */
#include "guest.inc"

/* 100 ms at 10 MHz. */
#define DELAY 1000000

	.text
	.global	main
main:
	la	t0, handler
	csrw	stvec, t0
	rdtime	s1
	li	t0, DELAY
	add	s1, s1, t0
	mv	a0, s1
	sbi	SBI_TIME, 0
	expect	a0, 0, 1
	li	t0, 0x20
	csrw	CSR_SIE, t0
	csrsi	sstatus, 2
	/* It may wake early, but not for long. */
	li	s2, 1000
1:	wfi
	addi	s2, s2, -1
	bnez	s2, 1b
	li	a0, 2
	j	fail

	.balign	4
handler:
	csrr	t0, scause
	li	t1, INTERRUPT_TIMER
	li	a0, 3
	bne	t0, t1, fail
	rdtime	t0
	li	a0, 4
	bltu	t0, s1, fail
	say	"woken by the timer\n"
	j	pass
