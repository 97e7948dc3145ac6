/* SPDX-License-Identifier: Apache-2.0 */
/* Entry, vectors and library of the guests. */
#include "guest.inc"

	.section .head, "ax"
	.global head
head:
	own_endian
	mr	r14, r3
	mr	r15, r4
	mr	r16, r5
	mfmsr	r17
	b	start

/*
 * One vector each 32 bytes: r3 is its address, SPRG2 the former r3. A guest
 * that expects one sets vector_hook, which is entered with the same.
 */
	.org	0x100
	.set	vector, 0x100
	.rept	(0x1000 - 0x100) / 32
	mtspr	SPR_SPRG2, r3
	li	r3, vector
	b	on_vector
	.balign	32
	.set	vector, vector + 32
	.endr

on_vector:
	mtspr	275, r4
	la64	r4, vector_hook
	ld	r4, 0(r4)
	cmpdi	r4, 0
	beq	trap
	mtctr	r4
	mfspr	r4, 275
	bctr

	.text
start:
	la64	r1, stack_top
	/* Vectors in the guest's own byte order. */
	hcall	H_SET_MODE, MSR_LE, 4
	expect_r3 H_SUCCESS, 61
	mr	r3, r14
	mr	r4, r15
	mr	r5, r16
	mr	r6, r17
	bl	main
	li	r3, 62

/* Ends the guest with status r3: as a panic, whose text goes to the log. */
	.global	fail
fail:
	la64	r1, stack_top
	mr	r14, r3
	say_number "FAIL", r14
	rtas_word 0, RTAS_OS_TERM
	rtas_word 1, 1
	rtas_word 2, 1
	la64	r10, failed
	rtas_put 3, r10
	rtas_go
	b	halt

	.global	pass
pass:
	say	"PASS\n"

	.global	power_off
power_off:
	rtas_args RTAS_POWER_OFF, 2, 1, -1, -1
	rtas_go

/* The machine is about to end. */
	.global	halt
halt:
	b	halt

/* A vector that no guest asked for. */
trap:
	mr	r14, r3
	la64	r1, stack_top
	say	"TRAP "
	mr	r3, r14
	bl	put_hex
	say	" srr0 "
	mfsrr0	r3
	bl	put_hex
	say	" srr1 "
	mfsrr1	r3
	bl	put_hex
	say	" dar "
	mfspr	r3, 19
	bl	put_hex
	say	"\n"
	li	r3, 63
	b	fail

/* Prints r5 bytes, at most 8, the first at the top of r6. */
	.global	put_bytes
put_bytes:
	mr	r10, r5
	mr	r11, r6
1:	li	r3, H_PUT_TERM_CHAR
	lis	r4, VTY >> 16
	mr	r5, r10
	mr	r6, r11
	li	r7, 0
	std	r10, -8(r1)
	std	r11, -16(r1)
	sc	1
	ld	r10, -8(r1)
	ld	r11, -16(r1)
	cmpdi	r3, H_BUSY
	beq	1b
	blr

/* Prints the character r3. */
	.global	putc
putc:
	li	r5, 1
	sldi	r6, r3, 56
	b	put_bytes

/* Prints the string at r3. */
	.global	puts
puts:
	enter
	mr	r30, r3
1:	li	r5, 0
	li	r6, 0
	li	r8, 56
2:	lbz	r7, 0(r30)
	cmpwi	r7, 0
	beq	3f
	addi	r30, r30, 1
	sld	r7, r7, r8
	or	r6, r6, r7
	addi	r8, r8, -8
	addi	r5, r5, 1
	cmpwi	r5, 8
	blt	2b
3:	cmpwi	r5, 0
	beq	4f
	bl	put_bytes
	b	1b
4:	leave

/* Prints r3 as 16 hexadecimal digits. */
	.global	put_hex
put_hex:
	enter
	mr	r31, r3
	li	r30, 16
1:	rldicl	r3, r31, 4, 60
	la64	r4, digits
	lbzx	r3, r4, r3
	rotldi	r31, r31, 4
	bl	putc
	addi	r30, r30, -1
	cmpwi	r30, 0
	bgt	1b
	leave

/* Prints r3 as an unsigned decimal number. */
	.global	put_number
put_number:
	enter
	la64	r7, number_end
	li	r4, 10
1:	divdu	r5, r3, r4
	mulld	r6, r5, r4
	subf	r6, r6, r3
	addi	r6, r6, '0'
	stbu	r6, -1(r7)
	mr.	r3, r5
	bne	1b
	mr	r3, r7
	bl	puts
	leave

/*
 * Finds the first property of the name at r4 in the tree at r3. Returns in r3
 * the address of its value, 0 for none, and in r4 its bytes.
 */
	.global	find_prop
find_prop:
	mr	r9, r4
	lwz_be	r5, 8, r3
	lwz_be	r6, 12, r3
	add	r5, r5, r3
	add	r6, r6, r3
1:	lwz_be	r7, 0, r5
	addi	r5, r5, 4
	cmpwi	r7, 1
	beq	4f
	cmpwi	r7, 3
	beq	6f
	cmpwi	r7, 9
	bne	1b
	li	r3, 0
	blr
	/* A node: its name, to the next word. */
4:	lbz	r7, 0(r5)
	addi	r5, r5, 1
	cmpwi	r7, 0
	bne	4b
	b	8f
	/* A property: length, offset of the name, value. */
6:	lwz_be	r4, 0, r5
	lwz_be	r7, 4, r5
	addi	r5, r5, 8
	add	r7, r7, r6
	mr	r8, r9
7:	lbz	r10, 0(r7)
	lbz	r11, 0(r8)
	addi	r7, r7, 1
	addi	r8, r8, 1
	cmpw	r10, r11
	bne	9f
	cmpwi	r10, 0
	bne	7b
	mr	r3, r5
	blr
9:	add	r5, r5, r4
8:	addi	r5, r5, 3
	clrrdi	r5, r5, 2
	b	1b

	.section .rodata
digits:
	.ascii	"0123456789abcdef"
failed:
	.asciz	"the guest failed"

	.bss
	.balign	64
	.global	rtas_buf
rtas_buf:
	.space	256
	.global	vector_hook
vector_hook:
	.space	8
	.space	24
number_end:
	.space	8
	.balign	16
	.space	4096
stack_top:
	.space	128
