/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of a vCPU, as KVM would report them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/riscv64/regs.h"
#include "arch/riscv64/sbi.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/chardev.h"
#include "vmm/vm.h"

#define DEVICE_BASE 0x10000000
#define DEVICE_SIZE 0x100

/**
 * struct fixture - A vCPU on a machine with one device and one console
 * @room: bytes that the console takes
 * @stops: calls of vm_request_stop()
 */
struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct log log;
	struct vcpu vcpu;
	struct kvm_run run;
	uint64_t off, value;
	unsigned size, writes;
	size_t room;
	enum vm_stop why;
	unsigned stops;
	char text[256];
};

struct chardev {
	struct fixture *f;
};

static uint64_t device_read(void *opaque, uint64_t off, unsigned size)
{
	struct fixture *f = opaque;

	f->off = off;
	f->size = size;
	return 0x1122334455667788;
}

static void device_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t val)
{
	struct fixture *f = opaque;

	f->off = off;
	f->size = size;
	f->value = val;
	f->writes++;
}

static const struct mmio_ops device_ops = {
	.read = device_read,
	.write = device_write,
	.min_size = 1,
	.max_size = 8,
};

size_t chardev_write(struct chardev *cd, const void *buf, size_t len)
{
	struct fixture *f = cd->f;
	size_t n = min_size(len, f->room);

	(void)buf;
	f->room -= n;
	return n;
}

size_t chardev_read(struct chardev *cd, void *buf, size_t len)
{
	(void)cd;
	(void)buf;
	(void)len;
	return 0;
}

void vm_request_stop(struct vm *vm, enum vm_stop why, unsigned status,
		     const char *fmt, ...)
{
	struct fixture *f = container_of(vm, struct fixture, vm);
	va_list args;

	assert_int_equal(status, 0);
	f->why = why;
	f->stops++;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct chardev *console = calloc(1, sizeof(*console));
	struct error err = { 0 };
	const struct mmio_region region = {
		.name = "device",
		.base = DEVICE_BASE,
		.size = DEVICE_SIZE,
		.ops = &device_ops,
		.opaque = f,
	};

	assert_non_null(f);
	assert_non_null(console);
	stub_reset();
	stub_add(RVREG_PC, 0x80201000);
	stub_add(RVREG_A0, 0);
	f->log = (struct log){
		.fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_DEBUG,
		.name = "test",
	};
	console->f = f;
	f->cfg.nr_consoles = 1;
	f->cfg.consoles[0].kind = CONSOLE_SERIAL;
	f->vm.cfg = &f->cfg;
	f->vm.log = &f->log;
	f->vm.consoles[0] = console;
	f->vcpu = (struct vcpu){
		.vm = &f->vm,
		.fd = STUB_VCPU_FD,
		.run = &f->run,
	};
	assert_int_equal(mmio_add(&f->vm.mmio, &region, &err), 0);
	mmio_freeze(&f->vm.mmio);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->vm.consoles[0]);
	close(f->log.fd);
	free(f);
	return 0;
}

static enum exit_action leave(struct fixture *f, uint32_t reason)
{
	f->run.exit_reason = reason;
	return arch_handle_exit(&f->vcpu);
}

static enum exit_action mmio(struct fixture *f, uint64_t gpa, unsigned len,
			     bool is_write, uint64_t data)
{
	f->run.mmio.phys_addr = gpa;
	f->run.mmio.len = len;
	f->run.mmio.is_write = is_write;
	le64_store(f->run.mmio.data, data);
	return leave(f, KVM_EXIT_MMIO);
}

static void mmio_reaches_the_device(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mmio(f, DEVICE_BASE + 8, 4, true, 0xaabbccdd),
			 EXIT_RESUME);
	assert_int_equal(f->off, 8);
	assert_int_equal(f->size, 4);
	assert_int_equal(f->value, 0xaabbccdd);
	assert_int_equal(mmio(f, DEVICE_BASE + 16, 8, false, 0), EXIT_RESUME);
	assert_int_equal(f->off, 16);
	assert_int_equal(le64_load(f->run.mmio.data), 0x1122334455667788);
	assert_int_equal(f->stops, 0);
}

static void unanswered_mmio_reads_zero(void **state)
{
	static const uint64_t gpas[] = { 0, DEVICE_BASE - 8,
					 DEVICE_BASE + DEVICE_SIZE,
					 0xfffffffffffffff8 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(gpas); i++) {
		assert_int_equal(mmio(f, gpas[i], 8, false, UINT64_MAX),
				 EXIT_RESUME);
		assert_int_equal(le64_load(f->run.mmio.data), 0);
		assert_int_equal(mmio(f, gpas[i], 1, true, 1), EXIT_RESUME);
	}
	assert_int_equal(f->writes, 0);
	assert_int_equal(f->stops, 0);
	for (unsigned i = 0; i < 10000; i++)
		mmio(f, 0, 1, true, 1);
	assert_in_range(lseek(f->log.fd, 0, SEEK_END), 1, 8192);
}

