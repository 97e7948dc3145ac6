/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An illegal instruction without a trap handler: the hart goes on at address
 * 0, where nothing is. KVM cannot go on, so the machine ends as crashed.
 */
#include "guest.inc"

	.text
	.global	main
main:
	say	"about to crash\n"
	csrw	stvec, zero
	csrr	t2, CSR_HSTATUS
	j	pass
