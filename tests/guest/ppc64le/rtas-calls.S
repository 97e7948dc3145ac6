/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS calls of which each does what it is for. */
#include "guest.inc"

#define BUFFER  0x400000
#define VTY_IRQ 0x1100

/* Expects return value \index of the call before. */
.macro ret_is code, nargs, index, value
	rtas_ret r4, \nargs, \index
	expect	r4, \value, \code
.endm

	.text
	.global	main
main:
	bl	clock
	bl	processors
	bl	parameters
	bl	interrupts
	bl	nvram
	/* Nothing has happened. */
	rtas_is	1, 1, RTAS_CHECK_EXCEPTION, 6, 1, 0x500, 0x1000, -1, 0, \
		BUFFER, 2048
	rtas_is	2, 1, RTAS_CHECK_EXCEPTION, 7, 1, 0x500, 0x1000, -1, 0, \
		BUFFER, 2048
	rtas_is	3, 1, RTAS_EVENT_SCAN, 4, 1, -1, 0, BUFFER, 2048
	rtas_is	4, 0, RTAS_SET_TCE_BYPASS, 2, 1, LIOBN, 1
	rtas_is	5, 0, RTAS_QUIESCE, 0, 1
	rtas_is	6, 0, RTAS_DISPLAY_CHARACTER, 1, 1, '!'
	rtas_is	7, 0, RTAS_DISPLAY_CHARACTER, 1, 1, '\n'
	b	pass

clock:
	mflr	r14
	rtas_is	10, 0, RTAS_SET_TIME_OF_DAY, 7, 1, 2031, 12, 31, 23, 59, 58, 0
	rtas_is	11, 0, RTAS_GET_TIME_OF_DAY, 0, 8
	ret_is	12, 0, 1, 2031
	ret_is	13, 0, 2, 12
	ret_is	14, 0, 3, 31
	/* 29 February, in a year that has one and in one that has none. */
	rtas_is	15, 0, RTAS_SET_TIME_OF_DAY, 7, 1, 2028, 2, 29, 0, 0, 0, 0
	rtas_is	16, -3, RTAS_SET_TIME_OF_DAY, 7, 1, 2027, 2, 29, 0, 0, 0, 0
	rtas_is	17, -3, RTAS_SET_TIME_OF_DAY, 7, 1, 2027, 13, 1, 0, 0, 0, 0
	rtas_is	18, -3, RTAS_SET_TIME_OF_DAY, 7, 1, 2027, 1, 0, 0, 0, 0, 0
	rtas_is	19, -3, RTAS_SET_TIME_OF_DAY, 7, 1, 2027, 1, 1, 24, 0, 0, 0
	rtas_is	20, -3, RTAS_SET_TIME_OF_DAY, 7, 1, -1, 1, 1, 0, 0, 0, 0
	mtlr	r14
	blr

processors:
	mflr	r14
	rtas_is	21, 0, RTAS_QUERY_CPU, 1, 2, 0
	ret_is	22, 1, 1, 2
	rtas_is	23, RTAS_PARAM_ERROR, RTAS_QUERY_CPU, 1, 2, 1
	rtas_is	24, RTAS_PARAM_ERROR, RTAS_QUERY_CPU, 1, 2, -1
	/* It runs already. */
	rtas_is	25, RTAS_HW_ERROR, RTAS_START_CPU, 3, 1, 0, 0, 0
	rtas_is	26, RTAS_PARAM_ERROR, RTAS_START_CPU, 3, 1, 1, 0, 0
	rtas_is	27, RTAS_PARAM_ERROR, RTAS_START_CPU, 3, 1, -1, 0, 0
	mtlr	r14
	blr

parameters:
	mflr	r14
	rtas_is	28, 0, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 20, BUFFER, 512
	/* Its length, and how it begins. */
	li64	r5, BUFFER
	lbz	r4, 0(r5)
	expect	r4, 0, 29
	lwz_be	r4, 2, r5
	expect	r4, 0x4d617845, 30
	rtas_is	31, 0, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 42, BUFFER, 3
	rtas_is	32, RTAS_PARAM_ERROR, RTAS_GET_SYSTEM_PARAMETER, 3, 1, 9999, \
		BUFFER, 512
	rtas_is	33, RTAS_NOT_AUTHORIZED, RTAS_SET_SYSTEM_PARAMETER, 2, 1, 42, \
		BUFFER
	mtlr	r14
	blr

/* The source of the terminal, and one that does not exist. */
interrupts:
	mflr	r14
	rtas_is	34, 0, RTAS_SET_XIVE, 3, 1, VTY_IRQ, 0, 5
	rtas_is	35, 0, RTAS_GET_XIVE, 1, 3, VTY_IRQ
	ret_is	36, 1, 1, 0
	ret_is	37, 1, 2, 5
	rtas_is	38, 0, RTAS_INT_OFF, 1, 1, VTY_IRQ
	rtas_is	39, 0, RTAS_INT_ON, 1, 1, VTY_IRQ
	rtas_is	40, 0, RTAS_SET_XIVE, 3, 1, VTY_IRQ, 0, 0xff
	rtas_is	41, RTAS_PARAM_ERROR, RTAS_SET_XIVE, 3, 1, 5, 0, 5
	rtas_is	42, RTAS_PARAM_ERROR, RTAS_GET_XIVE, 1, 3, -1
	rtas_is	43, RTAS_PARAM_ERROR, RTAS_INT_OFF, 1, 1, 0x7fffffff
	rtas_is	44, RTAS_PARAM_ERROR, RTAS_INT_ON, 1, 1, 0x80000000
	mtlr	r14
	blr

nvram:
	mflr	r14
	li64	r5, BUFFER
	li64	r4, 0x1122334455667788
	std	r4, 0(r5)
	rtas_is	45, 0, RTAS_NVRAM_STORE, 3, 2, 0xfff8, BUFFER, 8
	ret_is	46, 3, 1, 8
	rtas_is	47, 0, RTAS_NVRAM_FETCH, 3, 2, 0xfff8, (BUFFER + 16), 8
	ret_is	48, 3, 1, 8
	li64	r5, BUFFER
	ld	r4, 16(r5)
	expect	r4, 0x1122334455667788, 49
	rtas_is	50, 0, RTAS_NVRAM_FETCH, 3, 2, 0x10000, BUFFER, 0
	mtlr	r14
	blr
