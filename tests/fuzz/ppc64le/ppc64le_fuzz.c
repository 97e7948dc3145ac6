/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ppc64le machine: hypercalls and firmware calls of a guest, with the
 * interrupt controller in the monitor, terminal, NVRAM, clock, events and a
 * host bridge with two functions; saved state.
 */
#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/tree.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/ppc64le/shapes.h"
#include "tests/unit/ppc64le/core_fixture.h"

/** struct state - The machine; the interrupt controller is the real one */
struct state {
	struct input in;
	struct core c;
	struct irqchip *chip;
	struct chardev *cd;
};

static const struct device_type *const types[] = {
	&machine_device,    &vty_device,          &events_device,
	&nvram_device,      &rtas_clock_device,   &phb_device,
	&virtio_rng_device, &virtio_input_device,
};

static const struct hcall_entry *const hcalls[] = {
	hcalls_mode, hcalls_cpu,  hcalls_mem, hcalls_vty,
	hcalls_rtas, hcalls_xics, hcalls_tce,
};

static void begin(struct state *s)
{
	struct error err = { 0 };

	core_init(&s->c);
	struct vm *vm = s->c.f.vm;
	struct vm_config *cfg = fake_vm_config(vm);

	FUZZ_CHECK(xics_ops.create(vm, &s->chip, &err) == 0);
	vm->irqchip = s->chip;
	FUZZ_CHECK(xics_ops.power_on(s->chip, &err) == 0);
	cfg->nr_consoles = 1;
	cfg->consoles[0].kind = CONSOLE_SERIAL;
	cfg->virtio_transport = VIRTIO_TRANSPORT_PCI;
	chardev_open(NULL, "", NULL, &s->cd, NULL);
	vm->consoles[0] = s->cd;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fake_vm_add(vm, types[i], NULL);
	fake_vm_freeze(vm);
	if (take_u8(&s->in) & 1)
		core_all_online(&s->c);
}

static void end(struct state *s)
{
	machine_reset(s->c.f.vm);
	xics_ops.power_off(s->chip);
	core_fini(&s->c);
	xics_ops.destroy(s->chip);
	chardev_close(s->cd);
}

static uint64_t take_nr(struct input *in)
{
	unsigned count = 0, group = take_below(in, ARRAY_SIZE(hcalls));

	if (take_rarely(in, 32))
		return take_number(in);
	while (hcalls[group][count].fn != NULL)
		count++;
	return hcalls[group][take_below(in, count)].nr;
}

static enum exit_action call(struct state *s, struct vcpu *vcpu, uint64_t nr,
			     const uint64_t *args)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_PAPR_HCALL;
	run->papr_hcall.nr = nr;
	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		run->papr_hcall.args[i] = args[i];

	enum exit_action action = arch_handle_exit(vcpu);

	if (action == EXIT_OFFLINE && (take_u8(&s->in) & 1) != 0)
		vcpu->power = VCPU_OFFLINE;
	machine_serve(vcpu->vm);
	return action;
}

static void hcall(struct state *s, struct vcpu *vcpu)
{
	uint64_t args[HCALL_NR_ARGS], nr = take_nr(&s->in);

	for (unsigned i = 0; i < HCALL_NR_ARGS; i++) {
		enum shape shape =
			shape_of(hcall_shapes, ARRAY_SIZE(hcall_shapes), nr, i);

		args[i] = i;
		if (i < 5 || take_rarely(&s->in, 4))
			args[i] = take_shaped(&s->in, &vcpu->vm->gmem, shape);
	}
	call(s, vcpu, nr, args);
}

