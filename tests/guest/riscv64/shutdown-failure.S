/* SPDX-License-Identifier: Apache-2.0 */
/* SBI system reset: shutdown because of a system failure. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"shutting down after a failure\n"
	li	a0, 0
	li	a1, 1
	sbi	SBI_SRST, 0
	li	a0, 1
	j	fail
