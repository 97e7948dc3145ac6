/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hart writes sectors while the other changes the number of the sector in
 * the request's header all the time: to the first one, and far beyond the end.
 * Each request is answered as one or as the other, and both come.
 */
#include "guest.inc"

#define ROUNDS 3000

	.text
	.global	main
#include "blk.inc"

main:
	mv	s0, a0
	call	blk_find
	call	blk_begin
	call	blk_write_pattern
	li	a0, T_OUT
	li	a1, 0
	call	blk_header
	/* The other one: 0 or 1. */
	xori	a0, s0, 1
	la	a1, flip
	li	a2, 0
	sbi	SBI_HSM, 0
	expect	a0, 0, 1
	li	s1, ROUNDS
	la	s2, seen
1:	request	0
	li	t0, 1
	bleu	a0, t0, 2f
	li	a0, 2
	j	fail
2:	slli	a0, a0, 2
	add	a0, a0, s2
	lw	t0, 0(a0)
	addi	t0, t0, 1
	sw	t0, 0(a0)
	addi	s1, s1, -1
	bnez	s1, 1b
	/* It stops, and the disk is what it was. */
	la	t0, enough
	li	t1, 1
	sw	t1, 0(t0)
	rdtime	s3
	li	t0, PATIENCE
	add	s3, s3, t0
3:	xori	a0, s0, 1
	sbi	SBI_HSM, 2
	li	t0, 1
	beq	a1, t0, 4f
	rdtime	t0
	bltu	t0, s3, 3b
	li	a0, 3
	j	fail
4:	lw	t1, 0(s2)
	beqz	t1, 5f
	lw	t1, 4(s2)
	beqz	t1, 5f
	call	get_status
	expect	a0, STATUS_RUNNING, 5
	call	blk_read_pattern
	j	pass
5:	li	a0, 4
	j	fail

	.balign	4
flip:
	la	t0, header
	la	t1, enough
	li	t2, 0x7ffffffff
	/* Emulators interrupt at branches only: one behind each store. */
1:	sd	zero, 8(t0)
	lw	t3, 0(t1)
	bnez	t3, 2f
	sd	t2, 8(t0)
	lw	t3, 0(t1)
	beqz	t3, 1b
2:	sbi	SBI_HSM, 1
	j	2b

	.bss
	.balign	8
seen:
	.space	8
enough:
	.space	4