static void rtas(struct state *s, struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint32_t token = RTAS_DISPLAY_CHARACTER + take_below(&s->in, 0x20);
	const struct rtas_entry *entry = rtas_find(vm, token);
	uint32_t nargs = entry != NULL ? entry->nargs : take_u8(&s->in);
	uint32_t nret = entry != NULL ? entry->nret : take_u8(&s->in);
	uint64_t args[HCALL_NR_ARGS] = { machine_gpa(&s->in) };
	uint8_t raw[12 + 4 * 20] = { 0 };

	if (take_rarely(&s->in, 16))
		nargs = (uint32_t)take_number(&s->in);
	if (take_rarely(&s->in, 16))
		nret = (uint32_t)take_number(&s->in);
	be32_store(raw, token);
	be32_store(raw + 4, nargs);
	be32_store(raw + 8, nret);
	for (unsigned i = 0; i < 20 && i < nargs; i++) {
		enum shape shape = shape_of(rtas_shapes,
					    ARRAY_SIZE(rtas_shapes), token, i);

		be32_store(raw + 12 + 4 * i,
			   (uint32_t)take_shaped(&s->in, &vm->gmem, shape));
	}
	gmem_write(&vm->gmem, args[0], raw, sizeof(raw));
	call(s, vcpu, HCALL_RTAS, args);
}

/* A firmware call as a driver makes it. */
static void firmware(struct state *s, struct vcpu *vcpu, uint32_t token,
		     const uint32_t *words, uint32_t count, uint32_t nret)
{
	uint64_t args[HCALL_NR_ARGS] = { arch_info.ram_base + 0x2000 };
	uint8_t raw[12 + 4 * SHAPES_MAX];

	be32_store(raw, token);
	be32_store(raw + 4, count);
	be32_store(raw + 8, nret);
	for (uint32_t i = 0; i < count; i++)
		be32_store(raw + 12 + 4UL * i, words[i]);
	gmem_write(&vcpu->vm->gmem, args[0], raw, 12 + 4UL * count);
	call(s, vcpu, HCALL_RTAS, args);
}

/* A driver asks for messages, and learns which interrupts they are. */
static void set_up_msis(struct state *s, struct vcpu *vcpu)
{
	uint8_t kind = take_u8(&s->in);
	const uint32_t change[] = {
		kind % 2U << 11,
		LAYOUT_PHB_BUID >> 32,
		(uint32_t)LAYOUT_PHB_BUID,
		kind & 64 ? 1 : 4,
		kind / 4 % 4,
		1,
	};
	const uint32_t query[] = { change[0], change[1], change[2],
				   kind / 16 % 4 };

	firmware(s, vcpu, RTAS_IBM_CHANGE_MSI, change, 6, 3);
	firmware(s, vcpu, RTAS_IBM_QUERY_INTERRUPT_SOURCE_NUMBER, query, 4, 3);
}

/* The guest has a source routed to a processor that takes all there is. */
static void set_up_source(struct state *s, struct vcpu *vcpu)
{
	uint64_t irq = take_irq(&s->in);
	uint8_t kind = take_u8(&s->in);
	uint64_t args[HCALL_NR_ARGS] = { 0 };
	const uint32_t xive[] = { (uint32_t)irq, vcpu->id, kind % 16 };

	firmware(s, vcpu, RTAS_IBM_SET_XIVE, xive, 3, 1);
	args[0] = kind & 16 ? kind : 0xff;
	call(s, vcpu, 0x68, args);
	s->chip->ops->set_level(s->chip, (uint32_t)irq, true);
	if (kind & 32)
		return;
	call(s, vcpu, 0x74, args);
	if (kind & 64)
		s->chip->ops->set_level(s->chip, (uint32_t)irq, false);
	args[0] = UINT64_C(0xff000000) | irq;
	call(s, vcpu, 0x64, args);
}

/* Mostly the guest asks what happened. */
static void press_button(struct state *s, uint8_t kind)
{
	struct vm *vm = s->c.f.vm;
	const uint32_t check[] = {
		0x500,
		LAYOUT_IRQ_EPOW,
		kind & 4 ? UINT32_MAX : 0x40000000,
		0,
		(uint32_t)machine_gpa(&s->in),
		take_u8(&s->in),
	};

	vm_press_power_button(vm);
	if (kind & 3)
		firmware(s, &vm->vcpus[0], RTAS_CHECK_EXCEPTION, check, 6, 1);
}

