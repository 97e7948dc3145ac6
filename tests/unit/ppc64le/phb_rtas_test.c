/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware calls of the host bridge. */
#include <errno.h>

#include "tests/unit/ppc64le/phb_fixture.h"

#define SLOT(n) ((n) << 11)

/* What a call is asked to do. */
enum {
	QUERY,
	ANY,
	RESET,
	MSI,
	MSIX,
	MSI32,
	MSIX32
};

static struct fix_rets read_long(struct phb_fixture *f, uint32_t addr,
				 uint32_t size)
{
	const uint32_t args[] = { addr, BUID_HI, BUID_LO, size };

	return fix_rtas(f, RTAS_IBM_READ_PCI_CONFIG, args);
}

static int32_t write_long(struct phb_fixture *f, uint32_t addr, uint32_t size,
			  uint32_t value)
{
	const uint32_t args[] = { addr, BUID_HI, BUID_LO, size, value };

	return fix_rtas(f, RTAS_IBM_WRITE_PCI_CONFIG, args).status;
}

static struct fix_rets read_short(struct phb_fixture *f, uint32_t addr,
				  uint32_t size)
{
	const uint32_t args[] = { addr, size };

	return fix_rtas(f, RTAS_READ_PCI_CONFIG, args);
}

static int32_t write_short(struct phb_fixture *f, uint32_t addr, uint32_t size,
			   uint32_t value)
{
	const uint32_t args[] = { addr, size, value };

	return fix_rtas(f, RTAS_WRITE_PCI_CONFIG, args).status;
}

static void assert_read(struct fix_rets rets, uint32_t value)
{
	assert_int_equal(rets.status, RTAS_SUCCESS);
	assert_int_equal(rets.rets[0], value);
}

static void registers_are_found(void **state)
{
	struct phb_fixture *f = *state;

	le32_store(&f->functions[1].config[0x2c], 0x44332211);
	f->functions[1].config[0xff] = 0x5a;
	f->functions[1].config[0x100] = 0x66;
	f->functions[1].config[0xfff] = 0x77;
	assert_read(read_long(f, SLOT(1) | 0x2c, 4), 0x44332211);
	assert_read(read_long(f, SLOT(1) | 0x2e, 2), 0x4433);
	assert_read(read_long(f, SLOT(1) | 0x2d, 1), 0x22);
	assert_read(read_long(f, SLOT(1) | 0xff, 1), 0x5a);
	assert_read(read_long(f, 0x10000000 | SLOT(1), 1), 0x66);
	assert_read(read_long(f, 0xf00000ff | SLOT(1), 1), 0x77);
	assert_read(read_short(f, SLOT(1) | 0x2c, 4), 0x44332211);
	assert_read(read_short(f, SLOT(1) | 0xff, 1), 0x5a);
	assert_read(read_long(f, SLOT(0) | 0x2c, 4), 0);
}

static void registers_are_written(void **state)
{
	struct phb_fixture *f = *state;
	uint8_t *config = f->functions[0].config;

	assert_int_equal(write_long(f, 0x10, 4, 0x12345678), 0);
	assert_int_equal(le32_load(&config[0x10]), 0x12345678);
	assert_int_equal(write_long(f, 0x12, 2, 0xffffabcd), 0);
	assert_int_equal(le32_load(&config[0x10]), 0xabcd5678);
	assert_int_equal(write_short(f, 0x10, 1, 0xffffff99), 0);
	assert_int_equal(le32_load(&config[0x10]), 0xabcd5699);
	assert_int_equal(write_long(f, 0xf00000fc, 4, 0x11223344), 0);
	assert_int_equal(le32_load(&config[0xffc]), 0x11223344);
}

static void assert_silent(struct fix_rets rets, int32_t status)
{
	assert_int_equal(rets.status, status);
	assert_int_not_equal(rets.status, 0);
	assert_int_equal(rets.rets[0], UINT32_MAX);
}

