/* SPDX-License-Identifier: Apache-2.0 */
/* Cold reboots for ever: each of them finds RAM that is zero. */
#include "guest.inc"

#define MARK (RAM + 0x1000000)

	.text
	.global	main
main:
	say	"boot\n"
	li	s0, MARK
	ld	t1, 0(s0)
	expect	t1, 0, 1
	la	s1, in_bss
	ld	t1, 0(s1)
	expect	t1, 0, 2
	li	t0, 0x6b72616d
	sd	t0, 0(s0)
	sd	t0, 0(s1)
	li	a0, 1
	li	a1, 0
	sbi	SBI_SRST, 0
	li	a0, 3
	j	fail

	.bss
	.balign	8
in_bss:
	.space	8
