/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of `privet host`, to the byte, on the fake KVM. An architecture
 * of this file's own takes the place of the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_kvm.h"
#include "vmm/arch.h"
#include "vmm/host.h"
#include "vmm/irqchip.h"
#include "vmm/json.h"
#include "vmm/kvm.h"
#include "vmm/sandbox.h"

/* What the stand-in says; the functions below take nothing of the tests'. */
static bool have_good;
static int report_result;

static int probe_good(const struct kvm *kvm, const char **why)
{
	assert_true(kvm->fd >= 0);
	*why = "this host is too small";
	return have_good;
}

static int probe_bad(const struct kvm *kvm, const char **why)
{
	(void)kvm;
	*why = "this host is too old";
	return 0;
}

static const struct irqchip_ops good = { .name = "good", .probe = probe_good };
static const struct irqchip_ops bad = { .name = "bad", .probe = probe_bad };

const struct irqchip_ops *const arch_irqchips[] = { &good, &bad, NULL };
const struct arch_info arch_info = { .name = "abacus" };

int arch_host_report(struct kvm *kvm, struct host_report *report)
{
	assert_true(kvm->fd >= 0);
	host_add(report, "beads", "a \"note\"", "%d", 10);
	return report_result;
}

static int setup(void **state)
{
	struct host_report *report = calloc(1, sizeof(*report));

	assert_non_null(report);
	fake_kvm_reset();
	have_good = true;
	report_result = 0;
	*state = report;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(fake_kvm_open_fds(), 0);
	free(*state);
	return 0;
}

/* What the build machine's kernel has of the sandbox: checked, then left out.
 */
static void settle_sandbox(struct host_report *report)
{
	unsigned kept = 0, layers = 0;

	for (unsigned i = 0; i < report->nr_items; i++) {
		struct host_item *item = &report->items[i];

		if (strncmp(item->key, "sandbox.", 8) != 0) {
			report->items[kept++] = *item;
			continue;
		}
		if (strcmp(item->key, "sandbox.seccomp") == 0)
			assert_string_equal(item->value,
					    sandbox_layers() & SANDBOX_SECCOMP
						    ? "yes"
						    : "no");
		layers++;
	}
	assert_int_equal(layers, 4);
	report->nr_items = kept;
}

/* Whether there is a tun depends on the build machine: looked at, then set. */
static void settle_tun(struct host_report *report)
{
	for (unsigned i = 0; i < report->nr_items; i++) {
		struct host_item *item = &report->items[i];

		if (strcmp(item->key, "tun") != 0)
			continue;

		int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		assert_string_equal(item->value, fd >= 0 ? "yes" : "no");
		assert_int_equal(item->note[0] == '\0', fd >= 0);
		if (fd >= 0)
			close(fd);
		strcpy(item->value, "yes");
		item->note[0] = '\0';
		return;
	}
	fail_msg("there is no line for tun");
}

static void assert_prints(void (*print)(const struct host_report *, FILE *),
			  const struct host_report *report, const char *want)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(report, out);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static void usable_host(void **state)
{
	struct host_report *report = *state;

	host_probe(report, NULL);
	settle_tun(report);
	settle_sandbox(report);
	assert_true(report->usable);
	assert_prints(host_print_text, report,
		      "architecture         abacus\n"
		      "kvm                  yes\n"
		      "ioeventfd            yes\n"
		      "irqfd                yes\n"
		      "one-reg              yes\n"
		      "immediate-exit       yes\n"
		      "max-vcpus            8\n"
		      "irqchip.good         yes\n"
		      "irqchip.bad          no (this host is too old)\n"
		      "beads                10 (a \"note\")\n"
		      "tun                  yes\n"
		      "usable               yes\n");
	assert_prints(
		host_print_json, report,
		"{\n"
		"  \"architecture\": { \"value\": \"abacus\", "
		"\"note\": \"\" },\n"
		"  \"kvm\": { \"value\": \"yes\", \"note\": \"\" },\n"
		"  \"ioeventfd\": { \"value\": \"yes\", \"note\": \"\" },\n"
		"  \"irqfd\": { \"value\": \"yes\", \"note\": \"\" },\n"
		"  \"one-reg\": { \"value\": \"yes\", \"note\": \"\" },\n"
		"  \"immediate-exit\": { \"value\": \"yes\", "
		"\"note\": \"\" },\n"
		"  \"max-vcpus\": { \"value\": \"8\", \"note\": \"\" },\n"
		"  \"irqchip.good\": { \"value\": \"yes\", \"note\": \"\" },\n"
		"  \"irqchip.bad\": { \"value\": \"no\", \"note\": "
		"\"this host is too old\" },\n"
		"  \"beads\": { \"value\": \"10\", \"note\": "
		"\"a \\\"note\\\"\" },\n"
		"  \"tun\": { \"value\": \"yes\", \"note\": \"\" },\n"
		"  \"usable\": { \"value\": \"yes\", \"note\": \"\" }\n"
		"}\n");
}

