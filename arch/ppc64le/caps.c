/* SPDX-License-Identifier: Apache-2.0 */
/* What this host's KVM and CPU can do for a guest. */
#include "arch/ppc64le/caps.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ppc64le/kvm_ppc.h"

#define CPUINFO_PATH "/proc/cpuinfo"

/* Of every POWER8 and later, for a host that does not tell. */
#define USUAL_TIMEBASE_HZ 512000000U

/* Capabilities without which nothing works, and what their absence means. */
static const struct {
	unsigned cap;
	const char *why;
} required[] = {
	{ KVM_CAP_PPC_PAPR,
	  "it runs no pseries guests (KVM_CAP_PPC_PAPR is missing)" },
	{ KVM_CAP_ONE_REG,
	  "this kernel is too old (KVM_CAP_ONE_REG is missing)" },
	{ KVM_CAP_PPC_ENABLE_HCALL,
	  "this kernel is too old (KVM_CAP_PPC_ENABLE_HCALL is missing)" },
	{ KVM_CAP_PPC_MMU_RADIX,
	  "it runs guests with hash page tables only, privet's guests need "
	  "radix; use a POWER9 or later, whose kernel was not started with "
	  "disable_radix" },
};

static const struct {
	unsigned cap;
	size_t flag;
} optional[] = {
	{ KVM_CAP_PPC_MMU_RADIX, offsetof(struct caps, radix) },
	{ KVM_CAP_PPC_MMU_HASH_V3, offsetof(struct caps, hash_v3) },
	{ KVM_CAP_PPC_AIL_MODE_3, offsetof(struct caps, ail3) },
	{ KVM_CAP_PPC_DAWR1, offsetof(struct caps, dawr1) },
	{ KVM_CAP_PPC_HTM, offsetof(struct caps, htm) },
	{ KVM_CAP_PPC_HWRNG, offsetof(struct caps, hwrng) },
	{ KVM_CAP_SPAPR_MULTITCE, offsetof(struct caps, multitce) },
	{ KVM_CAP_PPC_RPT_INVALIDATE, offsetof(struct caps, rpt_invalidate) },
	{ KVM_CAP_IRQ_XICS, offsetof(struct caps, xics) },
	{ KVM_CAP_PPC_IRQ_XIVE, offsetof(struct caps, xive) },
};

/* What POWER9 and later have: pages of 4 KiB, 64 KiB, 2 MiB and 1 GiB. */
static const uint32_t usual_ap[] = {
	0x0000000c,
	0xa0000010,
	0x20000015,
	0x4000001e,
};

/*
 * "platform : pSeries" of /proc/cpuinfo. The value points into @line.
 *
 * Return: whether the line is about @key.
 */
static bool line_value(char *line, const char *key, char **value)
{
	char *colon = strchr(line, ':');
	size_t len = strlen(key);

	if (colon == NULL || strncmp(line, key, len) != 0)
		return false;
	for (const char *c = line + len; c < colon; c++) {
		if (!isspace((unsigned char)*c))
			return false;
	}
	*value = colon + 1;
	return true;
}

/* "2.2 (pvr 004e 1202)": both halves of it. */
static void read_revision(const char *value, struct caps *caps)
{
	static const char before[] = "(pvr ";
	const char *text = strstr(value, before);
	char *middle, *end;

	if (text == NULL)
		return;
	text += strlen(before);

	unsigned long high = strtoul(text, &middle, 16);
	unsigned long low = strtoul(middle, &end, 16);
	if (middle != text && end != middle && *end == ')' &&
	    high <= UINT16_MAX && low <= UINT16_MAX)
		caps->pvr = (uint32_t)(high << 16 | low);
}

static void read_line(char *line, struct caps *caps)
{
	char *value;

	if (line_value(line, "timebase", &value)) {
		uint64_t hz = strtoull(value, NULL, 10);

		caps->timebase_hz = hz != 0 ? hz : caps->timebase_hz;
	} else if (line_value(line, "clock", &value)) {
		/* Whole megahertz are what it is good for. */
		caps->clock_hz = strtoull(value, NULL, 10) * 1000000;
	} else if (line_value(line, "platform", &value)) {
		caps->nested = strstr(value, "pSeries") != NULL;
	} else if (line_value(line, "revision", &value)) {
		read_revision(value, caps);
	}
}

