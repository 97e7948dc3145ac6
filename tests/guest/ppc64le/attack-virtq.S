/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks the disk by its queue. After each attack it needs a reset, whatever
 * it is rung; after that it reads what was written before all of them. Over
 * PCI, unless the first slot of virtio-mmio has a device.
 */
#include "guest.inc"

#define STORM   100
#define ROW     40
#define NOWHERE 0x300000000000

	.text
	.global	main
#include "blk.inc"

main:
	bl	find_either
	bl	blk_begin
	bl	blk_write_pattern
	/* What is allowed, and makes no sense. */
	li	r4, T_OUT
	li64	r5, 0x7fffffffffffffff
	bl	blk_header
	li	r4, 0
	bl	blk_request
	expect	r4, 1, 48
	li	r4, T_IN
	li	r5, -1
	bl	blk_header
	li	r4, F_WRITE
	bl	blk_request
	expect	r4, 1, 49
	li	r4, T_SCSI
	li	r5, 0
	bl	blk_header
	li	r4, F_WRITE
	bl	blk_request
	expect	r4, 2, 50

	la64	r14, attacks
	li	r15, 1
1:	bl	blk_begin
	la64	r5, rings
	ld	r6, 0(r14)
	std	r6, 0(r5)
	ld	r6, 8(r14)
	std	r6, 8(r5)
	ld	r6, 16(r14)
	std	r6, 16(r5)
	ld	r6, 24(r14)
	std	r6, 24(r5)
	lhz	r6, 32(r14)
	sth	r6, AVAIL + 4(r5)
	lhz	r6, 34(r14)
	lwsync
	sth	r6, AVAIL + 2(r5)
	bl	blk_kick
	/* Row n fails with n. */
	deadline r18
3:	bl	get_status
	andi.	r4, r4, STATUS_NEEDS_RESET
	bne	4f
	mfspr	r0, SPR_TBL
	cmpld	r0, r18
	mr	r3, r15
	bgt	fail
	b	3b
4:	li	r19, STORM
5:	bl	blk_kick
	addi	r19, r19, -1
	cmpwi	r19, 0
	bne	5b
	/* Nothing but a reset helps. */
	li	r4, STATUS_RUNNING
	bl	set_status
	bl	get_status
	expect	r4, STATUS_RUNNING | STATUS_NEEDS_RESET, 51
	la64	r5, rings
	lhz	r4, USED + 2(r5)
	expect	r4, 0, 52
	bl	blk_begin
	bl	blk_read_pattern
	addi	r14, r14, ROW
	addi	r15, r15, 1
	la64	r5, attacks_end
	cmpld	r14, r5
	blt	1b
	say_number "attacks", r15
	b	pass

/* The machine's parameters say which transport it is: mmio or nothing. */
find_either:
	enter
	la64	r4, name
	bl	find_prop
	li	r4, 1
	cmpdi	r3, 0
	beq	1f
	lbz	r5, 0(r3)
	cmpwi	r5, 'm'
	bne	1f
	li	r4, 0
1:	bl	blk_find
	leave

/* Two descriptors, head in slot 0, available index. */
.macro row a, al, af, an, b, bl, bf, bn, head=0, idx=1
	.quad	\a
	.long	\al
	.short	\af, \an
	.quad	\b
	.long	\bl
	.short	\bf, \bn, \head, \idx
	.long	0
.endm

.macro single addr, len, flags, next=0
	row	\addr, \len, \flags, \next, 0, 0, 0, 0
.endm

	.data
name:
	.asciz	"bootargs"
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
	single	NOWHERE, 16, 0
	single	(1 << 63), 16, 0
	single	-1, 2, F_WRITE
	single	-4096, 8192, F_WRITE
	single	VIRTIO_SLOT_0, 16, F_WRITE
	single	CPU_MEM32, 16, F_WRITE
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
	.quad	header
	.long	16
	.short	0, 0
	.space	16 * QUEUE_SIZE
nested_table:
	.quad	good_table
	.long	16
	.short	F_INDIRECT, 0
loop_table:
	.quad	header
	.long	16
	.short	F_NEXT, 0
