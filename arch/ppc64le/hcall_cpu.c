/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: processors. */
#include "arch/ppc64le/hcall.h"

const struct hcall_entry hcalls_cpu[] = {
	{ .fn = NULL },
};
