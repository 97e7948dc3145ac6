/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI by ECAM: finds the entropy device in slot 1, sizes its BAR, moves it
 * about while it is in use, over RAM and out of every window, and uses it.
 */
#include "guest.inc"

#define ECAM            0x30000000
#define SLOT_1          0x30008000
#define FUNCTION_1      0x1000
#define MEM32           0x40000000
#define MEM32_LAST      0x7fffc000
#define ALL_ONES        0xffffffff

#define COMMAND         0x04
#define BAR_4           0x20
#define BAR_5           0x24
#define INTERRUPT_PIN   0x3d

#define NUM_QUEUES      18
#define STATUS          20
#define QUEUE_SIZE      24
#define ISR             0x1000
#define NOTIFY          0x3000

/* BAR 4 to \addr, which s1 has then. */
.macro place addr
	li	s1, \addr
	sw	s1, BAR_4(s0)
	srli	t0, s1, 32
	sw	t0, BAR_5(s0)
.endm

.macro expect_device code
	lhu	t1, NUM_QUEUES(s1)
	expect	t1, 1, \code
.endm

.macro expect_nothing code
	lwu	t1, 0(s1)
	expect	t1, ALL_ONES, \code
.endm

	.text
	.global	main
main:
	/* What is there, and what is not. */
	li	s0, ECAM
	lwu	t1, 0(s0)
	expect	t1, ALL_ONES, 1
	li	s0, SLOT_1
	lwu	t1, 0(s0)
	expect	t1, 0x10441af4, 2
	lhu	t1, 2(s0)
	expect	t1, 0x1044, 3
	lbu	t1, INTERRUPT_PIN(s0)
	expect	t1, 1, 4
	li	s1, SLOT_1 + FUNCTION_1
	lwu	t1, 0(s1)
	expect	t1, ALL_ONES, 5
	ld	t1, 0(s0)
	expect	t1, -1, 6
	/* 16 KiB, 64 bits. */
	li	t0, -1
	sw	t0, BAR_4(s0)
	sw	t0, BAR_5(s0)
	lwu	t1, BAR_4(s0)
	expect	t1, 0xffffc004, 7
	lwu	t1, BAR_5(s0)
	expect	t1, ALL_ONES, 8
	/* Nothing is decoded before it is switched on. */
	place	MEM32
	expect_nothing 9
	li	t0, 6
	sh	t0, COMMAND(s0)
	expect_device 10
	/* A driver's first steps, and a doorbell without a queue. */
	li	t0, 3
	sb	t0, STATUS(s1)
	lbu	t1, STATUS(s1)
	expect	t1, 3, 11
	li	s2, MEM32 + NOTIFY
	sh	zero, 0(s2)
	sd	t0, 0(s2)
	li	s2, MEM32 + ISR
	lbu	t1, 0(s2)
	expect	t1, 0, 12
	/* It goes, and answers where it is, as it was. */
	place	MEM32_LAST
	expect_device 13
	lbu	t1, STATUS(s1)
	expect	t1, 3, 14
	li	s2, MEM32_LAST + NOTIFY
	sh	zero, 0(s2)
	li	s1, MEM32
	expect_nothing 15
	/* Over the configuration space and RAM, which stay what they are. */
	place	ECAM
	lwu	t1, 0(s1)
	expect	t1, ALL_ONES, 16
	la	t2, word
	li	t1, 0x5a5a
	sw	t1, 0(t2)
	li	t3, -0x4000
	and	t3, t2, t3
	sw	t3, BAR_4(s0)
	sw	zero, BAR_5(s0)
	lw	t1, 0(t2)
	expect	t1, 0x5a5a, 17
	/* To the last address that there is. */
	place	0xffffffffffffc000
	lwu	t1, BAR_5(s0)
	expect	t1, ALL_ONES, 18
	li	s1, MEM32
	expect_nothing 19
	/* Reset by the driver. */
	place	MEM32
	sb	zero, STATUS(s1)
	lbu	t1, STATUS(s1)
	expect	t1, 0, 20
	expect_device 21
	sh	zero, COMMAND(s0)
	expect_nothing 22
	j	pass

	.data
	.balign	4
word:
	.word	0
