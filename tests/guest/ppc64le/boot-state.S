/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest may rely on when it is entered. */
#include "guest.inc"

	.text
	.global	main
main:
	mr	r14, r3
	expect	r4, 0, 1
	expect	r5, 0, 2
	expect	r6, (MSR_SF | MSR_ME | MSR_LE), 3
	/* The tree: aligned, behind the program, magic number, its size. */
	andi.	r4, r14, 7
	expect	r4, 0, 4
	la64	r4, bss_end
	cmpld	r14, r4
	li	r3, 5
	blt	fail
	lwz_be	r15, 0, r14
	expect	r15, 0xd00dfeed, 6
	lbz	r4, 4(r14)
	expect	r4, 0, 7
	/* Version 16 or later, and vCPU 0 boots. */
	lwz_be	r4, 20, r14
	cmplwi	r4, 16
	li	r3, 8
	blt	fail
	lwz_be	r4, 28, r14
	expect	r4, 0, 9
	/* All of the bss but the buffers and the stack, which were used. */
	la64	r4, first_bss
	la64	r5, last_bss
1:	ld	r6, 0(r4)
	expect	r6, 0, 10
	addi	r4, r4, 8
	cmpld	r4, r5
	blt	1b
	b	pass

	.bss
	.balign	16
first_bss:
	.space	65536
last_bss:
