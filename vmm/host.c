/* SPDX-License-Identifier: Apache-2.0 */
/* `privet host`: what this host can do. */
#include "vmm/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/irqchip.h"
#include "vmm/json.h"
#include "vmm/kvm.h"
#include "vmm/sandbox.h"

void host_add(struct host_report *report, const char *key, const char *note,
	      const char *value, ...)
{
	if (report->nr_items == HOST_MAX_ITEMS)
		return;

	struct host_item *item = &report->items[report->nr_items++];
	va_list args;

	snprintf(item->key, sizeof(item->key), "%s", key);
	snprintf(item->note, sizeof(item->note), "%s",
		 note != NULL ? note : "");
	va_start(args, value);
	vsnprintf(item->value, sizeof(item->value), value, args);
	va_end(args);
}

static void add_bool(struct host_report *report, const char *key, bool value,
		     const char *why_not)
{
	host_add(report, key, value ? NULL : why_not, "%s",
		 value ? "yes" : "no");
}

static void probe_capabilities(struct host_report *report,
			       const struct kvm *kvm)
{
	static const struct {
		unsigned cap;
		const char *key;
		const char *why_not;
	} caps[] = {
		{ KVM_CAP_IOEVENTFD, "ioeventfd",
		  "doorbells are taken as exits, which is slower" },
		{ KVM_CAP_IRQFD, "irqfd",
		  "interrupts are raised by ioctl, which is slower" },
		{ KVM_CAP_ONE_REG, "one-reg", "this kernel is too old" },
		{ KVM_CAP_IMMEDIATE_EXIT, "immediate-exit",
		  "this kernel is too old to stop a vCPU reliably" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		add_bool(report, caps[i].key,
			 kvm_check_extension(kvm, caps[i].cap) > 0,
			 caps[i].why_not);
	host_add(report, "max-vcpus", NULL, "%d",
		 kvm_check_extension(kvm, KVM_CAP_MAX_VCPUS));
}

static bool probe_irqchips(struct host_report *report, const struct kvm *kvm)
{
	bool any = false;

	for (unsigned i = 0; arch_irqchips[i] != NULL; i++) {
		const struct irqchip_ops *ops = arch_irqchips[i];
		const char *why = "";
		bool have = ops->probe(kvm, &why) > 0;
		char key[32];

		snprintf(key, sizeof(key), "irqchip.%s", ops->name);
		add_bool(report, key, have, why);
		any = any || have;
	}
	return any;
}

static void probe_sandbox(struct host_report *report)
{
	static const struct {
		unsigned layer;
		const char *key;
		const char *why_not;
	} layers[] = {
		{ SANDBOX_NO_NEW_PRIVS, "sandbox.no-new-privs", "" },
		{ SANDBOX_CAPABILITIES, "sandbox.capabilities", "" },
		{ SANDBOX_LANDLOCK, "sandbox.landlock",
		  "this kernel has none, or it is not enabled (lsm=)" },
		{ SANDBOX_SECCOMP, "sandbox.seccomp",
		  "this kernel has no seccomp filters" },
	};
	unsigned have = sandbox_layers();

	for (size_t i = 0; i < ARRAY_SIZE(layers); i++)
		add_bool(report, layers[i].key, have & layers[i].layer,
			 layers[i].why_not);
}

static void probe_tun(struct host_report *report)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		host_add(report, "tun", NULL, "yes");
		return;
	}
	host_add(report, "tun",
		 errno == EACCES || errno == EPERM
			 ? "no permission on /dev/net/tun; give a tap as fd=N"
			 : "no /dev/net/tun (modprobe tun); give a tap as fd=N",
		 "no");
}

void host_probe(struct host_report *report, const char *kvm_path)
{
	struct kvm kvm = { .fd = -1, .vm_fd = -1 };
	struct error err = { 0 };

	*report = (struct host_report){ 0 };
	host_add(report, "architecture", NULL, "%s", arch_info.name);

	int ret = kvm_open(&kvm, kvm_path, &err);
	add_bool(report, "kvm", ret == 0, err.text);
	if (ret == 0) {
		probe_capabilities(report, &kvm);
		report->usable = probe_irqchips(report, &kvm);
		ret = arch_host_report(&kvm, report);
		if (ret < 0)
			report->usable = false;
		kvm_close(&kvm);
	}
	probe_tun(report);
	probe_sandbox(report);
	add_bool(report, "usable", report->usable,
		 "see the lines above for what is missing");
}

void host_print_text(const struct host_report *report, FILE *out)
{
	for (unsigned i = 0; i < report->nr_items; i++) {
		const struct host_item *item = &report->items[i];

		fprintf(out, "%-20s %s%s%s%s\n", item->key, item->value,
			item->note[0] != '\0' ? " (" : "", item->note,
			item->note[0] != '\0' ? ")" : "");
	}
}

void host_print_json(const struct host_report *report, FILE *out)
{
	fprintf(out, "{");
	for (unsigned i = 0; i < report->nr_items; i++) {
		const struct host_item *item = &report->items[i];

		fprintf(out, "%s\n  ", i == 0 ? "" : ",");
		json_string(out, item->key);
		fprintf(out, ": { \"value\": ");
		json_string(out, item->value);
		fprintf(out, ", \"note\": ");
		json_string(out, item->note);
		fprintf(out, " }");
	}
	fprintf(out, "\n}\n");
}
