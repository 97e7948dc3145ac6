/* SPDX-License-Identifier: Apache-2.0 */
/* An EFI zboot image as Linux builds it, of an Image packed with gzip. */
	.section .head, "a"
head:
	.ascii	"MZ\0\0zimg"
	.word	payload - head
	.word	payload_end - payload
	.dword	0
	.asciz	"gzip"
	.balign	64
payload:
	.incbin	PAYLOAD
payload_end:
