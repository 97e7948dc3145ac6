/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One processor writes sectors while the other changes the number of the sector
 * in the request's header all the time: to the first one, and far beyond the
 * end. Each request is answered as one or as the other, and both come.
 */
#include "guest.inc"

#define ROUNDS 2000

	.text
	.global	main
#include "blk.inc"

main:
	li	r4, 1
	bl	blk_find
	bl	blk_begin
	bl	blk_write_pattern
	li	r4, T_OUT
	li	r5, 0
	bl	blk_header
	rtas_args RTAS_START_CPU, 3, 1, 1, 0, 0
	la64	r10, flip
	rtas_put 4, r10
	rtas_done 1, 0, 3
	li	r14, ROUNDS
	li	r15, 0
	li	r18, 0
1:	li	r4, 0
	bl	blk_request
	cmpwi	r4, 1
	li	r3, 2
	bgt	fail
	beq	2f
	addi	r15, r15, 1
	b	3f
2:	addi	r18, r18, 1
3:	addi	r14, r14, -1
	cmpwi	r14, 0
	bne	1b
	/* It stops, and the disk is what it was. */
	la64	r5, enough
	li	r6, 1
	stw	r6, 0(r5)
	deadline r19
4:	wait_until r19, 3
	rtas_is	4, 0, RTAS_QUERY_CPU, 1, 2, 1
	rtas_ret r4, 1, 1
	cmpwi	r4, 0
	bne	4b
	li	r3, 5
	cmpwi	r15, 0
	beq	fail
	li	r3, 6
	cmpwi	r18, 0
	beq	fail
	bl	get_status
	expect	r4, STATUS_RUNNING, 7
	bl	blk_read_pattern
	b	pass

	.balign	64
flip:
	own_endian
	la64	r5, header
	la64	r6, enough
	li	r7, 0
	li64	r8, 0x7ffffffff
	/* Emulators interrupt at branches only: one behind each store. */
1:	std	r7, 8(r5)
	lwz	r9, 0(r6)
	cmpwi	r9, 0
	bne	2f
	std	r8, 8(r5)
	lwz	r9, 0(r6)
	cmpwi	r9, 0
	beq	1b
2:	la64	r15, its_buf
	stop_self
	b	halt

	.bss
	.balign	64
its_buf:
	.space	64
enough:
	.space	4
