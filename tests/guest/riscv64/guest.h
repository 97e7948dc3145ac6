/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guests share: addresses, SBI calls, checks.
 *
 * A guest defines main, which is entered with a0 = hart id and a1 = device
 * tree, on a stack, with a trap handler that fails the guest. It ends by a
 * jump to pass, or to fail with a status of 1 to 63 in a0. Temporary
 * registers are lost in every macro, argument registers where it says so.
 */
#ifndef GUEST_H
#define GUEST_H

#define RAM                0x80000000
#define SERIAL             0x10000000
#define SERIAL_LSR         5
#define SERIAL_SCRATCH     7
#define SERIAL_THR_EMPTY   0x20
#define VIRTIO_SLOT_0      0x10001000
#define FINISHER           0x100000
#define FINISHER_PASS      0x5555
#define FINISHER_FAIL      0x3333
#define FINISHER_RESET     0x7777

#define SBI_LEGACY_PUTCHAR 1
#define SBI_LEGACY_GETCHAR 2
#define SBI_BASE           0x10
#define SBI_TIME           0x54494d45
#define SBI_IPI            0x735049
#define SBI_RFENCE         0x52464e43
#define SBI_HSM            0x48534d
#define SBI_SRST           0x53525354
#define SBI_DBCN           0x4442434e

#define SBI_NOT_SUPPORTED  -2
#define SBI_INVALID_PARAM  -3
#define SBI_ALREADY        -6

#define CAUSE_ILLEGAL      2
#define CAUSE_BREAKPOINT   3
#define INTERRUPT_SOFTWARE 0x8000000000000001
#define INTERRUPT_TIMER    0x8000000000000005

/* Calls an SBI function; a0 and a1 receive error and value. */
.macro sbi ext, fid
	li	a7, \ext
	li	a6, \fid
	ecall
.endm

/* Fails with status \code unless \reg equals \value (not a0 = t-register). */
.macro expect reg, value, code
	li	t6, \value
	beq	\reg, t6, expect_ok\@
	li	a0, \code
	j	fail
expect_ok\@:
.endm

/* Prints a text; loses a0 and ra. */
.macro say text
	.pushsection .rodata
say_text\@:
	.asciz	"\text"
	.popsection
	la	a0, say_text\@
	call	puts
.endm

/* Prints "\text VALUE" in decimal and ends the line; loses a0 and ra. */
.macro say_number text, reg
	mv	s11, \reg
	say	"\text "
	mv	a0, s11
	call	put_number
	say	"\n"
.endm

#endif
