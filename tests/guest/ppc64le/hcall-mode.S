/* SPDX-License-Identifier: Apache-2.0 */
/* Modes of the processor, the process table and its characteristics. */
#include "guest.inc"

#define TABLE          0x100000
#define FLAGS          0x1d
#define FLAG_KEEP      0x05
#define FLAG_DROP      0x15
#define UNSUPPORTED(n) (-256 - (n))

	.text
	.global	main
main:
	/* Byte order of interrupts. */
	hcall_is 1, H_SUCCESS, H_SET_MODE, 1, 4
	hcall_is 2, H_SUCCESS, H_SET_MODE, 0, 4
	hcall_is 3, H_SUCCESS, H_SET_MODE, MSR_LE, 4
	hcall_is 4, UNSUPPORTED(62), H_SET_MODE, 2, 4
	hcall_is 5, UNSUPPORTED(0), H_SET_MODE, -1, 4
	hcall_is 6, H_P3, H_SET_MODE, MSR_LE, 4, 1, 0
	hcall_is 7, H_P4, H_SET_MODE, MSR_LE, 4, 0, 1
	/* Where they go with the MMU on: 3 only on some hosts. */
	hcall_is 8, H_SUCCESS, H_SET_MODE, 0, 3
	hcall_is 9, UNSUPPORTED(63), H_SET_MODE, 1, 3
	hcall_is 10, UNSUPPORTED(62), H_SET_MODE, 2, 3
	hcall_is 11, H_P3, H_SET_MODE, 0, 3, -1, 0
	hcall	H_SET_MODE, 3, 3
	cmpdi	r3, 0
	beq	1f
	expect_r3 UNSUPPORTED(62), 12
1:	hcall_is 13, H_SUCCESS, H_SET_MODE, 0, 3
	hcall_is 14, H_P2, H_SET_MODE, 0, 0
	hcall_is 15, H_P2, H_SET_MODE, 0, 6
	hcall_is 16, H_P2, H_SET_MODE, 0, -1
	/* The process table, which nothing uses while the MMU is off. */
	hcall_is 17, H_SUCCESS, H_REGISTER_PROC_TBL, FLAGS, TABLE, 0, 0
	hcall_is 18, H_SUCCESS, H_REGISTER_PROC_TBL, FLAG_KEEP, 0, 0, 0
	hcall_is 19, H_PARAMETER, H_REGISTER_PROC_TBL, 0x3d, TABLE, 0, 0
	hcall_is 20, H_PARAMETER, H_REGISTER_PROC_TBL, -1, TABLE, 0, 0
	hcall_is 21, H_P2, H_REGISTER_PROC_TBL, FLAGS, (TABLE + 0x800), 0, 0
	hcall_is 22, H_P2, H_REGISTER_PROC_TBL, FLAGS, -0x1000, 0, 0
	hcall_is 23, H_P2, H_REGISTER_PROC_TBL, FLAGS, (1 << 60), 0, 0
	hcall_is 24, H_P3, H_REGISTER_PROC_TBL, FLAGS, TABLE, 1, 0
	hcall_is 25, H_P4, H_REGISTER_PROC_TBL, FLAGS, TABLE, 0, 25
	hcall_is 26, H_P4, H_REGISTER_PROC_TBL, FLAGS, TABLE, 0, -1
	/* Hash tables. */
	hcall_is 27, H_PARAMETER, H_REGISTER_PROC_TBL, 0x18, TABLE, 0, 0
	hcall_is 28, H_PARAMETER, H_REGISTER_PROC_TBL, 0x1a, TABLE, 0, 0
	hcall_is 29, H_PARAMETER, H_REGISTER_PROC_TBL, 0, 0, 0, 0
	hcall_is 30, H_SUCCESS, H_REGISTER_PROC_TBL, FLAG_DROP, 0, 0, 0
	/* What the processor needs of a kernel. */
	hcall	H_GET_CPU_CHARACTERISTICS
	cmpdi	r3, 0
	beq	2f
	expect_r3 H_FUNCTION, 31
2:	b	pass
