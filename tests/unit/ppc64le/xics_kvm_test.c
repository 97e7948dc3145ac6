/* SPDX-License-Identifier: Apache-2.0 */
/* The XICS as it is asked of KVM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <libfdt.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/rtas.h"
#include "tests/unit/ppc64le/xics_stub.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define CPUS    3U
#define MASKED  KVM_XICS_MASKED
#define LEVEL   KVM_XICS_LEVEL_SENSITIVE
#define PENDING KVM_XICS_PENDING
#define SENT    KVM_XICS_PRESENTED
#define QUEUED  KVM_XICS_QUEUED

/* EPOW, terminal, four pins, 24 slots. */
#define NR_FIXED 30U

struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct vcpu vcpus[CPUS];
	struct irqchip *chip;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	stub_reset();
	f->cfg.cpus = CPUS;
	f->vm.cfg = &f->cfg;
	f->vm.vcpus = f->vcpus;
	f->vm.kvm = (struct kvm){ .fd = STUB_KVM_FD, .vm_fd = STUB_VM_FD };
	for (unsigned i = 0; i < CPUS; i++)
		f->vcpus[i] = (struct vcpu){
			.vm = &f->vm,
			.id = i,
			.fd = STUB_VCPU_FD + (int)i,
		};
	assert_int_equal(xics_kvm_ops.create(&f->vm, &f->chip, &err), 0);
	f->vm.irqchip = f->chip;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	xics_kvm_ops.destroy(f->chip);
	assert_int_equal(stub.open, 0);
	free(f);
	return 0;
}

static void power_on(struct fixture *f)
{
	struct error err = { 0 };

	assert_int_equal(xics_kvm_ops.power_on(f->chip, &err), 0);
}

static void assert_call(unsigned i, int fd, unsigned long request, uint64_t a,
			uint64_t b)
{
	assert_true(i < stub.nr_calls);
	assert_int_equal(stub.calls[i].fd, fd);
	assert_int_equal(stub.calls[i].request, request);
	assert_int_equal(stub.calls[i].a, a);
	assert_int_equal(stub.calls[i].b, b);
}

static uint64_t *source(unsigned irq)
{
	return &stub.sources[irq - LAYOUT_IRQ_BASE];
}

static void probe_needs_capability_and_device(void **state)
{
	const struct kvm kvm = { .fd = STUB_KVM_FD, .vm_fd = -1 };
	const char *why = NULL;

	(void)state;
	assert_int_equal(xics_kvm_ops.probe(&kvm, &why), 1);
	/* HV, not whatever is loaded. */
	assert_int_equal(stub.vm_type, 1);
	assert_int_equal(stub.open, 0);
	stub.create_device_error = -ENODEV;
	assert_int_equal(xics_kvm_ops.probe(&kvm, &why), 0);
	assert_non_null(why);
	assert_int_equal(stub.open, 0);
	stub.create_device_error = 0;
	stub.fail_at = stub.count + 2;
	assert_int_equal(xics_kvm_ops.probe(&kvm, &why), 0);
	assert_int_equal(stub.open, 0);
	why = NULL;
	stub.caps[KVM_CAP_IRQ_XICS] = 0;
	assert_int_equal(xics_kvm_ops.probe(&kvm, &why), 0);
	assert_non_null(why);
}

/* Device, servers, vCPUs, tokens, sources: in this order. */
static void setup_is_in_order(void **state)
{
	static const char *const names[] = { "ibm,set-xive", "ibm,get-xive",
					     "ibm,int-off", "ibm,int-on" };
	static const uint32_t tokens[] = { 0x200a, 0x200b, 0x200c, 0x200d };
	struct fixture *f = *state;
	unsigned i = 0;

	stub.has_nr_servers = true;
	power_on(f);
	assert_call(i++, STUB_VM_FD, KVM_CREATE_DEVICE, KVM_DEV_TYPE_XICS, 0);
	assert_call(i++, STUB_DEV_FD, KVM_SET_DEVICE_ATTR, 2 << 24 | 1, CPUS);
	for (uint64_t cpu = 0; cpu < CPUS; cpu++)
		assert_call(i++, STUB_VCPU_FD + (int)cpu, KVM_ENABLE_CAP,
			    KVM_CAP_IRQ_XICS,
			    (uint64_t)STUB_DEV_FD << 32 | cpu);
	for (unsigned t = 0; t < 4; t++) {
		assert_call(i++, STUB_VM_FD, KVM_PPC_RTAS_DEFINE_TOKEN,
			    tokens[t], 0);
		assert_string_equal(stub.names[t], names[t]);
	}
	assert_int_equal(stub.nr_calls, i + NR_FIXED);
	for (; i < stub.nr_calls; i++)
		assert_int_equal(stub.calls[i].a >> 24,
				 KVM_DEV_XICS_GRP_SOURCES);
	assert_true(f->chip->irqfd);
}

