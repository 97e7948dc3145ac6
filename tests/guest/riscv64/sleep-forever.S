/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps for ever: nothing wakes it, it costs no CPU time. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"sleeping\n"
1:	wfi
	j	1b
