/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: which function serves a number. */
#include "arch/ppc64le/hcall.h"

static const struct hcall_entry *const groups[] = {
	hcalls_vty, hcalls_rtas, hcalls_mode, hcalls_cpu,
	hcalls_mem, hcalls_tce,  hcalls_xics,
};

static const struct hcall_entry *find(uint64_t nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const struct hcall_entry *e = groups[i]; e->fn != NULL;
		     e++) {
			if (e->nr == nr)
				return e;
		}
	}
	return NULL;
}

int64_t hcall_dispatch(struct hcall *call)
{
	const struct hcall_entry *entry = find(call->nr);

	return entry != NULL ? entry->fn(call) : H_FUNCTION;
}
