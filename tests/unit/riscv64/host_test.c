/* SPDX-License-Identifier: Apache-2.0 */
/* What `privet host` says of the harts that a guest would have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/riscv64/regs.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/arch.h"
#include "vmm/host.h"
#include "vmm/kvm.h"

static int setup(void **state)
{
	(void)state;
	stub_reset();
	stub_add(RVREG_CONFIG(isa), 0x112d);
	stub_add(RVREG_TIMER(frequency), 10000000);
	return 0;
}

static int report(struct host_report *out)
{
	struct kvm kvm = { .fd = STUB_KVM_FD, .vm_fd = -1, .run_size = 4096 };

	*out = (struct host_report){ 0 };
	int ret = arch_host_report(&kvm, out);
	/* Nothing is left behind. */
	assert_int_equal(kvm.vm_fd, -1);
	assert_int_equal(stub.open, 0);
	return ret;
}

static const char *item(const struct host_report *r, const char *key)
{
	for (unsigned i = 0; i < r->nr_items; i++) {
		if (strcmp(r->items[i].key, key) == 0)
			return r->items[i].value;
	}
	fail_msg("%s is missing", key);
	return NULL;
}

static void new_host(void **state)
{
	static struct host_report r;

	(void)state;
	stub.caps[KVM_CAP_VM_GPA_BITS] = 50;
	stub.caps[KVM_CAP_IRQCHIP] = 1;
	stub_add(RVREG_CONFIG(satp_mode), 9);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSAIA), 1);
	stub_add(RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN), 0);
	assert_int_equal(report(&r), 0);
	assert_string_equal(item(&r, "address-bits"), "50");
	assert_string_equal(item(&r, "isa"), "rv64imafdc_ssaia");
	assert_string_equal(item(&r, "mmu"), "riscv,sv48");
	assert_string_equal(item(&r, "timebase"), "10000000");
	assert_string_equal(item(&r, "sbi.dbcn"), "yes");
}

static void old_host(void **state)
{
	static struct host_report r;

	(void)state;
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSAIA), 1);
	assert_int_equal(report(&r), 0);
	assert_string_equal(item(&r, "address-bits"), "unknown");
	/* Without an AIA device, guests do not see the extension. */
	assert_string_equal(item(&r, "isa"), "rv64imafdc");
	assert_string_equal(item(&r, "mmu"), "unknown");
	assert_string_equal(item(&r, "sbi.dbcn"), "no");
}

static void unusable_host(void **state)
{
	static struct host_report r;

	(void)state;
	stub_find(RVREG_CONFIG(isa))->get_error = -EIO;
	assert_int_equal(report(&r), -EIO);
	assert_string_equal(item(&r, "vcpu"), "no");
}

/* Without a VM or a vCPU nothing leaks, and the report says why. */
static void any_call_may_fail(void **state)
{
	static struct host_report r;
	bool failed = true;

	(void)state;
	stub.caps[KVM_CAP_IRQCHIP] = 1;
	for (unsigned n = 1; failed; n++) {
		stub.calls = 0;
		stub.fail_at = n;
		int ret = report(&r);

		failed = stub.calls >= n;
		if (ret < 0)
			assert_string_equal(item(&r, "vcpu"), "no");
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_host),
		TEST(old_host),
		TEST(unusable_host),
		TEST(any_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
