/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the other processor again and again as soon as it has stopped, prods
 * it all the time, and asks for processors that there are not.
 */
#include "guest.inc"

#define ROUNDS 300

	.text
	.global	main
main:
	li	r14, 0
	deadline r15
1:	rtas_args RTAS_START_CPU, 3, 1, 1, 0, 0
	la64	r10, count_me
	rtas_put 4, r10
	rtas_go
	rtas_ret r16, 3
	/* Whether it runs or not; and nobody. */
	hcall_is 1, H_SUCCESS, H_PROD, 1
	hcall_is 2, H_PARAMETER, H_PROD, 512
	hcall_is 3, H_PARAMETER, H_PROD, -1
	rtas_is	4, RTAS_PARAM_ERROR, RTAS_START_CPU, 3, 1, 512, 0, 0
	rtas_is	5, RTAS_PARAM_ERROR, RTAS_START_CPU, 3, 1, -1, 0, 0
	rtas_is	6, RTAS_HW_ERROR, RTAS_START_CPU, 3, 1, 0, 0, 0
	rtas_is	7, RTAS_PARAM_ERROR, RTAS_QUERY_CPU, 1, 2, 512
	/* Not stopped yet? */
	cmpwi	r16, 0
	beq	2f
	wait_until r15, 8
	cmpwi	r16, RTAS_HW_ERROR
	li	r3, 9
	bne	fail
	b	1b
2:	addi	r14, r14, 1
	cmpwi	r14, ROUNDS
	blt	1b
3:	la64	r4, counted
	lwz	r4, 0(r4)
	cmpwi	r4, ROUNDS
	beq	pass
	wait_until r15, 10
	b	3b

	.balign	64
count_me:
	own_endian
	la64	r4, counted
	lwsync
1:	lwarx	r5, 0, r4
	addi	r5, r5, 1
	stwcx.	r5, 0, r4
	bne-	1b
	la64	r15, its_buf
	stop_self
	b	halt

	.bss
	.balign	64
its_buf:
	.space	64
counted:
	.space	4
