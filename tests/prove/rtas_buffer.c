/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H_RTAS: the argument buffer, from the hypercall to the answer.
 *
 * For every address of a buffer and everything that can be in it, changing
 * while it is read, in RAM of two regions (ram.h): all accesses are inside
 * RAM and inside the call's arrays; a handler is called with counts that its
 * row allows; nothing is written that was not found to be RAM.
 *
 * The row and its handler stand in for the tables: they may be any that a
 * table can have.
 *
 * Does not cover: the search for a row, and the handlers.
 */
#include "tests/prove/env.h"
#include "tests/prove/ram.h"
#include "arch/ppc64le/rtas.h"

static const struct rtas_entry *find_row(const struct vm *vm, uint32_t token);
static int32_t handler(struct rtas_call *call);

#define gmem_read words_read
static int words_read(const struct gmem *gmem, uint64_t gpa, void *buf,
		      uint64_t len);
#define gmem_write sure_write
static int sure_write(struct gmem *gmem, uint64_t gpa, const void *buf,
		      uint64_t len);
#include "arch/ppc64le/rtas.c"
#undef gmem_read
#undef gmem_write

/* What is written was found to be RAM before. */
static int sure_write(struct gmem *gmem, uint64_t gpa, const void *buf,
		      uint64_t len)
{
	int ret = gmem_write(gmem, gpa, buf, len);

	prove(ret == 0);
	return ret;
}

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

static struct rtas_entry row;

static const struct rtas_entry *find_row(const struct vm *vm, uint32_t token)
{
	(void)token;
	prove(vm != NULL);
	row.nargs = nondet_u8();
	row.max_nargs = nondet_u8();
	row.nret = nondet_u8();
	row.max_nret = nondet_u8();
	suppose(row.nargs <= RTAS_MAX_ARGS && row.max_nargs <= RTAS_MAX_ARGS);
	suppose(row.nret <= RTAS_MAX_ARGS && row.max_nret <= RTAS_MAX_ARGS);
	return nondet_bool() ? &row : NULL;
}

static int32_t handler(struct rtas_call *call)
{
	prove(call->nargs <= RTAS_MAX_ARGS && call->nret <= RTAS_MAX_ARGS);
	prove(call->nargs >= row.nargs && call->nret >= row.nret);
	if (row.max_nargs == 0)
		prove(call->nargs == row.nargs);
	for (unsigned i = 0; i < RTAS_MAX_ARGS; i++)
		call->rets[i] = nondet_u32();
	if (nondet_bool())
		call->action = EXIT_OFFLINE;
	return nondet_int();
}

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
