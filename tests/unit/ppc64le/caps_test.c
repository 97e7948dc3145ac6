/* SPDX-License-Identifier: Apache-2.0 */
/* What a host has: probed, refused with a reason, reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/ppc64le/caps.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "tests/fakes/fake_kvm.h"
#include "vmm/arch.h"
#include "vmm/host.h"

static void good_host(void)
{
	static const unsigned caps[] = {
		KVM_CAP_PPC_PAPR,       KVM_CAP_PPC_ENABLE_HCALL,
		KVM_CAP_PPC_MMU_RADIX,  KVM_CAP_IRQ_XICS,
		KVM_CAP_PPC_AIL_MODE_3, KVM_CAP_PPC_GET_CPU_CHAR,
	};
	const struct kvm_ppc_rmmu_info rmmu = {
		.ap_encodings = { 0x0c, 0xa0000010 },
	};
	const struct kvm_ppc_cpu_char cpu_char = {
		.character = 0xff00000000000000,
		.behaviour = 0xe400000000000000,
		.character_mask = 0x3c40000000000000,
		.behaviour_mask = 0xe000000000000000,
	};
	const uint32_t pvr = 0x004e1202;

	fake_kvm_reset();
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		fake_kvm_set_cap(caps[i], 1);
	fake_kvm_answer(KVM_PPC_GET_RMMU_INFO, &rmmu, sizeof(rmmu));
	fake_kvm_answer(KVM_PPC_GET_CPU_CHAR, &cpu_char, sizeof(cpu_char));
	/* The PVR is the first field of what is much larger. */
	fake_kvm_answer(KVM_GET_SREGS, &pvr, sizeof(pvr));
}

static int probe(struct caps *caps, struct error *err)
{
	struct kvm kvm = { .fd = -1, .vm_fd = -1 };

	*err = (struct error){ 0 };
	int ret = kvm_open(&kvm, NULL, err);
	if (ret == 0) {
		ret = caps_probe(&kvm, caps, err);
		assert_int_equal(kvm.vm_fd, -1);
		kvm_close(&kvm);
	}
	assert_int_equal(fake_kvm_open_fds(), 0);
	return ret;
}

static void good_host_is_probed(void **state)
{
	struct caps caps = { 0 };
	struct error err;

	(void)state;
	good_host();
	assert_int_equal(probe(&caps, &err), 0);
	assert_true(caps.radix && caps.xics && caps.ail3 && caps.cpu_char);
	assert_false(caps.hash_v3 || caps.dawr1 || caps.htm || caps.hwrng ||
		     caps.multitce || caps.rpt_invalidate || caps.xive);
	assert_true(caps.character == 0x3c00000000000000);
	assert_true(caps.behaviour == 0xe000000000000000);
	assert_int_equal(caps.nr_ap, 2);
	assert_int_equal(caps.ap[1], 0xa0000010);
	assert_int_equal(caps.pvr, 0x004e1202);
	assert_true(caps.timebase_hz > 0);
}

static void each_flag_is_its_own(void **state)
{
	static const struct {
		unsigned cap;
		size_t flag;
	} flags[] = {
		{ KVM_CAP_PPC_MMU_HASH_V3, offsetof(struct caps, hash_v3) },
		{ KVM_CAP_PPC_DAWR1, offsetof(struct caps, dawr1) },
		{ KVM_CAP_PPC_HTM, offsetof(struct caps, htm) },
		{ KVM_CAP_PPC_HWRNG, offsetof(struct caps, hwrng) },
		{ KVM_CAP_SPAPR_MULTITCE, offsetof(struct caps, multitce) },
		{ KVM_CAP_PPC_RPT_INVALIDATE,
		  offsetof(struct caps, rpt_invalidate) },
		{ KVM_CAP_PPC_IRQ_XIVE, offsetof(struct caps, xive) },
	};
	struct caps caps = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		good_host();
		fake_kvm_set_cap(flags[i].cap, 1);
		assert_int_equal(probe(&caps, &err), 0);
		for (size_t n = 0; n < ARRAY_SIZE(flags); n++)
			assert_int_equal(
				*(bool *)((char *)&caps + flags[n].flag),
				n == i);
	}
}

static void hosts_that_tell_less(void **state)
{
	const struct kvm_ppc_rmmu_info full = {
		.ap_encodings = { 1, 2, 3, 4, 5, 6, 7, 8 },
	};
	const struct kvm_ppc_cpu_char nothing = { .behaviour = 1 };
	struct caps caps = { 0 };
	struct error err;

	(void)state;
	good_host();
	fake_kvm_refuse(KVM_PPC_GET_RMMU_INFO, -EINVAL);
	fake_kvm_refuse(KVM_PPC_GET_CPU_CHAR, -ENOTTY);
	fake_kvm_refuse(KVM_CREATE_VCPU, -ENOMEM);
	assert_int_equal(probe(&caps, &err), 0);
	assert_int_equal(caps.nr_ap, 4);
	assert_int_equal(caps.ap[0], 0x0c);
	assert_int_equal(caps.ap[3], 0x4000001e);
	assert_false(caps.cpu_char);

	good_host();
	fake_kvm_answer(KVM_PPC_GET_RMMU_INFO, &full, sizeof(full));
	/* It knows no bit of itself: no statement is better than a wrong one */
	fake_kvm_answer(KVM_PPC_GET_CPU_CHAR, &nothing, sizeof(nothing));
	assert_int_equal(probe(&caps, &err), 0);
	assert_int_equal(caps.nr_ap, 8);
	assert_int_equal(caps.ap[7], 8);
	assert_false(caps.cpu_char);
}

static void hosts_that_are_refused(void **state)
{
	static const struct {
		unsigned cap;
		const char *text;
	} bad[] = {
		{ KVM_CAP_PPC_PAPR, "KVM_CAP_PPC_PAPR" },
		{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
		{ KVM_CAP_PPC_ENABLE_HCALL, "KVM_CAP_PPC_ENABLE_HCALL" },
		{ KVM_CAP_PPC_MMU_RADIX, "hash page tables only" },
	};
	struct caps caps = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		good_host();
		fake_kvm_set_cap(bad[i].cap, 0);
		assert_int_equal(probe(&caps, &err), -ENODEV);
		assert_int_equal(err.status, EXIT_STATUS_NO_KVM);
		assert_non_null(strstr(err.text, bad[i].text));
	}

	good_host();
	fake_kvm_refuse(KVM_CREATE_VM, -EINVAL);
	assert_int_equal(probe(&caps, &err), -ENODEV);
	assert_int_equal(err.status, EXIT_STATUS_NO_KVM);
	assert_non_null(strstr(err.text, "KVM-PR"));
	assert_non_null(strstr(err.text, "kvm_hv"));

	good_host();
	fake_kvm_refuse(KVM_CREATE_VM, -ENOMEM);
	assert_int_equal(probe(&caps, &err), -ENOMEM);
}

/* Each call fails once: an answer or an error, and nothing stays open. */
static void calls_that_fail(void **state)
{
	struct caps caps = { 0 };
	struct error err;
	bool failed = true;

	(void)state;
	for (unsigned nth = 1; failed; nth++) {
		good_host();
		fake_kvm_fail_nth(nth, -EIO);
		int ret = probe(&caps, &err);
		failed = fake_kvm_failed();
		assert_true(ret == 0 || err.text[0] != '\0');
		if (ret == 0)
			assert_true(caps.nr_ap > 0);
		assert_true(nth < 50);
	}
}

static void read_cpuinfo(const char *text, struct caps *caps)
{
	char path[64];
	int fd = memfd_create("cpuinfo", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	caps_read_cpuinfo(path, caps);
	close(fd);
}

static void cpuinfo_of_a_partition(void **state)
{
	struct caps caps = { 0 };

	(void)state;
	read_cpuinfo("processor\t: 0\n"
		     "cpu\t\t: POWER9 (architected), altivec supported\n"
		     "clock\t\t: 2900.000000MHz\n"
		     "revision\t: 2.2 (pvr 004e 1202)\n\n"
		     "timebase\t: 512000000\n"
		     "platform\t: pSeries\n"
		     "model\t\t: IBM,9008-22L\n"
		     "machine\t\t: CHRP IBM,9008-22L\n"
		     "MMU\t\t: Radix\n",
		     &caps);
	assert_true(caps.nested);
	assert_int_equal(caps.timebase_hz, 512000000);
	assert_true(caps.clock_hz == 2900000000);
	assert_int_equal(caps.pvr, 0x004e1202);
}

static void cpuinfo_of_bare_metal(void **state)
{
	struct caps caps = { .nested = true };

	(void)state;
	read_cpuinfo("timebase : 125000000\n"
		     "platform : PowerNV\n"
		     "revision : 1.0 (pvr 0080 0200)",
		     &caps);
	assert_false(caps.nested);
	assert_int_equal(caps.timebase_hz, 125000000);
	assert_int_equal(caps.pvr, 0x00800200);
}

static void cpuinfo_of_another_kind(void **state)
{
	static const char *const odd[] = {
		"",
		"\n\n:\n: :\n",
		"timebase\n",
		"timebase\t:\n",
		"timebase : 0\n",
		"timebase : none\n",
		"timebases : 7\n",
		"xtimebase : 7\n",
		"revision : 2.2 (pvr\n",
		"revision : 2.2 (pvr zz zz)\n",
		"revision : (pvr 004e\n",
		"revision : (pvr 004e 1202\n",
		"revision : (pvr 1004e 1202)\n",
		"revision : (pvr -1 1202)\n",
	};
	static char line[100000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct caps caps = { .timebase_hz = 5, .pvr = 6 };

		read_cpuinfo(odd[i], &caps);
		assert_int_equal(caps.timebase_hz, 5);
		assert_int_equal(caps.pvr, 6);
	}

	struct caps caps = { .timebase_hz = 5 };
	memset(line, 'x', sizeof(line) - 1);
	read_cpuinfo(line, &caps);
	caps_read_cpuinfo("/nonexistent", &caps);
	assert_int_equal(caps.timebase_hz, 5);
}

static const struct host_item *find(const struct host_report *report,
				    const char *key)
{
	for (unsigned i = 0; i < report->nr_items; i++) {
		if (strcmp(report->items[i].key, key) == 0)
			return &report->items[i];
	}
	print_error("the report has no %s\n", key);
	abort();
}

static void host_is_reported(void **state)
{
	struct host_report *report = calloc(1, sizeof(*report));

	(void)state;
	assert_non_null(report);
	good_host();
	host_probe(report, NULL);
	assert_true(report->usable);
	assert_string_equal(find(report, "kvm-hv")->value, "yes");
	assert_string_equal(find(report, "irqchip.xics")->value, "yes");
	assert_string_equal(find(report, "radix")->value, "yes");
	assert_string_equal(find(report, "hash")->value, "no");
	assert_string_not_equal(find(report, "hash")->note, "");
	assert_string_equal(find(report, "guest-pages")->value, "4K 64K");
	assert_string_equal(find(report, "pvr")->value, "0x004e1202");
	assert_string_equal(find(report, "cpu-characteristics")->value,
			    "0x3c00000000000000 0xe000000000000000");
	assert_int_equal(fake_kvm_open_fds(), 0);

	good_host();
	fake_kvm_refuse(KVM_PPC_GET_RMMU_INFO, -EINVAL);
	fake_kvm_set_cap(KVM_CAP_PPC_GET_CPU_CHAR, 0);
	host_probe(report, NULL);
	assert_string_equal(find(report, "guest-pages")->value, "4K 64K 2M 1G");
	assert_string_equal(find(report, "cpu-characteristics")->value,
			    "unknown");
	free(report);
}

static void host_that_is_no_use(void **state)
{
	struct host_report *report = calloc(1, sizeof(*report));

	(void)state;
	assert_non_null(report);
	good_host();
	fake_kvm_set_cap(KVM_CAP_PPC_MMU_RADIX, 0);
	host_probe(report, NULL);
	assert_false(report->usable);
	assert_string_equal(find(report, "kvm-hv")->value, "no");
	assert_non_null(strstr(find(report, "kvm-hv")->note, "hash"));
	assert_int_equal(fake_kvm_open_fds(), 0);
	free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_host_is_probed),
		cmocka_unit_test(each_flag_is_its_own),
		cmocka_unit_test(hosts_that_tell_less),
		cmocka_unit_test(hosts_that_are_refused),
		cmocka_unit_test(calls_that_fail),
		cmocka_unit_test(cpuinfo_of_a_partition),
		cmocka_unit_test(cpuinfo_of_bare_metal),
		cmocka_unit_test(cpuinfo_of_another_kind),
		cmocka_unit_test(host_is_reported),
		cmocka_unit_test(host_that_is_no_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
