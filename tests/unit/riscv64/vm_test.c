/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole machine on a fake KVM: construction, every failure in it, running,
 * reboot, pause, saved state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "arch/riscv64/layout.h"
#include "tests/fakes/fail_nth.h"
#include "tests/unit/riscv64/vm_fixture.h"
#include "vmm/snapshot.h"

#define MAX_NTH   2000
#define KERNEL_PC 0x80200000ULL

static int exit_putchar(struct kvm_run *run, void *arg)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x10000000;
	run->mmio.len = 1;
	run->mmio.is_write = 1;
	run->mmio.data[0] = (uint8_t)(uintptr_t)arg;
	return 0;
}

static int exit_finish(struct kvm_run *run, void *arg)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x100000;
	run->mmio.len = 4;
	run->mmio.is_write = 1;
	le32_store(run->mmio.data, (uint32_t)(uintptr_t)arg);
	return 0;
}

static int exit_unknown(struct kvm_run *run, void *arg)
{
	(void)arg;
	run->exit_reason = 9999;
	return 0;
}

static int exit_failing(struct kvm_run *run, void *arg)
{
	(void)run;
	return (int)(intptr_t)arg;
}

static void test_output_and_shutdown(void **state)
{
	static const struct fake_exit exits[] = {
		{ exit_putchar, NULL, ARG('h') },
		{ exit_putchar, NULL, ARG('i') },
		{ exit_failing, NULL, ARG(-EINTR) },
		{ exit_shutdown, NULL, NULL },
	};
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	fake_kvm_script(0, exits, ARRAY_SIZE(exits));

	struct vm *vm = build(&f);
	struct vm_result result = run(vm);
	vm_destroy(vm);

	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	assert_int_equal(vm_exit_status(&result), 0);
	char out[8] = { 0 };
	assert_int_equal(pread(f.output, out, sizeof(out), 0), 2);
	assert_string_equal(out, "hi");
	fixture_end(&f);
}

static void test_boot_registers(void **state)
{
	struct fixture f;
	struct error err;
	uint64_t value;

	(void)state;
	fixture_init(&f, "--cpus 2");

	struct vm *vm = build(&f);
	assert_int_equal(vm_power_on(vm, &err), 0);
	assert_true(fake_kvm_reg(0, RVREG_PC, &value));
	assert_int_equal(value, KERNEL_PC);
	assert_true(fake_kvm_reg(0, RVREG_A0, &value));
	assert_int_equal(value, 0);
	assert_true(fake_kvm_reg(0, RVREG_A1, &value));
	uint8_t magic[4];
	assert_int_equal(gmem_read(&vm->gmem, value, magic, 4), 0);
	assert_int_equal(be32_load(magic), 0xd00dfeed);
	assert_true(
		fake_kvm_reg(1, RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN), &value));
	assert_int_equal(value, 1);
	assert_int_equal(fake_kvm_mp_state(1), KVM_MP_STATE_STOPPED);
	vm_power_off(vm);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	vm_destroy(vm);
	fixture_end(&f);
}

