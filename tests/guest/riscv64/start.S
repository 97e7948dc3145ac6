/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header, entry and library of the guests.
 *
 * The header makes the flat binary an Image as RISC-V Linux has it. The same
 * link, left as an ELF file, is entered at the same place.
 */
#include "guest.inc"

	.section .head, "ax"
	.global head
	.option	push
	.option	norvc
head:
	j	start
	.word	0
	.dword	0x200000
	.dword	image_size
	.dword	0
	.word	2, 0
	.dword	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\x05"
	.word	0
	.option	pop

	.text
start:
	csrw	CSR_SIE, zero
	la	sp, stack_top
	la	t0, trap
	csrw	stvec, t0
	call	main
	li	a0, 62

/* Ends the guest with status a0. */
	.global	fail
fail:
	mv	s10, a0
	say_number "FAIL", s10
	slli	a0, s10, 16
	li	t0, FINISHER_FAIL
	or	a0, a0, t0
	j	finish

	.global	pass
pass:
	say	"PASS\n"
	li	a0, FINISHER_PASS

	.global	finish
finish:
	li	t0, FINISHER
	sw	a0, 0(t0)
halt:
	wfi
	j	halt

/* A trap that no guest asked for. */
	.balign	4
trap:
	csrr	s9, scause
	csrr	s8, sepc
	csrr	s7, stval
	la	sp, stack_top
	say	"TRAP scause "
	mv	a0, s9
	call	put_hex
	say	" sepc "
	mv	a0, s8
	call	put_hex
	say	" stval "
	mv	a0, s7
	call	put_hex
	say	"\n"
	li	a0, 63
	j	fail

/* Prints the character a0; loses t-registers. */
	.global	putc
putc:
	li	t0, SERIAL
1:	lbu	t1, SERIAL_LSR(t0)
	andi	t1, t1, SERIAL_THR_EMPTY
	beqz	t1, 1b
	sb	a0, 0(t0)
	ret

/* Prints the string at a0. */
	.global	puts
puts:
	addi	sp, sp, -16
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	mv	s0, a0
1:	lbu	a0, 0(s0)
	beqz	a0, 2f
	call	putc
	addi	s0, s0, 1
	j	1b
2:	ld	ra, 0(sp)
	ld	s0, 8(sp)
	addi	sp, sp, 16
	ret

/* Prints a0 as 16 hexadecimal digits. */
	.global	put_hex
put_hex:
	addi	sp, sp, -32
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	sd	s1, 16(sp)
	mv	s0, a0
	li	s1, 60
1:	srl	t0, s0, s1
	andi	t0, t0, 15
	la	t1, digits
	add	t1, t1, t0
	lbu	a0, 0(t1)
	call	putc
	addi	s1, s1, -4
	bgez	s1, 1b
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	ld	s1, 16(sp)
	addi	sp, sp, 32
	ret

/* Prints a0 as an unsigned decimal number. */
	.global	put_number
put_number:
	addi	sp, sp, -48
	sd	ra, 40(sp)
	addi	t2, sp, 39
	sb	zero, 0(t2)
	li	t0, 10
1:	remu	t1, a0, t0
	divu	a0, a0, t0
	addi	t1, t1, '0'
	addi	t2, t2, -1
	sb	t1, 0(t2)
	bnez	a0, 1b
	mv	a0, t2
	call	puts
	ld	ra, 40(sp)
	addi	sp, sp, 48
	ret

	.section .rodata
digits:
	.ascii	"0123456789abcdef"

	.bss
	.balign	16
	.space	4096
stack_top:
