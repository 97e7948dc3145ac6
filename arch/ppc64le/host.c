/* SPDX-License-Identifier: Apache-2.0 */
/* What `privet host` says of ppc64le: what a guest would have. */
#include "vmm/host.h"

#include <string.h>
#include <unistd.h>

#include "arch/ppc64le/caps.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "vmm/arch.h"

static const struct {
	const char *key;
	size_t flag;
	/* What its absence means */
	const char *note;
} flags[] = {
	{ "radix", offsetof(struct caps, radix), "" },
	{ "hash", offsetof(struct caps, hash_v3),
	  "guests have radix page tables, which is fine" },
	{ "xive", offsetof(struct caps, xive),
	  "guests have XICS, which is fine" },
	{ "ail-mode-3", offsetof(struct caps, ail3),
	  "guests' system calls are slower" },
	{ "dawr1", offsetof(struct caps, dawr1),
	  "guests have one data watchpoint" },
	{ "htm", offsetof(struct caps, htm),
	  "guests have no transactional memory" },
	{ "hwrng", offsetof(struct caps, hwrng),
	  "H_RANDOM is answered from the host kernel's generator" },
	{ "rpt-invalidate", offsetof(struct caps, rpt_invalidate),
	  "guests invalidate translations by themselves" },
};

static void report_flags(const struct caps *caps, struct host_report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		bool have = *(const bool *)((const char *)caps + flags[i].flag);

		host_add(report, flags[i].key, have ? NULL : flags[i].note,
			 "%s", have ? "yes" : "no");
	}
}

/* "4K 64K 2M 1G", from the page shifts in the low bits. */
static void report_guest_pages(const struct caps *caps,
			       struct host_report *report)
{
	static const char units[] = "KMGT";
	char text[128] = "";
	size_t len = 0;

	for (unsigned i = 0; i < caps->nr_ap; i++) {
		unsigned shift = caps->ap[i] & 0x1fffffff;

		if (shift < 10 || shift >= 50)
			continue;

		int n = snprintf(text + len, sizeof(text) - len, "%s%u%c",
				 len > 0 ? " " : "", 1U << shift % 10,
				 units[shift / 10 - 1]);
		if (n < 0 || (size_t)n >= sizeof(text) - len)
			break;
		len += (size_t)n;
	}
	host_add(report, "guest-pages", NULL, "%s", text);
}

static void report_cpu(const struct caps *caps, struct host_report *report)
{
	host_add(report, "pvr", NULL, "0x%08x", caps->pvr);
	host_add(report, "timebase", NULL, "%llu",
		 (unsigned long long)caps->timebase_hz);
	if (caps->clock_hz != 0)
		host_add(report, "clock", NULL, "%llu",
			 (unsigned long long)caps->clock_hz);
	if (caps->cpu_char)
		host_add(report, "cpu-characteristics", NULL,
			 "0x%016llx 0x%016llx",
			 (unsigned long long)caps->character,
			 (unsigned long long)caps->behaviour);
	else
		host_add(report, "cpu-characteristics",
			 "guests take every mitigation that they know",
			 "unknown");
}

int arch_host_report(struct kvm *kvm, struct host_report *report)
{
	struct error err = { 0 };
	struct caps caps;
	int ret = caps_probe(kvm, &caps, &err);

	host_add(report, "kvm-hv", ret < 0 ? err.text : NULL, "%s",
		 ret < 0 ? "no" : "yes");
	if (ret < 0)
		return ret;
	host_add(report, "platform", NULL, "%s",
		 caps.nested ? "partition (guests are nested)" : "bare metal");
	host_add(report, "page-size", NULL, "%ld", sysconf(_SC_PAGESIZE));
	report_flags(&caps, report);
	report_guest_pages(&caps, report);
	report_cpu(&caps, report);
	return 0;
}
