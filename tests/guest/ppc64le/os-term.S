/* SPDX-License-Identifier: Apache-2.0 */
/* Tells its last words, with what no terminal should get. */
#include "guest.inc"

	.text
	.global	main
main:
	say	"about to panic\n"
	rtas_args RTAS_OS_TERM, 1, 1
	la64	r10, words
	rtas_put 3, r10
	rtas_go
	b	halt

	.section .rodata
words:
	.asciz	"OS panic: out of\tluck\033[31m\n"
