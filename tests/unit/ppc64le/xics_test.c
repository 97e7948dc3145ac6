/* SPDX-License-Identifier: Apache-2.0 */
/* The XICS in the monitor as a guest and as devices see it. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/rtas.h"
#include "tests/unit/ppc64le/xics_stub.h"
#include "vmm/bytes.h"
#include "vmm/irq.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define CPUS         3U
#define VTY          LAYOUT_IRQ_VTY
#define LSI          LAYOUT_IRQ_LSI
#define SLOT         LAYOUT_IRQ_VIRTIO

#define H_EOI        0x64U
#define H_CPPR       0x68U
#define H_IPI        0x6cU
#define H_IPOLL      0x70U
#define H_XIRR       0x74U
#define H_XIRR_X     0x2fcU

#define ROUNDS       500U
#define WAIT_SECONDS 20

/* Priorities as Linux uses them. */
#define OPEN   0xffU
#define NORMAL 5U
#define IPI    4U

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
	for (unsigned i = 0; i < CPUS; i++)
		f->vcpus[i] = (struct vcpu){
			.vm = &f->vm,
			.id = i,
			.fd = STUB_VCPU_FD + (int)i,
		};
	assert_int_equal(xics_ops.create(&f->vm, &f->chip, &err), 0);
	f->vm.irqchip = f->chip;
	assert_int_equal(xics_ops.power_on(f->chip, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	xics_ops.power_off(f->chip);
	xics_ops.destroy(f->chip);
	free(f);
	return 0;
}

/*
 * What a guest does.
 */

static int64_t hcall(struct fixture *f, unsigned cpu, uint64_t nr,
		     struct hcall *call)
{
	call->vcpu = &f->vcpus[cpu];
	call->nr = nr;
	for (const struct hcall_entry *e = hcalls_xics; e->fn != NULL; e++) {
		if (e->nr == nr)
			return e->fn(call);
	}
	fail_msg("hypercall 0x%llx is in no table", (unsigned long long)nr);
	return 0;
}

static int64_t hcall2(struct fixture *f, unsigned cpu, uint64_t nr, uint64_t a,
		      uint64_t b)
{
	struct hcall call = { .args = { a, b } };

	return hcall(f, cpu, nr, &call);
}

static void cppr(struct fixture *f, unsigned cpu, uint64_t value)
{
	assert_int_equal(hcall2(f, cpu, H_CPPR, value, 0), H_SUCCESS);
}

static uint64_t xirr(struct fixture *f, unsigned cpu)
{
	struct hcall call = { 0 };

	assert_int_equal(hcall(f, cpu, H_XIRR, &call), H_SUCCESS);
	return call.args[0];
}

static uint64_t poll(struct fixture *f, unsigned cpu, uint64_t server)
{
	struct hcall call = { .args = { server } };

	assert_int_equal(hcall(f, cpu, H_IPOLL, &call), H_SUCCESS);
	return call.args[0] << 8 | call.args[1];
}

static void eoi(struct fixture *f, unsigned cpu, uint64_t value)
{
	assert_int_equal(hcall2(f, cpu, H_EOI, value, 0), H_SUCCESS);
}

static void ipi(struct fixture *f, uint64_t server, uint64_t mfrr)
{
	assert_int_equal(hcall2(f, 0, H_IPI, server, mfrr), H_SUCCESS);
}

static int32_t rtas(struct fixture *f, uint32_t token, struct rtas_call *call)
{
	call->vcpu = &f->vcpus[0];
	for (const struct rtas_entry *e = rtas_xics_calls; e->name; e++) {
		if (e->token == token)
			return e->fn(call);
	}
	fail_msg("call 0x%x is in no table", token);
	return 0;
}

static int32_t try_xive(struct fixture *f, uint32_t irq, uint32_t server,
			uint32_t priority)
{
	struct rtas_call call = { .args = { irq, server, priority } };

	return rtas(f, RTAS_IBM_SET_XIVE, &call);
}

static void set_xive(struct fixture *f, uint32_t irq, uint32_t server,
		     uint32_t priority)
{
	assert_int_equal(try_xive(f, irq, server, priority), RTAS_SUCCESS);
}

static void assert_xive(struct fixture *f, uint32_t irq, uint32_t server,
			uint32_t priority)
{
	struct rtas_call call = { .args = { irq } };

	assert_int_equal(rtas(f, RTAS_IBM_GET_XIVE, &call), RTAS_SUCCESS);
	assert_int_equal(call.rets[0], server);
	assert_int_equal(call.rets[1], priority);
}

static void mask(struct fixture *f, uint32_t irq, bool off)
{
	struct rtas_call call = { .args = { irq } };

	assert_int_equal(
		rtas(f, off ? RTAS_IBM_INT_OFF : RTAS_IBM_INT_ON, &call),
		RTAS_SUCCESS);
}

/*
 * What devices do.
 */

static void drive(struct fixture *f, unsigned irq, bool level)
{
	xics_ops.set_level(f->chip, irq, level);
}

static void pulse(struct fixture *f, unsigned irq)
{
	drive(f, irq, true);
	drive(f, irq, false);
}

/*
 * What KVM was told since the last call: exactly this about @cpu.
 */

static void assert_told(unsigned cpu, bool level)
{
	assert_int_equal(stub.nr_calls, 1);
	assert_int_equal(stub.calls[0].request, KVM_INTERRUPT);
	assert_int_equal(stub.calls[0].fd, STUB_VCPU_FD + (int)cpu);
	assert_int_equal(stub.calls[0].a, level ? 0xfffffffdU : 0xfffffffeU);
	stub.nr_calls = 0;
}

static void assert_told_nothing(void)
{
	assert_int_equal(stub.nr_calls, 0);
}

static uint64_t word(uint64_t priority, uint64_t irq)
{
	return priority << 24 | irq;
}

static void probe(void **state)
{
	const struct kvm kvm = { .fd = STUB_KVM_FD, .vm_fd = -1 };
	const char *why = NULL;

	(void)state;
	assert_int_equal(xics_ops.probe(&kvm, &why), 1);
	stub.caps[KVM_CAP_PPC_IRQ_LEVEL] = 0;
	assert_int_equal(xics_ops.probe(&kvm, &why), 0);
	assert_non_null(why);
	stub.caps[KVM_CAP_PPC_IRQ_LEVEL] = 1;
	stub.caps[KVM_CAP_PPC_UNSET_IRQ] = 0;
	assert_int_equal(xics_ops.probe(&kvm, &why), 0);
}

/* Until the guest opens them, nothing passes source or server. */
static void closed_from_the_beginning(void **state)
{
	struct fixture *f = *state;

	assert_xive(f, LAYOUT_IRQ_EPOW, 0, 0xff);
	assert_xive(f, VTY, 0, 0xff);
	assert_xive(f, LSI + 3, 0, 0xff);
	assert_xive(f, SLOT + 23, 0, 0xff);
	assert_int_equal(poll(f, 0, 0), 0xff);
	cppr(f, 0, OPEN);
	pulse(f, VTY);
	assert_told_nothing();
	cppr(f, 0, 0);
	set_xive(f, VTY, 0, 0);
	assert_told_nothing();
	cppr(f, 0, 1);
	assert_told(0, true);
}

static void pulse_is_delivered_once(void **state)
{
	struct fixture *f = *state;

	cppr(f, 1, OPEN);
	set_xive(f, VTY, 1, NORMAL);
	assert_told_nothing();
	pulse(f, VTY);
	assert_told(1, true);
	assert_int_equal(poll(f, 0, 1), word(OPEN, VTY) << 8 | 0xff);
	assert_int_equal(xirr(f, 1), word(OPEN, VTY));
	assert_told(1, false);
	assert_int_equal(poll(f, 0, 1), word(NORMAL, 0) << 8 | 0xff);
	assert_int_equal(xirr(f, 1), word(NORMAL, 0));
	eoi(f, 1, word(OPEN, VTY));
	assert_told_nothing();
	assert_int_equal(xirr(f, 1), word(OPEN, 0));
	assert_told_nothing();
}

/* Pulses while the guest works on one are one more, after it. */
static void pulse_in_service_is_remembered(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	pulse(f, VTY);
	assert_int_equal(xirr(f, 0), word(OPEN, VTY));
	stub.nr_calls = 0;
	pulse(f, VTY);
	pulse(f, VTY);
	/* Even to a server that takes everything again. */
	cppr(f, 0, OPEN);
	assert_told_nothing();
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
	eoi(f, 0, word(OPEN, VTY));
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(OPEN, VTY));
	eoi(f, 0, word(OPEN, VTY));
	assert_told(0, false);
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
}

