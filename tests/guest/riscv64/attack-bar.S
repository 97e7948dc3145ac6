/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves the disk's BAR about while it has a request: over the rings in RAM,
 * over the configuration space, over another device's BAR, to where nothing
 * is. RAM and the other device stay what they are, and back in its place the
 * disk goes on.
 */
#include "guest.inc"

#define ROUNDS  64
#define OTHER   0x40010000
#define PCI_RNG 0x10441af4

	.text
	.global	main
#include "blk.inc"

/* The BAR goes to \addr, a register that is not t0. */
.macro move addr
	sw	\addr, PCI_BAR_4(s0)
	srli	t0, \addr, 32
	sw	t0, PCI_BAR_5(s0)
.endm

main:
	call	blk_find
	la	t0, blk_base
	ld	s0, 8(t0)
	li	a0, 1
	beqz	s0, fail
	call	find_rng
	call	blk_begin
	call	blk_write_pattern
	li	s1, ROUNDS
1:	la	s2, places
	call	blk_read_pattern
2:	/* A request is under way. */
	put_desc 0, header, 16, F_NEXT, 1
	put_desc 1, data, 512, F_NEXT | F_WRITE, 2
	put_desc 2, answer, 1, F_WRITE, 0
	call	blk_publish
	call	blk_kick
	ld	t2, 0(s2)
	move	t2
	/* Where it was is nothing, where it should be is what was there. */
	li	t0, PCI_MEM32
	lwu	t1, 0(t0)
	expect	t1, 0xffffffff, 2
	la	t0, rings + AVAIL
	lhu	t1, 0(t0)
	expect	t1, 0, 3
	/* The other one is there, unless this one lies over it. */
	li	t1, OTHER
	beq	t2, t1, 3f
	lhu	t1, 18(t1)
	expect	t1, 1, 4
3:	li	t2, PCI_MEM32
	move	t2
	call	wait_used
	call	blk_kick
	addi	s2, s2, 8
	la	t0, places_end
	bltu	s2, t0, 2b
	addi	s1, s1, -1
	bnez	s1, 1b
	/* Switched off and on with a request under way. */
	call	blk_publish
	call	blk_kick
	sh	zero, PCI_COMMAND(s0)
	li	t0, 6
	sh	t0, PCI_COMMAND(s0)
	call	wait_used
	li	t0, OTHER
	lhu	t1, 18(t0)
	expect	t1, 1, 5
	call	get_status
	expect	a0, STATUS_RUNNING, 6
	call	blk_read_pattern
	j	pass

/* The other device, to its own place. */
find_rng:
	li	t0, ECAM
	li	t1, 32
1:	lwu	t3, 0(t0)
	li	t4, PCI_RNG
	beq	t3, t4, 2f
	li	t3, ECAM_SLOT
	add	t0, t0, t3
	addi	t1, t1, -1
	bnez	t1, 1b
	li	a0, 7
	j	fail
2:	li	t3, OTHER
	sw	t3, PCI_BAR_4(t0)
	sw	zero, PCI_BAR_5(t0)
	li	t3, 6
	sh	t3, PCI_COMMAND(t0)
	ret

wait_used:
	rdtime	t3
	li	t4, PATIENCE
	add	t3, t3, t4
1:	la	t0, rings
	lhu	t1, AVAIL + 2(t0)
	lhu	t2, USED + 2(t0)
	beq	t1, t2, 2f
	rdtime	t4
	bltu	t4, t3, 1b
	li	a0, 8
	j	fail
2:	ret

	.data
	.balign	8
places:
	.dword	rings, ECAM, OTHER, FINISHER, RAM, 0x3fffc000, 0x80000000
	.dword	0, 0x4000000000, 0xffffffffffffc000, SERIAL
places_end:
