/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction set as KVM tells it and as the guest reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/riscv64/isa.h"
#include "arch/riscv64/regs.h"
#include "tests/unit/riscv64/kvm_stub.h"
#include "vmm/util.h"

#define LETTER(c) (UINT64_C(1) << ((c) - 'a'))

static uint64_t letters(const char *names)
{
	uint64_t mask = 0;

	for (; *names != '\0'; names++)
		mask |= LETTER(*names);
	return mask;
}

/* The least that KVM tells: base, letters and the timer. */
static int setup(void **state)
{
	(void)state;
	stub_reset();
	stub_add(RVREG_CONFIG(isa), letters("imafdc"));
	stub_add(RVREG_TIMER(frequency), 10000000);
	return 0;
}

static void read_isa(bool has_aia, struct isa *isa)
{
	struct error err = { 0 };

	assert_int_equal(isa_read(STUB_VCPU_FD, has_aia, isa, &err), 0);
}

static void assert_string(const struct isa *isa, const char *expected)
{
	char buf[ISA_STRING_SIZE];

	isa_string(isa, buf);
	assert_string_equal(buf, expected);
}

static void host_with_nothing_optional(void **state)
{
	struct isa isa;

	(void)state;
	read_isa(true, &isa);
	assert_string(&isa, "rv64imafdc");
	assert_null(isa_mmu_type(&isa));
	assert_int_equal(isa.cbom_block_size, 0);
	assert_int_equal(isa.cboz_block_size, 0);
	assert_int_equal(isa.timebase, 10000000);
}

static void extensions_in_canonical_order(void **state)
{
	struct isa isa;

	(void)state;
	/* Added in an order that is not the answer's. */
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SVPBMT), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSTC), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSAIA), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZBB), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZICBOM), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZACAS), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZKR), 0);
	stub_add(RVREG_CONFIG(isa), letters("cfmdaiv"));
	read_isa(true, &isa);
	assert_string(&isa, "rv64imafdcv_zicbom_zacas_zbb_ssaia_sstc_svpbmt");

	const char *names[ISA_MAX_NAMES];
	static const char *const expected[] = {
		"i",      "m",     "a",   "f",     "d",    "c",      "v",
		"zicbom", "zacas", "zbb", "ssaia", "sstc", "svpbmt",
	};
	assert_int_equal(isa_names(&isa, names), ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(names[i], expected[i]);
}

static void ssaia_needs_an_aia(void **state)
{
	struct isa isa;

	(void)state;
	/* Still enabled: a host that cannot take it away. */
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSAIA), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_SSTC), 1);
	read_isa(false, &isa);
	assert_string(&isa, "rv64imafdc_sstc");
}

static void vector_extensions_need_vectors(void **state)
{
	struct isa isa;

	(void)state;
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZVBB), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZVFHMIN), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZVKT), 1);
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZFHMIN), 1);
	read_isa(true, &isa);
	assert_string(&isa, "rv64imafdc_zfhmin");

	stub_add(RVREG_CONFIG(isa), letters("imafdcv"));
	read_isa(true, &isa);
	assert_string(&isa, "rv64imafdcv_zfhmin_zvbb_zvfhmin_zvkt");
}

static void hypervisor_extension_is_never_named(void **state)
{
	struct isa isa;

	(void)state;
	stub_add(RVREG_CONFIG(isa), letters("imafdch"));
	stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_H), 1);
	read_isa(true, &isa);
	assert_string(&isa, "rv64imafdc");
}

static void errors_of_optional_registers_mean_absent(void **state)
{
	static const int errors[] = { -ENOENT, -EINVAL };
	struct isa isa;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		stub_add(RVREG_ISA_EXT(KVM_RISCV_ISA_EXT_ZBA), 1)->get_error =
			errors[i];
		stub_add(RVREG_CONFIG(satp_mode), 9)->get_error = errors[i];
		read_isa(true, &isa);
		assert_string(&isa, "rv64imafdc");
		assert_null(isa_mmu_type(&isa));
	}
}

