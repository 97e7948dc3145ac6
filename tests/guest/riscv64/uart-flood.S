/* SPDX-License-Identifier: Apache-2.0 */
/* Writes 32 KiB to the serial port: 2048 numbered lines of 16 characters. */
#include "guest.inc"

#define LINES 2048

	.text
	.global	main
main:
	li	s2, 0
	/* With 15 digits, not 16, as put_hex would print. */
1:	slli	a0, s2, 4
	call	put_hex_short
	li	a0, 10
	call	putc
	addi	s2, s2, 1
	li	t0, LINES
	bltu	s2, t0, 1b
	j	pass

put_hex_short:
	mv	s5, ra
	mv	s3, a0
	li	s4, 60
1:	srl	t0, s3, s4
	andi	t0, t0, 15
	la	t1, digits16
	add	t1, t1, t0
	lbu	a0, 0(t1)
	call	putc
	addi	s4, s4, -4
	bgtz	s4, 1b
	jr	s5

	.section .rodata
digits16:
	.ascii	"0123456789abcdef"
