/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H_RTAS: the argument buffer, from the hypercall to the answer.
 *
 * For every address of a buffer and everything that can be in it, changing
 * while it is read, in RAM of two regions (ram.h): all accesses are inside
 * RAM and inside the call's arrays; a handler is called with counts that its
 * row allows; nothing is written that was not found to be RAM.
 *
 * Does not cover: the handlers themselves; rows other than the four here, of
 * which one takes nothing, one all there can be, and one a range.
 */
#include "tests/prove/env.h"
#include "tests/prove/ram.h"
#define gmem_read words_read
static int words_read(const struct gmem *gmem, uint64_t gpa, void *buf,
		      uint64_t len);
#include "arch/ppc64le/rtas.c"
#undef gmem_read

/* The real one, see gmem_range, but word by word. */
static int words_read(const struct gmem *gmem, uint64_t gpa, void *buf,
		      uint64_t len)
{
	const void *host = gmem_range(gmem, gpa, len);

	prove(len % WORD == 0 && len <= RTAS_MAX_ARGS * WORD);
	if (len == 0)
		return 0;
	if (host == NULL)
		return -EFAULT;
	prove(__CPROVER_r_ok(host, len));
	prove(__CPROVER_w_ok(buf, len));
	for (uint64_t i = 0; i < len / WORD; i++)
		((uint32_t *)buf)[i] = nondet_u32();
	return 0;
}

static int32_t handler(struct rtas_call *call)
{
	prove(call->nargs <= RTAS_MAX_ARGS && call->nret <= RTAS_MAX_ARGS);
	switch (call->token) {
	case 1:
		prove(call->nargs == 0 && call->nret == 0);
		break;
	case 2:
		prove(call->nargs == 16 && call->nret == 16);
		break;
	case 3:
		prove(call->nargs >= 2 && call->nargs <= 5);
		prove(call->nret == 1);
		break;
	default:
		prove(false);
	}
	for (unsigned i = 0; i < RTAS_MAX_ARGS; i++)
		call->rets[i] = nondet_u32();
	if (nondet_bool())
		call->action = EXIT_OFFLINE;
	return nondet_int();
}

static bool offered(const struct vm *vm)
{
	prove(vm != NULL);
	return nondet_bool();
}

const struct rtas_entry rtas_cpu_calls[] = {
	{ .token = 1, .name = "a", .fn = handler },
	{ .token = 2, .name = "b", .nargs = 16, .nret = 16, .fn = handler },
	{ .name = NULL },
};
const struct rtas_entry rtas_system_calls[] = {
	{ .token = 3,
	  .name = "c",
	  .nargs = 2,
	  .max_nargs = 5,
	  .nret = 1,
	  .fn = handler,
	  .offered = offered },
	{ .name = NULL },
};
const struct rtas_entry rtas_clock_calls[] = { { .name = NULL } };
const struct rtas_entry rtas_xics_calls[] = { { .name = NULL } };
const struct rtas_entry rtas_event_calls[] = { { .name = NULL } };
const struct rtas_entry rtas_nvram_calls[] = { { .name = NULL } };
const struct rtas_entry rtas_pci_calls[] = { { .name = NULL } };

int main(void)
{
	static struct vm vm;
	static struct vcpu vcpu;
	struct hcall call;

	ram_init(&vm.gmem);
	vcpu.vm = &vm;
	any(call);
	call.vcpu = &vcpu;

	int64_t ret = h_rtas(&call);
	prove(ret == H_SUCCESS || ret == H_PARAMETER);
	return 0;
}
