/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: loads, stores and copies at logical addresses. */
#include "arch/ppc64le/hcall.h"

const struct hcall_entry hcalls_mem[] = {
	{ .fn = NULL },
};