/* Exit statuses: how it ended, and what the process says. */
static void test_ends(void **state)
{
	static const struct {
		struct fake_exit exit;
		enum vm_stop stop;
		int status;
		const char *options;
	} cases[] = {
		{ { exit_shutdown, NULL, NULL }, VM_STOP_POWEROFF, 0, "" },
		{ { exit_shutdown, NULL, ARG(1) }, VM_STOP_PANIC, 120, "" },
		{ { exit_finish, NULL, ARG(0x5555) }, VM_STOP_POWEROFF, 0, "" },
		{ { exit_finish, NULL, ARG(0x73333) },
		  VM_STOP_GUEST_STATUS,
		  7,
		  "" },
		{ { exit_finish, NULL, ARG(0x4d3333) },
		  VM_STOP_GUEST_STATUS,
		  119,
		  "" },
		{ { exit_finish, NULL, ARG(0x763333) },
		  VM_STOP_GUEST_STATUS,
		  119,
		  "" },
		{ { exit_finish, NULL, ARG(0x753333) },
		  VM_STOP_GUEST_STATUS,
		  119,
		  "" },
		{ { exit_finish, NULL, ARG(0x743333) },
		  VM_STOP_GUEST_STATUS,
		  116,
		  "" },
		{ { exit_finish, NULL, ARG(0x7e3333) },
		  VM_STOP_GUEST_STATUS,
		  126,
		  "" },
		{ { exit_reset, NULL, ARG(1) },
		  VM_STOP_COLD_REBOOT,
		  121,
		  "--no-reboot" },
		{ { exit_reset, NULL, ARG(2) },
		  VM_STOP_WARM_REBOOT,
		  121,
		  "--no-reboot" },
		{ { exit_unknown, NULL, NULL }, VM_STOP_CRASH, 122, "" },
		{ { exit_failing, NULL, ARG(-EOPNOTSUPP) },
		  VM_STOP_CRASH,
		  122,
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		fixture_init(&f, cases[i].options);
		fake_kvm_script(0, &cases[i].exit, 1);

		struct vm *vm = build(&f);
		struct vm_result result = run(vm);
		vm_destroy(vm);
		if (result.stop != cases[i].stop ||
		    (int)vm_exit_status(&result) != cases[i].status)
			fail_msg("case %zu: %s, %d", i,
				 vm_stop_name(result.stop),
				 (int)vm_exit_status(&result));
		assert_true(result.text[0] != '\0');
		fixture_end(&f);
	}
}

/* RAM after a reboot: a mark that the first life leaves. */
struct mark {
	struct vm *vm;
	uint64_t seen;
};

#define MARK_GPA (LAYOUT_RAM_BASE + MIB(8))

static int exit_mark_and_reset(struct kvm_run *run, void *arg)
{
	struct mark *mark = arg;
	uint64_t value = 0x600dULL;

	/* No line of the log waits for its reader while the guest runs. */
	assert_true(mark->vm->log->live);
	assert_int_equal(gmem_write(&mark->vm->gmem, MARK_GPA, &value, 8), 0);
	return exit_reset(run, ARG(mark->seen));
}

static int exit_look_and_shutdown(struct kvm_run *run, void *arg)
{
	struct mark *mark = arg;

	assert_true(mark->vm->log->live);
	assert_int_equal(gmem_read(&mark->vm->gmem, MARK_GPA, &mark->seen, 8),
			 0);
	return exit_shutdown(run, NULL);
}

static void check_reboot(uint64_t type, uint64_t want)
{
	struct mark mark = { .seen = type };
	const struct fake_exit exits[] = {
		{ exit_mark_and_reset, NULL, &mark },
		{ exit_look_and_shutdown, NULL, &mark },
	};
	struct fixture f;

	fixture_init(&f, "--cpus 3");
	fake_kvm_script(0, exits, ARRAY_SIZE(exits));
	mark.vm = build(&f);

	struct vm_result result = run(mark.vm);
	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	assert_int_equal(result.reboots, 1);
	assert_int_equal(mark.seen, want);
	assert_false(mark.vm->log->live);
	vm_destroy(mark.vm);
	fixture_end(&f);
}

static void test_cold_reboot_clears_ram(void **state)
{
	(void)state;
	check_reboot(1, 0);
}

static void test_warm_reboot_keeps_ram(void **state)
{
	(void)state;
	check_reboot(2, 0x600d);
}

static void *stop_soon(void *arg)
{
	vm_request_stop(arg, VM_STOP_USER, 0, "enough");
	return NULL;
}

/* All vCPUs wait in KVM_RUN: a request has to get them out. */
static void test_stop_from_another_thread(void **state)
{
	struct fixture f;
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 50; i++) {
		fixture_init(&f, "--cpus 4");
		struct vm *vm = build(&f);

		assert_int_equal(pthread_create(&thread, NULL, stop_soon, vm),
				 0);
		struct vm_result result = run(vm);
		pthread_join(thread, NULL);
		assert_int_equal(result.stop, VM_STOP_USER);
		assert_int_equal(vm_exit_status(&result), 123);
		vm_destroy(vm);
		fixture_end(&f);
	}
}