/* Nor to another server, when it is moved there meanwhile. */
static void moved_in_service(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	cppr(f, 2, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	pulse(f, VTY);
	assert_int_equal(xirr(f, 0), word(OPEN, VTY));
	stub.nr_calls = 0;
	set_xive(f, VTY, 2, NORMAL);
	pulse(f, VTY);
	assert_told_nothing();
	eoi(f, 0, word(OPEN, VTY));
	assert_told(2, true);
	assert_int_equal(xirr(f, 2), word(OPEN, VTY));
	assert_told(2, false);
	eoi(f, 2, word(OPEN, VTY));
}

/* What is presented goes along, too. */
static void moved_while_presented(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	cppr(f, 1, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	pulse(f, VTY);
	assert_told(0, true);
	set_xive(f, VTY, 1, NORMAL);
	assert_int_equal(stub.nr_calls, 2);
	assert_int_equal(stub.calls[0].fd, STUB_VCPU_FD + 1);
	assert_int_equal(stub.calls[0].a, 0xfffffffdU);
	assert_int_equal(stub.calls[1].fd, STUB_VCPU_FD);
	assert_int_equal(stub.calls[1].a, 0xfffffffeU);
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
	assert_int_equal(xirr(f, 1), word(OPEN, VTY));
}

static void level_is_sent_until_it_falls(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, LSI, 0, NORMAL);
	drive(f, LSI, true);
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(OPEN, LSI));
	assert_told(0, false);
	drive(f, LSI, true);
	assert_told_nothing();
	eoi(f, 0, word(OPEN, LSI));
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(OPEN, LSI));
	assert_told(0, false);
	drive(f, LSI, false);
	eoi(f, 0, word(OPEN, LSI));
	assert_told_nothing();
	/* It stays, and nobody says so again. */
	drive(f, LSI, true);
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(OPEN, LSI));
	assert_told(0, false);
	eoi(f, 0, word(OPEN, LSI));
	assert_told(0, true);
	/* One that falls before it was taken is withdrawn. */
	drive(f, LSI, false);
	assert_told(0, false);
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
}

