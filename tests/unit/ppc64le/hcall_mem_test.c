/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: loads, stores and copies at logical addresses. */
#include "tests/unit/ppc64le/core_fixture.h"

#define CI_LOAD  0x3c
#define CI_STORE 0x40
#define MEMOP    0xf001

#define RAM      MIB(1)
#define DEVICE   UINT64_C(0x200200000000)

/* A device with eight bytes of registers. */
static struct {
	uint8_t bytes[8];
	unsigned accesses;
} device;

static uint64_t device_read(void *opaque, uint64_t off, unsigned size)
{
	uint64_t value = 0;

	(void)opaque;
	device.accesses++;
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)device.bytes[off + i] << 8 * i;
	return value;
}

static void device_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t value)
{
	(void)opaque;
	device.accesses++;
	for (unsigned i = 0; i < size; i++)
		device.bytes[off + i] = (uint8_t)(value >> 8 * i);
}

static int setup(void **state)
{
	static const struct mmio_ops ops = {
		.read = device_read,
		.write = device_write,
		.min_size = 1,
		.max_size = 8,
	};
	const struct mmio_region region = {
		.name = "device",
		.base = DEVICE,
		.size = sizeof(device.bytes),
		.ops = &ops,
	};
	struct error err = { 0 };

	core_setup(state);
	struct core *c = *state;
	memset(&device, 0, sizeof(device));
	assert_int_equal(mmio_add(&c->f.vm->mmio, &region, &err), 0);
	fake_vm_freeze(c->f.vm);
	return 0;
}

static void put(struct core *c, uint64_t gpa, const void *data, size_t len)
{
	assert_int_equal(gmem_write(&c->f.vm->gmem, gpa, data, len), 0);
}

static void assert_ram(struct core *c, uint64_t gpa, const void *want,
		       size_t len)
{
	uint8_t have[64];

	assert_int_equal(gmem_read(&c->f.vm->gmem, gpa, have, len), 0);
	assert_memory_equal(have, want, len);
}

/* Values are big-endian in memory, wherever it is. */
static void loads(void **state)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 0x88 };
	static const struct {
		uint64_t size, off, value;
	} loads[] = {
		{ 1, 7, 0x88 },
		{ 2, 2, 0x0304 },
		{ 4, 4, 0x05060788 },
		{ 8, 0, 0x0102030405060788 },
	};
	struct core *c = *state;

	put(c, 0x1000, bytes, sizeof(bytes));
	memcpy(device.bytes, bytes, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		assert_int_equal(CORE_CALL(c, 0, CI_LOAD, loads[i].size,
					   0x1000 + loads[i].off),
				 H_SUCCESS);
		assert_true(c->call.args[0] == loads[i].value);
		assert_int_equal(CORE_CALL(c, 0, CI_LOAD, loads[i].size,
					   DEVICE + loads[i].off),
				 H_SUCCESS);
		assert_true(c->call.args[0] == loads[i].value);
	}
	assert_int_equal(device.accesses, ARRAY_SIZE(loads));
}

static void stores(void **state)
{
	const uint64_t value = 0x1122334455667788;
	static const uint8_t want[] = { 0x11, 0x22, 0x33, 0x44,
					0x55, 0x66, 0x77, 0x88 };
	struct core *c = *state;

	for (unsigned size = 1; size <= 8; size *= 2) {
		assert_int_equal(CORE_CALL(c, 0, CI_STORE, size, 0x1000, value),
				 H_SUCCESS);
		assert_ram(c, 0x1000, want + 8 - size, size);
		assert_int_equal(CORE_CALL(c, 0, CI_STORE, size, DEVICE, value),
				 H_SUCCESS);
		assert_memory_equal(device.bytes, want + 8 - size, size);
	}
	/* The last bytes of RAM. */
	assert_int_equal(CORE_CALL(c, 0, CI_STORE, 8, RAM - 8, value),
			 H_SUCCESS);
	assert_ram(c, RAM - 8, want, 8);
}

