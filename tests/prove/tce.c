/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of the DMA window, H_GET_TCE, H_PUT_TCE, H_STUFF_TCE and
 * H_PUT_TCE_INDIRECT: the table is not left.
 *
 * For all values of the registers, in RAM of two regions (ram.h), with a table
 * of 16 entries instead of 16384, so that every loop is followed to its end;
 * lists of up to 8 entries instead of 512.
 *
 * Does not cover: the real sizes.
 */
#include "tests/prove/env.h"
#include "tests/prove/ram.h"
#include "arch/ppc64le/tce.c"

int main(void)
{
	static struct vm vm;
	static struct vcpu vcpu;
	static struct machine machine;
	static struct phb phb;
	struct hcall call;
	unsigned which = nondet_u32();

	prove(PHB_NR_TCES == 16);
	ram_init(&vm.gmem);
	vm.arch = &machine;
	machine.phb = nondet_bool() ? &phb : NULL;
	vcpu.vm = &vm;
	any(call);
	call.vcpu = &vcpu;
	suppose(which < 4);

	int64_t ret = hcalls_tce[which].fn(&call);
	prove(ret == H_SUCCESS || ret == H_PARAMETER);
	prove(locks_held == 0);
	return 0;
}