/* KVM's own XICS does not know of a number of servers. */
static void no_number_of_servers(void **state)
{
	struct fixture *f = *state;

	power_on(f);
	assert_call(1, STUB_VCPU_FD, KVM_ENABLE_CAP, KVM_CAP_IRQ_XICS,
		    (uint64_t)STUB_DEV_FD << 32);
}

static void fixed_sources_are_masked(void **state)
{
	const uint64_t edge = UINT64_C(0xff) << 32 | MASKED;
	struct fixture *f = *state;
	unsigned count = 0;

	power_on(f);
	assert_int_equal(*source(0x1000), edge);
	assert_int_equal(*source(0x1100), edge);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(*source(0x1200 + i), edge | LEVEL);
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(*source(0x1240 + i), edge);
	for (unsigned i = 0; i < XICS_NR_SOURCES; i++)
		count += stub.exists[i];
	assert_int_equal(count, NR_FIXED);
}

static void hosts_without_irqfd(void **state)
{
	struct fixture *f = *state;

	stub.caps[KVM_CAP_IRQFD] = 0;
	power_on(f);
	assert_false(f->chip->irqfd);
}

/* Every reboot has a KVM VM of its own, and that a device of its own. */
static void power_cycles(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++) {
		stub_reset();
		power_on(f);
		assert_int_equal(stub.open, 1);
		assert_true(stub.exists[0]);
		assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
		assert_true(stub.exists[0x300]);
		xics_kvm_ops.power_off(f->chip);
		assert_int_equal(stub.open, 0);
	}
	xics_kvm_ops.power_off(f->chip);
	assert_int_equal(stub.open, 0);
}

static void any_call_may_fail(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	unsigned failures = 0;

	stub.has_nr_servers = true;
	for (;;) {
		stub.count = 0;
		stub.nr_names = 0;
		stub.fail_at = failures + 1;
		int ret = xics_kvm_ops.power_on(f->chip, &err);
		/* Whether there is something may be asked in vain. */
		if (stub.count < stub.fail_at)
			break;
		assert_true(ret == 0 || ret == -EIO);
		assert_int_equal(stub.open, ret == 0);
		if (ret != 0)
			assert_non_null(
				strstr(err.text, "--irqchip xics-emulated"));
		xics_kvm_ops.power_off(f->chip);
		failures++;
	}
	/* Device, two of servers, vCPUs, tokens, sources, irqfd. */
	assert_int_equal(failures, 1 + 2 + CPUS + 4 + NR_FIXED + 1);
}

static void failures_are_named(void **state)
{
	static const struct {
		unsigned at;
		const char *step;
	} cases[] = {
		{ 1, "KVM_CREATE_DEVICE" },
		{ 3, "KVM_DEV_XICS_NR_SERVERS" },
		{ 4, "KVM_ENABLE_CAP" },
		{ 7, "KVM_PPC_RTAS_DEFINE_TOKEN" },
		{ 11, "KVM_DEV_XICS_GRP_SOURCES" },
	};
	struct fixture *f = *state;

	stub.has_nr_servers = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };

		stub.count = 0;
		stub.fail_at = cases[i].at;
		assert_int_equal(xics_kvm_ops.power_on(f->chip, &err), -EIO);
		assert_non_null(strstr(err.text, cases[i].step));
		assert_int_equal(err.status, EXIT_STATUS_ERROR);
	}
}

