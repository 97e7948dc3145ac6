/* SPDX-License-Identifier: Apache-2.0 */
/* SBI extensions that do not exist, in KVM and in the monitor. */
#include "guest.inc"

/* Neither called nor probed successfully. */
.macro absent ext, code
	li	a0, \ext
	sbi	SBI_BASE, 3
	expect	a0, 0, \code
	expect	a1, 0, \code
	sbi	\ext, 0
	expect	a0, SBI_NOT_SUPPORTED, (\code + 1)
	sbi	\ext, -1
	expect	a0, SBI_NOT_SUPPORTED, (\code + 1)
.endm

	.text
	.global	main
main:
	absent	0x12345678, 1
	/* Experimental and vendor extensions are passed on by KVM. */
	absent	0x08000000, 3
	absent	0x08ffffff, 5
	absent	0x09000000, 7
	absent	0x09ffffff, 9
	absent	0x0a000000, 11
	absent	0xffffffff, 13
	/* No such function in one that exists. */
	sbi	SBI_BASE, 99
	expect	a0, SBI_NOT_SUPPORTED, 15
	j	pass
