/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host refuses what the sandbox and the jail ask for: each call fails once,
 * in its turn. Either there is an error and no guest runs, or all is given up
 * that is given up otherwise, or the log says what the host has not.
 */
#include "tests/fakes/fake_files.h"
#include "tests/fakes/fake_rights.h"
#include "tests/unit/fault_each.h"
#include "vmm/sandbox.h"
#include "vmm/term.h"

/**
 * struct given - What was given up
 * @before: when the guest first ran
 * @after: at the end
 */
struct given {
	unsigned before[FAKE_NR_RIGHTS];
	unsigned after[FAKE_NR_RIGHTS];
};

/**
 * struct world - What tests share
 * @folder: for the socket of a console and for a control group
 * @whole: without a failure
 * @now: in this try
 * @entered: the guest ran in this try
 * @code: what a call fails with
 * @what: which call it was
 */
static struct world {
	char folder[64];
	struct given whole;
	struct given now;
	bool entered;
	int code;
	const char *(*what)(void);
} world;

static bool was_refused(void)
{
	return fake_rights_failed() != NULL;
}

static const char *what_was_refused(void)
{
	return was_refused() ? fake_rights_failed() : "nothing";
}

static void read_given(unsigned *given)
{
	for (unsigned i = 0; i < FAKE_NR_RIGHTS; i++)
		given[i] = fake_rights_given(i);
}

/* Which words of the log say that a layer is missing. */
static bool log_lacks(struct fixture *f, const char *layer)
{
	char none[64], refused[64];
	const char *log = log_text(f);

	snprintf(none, sizeof(none), "this host's kernel has no %s", layer);
	snprintf(refused, sizeof(refused), "sandbox: %s cannot be used", layer);
	return strstr(log, none) != NULL || strstr(log, refused) != NULL;
}

/*
 * What a failure may take away: EPERM is what a container's filter answers,
 * ENOSYS an old kernel, and of the layers that may be missing the log has to
 * tell. The bounding set is dropped where the user may.
 */
static bool may_lack(struct fixture *f, enum fake_right right)
{
	int code = world.what == what_was_refused ? fake_rights_code() : 0;

	if (code == EPERM && right == FAKE_BOUNDING_SET)
		return true;
	if (code != EPERM && code != ENOSYS)
		return false;
	if (right == FAKE_SECCOMP)
		return log_lacks(f, "seccomp");
	return (right == FAKE_LANDLOCK || right == FAKE_FOLDERS) &&
	       log_lacks(f, "Landlock");
}

static void compare(struct fixture *f, unsigned nth, const unsigned *whole,
		    const unsigned *now)
{
	for (unsigned i = 0; i < FAKE_NR_RIGHTS; i++) {
		if (now[i] < whole[i] && !may_lack(f, i))
			fail_msg("call %u, %s: it ran with less: %s: %u of "
				 "%u; log: %s",
				 nth, world.what(), fake_rights_name(i), now[i],
				 whole[i], log_text(f));
	}
}

static void look(struct fixture *f, unsigned nth, bool ended)
{
	read_given(world.now.after);
	if (nth == 0)
		world.whole = world.now;
	if (world.entered)
		compare(f, nth, world.whole.before, world.now.before);
	if (!ended)
		compare(f, nth, world.whole.after, world.now.after);
	/* A folder has two names itself, and there is the group's file. */
	assert_int_equal(count_entries(world.folder), 3);
}

static int first_exit(struct kvm_run *run, void *arg)
{
	if (!world.entered)
		read_given(world.now.before);
	world.entered = true;
	return exit_finish(run, arg);
}

static int guarded_life(struct fixture *f, struct vm_config *cfg,
			struct error *err)
{
	static const struct fake_exit exits[] = {
		{ first_exit, NULL, ARG(FINISH_RESET) },
		{ first_exit, NULL, ARG(FINISH_PASS) },
	};

	f->log.level = LOG_INFO;
	world.entered = false;
	fake_rights_reset();
	return run_lives(f, cfg, exits, ARRAY_SIZE(exits), err);
}

static void arm_refusal(unsigned nth)
{
	fake_rights_fail_nth(nth, world.code);
}

static void each_refusal(const char *options, unsigned least)
{
	static const struct faults refusals = {
		.arm = arm_refusal,
		.hit = was_refused,
		.what = what_was_refused,
		.why = fake_rights_code,
		.look = look,
	};
	static const int codes[] = { EPERM, ENOSYS, ENOMEM };

	world.what = what_was_refused;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		world.code = codes[i];
		fail_each(options, guarded_life, &refusals, least);
	}
}

static void each_lack(const char *options, unsigned least)
{
	static const struct faults lacks = {
		.arm = fail_nth_arm,
		.hit = fail_nth_hit,
		.what = fail_nth_what,
		.look = look,
	};

	world.what = fail_nth_what;
	fail_each(options, guarded_life, &lacks, least);
}

