/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls for the DMA window. */
#include "tests/unit/ppc64le/phb_fixture.h"

#define GET_TCE      0x01cU
#define PUT_TCE      0x020U
#define STUFF_TCE    0x138U
#define INDIRECT_TCE 0x13cU

#define LIOBN        0x80000000U
#define WINDOW       0x4000000U
#define PAGE         0x1000U
#define ENTRIES      (WINDOW / PAGE)

static int64_t hcall(struct phb_fixture *f, struct hcall *call)
{
	const struct hcall_entry *e = hcalls_tce;

	call->vcpu = &f->vcpu;
	while (e->fn != NULL && e->nr != call->nr)
		e++;
	assert_non_null(e->fn);
	return e->fn(call);
}

static int64_t put(struct phb_fixture *f, uint64_t liobn, uint64_t ioba,
		   uint64_t tce)
{
	return hcall(f, &(struct hcall){ .nr = PUT_TCE,
					 .args = { liobn, ioba, tce } });
}

static int64_t stuff(struct phb_fixture *f, uint64_t liobn, uint64_t ioba,
		     uint64_t tce, uint64_t count)
{
	return hcall(f, &(struct hcall){ .nr = STUFF_TCE,
					 .args = { liobn, ioba, tce, count } });
}

static int64_t indirect(struct phb_fixture *f, uint64_t liobn, uint64_t ioba,
			uint64_t list, uint64_t count)
{
	return hcall(f,
		     &(struct hcall){ .nr = INDIRECT_TCE,
				      .args = { liobn, ioba, list, count } });
}

static int64_t try_get(struct phb_fixture *f, uint64_t liobn, uint64_t ioba)
{
	return hcall(f,
		     &(struct hcall){ .nr = GET_TCE, .args = { liobn, ioba } });
}

static uint64_t get(struct phb_fixture *f, uint64_t ioba)
{
	struct hcall call = { .nr = GET_TCE, .args = { LIOBN, ioba } };

	assert_int_equal(hcall(f, &call), H_SUCCESS);
	return call.args[0];
}

static void entries_read_back(void **state)
{
	struct phb_fixture *f = *state;

	assert_int_equal(get(f, 0), 0);
	assert_int_equal(put(f, LIOBN, 0, 0x5003), H_SUCCESS);
	assert_int_equal(
		put(f, LIOBN, WINDOW - PAGE, UINT64_C(0xfffffffffffff001)),
		H_SUCCESS);
	assert_int_equal(get(f, 0), 0x5003);
	assert_int_equal(get(f, PAGE), 0);
	assert_int_equal(get(f, WINDOW - PAGE), UINT64_C(0xfffffffffffff001));
	assert_int_equal(put(f, LIOBN, 0, 0), H_SUCCESS);
	assert_int_equal(get(f, 0), 0);
}

static void other_windows_do_not_exist(void **state)
{
	struct phb_fixture *f = *state;
	static const uint64_t bad[] = { 0,
					0x80000001,
					0x7fffffff,
					UINT64_C(0x180000000),
					UINT64_C(0xffffffff80000000),
					UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(put(f, bad[i], 0, 0x1003), H_PARAMETER);
		assert_int_equal(try_get(f, bad[i], 0), H_PARAMETER);
		assert_int_equal(stuff(f, bad[i], 0, 0x1003, 1), H_PARAMETER);
		assert_int_equal(indirect(f, bad[i], 0, 0, 1), H_PARAMETER);
	}
	assert_int_equal(get(f, 0), 0);
}

static void addresses_are_checked(void **state)
{
	struct phb_fixture *f = *state;
	static const uint64_t bad[] = { 1,
					0xfff,
					PAGE + 8,
					WINDOW,
					UINT64_C(0x100000000),
					UINT64_C(1) << 63,
					UINT64_MAX & ~UINT64_C(0xfff),
					UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(put(f, LIOBN, bad[i], 0x1003), H_PARAMETER);
		assert_int_equal(try_get(f, LIOBN, bad[i]), H_PARAMETER);
		assert_int_equal(stuff(f, LIOBN, bad[i], 0x1003, 1),
				 H_PARAMETER);
		assert_int_equal(indirect(f, LIOBN, bad[i], 0, 1), H_PARAMETER);
	}
}

static void reserved_bits_are_refused(void **state)
{
	struct phb_fixture *f = *state;

	for (unsigned bit = 2; bit < 12; bit++) {
		uint64_t tce = UINT64_C(1) << bit | 0x1003;

		assert_int_equal(put(f, LIOBN, 0, tce), H_PARAMETER);
		assert_int_equal(stuff(f, LIOBN, 0, tce, 2), H_PARAMETER);
	}
	assert_int_equal(get(f, 0), 0);
}

static void stuff_fills_what_it_is_told(void **state)
{
	struct phb_fixture *f = *state;

	assert_int_equal(stuff(f, LIOBN, 0, 0x9003, ENTRIES), H_SUCCESS);
	assert_int_equal(get(f, 0), 0x9003);
	assert_int_equal(get(f, WINDOW - PAGE), 0x9003);
	assert_int_equal(stuff(f, LIOBN, PAGE, 0, 2), H_SUCCESS);
	assert_int_equal(get(f, 0), 0x9003);
	assert_int_equal(get(f, PAGE), 0);
	assert_int_equal(get(f, 2 * PAGE), 0);
	assert_int_equal(get(f, 3 * PAGE), 0x9003);
	assert_int_equal(stuff(f, LIOBN, 0, 0x1003, 0), H_SUCCESS);
	assert_int_equal(get(f, 0), 0x9003);
}

