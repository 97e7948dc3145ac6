/* SPDX-License-Identifier: Apache-2.0 */
/* A trap that goes straight to the guest: an ebreak it handles itself. */
#include "guest.inc"

	.text
	.global	main
main:
	la	t0, handler
	csrw	stvec, t0
	li	s0, 0
	.option	push
	.option	norvc
bad:
	ebreak
	.option	pop
	expect	s0, 1, 1
	j	pass

	.balign	4
handler:
	csrr	t0, scause
	expect	t0, CAUSE_BREAKPOINT, 2
	csrr	t0, sepc
	la	t1, bad
	li	a0, 3
	bne	t0, t1, fail
	addi	s0, s0, 1
	addi	t0, t0, 4
	csrw	sepc, t0
	sret