static void masked_sources_wait(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	mask(f, VTY, true);
	assert_xive(f, VTY, 0, 0xff);
	pulse(f, VTY);
	drive(f, LSI, true);
	assert_told_nothing();
	mask(f, VTY, false);
	assert_told(0, true);
	assert_xive(f, VTY, 0, NORMAL);
	/* What is presented is taken back. */
	mask(f, VTY, true);
	assert_told(0, false);
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
	/* Twice is as once. */
	mask(f, VTY, true);
	mask(f, VTY, false);
	assert_told(0, true);
	assert_xive(f, VTY, 0, NORMAL);
	/* Priority 0xff masks as well, and a priority unmasks. */
	set_xive(f, VTY, 0, 0xff);
	assert_told(0, false);
	mask(f, VTY, true);
	set_xive(f, VTY, 0, NORMAL);
	assert_told(0, true);
	assert_xive(f, VTY, 0, NORMAL);
}

/* In service and masked: its end does not send what came meanwhile. */
static void masked_in_service(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	pulse(f, VTY);
	assert_int_equal(xirr(f, 0), word(OPEN, VTY));
	stub.nr_calls = 0;
	mask(f, VTY, true);
	pulse(f, VTY);
	eoi(f, 0, word(OPEN, VTY));
	assert_told_nothing();
	mask(f, VTY, false);
	assert_told(0, true);
}

