/* SPDX-License-Identifier: Apache-2.0 */
/* Goes on where there is no memory. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"about to crash\n"
	li64	r4, 0x300000000000
	mtctr	r4
	bctr