static void block_sizes_and_mmu(void **state)
{
	static const struct {
		uint64_t mode;
		const char *type;
	} modes[] = {
		{ 8, "riscv,sv39" },  { 9, "riscv,sv48" }, { 10, "riscv,sv57" },
		{ 0, NULL },          { 7, NULL },         { 11, NULL },
		{ UINT64_MAX, NULL },
	};
	struct isa isa;

	(void)state;
	stub_add(RVREG_CONFIG(zicbom_block_size), 64);
	stub_add(RVREG_CONFIG(zicboz_block_size), 128);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		stub_add(RVREG_CONFIG(satp_mode), modes[i].mode);
		read_isa(true, &isa);
		if (modes[i].type == NULL)
			assert_null(isa_mmu_type(&isa));
		else
			assert_string_equal(isa_mmu_type(&isa), modes[i].type);
	}
	assert_int_equal(isa.cbom_block_size, 64);
	assert_int_equal(isa.cboz_block_size, 128);
}

static void what_every_hart_has_is_required(void **state)
{
	struct error err = { 0 };
	struct isa isa;

	(void)state;
	stub_find(RVREG_TIMER(frequency))->get_error = -EINVAL;
	assert_int_equal(isa_read(STUB_VCPU_FD, true, &isa, &err), -EINVAL);
	assert_non_null(strstr(err.text, "timer frequency"));
	stub_find(RVREG_CONFIG(isa))->get_error = -ENOENT;
	assert_int_equal(isa_read(STUB_VCPU_FD, true, &isa, &err), -ENOENT);
	assert_non_null(strstr(err.text, "instruction set"));
}

/* Everything at once fits, and every id that the headers know is named. */
static void table_is_complete(void **state)
{
	static const unsigned single[] = {
		KVM_RISCV_ISA_EXT_A, KVM_RISCV_ISA_EXT_C, KVM_RISCV_ISA_EXT_D,
		KVM_RISCV_ISA_EXT_F, KVM_RISCV_ISA_EXT_H, KVM_RISCV_ISA_EXT_I,
		KVM_RISCV_ISA_EXT_M, KVM_RISCV_ISA_EXT_V,
	};
	unsigned seen[KVM_RISCV_ISA_EXT_MAX] = { 0 };
	char buf[ISA_STRING_SIZE];
	struct isa isa;
	unsigned id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(single); i++)
		seen[single[i]]++;
	for (unsigned row = 0; isa_ext_name(row, &id) != NULL; row++) {
		assert_true(id < KVM_RISCV_ISA_EXT_MAX);
		seen[id]++;
		stub_add(RVREG_ISA_EXT(id), 1);
	}
	for (id = 0; id < KVM_RISCV_ISA_EXT_MAX; id++)
		assert_int_equal(seen[id], 1);

	stub_add(RVREG_CONFIG(isa), letters("imafdqcbvh"));
	read_isa(true, &isa);
	isa_string(&isa, buf);
	assert_true(strlen(buf) < ISA_STRING_SIZE / 2);
}

/* Category of a Z extension, then the name; S extensions after all of them. */
static int rank(const char *name)
{
	static const char order[] = "imafdqlcbkjtpvh";

	if (name[0] == 's')
		return 100;
	assert_int_equal(name[0], 'z');
	return (int)(strchr(order, name[1]) - order);
}

static void table_is_in_canonical_order(void **state)
{
	const char *last = NULL, *name;
	unsigned id;

	(void)state;
	for (unsigned row = 0; (name = isa_ext_name(row, &id)) != NULL; row++) {
		if (last != NULL && rank(last) == rank(name))
			assert_true(strcmp(last, name) < 0);
		else if (last != NULL)
			assert_true(rank(last) < rank(name));
		last = name;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(host_with_nothing_optional, setup),
		cmocka_unit_test_setup(extensions_in_canonical_order, setup),
		cmocka_unit_test_setup(ssaia_needs_an_aia, setup),
		cmocka_unit_test_setup(vector_extensions_need_vectors, setup),
		cmocka_unit_test_setup(hypervisor_extension_is_never_named,
				       setup),
		cmocka_unit_test_setup(errors_of_optional_registers_mean_absent,
				       setup),
		cmocka_unit_test_setup(block_sizes_and_mmu, setup),
		cmocka_unit_test_setup(what_every_hart_has_is_required, setup),
		cmocka_unit_test_setup(table_is_complete, setup),
		cmocka_unit_test_setup(table_is_in_canonical_order, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
