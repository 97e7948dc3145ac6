/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reboots twice, then passes. NVRAM, which counts the boots, is kept, RAM is
 * not.
 */
#include "guest.inc"

#define COUNT  0x8000
#define BUFFER 0x400000

	.text
	.global	main
main:
	/* RAM is zero each time, here and in the bss. */
	li64	r15, BUFFER
	ld	r4, 0(r15)
	expect	r4, 0, 1
	la64	r16, mark
	ld	r4, 0(r16)
	expect	r4, 0, 2
	li	r4, -1
	std	r4, 0(r15)
	std	r4, 0(r16)
	rtas_is	3, 0, RTAS_NVRAM_FETCH, 3, 2, COUNT, BUFFER, 8
	ld	r14, 0(r15)
	addi	r14, r14, 1
	std	r14, 0(r15)
	rtas_is	4, 0, RTAS_NVRAM_STORE, 3, 2, COUNT, BUFFER, 8
	say_number "boot", r14
	cmpdi	r14, 3
	beq	pass
	rtas_args RTAS_SYSTEM_REBOOT, 0, 1
	rtas_go
	b	halt

	.bss
	.balign	8
mark:
	.space	8
