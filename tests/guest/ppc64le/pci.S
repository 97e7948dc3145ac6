/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host bridge by firmware calls: configuration, MSI, DMA window. Slot
 * 0 has to have a virtio device.
 */
#include "guest.inc"

#define HI     0x08000000
#define LO     0x20000000
#define ABSENT 0xf800
#define PAGE   0x400000
#define WINDOW 0x4000000

.macro read_is code, status, addr, size, hi=HI, lo=LO
	rtas_is	\code, \status, RTAS_READ_PCI, 4, 2, \addr, \hi, \lo, \size
.endm

.macro ret_is code, nargs, index, value
	rtas_ret r4, \nargs, \index
	expect	r4, \value, \code
.endm

	.text
	.global	main
main:
	read_is	1, 0, 0, 2
	ret_is	2, 4, 1, 0x1af4
	read_is	3, 0, 0, 4
	/* Nothing in the slot, on the bus, at the other functions. */
	read_is	4, RTAS_HW_ERROR, ABSENT, 4
	ret_is	5, 4, 1, -1
	read_is	6, RTAS_HW_ERROR, 0x10000, 4
	read_is	7, RTAS_HW_ERROR, 0xff0000, 4
	read_is	8, RTAS_HW_ERROR, 0x100, 4
	/* Sizes, alignment, another bridge, bits that mean nothing. */
	read_is	9, RTAS_HW_ERROR, 0, 0
	read_is	10, RTAS_HW_ERROR, 0, 3
	read_is	11, RTAS_HW_ERROR, 0, 8
	read_is	12, RTAS_HW_ERROR, 2, 4
	read_is	13, RTAS_HW_ERROR, 0, 4, HI, (LO + 1)
	read_is	14, RTAS_HW_ERROR, 0, 4, 0, 0
	read_is	15, RTAS_HW_ERROR, 0x08000000, 4
	/* The last register there can be. */
	read_is	16, 0, 0xf00000fc, 4
	read_is	17, RTAS_HW_ERROR, 0xf00000ff, 4
	rtas_is	18, RTAS_HW_ERROR, RTAS_WRITE_PCI, 5, 1, ABSENT, HI, LO, 4, -1
	rtas_is	19, RTAS_HW_ERROR, RTAS_WRITE_PCI, 5, 1, 0, HI, LO, 5, -1
	/* Writing over the identity does not change it. */
	rtas_is	20, 0, RTAS_WRITE_PCI, 5, 1, 0, HI, LO, 4, -1
	read_is	21, 0, 0, 2
	ret_is	22, 4, 1, 0x1af4
	bl	messages
	bl	window
	b	pass

/* MSI-X: none, one, more than there are, none again. */
messages:
	mflr	r14
	rtas_is	23, RTAS_PARAM_ERROR, RTAS_QUERY_INTERRUPT_SOURCE, 4, 3, 0, \
		HI, LO, 0
	rtas_is	24, 0, RTAS_CHANGE_MSI, 6, 4, 0, HI, LO, 4, 1, 0
	ret_is	25, 6, 1, 1
	rtas_is	26, 0, RTAS_QUERY_INTERRUPT_SOURCE, 4, 3, 0, HI, LO, 0
	rtas_ret r4, 4, 1
	cmpwi	r4, 0x1300
	li	r3, 27
	blt	fail
	rtas_is	28, RTAS_PARAM_ERROR, RTAS_QUERY_INTERRUPT_SOURCE, 4, 3, 0, \
		HI, LO, 1
	rtas_is	29, RTAS_PARAM_ERROR, RTAS_QUERY_INTERRUPT_SOURCE, 4, 3, 0, \
		HI, LO, -1
	rtas_is	30, 0, RTAS_CHANGE_MSI, 6, 4, 0, HI, LO, 4, -1, 0
	/* 32-bit MSI, another number, a slot with nothing in it. */
	rtas_is	31, RTAS_PARAM_ERROR, RTAS_CHANGE_MSI, 6, 4, 0, HI, LO, 5, 1, 0
	rtas_is	32, RTAS_PARAM_ERROR, RTAS_CHANGE_MSI, 6, 4, 0, HI, LO, -1, 1, 0
	rtas_is	33, RTAS_PARAM_ERROR, RTAS_CHANGE_MSI, 6, 4, ABSENT, HI, LO, \
		4, 1, 0
	rtas_is	34, 0, RTAS_CHANGE_MSI, 6, 4, 0, HI, LO, 4, 0, 0
	rtas_is	35, RTAS_PARAM_ERROR, RTAS_QUERY_INTERRUPT_SOURCE, 4, 3, 0, \
		HI, LO, 0
	mtlr	r14
	blr

/* The table of the DMA window. */
window:
	hcall_is 40, H_SUCCESS, H_PUT_TCE, LIOBN, 0, 0x1003
	hcall_is 41, H_SUCCESS, H_GET_TCE, LIOBN, 0
	expect	r4, 0x1003, 42
	hcall_is 43, H_SUCCESS, H_PUT_TCE, LIOBN, (WINDOW - 0x1000), 0
	hcall_is 44, H_PARAMETER, H_PUT_TCE, LIOBN, WINDOW, 0
	hcall_is 45, H_PARAMETER, H_PUT_TCE, LIOBN, -0x1000, 0
	hcall_is 46, H_PARAMETER, H_PUT_TCE, LIOBN, 8, 0
	hcall_is 47, H_PARAMETER, H_PUT_TCE, (LIOBN + 1), 0, 0
	hcall_is 48, H_PARAMETER, H_GET_TCE, -1, 0
	hcall_is 49, H_SUCCESS, H_STUFF_TCE, LIOBN, 0, 0, (WINDOW >> 12)
	hcall_is 50, H_PARAMETER, H_STUFF_TCE, LIOBN, 0, 0, ((WINDOW >> 12) + 1)
	hcall_is 51, H_PARAMETER, H_STUFF_TCE, LIOBN, 0x1000, 0, -1
	hcall_is 52, H_SUCCESS, H_GET_TCE, LIOBN, 0
	expect	r4, 0, 53
	hcall_is 54, H_SUCCESS, H_PUT_TCE_INDIRECT, LIOBN, 0, PAGE, 512
	hcall_is 55, H_PARAMETER, H_PUT_TCE_INDIRECT, LIOBN, 0, PAGE, 513
	hcall_is 56, H_PARAMETER, H_PUT_TCE_INDIRECT, LIOBN, 0, (PAGE + 8), 1
	hcall_is 57, H_PARAMETER, H_PUT_TCE_INDIRECT, LIOBN, 0, -0x1000, 1
	hcall_is 58, H_PARAMETER, H_PUT_TCE_INDIRECT, LIOBN, 0, \
		0x300000000000, 1
	blr
