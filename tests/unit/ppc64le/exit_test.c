/* SPDX-License-Identifier: Apache-2.0 */
/* Exits: accesses, hypercalls, and what ends the machine. */
#include "tests/unit/ppc64le/core_fixture.h"

#define DEVICE UINT64_C(0x200200000000)

static uint64_t device_read(void *opaque, uint64_t off, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)size;
	return 0x0102030405060708;
}

static void device_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t value)
{
	(void)off;
	(void)size;
	*(uint64_t *)opaque = value;
}

static struct kvm_run *mmio(struct core *c, uint64_t gpa, unsigned len,
			    bool is_write)
{
	struct kvm_run *run = c->f.vcpus[0].run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = is_write;
	return run;
}

/* Bytes are in the order of the guest's memory, for devices little-endian. */
static void accesses_of_devices(void **state)
{
	static const struct mmio_ops ops = {
		.read = device_read,
		.write = device_write,
		.min_size = 1,
		.max_size = 4,
	};
	static const uint8_t want[] = { 8, 7, 6, 5 };
	uint64_t written = 0;
	const struct mmio_region region = { .name = "device",
					    .base = DEVICE,
					    .size = 0x100,
					    .ops = &ops,
					    .opaque = &written };
	struct core *c = *state;
	struct vcpu *vcpu = &c->f.vcpus[0];
	struct error err = { 0 };

	assert_int_equal(mmio_add(&c->f.vm->mmio, &region, &err), 0);
	fake_vm_freeze(c->f.vm);
	struct kvm_run *run = mmio(c, DEVICE, 4, false);
	assert_int_equal(arch_handle_exit(vcpu), EXIT_RESUME);
	assert_memory_equal(run->mmio.data, want, sizeof(want));

	run = mmio(c, DEVICE + 4, 2, true);
	run->mmio.data[0] = 0x34;
	run->mmio.data[1] = 0x12;
	assert_int_equal(arch_handle_exit(vcpu), EXIT_RESUME);
	assert_int_equal(written, 0x1234);

	/* Nothing there: zeros, and a guest cannot flood the log. */
	for (unsigned i = 0; i < 1000; i++) {
		run = mmio(c, DEVICE + 0x1000, 8, false);
		memset(run->mmio.data, 0xff, 8);
		assert_int_equal(arch_handle_exit(vcpu), EXIT_RESUME);
	}
	static const uint8_t zeros[8];
	assert_memory_equal(run->mmio.data, zeros, sizeof(zeros));
	assert_true(strlen(fake_vm_log(c->f.vm)) < 2000);
	assert_non_null(strstr(fake_vm_log(c->f.vm), "0x200200001000"));
}

/* KVM copies all of it back: what the call does not return stays. */
static void arguments_go_in_and_out(void **state)
{
	struct core *c = *state;
	struct vcpu *vcpu = &c->f.vcpus[0];
	struct core_hcall h = { .nr = 0x1c8 };

	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		h.args[i] = CORE_JUNK(i);
	c->machine.caps.cpu_char = true;
	c->machine.caps.character = 1;
	c->machine.caps.behaviour = 2;
	core_prepare_hcall(vcpu->run, &h);
	assert_int_equal(arch_handle_exit(vcpu), EXIT_RESUME);
	core_finish_hcall(vcpu->run, &h);
	assert_int_equal(h.ret, H_SUCCESS);
	assert_int_equal(h.out[0], 1);
	assert_int_equal(h.out[1], 2);
	for (size_t i = 2; i < HCALL_NR_ARGS; i++)
		assert_true(h.out[i] == CORE_JUNK(i));

	h.nr = 0x7fff0000;
	core_prepare_hcall(vcpu->run, &h);
	assert_int_equal(arch_handle_exit(vcpu), EXIT_RESUME);
	core_finish_hcall(vcpu->run, &h);
	assert_int_equal(h.ret, H_FUNCTION);
	for (size_t i = 0; i < HCALL_NR_ARGS; i++)
		assert_true(h.out[i] == CORE_JUNK(i));
}

