/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of memory that a machine takes, and what it says of others. */
#include "tests/unit/fault_fixture.h"

#include "vmm/util.h"

/* Return: what vm_create() did; err->status is 0 where it was content. */
static int create(uint64_t mem, struct error *err)
{
	struct vm_config cfg = { 0 };
	struct vm *vm = NULL;
	struct fixture f;
	int ret;

	*err = (struct error){ 0 };
	fixture_init(&f, "");
	assert_int_equal(parse(&f, &cfg, err), 0);
	cfg.mem = mem;
	ret = vm_create(&cfg, &f.log, &vm, err);
	assert_int_equal(ret == 0, vm != NULL);
	if (vm != NULL)
		vm_destroy(vm);
	config_free(&cfg);
	fixture_end(&f);
	return ret;
}

static void assert_refused(uint64_t mem, const char *why)
{
	struct error err;

	if (create(mem, &err) != -EINVAL)
		fail_msg("%llu bytes: not refused", (unsigned long long)mem);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_one_line(&err);
	assert_non_null(strstr(err.text, "--mem"));
	if (strstr(err.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.text, why);
}

static void least_size(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(create(arch_info.min_mem, &err), 0);
	assert_refused(arch_info.min_mem - 65536, "too few");
	assert_refused(arch_info.min_mem - 1, "too few");
	assert_refused(0, "too few");
}

static void whole_pages(void **state)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct error err;

	(void)state;
	assert_int_equal(create(arch_info.min_mem + page, &err), 0);
	assert_refused(arch_info.min_mem + page - 1, "page size");
	assert_refused(arch_info.min_mem + 1, "page size");
	assert_refused(UINT64_MAX, "page size");
}

static void largest_size(void **state)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	(void)state;
	assert_refused(align_down(UINT64_MAX, page), "too many");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_size),
		cmocka_unit_test(whole_pages),
		cmocka_unit_test(largest_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
