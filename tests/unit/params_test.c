/* SPDX-License-Identifier: Apache-2.0 */
/* Option arguments: numbers, sizes, keys, escapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>

#include "vmm/params.h"

struct opts {
	char *path;
	uint64_t count;
	uint64_t size;
	bool flag;
	bool count_seen;
	int fd;
	int choice;
	uint8_t mac[6];
};

static const char *const choices[] = { "red", "green", NULL };

static const struct param table[] = {
	{ .key = "path",
	  .type = PARAM_STRING,
	  .offset = offsetof(struct opts, path),
	  .positional = true },
	{ .key = "count",
	  .type = PARAM_UINT,
	  .offset = offsetof(struct opts, count),
	  .min = 1,
	  .max = 8,
	  .seen_offset = offsetof(struct opts, count_seen) },
	{ .key = "size",
	  .type = PARAM_SIZE,
	  .offset = offsetof(struct opts, size),
	  .min = 512,
	  .max = UINT64_MAX },
	{ .key = "flag",
	  .type = PARAM_FLAG,
	  .offset = offsetof(struct opts, flag) },
	{ .key = "fd", .type = PARAM_FD, .offset = offsetof(struct opts, fd) },
	{ .key = "choice",
	  .type = PARAM_CHOICE,
	  .offset = offsetof(struct opts, choice),
	  .choices = choices },
	{ .key = "mac",
	  .type = PARAM_MAC,
	  .offset = offsetof(struct opts, mac) },
	{ .key = NULL },
};

static void test_all_types(void **state)
{
	struct opts o = { .fd = -1 };

	(void)state;
	assert_int_equal(params_parse("--x", table,
				      "a.img,count=0x8,size=1G,flag,fd=3,"
				      "choice=green,mac=02:AB:cd:00:00:ff",
				      &o, NULL),
			 0);
	assert_string_equal(o.path, "a.img");
	assert_int_equal(o.count, 8);
	assert_true(o.count_seen);
	assert_int_equal(o.size, GIB(1));
	assert_true(o.flag);
	assert_int_equal(o.fd, 3);
	assert_int_equal(o.choice, 1);
	static const uint8_t mac[6] = { 0x02, 0xab, 0xcd, 0, 0, 0xff };
	assert_memory_equal(o.mac, mac, 6);
	params_free(table, &o);
	assert_null(o.path);
}

static void test_positional_and_escapes(void **state)
{
	static const struct {
		const char *arg, *path;
	} cases[] = {
		{ "plain", "plain" },   { "path=named", "named" },
		{ "a,,b", "a,b" },      { "a,,,,b", "a,,b" },
		{ "a,,,flag", "a," },   { "dir/k=v.img", "dir/k=v.img" },
		{ "flag,path=p", "p" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct opts o = { 0 };
		struct error err;

		if (params_parse("--x", table, cases[i].arg, &o, &err) < 0)
			fail_msg("%s: %s", cases[i].arg, err.text);
		assert_string_equal(o.path, cases[i].path);
		params_free(table, &o);
	}
}

/* What is refused, and a word that the message has to have. */
static void test_bad_arguments(void **state)
{
	static const struct {
		const char *arg, *word;
	} cases[] = {
		{ "", "empty" },
		{ "a,", "empty" },
		{ ",a", "empty" },
		{ "a,b", "'b'" },
		{ "a,colour=1", "path, count, size" },
		{ "a,count=0", "from 1 to 8" },
		{ "a,count=9", "from 1 to 8" },
		{ "a,count=", "whole number" },
		{ "a,count", "needs a value" },
		{ "a,count=-1", "whole number" },
		{ "a,count=+1", "whole number" },
		{ "a,count= 1", "whole number" },
		{ "a,count=1x", "whole number" },
		{ "a,count=0x", "whole number" },
		{ "a,count=99999999999999999999", "from 1 to 8" },
		{ "a,count=1,count=1", "twice" },
		{ "a,path=b", "twice" },
		{ "a,flag=maybe", "on or off" },
		{ "a,fd=-1", "descriptor" },
		{ "a,fd=2147483648", "descriptor" },
		{ "a,choice=blue", "manual page" },
		{ "a,mac=01:00:00:00:00:01", "unicast" },
		{ "a,mac=00:00:00:00:00:00", "unicast" },
		{ "a,mac=02:00:00:00:00", "unicast" },
		{ "a,mac=02:00:00:00:00:0g", "unicast" },
		{ "a,mac=02-00-00-00-00-01", "unicast" },
		{ "a,size=511", "size" },
		{ "a,size=1X", "size" },
		{ "a,size=K", "size" },
		{ "path=", "not empty" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct opts o = { 0 };
		struct error err = { 0 };

		if (params_parse("--x", table, cases[i].arg, &o, &err) !=
		    -EINVAL)
			fail_msg("'%s' was taken", cases[i].arg);
		if (strstr(err.text, cases[i].word) == NULL ||
		    strncmp(err.text, "--x: ", 5) != 0)
			fail_msg("'%s': %s", cases[i].arg, err.text);
		assert_int_equal(err.status, EXIT_STATUS_USAGE);
		params_free(table, &o);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t value;
	} cases[] = {
		{ "512", 0, MIB(512) },
		{ "512M", 0, MIB(512) },
		{ "512m", 0, MIB(512) },
		{ "4096B", 0, 4096 },
		{ "3K", 0, 3072 },
		{ "2T", 0, 2ULL << 40 },
		{ "0", 0, 0 },
		{ "16777216T", -ERANGE, 0 },
		{ "17592186044416", -ERANGE, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "GG", -EINVAL, 0 },
		{ "1GG", -EINVAL, 0 },
		{ "00000000000000000000000000000000000001", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;
		int ret = parse_size(cases[i].text, MIB(1), 0, UINT64_MAX,
				     &value);

		if (ret != cases[i].ret ||
		    (ret == 0 && value != cases[i].value))
			fail_msg("'%s': %d, %llu", cases[i].text, ret,
				 (unsigned long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_positional_and_escapes),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
