/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buffer in RAM above 4 GiB, where RTAS knows no addresses. The machine has
 * to have 5 GiB of RAM.
 */
#include "guest.inc"

#define HIGH 0x100000000

	.text
	.global	main
main:
	li64	r9, HIGH
	li64	r10, RTAS_QUIESCE
	stw_be	r10, 0, r9
	li	r10, 0
	stw_be	r10, 4, r9
	li	r10, 1
	stw_be	r10, 8, r9
	stw_be	r10, 12, r9
	hcall_is 1, H_PARAMETER, H_RTAS, HIGH
	li64	r9, HIGH
	lwz_be	r4, 12, r9
	expect	r4, 1, 2
	/* One that ends there. */
	hcall_is 3, H_PARAMETER, H_RTAS, (HIGH - 8)
	b	pass