static void most_favoured_wins(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, SLOT + 3, 0, 7);
	set_xive(f, SLOT + 1, 0, 5);
	set_xive(f, SLOT + 2, 0, 5);
	set_xive(f, SLOT + 4, 0, 3);
	pulse(f, SLOT + 3);
	assert_told(0, true);
	pulse(f, SLOT + 2);
	pulse(f, SLOT + 1);
	assert_told_nothing();
	assert_int_equal(xirr(f, 0), word(OPEN, SLOT + 1));
	/* Equal or worse waits, better interrupts. */
	assert_told(0, false);
	pulse(f, SLOT + 4);
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(5, SLOT + 4));
	assert_told(0, false);
	eoi(f, 0, word(5, SLOT + 4));
	assert_told_nothing();
	eoi(f, 0, word(OPEN, SLOT + 1));
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(OPEN, SLOT + 2));
	eoi(f, 0, word(OPEN, SLOT + 2));
	assert_int_equal(xirr(f, 0), word(OPEN, SLOT + 3));
	eoi(f, 0, word(OPEN, SLOT + 3));
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
}

/* A source of the highest priority is not taken at priority 0. */
static void priorities_at_the_ends(void **state)
{
	struct fixture *f = *state;

	set_xive(f, VTY, 0, 0);
	pulse(f, VTY);
	assert_told_nothing();
	cppr(f, 0, 1);
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(1, VTY));
	eoi(f, 0, word(1, VTY));
	stub.nr_calls = 0;
	set_xive(f, VTY, 0, 0xfe);
	cppr(f, 0, 0xfe);
	pulse(f, VTY);
	assert_told_nothing();
	cppr(f, 0, 0xff);
	assert_told(0, true);
	/* Only the low byte is a priority. */
	cppr(f, 0, 0xffffff00);
	assert_told(0, false);
	assert_int_equal(poll(f, 0, 0), 0xff);
}

static void raising_cppr_takes_back(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	pulse(f, VTY);
	assert_told(0, true);
	cppr(f, 0, NORMAL);
	assert_told(0, false);
	assert_int_equal(xirr(f, 0), word(NORMAL, 0));
	cppr(f, 0, NORMAL + 1);
	assert_told(0, true);
	assert_int_equal(xirr(f, 0), word(NORMAL + 1, VTY));
}

static void inter_processor_interrupts(void **state)
{
	struct fixture *f = *state;

	cppr(f, 2, OPEN);
	ipi(f, 2, IPI);
	assert_told(2, true);
	assert_int_equal(poll(f, 0, 2), word(OPEN, 2) << 8 | IPI);
	assert_int_equal(xirr(f, 2), word(OPEN, 2));
	assert_told(2, false);
	assert_int_equal(poll(f, 0, 2), word(IPI, 0) << 8 | IPI);
	/* Its handler takes it back, then ends it. */
	ipi(f, 2, 0xff);
	eoi(f, 2, word(OPEN, 2));
	assert_told_nothing();
	/* One that is not taken back comes again. */
	ipi(f, 2, IPI);
	assert_int_equal(xirr(f, 2), word(OPEN, 2));
	stub.nr_calls = 0;
	eoi(f, 2, word(OPEN, 2));
	assert_told(2, true);
	ipi(f, 2, 0xff);
	assert_told(2, false);
}

static void ipi_and_sources(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	pulse(f, VTY);
	ipi(f, 0, NORMAL);
	assert_int_equal(xirr(f, 0), word(OPEN, 2));
	eoi(f, 0, word(OPEN, 2));
	ipi(f, 0, NORMAL + 1);
	assert_int_equal(xirr(f, 0), word(OPEN, VTY));
	assert_int_equal(xirr(f, 0), word(NORMAL, 0));
	ipi(f, 0, NORMAL - 1);
	assert_int_equal(xirr(f, 0), word(NORMAL, 2));
	ipi(f, 0, 0xff);
	eoi(f, 0, word(NORMAL, 2));
	eoi(f, 0, word(OPEN, VTY));
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
}

static void timebase_comes_with_xirr_x(void **state)
{
	struct fixture *f = *state;
	struct hcall call = { 0 };

	cppr(f, 0, OPEN);
	ipi(f, 0, IPI);
	stub.tb_offset = UINT64_C(1) << 60;
	assert_int_equal(hcall(f, 0, H_XIRR_X, &call), H_SUCCESS);
	assert_int_equal(call.args[0], word(OPEN, 2));
	assert_int_equal(call.args[1] >> 60, 1);
}

static const uint64_t no_servers[] = { CPUS, 0xffff, UINT32_MAX,
				       UINT64_C(1) << 32, UINT64_MAX };

