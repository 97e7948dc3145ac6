/* SPDX-License-Identifier: Apache-2.0 */
/* Raw mode and its guard: the terminal comes back however a process ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/skip.h"
#include "vmm/term.h"

struct fixture {
	int master;
	int slave;
	struct termios before;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(x->master >= 0);
	assert_int_equal(grantpt(x->master), 0);
	assert_int_equal(unlockpt(x->master), 0);
	x->slave = open(ptsname(x->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(x->slave >= 0);
	assert_int_equal(tcgetattr(x->slave, &x->before), 0);
	assert_int_equal(x->before.c_lflag & ICANON, ICANON);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	close(x->master);
	close(x->slave);
	free(x);
	return 0;
}

static bool is_raw(struct fixture *x)
{
	struct termios now;

	assert_int_equal(tcgetattr(x->slave, &now), 0);
	return (now.c_lflag & (ICANON | ECHO | ISIG | IEXTEN)) == 0 &&
	       (now.c_oflag & OPOST) == 0 &&
	       (now.c_iflag & (ICRNL | IXON)) == 0;
}

static void assert_restored(struct fixture *x)
{
	struct termios now;

	assert_int_equal(tcgetattr(x->slave, &now), 0);
	assert_int_equal(now.c_iflag, x->before.c_iflag);
	assert_int_equal(now.c_oflag, x->before.c_oflag);
	assert_int_equal(now.c_lflag, x->before.c_lflag);
	assert_int_equal(now.c_cflag, x->before.c_cflag);
	assert_memory_equal(now.c_cc, x->before.c_cc, NCCS);
}

/* Waits for a child or adopted grandchild to end; fails after 10 seconds. */
static int reap(pid_t pid)
{
	int status = 0;

	alarm(10);
	while (waitpid(pid, &status, 0) < 0) {
		assert_int_equal(errno, EINTR);
	}
	alarm(0);
	return status;
}

static void test_normal_way(void **state)
{
	struct fixture *x = *state;
	struct term *term;
	struct error err = { 0 };

	assert_int_equal(term_open(x->slave, &term, &err), 0);
	assert_false(is_raw(x));
	assert_int_equal(term_raw(term, &err), 0);
	assert_true(is_raw(x));
	term_close(term);
	assert_restored(x);
	/* The guard was reaped. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	term_close(NULL);
}

static void test_never_raw(void **state)
{
	struct fixture *x = *state;
	struct term *term;
	struct error err = { 0 };

	assert_int_equal(term_open(x->slave, &term, &err), 0);
	term_close(term);
	assert_restored(x);
}

static void test_no_terminal(void **state)
{
	struct term *term;
	struct error err = { 0 };
	int fd = open("/dev/null", O_RDWR);

	(void)state;
	assert_int_equal(term_open(fd, &term, &err), -ENOTTY);
	assert_true(strlen(err.text) > 0);
	close(fd);
}

/* Somebody else changed the mode meanwhile: that is theirs. */
static void test_foreign_mode_stays(void **state)
{
	struct fixture *x = *state;
	struct term *term;
	struct error err = { 0 };
	struct termios tio;

	assert_int_equal(term_open(x->slave, &term, &err), 0);
	assert_int_equal(term_raw(term, &err), 0);
	tio = x->before;
	tio.c_lflag &= (tcflag_t)~ECHO;
	assert_int_equal(tcsetattr(x->slave, TCSANOW, &tio), 0);
	term_close(term);
	assert_int_equal(tcgetattr(x->slave, &tio), 0);
	assert_int_equal(tio.c_lflag, x->before.c_lflag & (tcflag_t)~ECHO);
}

enum end {
	BY_EXIT,
	BY_KILL,
	BY_ABORT,
	BY_KILLED_GROUP,
	BY_HANDLED_SIGNALS,
};

/* What the process does that ends badly; tells its parent when it is raw. */
static _Noreturn void child(struct fixture *x, enum end how, int ready)
{
	struct term *term;
	struct error err = { 0 };

	setpgid(0, 0);
	if (term_open(x->slave, &term, &err) < 0 || term_raw(term, &err) < 0)
		_exit(99);
	if (write(ready, "r", 1) != 1)
		_exit(98);
	if (how == BY_EXIT)
		_exit(7);
	if (how == BY_ABORT) {
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	for (;;)
		pause();
}

/* The guard: the only child of @pid. */
static pid_t guard_of(pid_t pid)
{
	char path[64], text[32] = { 0 };

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

static void end_child(pid_t pid, enum end how)
{
	static const int signals[] = { SIGINT,  SIGHUP,  SIGQUIT, SIGTERM,
				       SIGTSTP, SIGTTOU, SIGPIPE, SIGUSR1 };
	pid_t guard;

	switch (how) {
	case BY_KILL:
		kill(pid, SIGKILL);
		break;
	case BY_KILLED_GROUP:
		kill(-pid, SIGKILL);
		break;
	case BY_HANDLED_SIGNALS:
		/* A terminal's reach the group, others anybody. */
		guard = guard_of(pid);
		for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
			kill(guard, signals[i]);
			kill(-pid, signals[i]);
		}
		kill(pid, SIGKILL);
		break;
	default:
		break;
	}
}

static void check_end(struct fixture *x, enum end how)
{
	int ready[2], status;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(x, how, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	if (how != BY_EXIT && how != BY_ABORT)
		assert_true(is_raw(x));
	end_child(pid, how);
	status = reap(pid);
	if (how == BY_EXIT)
		assert_int_equal(WEXITSTATUS(status), 7);
	else
		assert_true(WIFSIGNALED(status));
	/* Its guard is ours now: when it is gone, everything has to be well. */
	status = reap(-1);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_restored(x);
	/* And it kept nothing of its parent open. */
	struct pollfd pfd = { .fd = ready[0], .events = POLLIN };
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
}

static void test_bad_ends(void **state)
{
	need_subreaper();
	check_end(*state, BY_EXIT);
	check_end(*state, BY_KILL);
	check_end(*state, BY_ABORT);
	check_end(*state, BY_KILLED_GROUP);
	check_end(*state, BY_HANDLED_SIGNALS);
}

/* The guard holds no descriptor but its own two while the parent lives. */
static void test_guard_holds_nothing(void **state)
{
	struct fixture *x = *state;
	struct term *term;
	struct error err = { 0 };
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(term_open(x->slave, &term, &err), 0);
	close(fds[1]);
	/* Bounded: the end comes when the guard has closed its copy. */
	struct pollfd pfd = { .fd = fds[0], .events = POLLIN };
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	term_close(term);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_normal_way),  T(test_never_raw),
		T(test_no_terminal), T(test_foreign_mode_stays),
		T(test_bad_ends),    T(test_guard_holds_nothing),
	};
#undef T
	/* As signals.c does. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
