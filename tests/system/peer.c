/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a console, for system tests: connects to a Unix socket,
 * opens a terminal, or is the terminal of a program that it starts. It sends
 * standard input and copies what comes to standard output until a text was
 * seen, or the program has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct peer {
	const char *until;
	bool until_eof;
	bool hold;
	bool listen;
	char **program;
	pid_t pid;
	int fd;
	char seen[65536];
	size_t len;
};

static bool attach(const struct peer *p, int fd, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (!p->listen)
		return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	       listen(fd, 1) == 0;
}

static int open_socket(const struct peer *p, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || attach(p, fd, path))
		return fd;

	int code = errno;
	close(fd);
	errno = code;
	return -1;
}

static int open_terminal(const char *path)
{
	struct termios raw;
	int fd = open(path, O_RDWR | O_NOCTTY);

	if (fd >= 0 && tcgetattr(fd, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

static int open_peer(const struct peer *p, const char *path)
{
	struct stat st;

	if (p->listen || (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)))
		return open_socket(p, path);
	return open_terminal(path);
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * As a shell does: runs the program, and whatever it leaves behind, to its end.
 *
 * Return: the program's status, or 98 if the terminal is not as it was, so that
 * it echoes and waits for lines.
 */
static int lead(char **program)
{
	const tcflag_t usual = ECHO | ICANON | ISIG;
	struct termios now;
	int status, last = -1;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = fork();
	if (pid == 0) {
		execv(program[0], program);
		_exit(127);
	}
	for (pid_t one = wait(&status); one > 0; one = wait(&status)) {
		if (one == pid)
			last = status_of(status);
	}
	if (tcgetattr(STDIN_FILENO, &now) < 0 || (now.c_lflag & usual) != usual)
		return 98;
	return last;
}

/* The program has a terminal, and is not the leader of its session. */
static int spawn(struct peer *p)
{
	const struct winsize size = { .ws_row = 33, .ws_col = 77 };
	int fd;

	p->pid = forkpty(&fd, NULL, NULL, &size);
	if (p->pid == 0)
		_exit(lead(p->program));
	return p->pid < 0 ? -1 : fd;
}

static int reap(const struct peer *p)
{
	int status;

	return waitpid(p->pid, &status, 0) == p->pid ? status_of(status) : 99;
}

/* Keeps the newest half when the buffer is full. */
static bool receive(struct peer *p)
{
	if (p->len == sizeof(p->seen) - 1) {
		size_t half = p->len / 2;

		memmove(p->seen, p->seen + half, p->len - half);
		p->len -= half;
	}

	ssize_t n = read(p->fd, p->seen + p->len, sizeof(p->seen) - 1 - p->len);
	if (n <= 0)
		return false;
	if (write(STDOUT_FILENO, p->seen + p->len, (size_t)n) != n)
		return false;
	p->len += (size_t)n;
	return true;
}

static bool seen_it(const struct peer *p)
{
	return p->until != NULL &&
	       memmem(p->seen, p->len, p->until, strlen(p->until)) != NULL;
}

static bool send_input(struct peer *p)
{
	char buf[4096];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	return n > 0 && write(p->fd, buf, (size_t)n) == n;
}

static int talk(struct peer *p)
{
	struct pollfd fds[2] = { { .fd = p->fd, .events = POLLIN },
				 { .fd = STDIN_FILENO, .events = POLLIN } };

	while (!seen_it(p)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[0].revents != 0 && !receive(p))
			return p->until_eof ? 0 : 1;
		if (fds[1].revents != 0 && !send_input(p))
			fds[1].fd = -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct peer p;
	const char *path = NULL;

	for (int i = 1; i < argc && p.program == NULL; i++) {
		if (strcmp(argv[i], "--until") == 0 && i + 1 < argc)
			p.until = argv[++i];
		else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc)
			alarm((unsigned)strtoul(argv[++i], NULL, 10));
		else if (strcmp(argv[i], "--until-eof") == 0)
			p.until_eof = true;
		else if (strcmp(argv[i], "--hold") == 0)
			p.hold = true;
		else if (strcmp(argv[i], "--listen") == 0)
			p.listen = true;
		else if (strcmp(argv[i], "--spawn") == 0)
			p.program = argv + i + 1;
		else
			path = argv[i];
	}
	if (path == NULL && p.program == NULL)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	p.fd = p.program != NULL ? spawn(&p) : open_peer(&p, path);
	if (p.fd < 0) {
		perror(path != NULL ? path : "a terminal");
		return 1;
	}
	/* The time limit ends this. */
	while (p.hold)
		pause();
	if (p.program == NULL)
		return talk(&p);
	talk(&p);
	return reap(&p);
}
