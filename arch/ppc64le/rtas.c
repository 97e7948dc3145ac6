/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTAS: the blob, the tables and the dispatcher.
 *
 * The argument buffer is an array of big-endian words: token, number of
 * arguments, number of return values, the arguments, the return values. It is
 * read once; the counts that were read then decide all that follows, whatever
 * the guest writes there meanwhile.
 */
#include "arch/ppc64le/rtas.h"

#include "arch/ppc64le/hcall.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/gmem.h"
#include "vmm/log.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define WORD 4U

/* Token, number of arguments, number of return values. */
#define HEADER_WORDS 3U

/* RTAS is called in 32-bit mode: it knows no address beyond. */
#define RTAS_MEM_LIMIT GIB(4)

/* mr r4,r3; lis r3,0; ori r3,r3,0xf000; sc 1; blr */
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

/*
 * The argument buffer.
 */

static int read_words(const struct vm *vm, uint64_t addr, uint32_t *words,
		      unsigned count)
{
	int ret = gmem_read(&vm->gmem, addr, words, (uint64_t)count * WORD);

	for (unsigned i = 0; ret == 0 && i < count; i++)
		words[i] = be32_load(&words[i]);
	return ret;
}

static bool buffer_is_ram(const struct vm *vm, uint64_t addr, unsigned words)
{
	uint64_t len = (uint64_t)words * WORD;

	return addr % WORD == 0 && range_fits(addr, len, RTAS_MEM_LIMIT) &&
	       gmem_range(&vm->gmem, addr, len) != NULL;
}

/* Fills @rc; false: there is no buffer, or it is not one. */
static bool read_buffer(const struct vm *vm, uint64_t addr,
			struct rtas_call *rc)
{
	uint32_t head[HEADER_WORDS];

	if (!buffer_is_ram(vm, addr, HEADER_WORDS) ||
	    read_words(vm, addr, head, HEADER_WORDS) < 0)
		return false;
	if (head[1] > RTAS_MAX_ARGS || head[2] > RTAS_MAX_ARGS)
		return false;
	rc->addr = addr;
	rc->token = head[0];
	rc->nargs = head[1];
	rc->nret = head[2];
	if (!buffer_is_ram(vm, addr, HEADER_WORDS + rc->nargs + rc->nret))
		return false;
	return read_words(vm, addr + sizeof(head), rc->args, rc->nargs) == 0;
}

/* All return values of the buffer, and nothing else of it. */
static void write_rets(struct vm *vm, const struct rtas_call *rc,
		       int32_t status)
{
	uint32_t words[RTAS_MAX_ARGS];
	uint64_t at = rc->addr + (HEADER_WORDS + rc->nargs) * (uint64_t)WORD;

	be32_store(&words[0], (uint32_t)status);
	for (unsigned i = 1; i < RTAS_MAX_ARGS; i++)
		be32_store(&words[i], rc->rets[i - 1]);
	/* It was RAM a moment ago, and RAM does not move. */
	gmem_write(&vm->gmem, at, words, rc->nret * (uint64_t)WORD);
}

/*
 * Calls.
 */

static bool in_limits(unsigned count, unsigned least, unsigned most)
{
	return count >= least && count <= (most > least ? most : least);
}

static bool counts_fit(const struct rtas_entry *e, const struct rtas_call *rc)
{
	return in_limits(rc->nargs, e->nargs, e->max_nargs) &&
	       in_limits(rc->nret, e->nret, e->max_nret);
}

static int64_t unknown_token(struct vm *vm, const struct rtas_call *rc)
{
	log_guest(vm->log, &rc->vcpu->guest_log, LOG_DEBUG,
		  "vCPU %u: RTAS call 0x%x is not supported", rc->vcpu->id,
		  rc->token);
	write_rets(vm, rc, RTAS_PARAM_ERROR);
	return H_PARAMETER;
}

static int64_t h_rtas(struct hcall *call)
{
	struct vm *vm = call->vcpu->vm;
	struct rtas_call rc = { .vcpu = call->vcpu, .action = EXIT_RESUME };

	if (!read_buffer(vm, call->args[0], &rc))
		return H_PARAMETER;

	const struct rtas_entry *entry = rtas_find(vm, rc.token);
	if (entry == NULL)
		return unknown_token(vm, &rc);

	int32_t status = RTAS_PARAM_ERROR;
	if (counts_fit(entry, &rc))
		status = entry->fn(&rc);
	call->action = rc.action;
	/* Who is gone gets no answer: the buffer may be another's by now. */
	if (rc.action != EXIT_OFFLINE)
		write_rets(vm, &rc, status);
	return H_SUCCESS;
}

const struct hcall_entry hcalls_rtas[] = {
	{ HCALL_RTAS, "H_RTAS", h_rtas },
	{ .fn = NULL },
};
