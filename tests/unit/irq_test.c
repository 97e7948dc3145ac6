/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines: by irqfd, by the controller's own calls, and cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include <libfdt.h>

#include "tests/fakes/fake_kvm.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

#define NR 7U

/**
 * struct fixture - A machine on the fake KVM whose controller keeps a diary
 * @calls: levels in the order in which they were set, as '0' and '1'
 */
struct fixture {
	struct vm vm;
	struct vm_config cfg;
	struct irqchip chip;
	struct irq_line line;
	struct error err;
	unsigned nr_calls;
	char calls[64];
};

static void set_level(struct irqchip *chip, unsigned irq, bool level)
{
	struct fixture *f = container_of(chip, struct fixture, chip);

	assert_int_equal(irq, NR);
	assert_true(f->nr_calls + 1 < sizeof(f->calls));
	f->calls[f->nr_calls++] = level ? '1' : '0';
}

static unsigned fdt_cells(struct irqchip *chip, unsigned irq, bool edge,
			  uint32_t cells[3])
{
	(void)chip;
	cells[0] = irq;
	cells[1] = edge ? 1 : 4;
	return 2;
}

static uint32_t fdt_phandle(struct irqchip *chip)
{
	(void)chip;
	return 0x1234;
}

static const struct irqchip_ops in_kernel = {
	.name = "in-kernel",
	.in_kernel = true,
	.set_level = set_level,
	.fdt_cells = fdt_cells,
	.fdt_phandle = fdt_phandle,
};