static void sbi_call(struct fixture *f, unsigned long eid, unsigned long fid,
		     unsigned long a0, unsigned long a1)
{
	f->run.riscv_sbi.extension_id = eid;
	f->run.riscv_sbi.function_id = fid;
	f->run.riscv_sbi.args[0] = a0;
	f->run.riscv_sbi.args[1] = a1;
	f->run.riscv_sbi.ret[0] = 0x5a5a;
	f->run.riscv_sbi.ret[1] = 0x5a5a;
	assert_int_equal(leave(f, KVM_EXIT_RISCV_SBI), EXIT_RESUME);
}

static void sbi_returns_both_values(void **state)
{
	struct fixture *f = *state;

	sbi_call(f, 0x09000000, 0, 1, 2);
	assert_int_equal((long)f->run.riscv_sbi.ret[0], SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(f->run.riscv_sbi.ret[1], 0);
	f->room = 1;
	sbi_call(f, SBI_EXT_LEGACY_PUTCHAR, 0, 'x', 0x77);
	assert_int_equal(f->run.riscv_sbi.ret[0], 0);
	assert_int_equal(f->run.riscv_sbi.ret[1], 0x77);
	assert_int_equal(stub.nr_writes, 0);
}

/* KVM will set a0, a1 and step over the ecall: afterwards all is as before. */
static void blocking_call_is_repeated(void **state)
{
	struct fixture *f = *state;

	f->room = 0;
	sbi_call(f, SBI_EXT_DBCN, 2, 'x', 0x77);
	assert_int_equal(f->run.riscv_sbi.ret[0], 'x');
	assert_int_equal(f->run.riscv_sbi.ret[1], 0x77);
	assert_int_equal(stub_value(RVREG_PC) + 4, 0x80201000);
	/* Where the registers cannot be had, the call fails instead. */
	stub_find(RVREG_PC)->set_error = -EIO;
	sbi_call(f, SBI_EXT_DBCN, 2, 'x', 0x77);
	assert_int_equal((long)f->run.riscv_sbi.ret[0], SBI_ERR_FAILED);
	assert_int_equal(f->run.riscv_sbi.ret[1], 0);
}

static void csr_reads_zero(void **state)
{
	struct fixture *f = *state;

	f->run.riscv_csr.csr_num = 0x150;
	f->run.riscv_csr.ret_value = 0x5a5a;
	assert_int_equal(leave(f, KVM_EXIT_RISCV_CSR), EXIT_RESUME);
	assert_int_equal(f->run.riscv_csr.ret_value, 0);
	for (unsigned i = 0; i < 10000; i++)
		leave(f, KVM_EXIT_RISCV_CSR);
	assert_in_range(lseek(f->log.fd, 0, SEEK_END), 1, 8192);
}

static void seed_gives_entropy(void **state)
{
	struct fixture *f = *state;
	unsigned long seen = 0;

	f->run.riscv_csr.csr_num = 0x015;
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(leave(f, KVM_EXIT_RISCV_CSR), EXIT_RESUME);
		unsigned long seed = f->run.riscv_csr.ret_value;

		/* ES16, or WAIT on a machine that has just started. */
		assert_true(seed >> 16 == 0x8000 || seed == 0x40000000);
		seen |= seed & 0xffff;
	}
	assert_int_not_equal(seen, 0);
}

static void system_event(struct fixture *f, unsigned type, uint64_t reason,
			 uint64_t a0, enum exit_action action, enum vm_stop why)
{
	unsigned stops = f->stops;

	stub_add(RVREG_A0, a0);
	memset(&f->run.system_event, 0, sizeof(f->run.system_event));
	f->run.system_event.type = type;
	f->run.system_event.ndata = 1;
	f->run.system_event.data[0] = reason;
	assert_int_equal(leave(f, KVM_EXIT_SYSTEM_EVENT), action);
	assert_int_equal(f->stops, stops + (action == EXIT_STOP));
	if (action == EXIT_STOP)
		assert_int_equal(f->why, why);
}

