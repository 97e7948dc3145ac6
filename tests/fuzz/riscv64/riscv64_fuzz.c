/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The riscv64 machine: exits of vCPUs for the PLIC, the serial port, the
 * clock, the finisher, the PCI host bridge, SBI calls and CSRs; saved state.
 */
#include "arch/riscv64/boot.h"
#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/machine.h"
#include "arch/riscv64/regs.h"
#include "arch/riscv64/sbi.h"
#include "arch/riscv64/tree.h"
#include "tests/fuzz/machine.h"

/** struct state - The machine; the interrupt controller is the real one */
struct state {
	struct input in;
	struct fixture f;
	struct machine machine;
	struct irqchip *own_chip;
	struct irqchip *chip;
	struct chardev *cd;
};

static const struct device_type *const types[] = {
	&pci_host_device, &serial_device,     &rtc_device,
	&finisher_device, &virtio_rng_device, &virtio_input_device,
};

/* A host without any optional extension. */
static void default_regs(void)
{
	static const uint64_t ids[] = {
		RVREG_CONFIG(mvendorid),
		RVREG_TIMER(time),
		RVREG_TIMER(compare),
		RVREG_TIMER(state),
		RVREG_PC,
		RVREG_CSR(satp),
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		fake_kvm_set_default_reg(ids[i], 0);
	for (unsigned i = 1; i < 32; i++)
		fake_kvm_set_default_reg(RVREG_X(i), 0);
	fake_kvm_set_default_reg(RVREG_CONFIG(isa), 0x14112d);
	fake_kvm_set_default_reg(RVREG_CONFIG(satp_mode), 8);
	fake_kvm_set_default_reg(RVREG_TIMER(frequency), 10000000);
	fake_kvm_set_default_reg(RVREG_MODE, 1);
}

static void begin(struct state *s)
{
	struct vm_config *cfg;
	struct error err = { 0 };

	fixture_init(&s->f, default_regs);
	cfg = fake_vm_config(s->f.vm);
	s->f.vm->arch = &s->machine;
	s->own_chip = s->f.vm->irqchip;
	FUZZ_CHECK(plic_ops.create(s->f.vm, &s->chip, &err) == 0);
	s->f.vm->irqchip = s->chip;
	FUZZ_CHECK(plic_ops.power_on(s->chip, &err) == 0);
	cfg->nr_consoles = 1;
	cfg->consoles[0].kind = CONSOLE_SERIAL;
	if (take_u8(&s->in) & 1)
		cfg->virtio_transport = VIRTIO_TRANSPORT_PCI;
	chardev_open(NULL, "", NULL, &s->cd, NULL);
	s->f.vm->consoles[0] = s->cd;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fake_vm_add(s->f.vm, types[i], NULL);
	fake_vm_freeze(s->f.vm);
}

static void end(struct state *s)
{
	fixture_stop(&s->f);
	machine_reset(s->f.vm);
	plic_ops.power_off(s->chip);
	fixture_fini(&s->f);
	plic_ops.destroy(s->chip);
	chardev_close(s->cd);
}

static uint64_t take_plic(struct input *in)
{
	uint8_t kind = take_u8(in);
	unsigned cpu = kind % (CPUS + 1);

	if (kind < 64)
		return 4 * take_u8(in);
	if (kind < 80)
		return 0x1000 + 4 * take_below(in, 8);
	if (kind < 144)
		return 0x2000 + 0x80 * cpu + 4 * take_below(in, 8);
	return 0x200000 + 0x1000 * cpu + 4 * (kind / 16 % 2);
}

/* Of a function that is there, mostly, and what drivers look at first. */
static uint64_t take_ecam(struct input *in)
{
	uint8_t kind = take_u8(in);
	uint64_t function = (kind & 3U) << 15;

	if (kind < 192)
		return function + take_u8(in);
	if (kind < 240)
		return function + take_u16(in);
	return take_u32(in) % LAYOUT_ECAM_SIZE;
}

/* The ways to end, and what is none. */
static void finish(struct state *s, struct vcpu *vcpu)
{
	static const uint16_t how[] = { 0x5555, 0x3333, 0x7777, 0x1234 };
	static const uint16_t codes[] = { 0, 1, 255, 256, 257, 0xffff };
	uint8_t kind = take_u8(&s->in);
	uint32_t code = codes[kind / 8 % ARRAY_SIZE(codes)];

	machine_access(vcpu, LAYOUT_FINISHER_BASE, kind & 4 ? 2 : 4, true,
		       code << 16 | how[kind & 3]);
}

static uint64_t take_register(struct input *in)
{
	switch (take_below(in, 11)) {
	case 0:
	case 1:
	case 2:
		return LAYOUT_PLIC_BASE + take_plic(in);
	case 3:
	case 4:
		return LAYOUT_SERIAL_BASE + take_below(in, 9);
	case 5:
		return LAYOUT_RTC_BASE + 4 * take_below(in, 11);
	case 6:
		return LAYOUT_VIRTIO_BASE + 4 * take_below(in, 130);
	case 7:
	case 8:
		return LAYOUT_ECAM_BASE + take_ecam(in);
	case 9:
		return LAYOUT_FINISHER_BASE + take_below(in, 5);
	default:
		return take_number(in);
	}
}

static unsigned take_source(struct input *in)
{
	static const uint8_t known[] = { LAYOUT_IRQ_SERIAL, LAYOUT_IRQ_RTC,
					 LAYOUT_IRQ_PCI, LAYOUT_IRQ_PCI + 1 };
	uint8_t kind = take_u8(in);

	return kind < 128 ? known[kind % ARRAY_SIZE(known)] : 1 + kind % 95U;
}

/* What a driver does with one source: it gets it, until it masks it. */
static void set_up_source(struct state *s, struct vcpu *vcpu)
{
	unsigned irq = take_source(&s->in);
	uint8_t kind = take_u8(&s->in);
	uint64_t enable = LAYOUT_PLIC_BASE + 0x2000 + 0x80UL * vcpu->id;
	uint64_t context = LAYOUT_PLIC_BASE + 0x200000 + 0x1000UL * vcpu->id;

	machine_access(vcpu, LAYOUT_PLIC_BASE + 4UL * irq, 4, true, kind % 8);
	machine_access(vcpu, enable + irq / 32 * 4, 4, true,
		       kind & 8 ? UINT32_MAX : 1U << irq % 32);
	machine_access(vcpu, context, 4, true, kind / 64);
	s->chip->ops->set_level(s->chip, irq, true);
	if (kind & 16)
		return;
	machine_access(vcpu, context + 4, 4, false, 0);
	if (kind & 32)
		s->chip->ops->set_level(s->chip, irq, false);
	machine_access(vcpu, context + 4, 4, true, irq);
}

static void exit_sbi(struct state *s, struct vcpu *vcpu)
{
	static const uint32_t extensions[] = {
		1, 2, 0x10, SBI_EXT_DBCN, SBI_EXT_DBCN, SBI_EXT_DBCN
	};
	struct kvm_run *run = vcpu->run;
	uint8_t kind = take_u8(&s->in);

	run->exit_reason = KVM_EXIT_RISCV_SBI;
	run->riscv_sbi.extension_id =
		kind < 240 ? extensions[kind % ARRAY_SIZE(extensions)]
			   : take_number(&s->in);
	run->riscv_sbi.function_id =
		kind < 224 ? kind / 16 % 4 : take_number(&s->in);
	run->riscv_sbi.args[0] = take_number(&s->in);
	run->riscv_sbi.args[1] = machine_gpa(&s->in);
	run->riscv_sbi.args[2] = kind % 32 == 31 ? take_number(&s->in) : 0;
	FUZZ_CHECK(arch_handle_exit(vcpu) == EXIT_RESUME);
}

static void exit_other(struct state *s, struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t kind = take_u8(&s->in);

	memset(&run->mmio, 0, sizeof(run->mmio));
	if (kind < 96) {
		run->exit_reason = KVM_EXIT_RISCV_CSR;
		run->riscv_csr.csr_num = take_number(&s->in);
	} else if (kind < 192) {
		run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		run->system_event.type = kind % 8;
		run->system_event.ndata = kind / 8 % 3;
		run->system_event.data[0] = take_below(&s->in, 3);
	} else {
		run->exit_reason = (uint32_t)take_number(&s->in);
	}
	if (kind % 8 == 7)
		machine_fail(&s->in, vcpu);
	else
		arch_handle_exit(vcpu);
}

/* A guest that reboots gets its tree anew; that is slow. */
static void reboot(struct state *s)
{
	struct vm *vm = s->f.vm;
	const struct boot_layout layout = { .initrd_end = 0 };
	struct fdt_builder fdt;

	machine_reset(vm);
	if (!take_rarely(&s->in, 8))
		return;
	FUZZ_CHECK(fdt_builder_init(&fdt, KIB(64)) == 0);
	FUZZ_CHECK(tree_build(vm, &layout, &fdt) == 0);
	machine_tree(&fdt);
}

static void run(struct state *s)
{
	static const uint8_t weights[] = { 36, 16, 10, 4, 4, 3, 2, 2, 3, 1 };
	struct vm *vm = s->f.vm;
	struct vcpu *vcpu = &vm->vcpus[take_below(&s->in, CPUS)];

	switch (take_pick(&s->in, weights, ARRAY_SIZE(weights))) {
	case 0:
		machine_exit_mmio(&s->in, vcpu, take_register(&s->in));
		break;
	case 1:
		exit_sbi(s, vcpu);
		break;
	case 2:
		stub_chardev_host(&s->in, s->cd);
		break;
	case 3:
		fake_vm_io(vm);
		break;
	case 4:
		machine_state(&s->in, vm);
		break;
	case 5:
		s->chip->ops->set_level(s->chip, take_source(&s->in),
					take_u8(&s->in) & 1);
		break;
	case 6:
		exit_other(s, vcpu);
		break;
	case 7:
		finish(s, vcpu);
		break;
	case 8:
		set_up_source(s, vcpu);
		break;
	default:
		reboot(s);
	}
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
