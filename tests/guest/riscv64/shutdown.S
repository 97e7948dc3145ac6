/* SPDX-License-Identifier: Apache-2.0 */
/* SBI system reset: shutdown without a reason. */
#include "guest.inc"

	.text
	.global	main
main:
	/* An unknown type does nothing, whatever error KVM has for it. */
	li	a0, 3
	li	a1, 0
	sbi	SBI_SRST, 0
	mv	t0, a0
	li	a0, 1
	bgez	t0, fail
	say	"shutting down\n"
	li	a0, 0
	li	a1, 0
	sbi	SBI_SRST, 0
	li	a0, 2
	j	fail