static const struct irqchip_ops in_monitor = {
	.name = "in-monitor",
	.set_level = set_level,
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_kvm_reset();
	assert_int_equal(kvm_open(&f->vm.kvm, NULL, &f->err), 0);
	assert_int_equal(kvm_create_vm(&f->vm.kvm, 0, &f->err), 0);
	f->vm.cfg = &f->cfg;
	f->vm.irqchip = &f->chip;
	f->chip = (struct irqchip){
		.ops = &in_kernel,
		.vm = &f->vm,
		.irqfd = true,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	irq_line_destroy(&f->line);
	kvm_close(&f->vm.kvm);
	assert_int_equal(fake_kvm_open_fds(), 0);
	free(f);
	return 0;
}

static void make_line(struct fixture *f, enum irq_trigger trigger)
{
	assert_int_equal(irq_line_init(&f->line, &f->vm, NR, trigger, &f->err),
			 0);
}

/* How often the eventfd was signalled since the last time. */
static uint64_t signals(struct fixture *f)
{
	uint64_t count = 0;

	if (read(f->line.fd, &count, sizeof(count)) < 0)
		assert_int_equal(errno, EAGAIN);
	return count;
}

static void assert_calls(struct fixture *f, const char *want)
{
	f->calls[f->nr_calls] = '\0';
	assert_string_equal(f->calls, want);
	f->nr_calls = 0;
}

static void edge_by_irqfd(void **state)
{
	struct fixture *f = *state;

	make_line(f, IRQ_EDGE);
	assert_true(f->line.fd >= 0);
	assert_int_equal(fake_kvm_irqfd(NR), -1);
	assert_int_equal(irq_line_power_on(&f->line, &f->err), 0);
	assert_int_equal(fake_kvm_irqfd(NR), f->line.fd);
	irq_pulse(&f->line);
	assert_int_equal(signals(f), 1);
	irq_pulse(&f->line);
	irq_pulse(&f->line);
	assert_int_equal(signals(f), 2);
	assert_calls(f, "");

	/* A guest that never takes them does not stop the device. */
	uint64_t most = UINT64_MAX - 1;
	assert_int_equal(write(f->line.fd, &most, sizeof(most)), sizeof(most));
	irq_pulse(&f->line);
	assert_int_equal(signals(f), most);
}

static void power_cycles(void **state)
{
	struct fixture *f = *state;

	make_line(f, IRQ_EDGE);
	for (int life = 0; life < 3; life++) {
		assert_int_equal(irq_line_power_on(&f->line, &f->err), 0);
		assert_int_equal(fake_kvm_irqfd(NR), f->line.fd);
		irq_pulse(&f->line);
		assert_int_equal(signals(f), 1);
		irq_line_power_off(&f->line);
		assert_int_equal(fake_kvm_irqfd(NR), -1);
		/* Again, as on the way out of an error: nothing is asked. */
		fake_kvm_fail_nth(1, -EIO);
		irq_line_power_off(&f->line);
		assert_false(fake_kvm_failed());
		fake_kvm_fail_nth(0, 0);
	}
	assert_calls(f, "");
}

/* What makes an edge go by the controller's own call. */
static void edge_by_level(void **state)
{
	struct fixture *f = *state;

	for (int how = 0; how < 4; how++) {
		f->cfg.no_irqfd = how == 0;
		fake_kvm_set_cap(KVM_CAP_IRQFD, how != 1);
		f->chip.ops = how == 2 ? &in_monitor : &in_kernel;
		f->chip.irqfd = how != 3;
		make_line(f, IRQ_EDGE);
		/* That it takes none shows when it is powered on. */
		assert_int_equal(f->line.fd >= 0, how == 3);
		assert_int_equal(irq_line_power_on(&f->line, &f->err), 0);
		assert_int_equal(fake_kvm_irqfd(NR), -1);
		irq_pulse(&f->line);
		assert_calls(f, "10");
		irq_pulse(&f->line);
		irq_pulse(&f->line);
		assert_calls(f, "1010");
		irq_line_power_off(&f->line);
		irq_line_destroy(&f->line);
	}
}

static void level(void **state)
{
	struct fixture *f = *state;

	make_line(f, IRQ_LEVEL);
	assert_int_equal(f->line.fd, -1);
	assert_int_equal(irq_line_power_on(&f->line, &f->err), 0);
	assert_int_equal(fake_kvm_irqfd(NR), -1);
	irq_set_level(&f->line, false);
	assert_calls(f, "");
	irq_set_level(&f->line, true);
	irq_set_level(&f->line, true);
	assert_calls(f, "1");
	irq_set_level(&f->line, false);
	irq_set_level(&f->line, false);
	assert_calls(f, "0");

	/* A new life begins low: what is raised in it is a change. */
	irq_set_level(&f->line, true);
	irq_line_power_off(&f->line);
	assert_int_equal(irq_line_power_on(&f->line, &f->err), 0);
	irq_set_level(&f->line, true);
	assert_calls(f, "11");
}

static void irqfd_refused(void **state)
{
	struct fixture *f = *state;

	make_line(f, IRQ_EDGE);
	fake_kvm_fail_nth(1, -EINVAL);
	assert_int_equal(irq_line_power_on(&f->line, &f->err), -EINVAL);
	assert_true(fake_kvm_failed());
	assert_int_equal(f->err.code, -EINVAL);
	assert_int_equal(f->err.status, EXIT_STATUS_ERROR);
	assert_string_equal(f->err.text, "cannot bind interrupt 7: KVM_IRQFD: "
					 "Invalid argument; --no-irqfd does "
					 "without");
	assert_false(f->line.bound);
	assert_int_equal(fake_kvm_irqfd(NR), -1);
	/* There is nothing to unbind. */
	fake_kvm_fail_nth(1, -EIO);
	irq_line_power_off(&f->line);
	assert_false(fake_kvm_failed());
}

static void no_descriptor_left(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int ret = irq_line_init(&f->line, &f->vm, NR, IRQ_EDGE, &f->err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(ret, -EMFILE);
	assert_int_equal(f->err.status, EXIT_STATUS_ERROR);
	assert_non_null(strstr(f->err.text, "interrupt 7"));
	assert_non_null(strstr(f->err.text, "open files"));
	assert_int_equal(f->line.fd, -1);
}

static void unconnected(void **state)
{
	struct fixture *f = *state;
	struct irq_line none = { .fd = -1 };

	irq_pulse(&none);
	irq_set_level(&none, true);
	irq_line_destroy(&none);

	/* As is one that was given back, also twice. */
	make_line(f, IRQ_EDGE);
	irq_line_destroy(&f->line);
	irq_line_destroy(&f->line);
	irq_pulse(&f->line);
	irq_set_level(&f->line, true);
	assert_calls(f, "");
}

static void device_tree(void **state)
{
	struct fixture *f = *state;
	struct fdt_builder b;
	const void *blob = NULL;
	size_t size = 0;
	int len = 0;

	make_line(f, IRQ_LEVEL);
	assert_int_equal(fdt_builder_init(&b, 4096), 0);
	fdt_begin(&b, "%s", "");
	irq_line_fdt(&f->line, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &f->err), 0);
	assert_memory_equal(fdt_getprop(blob, 0, "interrupts", &len),
			    "\0\0\0\7\0\0\0\4", 8);
	assert_int_equal(len, 8);
	assert_memory_equal(fdt_getprop(blob, 0, "interrupt-parent", &len),
			    "\0\0\x12\x34", 4);
	assert_int_equal(len, 4);
	fdt_builder_free(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(edge_by_irqfd), TEST(power_cycles),
		TEST(edge_by_level), TEST(level),
		TEST(irqfd_refused), TEST(no_descriptor_left),
		TEST(unconnected),   TEST(device_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
