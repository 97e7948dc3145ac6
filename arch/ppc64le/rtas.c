/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS: the blob, the tables and the dispatcher. */
#include "arch/ppc64le/rtas.h"

#include "arch/ppc64le/hcall.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

#define H_RTAS 0xf000U

/* PAPR 2.9, 7.2: mr r4,r3; li r3,H_RTAS; sc 1; blr */
const uint8_t rtas_blob[RTAS_BLOB_SIZE] = {
	0x7c, 0x64, 0x1b, 0x78, 0x3c, 0x60, 0x00, 0x00, 0x60, 0x63,
	0xf0, 0x00, 0x44, 0x00, 0x00, 0x22, 0x4e, 0x80, 0x00, 0x20,
};

static const struct rtas_entry *const groups[] = {
	rtas_cpu_calls,   rtas_system_calls, rtas_clock_calls, rtas_xics_calls,
	rtas_event_calls, rtas_nvram_calls,  rtas_pci_calls,
};

static bool is_offered(const struct vm *vm, const struct rtas_entry *entry)
{
	return entry->offered == NULL || entry->offered(vm);
}

const struct rtas_entry *rtas_find(const struct vm *vm, uint32_t token)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const struct rtas_entry *e = groups[i]; e->name; e++) {
			if (e->token == token)
				return is_offered(vm, e) ? e : NULL;
		}
	}
	return NULL;
}

void rtas_fdt_tokens(const struct vm *vm, struct fdt_builder *fdt)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const struct rtas_entry *e = groups[i]; e->name; e++) {
			if (is_offered(vm, e))
				fdt_prop_u32(fdt, e->name, e->token);
		}
	}
}

static int64_t h_rtas(struct hcall *call)
{
	(void)call;
	return H_PARAMETER;
}

const struct hcall_entry hcalls_rtas[] = {
	{ .nr = H_RTAS, .name = "H_RTAS", .fn = h_rtas },
	{ .fn = NULL },
};
