/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest guest: a line on the serial port, by polling. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"hello from the serial port\n"
	j	pass
