/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: modes of the processor. */
#include "arch/ppc64le/hcall.h"

const struct hcall_entry hcalls_mode[] = {
	{ .fn = NULL },
};
