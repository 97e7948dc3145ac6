/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: forms, defaults, every refusal with its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>

#include "vmm/config.h"

#define MAX_ARGS 32

/* Parses a line of words separated by blanks. */
static int parse(struct vm_config *cfg, const char *line, struct error *err)
{
	char copy[1024], *argv[MAX_ARGS], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	assert_int_equal(config_init(cfg), 0);
	return config_parse(cfg, argc, argv, err);
}

static void parse_good(struct vm_config *cfg, const char *line)
{
	struct error err = { 0 };

	if (parse(cfg, line, &err) < 0)
		fail_msg("'%s': %s", line, err.text);
}

static void test_defaults(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "Image");
	assert_string_equal(cfg.kernel.path, "Image");
	assert_int_equal(cfg.initrd.fd, -1);
	assert_null(cfg.initrd.path);
	assert_int_equal(cfg.cpus, 1);
	assert_int_equal(cfg.mem, MIB(512));
	assert_int_equal(cfg.loglevel, LOG_WARNING);
	assert_int_equal(cfg.virtio_transport, VIRTIO_TRANSPORT_DEFAULT);
	assert_int_equal(cfg.grace_s, 30);
	assert_int_equal(cfg.timeout_s, 0);
	assert_int_equal(cfg.nr_consoles, 1);
	assert_int_equal(cfg.consoles[0].kind, CONSOLE_SERIAL);
	assert_int_equal(cfg.consoles[0].backend.kind, CHARDEV_STDIO);
	config_free(&cfg);

	parse_good(&cfg, "--nodefaults -k Image");
	assert_int_equal(cfg.nr_consoles, 0);
	config_free(&cfg);
}

static void test_forms_of_an_option(void **state)
{
	static const char *const lines[] = {
		"-k Image -c 4 -m 1G -p quiet -i rd",
		"-kImage -c4 -m1024 -pquiet -ird",
		"--kernel=Image --cpus=4 --mem=1024M --params=quiet "
		"--initrd=rd",
		"--kernel Image --cpus 4 --mem 1048576K --params quiet "
		"--initrd rd",
		"-c 4 -m 1G -p quiet -i rd -- Image",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct vm_config cfg;

		parse_good(&cfg, lines[i]);
		assert_string_equal(cfg.kernel.path, "Image");
		assert_string_equal(cfg.initrd.path, "rd");
		assert_string_equal(cfg.params, "quiet");
		assert_int_equal(cfg.cpus, 4);
		assert_int_equal(cfg.mem, GIB(1));
		config_free(&cfg);
	}
}

static void test_consoles(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "Image --console virtio,pty,link=/tmp/l "
			 "--console serial,file=log,append "
			 "--port org.a.b,socket=/tmp/s --port p2,fd=5 "
			 "--port p3,null");
	assert_int_equal(cfg.nr_consoles, 5);
	assert_int_equal(cfg.consoles[0].kind, CONSOLE_VIRTIO);
	assert_int_equal(cfg.consoles[0].backend.kind, CHARDEV_PTY);
	assert_string_equal(cfg.consoles[0].backend.path, "/tmp/l");
	assert_int_equal(cfg.consoles[1].backend.kind, CHARDEV_FILE);
	assert_true(cfg.consoles[1].backend.append);
	assert_int_equal(cfg.consoles[2].kind, CONSOLE_PORT);
	assert_string_equal(cfg.consoles[2].name, "org.a.b");
	assert_int_equal(cfg.consoles[2].backend.kind, CHARDEV_SOCKET);
	assert_int_equal(cfg.consoles[3].backend.kind, CHARDEV_FD);
	assert_int_equal(cfg.consoles[3].backend.fd, 5);
	assert_int_equal(cfg.consoles[4].backend.kind, CHARDEV_NULL);
	config_free(&cfg);
}

static void test_devices(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "Image -d a.img --disk b.img,ro --rng --rng "
			 "--network mode=none");
	assert_int_equal(cfg.nr_devices, 3);
	assert_string_equal(cfg.devices[0].type->name, "virtio-blk");
	assert_int_equal(cfg.devices[0].index, 0);
	assert_int_equal(cfg.devices[1].index, 1);
	assert_string_equal(cfg.devices[2].type->name, "virtio-rng");
	config_free(&cfg);
}

static void test_transports(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "Image --virtio-transport mmio");
	assert_int_equal(cfg.virtio_transport, VIRTIO_TRANSPORT_MMIO);
	config_free(&cfg);
	parse_good(&cfg, "Image --virtio-transport=mmio "
			 "--virtio-transport=pci");
	assert_int_equal(cfg.virtio_transport, VIRTIO_TRANSPORT_PCI);
	config_free(&cfg);
}