static void drive(struct fixture *f, unsigned irq, bool level)
{
	stub.nr_calls = 0;
	xics_kvm_ops.set_level(f->chip, irq, level);
}

/* A pulse is one call, a level is two; what is not there is none. */
static void lines_are_driven(void **state)
{
	static const unsigned outside[] = { 0,      2,      0xfff,     0x1001,
					    0x1204, 0x1258, 0x1300,    0x1fff,
					    0x2000, 0x3000, UINT32_MAX };
	struct fixture *f = *state;

	drive(f, LAYOUT_IRQ_VTY, true);
	assert_int_equal(stub.nr_calls, 0);
	power_on(f);
	drive(f, LAYOUT_IRQ_VTY, true);
	assert_int_equal(stub.nr_calls, 1);
	assert_call(0, STUB_VM_FD, KVM_IRQ_LINE, LAYOUT_IRQ_VTY, 1);
	drive(f, LAYOUT_IRQ_VTY, false);
	assert_int_equal(stub.nr_calls, 0);
	drive(f, LAYOUT_IRQ_LSI + 3, true);
	assert_call(0, STUB_VM_FD, KVM_IRQ_LINE, LAYOUT_IRQ_LSI + 3, 1);
	drive(f, LAYOUT_IRQ_LSI + 3, false);
	assert_call(0, STUB_VM_FD, KVM_IRQ_LINE, LAYOUT_IRQ_LSI + 3, 0);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		drive(f, outside[i], true);
		assert_int_equal(stub.nr_calls, 0);
	}
	xics_kvm_ops.power_off(f->chip);
	drive(f, LAYOUT_IRQ_VTY, true);
	assert_int_equal(stub.nr_calls, 0);
}

/* The guest chose the message. */
static void messages_reach_their_sources(void **state)
{
	static const uint32_t outside[] = { 0,      2,      0x1000,    0x1100,
					    0x1200, 0x1240, 0x12ff,    0x1302,
					    0x2000, 0x3300, UINT32_MAX };
	struct fixture *f = *state;

	power_on(f);
	assert_true(irq_has_msi(&f->vm));
	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	assert_int_equal(xics_source_create(f->chip, 0x1301, true), 0);
	assert_int_equal(xics_source_create(f->chip, 0x1fff, true), 0);
	stub.nr_calls = 0;
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		irq_send_msi(&f->vm, 0, outside[i]);
	assert_int_equal(stub.nr_calls, 0);
	irq_send_msi(&f->vm, 0, 0x1300);
	irq_send_msi(&f->vm, UINT64_MAX, 0x1301);
	irq_send_msi(&f->vm, 0x40000000000, 0x1fff);
	assert_int_equal(stub.nr_calls, 3);
	assert_call(0, STUB_VM_FD, KVM_IRQ_LINE, 0x1300, 1);
	assert_call(1, STUB_VM_FD, KVM_IRQ_LINE, 0x1301, 1);
	assert_call(2, STUB_VM_FD, KVM_IRQ_LINE, 0x1fff, 1);
}

static void sources_are_created_once(void **state)
{
	struct fixture *f = *state;
	const uint64_t used = 2 | UINT64_C(5) << 32;

	assert_int_equal(xics_source_create(f->chip, 0x1300, true), -ENODEV);
	power_on(f);
	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	assert_int_equal(*source(0x1300), UINT64_C(0xff) << 32 | MASKED);
	*source(0x1300) = used;
	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	assert_int_equal(*source(0x1300), used);
	assert_int_equal(xics_source_create(f->chip, 0x1300, false), -EINVAL);
	assert_int_equal(xics_source_create(f->chip, 0x1200, true), -EINVAL);
	assert_int_equal(xics_source_create(f->chip, 0x1200, false), 0);
	assert_int_equal(xics_source_create(f->chip, 0xfff, true), -EINVAL);
	assert_int_equal(xics_source_create(f->chip, 2, true), -EINVAL);
	assert_int_equal(xics_source_create(f->chip, 0x2000, true), -EINVAL);

	/* One that KVM refuses can be asked for again. */
	stub.fail_at = stub.count + 1;
	assert_int_equal(xics_source_create(f->chip, 0x1400, true), -EIO);
	assert_int_equal(xics_source_create(f->chip, 0x1400, true), 0);
}

