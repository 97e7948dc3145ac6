/* SPDX-License-Identifier: Apache-2.0 */
/* SBI calls: the table and the dispatcher. */
#include "arch/riscv64/sbi.h"

#include "vmm/log.h"
#include "vmm/util.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define BASE_PROBE_EXTENSION 3U

struct chardev *sbi_console(const struct vm *vm)
{
	int console = config_main_console(vm->cfg);

	return console < 0 ? NULL : vm->consoles[console];
}

/*
 * SBI 2.0, chapter 4: of the base extension KVM forwards only the question
 * whether an experimental or vendor extension is there. None is.
 */
static struct sbi_ret base_call(struct vcpu *vcpu, uint64_t fid,
				const uint64_t args[6])
{
	(void)vcpu;
	(void)args;
	if (fid != BASE_PROBE_EXTENSION)
		return (struct sbi_ret){ .error = SBI_ERR_NOT_SUPPORTED };
	return (struct sbi_ret){ .error = SBI_SUCCESS, .value = 0 };
}

/* Sorted by id, without overlaps. */
static const struct sbi_ext table[] = {
	{
		.first = SBI_EXT_LEGACY_PUTCHAR,
		.last = SBI_EXT_LEGACY_PUTCHAR,
		.name = "legacy putchar",
		.call = sbi_legacy_putchar,
	},
	{
		.first = SBI_EXT_LEGACY_GETCHAR,
		.last = SBI_EXT_LEGACY_GETCHAR,
		.name = "legacy getchar",
		.call = sbi_legacy_getchar,
	},
	{
		.first = SBI_EXT_BASE,
		.last = SBI_EXT_BASE,
		.name = "base",
		.call = base_call,
	},
	{
		.first = SBI_EXT_DBCN,
		.last = SBI_EXT_DBCN,
		.name = "debug console",
		.call = sbi_dbcn_call,
	},
};

const struct sbi_ext *sbi_table(unsigned *count)
{
	*count = ARRAY_SIZE(table);
	return table;
}

const struct sbi_ext *sbi_find(uint64_t eid)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (eid >= table[i].first && eid <= table[i].last)
			return &table[i];
	}
	return NULL;
}

struct sbi_ret sbi_dispatch(struct vcpu *vcpu, uint64_t eid, uint64_t fid,
			    const uint64_t args[6])
{
	const struct sbi_ext *ext = sbi_find(eid);

	if (ext != NULL)
		return ext->call(vcpu, fid, args);

	log_guest(vcpu->vm->log, &vcpu->guest_log, LOG_DEBUG,
		  "vCPU %u: SBI call 0x%llx function 0x%llx is not supported",
		  vcpu->id, (unsigned long long)eid, (unsigned long long)fid);
	return (struct sbi_ret){ .error = SBI_ERR_NOT_SUPPORTED };
}
