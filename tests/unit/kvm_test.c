/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's ioctls: what a failure says, and what it leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fakes/fake_kvm.h"
#include "vmm/kvm.h"
#include "vmm/kvm_sys.h"

static int setup(void **state)
{
	struct kvm *kvm = calloc(1, sizeof(*kvm));

	assert_non_null(kvm);
	fake_kvm_reset();
	*kvm = (struct kvm){ .fd = -1, .vm_fd = -1 };
	*state = kvm;
	return 0;
}

static int setup_vm(void **state)
{
	setup(state);

	struct kvm *kvm = *state;
	assert_int_equal(kvm_open(kvm, NULL, NULL), 0);
	assert_int_equal(kvm_create_vm(kvm, 0, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	struct kvm *kvm = *state;

	kvm_close(kvm);
	kvm_close(kvm);
	assert_int_equal(kvm->fd, -1);
	assert_int_equal(kvm->vm_fd, -1);
	assert_int_equal(fake_kvm_open_fds(), 0);
	free(kvm);
	return 0;
}

static void assert_says(const struct error *err, int code,
			enum exit_status status, const char *text)
{
	assert_int_equal(err->code, code);
	assert_int_equal(err->status, status);
	assert_string_equal(err->text, text);
}

#define MODULE                                               \
	"the kvm module is not loaded or the machine lacks " \
	"the hypervisor extension (modprobe kvm, dmesg)"

static void open_fails(void **state)
{
	static const struct {
		int code;
		const char *why;
	} cases[] = {
		{ -ENOENT, "there is no such device; load the kernel's kvm "
			   "module (modprobe kvm) on a machine with the "
			   "hypervisor extension" },
		{ -ENODEV, MODULE },
		{ -ENXIO, MODULE },
		{ -EACCES, "no permission; join the group that owns it "
			   "(usermod -aG kvm USER) and log in again" },
		{ -EPERM, "a sandbox or device policy forbids it; allow this "
			  "device there" },
		{ -EIO, "Input/output error; see 'privet host'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		char text[512];

		snprintf(text, sizeof(text), "cannot open /dev/kvm: %s",
			 cases[i].why);
		fake_kvm_fail_nth(1, cases[i].code);
		assert_int_equal(kvm_open(*state, NULL, &err), cases[i].code);
		assert_says(&err, cases[i].code, EXIT_STATUS_NO_KVM, text);
		/* Nobody has to want the text. */
		fake_kvm_fail_nth(1, cases[i].code);
		assert_int_equal(kvm_open(*state, NULL, NULL), cases[i].code);
	}
}

static void open_names_its_path(void **state)
{
	struct error err = { 0 };

	assert_int_equal(kvm_open(*state, "/dev/other", &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot open /dev/other: there is"));
}

/* The second and third call give a result, not an error, that is wrong. */
static void open_finds_no_kvm(void **state)
{
	static const int versions[] = { 0, 11, 13, -ENOTTY };
	static const int sizes[] = { -EINVAL, 0,
				     (int)sizeof(struct kvm_run) - 1 };
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		fake_kvm_fail_nth(2, versions[i]);
		assert_int_equal(kvm_open(*state, NULL, &err), -ENODEV);
		assert_says(&err, -ENODEV, EXIT_STATUS_NO_KVM,
			    "cannot use /dev/kvm: it is not KVM with API "
			    "version 12; check the path");
		assert_int_equal(fake_kvm_open_fds(), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "cannot use /dev/kvm: KVM_GET_VCPU_MMAP_SIZE gave %d; "
			 "this kernel is too old",
			 sizes[i]);
		fake_kvm_fail_nth(3, sizes[i]);
		assert_int_equal(kvm_open(*state, NULL, &err), -ENODEV);
		assert_says(&err, -ENODEV, EXIT_STATUS_NO_KVM, text);
		assert_int_equal(fake_kvm_open_fds(), 0);
	}
}

static void capabilities(void **state)
{
	struct kvm *kvm = *state;

	fake_kvm_set_cap(KVM_CAP_MAX_VCPUS, 17);
	fake_kvm_set_cap(KVM_CAP_IRQFD, -EINVAL);
	assert_int_equal(kvm_check_extension(kvm, KVM_CAP_MAX_VCPUS), 17);
	/* An error counts as absent. */
	assert_int_equal(kvm_check_extension(kvm, KVM_CAP_IRQFD), 0);
	assert_int_equal(kvm_check_extension(kvm, 99999), 0);
}

static void machine_fails(void **state)
{
	struct kvm *kvm = *state;
	struct error err = { 0 };
	struct kvm_run *run = NULL;
	int fd = -1;

	kvm_destroy_vm(kvm);
	fake_kvm_fail_nth(1, -EBUSY);
	assert_int_equal(kvm_create_vm(kvm, 0, &err), -EBUSY);
	assert_says(&err, -EBUSY, EXIT_STATUS_ERROR,
		    "cannot create a virtual machine: KVM_CREATE_VM: Device or "
		    "resource busy; see 'privet host'");
	assert_int_equal(kvm->vm_fd, -1);
	assert_int_equal(kvm_create_vm(kvm, 0, &err), 0);

	fake_kvm_fail_nth(1, -ENOMEM);
	assert_int_equal(
		kvm_set_memory(kvm, 0, 0, 0x80000000, MIB(3), NULL, &err),
		-ENOMEM);
	assert_says(&err, -ENOMEM, EXIT_STATUS_ERROR,
		    "cannot give the guest 3 MiB of RAM at 0x80000000: "
		    "KVM_SET_USER_MEMORY_REGION: Cannot allocate memory; try "
		    "less --mem");

	fake_kvm_fail_nth(1, -EINVAL);
	assert_int_equal(kvm_create_vcpu(kvm, 3, &fd, &run, &err), -EINVAL);
	assert_says(&err, -EINVAL, EXIT_STATUS_ERROR,
		    "cannot create vCPU 3: KVM_CREATE_VCPU: Invalid argument; "
		    "try fewer --cpus");

	int open = fake_kvm_open_fds();
	fake_kvm_fail_nth(2, -ENOMEM);
	assert_int_equal(kvm_create_vcpu(kvm, 3, &fd, &run, &err), -ENOMEM);
	assert_says(&err, -ENOMEM, EXIT_STATUS_ERROR,
		    "cannot map the state of vCPU 3: Cannot allocate memory; "
		    "raise the memory limit");
	assert_int_equal(fake_kvm_open_fds(), open);
	assert_int_equal(fd, -1);
	assert_null(run);
}

static void vcpus(void **state)
{
	struct kvm *kvm = *state;
	struct kvm_run *run = NULL;
	uint32_t mp = 77;
	int fd = -1;

	assert_int_equal(kvm_create_vcpu(kvm, 1, &fd, &run, NULL), 0);
	/* All of what is mapped can be written to. */
	memset(run, 0, kvm->run_size);
	assert_int_equal(kvm_get_mp_state(fd, &mp), 0);
	assert_int_equal(mp, KVM_MP_STATE_STOPPED);
	assert_int_equal(kvm_set_mp_state(fd, KVM_MP_STATE_RUNNABLE), 0);
	assert_int_equal(fake_kvm_mp_state(1), KVM_MP_STATE_RUNNABLE);
	assert_int_equal(kvm_interrupt(fd, 9), 0);
	assert_int_equal(fake_kvm_interrupt(1), 9);
	/* What fails does not change what it was to fill. */
	mp = 77;
	fake_kvm_fail_nth(1, -EIO);
	assert_int_equal(kvm_get_mp_state(fd, &mp), -EIO);
	assert_int_equal(mp, 77);
	kvm_destroy_vcpu(kvm, fd, run);
	kvm_destroy_vcpu(kvm, -1, NULL);
}

static void register_lists(void **state)
{
	struct kvm *kvm = *state;
	struct kvm_run *run = NULL;
	struct kvm_reg_list *list = NULL;
	int fd = -1;

	assert_int_equal(kvm_create_vcpu(kvm, 0, &fd, &run, NULL), 0);
	assert_int_equal(kvm_get_reg_list(fd, &list), 0);
	assert_int_equal(list->n, 0);
	free(list);
	list = NULL;
	for (unsigned i = 0; i < 3; i++)
		fake_kvm_set_reg(0, KVM_REG_SIZE_U64 | i, i);
	assert_int_equal(kvm_get_reg_list(fd, &list), 0);
	assert_int_equal(list->n, 3);
	assert_int_equal(list->reg[2], KVM_REG_SIZE_U64 | 2);
	free(list);
	list = NULL;
	for (unsigned nth = 1; nth <= 2; nth++) {
		fake_kvm_fail_nth(nth, -EPERM);
		assert_int_equal(kvm_get_reg_list(fd, &list), -EPERM);
		assert_null(list);
	}
	fake_kvm_fail_nth(0, 0);

	uint64_t value = 5;
	assert_int_equal(kvm_set_reg(fd, KVM_REG_SIZE_U64 | 1, &value), 0);
	value = 0;
	assert_int_equal(kvm_get_reg(fd, KVM_REG_SIZE_U64 | 1, &value), 0);
	assert_int_equal(value, 5);
	assert_int_equal(kvm_get_reg(fd, KVM_REG_SIZE_U64 | 9, &value),
			 -ENOENT);
	kvm_destroy_vcpu(kvm, fd, run);
}

static void bindings(void **state)
{
	struct kvm *kvm = *state;
	uint64_t match = 2;

	assert_int_equal(kvm_irqfd(kvm, 5, 33, true), 0);
	assert_int_equal(fake_kvm_irqfd(33), 5);
	assert_int_equal(kvm_irqfd(kvm, 5, 33, false), 0);
	assert_int_equal(fake_kvm_irqfd(33), -1);
	assert_int_equal(kvm_irqfd(kvm, 5, 33, false), -ENOENT);

	assert_int_equal(kvm_ioeventfd(kvm, 5, 0x1000, 4, &match, true), 0);
	assert_int_equal(kvm_ioeventfd(kvm, 5, 0x1000, 0, NULL, true), 0);
	assert_int_equal(fake_kvm_ioeventfds(), 2);
	assert_int_equal(kvm_ioeventfd(kvm, 5, 0x1000, 4, &match, false), 0);
	assert_int_equal(kvm_ioeventfd(kvm, 5, 0x1000, 0, NULL, false), 0);
	assert_int_equal(fake_kvm_ioeventfds(), 0);

	unsigned edges = 0;
	assert_int_equal(kvm_irq_line(kvm, 4, true), 0);
	assert_true(fake_kvm_line(4, &edges));
	assert_int_equal(edges, 1);
	assert_int_equal(kvm_irq_line(kvm, 4, false), 0);
	assert_false(fake_kvm_line(4, NULL));
}

static void devices(void **state)
{
	struct kvm *kvm = *state;
	uint64_t value = 0x1122334455667788, back = 0;
	uint64_t kept = 0;

	fake_kvm_fail_nth(1, -ENODEV);
	assert_int_equal(kvm_create_device(kvm, 1), -ENODEV);
	int fd = kvm_create_device(kvm, 1);
	assert_true(fd >= 0);
	assert_true(kvm_device_has(fd, 1, 3));
	assert_int_equal(kvm_device_set(fd, 1, 3, &value), 0);
	assert_true(fake_kvm_attr(1, 3, &kept));
	assert_int_equal(kept, value);
	assert_int_equal(kvm_device_get(fd, 1, 3, &back), 0);
	assert_int_equal(back, value);
	fake_kvm_fail_nth(1, -ENXIO);
	assert_false(kvm_device_has(fd, 1, 3));
	fake_kvm_fail_nth(1, -EBUSY);
	assert_int_equal(kvm_device_set(fd, 1, 3, &value), -EBUSY);
	kvm_sys_close(fd);
}

#define TEST(name, before) \
	cmocka_unit_test_setup_teardown(name, before, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_fails, setup),
		TEST(open_names_its_path, setup),
		TEST(open_finds_no_kvm, setup),
		TEST(capabilities, setup_vm),
		TEST(machine_fails, setup_vm),
		TEST(vcpus, setup_vm),
		TEST(register_lists, setup_vm),
		TEST(bindings, setup_vm),
		TEST(devices, setup_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
