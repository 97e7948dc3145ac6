/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debug console with ranges that are not, or not all, RAM. The machine
 * has to have 64 MiB of RAM.
 */
#include "guest.inc"

#define RAM_END (RAM + 0x4000000)

/* Calls function \fid with a0 to a2, expects an error and a value of 0. */
.macro dbcn fid, len, low, high, error, code
	li	a0, \len
	li	a1, \low
	li	a2, \high
	sbi	SBI_DBCN, \fid
	expect	a0, \error, \code
.endm

	.text
	.global	main
main:
	/* Nothing to write and nothing to read. */
	dbcn	0, 0, RAM, 0, 0, 1
	expect	a1, 0, 2
	dbcn	1, 0, RAM, 0, 0, 3
	expect	a1, 0, 4
	/* Not RAM: a device, nowhere, below and behind RAM. */
	dbcn	0, 1, SERIAL, 0, SBI_INVALID_PARAM, 5
	dbcn	0, 1, 0, 0, SBI_INVALID_PARAM, 6
	dbcn	0, 1, (RAM - 1), 0, SBI_INVALID_PARAM, 7
	dbcn	0, 1, RAM_END, 0, SBI_INVALID_PARAM, 8
	dbcn	0, 2, (RAM - 1), 0, SBI_INVALID_PARAM, 9
	dbcn	0, 2, (RAM_END - 1), 0, SBI_INVALID_PARAM, 10
	dbcn	0, 0x4000001, RAM, 0, SBI_INVALID_PARAM, 11
	dbcn	0, -1, RAM, 0, SBI_INVALID_PARAM, 12
	/* Sums that wrap, and an upper half of the address. */
	dbcn	0, 16, -8, 0, SBI_INVALID_PARAM, 13
	dbcn	0, -1, -1, 0, SBI_INVALID_PARAM, 14
	dbcn	0, -RAM, RAM, 0, SBI_INVALID_PARAM, 15
	dbcn	0, 1, RAM, 1, SBI_INVALID_PARAM, 16
	dbcn	0, 1, RAM, -1, SBI_INVALID_PARAM, 17
	/* The same for reads: nothing may be taken from the console. */
	dbcn	1, 1, SERIAL, 0, SBI_INVALID_PARAM, 18
	dbcn	1, 2, (RAM_END - 1), 0, SBI_INVALID_PARAM, 19
	dbcn	1, -1, RAM, 0, SBI_INVALID_PARAM, 20
	dbcn	1, 16, -8, 0, SBI_INVALID_PARAM, 21
	dbcn	1, 1, RAM, 1, SBI_INVALID_PARAM, 22
	/* Up to the very end. */
	li	t0, RAM_END
	li	t1, 0x0a646e6520656874
	sd	t1, -8(t0)
	dbcn	0, 8, (RAM_END - 8), 0, 0, 23
	expect	a1, 8, 24
	/* Nobody types anything. */
	dbcn	1, 8, (RAM_END - 8), 0, 0, 25
	expect	a1, 0, 26
	/* One byte, of which only the low 8 bits count. */
	li	a0, 0x1234567800000000 + '!'
	sbi	SBI_DBCN, 2
	expect	a0, 0, 27
	expect	a1, 0, 28
	li	a0, 10
	sbi	SBI_DBCN, 2
	/* No such function. */
	dbcn	3, 0, 0, 0, SBI_NOT_SUPPORTED, 29
	dbcn	-1, 0, 0, 0, SBI_NOT_SUPPORTED, 30
	j	pass