static void host(struct state *s)
{
	uint8_t kind = take_u8(&s->in);

	if (kind < 160)
		stub_chardev_host(&s->in, s->cd);
	else if (kind < 200)
		press_button(s, kind);
	else
		s->chip->ops->set_level(s->chip, (uint32_t)take_irq(&s->in),
					kind & 8);
}

/* What KVM leaves with besides, and what it fails with. */
static void exit_other(struct state *s, struct vcpu *vcpu)
{
	static const uint8_t reasons[] = {
		KVM_EXIT_UNKNOWN,    KVM_EXIT_DEBUG,
		KVM_EXIT_FAIL_ENTRY, KVM_EXIT_INTR,
		KVM_EXIT_NMI,        KVM_EXIT_INTERNAL_ERROR,
		KVM_EXIT_PAPR_HCALL, 99,
	};
	uint8_t kind = take_u8(&s->in);

	vcpu->run->exit_reason = reasons[kind % ARRAY_SIZE(reasons)];
	vcpu->run->papr_hcall.nr = kind & 0x40 ? HCALL_RTAS : 4;
	vcpu->run->papr_hcall.args[0] = machine_gpa(&s->in);
	if (kind & 0x80)
		machine_fail(&s->in, vcpu);
	else
		arch_handle_exit(vcpu);
}

/* A guest that reboots gets its tree anew; that is slow. */
static void reboot(struct state *s)
{
	struct vm *vm = s->c.f.vm;
	const struct boot_layout layout = { .rtas_size = RTAS_BLOB_SIZE };
	struct fdt_builder fdt;

	machine_reset(vm);
	if (!take_rarely(&s->in, 8))
		return;
	FUZZ_CHECK(fdt_builder_init(&fdt, TREE_MAX_SIZE(CPUS)) == 0);
	FUZZ_CHECK(tree_build(vm, &layout, &fdt) == 0);
	machine_tree(&fdt);
}

static uint64_t take_register(struct input *in)
{
	switch (take_below(in, 4)) {
	case 0:
		return LAYOUT_PCI_MEM32_BASE + take_u16(in);
	case 1:
		return LAYOUT_PCI_MEM64_BASE + take_u16(in);
	case 2:
		return LAYOUT_PCI_IO_BASE + take_u8(in);
	default:
		return take_number(in);
	}
}

static void run(struct state *s)
{
	static const uint8_t weights[] = { 34, 40, 10, 4, 6, 4, 2, 4, 4, 2, 2 };
	struct vm *vm = s->c.f.vm;
	struct vcpu *vcpu = &vm->vcpus[take_below(&s->in, CPUS)];
	uint64_t gpa;

	switch (take_pick(&s->in, weights, ARRAY_SIZE(weights))) {
	case 0:
		hcall(s, vcpu);
		break;
	case 1:
		rtas(s, vcpu);
		break;
	case 2:
		host(s);
		break;
	case 3:
		fake_vm_io(vm);
		break;
	case 4:
		machine_exit_mmio(&s->in, vcpu, take_register(&s->in));
		break;
	case 5:
		machine_state(&s->in, vm);
		break;
	case 6:
		reboot(s);
		break;
	case 7:
		exit_other(s, vcpu);
		break;
	case 8:
		set_up_source(s, vcpu);
		break;
	case 9:
		set_up_msis(s, vcpu);
		break;
	default:
		gpa = machine_gpa(&s->in);
		gmem_write(&vm->gmem, gpa, &gpa, sizeof(gpa));
	}
	/* A guest that ended goes on in the next life. */
	if (vm->stop != VM_STOP_NONE)
		machine_reset(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state *s = calloc(1, sizeof(*s));

	FUZZ_CHECK(s != NULL);
	s->in = (struct input){ data, len };
	begin(s);
	for (unsigned op = 0; op < FUZZ_MAX_OPS && s->in.len > 0; op++)
		run(s);
	end(s);
	free(s);
	return 0;
}
