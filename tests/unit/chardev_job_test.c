/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stdio backend under a shell with job control: in the background, in the
 * foreground, stopped and continued.
 *
 * A child is the shell: it leads a session whose terminal is a pty. Its child
 * is the job, which has the chardev. They cannot use cmocka's assertions: the
 * line of a failure is their exit status.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_chardev.h"
#include "tests/fakes/skip.h"

#define WAIT_NS (10 * NSEC_PER_SEC)

/* The exit status of a shell that cannot control jobs. */
#define NO_JOBS 77

#define CHECK(ok)                                                          \
	do {                                                               \
		if (!(ok)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#ok);                                      \
			_exit(1);                                          \
		}                                                          \
	} while (0)

struct shell {
	int master;
	int slave;
	struct termios mode;
	pid_t group;
};

static bool is_raw(const struct shell *sh)
{
	struct termios now;

	CHECK(tcgetattr(sh->slave, &now) == 0);
	return (now.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

/* The shell gives the terminal to a job, or takes it and sets its own mode. */
static void foreground(const struct shell *sh, pid_t group)
{
	CHECK(tcsetpgrp(sh->slave, group) == 0);
	if (group == sh->group)
		CHECK(tcsetattr(sh->slave, TCSANOW, &sh->mode) == 0);
}

static void type(const struct shell *sh, const char *text)
{
	CHECK(write(sh->master, text, strlen(text)) == (ssize_t)strlen(text));
}

static void run_until_raw(const struct shell *sh, struct fake_chardev *f)
{
	uint64_t limit = chardev_now_ns() + WAIT_NS;

	while (!is_raw(sh)) {
		CHECK(evloop_run_once(f->loop, 100) >= 0);
		CHECK(chardev_now_ns() < limit);
	}
}

static void run_until_input(struct fake_chardev *f, const char *text)
{
	uint64_t limit = chardev_now_ns() + WAIT_NS;
	char got[64] = { 0 };
	size_t len = 0;

	while (len < strlen(text)) {
		CHECK(evloop_run_once(f->loop, 100) >= 0);
		len += chardev_read(f->cd, got + len, sizeof(got) - 1 - len);
		CHECK(chardev_now_ns() < limit);
	}
	CHECK(strcmp(got, text) == 0);
}

/* The terminal is somebody else's: not read, not set, and nothing spins. */
static void stay_away(const struct shell *sh, struct fake_chardev *f)
{
	char byte;

	CHECK(fake_chardev_idle(f, 700) <= 6);
	CHECK(!is_raw(sh));
	CHECK(!f->log.crlf);
	CHECK(chardev_connected(f->cd));
	CHECK(chardev_read(f->cd, &byte, 1) == 0);
}

static void open_stdio(const struct shell *sh, struct fake_chardev *f)
{
	CHECK(dup2(sh->slave, 0) == 0 && dup2(sh->slave, 1) == 1);
	fake_chardev_init(f);
	fake_chardev_open(
		f, &(struct chardev_config){ .kind = CHARDEV_STDIO, .fd = -1 });
}

/* Started with `&`. */
static void job_in_background(const struct shell *sh)
{
	static struct fake_chardev f;
	pid_t job = getpgrp();

	open_stdio(sh, &f);
	stay_away(sh, &f);
	/* Output is allowed. */
	chardev_write(f.cd, "o", 1);
	fake_chardev_run(&f);
	/* What the user types is for the shell, and stays there. */
	type(sh, "shell\n");
	stay_away(sh, &f);
	CHECK(tcflush(sh->slave, TCIFLUSH) == 0);

	foreground(sh, job);
	run_until_raw(sh, &f);
	type(sh, "job");
	run_until_input(&f, "job");

	/* Stopped, and continued in the background: no signal tells. */
	foreground(sh, sh->group);
	type(sh, "shell\n");
	stay_away(sh, &f);
	CHECK(tcflush(sh->slave, TCIFLUSH) == 0);
	foreground(sh, job);
	run_until_raw(sh, &f);
	type(sh, "\x01x");
	while (f.quits == 0)
		CHECK(evloop_run_once(f.loop, 10000) > 0);
	fake_chardev_close(&f);
	CHECK(!is_raw(sh));
}

/* Stopped and continued in the foreground: SIGCONT tells. */
static void job_continued(const struct shell *sh)
{
	static struct fake_chardev f;

	foreground(sh, getpgrp());
	open_stdio(sh, &f);
	CHECK(is_raw(sh));
	CHECK(tcsetattr(sh->slave, TCSANOW, &sh->mode) == 0);
	chardev_refresh(f.cd);
	CHECK(is_raw(sh));
	type(sh, "job");
	run_until_input(&f, "job");

	/* The mode that is found now is the one to leave behind. */
	struct termios mode = sh->mode;
	mode.c_cc[VINTR] = 'k';
	CHECK(tcsetattr(sh->slave, TCSANOW, &mode) == 0);
	chardev_refresh(f.cd);
	CHECK(is_raw(sh));
	fake_chardev_close(&f);
	CHECK(tcgetattr(sh->slave, &mode) == 0);
	CHECK(mode.c_cc[VINTR] == 'k' && (mode.c_lflag & ICANON) != 0);
}

/* A refresh in the background, or before the start, leaves it alone. */
static void job_refreshed_early(const struct shell *sh)
{
	static struct fake_chardev f;
	const struct chardev_config cfg = { .kind = CHARDEV_STDIO, .fd = -1 };
	struct error err = { 0 };

	CHECK(dup2(sh->slave, 0) == 0 && dup2(sh->slave, 1) == 1);
	fake_chardev_init(&f);
	CHECK(fake_chardev_try(&f, &cfg, &err) == 0);
	chardev_refresh(f.cd);
	CHECK(!is_raw(sh));
	CHECK(chardev_start(f.cd, &err) == 0);
	chardev_refresh(f.cd);
	CHECK(!is_raw(sh));
	foreground(sh, getpgrp());
	chardev_refresh(f.cd);
	CHECK(is_raw(sh));
	fake_chardev_close(&f);
	CHECK(!is_raw(sh));
}

/* Killed after it came to the foreground: its guard knows the mode. */
static void job_killed(const struct shell *sh)
{
	static struct fake_chardev f;

	open_stdio(sh, &f);
	foreground(sh, getpgrp());
	run_until_raw(sh, &f);
	kill(getpid(), SIGKILL);
}

/* As signals.c has it. */
static _Noreturn void run_job(const struct shell *sh,
			      void (*job)(const struct shell *sh))
{
	CHECK(setpgid(0, 0) == 0);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	alarm(60);
	job(sh);
	_exit(0);
}

static _Noreturn void run_shell(void (*job)(const struct shell *sh),
				int *status)
{
	struct shell sh = { 0 };

	CHECK(setsid() > 0);
	sh.group = getpgrp();
	sh.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(grantpt(sh.master) == 0 && unlockpt(sh.master) == 0);
	sh.slave = open(ptsname(sh.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(sh.slave >= 0 && ioctl(sh.slave, TIOCSCTTY, 0) == 0);
	CHECK(tcgetattr(sh.slave, &sh.mode) == 0);
	signal(SIGTTOU, SIG_IGN);
	if (getenv("UNDER_QEMU_USER") != NULL &&
	    tcgetsid(sh.slave) != getsid(0))
		_exit(NO_JOBS);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		run_job(&sh, job);
	CHECK(waitpid(pid, status, WUNTRACED) == pid);
	CHECK(!WIFSTOPPED(*status));
	if (WIFSIGNALED(*status)) {
		/* The guard does it, and is our child now. */
		CHECK(WTERMSIG(*status) == SIGKILL && job == job_killed);
		CHECK(waitpid(-1, NULL, 0) > 0);
		CHECK(!is_raw(&sh));
		_exit(0);
	}
	_exit(WEXITSTATUS(*status));
}

static void under_a_shell(void (*job)(const struct shell *sh))
{
	int status = 0;

	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_shell(job, &status);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_JOBS)
		skip_because("qemu-user does not know a terminal's session");
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_background(void **state)
{
	(void)state;
	under_a_shell(job_in_background);
}

static void test_continued(void **state)
{
	(void)state;
	under_a_shell(job_continued);
}

static void test_refreshed_early(void **state)
{
	(void)state;
	under_a_shell(job_refreshed_early);
}

static void test_killed(void **state)
{
	(void)state;
	under_a_shell(job_killed);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_continued),
		cmocka_unit_test(test_refreshed_early),
		cmocka_unit_test(test_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
