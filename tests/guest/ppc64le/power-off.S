/* SPDX-License-Identifier: Apache-2.0 */
/* Powers off, having checked that other argument counts do nothing. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"powering off\n"
	rtas_is	1, RTAS_PARAM_ERROR, RTAS_POWER_OFF, 0, 1
	rtas_is	2, RTAS_PARAM_ERROR, RTAS_POWER_OFF, 3, 1
	b	power_off
