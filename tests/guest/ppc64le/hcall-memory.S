/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and copies at logical addresses. The machine has to have
 * 256 MiB of RAM.
 */
#include "guest.inc"

#define RAM_END 0x10000000
#define FROM    0x200000
#define TO      0x300000
#define VALUE   0x0123456789abcdef
#define NOWHERE 0x300000000000

	.text
	.global	main
main:
	/* Elements of each size; the value sits at the low end. */
	hcall_is 1, H_SUCCESS, H_LOGICAL_CI_STORE, 8, FROM, VALUE
	hcall_is 2, H_SUCCESS, H_LOGICAL_CI_LOAD, 8, FROM
	expect	r4, VALUE, 3
	hcall_is 4, H_SUCCESS, H_LOGICAL_CI_LOAD, 4, FROM
	expect	r4, 0x01234567, 5
	hcall_is 6, H_SUCCESS, H_LOGICAL_CI_LOAD, 2, (FROM + 6)
	expect	r4, 0xcdef, 7
	hcall_is 8, H_SUCCESS, H_LOGICAL_CI_LOAD, 1, (FROM + 1)
	expect	r4, 0x23, 9
	hcall_is 10, H_SUCCESS, H_LOGICAL_CI_STORE, 1, FROM, 0x1ff
	hcall_is 11, H_SUCCESS, H_LOGICAL_CI_LOAD, 2, FROM
	expect	r4, 0xff23, 12
	/* Sizes and places that are none. */
	hcall_is 13, H_PARAMETER, H_LOGICAL_CI_LOAD, 0, FROM
	hcall_is 14, H_PARAMETER, H_LOGICAL_CI_LOAD, 3, FROM
	hcall_is 15, H_PARAMETER, H_LOGICAL_CI_LOAD, 16, FROM
	hcall_is 16, H_PARAMETER, H_LOGICAL_CI_LOAD, -8, FROM
	hcall_is 17, H_PARAMETER, H_LOGICAL_CI_LOAD, 4, (FROM + 2)
	hcall_is 18, H_PARAMETER, H_LOGICAL_CI_LOAD, 8, NOWHERE
	hcall_is 19, H_PARAMETER, H_LOGICAL_CI_LOAD, 8, RAM_END
	hcall_is 20, H_SUCCESS, H_LOGICAL_CI_LOAD, 8, (RAM_END - 8)
	hcall_is 21, H_PARAMETER, H_LOGICAL_CI_STORE, 8, -8, 0
	hcall_is 22, H_PARAMETER, H_LOGICAL_CI_STORE, 4, NOWHERE, 0
	/* Copies: to, from, log2 of the size, count, invert. */
	hcall_is 23, H_SUCCESS, H_LOGICAL_MEMOP, TO, FROM, 3, 2, 0
	hcall_is 24, H_SUCCESS, H_LOGICAL_CI_LOAD, 8, TO
	expect	r4, 0xff23456789abcdef, 25
	hcall_is 26, H_SUCCESS, H_LOGICAL_MEMOP, TO, FROM, 1, 1, 1
	hcall_is 27, H_SUCCESS, H_LOGICAL_CI_LOAD, 8, TO
	expect	r4, 0x00dc456789abcdef, 28
	hcall_is 29, H_SUCCESS, H_LOGICAL_MEMOP, TO, FROM, 0, 0, 0
	hcall_is 30, H_PARAMETER, H_LOGICAL_MEMOP, TO, FROM, 4, 1, 0
	hcall_is 31, H_PARAMETER, H_LOGICAL_MEMOP, TO, FROM, 0, 1, 2
	hcall_is 32, H_PARAMETER, H_LOGICAL_MEMOP, TO, FROM, 0, -1, 0
	hcall_is 33, H_PARAMETER, H_LOGICAL_MEMOP, TO, FROM, 3, (1 << 61), 0
	hcall_is 34, H_PARAMETER, H_LOGICAL_MEMOP, -8, FROM, 3, 2, 0
	hcall_is 35, H_PARAMETER, H_LOGICAL_MEMOP, TO, -8, 3, 2, 0
	hcall_is 36, H_PARAMETER, H_LOGICAL_MEMOP, (RAM_END - 8), FROM, 3, 2, 0
	hcall_is 37, H_PARAMETER, H_LOGICAL_MEMOP, TO, NOWHERE, 3, 1, 0
	hcall_is 38, H_PARAMETER, H_LOGICAL_MEMOP, TO, (FROM + 1), 3, 1, 0
	b	pass
