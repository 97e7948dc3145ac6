/* SPDX-License-Identifier: Apache-2.0 */
/* Spins for ever. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"spinning\n"
1:	b	1b