static void power_off_and_reset(void **state)
{
	struct fixture *f = *state;

	system_event(f, KVM_SYSTEM_EVENT_SHUTDOWN, 0, 0, EXIT_STOP,
		     VM_STOP_POWEROFF);
	system_event(f, KVM_SYSTEM_EVENT_SHUTDOWN, 0xe0000000, 0, EXIT_STOP,
		     VM_STOP_POWEROFF);
	system_event(f, KVM_SYSTEM_EVENT_SHUTDOWN, 1, 0, EXIT_STOP,
		     VM_STOP_PANIC);
	system_event(f, KVM_SYSTEM_EVENT_RESET, 0, 1, EXIT_STOP,
		     VM_STOP_COLD_REBOOT);
	system_event(f, KVM_SYSTEM_EVENT_RESET, 0, 2, EXIT_STOP,
		     VM_STOP_WARM_REBOOT);
	/* The type is 32 bits wide. */
	system_event(f, KVM_SYSTEM_EVENT_RESET, 0, 0xffffffff00000002,
		     EXIT_STOP, VM_STOP_WARM_REBOOT);
	system_event(f, KVM_SYSTEM_EVENT_RESET, 1, 1, EXIT_STOP, VM_STOP_PANIC);
	assert_string_equal(f->text, "guest panicked (SBI reset with a "
				     "system-failure reason)");
	system_event(f, KVM_SYSTEM_EVENT_RESET, 1, 2, EXIT_STOP, VM_STOP_PANIC);
	system_event(f, KVM_SYSTEM_EVENT_CRASH, 0, 0, EXIT_STOP, VM_STOP_PANIC);
}

static void reset_without_a_type_is_cold(void **state)
{
	struct fixture *f = *state;

	stub.nr_regs = 0;
	f->run.system_event.type = KVM_SYSTEM_EVENT_RESET;
	assert_int_equal(leave(f, KVM_EXIT_SYSTEM_EVENT), EXIT_STOP);
	assert_int_equal(f->why, VM_STOP_COLD_REBOOT);
}

static void sleep_events_are_ignored(void **state)
{
	struct fixture *f = *state;

	system_event(f, KVM_SYSTEM_EVENT_WAKEUP, 0, 0, EXIT_RESUME, 0);
	system_event(f, KVM_SYSTEM_EVENT_SUSPEND, 0, 0, EXIT_RESUME, 0);
	system_event(f, 0, 0, 0, EXIT_STOP, VM_STOP_CRASH);
	system_event(f, 6, 0, 0, EXIT_STOP, VM_STOP_CRASH);
	system_event(f, UINT32_MAX, 0, 0, EXIT_STOP, VM_STOP_CRASH);
}

static void interrupted_run_goes_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(leave(f, KVM_EXIT_INTR), EXIT_RESUME);
	assert_int_equal(f->stops, 0);
}

static void broken_exits_end_the_guest(void **state)
{
	static const struct {
		uint32_t reason;
		const char *text;
	} exits[] = {
		{ KVM_EXIT_DEBUG, "debugger" },
		{ KVM_EXIT_INTERNAL_ERROR, "internal error 3" },
		{ KVM_EXIT_FAIL_ENTRY, "hardware reason" },
		{ KVM_EXIT_UNKNOWN, "unknown reason 0" },
		{ KVM_EXIT_RISCV_CSR + 1, "unknown reason 37" },
		{ UINT32_MAX, "unknown reason 4294967295" },
	};
	struct fixture *f = *state;

	f->run.internal.suberror = 3;
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++) {
		assert_int_equal(leave(f, exits[i].reason), EXIT_STOP);
		assert_int_equal(f->stops, i + 1);
		assert_int_equal(f->why, VM_STOP_CRASH);
		assert_non_null(strstr(f->text, exits[i].text));
		assert_non_null(strstr(f->text, "pc 0x80201000"));
	}
}

static void failed_run_tells_where(void **state)
{
	static const struct {
		int error;
		const char *text;
	} errors[] = {
		{ -EOPNOTSUPP, "no memory" }, { -EIO, "misaligned" },
		{ -EFAULT, "trap" },          { -ENOMEM, "memory left" },
		{ -EPERM, "not permitted" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		arch_run_failed(&f->vcpu, errors[i].error);
		assert_int_equal(f->stops, i + 1);
		assert_int_equal(f->why, VM_STOP_CRASH);
		assert_non_null(strstr(f->text, errors[i].text));
		assert_non_null(strstr(f->text, "pc 0x80201000"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mmio_reaches_the_device),
		TEST(unanswered_mmio_reads_zero),
		TEST(sbi_returns_both_values),
		TEST(blocking_call_is_repeated),
		TEST(csr_reads_zero),
		TEST(seed_gives_entropy),
		TEST(power_off_and_reset),
		TEST(reset_without_a_type_is_cold),
		TEST(sleep_events_are_ignored),
		TEST(interrupted_run_goes_on),
		TEST(broken_exits_end_the_guest),
		TEST(failed_run_tells_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
