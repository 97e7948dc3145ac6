/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps until a timer interrupt. */
#include "guest.inc"

/* 100 ms at 512 MHz. */
#define DELAY 51200000

	.text
	.global	main
main:
	la64	r4, vector_hook
	la64	r5, handler
	std	r5, 0(r4)
	mfspr	r14, SPR_TBL
	li64	r4, DELAY
	add	r14, r14, r4
	mtspr	SPR_DEC, r4
	/* It may wake early, but not for long. */
	li	r15, 1000
1:	cede
	addi	r15, r15, -1
	cmpwi	r15, 0
	bgt	1b
	li	r3, 1
	b	fail

handler:
	cmpwi	r3, 0x900
	li	r3, 2
	bne	fail
	mfspr	r4, SPR_TBL
	cmpld	r4, r14
	li	r3, 3
	blt	fail
	say	"woken by the timer\n"
	b	pass
