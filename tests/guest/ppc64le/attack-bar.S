/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves the disk's BAR about while it has a request: over the rings in RAM,
 * over another device's BAR, into the other window, to where nothing is. RAM
 * and the other device stay what they are, and back in its place the disk goes
 * on.
 */
#include "guest.inc"

#define ROUNDS    32
#define OTHER     0x80010000
#define CPU_OTHER 0x200080010000
#define PCI_RNG   0x10441af4

	.text
	.global	main
#include "blk.inc"

.macro expect_other code
	li64	r5, CPU_OTHER
	lhz	r4, 18(r5)
	expect	r4, 1, \code
.endm

main:
	li	r4, 1
	bl	blk_find
	li64	r17, PCI_RNG
	bl	find_function
	li64	r17, OTHER
	bl	place_bar
	li	r4, 6
	bl	switch_pci
	la64	r5, blk_base
	ld	r16, 8(r5)
	bl	blk_begin
	bl	blk_write_pattern
	li	r14, ROUNDS
1:	la64	r15, places
	bl	blk_read_pattern
2:	/* A request is under way, that of the last time again. */
	bl	blk_publish
	bl	blk_kick
	ld	r17, 0(r15)
	bl	place_bar
	/* Where it was is nothing, where it should be is what was there. */
	li64	r5, CPU_MEM32
	lwz	r4, 0(r5)
	expect	r4, 0xffffffff, 2
	la64	r5, rings
	lhz	r4, AVAIL(r5)
	expect	r4, 0, 3
	li64	r4, OTHER
	cmpd	r17, r4
	beq	3f
	expect_other 4
3:	li64	r17, PCI_MEM32
	bl	place_bar
	bl	wait_used
	bl	blk_kick
	addi	r15, r15, 8
	la64	r5, places_end
	cmpld	r15, r5
	blt	2b
	addi	r14, r14, -1
	cmpwi	r14, 0
	bne	1b
	/* Switched off and on with a request under way. */
	bl	blk_publish
	bl	blk_kick
	li	r4, 0
	bl	switch_pci
	li	r4, 6
	bl	switch_pci
	bl	wait_used
	expect_other 5
	bl	get_status
	expect	r4, STATUS_RUNNING, 6
	bl	blk_read_pattern
	b	pass

	.data
	.balign	8
places:
	.quad	rings, 0, OTHER, FINISHER, 0x7fffc000, 0x100000000
	.quad	0x210000000000, 0x200000000000, 0xffffffffffffc000
places_end:
