/* SPDX-License-Identifier: Apache-2.0 */
/* Ends with the status after "status=" on the kernel's command line. */
#include "guest.inc"

	.text
	.global	main
main:
	la64	r4, bootargs
	bl	find_prop
	cmpdi	r3, 0
	mr	r4, r3
	li	r3, 1
	beq	fail
	addi	r4, r4, 7
	/* A decimal number. */
	li	r14, 0
1:	lbz	r5, 0(r4)
	addi	r5, r5, -'0'
	cmplwi	r5, 9
	bgt	2f
	mulli	r14, r14, 10
	add	r14, r14, r5
	addi	r4, r4, 1
	b	1b
2:	say_number "status", r14
	/* A value that means nothing does nothing. */
	li64	r4, FINISHER
	li64	r5, 0x12345678
	bl	store
	li	r5, 0
	bl	store
	sldi	r5, r14, 16
	ori	r5, r5, FINISHER_FAIL
	bl	store
	b	halt

/* Its register is little-endian. */
store:
#ifdef __LITTLE_ENDIAN__
	stw	r5, 0(r4)
#else
	stwbrx	r5, 0, r4
#endif
	blr

	.section .rodata
bootargs:
	.asciz	"bootargs"
