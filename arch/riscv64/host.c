/* SPDX-License-Identifier: Apache-2.0 */
/* What `privet host` says of riscv64: what a guest's hart would have. */
#include "vmm/host.h"

#include <errno.h>

#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/isa.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/regs.h"
#include "vmm/arch.h"
#include "vmm/kvm.h"

static void report_memory(const struct kvm *kvm, struct host_report *report)
{
	int bits = kvm_check_extension(kvm, KVM_CAP_VM_GPA_BITS);

	if (bits > 0)
		host_add(report, "address-bits", NULL, "%d", bits);
	else
		host_add(report, "address-bits",
			 "this kernel does not tell; 41 are assumed",
			 "unknown");
}

static void report_isa(const struct isa *isa, struct host_report *report)
{
	char string[ISA_STRING_SIZE];
	const char *mmu = isa_mmu_type(isa);

	isa_string(isa, string);
	host_add(report, "isa", NULL, "%s", string);
	host_add(report, "mmu", mmu != NULL ? NULL : "this kernel is too old",
		 "%s", mmu != NULL ? mmu : "unknown");
	host_add(report, "timebase", NULL, "%llu",
		 (unsigned long long)isa->timebase);
}

static void report_debug_console(int vcpu_fd, struct host_report *report)
{
	uint64_t enabled;
	bool have = kvm_get_reg(vcpu_fd, RVREG_SBI_EXT(KVM_RISCV_SBI_EXT_DBCN),
				&enabled) == 0;

	host_add(report, "sbi.dbcn",
		 have ? NULL
		      : "this kernel is too old (6.7 has it); early messages "
			"use the legacy console",
		 "%s", have ? "yes" : "no");
}

static int report_vcpu(struct kvm *kvm, struct host_report *report,
		       struct error *err)
{
	struct kvm_run *run = NULL;
	const char *why = NULL;
	struct isa isa;
	int fd = -1;
	int ret = kvm_create_vcpu(kvm, 0, &fd, &run, err);

	if (ret < 0)
		return ret;
	ret = isa_read(fd, aia_ops.probe(kvm, &why) > 0, &isa, err);
	if (ret == 0) {
		report_isa(&isa, report);
		report_debug_console(fd, report);
	}
	kvm_destroy_vcpu(kvm, fd, run);
	return ret;
}

/* A hart is known only to a VM that has one, so one is made for a moment. */
int arch_host_report(struct kvm *kvm, struct host_report *report)
{
	struct error err = { 0 };

	report_memory(kvm, report);
	int ret = kvm_create_vm(kvm, arch_kvm_type(kvm), &err);
	if (ret == 0) {
		ret = report_vcpu(kvm, report, &err);
		kvm_destroy_vm(kvm);
	}
	if (ret < 0)
		host_add(report, "vcpu", err.text, "no");
	return ret;
}