static void specifiers(void **state)
{
	struct fixture *f = *state;
	uint32_t cells[3];

	assert_int_equal(xics_kvm_ops.fdt_cells(f->chip, 0x1100, true, cells),
			 2);
	assert_int_equal(cells[0], 0x1100);
	assert_int_equal(cells[1], 0);
	assert_int_equal(xics_kvm_ops.fdt_cells(f->chip, 0x1200, false, cells),
			 2);
	assert_int_equal(cells[0], 0x1200);
	assert_int_equal(cells[1], 1);
}

static void assert_prop(const void *blob, int node, const char *name,
			const char *want, int want_len)
{
	int len = 0;
	const void *got = fdt_getprop(blob, node, name, &len);

	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, (size_t)want_len);
}

static void device_tree(void **state)
{
	static const char type[] = "PowerPC-External-Interrupt-Presentation";
	static const char compatible[] = "IBM,ppc-xicp";
	struct fixture *f = *state;
	struct error err = { 0 };
	struct fdt_builder b;
	const void *blob = NULL;
	size_t size = 0;

	assert_int_equal(fdt_builder_init(&b, 4096), 0);
	fdt_begin(&b, "%s", "");
	xics_kvm_ops.fdt(f->chip, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	int node = fdt_path_offset(blob, "/interrupt-controller");
	assert_true(node > 0);
	assert_prop(blob, node, "device_type", type, sizeof(type));
	assert_prop(blob, node, "compatible", compatible, sizeof(compatible));
	assert_prop(blob, node, "interrupt-controller", "", 0);
	assert_prop(blob, node, "#interrupt-cells", "\0\0\0\2", 4);
	assert_prop(blob, node, "ibm,interrupt-server-ranges",
		    "\0\0\0\0\0\0\0\3", 8);
	assert_prop(blob, node, "phandle", "\0\0\0\1", 4);
	assert_prop(blob, node, "linux,phandle", "\0\0\0\1", 4);
	assert_int_equal(xics_kvm_ops.fdt_phandle(f->chip), 1);
	fdt_builder_free(&b);
}

/* KVM answers these; should one come out nevertheless, there is nothing. */
static void calls_are_not_ours(void **state)
{
	struct fixture *f = *state;
	struct hcall call = { .vcpu = &f->vcpus[0], .args = { 0x1300 } };
	struct rtas_call rc = { .vcpu = &f->vcpus[0], .args = { 0x1100 } };

	power_on(f);
	for (const struct hcall_entry *e = hcalls_xics; e->fn != NULL; e++)
		assert_int_equal(e->fn(&call), H_FUNCTION);
	for (const struct rtas_entry *e = rtas_xics_calls; e->name; e++)
		assert_int_equal(e->fn(&rc), RTAS_PARAM_ERROR);
}

/*
 * Saved state.
 */

static uint64_t icp(uint64_t cppr, uint64_t xisr, uint64_t mfrr, uint64_t ppri)
{
	return cppr << 56 | xisr << 32 | mfrr << 24 | ppri << 16;
}

static int restore(struct fixture *f, const void *data, size_t len)
{
	struct snap_reader r = { .data = data, .len = len, .end = len };
	int ret = xics_kvm_ops.restore(f->chip, &r, 1);

	if (ret == 0)
		assert_int_equal(snap_left(&r), 0);
	return ret;
}

static void save(struct fixture *f, struct snap_writer *w)
{
	assert_int_equal(xics_kvm_ops.save(f->chip, w), 0);
	assert_int_equal(w->error, 0);
}

/* A machine that was powered off and on between saving and restoring. */
static void renew(struct fixture *f)
{
	xics_kvm_ops.power_off(f->chip);
	stub_reset();
	power_on(f);
	stub.nr_calls = 0;
}

static void fill(struct fixture *f)
{
	power_on(f);
	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	assert_int_equal(xics_source_create(f->chip, 0x1fff, true), 0);
	*source(0x1100) = 1 | UINT64_C(5) << 32 | SENT | QUEUED;
	*source(0x1300) = 2 | UINT64_C(5) << 32 | MASKED | PENDING;
	*source(0x1fff) = UINT64_C(0xff) << 32;
	for (unsigned i = 0; i < CPUS; i++)
		stub.icp[i] = icp(0xff, 0, 0xff, 0xff);
}

static void saved_state_comes_back(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };
	static struct stub before;

	fill(f);
	stub.icp[1] = icp(5, 0, 7, 0xff);
	save(f, &w);
	/* u32; u64 for each vCPU; u32; u32 and u64 for each source. */
	assert_int_equal(w.len, 4 + CPUS * 8 + 4 + (NR_FIXED + 2) * 12);
	before = stub;
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_memory_equal(stub.sources, before.sources, sizeof(stub.sources));
	assert_memory_equal(stub.exists, before.exists, sizeof(stub.exists));
	assert_memory_equal(stub.icp, before.icp, sizeof(stub.icp));

	/* Servers first; then sources, as each may find its server. */
	assert_int_equal(stub.nr_calls, CPUS + NR_FIXED + 2);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(stub.calls[i].request, KVM_SET_ONE_REG);

	/* What was created can be driven, and is saved again. */
	struct snap_writer again = { 0 };
	save(f, &again);
	assert_int_equal(again.len, w.len);
	assert_memory_equal(again.data, w.data, w.len);
	stub.nr_calls = 0;
	irq_send_msi(&f->vm, 0, 0x1fff);
	assert_call(0, STUB_VM_FD, KVM_IRQ_LINE, 0x1fff, 1);
	snap_writer_free(&again);
	snap_writer_free(&w);
}