void caps_read_cpuinfo(const char *path, struct caps *caps)
{
	FILE *file = fopen(path, "re");
	char line[256];

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		read_line(line, caps);
	fclose(file);
}

static int refuse(struct error *err, int code, const char *why)
{
	return error_set(err, code, EXIT_STATUS_NO_KVM,
			 "cannot use this host's KVM: %s", why);
}

static int create_scratch(struct kvm *scratch, struct error *err)
{
	int ret = kvm_create_vm(scratch, KVM_PPC_VM_HV, err);

	if (ret != -EINVAL)
		return ret;
	return refuse(err, -ENODEV,
		      "it has no hypervisor mode, and KVM-PR is too slow for "
		      "what privet is for; load the module kvm_hv, on bare "
		      "metal or in a partition that may have nested guests");
}

static int check_required(const struct kvm *kvm, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		if (kvm_check_extension(kvm, required[i].cap) <= 0)
			return refuse(err, -ENODEV, required[i].why);
	}
	return 0;
}

static void read_flags(const struct kvm *kvm, struct caps *caps)
{
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++) {
		bool *flag = (bool *)((char *)caps + optional[i].flag);

		*flag = kvm_check_extension(kvm, optional[i].cap) > 0;
	}
}

static void read_page_sizes(const struct kvm *kvm, struct caps *caps)
{
	struct kvm_ppc_rmmu_info info = { 0 };

	if (kvm_ppc_get_rmmu_info(kvm, &info) == 0) {
		while (caps->nr_ap < CAPS_MAX_AP &&
		       info.ap_encodings[caps->nr_ap] != 0) {
			caps->ap[caps->nr_ap] = info.ap_encodings[caps->nr_ap];
			caps->nr_ap++;
		}
	}
	if (caps->nr_ap == 0) {
		caps->nr_ap = ARRAY_SIZE(usual_ap);
		memcpy(caps->ap, usual_ap, sizeof(usual_ap));
	}
}

static void read_cpu_char(const struct kvm *kvm, struct caps *caps)
{
	struct kvm_ppc_cpu_char info = { 0 };

	if (kvm_check_extension(kvm, KVM_CAP_PPC_GET_CPU_CHAR) <= 0 ||
	    kvm_ppc_get_cpu_char(kvm, &info) < 0)
		return;
	/* A host that knows nothing of itself: guests must fear the worst. */
	if (info.character_mask == 0 && info.behaviour_mask == 0)
		return;
	caps->cpu_char = true;
	caps->character = info.character & info.character_mask;
	caps->behaviour = info.behaviour & info.behaviour_mask;
}

/* KVM knows best; in a partition /proc/cpuinfo may be of another opinion. */
static void read_pvr(struct kvm *kvm, struct caps *caps)
{
	struct kvm_sregs sregs = { 0 };
	struct kvm_run *run = NULL;
	int fd = -1;

	if (kvm_create_vcpu(kvm, 0, &fd, &run, NULL) < 0)
		return;
	if (kvm_ppc_get_sregs(fd, &sregs) == 0 && sregs.pvr != 0)
		caps->pvr = sregs.pvr;
	kvm_destroy_vcpu(kvm, fd, run);
}

int caps_probe(const struct kvm *kvm, struct caps *caps, struct error *err)
{
	struct kvm scratch = *kvm;
	bool own = kvm->vm_fd < 0;
	int ret = own ? create_scratch(&scratch, err) : 0;

	if (ret < 0)
		return ret;
	*caps = (struct caps){ .timebase_hz = USUAL_TIMEBASE_HZ };
	ret = check_required(&scratch, err);
	if (ret == 0) {
		caps_read_cpuinfo(CPUINFO_PATH, caps);
		read_flags(&scratch, caps);
		read_page_sizes(&scratch, caps);
		read_cpu_char(&scratch, caps);
		if (own)
			read_pvr(&scratch, caps);
	}
	if (own)
		kvm_destroy_vm(&scratch);
	return ret;
}
