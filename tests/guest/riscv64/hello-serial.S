/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest guest: a line on the serial port, by polling. */
#include "guest.h"

	.text
	.global	main
main:
	say	"hello from the serial port\n"
	j	pass
