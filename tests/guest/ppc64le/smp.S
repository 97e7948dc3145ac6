/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, stopping, starting again and waking of all other processors. */
#include "guest.inc"

/* Argument of processor n when it starts: this and n. */
#define TOKEN 0x77665500

	.text
	.global	main
main:
	bl	count_cpus
	say_number "cpus", r14
	/* They start where they should, with what they were given. */
	la64	r15, count_me
	bl	start_all
	la64	r16, counted
	bl	wait_for_all
	bl	wait_stopped
	lwz	r18, 0(r16)
	addi	r18, r18, 1
	say_number "started", r18
	/* Once more; these sleep until they are prodded. */
	la64	r15, sleep
	bl	start_all
	la64	r16, sleeping
	bl	wait_for_all
	/* They run: they cannot be started. */
	li	r17, 1
	cmpd	r17, r14
	bge	1f
	rtas_is	6, RTAS_HW_ERROR, RTAS_START_CPU, 3, 1, 1, 0, 0
1:	la64	r4, released
	li	r5, 1
	stw	r5, 0(r4)
	la64	r16, woken
	bl	prod_all
	bl	wait_stopped
	/* And these join, which only others can end. */
	la64	r15, join
	bl	start_all
	la64	r16, joining
	bl	wait_for_all
	la64	r16, joined
	bl	prod_all
	bl	wait_stopped
	lwz	r18, 0(r16)
	addi	r18, r18, 1
	say_number "woken", r18
	b	pass

/* r14: how many there are. All but this one are stopped. */
count_cpus:
	mflr	r20
	rtas_is	1, 0, RTAS_QUERY_CPU, 1, 2, 0
	rtas_ret r4, 1, 1
	expect	r4, 2, 2
	li	r14, 1
1:	rtas_args RTAS_QUERY_CPU, 1, 2
	rtas_put 3, r14
	rtas_go
	rtas_ret r4, 1
	cmpwi	r4, RTAS_PARAM_ERROR
	beq	2f
	expect	r4, 0, 3
	rtas_ret r4, 1, 1
	expect	r4, 0, 4
	addi	r14, r14, 1
	b	1b
2:	mtlr	r20
	blr

/* Starts all others at r15. */
start_all:
	mflr	r20
	li	r17, 1
1:	cmpd	r17, r14
	bge	2f
	rtas_args RTAS_START_CPU, 3, 1
	rtas_put 3, r17
	rtas_put 4, r15
	li64	r10, TOKEN
	add	r10, r10, r17
	rtas_put 5, r10
	rtas_done 5, 0, 3
	addi	r17, r17, 1
	b	1b
2:	mtlr	r20
	blr

/* Waits until all others have counted themselves at r16. */
wait_for_all:
	deadline r19
1:	wait_until r19, 7
	lwz	r4, 0(r16)
	addi	r4, r4, 1
	cmpd	r4, r14
	bne	1b
	blr

/* Prods all others until they have counted themselves at r16. */
prod_all:
	mflr	r20
	deadline r19
1:	wait_until r19, 8
	li	r17, 1
2:	cmpd	r17, r14
	bge	3f
	li	r3, H_PROD
	mr	r4, r17
	sc	1
	expect_r3 H_SUCCESS, 9
	addi	r17, r17, 1
	b	2b
3:	lwz	r4, 0(r16)
	addi	r4, r4, 1
	cmpd	r4, r14
	bne	1b
	mtlr	r20
	blr

/* Waits until all others are stopped. */
wait_stopped:
	mflr	r20
	deadline r19
	li	r17, 1
1:	cmpd	r17, r14
	bge	3f
2:	wait_until r19, 10
	rtas_args RTAS_QUERY_CPU, 1, 2
	rtas_put 3, r17
	rtas_done 11, 0, 1
	rtas_ret r4, 1, 1
	cmpwi	r4, 0
	bne	2b
	addi	r17, r17, 1
	b	1b
3:	mtlr	r20
	blr

/*
 * Where the others begin; they have no stack. r14 becomes the number of this
 * one, r15 where its arguments of RTAS are. One with the wrong argument stops.
 */
.macro begin
	own_endian
	li64	r4, TOKEN
	subf	r14, r4, r3
	cmpldi	r14, 0
	beq	halt
	cmpldi	r14, 63
	bgt	halt
	sldi	r15, r14, 6
	la64	r4, cpu_bufs
	add	r15, r15, r4
	/* No time interrupt before it is over. */
	lis	r4, 0x7fff
	mtspr	SPR_DEC, r4
	la64	r4, vector_hook
	la64	r5, on_time
	std	r5, 0(r4)
.endm

.macro count at
	la64	r4, \at
	lwsync
1:	lwarx	r5, 0, r4
	addi	r5, r5, 1
	stwcx.	r5, 0, r4
	bne-	1b
.endm

	.balign	64
count_me:
	begin
	count	counted
stop:
	stop_self
	/* It does not come back. */
	li	r3, 12
	b	fail

	.balign	64
sleep:
	begin
	count	sleeping
2:	cede
	la64	r4, released
	lwz	r4, 0(r4)
	cmpwi	r4, 0
	beq	2b
	count	woken
	b	stop

	.balign	64
join:
	begin
	count	joining
	li64	r3, H_JOIN
	sc	1
	cmpdi	r3, 0
	bne	halt
	count	joined
	b	stop

on_time:
	cmpwi	r3, 0x900
	bne	halt
	lis	r3, 0x7fff
	mtspr	SPR_DEC, r3
	mfspr	r3, SPR_SPRG2
	rfid

	.bss
	.balign	64
cpu_bufs:
	.space	64 * 64
counted:
	.space	4
sleeping:
	.space	4
released:
	.space	4
woken:
	.space	4
joining:
	.space	4
joined:
	.space	4
