/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's terminal: raw mode, and the way back however we end.
 *
 * Theory of operation: a terminal left in raw mode is of no use to the shell
 * after us, and no handler in this process runs after SIGKILL, a seccomp
 * violation or the out-of-memory killer. So a guard, a process of its own,
 * reads from a pipe whose only writer is this process. The messages it gets:
 *
 *	ARM	the terminal is about to be raw: restore this mode at the end
 *	LEAVE	it was restored: just go
 *	(end)	we are dead: restore it if that was asked for, and go
 *
 * The guard blocks every signal, so that SIGTTOU does not stop it: a process
 * in the background may not change a terminal otherwise. It is in a process
 * group of its own, so that a SIGKILL for our group does not reach it. It
 * closes every descriptor but the pipe and the terminal, in order not to keep
 * KVM, sockets or locks alive, and gives up all other system calls. It restores
 *only a terminal that is still as we made it: by then a shell may have set its
 *own mode.
 *
 * It is a fork that executes nothing else, made while the machine is built: it
 * shares what little memory is in use by then. Guest memory has no page yet,
 * so none is ever copied for it.
 *
 * Raw mode has no signals from the keyboard: Ctrl-C and Ctrl-Z go to the
 * guest. SIGSTOP from elsewhere leaves the terminal raw, unless the shell
 * changes that; after SIGCONT, term_raw() has to be called again.
 */
#include "vmm/term.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/fds.h"
#include "vmm/sandbox.h"

#define ARM   'a'
#define LEAVE 'l'

/* It has no rules beside those for any architecture. */
static const struct sandbox_rule no_rules[] = { { 0 } };

/**
 * struct message - What the guard is told; less than a pipe takes at once
 * @what: ARM or LEAVE
 * @saved: ARM: the mode to restore
 */
struct message {
	char what;
	struct termios saved;
};

/**
 * struct term - A terminal under guard
 * @fd: not owned
 * @saved: its mode before us
 * @raw: its mode is ours
 * @guard: process id
 * @pipe: writing end of the pipe to the guard
 */
struct term {
	int fd;
	struct termios saved;
	bool raw;
	pid_t guard;
	int pipe;
};

static struct termios raw_mode(const struct termios *saved)
{
	struct termios raw = *saved;

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return raw;
}

static bool is_raw(int fd, const struct termios *saved)
{
	struct termios now, raw = raw_mode(saved);

	return tcgetattr(fd, &now) == 0 && now.c_iflag == raw.c_iflag &&
	       now.c_oflag == raw.c_oflag && now.c_lflag == raw.c_lflag;
}

/*
 * The guard. It was forked maybe from a process with several threads: only
 * what is safe in a signal handler may be called.
 */

static void wait_and_restore(int from, int tty)
{
	struct message last = { .what = LEAVE }, msg;

	for (;;) {
		ssize_t len = read(from, &msg, sizeof(msg));
		if (len < 0 && errno == EINTR)
			continue;
		if (len != sizeof(msg))
			break;
		last = msg;
		if (msg.what == LEAVE)
			return;
	}
	if (last.what == ARM && is_raw(tty, &last.saved))
		tcsetattr(tty, TCSANOW, &last.saved);
}

/* As far as the kernel goes along: the guard is of use without, too. */
static void enter_sandbox(const struct sandbox_filter *filter)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sandbox_drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		sandbox_filter_load(filter);
}

static _Noreturn void run_guard(const struct term *term, int from,
				const struct sandbox_filter *filter)
{
	/* Above those that they move to, so that neither covers the other. */
	int pipe_fd = fcntl(from, F_DUPFD, 3);
	int tty_fd = fcntl(term->fd, F_DUPFD, 3);

	if (pipe_fd < 0 || tty_fd < 0 || dup2(pipe_fd, 0) < 0 ||
	    dup2(tty_fd, 1) < 0)
		_exit(1);
	fds_close_from(2);
	setpgid(0, 0);
	prctl(PR_SET_NAME, "privet-term");
	if (chdir("/") < 0) {
		/* Only the mount that it keeps busy is a nuisance. */
	}
	enter_sandbox(filter);
	wait_and_restore(0, 1);
	/* Before _exit() a sanitizer makes calls that the sandbox forbids. */
	syscall(SYS_exit_group, 0);
	__builtin_unreachable();
}

static int start_guard(struct term *term)
{
	int fds[2];
	sigset_t all, old;
	struct sandbox_filter filter = { 0 };

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Beforehand: it allocates. */
	int ret = sandbox_filter_compile(SANDBOX_GUARD, no_rules, &filter);
	if (ret < 0) {
		sandbox_filter_free(&filter);
		close(fds[0]);
		close(fds[1]);
		return ret;
	}

	/* Nothing may hit the guard before it has blocked signals itself. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = fork();
	if (pid == 0)
		run_guard(term, fds[0], &filter);
	int error = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sandbox_filter_free(&filter);

	close(fds[0]);
	if (pid < 0) {
		close(fds[1]);
		return -error;
	}
	/* Both do it: whoever is later, nobody is too late. */
	setpgid(pid, pid);
	term->guard = pid;
	term->pipe = fds[1];
	return 0;
}

/*
 * The monitor's side.
 */

static int tell_guard(struct term *term, char what)
{
	const struct message msg = { .what = what, .saved = term->saved };
	ssize_t len;

	do {
		len = write(term->pipe, &msg, sizeof(msg));
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

int term_open(int fd, struct term **out, struct error *err)
{
	struct term *term = calloc(1, sizeof(*term));
	if (term == NULL)
		return error_nomem(err, "the terminal");

	int ret;
	term->fd = fd;
	if (tcgetattr(fd, &term->saved) < 0) {
		ret = error_host(err, -errno,
				 "cannot get the mode of the terminal: %s",
				 strerror(errno));
		goto err_free;
	}
	ret = start_guard(term);
	if (ret < 0) {
		error_host(err, ret,
			   "cannot start the process that restores the "
			   "terminal: %s; raise the limit on processes",
			   strerror(-ret));
		goto err_free;
	}
	*out = term;
	return 0;

err_free:
	free(term);
	return ret;
}

static int set_mode(int fd, const struct termios *mode)
{
	while (tcsetattr(fd, TCSANOW, mode) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

bool term_fd_foreground(int fd)
{
	if (tcgetsid(fd) != getsid(0))
		return true;

	pid_t group = tcgetpgrp(fd);
	return group <= 0 || group == getpgrp();
}

bool term_foreground(const struct term *term)
{
	return term_fd_foreground(term->fd);
}

int term_raw(struct term *term, struct error *err)
{
	struct termios now;

	if (!is_raw(term->fd, &term->saved) && tcgetattr(term->fd, &now) == 0)
		term->saved = now;
	struct termios raw = raw_mode(&term->saved);

	int ret = tell_guard(term, ARM);
	if (ret == 0)
		ret = set_mode(term->fd, &raw);
	if (ret < 0)
		return error_host(err, ret,
				  "cannot put the terminal into raw mode: %s",
				  strerror(-ret));
	term->raw = true;
	return 0;
}

void term_close(struct term *term)
{
	if (term == NULL)
		return;
	if (term->raw && is_raw(term->fd, &term->saved))
		set_mode(term->fd, &term->saved);
	tell_guard(term, LEAVE);
	close(term->pipe);
	while (waitpid(term->guard, NULL, 0) < 0 && errno == EINTR)
		;
	free(term);
}
