/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks the disk by its queue. After each attack it needs a reset, whatever
 * it is rung; after that it reads what was written before all of them.
 */
#include "guest.inc"

#define STORM   100
#define ROW     40
#define NOWHERE 0x4000000000

	.text
	.global	main
#include "blk.inc"

main:
	call	blk_find
	call	blk_begin
	call	blk_write_pattern
	/* What is allowed, and makes no sense. */
	li	a0, T_OUT
	li	a1, 0x7fffffffffffffff
	call	blk_header
	request	0
	expect	a0, 1, 48
	li	a0, T_IN
	li	a1, -1
	call	blk_header
	request	F_WRITE
	expect	a0, 1, 49
	li	a0, T_SCSI
	li	a1, 0
	call	blk_header
	request	F_WRITE
	expect	a0, 2, 50

	la	s0, attacks
	li	s1, 1
1:	call	blk_begin
	la	t0, rings
	li	t1, 32
	mv	t2, s0
2:	ld	t3, 0(t2)
	sd	t3, 0(t0)
	addi	t0, t0, 8
	addi	t2, t2, 8
	addi	t1, t1, -8
	bnez	t1, 2b
	la	t0, rings + AVAIL
	lhu	t1, 32(s0)
	sh	t1, 4(t0)
	lhu	t1, 34(s0)
	fence	w, w
	sh	t1, 2(t0)
	call	blk_kick
	/* Row n fails with n. */
	rdtime	s2
	li	t0, PATIENCE
	add	s2, s2, t0
3:	call	get_status
	andi	a0, a0, STATUS_NEEDS_RESET
	bnez	a0, 4f
	rdtime	t0
	bltu	t0, s2, 3b
	mv	a0, s1
	j	fail
4:	li	s3, STORM
5:	call	blk_kick
	addi	s3, s3, -1
	bnez	s3, 5b
	/* Nothing but a reset helps. */
	li	a0, STATUS_RUNNING
	call	set_status
	call	get_status
	expect	a0, STATUS_RUNNING | STATUS_NEEDS_RESET, 51
	la	t0, rings
	lhu	t1, USED + 2(t0)
	expect	t1, 0, 52
	call	blk_begin
	call	blk_read_pattern
	addi	s0, s0, ROW
	addi	s1, s1, 1
	la	t0, attacks_end
	bltu	s0, t0, 1b
	say_number "attacks", s1
	j	pass

/* Two descriptors, head in slot 0, available index. */
.macro row a, al, af, an, b, bl, bf, bn, head=0, idx=1
	.dword	\a
	.word	\al
	.half	\af, \an
	.dword	\b
	.word	\bl
	.half	\bf, \bn, \head, \idx
	.word	0
.endm

.macro single addr, len, flags, next=0
	row	\addr, \len, \flags, \next, 0, 0, 0, 0
.endm

	.data
	.balign	16
attacks:
	/* Index and head. */
	row	header, 16, 0, 0, 0, 0, 0, 0, 0, QUEUE_SIZE + 1
	row	header, 16, 0, 0, 0, 0, 0, 0, 0, 0x8000
	row	header, 16, 0, 0, 0, 0, 0, 0, 0, 0xffff
	row	header, 16, 0, 0, 0, 0, 0, 0, QUEUE_SIZE
	row	header, 16, 0, 0, 0, 0, 0, 0, 0xffff
	/* Where a chain goes. */
	single	header, 16, F_NEXT, 0
	single	header, 16, F_NEXT, QUEUE_SIZE
	single	header, 16, F_NEXT, 0xffff
	row	header, 16, F_NEXT, 1, data, 512, F_NEXT, 0
	row	answer, 1, F_NEXT | F_WRITE, 1, header, 16, 0, 0
	/* Where buffers are. */
	single	0, 16, 0
	single	NOWHERE, 16, 0
	single	-1, 2, F_WRITE
	single	-4096, 8192, F_WRITE
	single	VIRTIO_SLOT_0, 16, F_WRITE
	single	PCI_MEM32, 16, F_WRITE
	single	FINISHER, 4, F_WRITE
	single	header, 0xffffffff, 0
	/* Tables. */
	single	good_table, 0, F_INDIRECT
	single	good_table, 8, F_INDIRECT
	single	good_table, 17, F_INDIRECT
	single	good_table, 16 * (QUEUE_SIZE + 1), F_INDIRECT
	single	good_table, 0xfffffff0, F_INDIRECT
	row	good_table, 16, F_INDIRECT | F_NEXT, 1, data, 512, 0, 0
	single	nested_table, 16, F_INDIRECT
	single	loop_table, 16, F_INDIRECT
	single	NOWHERE, 16, F_INDIRECT
	single	-16, 32, F_INDIRECT
	single	VIRTIO_SLOT_0, 16, F_INDIRECT
attacks_end:

	.balign	16
good_table:
	.dword	header
	.word	16
	.half	0, 0
	.space	16 * QUEUE_SIZE
nested_table:
	.dword	good_table
	.word	16
	.half	F_INDIRECT, 0
loop_table:
	.dword	header
	.word	16
	.half	F_NEXT, 0
