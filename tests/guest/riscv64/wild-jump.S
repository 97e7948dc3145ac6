/* SPDX-License-Identifier: Apache-2.0 */
/* Goes on where there is no memory: the machine ends as crashed. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"about to crash\n"
	li	t0, 0x40000000
	jr	t0
