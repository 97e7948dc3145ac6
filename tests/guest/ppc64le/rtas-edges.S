/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTAS with counts, tokens and pointers that make no sense. The machine has to
 * have 256 MiB of RAM.
 */
#include "guest.inc"

#define RAM_END 0x10000000
#define BUFFER  0x400000

/* Makes a call with the buffer at \at; expects an error. */
.macro buffer_is_bad code, at
	hcall_is \code, H_PARAMETER, H_RTAS, \at
.endm

/* Writes the head of a call of "quiesce" to \at. */
.macro head_at at, nargs, nret
	li64	r9, \at
	li64	r10, RTAS_QUIESCE
	stw_be	r10, 0, r9
	li64	r10, \nargs
	stw_be	r10, 4, r9
	li64	r10, \nret
	stw_be	r10, 8, r9
.endm

.macro counts_are_bad code, nargs, nret
	head_at	BUFFER, \nargs, \nret
	buffer_is_bad \code, BUFFER
.endm

	.text
	.global	main
main:
	/* Not aligned. */
	buffer_is_bad 1, (BUFFER + 1)
	buffer_is_bad 2, (BUFFER + 2)
	/* Counts: too many, and such that sums wrap. */
	counts_are_bad 3, 0, 17
	counts_are_bad 4, 0, -1
	counts_are_bad 5, 1, -1
	/* Counts that are sound, but not this call's. */
	rtas_is	6, RTAS_PARAM_ERROR, RTAS_QUIESCE, 1, 1
	rtas_is	7, RTAS_PARAM_ERROR, RTAS_QUIESCE, 0, 2
	rtas_is	8, RTAS_PARAM_ERROR, RTAS_GET_TIME_OF_DAY, 0, 1
	rtas_is	9, RTAS_PARAM_ERROR, RTAS_GET_TIME_OF_DAY, 0, 9
	rtas_is	10, RTAS_PARAM_ERROR, RTAS_NVRAM_FETCH, 2, 2, 0, BUFFER
	/* No room for a status: nothing is written. */
	rtas_args RTAS_QUIESCE, 0, 0, 0x1234
	rtas_go
	rtas_ret r4, 0
	expect	r4, 0x1234, 35
	/* Calls that do not exist. */
	bl	unknown_tokens
	bl	bad_pointers
	b	pass

.macro token_is_bad code, token
	rtas_args \token, 0, 1
	rtas_go
	expect_r3 H_PARAMETER, \code
	rtas_ret r4, 0
	expect	r4, RTAS_PARAM_ERROR, \code
.endm

unknown_tokens:
	mflr	r14
	token_is_bad 11, 0
	token_is_bad 12, 0x1fff
	token_is_bad 13, 0x201a
	token_is_bad 14, 0x2020
	token_is_bad 15, -1
	token_is_bad 16, 0x80002001
	mtlr	r14
	blr

/* A call that reads or writes RAM at a place that is none. */
.macro pointer_is_bad code, token, nargs, nret, a=0, b=0, c=0, d=0, e=0, f=0
	rtas_is	\code, RTAS_PARAM_ERROR, \token, \nargs, \nret, \a, \b, \c, \
		\d, \e, \f
.endm

bad_pointers:
	mflr	r14
	/* Offset, buffer, length. */
	pointer_is_bad 17, RTAS_NVRAM_FETCH, 3, 2, 0, RAM_END, 16
	pointer_is_bad 18, RTAS_NVRAM_FETCH, 3, 2, 0, (RAM_END - 8), 16
	pointer_is_bad 19, RTAS_NVRAM_FETCH, 3, 2, 0, -8, 16
	pointer_is_bad 20, RTAS_NVRAM_FETCH, 3, 2, 0x10000, BUFFER, 1
	pointer_is_bad 21, RTAS_NVRAM_FETCH, 3, 2, 0xfff8, BUFFER, 9
	pointer_is_bad 22, RTAS_NVRAM_FETCH, 3, 2, -1, BUFFER, 2
	pointer_is_bad 23, RTAS_NVRAM_FETCH, 3, 2, 1, BUFFER, -1
	pointer_is_bad 24, RTAS_NVRAM_STORE, 3, 2, 0, RAM_END, 16
	pointer_is_bad 25, RTAS_NVRAM_STORE, 3, 2, 0, -8, 16
	pointer_is_bad 26, RTAS_NVRAM_STORE, 3, 2, 0xfff8, BUFFER, 9
	pointer_is_bad 27, RTAS_NVRAM_STORE, 3, 2, -8, BUFFER, 16
	/* Parameter, buffer, length. */
	pointer_is_bad 28, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 20, RAM_END, 512
	pointer_is_bad 29, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 20, -4, 512
	pointer_is_bad 30, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 20, (RAM_END - 4), \
		512
	rtas_is	31, RTAS_SYSPARM_ERROR, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 20, \
		BUFFER, 2
	/* A text for the user that cannot be read: the guest goes on. */
	pointer_is_bad 32, RTAS_OS_TERM, 1, 1, RAM_END
	pointer_is_bad 33, RTAS_OS_TERM, 1, 1, -1
	/* Onto the buffer of the call itself, which gets the status. */
	rtas_args RTAS_NVRAM_FETCH, 3, 2, 0
	la64	r10, rtas_buf
	rtas_put 4, r10
	rtas_word 5, 32
	rtas_done 34, 0, 3
	mtlr	r14
	blr