/*
 * The machines: a socket has a folder, which stays in reach.
 */

static const char *options(const char *more)
{
	static char text[400];

	snprintf(text, sizeof(text),
		 "--cpus 1 --timeout 1000 --status-file /dev/null "
		 "--port p,socket=%s/s %s",
		 world.folder, more);
	return text;
}

static const char *jail_options(void)
{
	char more[200];

	snprintf(more, sizeof(more),
		 "--user guest:guests --jail /empty --cgroup %s", world.folder);
	return options(more);
}

static void sandbox_is_refused(void **state)
{
	(void)state;
	each_refusal(options(""), 30);
}

static void jail_is_refused(void **state)
{
	(void)state;
	each_refusal(jail_options(), 50);
}

static void sandbox_and_jail_lack_something(void **state)
{
	(void)state;
	each_lack(jail_options(), 50);
}

/* Nobody has to mend the host for these. */
static void unknown_users_are_a_mistake(void **state)
{
	static const char *const users[] = { "gues", "guest:none",
					     "none:guests", "77", "root" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		char text[32];
		struct jail_config cfg = { .user = text };
		struct error err = { 0 };
		struct jail *jail = NULL;

		snprintf(text, sizeof(text), "%s", users[i]);
		assert_int_equal(jail_create(&cfg, &jail, &err), -EINVAL);
		assert_null(jail);
		assert_one_line(&err);
		assert_int_equal(err.status, EXIT_STATUS_USAGE);
	}
}

/*
 * Filters, rule by rule.
 */

static int make_sandbox(struct log *log, struct error *err)
{
	struct sandbox *sb = NULL;
	int ret = sandbox_create(arch_sandbox_rules, log, &sb, err);

	sandbox_destroy(sb);
	return ret;
}

static void each_rule_of_the_sandbox(void **state)
{
	struct log log = { .fd = STDERR_FILENO, .level = LOG_ERROR };
	unsigned nth = 1, fds = count_fds(), failures = 0;

	(void)state;
	fake_rights_count_rules(true);
	for (;; nth += stride()) {
		struct error err = { 0 };

		fake_rights_fail_nth(nth, ENOMEM);
		int ret = make_sandbox(&log, &err);
		assert_int_equal(count_fds(), fds);
		if (!was_refused())
			break;
		/* Without one of them a filter would be another. */
		if (ret >= 0)
			fail_msg("call %u, %s: no error", nth,
				 what_was_refused());
		assert_one_line(&err);
		assert_int_equal(err.status, EXIT_STATUS_ERROR);
		assert_non_null(strstr(err.text, strerror(ENOMEM)));
		failures++;
	}
	fake_rights_count_rules(false);
	print_message("# %u calls failed\n", failures);
	assert_true(failures >= 100 / stride());
}

/* The process that gives the terminal back has a filter, or is not made. */
static void each_rule_of_the_guard(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	unsigned fds, nth = 1;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	fds = count_fds();
	fake_rights_count_rules(true);
	fake_rights_refuse_fork(true);
	for (;; nth++) {
		struct error err = { 0 };
		struct term *term = NULL;

		fake_rights_fail_nth(nth, ENOMEM);
		assert_true(term_open(slave, &term, &err) < 0);
		assert_one_line(&err);
		assert_int_equal(count_fds(), fds);
		if (!was_refused() || strcmp(what_was_refused(), "fork") == 0)
			break;
		if (strstr(err.text, strerror(ENOMEM)) == NULL)
			fail_msg("call %u, %s: it goes on: %s", nth,
				 what_was_refused(), err.text);
	}
	fake_rights_refuse_fork(false);
	fake_rights_count_rules(false);
	assert_true(nth > 5);
	close(slave);
	close(master);
}

static void add_file(const char *path, const char *text)
{
	int fd = memfd_create(path, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	fake_files_add(path, fd, 0);
}

static int make_folder(void **state)
{
	char file[80];

	(void)state;
	add_file("/etc/passwd", "root:x:0:0:::\nguest:x:77:7:::\n");
	add_file("/etc/group", "root:x:0:\nguests:x:78:\n");
	strcpy(world.folder, "/tmp/privet-fault-XXXXXX");
	if (mkdtemp(world.folder) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/cgroup.procs", world.folder);
	int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

static int remove_folder(void **state)
{
	char file[80];

	(void)state;
	snprintf(file, sizeof(file), "%s/cgroup.procs", world.folder);
	unlink(file);
	return rmdir(world.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sandbox_is_refused),
		cmocka_unit_test(jail_is_refused),
		cmocka_unit_test(sandbox_and_jail_lack_something),
		cmocka_unit_test(unknown_users_are_a_mistake),
		cmocka_unit_test(each_rule_of_the_sandbox),
		cmocka_unit_test(each_rule_of_the_guard),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