static void host_without_kvm(void **state)
{
	struct host_report *report = *state;

	host_probe(report, "/dev/none");
	settle_tun(report);
	settle_sandbox(report);
	assert_false(report->usable);
	assert_prints(host_print_text, report,
		      "architecture         abacus\n"
		      "kvm                  no (cannot open /dev/none: there "
		      "is no such device; load the kernel's kvm module "
		      "(modprobe kvm) on a machine with the hypervisor "
		      "extension)\n"
		      "tun                  yes\n"
		      "usable               no (see the lines above for what "
		      "is missing)\n");
}

static void host_that_lacks_things(void **state)
{
	struct host_report *report = *state;

	have_good = false;
	fake_kvm_set_cap(KVM_CAP_IOEVENTFD, 0);
	fake_kvm_set_cap(KVM_CAP_IRQFD, 0);
	fake_kvm_set_cap(KVM_CAP_ONE_REG, 0);
	fake_kvm_set_cap(KVM_CAP_IMMEDIATE_EXIT, 0);
	fake_kvm_set_cap(KVM_CAP_MAX_VCPUS, 0);
	host_probe(report, NULL);
	settle_tun(report);
	settle_sandbox(report);
	assert_false(report->usable);
	assert_prints(host_print_text, report,
		      "architecture         abacus\n"
		      "kvm                  yes\n"
		      "ioeventfd            no (doorbells are taken as exits, "
		      "which is slower)\n"
		      "irqfd                no (interrupts are raised by "
		      "ioctl, which is slower)\n"
		      "one-reg              no (this kernel is too old)\n"
		      "immediate-exit       no (this kernel is too old to stop "
		      "a vCPU reliably)\n"
		      "max-vcpus            0\n"
		      "irqchip.good         no (this host is too small)\n"
		      "irqchip.bad          no (this host is too old)\n"
		      "beads                10 (a \"note\")\n"
		      "tun                  yes\n"
		      "usable               no (see the lines above for what "
		      "is missing)\n");
}

/* The architecture has the last word. */
static void unfit_architecture(void **state)
{
	struct host_report *report = *state;

	report_result = -ENODEV;
	host_probe(report, NULL);
	assert_false(report->usable);
}

static void full_report(void **state)
{
	struct host_report *report = *state;
	char big[512];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < HOST_MAX_ITEMS + 3; i++)
		host_add(report, big, big, "%s", big);
	assert_int_equal(report->nr_items, HOST_MAX_ITEMS);

	const struct host_item *last = &report->items[HOST_MAX_ITEMS - 1];
	assert_int_equal(strlen(last->key), sizeof(last->key) - 1);
	assert_int_equal(strlen(last->value), sizeof(last->value) - 1);
	assert_int_equal(strlen(last->note), sizeof(last->note) - 1);
}

/* RFC 8259, section 7. */
static void json_escapes(void **state)
{
	static const struct {
		const char *text;
		const char *json;
	} cases[] = {
		{ "", "\"\"" },
		{ "plain /text'", "\"plain /text'\"" },
		{ "\"", "\"\\\"\"" },
		{ "\\", "\"\\\\\"" },
		{ "\\\"\\", "\"\\\\\\\"\\\\\"" },
		{ "a\nb\tc", "\"a\\u000ab\\u0009c\"" },
		{ "\x01\x1f\x20\x7e\x7f", "\"\\u0001\\u001f ~\\u007f\"" },
		{ "\x80\xc3\xa9\xff", "\"????\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		json_string(out, cases[i].text);
		fclose(out);
		assert_string_equal(text, cases[i].json);
		free(text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usable_host),
		TEST(host_without_kvm),
		TEST(host_that_lacks_things),
		TEST(unfit_architecture),
		TEST(full_report),
		TEST(json_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
