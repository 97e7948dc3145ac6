/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal's calls with numbers and lengths that are at the edge. */
#include "guest.inc"

#define TEXT_1 0x30313233343536ff - 0xff + '7'
#define TEXT_2 0x3839616263640a00 + 'x'

	.text
	.global	main
main:
	/* Nothing, all that fits, one more, far more. */
	hcall_is 1, H_SUCCESS, H_PUT_TERM_CHAR, VTY, 0, TEXT_1, TEXT_2
	hcall_is 2, H_SUCCESS, H_PUT_TERM_CHAR, VTY, 15, TEXT_1, TEXT_2
	hcall_is 3, H_PARAMETER, H_PUT_TERM_CHAR, VTY, 17, TEXT_1, TEXT_2
	hcall_is 4, H_PARAMETER, H_PUT_TERM_CHAR, VTY, -1, TEXT_1, TEXT_2
	hcall_is 5, H_PARAMETER, H_PUT_TERM_CHAR, VTY, 0x100000001, 0, 0
	/* 0 is the first terminal; there are no others. */
	hcall_is 6, H_SUCCESS, H_PUT_TERM_CHAR, 0, 15, TEXT_1, TEXT_2
	hcall_is 7, H_PARAMETER, H_PUT_TERM_CHAR, 1, 1, TEXT_1, 0
	hcall_is 8, H_PARAMETER, H_PUT_TERM_CHAR, (VTY + 1), 1, TEXT_1, 0
	hcall_is 9, H_PARAMETER, H_PUT_TERM_CHAR, (VTY - 1), 1, TEXT_1, 0
	hcall_is 10, H_PARAMETER, H_PUT_TERM_CHAR, (VTY + (1 << 32)), 1, 0, 0
	hcall_is 11, H_PARAMETER, H_PUT_TERM_CHAR, -1, 1, TEXT_1, 0
	/* Nobody types anything. */
	hcall_is 12, H_SUCCESS, H_GET_TERM_CHAR, VTY, -1, -1, -1
	expect	r4, 0, 13
	hcall_is 14, H_SUCCESS, H_GET_TERM_CHAR, 0, -1, -1, -1
	expect	r4, 0, 15
	hcall_is 16, H_PARAMETER, H_GET_TERM_CHAR, 1
	hcall_is 17, H_PARAMETER, H_GET_TERM_CHAR, -1
	hcall_is 18, H_PARAMETER, H_GET_TERM_CHAR, (VTY + 1)
	/* Interrupts on and off. */
	hcall_is 19, H_SUCCESS, H_VIO_SIGNAL, VTY, 1
	hcall_is 20, H_SUCCESS, H_VIO_SIGNAL, VTY, 0
	hcall_is 21, H_PARAMETER, H_VIO_SIGNAL, VTY, 2
	hcall_is 22, H_PARAMETER, H_VIO_SIGNAL, VTY, -1
	hcall_is 23, H_PARAMETER, H_VIO_SIGNAL, 0, 1
	hcall_is 24, H_PARAMETER, H_VIO_SIGNAL, (VTY + 1), 1
	b	pass