static void test_timeout(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "--timeout 1");
	struct vm *vm = build(&f);
	struct vm_result result = run(vm);
	assert_int_equal(result.stop, VM_STOP_TIMEOUT);
	assert_int_equal(vm_exit_status(&result), 124);
	vm_destroy(vm);
	fixture_end(&f);
}

/* A wish for the end that comes with a reboot must not be lost in it. */
static void test_stop_outlives_reboot(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	struct vm *vm = build(&f);
	vm_request_stop(vm, VM_STOP_COLD_REBOOT, 0, "reboot");
	vm_request_stop(vm, VM_STOP_USER, 0, "end");
	vm_request_stop(vm, VM_STOP_POWEROFF, 0, "late");
	struct vm_result result = run(vm);
	assert_int_equal(result.stop, VM_STOP_USER);
	vm_destroy(vm);
	fixture_end(&f);
}

/* A guest that was asked to shut down and reboots has shut down. */
static void check_button_and_reboot(const char *line, enum vm_stop stop)
{
	struct fixture f;

	fixture_init(&f, line);
	struct vm *vm = build(&f);
	/* Nothing listens yet, but the reboot is known. */
	assert_false(vm_press_power_button(vm));
	vm_request_stop(vm, VM_STOP_COLD_REBOOT, 0, "reboot");
	assert_true(vm_press_power_button(vm));
	struct vm_result result = run(vm);
	assert_int_equal(result.stop, stop);
	assert_int_equal(result.reboots, 0);
	assert_non_null(strstr(result.text, "reboot"));
	vm_destroy(vm);
	fixture_end(&f);
}

static void test_reboot_after_button(void **state)
{
	(void)state;
	check_button_and_reboot("", VM_STOP_POWEROFF);
	check_button_and_reboot("--no-reboot", VM_STOP_COLD_REBOOT);
}

/*
 * Pause, save, restore.
 */

struct pauser {
	struct vm *vm;
	struct snap_writer saved;
	pthread_t thread;
	int ret;
};

static void *pause_and_save(void *arg)
{
	struct pauser *p = arg;

	p->ret = vm_pause(p->vm);
	if (p->ret == 0) {
		snap_writer_init(&p->saved, "riscv64");
		p->ret = vm_save(p->vm, &p->saved);
		vm_resume(p->vm);
	}
	vm_request_stop(p->vm, VM_STOP_USER, 0, "saved");
	return NULL;
}

static int exit_start_pauser(struct kvm_run *run, void *arg)
{
	struct pauser *p = arg;

	assert_int_equal(pthread_create(&p->thread, NULL, pause_and_save, p),
			 0);
	/* A read that KVM has to complete before registers are looked at. */
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x10000005;
	run->mmio.len = 1;
	run->mmio.is_write = 0;
	return 0;
}

static void finish_read(struct kvm_run *run, void *arg)
{
	(void)arg;
	fake_kvm_set_reg(0, RVREG_X(7), run->mmio.data[0]);
}

