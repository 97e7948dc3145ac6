/* SPDX-License-Identifier: Apache-2.0 */
/* Writes 1 MiB to the debug console as fast as it is taken. */
#include "guest.inc"

#define SIZE 0x100000
#define TEXT (RAM + 0x1000000)

	.text
	.global	main
main:
	/* Numbered lines of 16 characters. */
	li	s0, TEXT
	li	s1, SIZE
	add	s1, s1, s0
	li	s2, 0
	la	s3, digits16
1:	mv	t0, s0
	li	t1, 56
2:	srl	t2, s2, t1
	andi	t2, t2, 15
	add	t2, t2, s3
	lbu	t2, 0(t2)
	sb	t2, 0(t0)
	addi	t0, t0, 1
	addi	t1, t1, -4
	bgez	t1, 2b
	li	t2, 10
	sb	t2, 0(t0)
	addi	s0, s0, 16
	addi	s2, s2, 1
	bltu	s0, s1, 1b

	li	s0, TEXT
3:	sub	a0, s1, s0
	beqz	a0, pass
	mv	a1, s0
	li	a2, 0
	sbi	SBI_DBCN, 0
	expect	a0, 0, 1
	add	s0, s0, a1
	j	3b

	.section .rodata
digits16:
	.ascii	"0123456789abcdef"
