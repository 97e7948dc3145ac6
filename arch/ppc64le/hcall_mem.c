/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: loads, stores and copies at logical addresses (PAPR, 14.5.4.2).
 *
 * They are for a guest that runs with the MMU off and cannot reach devices by
 * itself. Addresses may be of RAM or of a device. Values are big-endian in
 * memory, whatever the guest's byte order.
 */
#include <string.h>

#include "arch/ppc64le/hcall.h"
#include "vmm/bytes.h"
#include "vmm/vm.h"

/* Most that one call copies; a guest that wants more calls again. */
#define MAX_COPY MIB(16)
/* Most elements that are not simply copied from RAM to RAM */
#define MAX_ELEMENTS 0x10000U

/* H_LOGICAL_MEMOP's operations: 0 copies */
#define MEMOP_INVERT 1U

static bool access_bytes(struct vm *vm, uint64_t gpa, uint8_t *data,
			 unsigned size, bool is_write)
{
	int ret = is_write ? gmem_write(&vm->gmem, gpa, data, size)
			   : gmem_read(&vm->gmem, gpa, data, size);

	return ret == 0 || mmio_access(&vm->mmio, gpa, data, size, is_write);
}

static bool access_is_valid(uint64_t size, uint64_t gpa)
{
	return size <= sizeof(uint64_t) && is_power_of_two(size) &&
	       gpa % size == 0;
}

/* The value sits at the end of eight bytes. */
static int64_t h_logical_ci_load(struct hcall *call)
{
	uint64_t size = call->args[0];
	uint64_t gpa = call->args[1];
	uint8_t raw[8] = { 0 };

	if (!access_is_valid(size, gpa) ||
	    !access_bytes(call->vcpu->vm, gpa, raw + sizeof(raw) - size,
			  (unsigned)size, false))
		return H_PARAMETER;
	call->args[0] = be64_load(raw);
	return H_SUCCESS;
}

static int64_t h_logical_ci_store(struct hcall *call)
{
	uint64_t size = call->args[0];
	uint64_t gpa = call->args[1];
	uint8_t raw[8];

	be64_store(raw, call->args[2]);
	if (!access_is_valid(size, gpa) ||
	    !access_bytes(call->vcpu->vm, gpa, raw + sizeof(raw) - size,
			  (unsigned)size, true))
		return H_PARAMETER;
	return H_SUCCESS;
}

/**
 * struct memop - A checked H_LOGICAL_MEMOP
 * @size: of an element
 * @backwards: the last element comes first, since the ranges overlap
 */
struct memop {
	uint64_t to;
	uint64_t from;
	unsigned size;
	uint64_t count;
	bool invert;
	bool backwards;
};

/* Return: whether all of both ranges is RAM; it is done then. */
static bool copy_ram(struct vm *vm, const struct memop *op)
{
	uint64_t len = op->count * op->size;
	void *to = gmem_range(&vm->gmem, op->to, len);
	const void *from = gmem_range(&vm->gmem, op->from, len);

	if (to == NULL || from == NULL)
		return false;
	memmove(to, from, len);
	gmem_mark_dirty(&vm->gmem, to, len);
	return true;
}

static bool copy_element(struct vm *vm, const struct memop *op, uint64_t index)
{
	uint64_t off = index * op->size;
	uint8_t raw[8];

	if (!access_bytes(vm, op->from + off, raw, op->size, false))
		return false;
	for (unsigned i = 0; op->invert && i < op->size; i++)
		raw[i] = (uint8_t)~raw[i];
	return access_bytes(vm, op->to + off, raw, op->size, true);
}

static int64_t copy_elements(struct vm *vm, const struct memop *op)
{
	for (uint64_t i = 0; i < op->count; i++) {
		uint64_t index = op->backwards ? op->count - 1 - i : i;

		if (!copy_element(vm, op, index))
			return H_PARAMETER;
	}
	return H_SUCCESS;
}

/* Return: whether it makes sense. Nothing in it can wrap afterwards. */
static bool get_memop(const struct hcall *call, struct memop *op)
{
	uint64_t shift = call->args[2];
	uint64_t what = call->args[4];

	if (shift > 3 || what > MEMOP_INVERT || call->args[3] > MAX_COPY)
		return false;
	*op = (struct memop){
		.to = call->args[0],
		.from = call->args[1],
		.size = 1U << shift,
		.count = call->args[3],
		.invert = what == MEMOP_INVERT,
	};

	uint64_t len = op->count * op->size;
	op->backwards = op->to > op->from && op->to - op->from < len;
	return len <= MAX_COPY && range_fits(op->to, len, UINT64_MAX) &&
	       range_fits(op->from, len, UINT64_MAX) &&
	       op->to % op->size == 0 && op->from % op->size == 0;
}

static int64_t h_logical_memop(struct hcall *call)
{
	struct vm *vm = call->vcpu->vm;
	struct memop op;

	if (!get_memop(call, &op))
		return H_PARAMETER;
	if (op.count == 0 || (!op.invert && copy_ram(vm, &op)))
		return H_SUCCESS;
	return op.count <= MAX_ELEMENTS ? copy_elements(vm, &op) : H_PARAMETER;
}

const struct hcall_entry hcalls_mem[] = {
	{ 0x3c, "H_LOGICAL_CI_LOAD", h_logical_ci_load },
	{ 0x40, "H_LOGICAL_CI_STORE", h_logical_ci_store },
	{ 0xf001, "KVMPPC_H_LOGICAL_MEMOP", h_logical_memop },
	{ .fn = NULL },
};