static void test_save_and_restore(void **state)
{
	struct pauser p = { 0 };
	const struct fake_exit exits[] = {
		{ exit_start_pauser, finish_read, &p },
	};
	struct fixture f;
	struct error err = { 0 };

	(void)state;
	fixture_init(&f, "--cpus 2");
	fake_kvm_script(0, exits, 1);
	p.vm = build(&f);
	run(p.vm);
	pthread_join(p.thread, NULL);
	assert_int_equal(p.ret, 0);
	vm_destroy(p.vm);

	/* The same machine again, and its state into it. */
	struct vm *vm = build(&f);
	assert_int_equal(vm_power_on(vm, &err), 0);
	struct snap_reader r;
	assert_int_equal(snap_reader_init(&r, p.saved.data, p.saved.len,
					  "riscv64", &err),
			 0);
	if (vm_restore(vm, &r, &err) < 0)
		fail_msg("%s", err.text);
	uint64_t value;
	assert_true(fake_kvm_reg(0, RVREG_X(7), &value));
	/* LSR of an idle port: THRE and TEMT. The access had been completed. */
	assert_int_equal(value, 0x60);

	/* Saved again, it is the same to the byte. */
	struct snap_writer again;
	snap_writer_init(&again, "riscv64");
	assert_int_equal(vm_save(vm, &again), 0);
	assert_int_equal(again.len, p.saved.len);
	assert_memory_equal(again.data, p.saved.data, again.len);

	snap_writer_free(&again);
	vm_power_off(vm);
	vm_destroy(vm);
	snap_writer_free(&p.saved);
	fixture_end(&f);
}

static void test_restore_refuses_another_machine(void **state)
{
	struct fixture f;
	struct error err = { 0 };
	struct snap_writer w;
	struct snap_reader r;

	(void)state;
	fixture_init(&f, "--cpus 2");
	struct vm *vm = build(&f);
	assert_int_equal(vm_power_on(vm, &err), 0);
	snap_writer_init(&w, "riscv64");
	assert_int_equal(vm_save(vm, &w), 0);
	vm_power_off(vm);
	vm_destroy(vm);
	fixture_end(&f);

	fixture_init(&f, "--cpus 1");
	vm = build(&f);
	assert_int_equal(vm_power_on(vm, &err), 0);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", &err),
			 0);
	assert_true(vm_restore(vm, &r, &err) < 0);
	assert_non_null(strstr(err.text, "vcpu1"));
	vm_power_off(vm);
	vm_destroy(vm);
	fixture_end(&f);

	fixture_init(&f, "--cpus 3");
	vm = build(&f);
	assert_int_equal(vm_power_on(vm, &err), 0);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "riscv64", &err),
			 0);
	assert_true(vm_restore(vm, &r, &err) < 0);
	assert_non_null(strstr(err.text, "saved state: "));
	vm_power_off(vm);
	vm_destroy(vm);
	fixture_end(&f);
	snap_writer_free(&w);
}

/*
 * Failures.
 */

/* Builds and runs; true when it came to an ordinary end. */
static bool whole_life(struct fixture *f)
{
	static const struct fake_exit exits[] = {
		{ exit_shutdown, NULL, NULL },
	};
	struct vm_result result = { 0 };
	struct error err = { 0 };
	struct vm *vm = NULL;

	fake_kvm_script(0, exits, 1);
	int ret = vm_create(&f->cfg, &f->log, &vm, &err);
	if (ret == 0)
		ret = vm_run(vm, &result, &err);
	vm_destroy(vm);
	if (ret < 0) {
		assert_true(err.text[0] != '\0');
		assert_null(strchr(err.text, '\n'));
		assert_int_not_equal(err.status, 0);
		return false;
	}
	return result.stop == VM_STOP_POWEROFF;
}

/* @least: more than these failures must end it. */
static void fail_each(unsigned least, void (*arm)(unsigned nth),
		      bool (*reached)(void))
{
	struct fixture f;
	unsigned failures = 0, nth;

	fixture_init(&f, "--cpus 2");
	assert_true(whole_life(&f));
	unsigned fds = count_fds();

	for (nth = 1; nth < MAX_NTH; nth++) {
		arm(nth);
		bool good = whole_life(&f);
		bool hit = reached();

		arm(0);
		assert_int_equal(fake_kvm_open_fds(), 0);
		if (count_fds() != fds)
			fail_msg("call %u failing leaks a descriptor", nth);
		failures += !good;
		if (!hit)
			break;
	}
	assert_true(nth < MAX_NTH);
	/* What has something to fall back on, such as an extension, goes on. */
	assert_true(failures > least);
	fixture_end(&f);
}

