/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps; nothing but the timer wakes it, every few seconds. */
#include "guest.inc"

	.text
	.global	main
main:
	la64	r4, vector_hook
	la64	r5, handler
	std	r5, 0(r4)
	say	"sleeping\n"
1:	lis	r4, 0x7fff
	mtspr	SPR_DEC, r4
	cede
	b	1b

handler:
	lis	r3, 0x7fff
	mtspr	SPR_DEC, r3
	mfspr	r3, SPR_SPRG2
	rfid