static void accesses_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t size, gpa;
	} bad[] = {
		{ 0, 0x1000 },
		{ 3, 0x1000 },
		{ 3, 0x1002 },
		{ 16, 0x1000 },
		{ UINT64_MAX, 0x1000 },
		{ (UINT64_C(1) << 32) + 4, 0x1000 },
		/* Not aligned */
		{ 2, 0x1001 },
		{ 8, 0x1004 },
		/* Nothing there */
		{ 8, RAM },
		{ 1, RAM },
		{ 8, DEVICE + 8 },
		{ 1, UINT64_MAX },
		{ 8, UINT64_MAX - 7 },
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			CORE_CALL(c, 0, CI_LOAD, bad[i].size, bad[i].gpa),
			H_PARAMETER);
		assert_true(c->call.args[0] == bad[i].size);
		assert_int_equal(
			CORE_CALL(c, 0, CI_STORE, bad[i].size, bad[i].gpa, 1),
			H_PARAMETER);
	}
	assert_int_equal(device.accesses, 0);
}

static void memop_copies_and_inverts(void **state)
{
	static const uint8_t from[8] = { 0, 1, 2, 3, 0xf0, 0xff, 0x55, 0xaa };
	static const uint8_t inverse[8] = { 0xff, 0xfe, 0xfd, 0xfc,
					    0x0f, 0,    0xaa, 0x55 };
	static const uint8_t zeros[8];
	struct core *c = *state;

	for (uint64_t shift = 0; shift <= 3; shift++) {
		put(c, 0x2000, from, 8);
		put(c, 0x3000, zeros, 8);
		put(c, 0x3008, zeros, 8);
		assert_int_equal(CORE_CALL(c, 0, MEMOP, 0x3000, 0x2000, shift,
					   8 >> shift, 0),
				 H_SUCCESS);
		assert_ram(c, 0x3000, from, 8);
		assert_ram(c, 0x3008, zeros, 8);
		assert_int_equal(CORE_CALL(c, 0, MEMOP, 0x3000, 0x2000, shift,
					   8 >> shift, 1),
				 H_SUCCESS);
		assert_ram(c, 0x3000, inverse, 8);
		assert_ram(c, 0x3008, zeros, 8);

		/* To a device, and back. */
		memset(device.bytes, 0, sizeof(device.bytes));
		assert_int_equal(CORE_CALL(c, 0, MEMOP, DEVICE, 0x2000, shift,
					   8 >> shift, 0),
				 H_SUCCESS);
		assert_memory_equal(device.bytes, from, 8);
		assert_int_equal(CORE_CALL(c, 0, MEMOP, 0x3008, DEVICE, shift,
					   8 >> shift, 1),
				 H_SUCCESS);
		assert_ram(c, 0x3008, inverse, 8);
	}
	assert_int_equal(CORE_CALL(c, 0, MEMOP, 0x3000, 0x2000, 0, 0, 0),
			 H_SUCCESS);
}

/* In place, upwards and downwards, for what is copied and what is not. */
static void memop_of_ranges_that_overlap(void **state)
{
	struct core *c = *state;

	for (uint64_t op = 0; op <= 1; op++) {
		for (int distance = -3; distance <= 3; distance++) {
			const uint8_t flip = op == 1 ? 0xff : 0;
			uint8_t want[32];

			for (uint8_t i = 0; i < 32; i++)
				want[i] = i;
			put(c, 0x2000, want, 32);
			for (int i = 0; i < 8; i++)
				want[8 + distance + i] =
					(uint8_t)((8 + i) ^ flip);
			assert_int_equal(
				CORE_CALL(c, 0, MEMOP,
					  (uint64_t)(0x2008 + distance), 0x2008,
					  0, 8, op),
				H_SUCCESS);
			assert_ram(c, 0x2000, want, 32);
		}
	}
}

