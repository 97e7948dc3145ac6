/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTAS with argument buffers that are not RAM, or not all of it: KVM, which
 * looks at them first, cannot go on with some of these. The machine has to
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
	/* No RAM, all of it or only the end; wrapping. */
	buffer_is_bad 1, RAM_END
	buffer_is_bad 2, (RAM_END - 4)
	buffer_is_bad 3, (RAM_END - 8)
	buffer_is_bad 4, 0x300000000000
	buffer_is_bad 5, -4
	buffer_is_bad 6, -12
	buffer_is_bad 7, (1 << 63)
	buffer_is_bad 8, FINISHER
	/* Above 4 GiB: the lower half would be RAM. */
	head_at	BUFFER, 0, 1
	hcall_is 9, H_SUCCESS, H_RTAS, BUFFER
	buffer_is_bad 10, (BUFFER + (1 << 32))
	buffer_is_bad 11, (BUFFER + (1 << 63))
	/* The head is RAM, what follows is not. */
	head_at	(RAM_END - 12), 0, 1
	buffer_is_bad 12, (RAM_END - 12)
	head_at	(RAM_END - 12), 1, 0
	buffer_is_bad 13, (RAM_END - 12)
	head_at	(RAM_END - 16), 0, 1
	hcall_is 14, H_SUCCESS, H_RTAS, (RAM_END - 16)
	/* More arguments than any call takes, and such that sums wrap. */
	counts_are_bad 15, 17, 1
	counts_are_bad 16, -1, 1
	counts_are_bad 17, -1, -1
	counts_are_bad 18, 0x80000000, 0x80000000
	counts_are_bad 19, 0x40000000, 0x40000001
	b	pass