/* KVM may work on another controller where it is restored. */
static void presented_is_sent_again(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	fill(f);
	stub.icp[0] = icp(0xff, 0x1100, 0xff, 5);
	stub.icp[1] = icp(0xff, 2, 4, 4);
	stub.icp[2] = icp(0xff, 0x1300, 6, 5);
	save(f, &w);
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_int_equal(stub.icp[0], icp(0xff, 0, 0xff, 0xff));
	assert_int_equal(*source(0x1100),
			 1 | UINT64_C(5) << 32 | SENT | QUEUED | PENDING);
	assert_int_equal(stub.icp[1], icp(0xff, 2, 4, 4));
	assert_int_equal(stub.icp[2], icp(0xff, 2, 6, 6));
	assert_true((*source(0x1300) & PENDING) != 0);
	snap_writer_free(&w);
}

/* Devices drive their lines again; a level that none drives would storm. */
static void levels_are_not_restored(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	fill(f);
	*source(0x1202) = 1 | UINT64_C(5) << 32 | LEVEL | PENDING | SENT;
	stub.icp[1] = icp(0xff, 0x1202, 0xff, 5);
	save(f, &w);
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_int_equal(*source(0x1202), 1 | UINT64_C(5) << 32 | LEVEL);
	assert_int_equal(stub.icp[1], icp(0xff, 0, 0xff, 0xff));
	snap_writer_free(&w);
}

/* Offsets into a stream that fill() made. */
#define AT_CPUS   0U
#define AT_ICP(i) (4U + 8U * (i))
#define AT_COUNT  AT_ICP(CPUS)
#define AT_IRQ(i) (AT_COUNT + 4U + 12U * (i))
#define AT_SRC(i) (AT_IRQ(i) + 4U)
#define NR_SAVED  (NR_FIXED + 2U)
#define FIRST_LSI 2U

static void assert_refused32(struct fixture *f, struct snap_writer *w,
			     size_t at, uint32_t value)
{
	uint32_t was = le32_load(w->data + at);

	le32_store(w->data + at, value);
	stub.nr_calls = 0;
	assert_int_equal(restore(f, w->data, w->len), -EBADMSG);
	assert_int_equal(stub.nr_calls, 0);
	le32_store(w->data + at, was);
}

static void assert_refused64(struct fixture *f, struct snap_writer *w,
			     size_t at, uint64_t value)
{
	uint64_t was = le64_load(w->data + at);

	le64_store(w->data + at, value);
	stub.nr_calls = 0;
	assert_int_equal(restore(f, w->data, w->len), -EBADMSG);
	assert_int_equal(stub.nr_calls, 0);
	le64_store(w->data + at, was);
}