static void memops_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t to, from, shift, count, op;
	} bad[] = {
		{ 0x1000, 0x2000, 4, 1, 0 },
		{ 0x1000, 0x2000, UINT64_MAX, 1, 0 },
		{ 0x1000, 0x2000, 64, 1, 0 },
		{ 0x1000, 0x2000, 0, 1, 2 },
		{ 0x1000, 0x2000, 0, 1, UINT64_MAX },
		{ 0x1001, 0x2000, 1, 1, 0 },
		{ 0x1000, 0x2004, 3, 1, 0 },
		/* Too much, also where the length wraps */
		{ 0x1000, 0x2000, 0, UINT64_C(1) << 60, 0 },
		{ 0x1000, 0x2000, 3, UINT64_C(1) << 61, 0 },
		{ 0x1000, 0x2000, 3, (UINT64_C(1) << 61) + 1, 0 },
		{ 0x1000, 0x2000, 3, UINT64_MAX, 0 },
		{ 0x1000, 0x2000, 0, MIB(16) + 1, 0 },
		{ 0x1000, 0x2000, 3, MIB(2) + 1, 1 },
		{ 0x1000, 0x2000, 0, 0x10001, 1 },
		{ DEVICE, DEVICE, 0, 0x10001, 0 },
		/* Outside of everything, or wrapping */
		{ RAM, 0x2000, 0, 1, 0 },
		{ 0x1000, RAM, 3, 1, 0 },
		{ 0x1000, DEVICE + 8, 0, 1, 0 },
		{ UINT64_MAX - 7, 0x2000, 3, 1, 0 },
		{ UINT64_MAX - 7, 0x2000, 3, 2, 0 },
		{ 0x1000, UINT64_MAX - 7, 3, 2, 1 },
		{ UINT64_MAX, UINT64_MAX, 0, 1, 1 },
	};
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(CORE_CALL(c, 0, MEMOP, bad[i].to, bad[i].from,
					   bad[i].shift, bad[i].count,
					   bad[i].op),
				 H_PARAMETER);
	assert_int_equal(device.accesses, 0);

	/* The end of RAM, and one byte more. */
	assert_int_equal(CORE_CALL(c, 0, MEMOP, RAM - 8, 0x2000, 0, 8, 0),
			 H_SUCCESS);
	assert_int_equal(CORE_CALL(c, 0, MEMOP, RAM - 8, 0x2000, 0, 9, 0),
			 H_PARAMETER);
	assert_int_equal(CORE_CALL(c, 0, MEMOP, 0, RAM / 2, 3, RAM / 2 / 8, 0),
			 H_SUCCESS);
}

/* As much as one call may do, and one element more. */
static void memops_are_bounded(void **state)
{
	const uint64_t base = GIB(1);
	struct core *c = *state;
	struct error err = { 0 };

	assert_int_equal(gmem_add(&c->f.vm->gmem, base, MIB(64), &err), 0);
	assert_int_equal(
		CORE_CALL(c, 0, MEMOP, base, base + MIB(32), 3, MIB(2), 0),
		H_SUCCESS);
	assert_int_equal(
		CORE_CALL(c, 0, MEMOP, base, base + MIB(32), 3, MIB(2) + 1, 0),
		H_PARAMETER);
	assert_int_equal(CORE_CALL(c, 0, MEMOP, base, base, 0, 0x10000, 1),
			 H_SUCCESS);
	assert_int_equal(CORE_CALL(c, 0, MEMOP, base, base, 0, 0x10001, 1),
			 H_PARAMETER);
}

/* What the monitor writes has to be in a snapshot. */
static void writes_are_marked_dirty(void **state)
{
	struct core *c = *state;
	uint64_t bitmap[RAM / GMEM_DIRTY_PAGE / 64];

	gmem_take_dirty(&c->f.vm->gmem, 0, bitmap);
	CORE_CALL(c, 0, CI_STORE, 8, 0x5000, 1);
	CORE_CALL(c, 0, MEMOP, 0x8000, 0, 3, 0x201, 0);
	CORE_CALL(c, 0, MEMOP, 0xa000, 0, 3, 1, 1);
	gmem_take_dirty(&c->f.vm->gmem, 0, bitmap);
	assert_true(bitmap[0] ==
		    (1U << 0x5 | 1U << 0x8 | 1U << 0x9 | 1U << 0xa));
}

int main(void)
{
#define MEM_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, core_teardown)
	const struct CMUnitTest tests[] = {
		MEM_TEST(loads),
		MEM_TEST(stores),
		MEM_TEST(accesses_that_make_no_sense),
		MEM_TEST(memop_copies_and_inverts),
		MEM_TEST(memop_of_ranges_that_overlap),
		MEM_TEST(memops_that_make_no_sense),
		MEM_TEST(memops_are_bounded),
		MEM_TEST(writes_are_marked_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
