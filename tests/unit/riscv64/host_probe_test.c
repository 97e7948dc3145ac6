/* SPDX-License-Identifier: Apache-2.0 */
/* `privet host` on hosts with and without KVM: what it says, as text and JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/riscv64/vm_host.h"
#include "vmm/host.h"

static const struct host_item *item(const struct host_report *r,
				    const char *key)
{
	for (unsigned i = 0; i < r->nr_items; i++) {
		if (strcmp(r->items[i].key, key) == 0)
			return &r->items[i];
	}
	fail_msg("there is no item '%s'", key);
	return NULL;
}

static void assert_usable(const struct host_report *r, bool usable)
{
	assert_int_equal(r->usable, usable);
	assert_string_equal(item(r, "usable")->value, usable ? "yes" : "no");
	assert_int_equal(item(r, "usable")->note[0] == '\0', usable);
}

static int setup(void **state)
{
	(void)state;
	fake_kvm_reset();
	default_regs();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(fake_kvm_open_fds(), 0);
	return 0;
}

static void a_good_host(void **state)
{
	static struct host_report r;

	(void)state;
	host_probe(&r, NULL);
	assert_usable(&r, true);
	assert_string_equal(item(&r, "kvm")->value, "yes");
	assert_string_equal(item(&r, "irqchip.aia")->value, "no");
	assert_string_equal(item(&r, "irqchip.plic")->value, "yes");
	assert_string_equal(item(&r, "max-vcpus")->value, "8");
}

/* Why /dev/kvm cannot be opened, and what to do, in one line. */
static void no_kvm(void **state)
{
	static const struct {
		int error;
		const char *word;
	} cases[] = {
		{ -ENOENT, "modprobe kvm" }, { -ENODEV, "modprobe kvm" },
		{ -ENXIO, "modprobe kvm" },  { -EACCES, "usermod" },
		{ -EPERM, "policy" },        { -EISDIR, "directory" },
	};
	static struct host_report r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_kvm_fail_nth(1, cases[i].error);
		host_probe(&r, NULL);
		assert_usable(&r, false);

		const struct host_item *kvm = item(&r, "kvm");
		assert_string_equal(kvm->value, "no");
		assert_non_null(strstr(kvm->note, "/dev/kvm"));
		assert_non_null(strstr(kvm->note, cases[i].word));
		assert_null(strchr(kvm->note, '\n'));
	}
}

/* Whatever fails after that, the report is whole. */
static void any_call_may_fail(void **state)
{
	static struct host_report r;
	unsigned nth = 0;

	(void)state;
	do {
		fake_kvm_fail_nth(++nth, -EIO);
		host_probe(&r, NULL);
		assert_usable(&r, r.usable);
		assert_int_equal(fake_kvm_open_fds(), 0);
	} while (fake_kvm_failed());
	assert_true(r.usable);
	assert_true(nth > 5);
}

static void json_is_escaped(void **state)
{
	static struct host_report r;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	host_add(&r, "one", "say \"\\\"\n\x7f\xc3", "%d", 1);
	host_add(&r, "two", NULL, "yes");
	host_print_json(&r, out);
	fclose(out);
	assert_string_equal(
		text, "{\n  \"one\": { \"value\": \"1\", \"note\": "
		      "\"say \\\"\\\\\\\"\\u000a\\u007f?\" },\n"
		      "  \"two\": { \"value\": \"yes\", \"note\": \"\" }\n}\n");
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_host),
		TEST(no_kvm),
		TEST(any_call_may_fail),
		TEST(json_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