static void test_times(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "Image --grace 0 --timeout 1");
	assert_int_equal(cfg.grace_s, 0);
	assert_int_equal(cfg.timeout_s, 1);
	config_free(&cfg);
	parse_good(&cfg, "Image --grace 315360000");
	assert_int_equal(cfg.grace_s, 315360000);
	config_free(&cfg);
}

static void test_files_as_descriptors(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "-k fd=7 -i fd=0");
	assert_null(cfg.kernel.path);
	assert_int_equal(cfg.kernel.fd, 7);
	assert_int_equal(cfg.initrd.fd, 0);
	config_free(&cfg);
}

/* A line that is refused, and a word that its message must have. */
static void test_refusals(void **state)
{
	static const struct {
		const char *line, *word;
	} cases[] = {
		{ "", "--kernel" },
		{ "Image Image2", "given already" },
		{ "Image --frobnicate", "unknown option '--frobnicate'" },
		{ "Image -Z", "unknown option '-Z'" },
		{ "Image --c 1", "unknown option" },
		{ "Image -c", "needs a value" },
		{ "Image --cpus", "needs a value" },
		{ "Image --no-reboot=yes", "takes no value" },
		{ "Image -c 0", "whole number from 1" },
		{ "Image -c -1", "whole number from 1" },
		{ "Image -c 1x", "whole number from 1" },
		{ "Image -c 99999999", "whole number from 1" },
		{ "Image -m 0", "size of memory" },
		{ "Image -m 1.5G", "size of memory" },
		{ "Image -m 99999999999T", "size of memory" },
		{ "Image --kernel=", "empty" },
		{ "-k fd=x", "descriptor" },
		{ "-k fd=-1", "descriptor" },
		{ "Image --timeout 0", "seconds" },
		{ "Image --timeout soon", "seconds" },
		{ "Image --grace=", "seconds" },
		{ "Image --grace -1", "seconds" },
		{ "Image --grace 99999999999", "seconds" },
		{ "Image --loglevel loud", "not a level" },
		{ "Image --virtio-transport=", "mmio or pci" },
		{ "Image --virtio-transport PCI", "mmio or pci" },
		{ "Image --virtio-transport ccw", "mmio or pci" },
		{ "Image --console hv", "kind" },
		{ "Image --console serial,stdio,pty", "more than one" },
		{ "Image --console serial,link=x", "pty only" },
		{ "Image --console serial,append", "file only" },
		{ "Image --console serial --console virtio", "stdio" },
		{ "Image --console serial --console serial,null",
		  "one serial port" },
		{ "Image --port a,null --port a,null", "two ports" },
		{ "Image --port a/b,null", "port's name" },
		{ "Image --port null", "port's name" },
		{ "Image --disk", "needs a value" },
		{ "Image --disk a,frob=1", "'frob=1'" },
		{ "Image --name a\033[31mb", "control characters" },
		{ "Image --name a\177", "control characters" },
		{ "Image --name=", "empty" },
		{ "-k fd=3 -i fd=3", "fd=3" },
		{ "-k fd=3 --disk fd=3", "kernel and disk" },
		{ "Image --disk fd=5 --network fd=5", "fd=5" },
		{ "Image --disk fd=5 --disk b --disk fd=5", "fd=5" },
		{ "Image --console serial,fd=6 --port p,fd=6", "fd=6" },
		{ "Image --port p,fd=6 --disk fd=6", "--port p,fd=6 and disk" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vm_config cfg;
		struct error err = { 0 };

		if (parse(&cfg, cases[i].line, &err) != -EINVAL)
			fail_msg("'%s' was taken", cases[i].line);
		if (strstr(err.text, cases[i].word) == NULL)
			fail_msg("'%s': %s", cases[i].line, err.text);
		assert_null(strchr(err.text, '\n'));
		assert_int_equal(err.status, EXIT_STATUS_USAGE);
		config_free(&cfg);
	}
}

/* The last one counts; devices, consoles and ports add up. */
static void test_repeated_options(void **state)
{
	struct vm_config cfg;

	(void)state;
	parse_good(&cfg, "-k a -k fd=4 -k b -i x -i fd=5 -c 2 -c 3 -m 1G "
			 "-m 2G -p one --params two --name x --name y "
			 "--loglevel debug --loglevel error");
	assert_string_equal(cfg.kernel.path, "b");
	assert_int_equal(cfg.kernel.fd, -1);
	assert_null(cfg.initrd.path);
	assert_int_equal(cfg.initrd.fd, 5);
	assert_int_equal(cfg.cpus, 3);
	assert_int_equal(cfg.mem, GIB(2));
	assert_string_equal(cfg.params, "two");
	assert_string_equal(cfg.name, "y");
	assert_int_equal(cfg.loglevel, LOG_ERROR);
	config_free(&cfg);
}

static void test_default_console(void **state)
{
	static const struct {
		const char *line;
		int main;
		unsigned count;
	} cases[] = {
		{ "Image", 0, 1 },
		{ "Image --port a,null --port b,file=x", 2, 3 },
		{ "Image --port a,null --console virtio,null", 1, 2 },
		/* The terminal is taken. */
		{ "Image --port a", -1, 1 },
		{ "Image --port a,null --port b,stdio", -1, 2 },
		{ "Image --nodefaults --port a,null", -1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vm_config cfg;

		parse_good(&cfg, cases[i].line);
		assert_int_equal(cfg.nr_consoles, cases[i].count);
		assert_int_equal(config_main_console(&cfg), cases[i].main);
		config_free(&cfg);
	}
}

static void test_name_length(void **state)
{
	static char arg[300] = "--name=";
	char kernel[] = "Image", *argv[] = { kernel, arg };
	struct vm_config cfg;
	struct error err;

	(void)state;
	memset(arg + 7, 'x', 255);
	assert_int_equal(config_init(&cfg), 0);
	assert_int_equal(config_parse(&cfg, 2, argv, &err), 0);
	config_free(&cfg);

	arg[7 + 255] = 'x';
	assert_int_equal(config_init(&cfg), 0);
	assert_int_equal(config_parse(&cfg, 2, argv, &err), -EINVAL);
	assert_non_null(strstr(err.text, "255"));
	config_free(&cfg);
}

static void test_params_length(void **state)
{
	static char arg[5000] = "--params=";
	char kernel[] = "Image", *argv[] = { kernel, arg };
	struct vm_config cfg;
	struct error err;

	(void)state;
	memset(arg + 9, 'x', 4095);
	assert_int_equal(config_init(&cfg), 0);
	assert_int_equal(config_parse(&cfg, 2, argv, &err), 0);
	config_free(&cfg);

	arg[9 + 4095] = 'x';
	assert_int_equal(config_init(&cfg), 0);
	assert_int_equal(config_parse(&cfg, 2, argv, &err), -EINVAL);
	assert_non_null(strstr(err.text, "4095"));
	config_free(&cfg);
}

static void test_too_many(void **state)
{
	struct vm_config cfg;
	struct error err = { 0 };
	char arg[] = "--port=pXX,null", kernel[] = "Image";
	char *argv[] = { kernel, arg };
	int ret = 0;

	(void)state;
	assert_int_equal(config_init(&cfg), 0);
	for (int i = 0; i <= CONFIG_MAX_CONSOLES && ret == 0; i++) {
		snprintf(arg, sizeof(arg), "--port=p%02d,null", i);
		ret = config_parse(&cfg, i == 0 ? 2 : 1,
				   i == 0 ? argv : argv + 1, &err);
	}
	assert_int_equal(ret, -EINVAL);
	assert_non_null(strstr(err.text, "all a machine can have"));
	config_free(&cfg);
}

static void test_help_lists_every_option(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	const char *name;

	(void)state;
	assert_non_null(out);
	config_help(out);
	fclose(out);
	for (unsigned i = 0; (name = config_option_name(i)) != NULL; i++) {
		char word[64];

		snprintf(word, sizeof(word), "--%s", name);
		if (strstr(text, word) == NULL)
			fail_msg("%s is not in the help text", word);
	}
	free(text);
}

static void test_options_are_unique(void **state)
{
	const char *a, *b;

	(void)state;
	for (unsigned i = 0; (a = config_option_name(i)) != NULL; i++) {
		for (unsigned j = 0; j < i; j++) {
			b = config_option_name(j);
			assert_string_not_equal(a, b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_forms_of_an_option),
		cmocka_unit_test(test_consoles),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_transports),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_files_as_descriptors),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_repeated_options),
		cmocka_unit_test(test_default_console),
		cmocka_unit_test(test_name_length),
		cmocka_unit_test(test_params_length),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_help_lists_every_option),
		cmocka_unit_test(test_options_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
