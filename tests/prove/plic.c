/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PLIC's registers: no bit, source or context beyond those that exist.
 *
 * For every offset in the window, every value, and two contexts and sources in
 * any state that the guest and the devices can bring them to.
 *
 * Bounds: 4 sources instead of 96, in one word.
 */
#include "tests/prove/env.h"
#include "arch/riscv64/plic.c"

int kvm_interrupt(int fd, unsigned what)
{
	(void)fd;
	(void)what;
	return nondet_int();
}

static void suppose_valid(uint32_t *words)
{
	for (unsigned i = 0; i < PLIC_NR_WORDS; i++) {
		words[i] = nondet_u32();
		suppose((words[i] & ~plic_valid_bits(i)) == 0);
	}
}

int main(void)
{
	static struct vm vm;
	static struct vcpu vcpus[2];
	uint64_t off = nondet_u64();
	struct plic *plic =
		any_bytes(sizeof(*plic) + 2 * sizeof(struct plic_context));

	vm.vcpus = vcpus;
	plic->chip.vm = &vm;
	plic->nr_contexts = 2;
	plic->on = nondet_bool();
	suppose_valid(plic->src.level);
	suppose_valid(plic->src.pending);
	suppose_valid(plic->src.active);
	suppose_valid(plic->src.again);
	for (unsigned i = 0; i < 2; i++)
		suppose_valid(plic->contexts[i].enable);

	suppose(off % 4 == 0 && off < LAYOUT_PLIC_SIZE);
	if (nondet_bool())
		plic_mmio.read(plic, off, 4);
	else
		plic_mmio.write(plic, off, 4, nondet_u32());
	plic_drive(plic, nondet_u32(), nondet_bool());

	unsigned word = nondet_u32();
	suppose(word < PLIC_NR_WORDS);
	prove((plic->src.pending[word] & ~plic_valid_bits(word)) == 0);
	prove((plic->contexts[0].enable[word] & ~plic_valid_bits(word)) == 0);
	return 0;
}