static void absent_functions_are_silent(void **state)
{
	struct phb_fixture *f = *state;
	static const uint32_t absent[] = {
		SLOT(3),    SLOT(31),   SLOT(0) | 0x100, SLOT(1) | 0x700,
		0x00010000, 0x00ff0000, 0x00ffff00,
	};

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		assert_silent(read_long(f, absent[i], 4), RTAS_HW_ERROR);
		assert_silent(read_short(f, absent[i], 4), RTAS_HW_ERROR);
		assert_int_equal(write_long(f, absent[i], 4, 0), RTAS_HW_ERROR);
		assert_int_equal(write_short(f, absent[i], 4, 0),
				 RTAS_HW_ERROR);
	}
}

static void bad_accesses_are_refused(void **state)
{
	struct phb_fixture *f = *state;
	static const struct {
		uint32_t addr;
		uint32_t size;
	} bad[] = {
		{ 0, 0 },          { 0, 3 },       { 0, 5 },
		{ 0, 8 },          { 0, 0x10000 }, { 0, UINT32_MAX },
		{ 0, 0x80000000 }, { 1, 2 },       { 2, 4 },
		{ 0xff, 2 },       { 0xfe, 4 },    { SLOT(31) | 1, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t addr = bad[i].addr;
		uint32_t size = bad[i].size;

		assert_int_equal(read_long(f, addr, size).status,
				 RTAS_HW_ERROR);
		assert_int_equal(read_short(f, addr, size).status,
				 RTAS_HW_ERROR);
		assert_int_equal(write_long(f, addr, size, 0), RTAS_HW_ERROR);
		assert_int_equal(write_short(f, addr, size, 0), RTAS_HW_ERROR);
	}
}

static void reserved_address_bits_are_refused(void **state)
{
	struct phb_fixture *f = *state;

	for (unsigned bit = 24; bit < 28; bit++) {
		uint32_t addr = UINT32_C(1) << bit;

		assert_silent(read_long(f, addr, 4), RTAS_HW_ERROR);
		assert_int_equal(write_long(f, addr, 4, 0), RTAS_HW_ERROR);
	}
	for (unsigned bit = 24; bit < 32; bit++) {
		uint32_t addr = UINT32_C(1) << bit;

		assert_silent(read_short(f, addr, 4), RTAS_HW_ERROR);
		assert_int_equal(write_short(f, addr, 4, 0), RTAS_HW_ERROR);
	}
}

static void other_bridges_do_not_exist(void **state)
{
	struct phb_fixture *f = *state;
	static const uint32_t buids[][2] = {
		{ 0, 0 },
		{ 0, BUID_LO },
		{ BUID_HI, 0 },
		{ BUID_LO, BUID_HI },
		{ BUID_HI, BUID_LO + 1 },
		{ UINT32_MAX, UINT32_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(buids); i++) {
		uint32_t hi = buids[i][0];
		uint32_t lo = buids[i][1];
		const uint32_t config[] = { 0, hi, lo, 4, 0 };
		const uint32_t change[] = { 0, hi, lo, ANY, 1, 1 };
		const uint32_t find[] = { 0, hi, lo, 0 };

		assert_silent(fix_rtas(f, RTAS_IBM_READ_PCI_CONFIG, config),
			      RTAS_HW_ERROR);
		assert_int_equal(
			fix_rtas(f, RTAS_IBM_WRITE_PCI_CONFIG, config).status,
			RTAS_HW_ERROR);
		assert_int_equal(
			fix_rtas(f, RTAS_IBM_CHANGE_MSI, change).status,
			RTAS_PARAM_ERROR);
		assert_int_equal(
			fix_rtas(f, RTAS_IBM_QUERY_INTERRUPT_SOURCE_NUMBER,
				 find)
				.status,
			RTAS_PARAM_ERROR);
	}
}

/*
 * Message-signalled interrupts.
 */

static struct fix_rets query(struct phb_fixture *f, uint32_t addr,
			     uint32_t index)
{
	const uint32_t args[] = { addr, BUID_HI, BUID_LO, index };

	return fix_rtas(f, RTAS_IBM_QUERY_INTERRUPT_SOURCE_NUMBER, args);
}

static void assert_granted(struct fix_rets rets, uint32_t count)
{
	assert_int_equal(rets.status, RTAS_SUCCESS);
	assert_int_equal(rets.rets[0], count);
	assert_int_equal(rets.rets[1], 2);
	assert_int_equal(rets.rets[2], 2);
}

/* Whether the interrupt controller has a source that takes messages. */
static bool is_edge_source(struct phb_fixture *f, uint32_t irq)
{
	const struct xics_chip *xics = xics_chip_of(&f->vm);
	unsigned bits = xics->core.sources[irq - LAYOUT_IRQ_BASE].bits;

	return (bits & (XICS_EXISTS | XICS_LEVEL)) == XICS_EXISTS;
}

/* The function's table says what firmware answers. */
static void assert_vectors(struct phb_fixture *f, unsigned slot, uint32_t first,
			   uint32_t count)
{
	struct fix_function *fix = &f->functions[slot];

	for (uint32_t i = 0; i < count; i++) {
		struct fix_rets rets = query(f, SLOT(slot), i);

		assert_int_equal(rets.status, RTAS_SUCCESS);
		assert_int_equal(rets.rets[0], first + i);
		assert_int_equal(rets.rets[1], 1);
		assert_true(is_edge_source(f, first + i));
		assert_int_equal(fix->data[i], first + i);
		assert_int_equal(fix->addr[i], UINT64_C(0x40000000000));
	}
	for (uint32_t i = count; i < fix->nr_vectors; i++) {
		assert_int_equal(fix->data[i], 0);
		assert_int_equal(fix->addr[i], 0);
	}
	assert_int_equal(query(f, SLOT(slot), count).status, RTAS_PARAM_ERROR);
	assert_int_equal(query(f, SLOT(slot), UINT32_MAX).status,
			 RTAS_PARAM_ERROR);
	assert_granted(fix_change(f, SLOT(slot), QUERY, 99), count);
}

static void vectors_get_sources(void **state)
{
	struct phb_fixture *f = *state;

	assert_int_equal(query(f, 0, 0).status, RTAS_PARAM_ERROR);
	assert_false(is_edge_source(f, 0x1300));
	assert_granted(fix_change(f, SLOT(0), MSIX, 3), 3);
	assert_granted(fix_change(f, SLOT(1), ANY, 5), 5);
	assert_vectors(f, 0, 0x1300, 3);
	assert_vectors(f, 1, 0x1303, 5);
	assert_false(is_edge_source(f, 0x1308));
}

/* A kernel asks for a power of two first. */
static void too_many_are_cut(void **state)
{
	struct phb_fixture *f = *state;

	assert_granted(fix_change(f, 0, MSIX, 4), 3);
	assert_granted(fix_change(f, 0, MSIX, 3), 3);
	assert_vectors(f, 0, 0x1300, 3);
	assert_granted(fix_change(f, 0, MSIX, UINT32_MAX), 3);
	assert_granted(fix_change(f, 0, MSIX, 0x80000000), 3);
	assert_vectors(f, 0, 0x1300, 3);
}

static void again_replaces(void **state)
{
	struct phb_fixture *f = *state;

	assert_granted(fix_change(f, 0, MSIX, 1), 1);
	assert_granted(fix_change(f, SLOT(1), MSIX, 2), 2);
	assert_vectors(f, 1, 0x1301, 2);
	/* Behind the other's, as there is no room before them. */
	assert_granted(fix_change(f, 0, MSIX, 3), 3);
	assert_vectors(f, 0, 0x1303, 3);
	assert_granted(fix_change(f, 0, MSIX, 1), 1);
	assert_vectors(f, 0, 0x1300, 1);
}

static void zero_frees(void **state)
{
	struct phb_fixture *f = *state;
	static const uint32_t hows[] = { ANY, MSI, MSIX };

	for (size_t i = 0; i < ARRAY_SIZE(hows); i++) {
		assert_granted(fix_change(f, 0, MSIX, 3), 3);
		assert_vectors(f, 0, 0x1300, 3);
		assert_granted(fix_change(f, 0, hows[i], 0), 0);
		assert_vectors(f, 0, 0, 0);
	}
	assert_granted(fix_change(f, 0, MSIX, 2), 2);
	assert_granted(fix_change(f, 0, RESET, 77), 0);
	assert_vectors(f, 0, 0, 0);
	/* Nothing to free is fine, also where there is no table. */
	assert_granted(fix_change(f, SLOT(2), ANY, 0), 0);
	assert_granted(fix_change(f, SLOT(2), RESET, 1), 0);
}

static void bad_changes_are_refused(void **state)
{
	struct phb_fixture *f = *state;
	static const struct {
		uint32_t addr;
		uint32_t what;
		uint32_t count;
	} bad[] = {
		{ 0, MSI, 1 },
		{ 0, MSI32, 1 },
		{ 0, MSIX32, 1 },
		{ 0, MSI32, 0 },
		{ 0, 7, 1 },
		{ 0, UINT32_MAX, 1 },
		{ SLOT(2), ANY, 1 },
		{ SLOT(2), MSIX, 1 },
		{ SLOT(3), MSIX, 1 },
		{ SLOT(31), ANY, 0 },
		{ 0x100, MSIX, 1 },
		{ 0x10000, MSIX, 1 },
		{ 1, MSIX, 1 },
		{ 0x10000000, MSIX, 1 },
		{ 0x01000000, MSIX, 1 },
	};

	assert_granted(fix_change(f, 0, MSIX, 2), 2);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			fix_change(f, bad[i].addr, bad[i].what, bad[i].count)
				.status,
			RTAS_PARAM_ERROR);
	assert_vectors(f, 0, 0x1300, 2);
	assert_int_equal(query(f, 1, 0).status, RTAS_PARAM_ERROR);
	assert_int_equal(query(f, SLOT(3), 0).status, RTAS_PARAM_ERROR);
	assert_int_equal(query(f, 0x08000000, 0).status, RTAS_PARAM_ERROR);
}

static void sequence_numbers_wrap(void **state)
{
	struct phb_fixture *f = *state;
	const uint32_t args[] = { 0, BUID_HI, BUID_LO, MSIX, 1, UINT32_MAX };
	struct fix_rets rets = fix_rtas(f, RTAS_IBM_CHANGE_MSI, args);

	assert_int_equal(rets.status, RTAS_SUCCESS);
	assert_int_equal(rets.rets[1], 0);
}

/* Sources are fewer than vectors here; what a function had it keeps. */
static void sources_run_out(void **state)
{
	struct phb_fixture *f = *state;

	f->functions[0].nr_vectors = FIX_VECTORS;
	assert_granted(fix_change(f, SLOT(1), MSIX, FIX_VECTORS), FIX_VECTORS);
	assert_granted(fix_change(f, SLOT(0), MSIX, 1280), 1280);
	assert_int_equal(fix_change(f, SLOT(0), MSIX, 1281).status,
			 RTAS_HW_ERROR);
	assert_vectors(f, 0, 0x1b00, 1280);
	assert_granted(fix_change(f, SLOT(1), MSIX, 0), 0);
	assert_granted(fix_change(f, SLOT(0), MSIX, 1281), 1281);
	assert_vectors(f, 0, 0x1300, 1281);
	f->functions[0].nr_vectors = 3;
}

/* Free sources in two places are no run. */
static void runs_are_contiguous(void **state)
{
	struct phb_fixture *f = *state;
	struct phb *phb = fix_phb(f);

	phb->msis[5] = (struct phb_msis){ .first = 0x1301, .count = 1 };
	phb->msis[6] = (struct phb_msis){ .first = 0x1304, .count = 0xcfc };
	assert_int_equal(fix_change(f, 0, MSIX, 3).status, RTAS_HW_ERROR);
	assert_granted(fix_change(f, 0, MSIX, 2), 2);
	assert_vectors(f, 0, 0x1302, 2);
	assert_granted(fix_change(f, SLOT(1), MSIX, 1), 1);
	assert_vectors(f, 1, 0x1300, 1);
	assert_int_equal(fix_change(f, 0, MSIX, 3).status, RTAS_HW_ERROR);
}

/* Without power the controller has no source to give. */
static void sources_may_fail(void **state)
{
	struct phb_fixture *f = *state;
	struct error err = { 0 };

	assert_granted(fix_change(f, 0, MSIX, 1), 1);
	xics_ops.power_off(f->vm.irqchip);
	assert_int_equal(fix_change(f, 0, MSIX, 3).status, RTAS_HW_ERROR);
	assert_granted(fix_change(f, 0, QUERY, 0), 1);
	assert_int_equal(f->functions[0].data[0], 0x1300);
	assert_int_equal(xics_ops.power_on(f->vm.irqchip, &err), 0);
	assert_granted(fix_change(f, 0, MSIX, 3), 3);
}

static void change_meanwhile(void *arg)
{
	struct phb_fixture *f = arg;

	assert_int_equal(phb_change_msis(fix_phb(f), &f->functions[0].fn, 1),
			 -EBUSY);
	/* Others are not disturbed, nor do they get the same sources. */
	assert_int_equal(phb_change_msis(fix_phb(f), &f->functions[1].fn, 2),
			 0);
}

static void changes_do_not_mix(void **state)
{
	struct phb_fixture *f = *state;

	f->functions[0].on_program = change_meanwhile;
	f->functions[0].arg = f;
	assert_granted(fix_change(f, 0, MSIX, 3), 3);
	assert_vectors(f, 0, 0x1300, 3);
	assert_vectors(f, 1, 0x1303, 2);
	assert_granted(fix_change(f, 0, MSIX, 1), 1);
}

static void busy_is_told(void **state)
{
	struct phb_fixture *f = *state;

	fix_phb(f)->msis[0].busy = true;
	assert_int_equal(fix_change(f, 0, MSIX, 1).status, RTAS_BUSY);
	assert_int_equal(fix_change(f, 0, MSIX, 0).status, RTAS_BUSY);
	fix_phb(f)->msis[0].busy = false;
	assert_granted(fix_change(f, 0, MSIX, 1), 1);
}

/* Two vCPUs at once, each with a function of its own. */
static void *change_often(void *arg)
{
	struct phb_fixture *f = arg;

	for (unsigned i = 0; i < 2000; i++) {
		if (fix_change(f, SLOT(1), MSIX, 1 + i % 7).status != 0)
			return arg;
	}
	return NULL;
}

static void vcpus_may_call_at_once(void **state)
{
	struct phb_fixture *f = *state;
	pthread_t thread;
	void *failed;

	f->racing = true;
	assert_int_equal(pthread_create(&thread, NULL, change_often, f), 0);
	for (unsigned i = 0; i < 2000; i++) {
		assert_granted(fix_change(f, 0, MSIX, 1 + i % 3), 1 + i % 3);
		assert_read(read_long(f, SLOT(1), 4), 0);
	}
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);

	const struct phb_msis *a = &fix_phb(f)->msis[0];
	const struct phb_msis *b = &fix_phb(f)->msis[1];
	assert_false(ranges_overlap(a->first, a->count, b->first, b->count));
}

