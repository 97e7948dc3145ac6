/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H_PUT_TERM_CHAR, H_GET_TERM_CHAR, H_VIO_SIGNAL: the terminal's buffers are
 * not left.
 *
 * For all values of the registers, a terminal in any state, and a console that
 * takes and gives any part of what it is offered.
 */
#include "tests/prove/env.h"
#include "arch/ppc64le/vty.c"

struct chardev {
	int unused;
};

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

bool chardev_readable(struct chardev *cd)
{
	prove(cd != NULL);
	return nondet_bool();
}

void irq_pulse(struct irq_line *line)
{
	prove(line != NULL);
}

int main(void)
{
	static struct vm vm;
	static struct vcpu vcpu;
	static struct machine machine;
	static struct vty vty;
	static struct chardev cd;
	struct hcall call;
	unsigned which = nondet_u32();

	vm.arch = &machine;
	vcpu.vm = &vm;
	machine.vty = nondet_bool() ? &vty : NULL;
	any(vty.tx);
	any(vty.rx);
	suppose(vty.tx.len <= VTY_MAX && vty.rx.len <= VTY_MAX);
	vty.signal = nondet_bool();
	vty.cd = &cd;
	any(call);
	call.vcpu = &vcpu;

	suppose(which < 3);
	hcalls_vty[which].fn(&call);
	on_event(&vty.fe, CHARDEV_BREAK);
	prove(vty.tx.len <= VTY_MAX && vty.rx.len <= VTY_MAX);
	prove(locks_held == 0);
	return 0;
}