static void bad_servers(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(no_servers); i++) {
		assert_int_equal(hcall2(f, 0, H_IPI, no_servers[i], 0),
				 H_PARAMETER);
		assert_int_equal(hcall2(f, 0, H_IPOLL, no_servers[i], 0),
				 H_PARAMETER);
		if (no_servers[i] <= UINT32_MAX)
			assert_int_equal(
				try_xive(f, VTY, (uint32_t)no_servers[i], 5),
				RTAS_PARAM_ERROR);
	}
	assert_xive(f, VTY, 0, 0xff);
	assert_told_nothing();
}

static const uint32_t no_sources[] = { 0,      1,      2,        0xfff,
				       0x1001, 0x1204, 0x1258,   0x1300,
				       0x1fff, 0x2000, 0xffffff, UINT32_MAX };

static void bad_sources(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	for (size_t i = 0; i < ARRAY_SIZE(no_sources); i++) {
		struct rtas_call call = { .args = { no_sources[i] } };

		assert_int_equal(try_xive(f, no_sources[i], 0, 5),
				 RTAS_PARAM_ERROR);
		assert_int_equal(rtas(f, RTAS_IBM_GET_XIVE, &call),
				 RTAS_PARAM_ERROR);
		assert_int_equal(rtas(f, RTAS_IBM_INT_ON, &call),
				 RTAS_PARAM_ERROR);
		assert_int_equal(rtas(f, RTAS_IBM_INT_OFF, &call),
				 RTAS_PARAM_ERROR);
		pulse(f, no_sources[i]);
		irq_send_msi(&f->vm, 0, no_sources[i]);
		/* The priority counts all the same. */
		if (no_sources[i] != XICS_IPI)
			assert_int_equal(
				hcall2(f, 0, H_EOI,
				       word(7, no_sources[i]) & UINT32_MAX, 0),
				H_PARAMETER);
	}
	assert_told_nothing();
	assert_int_equal(hcall2(f, 0, H_EOI, word(9, 0x10000 | VTY), 0),
			 H_PARAMETER);
	assert_int_equal(hcall2(f, 0, H_EOI, word(9, 0x1300), 0), H_PARAMETER);
	assert_int_equal(xirr(f, 0), word(9, 0));
}

static void bad_priorities(void **state)
{
	struct fixture *f = *state;

	set_xive(f, VTY, 1, 9);
	assert_int_equal(try_xive(f, VTY, 0, 0x100), RTAS_PARAM_ERROR);
	assert_int_equal(try_xive(f, VTY, 0, UINT32_MAX), RTAS_PARAM_ERROR);
	assert_xive(f, VTY, 1, 9);
}

/* An end of what never began, or of another server's, does no harm. */
static void wrong_ends(void **state)
{
	struct fixture *f = *state;

	eoi(f, 0, word(OPEN, VTY));
	eoi(f, 0, word(OPEN, 2));
	cppr(f, 1, OPEN);
	set_xive(f, VTY, 1, NORMAL);
	pulse(f, VTY);
	assert_int_equal(xirr(f, 1), word(OPEN, VTY));
	eoi(f, 0, word(OPEN, VTY));
	stub.nr_calls = 0;
	pulse(f, VTY);
	assert_told_nothing();
	eoi(f, 1, word(OPEN, VTY));
	assert_told(1, true);
	assert_int_equal(xirr(f, 1), word(OPEN, VTY));
}

static void messages(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	assert_int_equal(xics_source_create(f->chip, 0x1fff, true), 0);
	assert_int_equal(xics_source_create(f->chip, 0x1fff, true), 0);
	assert_int_equal(xics_source_create(f->chip, 0x1fff, false), -EINVAL);
	assert_int_equal(xics_source_create(f->chip, 0x2000, true), -EINVAL);
	assert_int_equal(xics_source_create(f->chip, 0xfff, true), -EINVAL);
	cppr(f, 0, OPEN);
	set_xive(f, 0x1300, 0, NORMAL);
	set_xive(f, 0x1fff, 0, NORMAL);
	set_xive(f, VTY, 0, NORMAL);
	/* The guest may not ring for what is no message. */
	irq_send_msi(&f->vm, 0, VTY);
	assert_told_nothing();
	irq_send_msi(&f->vm, 0, 0x1fff);
	assert_told(0, true);
	irq_send_msi(&f->vm, UINT64_MAX, 0x1300);
	assert_int_equal(xirr(f, 0), word(OPEN, 0x1300));
	eoi(f, 0, word(OPEN, 0x1300));
	assert_int_equal(xirr(f, 0), word(OPEN, 0x1fff));
}

