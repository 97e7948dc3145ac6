/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives of a machine over and over, each with the next call of the host
 * failing. Whatever it was, there is one line of text and a status of its
 * kind, and nothing is left behind.
 */
#ifndef PRIVET_TESTS_FAULT_EACH_H
#define PRIVET_TESTS_FAULT_EACH_H

#include <poll.h>

#include "tests/fakes/fail_nth.h"
#include "tests/unit/fault_fixture.h"
#include "vmm/jail.h"
#include "vmm/snapshot.h"

#define MAX_NTH 4000

/**
 * struct faults - A kind of failure
 * @arm: make the Nth from now fail; 0: none
 * @hit: whether that was reached
 * @what: which it was
 * @why: the errno that the line has to say of it; NULL: that differs
 * @look: at what became of it, with the Nth of @arm; may be NULL
 */
struct faults {
	void (*arm)(unsigned nth);
	bool (*hit)(void);
	const char *(*what)(void);
	int (*why)(void);
	void (*look)(struct fixture *f, unsigned nth, bool ended);
};

static const struct faults library = {
	.arm = fail_nth_arm,
	.hit = fail_nth_hit,
	.what = fail_nth_what,
};

/* What a life goes through; false: it could not, and @err says why. */
typedef int life_fn(struct fixture *f, struct vm_config *cfg,
		    struct error *err);

/* A guest that could not go on, and a vCPU's error, are ends of their own. */
static inline int check_result(const struct vm_result *result, unsigned reboots,
			       struct error *err)
{
	assert_true(result->text[0] != '\0');
	assert_null(strchr(result->text, '\n'));
	if (result->stop == VM_STOP_ERROR) {
		assert_int_equal(vm_exit_status(result), EXIT_STATUS_ERROR);
		return error_host(err, -EIO, "%s", result->text);
	}
	if (result->stop == VM_STOP_CRASH)
		return 1;
	assert_int_equal(result->stop, VM_STOP_POWEROFF);
	assert_int_equal(result->reboots, reboots);
	return 0;
}

static inline int run_lives(struct fixture *f, struct vm_config *cfg,
			    const struct fake_exit *exits, unsigned count,
			    struct error *err)
{
	struct vm_result result = { 0 };
	struct vm *vm = NULL;
	int status, ret = parse(f, cfg, err);

	fake_kvm_script(0, exits, count);
	if (ret == 0)
		ret = jail_start(&cfg->jail, &status, err);
	if (ret == 0)
		ret = vm_create(cfg, &f->log, &vm, err);
	if (ret == 0)
		ret = vm_run(vm, &result, err);
	vm_destroy(vm);
	return ret < 0 ? ret : check_result(&result, count - 1, err);
}

static inline int one_life(struct fixture *f, struct vm_config *cfg,
			   struct error *err)
{
	static const struct fake_exit exits[] = {
		{ exit_finish, NULL, ARG(FINISH_PASS) },
	};

	return run_lives(f, cfg, exits, ARRAY_SIZE(exits), err);
}

static inline int two_lives(struct fixture *f, struct vm_config *cfg,
			    struct error *err)
{
	static const struct fake_exit exits[] = {
		{ exit_finish, NULL, ARG(FINISH_RESET) },
		{ exit_finish, NULL, ARG(FINISH_PASS) },
	};

	return run_lives(f, cfg, exits, ARRAY_SIZE(exits), err);
}

/*
 * No failure of the host is the user's mistake, nor does it mean that there is
 * no KVM but where that was asked for.
 */
static inline void check_error(const struct faults *faults, unsigned nth,
			       int ret, const struct error *err)
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
	if (faults->why != NULL &&
	    strstr(err->text, strerror(faults->why())) == NULL)
		fail_msg("call %u, %s: it does not say why: %s", nth,
			 faults->what(), err->text);
}

/*
 * A thread that was joined may be in the list a moment longer: its end is
 * awaited, for ten seconds.
 */
static inline unsigned count_threads(unsigned wanted)
{
	/* None can be awaited: this is only a look. */
	unsigned limit = wanted == 0 ? 1 : 10000;
	unsigned n = 0;

	for (unsigned i = 0; i < limit; i++) {
		n = count_entries("/proc/self/task");
		if (n <= wanted)
			break;
		poll(NULL, 0, 1);
	}
	return n;
}

/* Return: whether it failed. */
static inline bool try_life(struct fixture *f, life_fn *life,
			    const struct faults *faults, unsigned nth,
			    bool *hit)
{
	struct vm_config cfg = { 0 };
	struct error err = { 0 };
	sigset_t mask;

	assert_int_equal(ftruncate(f->log_fd, 0), 0);
	lseek(f->log_fd, 0, SEEK_SET);
	/* What is in a jail waits for its signals. */
	sigprocmask(SIG_SETMASK, NULL, &mask);
	faults->arm(nth);
	int ret = life(f, &cfg, &err);
	*hit = nth != 0 && faults->hit();
	faults->arm(0);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	config_free(&cfg);
	if (!*hit && ret != 0)
		fail_msg("%u: without any failure: %s", nth, err.text);
	if (ret < 0)
		check_error(faults, nth, ret, &err);
	if (faults->look != NULL)
		faults->look(f, nth, ret != 0);
	return ret != 0;
}

/* An emulated processor takes its time: there, only some of the calls fail. */
static inline unsigned stride(void)
{
	return getenv("UNDER_QEMU_USER") != NULL ? 11 : 1;
}

/* @least: so many of the failures have to end it */
static inline void fail_each(const char *options, life_fn *life,
			     const struct faults *faults, unsigned least)
{
	struct fixture f;
	unsigned failures = 0, tries = 0;
	bool hit;

	fixture_init(&f, options);
	fake_host_offer();
	unsigned threads = count_threads(0);
	try_life(&f, life, faults, 0, &hit);
	unsigned fds = count_fds();

	hit = true;
	for (unsigned nth = 1; hit && nth < MAX_NTH; nth += stride()) {
		tries++;
		failures += try_life(&f, life, faults, nth, &hit);
		if (fake_kvm_open_fds() != 0 || count_fds() != fds)
			fail_msg("call %u, %s: a descriptor is left", nth,
				 faults->what());
		if (count_threads(threads) > threads)
			fail_msg("call %u, %s: a thread is left", nth,
				 faults->what());
	}
	assert_false(hit);
	if (failures < least / stride())
		fail_msg("%u of %u calls ended it", failures, tries - 1);
	print_message("# %s: %u calls failed, %u of them ended it\n", options,
		      tries - 1, failures);
	fixture_end(&f);
}

#endif
