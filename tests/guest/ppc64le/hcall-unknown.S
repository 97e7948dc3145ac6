/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls that do not exist, or that this machine does not have. */
#include "guest.inc"

	.text
	.global	main
main:
	/* Performance monitor, energy, memory and key store. */
	hcall_is 1, H_FUNCTION, 0x7c
	hcall_is 2, H_FUNCTION, 0x2b8
	hcall_is 3, H_FUNCTION, 0x2d4
	hcall_is 4, H_FUNCTION, 0x440
	/* Interrupts by XIVE, which was not agreed upon. */
	hcall_is 5, H_FUNCTION, 0x3a8
	/* A firmware's own, and those between the ranges. */
	hcall_is 6, H_FUNCTION, 0xf002
	hcall_is 7, H_FUNCTION, 0xf005
	hcall_is 8, H_FUNCTION, 0xefff
	hcall_is 9, H_FUNCTION, 0xffff
	/* Not a multiple of four. */
	hcall_is 10, H_FUNCTION, (H_PUT_TERM_CHAR + 1)
	hcall_is 11, H_FUNCTION, (H_PUT_TERM_CHAR + 2)
	/* A known one in the lower half. */
	hcall_is 12, H_FUNCTION, (H_PUT_TERM_CHAR + (1 << 32)), VTY, 1, -1
	hcall_is 13, H_FUNCTION, (H_RTAS + (1 << 63)), 0
	hcall_is 14, H_FUNCTION, -1
	hcall_is 15, H_FUNCTION, 0x7fffffffffffffff
	/* Many of them. */
	li	r14, 2000
1:	hcall_is 16, H_FUNCTION, 0x10000
	addi	r14, r14, -1
	cmpwi	r14, 0
	bgt	1b
	b	pass
