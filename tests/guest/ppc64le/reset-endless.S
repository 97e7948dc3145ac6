/* SPDX-License-Identifier: Apache-2.0 */
/* Reboots; never ends by itself. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"boot\n"
	rtas_args RTAS_SYSTEM_REBOOT, 0, 1
	rtas_go
	b	halt
