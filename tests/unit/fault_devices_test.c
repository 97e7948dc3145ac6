/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap and a block device fail while they are opened: each call once, in its
 * turn. What the machine cannot do without ends it; what is only good to know
 * does not, and then it has no more, and no less, than it asked for.
 */
#include "tests/fakes/fake_devices.h"
#include "tests/fakes/fake_files.h"
#include "tests/unit/fault_each.h"

/* What each call fails with in this run. */
static int code;

/* Whether this machine has the block device to itself, to write to. */
static bool writes;

/**
 * struct need - A call
 * @name: its name
 * @needed: nothing goes without it
 */
static const struct need {
	const char *name;
	bool needed;
} needs[] = {
	{ "TUNSETIFF", true },       { "TUNGETIFF", true },
	{ "TUNSETVNETHDRSZ", true }, { "TUNSETVNETLE", true },
	{ "TUNSETOFFLOAD", false },  { "if_nametoindex", false },
	{ "BLKGETSIZE64", true },    { "BLKSSZGET", true },
	{ "BLKROGET", false },       { "BLKPBSZGET", false },
	{ "BLKIOMIN", false },       { "BLKIOOPT", false },
	{ "BLKDISCARD", false },
};

static bool is_needed(const char *name)
{
	/* A tap of several queues is asked for in another way. */
	if (code == EINVAL && strcmp(name, "TUNSETIFF") == 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (strcmp(needs[i].name, name) == 0)
			return needs[i].needed;
	}
	return false;
}

static void look(struct fixture *f, unsigned nth, bool ended)
{
	const char *failed = fake_devices_failed();

	if (failed != NULL && is_needed(failed) && !ended)
		fail_msg("call %u, %s: it goes on without", nth, failed);
	if (ended)
		return;
	/* Guests get segments only when they ask for them. */
	if (fake_devices_offloads() != 0)
		fail_msg("call %u, %s: offloads 0x%x are left", nth,
			 failed != NULL ? failed : fail_nth_what(),
			 fake_devices_offloads());
	if (writes && !(fake_files_flags(FAKE_BLOCK) & O_EXCL))
		fail_msg("call %u, %s: the device is not ours alone", nth,
			 failed != NULL ? failed : fail_nth_what());
	assert_null(strstr(log_text(f), "made interface"));
}

static void arm(unsigned nth)
{
	fake_devices_fail_nth(nth, code);
}

static bool was_refused(void)
{
	return fake_devices_failed() != NULL;
}

static const char *what_was_refused(void)
{
	return was_refused() ? fake_devices_failed() : "nothing";
}

static const struct faults refusals = {
	.arm = arm,
	.hit = was_refused,
	.what = what_was_refused,
	.look = look,
};

static const struct faults lacks = {
	.arm = fail_nth_arm,
	.hit = fail_nth_hit,
	.what = fail_nth_what,
	.look = look,
};

static int logged_life(struct fixture *f, struct vm_config *cfg,
		       struct error *err)
{
	f->log.level = LOG_INFO;
	return one_life(f, cfg, err);
}

static void each_failure(const char *options, unsigned least)
{
	static const int codes[] = { EIO,    ENOMEM, EPERM, EINVAL,
				     ENOTTY, EBUSY,  ENXIO };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		code = codes[i];
		fail_each(options, logged_life, &refusals, least);
	}
	fake_devices_fail_nth(1, 0);
	fake_devices_fail_nth(0, 0);
	fail_each(options, logged_life, &lacks, 50);
}

#define COMMON "--sandbox off --timeout 1000 "

static void by_name(void **state)
{
	(void)state;
	fake_devices_init();
	writes = true;
	each_failure(COMMON "--network tapif=" FAKE_TAP " --disk " FAKE_BLOCK,
		     4);
	fake_devices_end();
}

static void by_descriptor(void **state)
{
	char options[200];

	(void)state;
	fake_devices_init();
	writes = false;
	int tap = fake_devices_tap();
	int block = open(FAKE_BLOCK, O_RDWR | O_CLOEXEC);
	assert_true(tap >= 0 && block >= 0);
	/* The second one is opened anew, for reading only. */
	snprintf(options, sizeof(options),
		 COMMON "--network fd=%d --disk fd=%d,ro", tap, block);
	each_failure(options, 5);
	close(tap);
	close(block);
	fake_devices_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