static void exits_that_end_the_machine(void **state)
{
	static const struct {
		uint32_t reason;
		const char *text;
	} bad[] = {
		{ KVM_EXIT_UNKNOWN, "unknown reason 0 (0x700)" },
		{ KVM_EXIT_DEBUG, "debugger" },
		{ KVM_EXIT_NMI, "machine check" },
		{ KVM_EXIT_FAIL_ENTRY, "hardware reason 0x700" },
		{ KVM_EXIT_INTERNAL_ERROR, "internal error 1792" },
		{ KVM_EXIT_IO, "unknown reason 2" },
		{ KVM_EXIT_PAPR_HCALL + 1, "unknown reason 20" },
		{ KVM_EXIT_RISCV_SBI, "unknown reason" },
		{ 1000, "unknown reason 1000" },
		{ UINT32_MAX, "unknown reason" },
	};
	const struct kvm_regs regs = { .pc = 0xc000000000001234,
				       .msr = MSR_SF | MSR_LE,
				       .lr = 0x5678 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct core c;

		core_init(&c);
		core_set_regs(&c, 0, &regs);
		c.f.vcpus[0].run->exit_reason = bad[i].reason;
		/* The union's members begin where this one does. */
		c.f.vcpus[0].run->hw.hardware_exit_reason = 0x700;
		assert_int_equal(arch_handle_exit(&c.f.vcpus[0]), EXIT_STOP);
		assert_int_equal(c.f.vm->stop, VM_STOP_CRASH);
		assert_non_null(strstr(c.f.vm->result.text, bad[i].text));
		assert_non_null(strstr(c.f.vm->result.text,
				       "pc 0xc000000000001234, "
				       "msr 0x8000000000000001, lr 0x5678"));
		core_fini(&c);
	}
}

static void runs_that_fail(void **state)
{
	static const struct {
		int error;
		const char *text;
	} bad[] = {
		{ -EINVAL, "KVM refused" },
		{ -ENOMEM, "no memory" },
		{ -EFAULT, "could not provide" },
		{ -EXDEV, "cross-device" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct core c;

		core_init(&c);
		fake_kvm_refuse(KVM_GET_REGS, i % 2 == 0 ? 0 : -EIO);
		assert_int_equal(arch_run_failed(&c.f.vcpus[0], bad[i].error),
				 EXIT_STOP);
		assert_int_equal(c.f.vm->stop, VM_STOP_CRASH);
		assert_non_null(strcasestr(c.f.vm->result.text, bad[i].text));
		assert_non_null(
			strstr(c.f.vm->result.text,
			       i % 2 == 0 ? "pc 0x0" : "registers unknown"));
		core_fini(&c);
	}
}

/* KVM's own RTAS calls fail KVM_RUN for a bad buffer: the guest goes on. */
static void bad_rtas_buffers(void **state)
{
	static const struct {
		int error;
		uint32_t reason;
		uint64_t nr;
		enum exit_action action;
	} cases[] = {
		{ -EFAULT, KVM_EXIT_PAPR_HCALL, HCALL_RTAS, EXIT_RESUME },
		{ -EINVAL, KVM_EXIT_PAPR_HCALL, HCALL_RTAS, EXIT_RESUME },
		{ -ENOMEM, KVM_EXIT_PAPR_HCALL, HCALL_RTAS, EXIT_STOP },
		{ -EFAULT, KVM_EXIT_PAPR_HCALL, HCALL_PROD, EXIT_STOP },
		{ -EFAULT, KVM_EXIT_UNKNOWN, HCALL_RTAS, EXIT_STOP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct core c;

		core_init(&c);

		struct kvm_run *run = c.f.vcpus[0].run;
		run->exit_reason = cases[i].reason;
		run->papr_hcall.nr = cases[i].nr;
		run->papr_hcall.args[0] = UINT64_MAX - 3;
		run->papr_hcall.ret = 1;
		assert_int_equal(arch_run_failed(&c.f.vcpus[0], cases[i].error),
				 cases[i].action);
		if (cases[i].action == EXIT_RESUME)
			assert_int_equal(run->papr_hcall.ret,
					 (uint64_t)H_PARAMETER);
		assert_int_equal(c.f.vm->stop, cases[i].action == EXIT_RESUME
						       ? VM_STOP_NONE
						       : VM_STOP_CRASH);
		core_fini(&c);
	}
}

/* KVM reads more than the call has, which may end where RAM does. */
static void stop_self_at_the_end_of_ram(void **state)
{
	static const uint8_t stop_self[12] = { 0, 0, 0x20, 0x07 };
	struct core *c = *state;
	struct kvm_run *run = c->f.vcpus[0].run;
	uint64_t gpa = FIXTURE_RAM - sizeof(stop_self);

	assert_int_equal(
		gmem_write(&c->f.vm->gmem, gpa, stop_self, sizeof(stop_self)),
		0);
	run->exit_reason = KVM_EXIT_PAPR_HCALL;
	run->papr_hcall.nr = HCALL_RTAS;
	run->papr_hcall.args[0] = gpa;
	run->papr_hcall.ret = 1;
	assert_int_equal(arch_run_failed(&c->f.vcpus[0], -EFAULT),
			 EXIT_OFFLINE);
	assert_int_equal(run->papr_hcall.ret, H_SUCCESS);
	assert_int_equal(c->f.vm->stop, VM_STOP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(accesses_of_devices),
		cmocka_unit_test(bad_rtas_buffers),
		CORE_TEST(arguments_go_in_and_out),
		cmocka_unit_test(exits_that_end_the_machine),
		cmocka_unit_test(runs_that_fail),
		CORE_TEST(stop_self_at_the_end_of_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
