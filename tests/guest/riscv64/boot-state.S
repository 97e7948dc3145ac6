/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest may rely on when it is entered. */
#include "guest.inc"

	.text
	.global	main
main:
	mv	s0, a1
	expect	a0, 0, 1
	csrr	t0, satp
	expect	t0, 0, 2
	csrr	t0, sstatus
	andi	t0, t0, 2
	expect	t0, 0, 3
	lla	t0, head
	expect	t0, (RAM + 0x200000), 4
	/* The tree: aligned, in RAM, big-endian magic number, its size. */
	andi	t0, s0, 7
	expect	t0, 0, 5
	li	t0, RAM
	li	a0, 6
	bltu	s0, t0, fail
	lwu	t0, 0(s0)
	expect	t0, 0xedfe0dd0, 7
	lbu	t0, 4(s0)
	expect	t0, 0, 8
	/* All of the bss, with the stack, which was not used yet. */
	la	t0, bss_start
	la	t1, bss_end
1:	ld	t2, 0(t0)
	li	a0, 9
	bnez	t2, fail
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	j	pass

	.bss
	.balign	16
	.space	65536
