/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options that there are, with values good and bad. */
#include <errno.h>

#include "tests/fuzz/input.h"
#include "vmm/config.h"

#define MAX_ARGS 24U
#define MAX_TEXT 96U

static const char *const values[] = {
	"",
	"fd=7",
	"fd=-1",
	"fd=99999999999",
	"/a",
	"a,ro,share",
	"path=/a,block-size=4096,queues=4,serial=x",
	"tapif=tap0,mac=02:00:00:00:00:01,mtu=1500",
	"fd=5,mac=1",
	"serial,pty",
	"virtio,socket=/s",
	"virtio,file=/f,append",
	"port,null",
	"serial",
	"none",
	"512M",
	"0x10k",
	"18446744073709551615",
	"99999999999999999999G",
	"-1",
	"1",
	"4096",
	"mmio",
	"pci",
	"plic",
	"xics",
	"debug",
	"off",
	"on",
	"console=ttyS0",
	"10s",
	",,,=,",
	"=",
	"queues=",
	"threads=0",
	"size=1,size=2",
};

static void take_text(struct input *in, char *text)
{
	unsigned len = take_below(in, 24);

	for (unsigned i = 0; i < len; i++) {
		uint8_t c = take_u8(in);

		text[i] = c == 0 ? ',' : (char)c;
	}
	text[len] = '\0';
}

static void take_value(struct input *in, char *text)
{
	uint8_t kind = take_u8(in);

	if (kind < 160) {
		snprintf(text, MAX_TEXT, "%s",
			 values[kind % (sizeof(values) / sizeof(values[0]))]);
		return;
	}
	take_text(in, text);
}

static unsigned count_options(void)
{
	unsigned count = 0;

	while (config_option_name(count) != NULL)
		count++;
	return count;
}

/* Return: arguments that were made: one or two. */
static int take_arg(struct input *in, char text[][MAX_TEXT])
{
	const char *name = config_option_name(take_below(in, count_options()));
	uint8_t kind = take_u8(in);
	char value[MAX_TEXT];

	take_value(in, value);
	if (kind < 160) {
		snprintf(text[0], MAX_TEXT, "--%.24s", name);
		snprintf(text[1], MAX_TEXT, "%s", value);
		return 2;
	}
	if (kind < 200)
		snprintf(text[0], MAX_TEXT, "--%.24s=%.64s", name, value);
	else if (kind < 216)
		snprintf(text[0], MAX_TEXT, "-%c%.64s", 'a' + kind % 26, value);
	else if (kind < 232)
		snprintf(text[0], MAX_TEXT, "--%.24s", name);
	else
		snprintf(text[0], MAX_TEXT, "%s", value);
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	char text[MAX_ARGS + 2][MAX_TEXT];
	char *argv[MAX_ARGS + 3];
	struct error err = { 0 };
	struct vm_config cfg;
	int argc = 0;

	snprintf(text[argc++], MAX_TEXT, "-k");
	snprintf(text[argc++], MAX_TEXT, "/kernel");
	/* A command line without a kernel comes to little. */
	if (take_rarely(&in, 16))
		argc = 0;
	while (argc < (int)MAX_ARGS && in.len > 0)
		argc += take_arg(&in, text + argc);
	for (int i = 0; i < argc; i++)
		argv[i] = text[i];
	argv[argc] = NULL;
	FUZZ_CHECK(config_init(&cfg) == 0);
	int ret = config_parse(&cfg, argc, argv, &err);

	FUZZ_CHECK(ret == 0 || ret == -EINVAL || ret == -ECANCELED);
	FUZZ_CHECK(ret != -EINVAL || err.text[0] != '\0');
	FUZZ_CHECK(ret != 0 || (cfg.cpus > 0 && cfg.mem > 0));
	config_free(&cfg);
	return 0;
}
