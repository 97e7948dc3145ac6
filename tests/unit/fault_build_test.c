/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host runs out of something while a machine is built, started, rebooted,
 * saved or restored: each call fails once, in its turn. Whatever it was, there
 * is one line of text and a status of its kind, and nothing is left behind.
 */
#include "devices/virtio.h"
#include "tests/fakes/fail_nth.h"
#include "tests/fakes/fake_driver.h"
#include "tests/unit/fault_fixture.h"
#include "vmm/snapshot.h"

#define MAX_NTH 4000

/**
 * struct faults - A kind of failure
 * @arm: make the Nth from now fail; 0: none
 * @hit: whether that was reached
 * @what: which it was
 */
struct faults {
	void (*arm)(unsigned nth);
	bool (*hit)(void);
	const char *(*what)(void);
};

static const struct faults library = {
	.arm = fail_nth_arm,
	.hit = fail_nth_hit,
	.what = fail_nth_what,
};

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

/* What a life goes through; false: it could not, and @err says why. */
typedef int life_fn(struct fixture *f, struct vm_config *cfg,
		    struct error *err);

static int parse_only(struct fixture *f, struct vm_config *cfg,
		      struct error *err)
{
	return parse(f, cfg, err);
}

static int run_lives(struct fixture *f, struct vm_config *cfg,
		     const struct fake_exit *exits, unsigned count,
		     struct error *err)
{
	struct vm_result result = { 0 };
	struct vm *vm = NULL;
	int ret = parse(f, cfg, err);

	fake_kvm_script(0, exits, count);
	if (ret == 0)
		ret = vm_create(cfg, &f->log, &vm, err);
	if (ret == 0)
		ret = vm_run(vm, &result, err);
	vm_destroy(vm);
	if (ret < 0)
		return ret;
	/* A guest that could not go on is an end of its own. */
	assert_true(result.stop == VM_STOP_POWEROFF ||
		    result.stop == VM_STOP_CRASH);
	assert_true(result.text[0] != '\0');
	assert_null(strchr(result.text, '\n'));
	if (result.stop == VM_STOP_POWEROFF)
		assert_int_equal(result.reboots, count - 1);
	return result.stop == VM_STOP_POWEROFF ? 0 : 1;
}

static int one_life(struct fixture *f, struct vm_config *cfg, struct error *err)
{
	static const struct fake_exit exits[] = {
		{ exit_finish, NULL, ARG(FINISH_PASS) },
	};

	return run_lives(f, cfg, exits, ARRAY_SIZE(exits), err);
}

static int two_lives(struct fixture *f, struct vm_config *cfg,
		     struct error *err)
{
	static const struct fake_exit exits[] = {
		{ exit_finish, NULL, ARG(FINISH_RESET) },
		{ exit_finish, NULL, ARG(FINISH_PASS) },
	};

	return run_lives(f, cfg, exits, ARRAY_SIZE(exits), err);
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
 * No failure of the host is the user's mistake, nor does it mean that there is
 * no KVM but where that was asked for.
 */
static void check_error(const struct faults *faults, unsigned nth, int ret,
			const struct error *err)
{
	if (err->text[0] == '\0' || strchr(err->text, '\n') != NULL)
		fail_msg("call %u, %s: not one line: '%s'", nth, faults->what(),
			 err->text);
	if (err->code != ret)
		fail_msg("call %u, %s: %d is not %d: %s", nth, faults->what(),
			 err->code, ret, err->text);
	if (err->status != EXIT_STATUS_ERROR &&
	    err->status != EXIT_STATUS_NO_KVM)
		fail_msg("call %u, %s: status %d: %s", nth, faults->what(),
			 (int)err->status, err->text);
}

/* Return: whether it failed. */
static bool try_life(struct fixture *f, life_fn *life,
		     const struct faults *faults, unsigned nth, bool *hit)
{
	struct vm_config cfg = { 0 };
	struct error err = { 0 };

	faults->arm(nth);
	int ret = life(f, &cfg, &err);
	*hit = nth != 0 && faults->hit();
	faults->arm(0);
	config_free(&cfg);
	if (!*hit && ret != 0)
		fail_msg("%u: without any failure: %s", nth, err.text);
	if (ret < 0)
		check_error(faults, nth, ret, &err);
	return ret != 0;
}

/* An emulated processor takes its time: there, only some of the calls fail. */
static unsigned stride(void)
{
	return getenv("UNDER_QEMU_USER") != NULL ? 11 : 1;
}

/* @least: so many of the failures have to end it */
static void fail_each(const char *options, life_fn *life,
		      const struct faults *faults, unsigned least)
{
	struct fixture f;
	unsigned failures = 0, tries = 0;
	bool hit;

	fixture_init(&f, options);
	try_life(&f, life, faults, 0, &hit);
	unsigned fds = count_fds();

	hit = true;
	for (unsigned nth = 1; hit && nth < MAX_NTH; nth += stride()) {
		tries++;
		failures += try_life(&f, life, faults, nth, &hit);
		if (fake_kvm_open_fds() != 0 || count_fds() != fds)
			fail_msg("call %u, %s: a descriptor is left", nth,
				 faults->what());
	}
	assert_false(hit);
	if (failures < least / stride())
		fail_msg("%u of %u calls ended it", failures, tries - 1);
	print_message("# %s: %u calls failed, %u of them ended it\n", options,
		      tries - 1, failures);
	fixture_end(&f);
}

/*
 * The machines: all devices, over each transport, and both interrupt
 * controllers where there are two that the fake can be.
 */

#define DEVICES                                                      \
	"--cpus 2 --sandbox off --port p,null --rng --power-button " \
	"--timeout 1000"

static void each_machine(life_fn *life, const struct faults *faults,
			 unsigned least)
{
	static const char *const transports[] = { "mmio", "pci" };
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		char options[256];

		snprintf(options, sizeof(options),
			 DEVICES " --virtio-transport %s --irqchip %s",
			 transports[i], fake_host_irqchips[n]);
		fail_each(options, life, faults, least);
		n += fake_host_irqchips[n + 1] != NULL;
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
