/* SPDX-License-Identifier: Apache-2.0 */
/* Traps that go to the guest itself: nobody else has to do with them. */
#include "guest.inc"

	.text
	.global	main
main:
	la64	r4, vector_hook
	la64	r5, handler
	std	r5, 0(r4)
	li	r14, 0
	/* A trap, an illegal instruction, one of hypervisors. */
	trap
	expect	r14, 0x700, 1
	li	r14, 0
	.long	0
	expect	r14, 0x700, 2
	li	r14, 0
	hrfid
	expect	r14, 0x700, 3
	li	r14, 0
	li	r4, 0
	mtspr	318, r4
	expect	r14, 0x700, 4
	/* A system call, at the lowest level. */
	li	r14, 0
	la64	r4, 1f
	sc
1:	expect	r14, 0xc00, 5
	b	pass

/* Notes which one it is, and goes on behind the instruction. */
handler:
	mr	r14, r3
	mfsrr0	r3
	cmpwi	r14, 0xc00
	beq	2f
	addi	r3, r3, 4
2:	mtsrr0	r3
	mfspr	r3, SPR_SPRG2
	rfid