static void arm_kvm(unsigned nth)
{
	fake_kvm_fail_nth(nth, -ENOMEM);
}

static void test_every_kvm_call_may_fail(void **state)
{
	(void)state;
	fail_each(10, arm_kvm, fake_kvm_failed);
}

static void test_every_library_call_may_fail(void **state)
{
	(void)state;
	fail_each(50, fail_nth_arm, fail_nth_hit);
}

static void test_no_kvm(void **state)
{
	struct fixture f;
	struct error err = { 0 };
	struct vm *vm = NULL;

	(void)state;
	fixture_init(&f, "--kvm /nonexistent");
	assert_int_equal(vm_create(&f.cfg, &f.log, &vm, &err), -ENOENT);
	assert_int_equal(err.status, EXIT_STATUS_NO_KVM);
	assert_non_null(strstr(err.text, "/nonexistent"));
	fixture_end(&f);
}

static void test_cpu_limits(void **state)
{
	static const struct {
		const char *options;
		int kvm;
		bool good;
	} cases[] = {
		{ "--cpus 512", 1024, true },
		{ "--cpus 513", 1024, false },
		{ "--cpus 4096", 9999, false },
		{ "--cpus 8", 8, true },
		{ "--cpus 9", 8, false },
		/* A kernel that does not tell. */
		{ "--cpus 4", 0, true },
		{ "--cpus 5", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		struct error err = { 0 };
		struct vm *vm = NULL;

		fixture_init(&f, cases[i].options);
		fake_kvm_set_cap(KVM_CAP_MAX_VCPUS, cases[i].kvm);
		int ret = vm_create(&f.cfg, &f.log, &vm, &err);
		vm_destroy(vm);
		if ((ret == 0) != cases[i].good)
			fail_msg("%s: %s", cases[i].options, err.text);
		if (ret < 0) {
			assert_int_equal(err.status, EXIT_STATUS_USAGE);
			assert_non_null(strstr(err.text, "--cpus"));
		}
		fixture_end(&f);
	}
}

static void test_limits_are_refused(void **state)
{
	static const struct {
		const char *options, *word;
		int status;
	} cases[] = {
		{ "--cpus 9", "--cpus 9", EXIT_STATUS_USAGE },
		{ "--irqchip xive", "xive", EXIT_STATUS_USAGE },
		{ "--irqchip aia", "aia", EXIT_STATUS_NO_KVM },
		{ "--initrd /nonexistent", "/nonexistent", EXIT_STATUS_USAGE },
		{ "--initrd fd=999", "fd=999", EXIT_STATUS_USAGE },
		{ "--disk /nonexistent", "/nonexistent", EXIT_STATUS_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		struct error err = { 0 };
		struct vm *vm = NULL;

		fixture_init(&f, cases[i].options);
		if (vm_create(&f.cfg, &f.log, &vm, &err) == 0)
			fail_msg("'%s' was taken", cases[i].options);
		if (strstr(err.text, cases[i].word) == NULL ||
		    (int)err.status != cases[i].status)
			fail_msg("'%s': %d: %s", cases[i].options,
				 (int)err.status, err.text);
		fixture_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_shutdown),
		cmocka_unit_test(test_boot_registers),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_cold_reboot_clears_ram),
		cmocka_unit_test(test_warm_reboot_keeps_ram),
		cmocka_unit_test(test_stop_from_another_thread),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_stop_outlives_reboot),
		cmocka_unit_test(test_reboot_after_button),
		cmocka_unit_test(test_save_and_restore),
		cmocka_unit_test(test_restore_refuses_another_machine),
		cmocka_unit_test(test_every_kvm_call_may_fail),
		cmocka_unit_test(test_every_library_call_may_fail),
		cmocka_unit_test(test_no_kvm),
		cmocka_unit_test(test_cpu_limits),
		cmocka_unit_test(test_limits_are_refused),
	};

	install_kick_handler();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
