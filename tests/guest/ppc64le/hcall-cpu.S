/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on processors: one is enough. */
#include "guest.inc"

	.text
	.global	main
main:
	/* Random numbers differ. */
	hcall_is 1, H_SUCCESS, H_RANDOM
	mr	r14, r4
	hcall_is 2, H_SUCCESS, H_RANDOM
	cmpd	r4, r14
	li	r3, 3
	beq	fail
	/* The last processor does not join; with EE on none does. */
	hcall_is 4, H_CONTINUE, H_JOIN
	/* One that does not exist. */
	hcall_is 5, H_PARAMETER, H_PROD, 1000
	hcall_is 6, H_PARAMETER, H_PROD, -1
	hcall_is 7, H_SUCCESS, H_PROD, 0
	hcall_is 8, H_SUCCESS, H_LOGICAL_ICBI, 0
	hcall_is 9, H_SUCCESS, H_LOGICAL_DCBF, 0
	/* A system reset of its own. */
	la64	r4, hook
	la64	r5, vector_hook
	std	r4, 0(r5)
	li	r15, 0
	hcall_is 10, H_PARAMETER, H_SIGNAL_SYS_RESET, 1000
	hcall_is 11, H_PARAMETER, H_SIGNAL_SYS_RESET, -3
	expect	r15, 0, 12
	hcall_is 13, H_SUCCESS, H_SIGNAL_SYS_RESET, -2
	expect	r15, 0, 14
	hcall_is 15, H_SUCCESS, H_SIGNAL_SYS_RESET, 0
	expect	r15, 1, 16
	hcall_is 17, H_SUCCESS, H_SIGNAL_SYS_RESET, -1
	expect	r15, 2, 18
	b	pass

/* Counts and goes on: srr0 is behind the call, whose result is in SPRG2. */
hook:
	cmpwi	r3, 0x100
	bne	1f
	addi	r15, r15, 1
	mfspr	r3, SPR_SPRG2
	rfid
1:	li	r3, 19
	b	fail
