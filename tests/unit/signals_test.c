/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: who is asked, who is ended, when, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/timerfd.h>

#include "tests/fakes/fake_vm.h"
#include "vmm/signals.h"

/** struct button - A device that may listen to the power button */
struct button {
	struct device dev;
	bool listens;
	unsigned pressed;
};

struct fixture {
	struct vm *vm;
	struct signals signals;
	struct button *buttons[2];
};

static bool button_press(struct device *dev)
{
	struct button *b = container_of(dev, struct button, dev);

	assert_int_not_equal(pthread_mutex_trylock(&dev->lock), 0);
	b->pressed += b->listens;
	return b->listens;
}

static void button_reset(struct device *dev)
{
	(void)dev;
}

static const struct device_type button_type;

static int button_create(struct vm *vm, const struct device_config *cfg,
			 struct device **out, struct error *err)
{
	struct button *b = calloc(1, sizeof(*b));

	(void)err;
	assert_non_null(b);
	device_init(&b->dev, &button_type, vm, cfg->index);
	*out = &b->dev;
	return 0;
}

static void button_destroy(struct device *dev)
{
	device_fini(dev);
	free(container_of(dev, struct button, dev));
}

static const struct device_type button_type = {
	.name = "button",
	.max = 2,
	.create = button_create,
	.destroy = button_destroy,
	.reset = button_reset,
	.power_button = button_press,
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	assert_int_equal(signals_init(&f->signals, &err), 0);
	f->vm = fake_vm_create(MIB(1));
	for (int i = 0; i < 2; i++)
		f->buttons[i] =
			container_of(fake_vm_add(f->vm, &button_type, NULL),
				     struct button, dev);
	assert_int_equal(signals_watch(&f->signals, f->vm, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	signals_fini(&f->signals);
	fake_vm_destroy(f->vm);
	free(f);
	return 0;
}

static void take(struct fixture *f, int signal)
{
	assert_int_equal(kill(getpid(), signal), 0);
	assert_true(fake_vm_io(f->vm) > 0);
}

static uint64_t grace_left_s(const struct fixture *f)
{
	struct itimerspec spec;

	assert_int_equal(timerfd_gettime(f->signals.grace.src.fd, &spec), 0);
	/* Rounded up: it has been running for a moment. */
	return (uint64_t)spec.it_value.tv_sec + (spec.it_value.tv_nsec > 0);
}

static void expect_running(struct fixture *f)
{
	assert_int_equal(f->vm->stop, VM_STOP_NONE);
}

static void expect_ended(struct fixture *f, const char *words)
{
	assert_int_equal(f->vm->stop, VM_STOP_USER);
	if (strstr(f->vm->result.text, words) == NULL)
		fail_msg("'%s' lacks '%s'", f->vm->result.text, words);
	assert_int_equal(vm_exit_status(&f->vm->result), EXIT_STATUS_STOPPED);
}

static void ends_a_deaf_guest_at_once(void **state)
{
	struct fixture *f = *state;

	take(f, SIGTERM);
	expect_ended(f, "signal 15");
	expect_ended(f, "nothing in the guest listens");
	assert_int_equal(grace_left_s(f), 0);
	assert_false(f->vm->shutting_down);
}

static void asks_first(void **state)
{
	struct fixture *f = *state;

	f->buttons[1]->listens = true;
	take(f, SIGTERM);
	expect_running(f);
	assert_int_equal(f->buttons[1]->pressed, 1);
	assert_int_equal(grace_left_s(f), 30);
	assert_true(f->vm->shutting_down);
	assert_non_null(strstr(fake_vm_log(f->vm), "30 s"));
	assert_non_null(strstr(fake_vm_log(f->vm), "second SIGTERM"));

	take(f, SIGTERM);
	expect_ended(f, "second SIGTERM");
	assert_int_equal(f->buttons[1]->pressed, 1);
}

static void presses_every_button(void **state)
{
	struct fixture *f = *state;

	f->buttons[0]->listens = true;
	f->buttons[1]->listens = true;
	take(f, SIGTERM);
	expect_running(f);
	assert_int_equal(f->buttons[0]->pressed, 1);
	assert_int_equal(f->buttons[1]->pressed, 1);
}

static void has_patience_for_so_long(void **state)
{
	struct fixture *f = *state;

	f->buttons[0]->listens = true;
	fake_vm_config(f->vm)->grace_s = 1000;
	take(f, SIGTERM);
	assert_int_equal(grace_left_s(f), 1000);
	expect_running(f);

	ev_timer_set(&f->signals.grace, 0);
	assert_true(evloop_run_once(f->vm->loop, 10000) > 0);
	expect_ended(f, "1000 s");
	expect_ended(f, "--grace");
}

static void has_endless_patience(void **state)
{
	struct fixture *f = *state;

	f->buttons[0]->listens = true;
	fake_vm_config(f->vm)->grace_s = 0;
	take(f, SIGTERM);
	expect_running(f);
	assert_int_equal(grace_left_s(f), 0);
	assert_int_equal(fake_vm_io(f->vm), 0);
	assert_non_null(strstr(fake_vm_log(f->vm), "second SIGTERM"));
	take(f, SIGTERM);
	expect_ended(f, "second SIGTERM");
}

static void other_signals_end_at_once(void **state)
{
	static const struct {
		int signal;
		const char *words;
	} cases[] = {
		{ SIGINT, "signal 2" },
		{ SIGHUP, "signal 1" },
		{ SIGQUIT, "signal 3" },
	};
	struct fixture *f = *state;

	f->buttons[0]->listens = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->vm->stop = VM_STOP_NONE;
		take(f, cases[i].signal);
		expect_ended(f, cases[i].words);
	}
	/* Also while the guest is shutting down. */
	f->vm->stop = VM_STOP_NONE;
	take(f, SIGTERM);
	expect_running(f);
	take(f, SIGINT);
	expect_ended(f, "signal 2");
	assert_int_equal(f->buttons[0]->pressed, 1);
}

static void terminal_signals_end_nothing(void **state)
{
	struct fixture *f = *state;

	take(f, SIGWINCH);
	take(f, SIGCONT);
	expect_running(f);
}

/* The guest's end is the end, whatever the user wishes afterwards. */
static void keeps_the_guests_own_end(void **state)
{
	struct fixture *f = *state;

	f->buttons[0]->listens = true;
	take(f, SIGTERM);
	vm_request_stop(f->vm, VM_STOP_POWEROFF, 0, "off");
	assert_false(f->vm->hurry);
	take(f, SIGTERM);
	assert_int_equal(f->vm->stop, VM_STOP_POWEROFF);
	assert_string_equal(f->vm->result.text, "off");
	/* But output is not waited for any more. */
	assert_true(f->vm->hurry);
}

static void hurries_what_ends_anyway(void **state)
{
	struct fixture *f = *state;

	f->buttons[0]->listens = true;
	vm_request_stop(f->vm, VM_STOP_POWEROFF, 0, "off");
	take(f, SIGTERM);
	assert_int_equal(f->vm->stop, VM_STOP_POWEROFF);
	assert_true(f->vm->hurry);
	assert_int_equal(grace_left_s(f), 0);
	assert_false(f->vm->shutting_down);
}

/* Nothing listens during a reboot, but the wish is not lost. */
static void makes_the_end_of_a_reboot(void **state)
{
	struct fixture *f = *state;

	vm_request_stop(f->vm, VM_STOP_COLD_REBOOT, 0, "again");
	take(f, SIGTERM);
	assert_int_equal(f->vm->stop, VM_STOP_COLD_REBOOT);
	assert_true(f->vm->shutting_down);
	take(f, SIGTERM);
	expect_ended(f, "second SIGTERM");
}

/* As `nohup` and the shells' `&` want it. */
static void leaves_ignored_signals_alone(void **state)
{
	struct signals s;
	struct error err = { 0 };
	sigset_t set;

	(void)state;
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	assert_int_equal(signals_init(&s, &err), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	assert_int_equal(sigismember(&set, SIGHUP), 0);
	assert_int_equal(sigismember(&set, SIGTERM), 1);
	signals_fini(&s);
	signals_fini(&s);
	signal(SIGHUP, SIG_DFL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(ends_a_deaf_guest_at_once),
		TEST(asks_first),
		TEST(presses_every_button),
		TEST(has_patience_for_so_long),
		TEST(has_endless_patience),
		TEST(other_signals_end_at_once),
		TEST(terminal_signals_end_nothing),
		TEST(keeps_the_guests_own_end),
		TEST(hurries_what_ends_anyway),
		TEST(makes_the_end_of_a_reboot),
		cmocka_unit_test(leaves_ignored_signals_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