/* All that there are at once: each is delivered once, in order. */
static void storm(void **state)
{
	struct fixture *f = *state;

	for (unsigned irq = LAYOUT_IRQ_MSI; irq < LAYOUT_IRQ_LIMIT; irq++) {
		assert_int_equal(xics_source_create(f->chip, irq, true), 0);
		set_xive(f, irq, 0, NORMAL);
		for (unsigned times = 0; times < 3; times++)
			irq_send_msi(&f->vm, 0, irq);
	}
	assert_told_nothing();
	cppr(f, 0, OPEN);
	for (unsigned irq = LAYOUT_IRQ_MSI; irq < LAYOUT_IRQ_LIMIT; irq++) {
		assert_told(0, true);
		assert_int_equal(xirr(f, 0), word(OPEN, irq));
		assert_told(0, false);
		eoi(f, 0, word(OPEN, irq));
	}
	assert_told_nothing();
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
}

/**
 * struct ringer - A device's thread
 * @taken: how many of its interrupts the guest took
 * @lost: it waited in vain
 */
struct ringer {
	struct fixture *f;
	unsigned irq;
	atomic_uint taken;
	atomic_bool lost;
	atomic_bool done;
};

static void *ring(void *arg)
{
	struct ringer *r = arg;

	for (unsigned i = 1; i <= ROUNDS && !r->lost; i++) {
		time_t limit = time(NULL) + WAIT_SECONDS;

		pulse(r->f, r->irq);
		while (r->taken < i && !r->lost) {
			r->lost = time(NULL) > limit;
			sched_yield();
		}
	}
	r->done = true;
	return NULL;
}

/* No pulse is lost, and none is taken twice, whatever comes between. */
static void pulses_from_threads(void **state)
{
	struct fixture *f = *state;
	struct ringer ringers[] = {
		{ .f = f, .irq = VTY },
		{ .f = f, .irq = SLOT },
	};
	pthread_t threads[2];

	cppr(f, 0, OPEN);
	for (unsigned i = 0; i < 2; i++) {
		set_xive(f, ringers[i].irq, 0, NORMAL);
		assert_int_equal(
			pthread_create(&threads[i], NULL, ring, &ringers[i]),
			0);
	}
	while (!ringers[0].done || !ringers[1].done) {
		uint64_t got = xirr(f, 0);

		if ((got & 0xffffff) == 0)
			continue;
		/* Its handler; the next pulse may come before the end. */
		ringers[(got & 0xffffff) == VTY ? 0 : 1].taken++;
		eoi(f, 0, got);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(ringers[i].lost);
		assert_int_equal(ringers[i].taken, ROUNDS);
	}
	assert_int_equal(xirr(f, 0), word(OPEN, 0));
}

/* A KVM that refuses is told again at the next chance. */
static void refused_interrupts(void **state)
{
	struct fixture *f = *state;

	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	stub.fail_at = stub.count + 1;
	pulse(f, VTY);
	assert_told_nothing();
	pulse(f, VTY);
	assert_told(0, true);
}

static void power_cycles(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	cppr(f, 0, OPEN);
	ipi(f, 1, 0);
	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	set_xive(f, VTY, 0, NORMAL);
	set_xive(f, LSI, 0, NORMAL);
	pulse(f, VTY);
	drive(f, LSI, true);
	xics_ops.power_off(f->chip);
	stub.nr_calls = 0;
	pulse(f, VTY);
	assert_int_equal(xics_source_create(f->chip, 0x1301, true), -ENODEV);
	assert_told_nothing();

	assert_int_equal(xics_ops.power_on(f->chip, &err), 0);
	assert_told_nothing();
	assert_int_equal(poll(f, 0, 0), 0xff);
	assert_int_equal(poll(f, 0, 1), 0xff);
	assert_xive(f, VTY, 0, 0xff);
	assert_int_equal(try_xive(f, 0x1300, 0, 5), RTAS_PARAM_ERROR);
	cppr(f, 0, OPEN);
	set_xive(f, VTY, 0, NORMAL);
	set_xive(f, LSI, 0, NORMAL);
	assert_told_nothing();
}

