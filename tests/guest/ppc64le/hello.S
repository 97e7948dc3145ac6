/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.inc"

	.text
	.global	main
main:
	say	"hello from the terminal\n"
	b	pass
