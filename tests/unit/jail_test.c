/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail: its parent process, and what is left to the one inside. Only root
 * can make one. Each case runs in a process of its own.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/skip.h"
#include "vmm/jail.h"

/* How a case ends that found nothing wrong. */
#define GOOD 42

/* What is the matter, and that it is. */
static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "# %s\n", what);
	_exit(1);
}

/* In a process of its own, which is the leader of a session, bounded. */
static void run_case(void (*fn)(void))
{
	int status = 0;

	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setsid();
		alarm(25);
		fn();
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), GOOD);
}

static ino_t inode(int folder, const char *path)
{
	struct stat st;

	if (fstatat(folder, path, &st, 0) < 0)
		wrong("no way to look at a folder");
	return st.st_ino;
}

/*
 * The folder of a console's name.
 */

static void keep_a_folder(void)
{
	const struct jail_config cfg = { .folder = (char *)(uintptr_t) "/" };
	char path[] = "/tmp/privet-jail-XXXXXX";
	struct error err = { 0 };
	struct jail *jail;

	if (unshare(CLONE_NEWNS) < 0 || mkdtemp(path) == NULL)
		wrong("no folder");
	int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(folder, "name", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ino_t self = inode(folder, ".");
	if (fd < 0 || inode(folder, "..") == self)
		wrong("no file in it");

	if (jail_create(&cfg, &jail, &err) < 0 ||
	    jail_keep_folder(jail, folder, &err) < 0)
		wrong(err.text);
	if (inode(folder, ".") != self || inode(folder, "..") != self ||
	    inode(folder, "../..") != self)
		wrong("a way leads out");
	if (unlinkat(folder, "name", 0) < 0 || rmdir(path) < 0)
		wrong("the name cannot be removed");
	if (!(fcntl(folder, F_GETFD) & FD_CLOEXEC))
		wrong("a program that is started would have it");
	jail_destroy(jail);
	_exit(GOOD);
}

static void keeps_a_folder_without_a_way_out(void **state)
{
	(void)state;
	run_case(keep_a_folder);
}

/*
 * The parent.
 */

/* Return: the master of a terminal that is the session's, and descriptor 0. */
static int make_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		wrong("no terminal");
	int slave = open(ptsname(master), O_RDWR | O_CLOEXEC);
	if (slave < 0 || dup2(slave, STDIN_FILENO) < 0 ||
	    tcgetsid(STDIN_FILENO) != getpid())
		wrong("a terminal that is not the session's");
	/* The parent of a jail keeps no others. */
	dup2(master, STDOUT_FILENO);
	return STDOUT_FILENO;
}

static bool is_raw(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &now) < 0)
		wrong("no mode");
	return !(now.c_lflag & ICANON);
}

static void make_raw(void)
{
	struct termios raw;

	tcgetattr(STDIN_FILENO, &raw);
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	if (!is_raw())
		wrong("no raw mode");
}

/* Return: what the parent says; the child goes to @fn and is to exit there. */
static int start_jail(void (*fn)(void), int *status)
{
	const struct jail_config cfg = { .folder = (char *)(uintptr_t) "/" };
	struct error err = { 0 };

	int ret = jail_start(&cfg, status, &err);
	if (ret == 0) {
		alarm(20);
		fn();
		_exit(1);
	}
	return ret;
}

static void exit_raw(void)
{
	make_raw();
	_exit(117);
}

static void die_raw(void)
{
	make_raw();
	/* Process 1 has no other death of its own making. */
	signal(SIGILL, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	__builtin_trap();
}

static void restore_after_exit(void)
{
	int status = 0;

	make_terminal();
	if (start_jail(exit_raw, &status) != 1 || status != 117)
		wrong("not the child's status");
	_exit(is_raw() ? 1 : GOOD);
}

static void restore_after_death(void)
{
	int status = 0;

	make_terminal();
	if (start_jail(die_raw, &status) >= 0)
		wrong("no error of a child that died");
	_exit(is_raw() ? 1 : GOOD);
}

static void restores_the_terminal(void **state)
{
	(void)state;
	run_case(restore_after_exit);
	run_case(restore_after_death);
}

/* The child of a jail is to get a SIGINT; it tells of being ready first. */
static int ready[2];

static void wait_for_interrupt(void)
{
	const struct timespec limit = { .tv_sec = 10 };
	sigset_t set, blocked;

	sigprocmask(SIG_SETMASK, NULL, &blocked);
	if (!sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM) ||
	    sigismember(&blocked, SIGUSR1) || sigismember(&blocked, SIGCHLD))
		wrong("not the signals that are to wait");
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (write(ready[1], "x", 1) != 1 ||
	    sigtimedwait(&set, NULL, &limit) != SIGINT)
		wrong("no SIGINT came");
	_exit(5);
}

/* Presses Ctrl-C once the child is ready. */
static void press_key(int master)
{
	char c;

	if (fork() != 0)
		return;
	alarm(20);
	if (read(ready[0], &c, 1) != 1 || write(master, "\003", 1) != 1)
		wrong("no key");
	_exit(0);
}

static void pass_interrupt_on(void)
{
	int status = 0;
	int master = make_terminal();
	int null = open("/dev/null", O_RDONLY);

	/* The session's terminal, but no descriptor of the machine's. */
	if (null < 0 || pipe(ready) < 0 || dup2(null, STDIN_FILENO) < 0)
		wrong("no terminal elsewhere");
	press_key(master);
	if (start_jail(wait_for_interrupt, &status) != 1 || status != 5)
		wrong("the child got none");
	_exit(GOOD);
}

static void passes_the_terminals_signals_on(void **state)
{
	(void)state;
	run_case(pass_interrupt_on);
}

static void exit_with_status(void)
{
	_exit(7);
}

static void ignore_children(void)
{
	int status = 0;

	signal(SIGCHLD, SIG_IGN);
	dup2(STDERR_FILENO, 20);
	if (start_jail(exit_with_status, &status) != 1 || status != 7)
		wrong("not the child's status");
	if (fcntl(STDERR_FILENO + 1, F_GETFD) >= 0 || fcntl(20, F_GETFD) >= 0)
		wrong("the parent has more than it needs");
	_exit(GOOD);
}

static void notices_the_end_if_sigchld_was_ignored(void **state)
{
	(void)state;
	run_case(ignore_children);
}

/* Whether this user may make the namespaces of a jail. */
static bool can_jail(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		bool good = geteuid() == 0 &&
			    unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
				    CLONE_NEWUTS | CLONE_NEWNET) == 0;

		_exit(good ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_folder_without_a_way_out),
		cmocka_unit_test(restores_the_terminal),
		cmocka_unit_test(passes_the_terminals_signals_on),
		cmocka_unit_test(notices_the_end_if_sigchld_was_ignored),
	};

	if (getenv("UNDER_QEMU_USER") != NULL)
		return skip_all("qemu-user has neither open_tree() nor a "
				"terminal's session");
	if (!can_jail())
		return skip_all("only root can make a jail");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