static void stuff_stays_in_the_window(void **state)
{
	struct phb_fixture *f = *state;
	static const uint64_t counts[] = { 2, ENTRIES + 1,
					   UINT64_C(0x100000001),
					   UINT64_MAX >> 12, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		assert_int_equal(
			stuff(f, LIOBN, WINDOW - PAGE, 0x1003, counts[i]),
			H_PARAMETER);
	assert_int_equal(get(f, WINDOW - PAGE), 0);
	assert_int_equal(stuff(f, LIOBN, WINDOW - PAGE, 0x1003, 1), H_SUCCESS);
	assert_int_equal(get(f, WINDOW - PAGE), 0x1003);
}

static void write_list(struct phb_fixture *f, uint64_t gpa, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t raw[8];

		be64_store(raw, (UINT64_C(0x100) + i) << 12 | 3);
		assert_int_equal(gmem_write(&f->vm.gmem, gpa + 8 * i, raw, 8),
				 0);
	}
}

static void lists_are_big_endian(void **state)
{
	struct phb_fixture *f = *state;

	write_list(f, 0x2000, 512);
	assert_int_equal(indirect(f, LIOBN, PAGE, 0x2000, 512), H_SUCCESS);
	assert_int_equal(get(f, 0), 0);
	assert_int_equal(get(f, PAGE), 0x100003);
	assert_int_equal(get(f, 512 * PAGE), 0x2ff003);
	assert_int_equal(get(f, 513 * PAGE), 0);
	assert_int_equal(indirect(f, LIOBN, 0, 0x2000, 0), H_SUCCESS);
	assert_int_equal(get(f, 0), 0);
}

static void lists_are_bounded(void **state)
{
	struct phb_fixture *f = *state;

	write_list(f, 0x2000, 512);
	assert_int_equal(indirect(f, LIOBN, 0, 0x2000, 513), H_PARAMETER);
	assert_int_equal(indirect(f, LIOBN, 0, 0x2000, UINT64_MAX),
			 H_PARAMETER);
	assert_int_equal(
		indirect(f, LIOBN, 0, 0x2000, UINT64_C(0x2000000000000001)),
		H_PARAMETER);
	assert_int_equal(indirect(f, LIOBN, WINDOW - PAGE, 0x2000, 2),
			 H_PARAMETER);
	assert_int_equal(indirect(f, LIOBN, 0, 0x2008, 1), H_PARAMETER);
	assert_int_equal(get(f, 0), 0);
}

static void lists_outside_ram_are_refused(void **state)
{
	struct phb_fixture *f = *state;
	static const uint64_t bad[] = { FIX_RAM, UINT64_C(0x100000000),
					UINT64_C(1) << 63,
					UINT64_MAX & ~UINT64_C(0xfff),
					LAYOUT_PCI_MEM64_BASE };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(indirect(f, LIOBN, 0, bad[i], 1), H_PARAMETER);
	write_list(f, FIX_RAM - PAGE, 512);
	assert_int_equal(indirect(f, LIOBN, 0, FIX_RAM - PAGE, 512), H_SUCCESS);
}

/* One bad entry at the end: those before it are not taken either. */
static void lists_are_taken_whole(void **state)
{
	struct phb_fixture *f = *state;
	uint8_t raw[8];

	write_list(f, 0x2000, 3);
	be64_store(raw, 0x1013);
	assert_int_equal(gmem_write(&f->vm.gmem, 0x2010, raw, 8), 0);
	assert_int_equal(indirect(f, LIOBN, 0, 0x2000, 3), H_PARAMETER);
	assert_int_equal(get(f, 0), 0);
	assert_int_equal(indirect(f, LIOBN, 0, 0x2000, 2), H_SUCCESS);
}

static void no_bridge_no_window(void **state)
{
	struct phb_fixture *f = *state;
	struct phb *phb = f->machine.phb;

	f->machine.phb = NULL;
	assert_int_equal(put(f, LIOBN, 0, 0x1003), H_PARAMETER);
	assert_int_equal(try_get(f, LIOBN, 0), H_PARAMETER);
	assert_int_equal(stuff(f, LIOBN, 0, 0, 1), H_PARAMETER);
	assert_int_equal(indirect(f, LIOBN, 0, 0, 1), H_PARAMETER);
	f->machine.phb = phb;
}

static void reset_clears(void **state)
{
	struct phb_fixture *f = *state;

	assert_int_equal(stuff(f, LIOBN, 0, 0x1003, ENTRIES), H_SUCCESS);
	f->dev->type->reset(f->dev);
	assert_int_equal(get(f, 0), 0);
	assert_int_equal(get(f, WINDOW - PAGE), 0);
}

static void state_survives(void **state)
{
	struct phb_fixture *f = *state;
	struct snap_writer w;

	assert_int_equal(put(f, LIOBN, 0, 0x1003), H_SUCCESS);
	assert_int_equal(put(f, LIOBN, WINDOW - PAGE, 0x2001), H_SUCCESS);
	fix_save(f, &w);
	assert_int_equal(stuff(f, LIOBN, 0, 0x7003, ENTRIES), H_SUCCESS);
	assert_int_equal(fix_restore(f, w.data, w.len), 0);
	assert_int_equal(get(f, 0), 0x1003);
	assert_int_equal(get(f, PAGE), 0);
	assert_int_equal(get(f, WINDOW - PAGE), 0x2001);
	snap_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
		TEST(entries_read_back),
		TEST(other_windows_do_not_exist),
		TEST(addresses_are_checked),
		TEST(reserved_bits_are_refused),
		TEST(stuff_fills_what_it_is_told),
		TEST(stuff_stays_in_the_window),
		TEST(lists_are_big_endian),
		TEST(lists_are_bounded),
		TEST(lists_outside_ram_are_refused),
		TEST(lists_are_taken_whole),
		TEST(no_bridge_no_window),
		TEST(reset_clears),
		TEST(state_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
