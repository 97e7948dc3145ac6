/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host runs out of something while a machine is built, started, rebooted,
 * saved or restored: each call fails once, in its turn. Whatever it was, there
 * is one line of text and a status of its kind, and nothing is left behind.
 */
#include "devices/virtio.h"
#include "tests/fakes/fake_driver.h"
#include "tests/unit/fault_each.h"

static void arm_kvm(unsigned nth)
{
	fake_kvm_fail_nth(nth, -ENOMEM);
}

static void arm_kvm_io(unsigned nth)
{
	fake_kvm_fail_nth(nth, -EIO);
}

static const char *what_kvm(void)
{
	return "a call of KVM";
}

static const struct faults kvm_memory = {
	.arm = arm_kvm,
	.hit = fake_kvm_failed,
	.what = what_kvm,
};

static const struct faults kvm_io = {
	.arm = arm_kvm_io,
	.hit = fake_kvm_failed,
	.what = what_kvm,
};

static int parse_only(struct fixture *f, struct vm_config *cfg,
		      struct error *err)
{
	return parse(f, cfg, err);
}

static int restore(struct vm *vm, const struct snap_writer *w,
		   struct error *err)
{
	struct snap_reader r;
	int ret = snap_reader_init(&r, w->data, w->len, arch_info.name, err);

	return ret < 0 ? ret : vm_restore(vm, &r, err);
}

static int save_and_restore(struct vm *vm, struct error *err)
{
	struct snap_writer w;

	snap_writer_init(&w, arch_info.name);
	/* Whoever saves has a file to name: the line is his. */
	int ret = vm_save(vm, &w);
	if (ret < 0)
		error_host(err, ret, "cannot save: %s", strerror(-ret));
	else
		ret = restore(vm, &w, err);
	snap_writer_free(&w);
	return ret;
}

static int saved_life(struct fixture *f, struct vm_config *cfg,
		      struct error *err)
{
	struct vm *vm = NULL;
	int ret = parse(f, cfg, err);

	if (ret == 0)
		ret = vm_create(cfg, &f->log, &vm, err);
	if (ret == 0)
		ret = vm_power_on(vm, err);
	if (ret == 0) {
		ret = save_and_restore(vm, err);
		vm_power_off(vm);
	}
	vm_destroy(vm);
	return ret;
}

/*
 * The machines: all devices, over each transport, and both interrupt
 * controllers.
 */

#define DEVICES                                                      \
	"--cpus 2 --sandbox off --port p,null --rng --power-button " \
	"--timeout 1000"

static void each_machine(life_fn *life, const struct faults *faults,
			 unsigned least)
{
	static const char *const transports[] = { "mmio", "pci" };

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		for (unsigned n = 0; fake_host_irqchips[n] != NULL; n++) {
			char options[256];

			snprintf(options, sizeof(options),
				 DEVICES " --virtio-transport %s --irqchip %s",
				 transports[i], fake_host_irqchips[n]);
			fail_each(options, life, faults, least);
		}
	}
}

static void command_line(void **state)
{
	(void)state;
	fail_each(DEVICES " --name n --params a=b --initrd /i", parse_only,
		  &library, 5);
}

static void library_while_built_and_run(void **state)
{
	(void)state;
	each_machine(one_life, &library, 50);
}

static void kvm_while_built_and_run(void **state)
{
	(void)state;
	each_machine(one_life, &kvm_io, 10);
}

static void library_over_a_reboot(void **state)
{
	(void)state;
	each_machine(two_lives, &library, 50);
}

static void kvm_over_a_reboot(void **state)
{
	(void)state;
	each_machine(two_lives, &kvm_memory, 20);
}

static void library_while_saved_and_restored(void **state)
{
	(void)state;
	each_machine(saved_life, &library, 50);
}

static void kvm_while_saved_and_restored(void **state)
{
	(void)state;
	each_machine(saved_life, &kvm_io, 20);
}

/*
 * A guest's driver takes what was made before the guest ran: there is nothing
 * that could fail.
 */

static void activate(struct vm *vm, unsigned slot)
{
	struct fake_mmio *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	fake_mmio_init(m, vm, slot);

	fail_nth_arm(1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fake_mmio_start(m, 0, 0), 0);
		for (unsigned q = 0; q < m->nr_queues; q++)
			fake_mmio_kick(m, q);
		while (evloop_run_once(vm->loop, 0) > 0)
			;
	}
	if (fail_nth_hit())
		fail_msg("slot %u: %s was called", slot, fail_nth_what());
	fail_nth_arm(0);
	assert_int_equal(fake_mmio_status(m) & VIRTIO_STATUS_NEEDS_RESET, 0);
	fake_mmio_reset(m);
	free(m);
}

static void activation_takes_nothing_of_the_host(void **state)
{
	struct vm_config cfg = { 0 };
	struct error err = { 0 };
	struct vm *vm = NULL;
	struct fixture f;

	(void)state;
	fixture_init(&f, DEVICES " --virtio-transport mmio");
	assert_int_equal(parse(&f, &cfg, &err), 0);
	assert_int_equal(vm_create(&cfg, &f.log, &vm, &err), 0);
	assert_int_equal(vm_power_on(vm, &err), 0);
	/* Disk, console, random numbers, power button. */
	for (unsigned slot = 0; slot < 4; slot++)
		activate(vm, slot);
	vm_power_off(vm);
	vm_destroy(vm);
	config_free(&cfg);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_line),
		cmocka_unit_test(library_while_built_and_run),
		cmocka_unit_test(kvm_while_built_and_run),
		cmocka_unit_test(library_over_a_reboot),
		cmocka_unit_test(kvm_over_a_reboot),
		cmocka_unit_test(library_while_saved_and_restored),
		cmocka_unit_test(kvm_while_saved_and_restored),
		cmocka_unit_test(activation_takes_nothing_of_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