static void table_is_complete(void **state)
{
	struct phb_fixture *f = *state;
	struct phb *phb = f->machine.phb;
	unsigned count = 0;

	for (const struct rtas_entry *e = rtas_pci_calls; e->name; e++) {
		count++;
		assert_true(e->offered(&f->vm));
		f->machine.phb = NULL;
		assert_false(e->offered(&f->vm));
		f->machine.phb = phb;
	}
	assert_int_equal(count, 6);
	assert_int_equal(fix_rtas_entry(RTAS_IBM_CHANGE_MSI)->nret, 3);
	assert_int_equal(fix_rtas_entry(RTAS_IBM_CHANGE_MSI)->max_nret, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
		TEST(registers_are_found),
		TEST(registers_are_written),
		TEST(absent_functions_are_silent),
		TEST(bad_accesses_are_refused),
		TEST(reserved_address_bits_are_refused),
		TEST(other_bridges_do_not_exist),
		TEST(vectors_get_sources),
		TEST(too_many_are_cut),
		TEST(again_replaces),
		TEST(zero_frees),
		TEST(bad_changes_are_refused),
		TEST(sequence_numbers_wrap),
		TEST(sources_run_out),
		TEST(runs_are_contiguous),
		TEST(sources_may_fail),
		TEST(changes_do_not_mix),
		TEST(busy_is_told),
		TEST(vcpus_may_call_at_once),
		TEST(table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
