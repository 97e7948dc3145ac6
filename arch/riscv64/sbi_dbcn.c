/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug console (SBI 2.0, chapter 12), on the machine's first console.
 *
 * Memory is checked as a whole, then one bounded piece is transferred: the
 * specification allows for a short count, and the guest comes back for the
 * rest.
 */
#include "arch/riscv64/sbi.h"

#include "vmm/chardev.h"
#include "vmm/gmem.h"
#include "vmm/util.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define DBCN_WRITE      0U
#define DBCN_READ       1U
#define DBCN_WRITE_BYTE 2U

/* Most bytes of one call. */
#define DBCN_PIECE 2048U

static struct sbi_ret sbi_error(int64_t error)
{
	return (struct sbi_ret){ .error = error };
}

/*
 * Whether the guest's a0 to a2 name memory: length, low and high half of the
 * address. An empty range lies anywhere that can be addressed.
 */
static bool range_is_ram(const struct vm *vm, const uint64_t args[6])
{
	if (args[2] != 0)
		return false;
	return args[0] == 0 || gmem_range(&vm->gmem, args[1], args[0]) != NULL;
}

static struct sbi_ret dbcn_write(struct vcpu *vcpu, const uint64_t args[6])
{
	struct vm *vm = vcpu->vm;
	struct chardev *console = sbi_console(vm);
	uint8_t buf[DBCN_PIECE];
	size_t len = min_size(args[0], sizeof(buf));

	if (!range_is_ram(vm, args) ||
	    gmem_read(&vm->gmem, args[1], buf, len) < 0)
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (console == NULL)
		return sbi_error(SBI_ERR_FAILED);
	if (len == 0)
		return (struct sbi_ret){ .value = 0 };
	return (struct sbi_ret){ .value = chardev_write(console, buf, len) };
}

static struct sbi_ret dbcn_read(struct vcpu *vcpu, const uint64_t args[6])
{
	struct vm *vm = vcpu->vm;
	struct chardev *console = sbi_console(vm);
	uint8_t buf[DBCN_PIECE];
	size_t len = min_size(args[0], sizeof(buf));

	if (!range_is_ram(vm, args))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (console == NULL)
		return sbi_error(SBI_ERR_FAILED);
	if (len > 0)
		len = chardev_read(console, buf, len);
	if (gmem_write(&vm->gmem, args[1], buf, len) < 0)
		return sbi_error(SBI_ERR_FAILED);
	return (struct sbi_ret){ .value = len };
}

/* The one call that must not return before the byte is out. */
static struct sbi_ret dbcn_write_byte(struct vcpu *vcpu, const uint64_t args[6])
{
	struct chardev *console = sbi_console(vcpu->vm);
	uint8_t byte = (uint8_t)args[0];

	if (console == NULL)
		return sbi_error(SBI_ERR_FAILED);
	return sbi_error(chardev_write(console, &byte, 1) == 1 ? SBI_SUCCESS
							       : SBI_AGAIN);
}

struct sbi_ret sbi_dbcn_call(struct vcpu *vcpu, uint64_t fid,
			     const uint64_t args[6])
{
	static struct sbi_ret (*const calls[])(struct vcpu *,
					       const uint64_t *) = {
		[DBCN_WRITE] = dbcn_write,
		[DBCN_READ] = dbcn_read,
		[DBCN_WRITE_BYTE] = dbcn_write_byte,
	};

	if (fid >= ARRAY_SIZE(calls))
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	return calls[fid](vcpu, args);
}