static void hostile_streams_are_refused(void **state)
{
	static const uint32_t bad_irqs[] = { 0,      2,      0xfff,
					     0x2000, 0x1100, UINT32_MAX };
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	fill(f);
	save(f, &w);
	renew(f);
	for (size_t len = 0; len < w.len; len++)
		assert_true(restore(f, w.data, len) < 0);
	assert_refused32(f, &w, AT_CPUS, CPUS + 1);
	assert_refused32(f, &w, AT_CPUS, 0);
	assert_refused32(f, &w, AT_COUNT, NR_SAVED + 1);
	assert_refused32(f, &w, AT_COUNT, XICS_NR_SOURCES + 1);
	assert_refused32(f, &w, AT_COUNT, UINT32_MAX);
	/* Among them one that is there already. */
	for (size_t i = 0; i < ARRAY_SIZE(bad_irqs); i++)
		assert_refused32(f, &w, AT_IRQ(0), bad_irqs[i]);
	/* A server that there is not, bits without a meaning. */
	assert_refused64(f, &w, AT_SRC(0), CPUS);
	assert_refused64(f, &w, AT_SRC(0), UINT32_MAX);
	assert_refused64(f, &w, AT_SRC(0), UINT64_C(1) << 45);
	assert_refused64(f, &w, AT_SRC(0), UINT64_C(1) << 63);
	/* The other sensitivity. */
	assert_refused64(f, &w, AT_SRC(0), LEVEL);
	assert_refused64(f, &w, AT_SRC(FIRST_LSI), 0);
	assert_refused64(f, &w, AT_SRC(NR_SAVED - 1), LEVEL);
	/* Presented is what is no source, or is not in the stream. */
	assert_refused64(f, &w, AT_ICP(0), icp(0xff, 1, 0xff, 5));
	assert_refused64(f, &w, AT_ICP(0), icp(0xff, 0xffffff, 0xff, 5));
	assert_refused64(f, &w, AT_ICP(0), icp(0xff, 0x1301, 0xff, 5));
	assert_refused64(f, &w, AT_ICP(CPUS - 1), 1);
	assert_int_equal(restore(f, w.data, w.len), 0);

	struct snap_reader r = { .data = w.data, .len = w.len, .end = w.len };
	assert_int_equal(xics_kvm_ops.restore(f->chip, &r, 0), -ENOTSUP);
	assert_int_equal(xics_kvm_ops.restore(f->chip, &r, 2), -ENOTSUP);
	snap_writer_free(&w);
}

static void state_needs_power(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	assert_int_equal(xics_kvm_ops.save(f->chip, &w), -ENODEV);
	assert_int_equal(restore(f, "", 0), -ENODEV);
	snap_writer_free(&w);
}

static void failures_of_kvm_are_passed_on(void **state)
{
	struct fixture *f = *state;
	unsigned failures = 0;

	fill(f);
	for (;;) {
		struct snap_writer w = { 0 };

		stub.count = 0;
		stub.fail_at = failures + 1;
		int ret = xics_kvm_ops.save(f->chip, &w);
		if (ret == 0)
			ret = restore(f, w.data, w.len);
		snap_writer_free(&w);
		if (stub.count < stub.fail_at) {
			assert_int_equal(ret, 0);
			break;
		}
		assert_int_equal(ret, -EIO);
		failures++;
	}
	assert_int_equal(failures, 2 * (CPUS + NR_SAVED));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probe_needs_capability_and_device),
		TEST(setup_is_in_order),
		TEST(no_number_of_servers),
		TEST(fixed_sources_are_masked),
		TEST(hosts_without_irqfd),
		TEST(power_cycles),
		TEST(any_call_may_fail),
		TEST(failures_are_named),
		TEST(lines_are_driven),
		TEST(messages_reach_their_sources),
		TEST(sources_are_created_once),
		TEST(specifiers),
		TEST(device_tree),
		TEST(calls_are_not_ours),
		TEST(saved_state_comes_back),
		TEST(presented_is_sent_again),
		TEST(levels_are_not_restored),
		TEST(hostile_streams_are_refused),
		TEST(state_needs_power),
		TEST(failures_of_kvm_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
