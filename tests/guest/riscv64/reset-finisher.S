/* SPDX-License-Identifier: Apache-2.0 */
/* A reboot by the test finisher. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"boot\n"
	li	a0, FINISHER_RESET
	j	finish