/*
 * Saved state.
 */

static int restore(struct fixture *f, const void *data, size_t len)
{
	struct snap_reader r = { .data = data, .len = len, .end = len };
	int ret = xics_ops.restore(f->chip, &r, 1);

	/* As vm_restore() has it. */
	return ret == 0 && snap_left(&r) != 0 ? -EBADMSG : ret;
}

static void renew(struct fixture *f)
{
	struct error err = { 0 };

	xics_ops.power_off(f->chip);
	assert_int_equal(xics_ops.power_on(f->chip, &err), 0);
	stub.nr_calls = 0;
}

/*
 * Server 0 is interrupted by a message; server 1 works on one that came
 * again; server 2 was sent an interrupt by another.
 */
static void fill(struct fixture *f)
{
	assert_int_equal(xics_source_create(f->chip, 0x1300, true), 0);
	for (unsigned i = 0; i < CPUS; i++)
		cppr(f, i, OPEN);
	set_xive(f, 0x1300, 0, NORMAL);
	irq_send_msi(&f->vm, 0, 0x1300);
	set_xive(f, VTY, 1, NORMAL);
	pulse(f, VTY);
	assert_int_equal(xirr(f, 1), word(OPEN, VTY));
	pulse(f, VTY);
	ipi(f, 2, IPI);
	mask(f, SLOT, true);
	set_xive(f, SLOT + 1, 2, 9);
	mask(f, SLOT + 1, true);
	stub.nr_calls = 0;
}

static void saved_state_comes_back(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };
	struct snap_writer again = { 0 };

	fill(f);
	assert_int_equal(xics_ops.save(f->chip, &w), 0);
	assert_int_equal(w.error, 0);
	/* u32, two bytes for each server, u32, ten for each source. */
	assert_int_equal(w.len, 4 + CPUS * 2 + 4 + 31 * 10);
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);
	assert_int_equal(xics_ops.save(f->chip, &again), 0);
	assert_int_equal(again.len, w.len);
	assert_memory_equal(again.data, w.data, w.len);

	/* Every vCPU is told, whatever it had. */
	assert_int_equal(stub.nr_calls, CPUS);
	assert_int_equal(stub.calls[0].a, 0xfffffffdU);
	assert_int_equal(stub.calls[1].a, 0xfffffffeU);
	assert_int_equal(stub.calls[2].a, 0xfffffffdU);
	assert_int_equal(xirr(f, 0), word(OPEN, 0x1300));
	assert_int_equal(xirr(f, 2), word(OPEN, 2));
	eoi(f, 1, word(OPEN, VTY));
	assert_int_equal(xirr(f, 1), word(OPEN, VTY));
	mask(f, SLOT + 1, false);
	assert_xive(f, SLOT + 1, 2, 9);
	snap_writer_free(&again);
	snap_writer_free(&w);
}

static void levels_are_not_restored(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	cppr(f, 0, OPEN);
	set_xive(f, LSI, 0, NORMAL);
	drive(f, LSI, true);
	assert_int_equal(xirr(f, 0), word(OPEN, LSI));
	assert_int_equal(xics_ops.save(f->chip, &w), 0);
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);
	stub.nr_calls = 0;
	/* It is in service still, and the device drives its line again. */
	drive(f, LSI, true);
	assert_told_nothing();
	eoi(f, 0, word(OPEN, LSI));
	assert_told(0, true);
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);
	stub.nr_calls = 0;
	eoi(f, 0, word(OPEN, LSI));
	assert_told_nothing();
	snap_writer_free(&w);
}

#define AT_COUNT  (4U + 2U * CPUS)
#define AT_IRQ(i) (AT_COUNT + 4U + 10U * (i))
#define AT_SRV(i) (AT_IRQ(i) + 4U)
#define AT_BIT(i) (AT_IRQ(i) + 9U)
#define NR_SAVED  31U

