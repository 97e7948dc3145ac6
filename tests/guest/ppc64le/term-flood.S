/* SPDX-License-Identifier: Apache-2.0 */
/* Writes 64 KiB to the terminal as fast as it is taken: numbered lines. */
#include "guest.inc"

#define LINES 4096

	.text
	.global	main
main:
	li	r14, 0
	/* A line is 15 digits, which are made here, and its end. */
1:	li	r15, 0
	li	r16, 0
	li	r17, 56
2:	srd	r4, r14, r17
	andi.	r4, r4, 15
	la64	r5, digits16
	lbzx	r4, r5, r4
	/* r15 and r16 are one register of 16 bytes. */
	sldi	r15, r15, 8
	rldicl	r5, r16, 8, 56
	or	r15, r15, r5
	sldi	r16, r16, 8
	or	r16, r16, r4
	addi	r17, r17, -4
	cmpwi	r17, 0
	bge	2b
	sldi	r15, r15, 8
	rldicl	r5, r16, 8, 56
	or	r15, r15, r5
	sldi	r16, r16, 8
	ori	r16, r16, '\n'
3:	li	r3, H_PUT_TERM_CHAR
	li64	r4, VTY
	li	r5, 16
	mr	r6, r15
	mr	r7, r16
	sc	1
	cmpdi	r3, H_BUSY
	beq	3b
	expect_r3 H_SUCCESS, 1
	addi	r14, r14, 1
	cmpwi	r14, LINES
	blt	1b
	b	pass

	.section .rodata
digits16:
	.ascii	"0123456789abcdef"
