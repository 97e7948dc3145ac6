/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of every width, full and compressed, to devices and to
 * where there is none. Slot 0 of virtio-mmio has to have a device.
 */
#include "guest.inc"

#define NOWHERE 0x10200000

	.text
	.global	main
main:
	/* A byte that is kept. */
	li	s0, SERIAL
	li	t0, 0x5a
	sb	t0, SERIAL_SCRATCH(s0)
	lb	t1, SERIAL_SCRATCH(s0)
	expect	t1, 0x5a, 1
	li	t0, 0x1a5
	sb	t0, SERIAL_SCRATCH(s0)
	lbu	t1, SERIAL_SCRATCH(s0)
	expect	t1, 0xa5, 2
	/* Linux 6.12's KVM does not extend the sign: look at 8 bits. */
	lb	t1, SERIAL_SCRATCH(s0)
	andi	t1, t1, 0xff
	expect	t1, 0xa5, 3
	/* 32-bit registers: magic number, version. */
	li	s0, VIRTIO_SLOT_0
	lw	t1, 0(s0)
	expect	t1, 0x74726976, 4
	lwu	t1, 0(s0)
	expect	t1, 0x74726976, 5
	c.lw	a5, 0(s0)
	expect	a5, 0x74726976, 6
	lw	t1, 4(s0)
	expect	t1, 2, 7
	/* The upper half of the features: VERSION_1 is bit 32. */
	li	t0, 1
	sw	t0, 0x14(s0)
	lw	t1, 0x10(s0)
	andi	t1, t1, 1
	expect	t1, 1, 8
	li	a5, 0
	c.sw	a5, 0x14(s0)
	/* Of other widths, nothing is promised but that they do no harm. */
	lb	t1, 0(s0)
	lh	t1, 0(s0)
	ld	t1, 0(s0)
	lb	t1, 3(s0)
	sb	t0, 0x50(s0)
	sh	t0, 0x50(s0)
	sd	t0, 0x50(s0)
	c.ld	a5, 0(s0)
	lw	t1, 0(s0)
	expect	t1, 0x74726976, 9
	/* Nothing is there: reads give zero, writes go nowhere. */
	li	s0, NOWHERE
	li	t0, -1
	sb	t0, 0(s0)
	sh	t0, 0(s0)
	sw	t0, 0(s0)
	sd	t0, 0(s0)
	li	t1, -1
	lb	t1, 0(s0)
	expect	t1, 0, 10
	li	t1, -1
	lhu	t1, 0(s0)
	expect	t1, 0, 11
	li	t1, -1
	lw	t1, 0(s0)
	expect	t1, 0, 12
	li	t1, -1
	ld	t1, 0(s0)
	expect	t1, 0, 13
	li	a5, -1
	c.ld	a5, 0(s0)
	expect	a5, 0, 14
	/* Wider than any register of the device. */
	li	s0, SERIAL + 0x100
	ld	t1, -8(s0)
	expect	t1, 0, 15
	/* Above RAM, which has to end before. */
	li	s0, 0xfffff000
	li	t1, -1
	lw	t1, 0(s0)
	expect	t1, 0, 16
	j	pass
