/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi_dbcn_call(): debug console.
 *
 * For every function and all values of six registers, in RAM of two regions
 * (ram.h), with and without a console, which takes or gives any part of what
 * it is offered: all accesses are inside RAM and inside the piece on the
 * stack, and the count that is returned is not more than was asked for.
 */
#include "tests/prove/env.h"
#include "tests/prove/ram.h"
#include "arch/riscv64/sbi_dbcn.c"

struct chardev {
	int unused;
};

static struct chardev console;

struct chardev *sbi_console(const struct vm *vm)
{
	prove(vm != NULL);
	return nondet_bool() ? &console : NULL;
}

size_t chardev_write(struct chardev *cd, const void *buf, size_t len)
{
	size_t took = nondet_size();

	prove(cd != NULL);
	prove(__CPROVER_r_ok(buf, len));
	suppose(took <= len);
	return took;
}

size_t chardev_read(struct chardev *cd, void *buf, size_t len)
{
	size_t gave = nondet_size();

	prove(cd != NULL);
	prove(__CPROVER_w_ok(buf, len));
	suppose(gave <= len);
	return gave;
}

int main(void)
{
	static struct vm vm;
	static struct vcpu vcpu;
	uint64_t args[6];
	uint64_t fid = nondet_u64();

	ram_init(&vm.gmem);
	vcpu.vm = &vm;
	any(args);

	struct sbi_ret ret = sbi_dbcn_call(&vcpu, fid, args);
	if (ret.error == SBI_SUCCESS && fid < 2)
		prove(ret.value <= args[0] && ret.value <= DBCN_PIECE);
	return 0;
}
