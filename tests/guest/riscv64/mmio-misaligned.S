/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A misaligned load from a device: KVM does not emulate it, so the machine
 * ends as crashed.
 */
#include "guest.inc"

	.text
	.global	main
main:
	say	"about to crash\n"
	li	t0, VIRTIO_SLOT_0
	lw	t1, 1(t0)
	j	pass
