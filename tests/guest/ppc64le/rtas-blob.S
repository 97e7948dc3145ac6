/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS as kernels call it: the blob, in 32-bit big-endian mode. */
#include "guest.inc"

	.text
	.global	main
main:
	mr	r14, r3
	la64	r4, base_name
	bl	find_prop
	cmpdi	r3, 0
	mr	r5, r3
	li	r3, 1
	beq	fail
	expect	r4, 4, 2
	lwz_be	r15, 0, r5
	mr	r3, r14
	la64	r4, entry_name
	bl	find_prop
	lwz_be	r16, 0, r3
	/* Reserved: the first entry of the table that the header names. */
	lwz_be	r4, 16, r14
	add	r4, r4, r14
	lwz_be	r5, 0, r4
	expect	r5, 0, 3
	lwz_be	r5, 4, r4
	cmpd	r5, r15
	li	r3, 4
	bne	fail
	/* Registers that belong to the caller are kept. */
	li64	r13, 0x123456789abcdef0
	rtas_args RTAS_GET_TIME_OF_DAY, 0, 8
	la64	r3, rtas_buf
	la64	r4, 2f
	mtlr	r4
	mtsrr0	r16
	li64	r4, MSR_ME
	mtsrr1	r4
	rfid
	/* Here it returns, in the mode that it was called in. */
2:	own_endian
	mfmsr	r11
	li	r10, 1
	sldi	r10, r10, 63
	or	r11, r11, r10
	la64	r10, 3f
	mtsrr0	r10
	mtsrr1	r11
	rfid
3:
	expect	r13, 0x123456789abcdef0, 5
	rtas_ret r4, 0
	expect	r4, 0, 6
	rtas_ret r4, 0, 1
	cmpwi	r4, 2024
	li	r3, 7
	blt	fail
	say	"called the blob\n"
	b	pass

	.section .rodata
base_name:
	.asciz	"linux,rtas-base"
entry_name:
	.asciz	"linux,rtas-entry"
