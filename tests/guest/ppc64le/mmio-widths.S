/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of every width to devices and to where there is none. Slot
 * 0 of virtio-mmio has to have a device.
 */
#include "guest.inc"

#define NOWHERE 0x200300000000
#define MAGIC   0x74726976

/* Little-endian words of devices. */
.macro lwz_le reg, base, off
#ifdef __LITTLE_ENDIAN__
	lwz	\reg, \off(\base)
#else
	li	r12, \off
	lwbrx	\reg, \base, r12
#endif
.endm

.macro stw_le reg, base, off
#ifdef __LITTLE_ENDIAN__
	stw	\reg, \off(\base)
#else
	li	r12, \off
	stwbrx	\reg, \base, r12
#endif
.endm

	.text
	.global	main
main:
	li64	r14, VIRTIO_SLOT_0
	lwz_le	r4, r14, 0
	expect	r4, MAGIC, 1
	lwz_le	r4, r14, 4
	expect	r4, 2, 2
	/* Against the byte order that the processor is in. */
#ifdef __LITTLE_ENDIAN__
	lwbrx	r4, 0, r14
#else
	lwz	r4, 0(r14)
#endif
	expect	r4, 0x76697274, 3
	/* The upper half of the features: VERSION_1 is bit 32. */
	li	r5, 1
	stw_le	r5, r14, 0x14
	lwz_le	r4, r14, 0x10
	andi.	r4, r4, 1
	expect	r4, 1, 4
	li	r5, 0
	stw_le	r5, r14, 0x14
	/* Of other widths, nothing is promised but that they do no harm. */
	lbz	r4, 0(r14)
	lhz	r4, 0(r14)
	ld	r4, 0(r14)
	lbz	r4, 3(r14)
	stb	r5, 0x50(r14)
	sth	r5, 0x50(r14)
	std	r5, 0x50(r14)
	lwz_le	r4, r14, 0
	expect	r4, MAGIC, 5
	/* Nothing is there: reads give zero, writes go nowhere. */
	li64	r14, NOWHERE
	li	r5, -1
	stb	r5, 0(r14)
	sth	r5, 0(r14)
	stw	r5, 0(r14)
	std	r5, 0(r14)
	lbz	r4, 0(r14)
	expect	r4, 0, 6
	lhz	r4, 0(r14)
	expect	r4, 0, 7
	lha	r4, 0(r14)
	expect	r4, 0, 8
	lwz	r4, 0(r14)
	expect	r4, 0, 9
	ld	r4, 0(r14)
	expect	r4, 0, 10
	b	pass
