/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An illegal instruction that the guest handles itself: it reads a register
 * of the hypervisor. The hart reports it to KVM, which reports it to the guest.
 * Other illegal instructions take a detour through the host's firmware, which
 * fails on some emulators: illegal-any has one of those.
 */
#include "guest.inc"

#ifndef BAD
#define BAD csrr t2, CSR_HSTATUS
#endif

	.text
	.global	main
main:
	la	t0, handler
	csrw	stvec, t0
	li	s0, 0
	.option	push
	.option	norvc
bad:
	BAD
	.option	pop
after:
	expect	s0, 1, 1
	j	pass

	.balign	4
handler:
	csrr	t0, scause
	expect	t0, CAUSE_ILLEGAL, 2
	csrr	t0, sepc
	la	t1, bad
	li	a0, 3
	bne	t0, t1, fail
	addi	s0, s0, 1
	la	t0, after
	csrw	sepc, t0
	sret