static void assert_refused(struct fixture *f, struct snap_writer *w, size_t at,
			   uint32_t value)
{
	uint32_t was = le32_load(w->data + at);

	le32_store(w->data + at, value);
	renew(f);
	assert_int_equal(restore(f, w->data, w->len), -EBADMSG);
	assert_told_nothing();
	le32_store(w->data + at, was);
}

static void assert_bits_refused(struct fixture *f, struct snap_writer *w,
				unsigned i, uint8_t bits)
{
	uint8_t was = w->data[AT_BIT(i)];

	w->data[AT_BIT(i)] = bits;
	renew(f);
	assert_int_equal(restore(f, w->data, w->len), -EBADMSG);
	w->data[AT_BIT(i)] = was;
}

static void hostile_streams_are_refused(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	fill(f);
	assert_int_equal(xics_ops.save(f->chip, &w), 0);
	for (size_t len = 0; len < w.len; len++) {
		renew(f);
		assert_true(restore(f, w.data, len) < 0);
		assert_told_nothing();
	}
	assert_refused(f, &w, 0, 0);
	assert_refused(f, &w, 0, CPUS + 1);
	assert_refused(f, &w, AT_COUNT, NR_SAVED + 1);
	assert_refused(f, &w, AT_COUNT, UINT32_MAX);
	assert_refused(f, &w, AT_IRQ(0), 0xfff);
	assert_refused(f, &w, AT_IRQ(0), 0x1100);
	assert_refused(f, &w, AT_IRQ(NR_SAVED - 1), 0x2000);
	assert_refused(f, &w, AT_IRQ(NR_SAVED - 1), 0x1000);
	assert_refused(f, &w, AT_IRQ(NR_SAVED - 1), UINT32_MAX);
	assert_refused(f, &w, AT_SRV(3), CPUS);
	assert_refused(f, &w, AT_SRV(3), UINT32_MAX);
	/* None, unknown bits, the other sensitivity. */
	assert_bits_refused(f, &w, 0, 0);
	assert_bits_refused(f, &w, 0, 0x21);
	assert_bits_refused(f, &w, 0, 0x81);
	assert_bits_refused(f, &w, 0, 3);
	assert_bits_refused(f, &w, 2, 1);
	assert_bits_refused(f, &w, NR_SAVED - 1, 3);
	renew(f);
	assert_int_equal(restore(f, w.data, w.len), 0);

	struct snap_reader r = { .data = w.data, .len = w.len, .end = w.len };
	assert_int_equal(xics_ops.restore(f->chip, &r, 0), -ENOTSUP);
	assert_int_equal(xics_ops.restore(f->chip, &r, 2), -ENOTSUP);
	snap_writer_free(&w);
}

/* Every value of every byte: refused or taken, and then it runs. */
static void flipped_streams(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w = { 0 };

	fill(f);
	assert_int_equal(xics_ops.save(f->chip, &w), 0);
	for (size_t at = 0; at < w.len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			w.data[at] ^= (uint8_t)(1U << bit);
			renew(f);
			if (restore(f, w.data, w.len) == 0) {
				for (unsigned i = 0; i < CPUS; i++)
					xirr(f, i);
				pulse(f, VTY);
			}
			w.data[at] ^= (uint8_t)(1U << bit);
		}
	}
	snap_writer_free(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probe),
		TEST(closed_from_the_beginning),
		TEST(pulse_is_delivered_once),
		TEST(pulse_in_service_is_remembered),
		TEST(moved_in_service),
		TEST(moved_while_presented),
		TEST(level_is_sent_until_it_falls),
		TEST(masked_sources_wait),
		TEST(masked_in_service),
		TEST(most_favoured_wins),
		TEST(priorities_at_the_ends),
		TEST(raising_cppr_takes_back),
		TEST(inter_processor_interrupts),
		TEST(ipi_and_sources),
		TEST(timebase_comes_with_xirr_x),
		TEST(bad_servers),
		TEST(bad_sources),
		TEST(bad_priorities),
		TEST(wrong_ends),
		TEST(messages),
		TEST(storm),
		TEST(pulses_from_threads),
		TEST(refused_interrupts),
		TEST(power_cycles),
		TEST(saved_state_comes_back),
		TEST(levels_are_not_restored),
		TEST(hostile_streams_are_refused),
		TEST(flipped_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
