/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail.
 *
 * Identity and network are those of a thread, for the kernel. Each thread
 * changes its own, with plain system calls: the C library's functions would
 * have to reach threads that are in their sandbox already.
 *
 * The parent of a jailed monitor only waits: it has no thread, no guest memory
 * and no descriptor of the machine. A child that does not use the terminal
 * gets a process group of its own, so that a signal for the group comes to it
 * once, by its parent.
 */
#include "vmm/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/fds.h"
#include "vmm/term.h"

#define USERS  "/etc/passwd"
#define GROUPS "/etc/group"

/**
 * struct jail - What is left to do
 * @folder: not owned; NULL: files and network stay
 * @net_fd: an empty network namespace; -1: none
 * @has_user: @uid and @gid are set
 */
struct jail {
	const char *folder;
	int net_fd;
	bool has_user;
	uid_t uid;
	gid_t gid;
};

static int no_rights(const char *option, struct error *err)
{
	return error_usage(err,
			   "%s: only root can do that; leave it out: the "
			   "sandbox needs no rights",
			   option);
}

/*
 * The parent.
 */

/** passed_on[] - @taken: by signals_init(), in the child */
static const struct {
	int nr;
	bool taken;
} passed_on[] = {
	{ SIGTERM, true },  { SIGINT, true },   { SIGHUP, true },
	{ SIGQUIT, true },  { SIGWINCH, true }, { SIGCONT, true },
	{ SIGUSR1, false }, { SIGUSR2, false },
};

/**
 * struct parent - What the parent keeps
 * @set: signals that it takes, all of them blocked
 * @old: those that were blocked before
 * @tty: standard input is a terminal, whose mode is @mode; the child stays in
 *	the group that gets the terminal's signals
 */
struct parent {
	sigset_t set;
	sigset_t old;
	bool tty;
	struct termios mode;
};

static void parent_init(struct parent *p)
{
	/* Who started us may ignore it: then nobody tells of the end. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&p->set);
	sigaddset(&p->set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		struct sigaction action;

		if (sigaction(passed_on[i].nr, NULL, &action) == 0 &&
		    action.sa_handler != SIG_IGN)
			sigaddset(&p->set, passed_on[i].nr);
	}
	/* A background process may not change the terminal otherwise. */
	sigset_t block = p->set;
	sigaddset(&block, SIGTTOU);
	sigprocmask(SIG_BLOCK, &block, &p->old);
	p->tty = tcgetattr(STDIN_FILENO, &p->mode) == 0;
}

static void pass_on(const struct parent *p, pid_t child, const siginfo_t *info)
{
	/* From the terminal, to the group: the child has got it as well. */
	if (info->si_code == SI_KERNEL && p->tty)
		return;
	if (info->si_signo != SIGCHLD)
		kill(child, info->si_signo);
}

/* Return: 0 with the status that waitpid() gives, or negative errno. */
static int wait_for(const struct parent *p, pid_t child, int *status)
{
	siginfo_t info;

	for (;;) {
		pid_t pid = waitpid(child, status, WNOHANG);
		if (pid != 0)
			return pid < 0 ? -errno : 0;
		if (sigwaitinfo(&p->set, &info) > 0)
			pass_on(p, child, &info);
	}
}

static int be_parent(const struct parent *p, pid_t child, int *out,
		     struct error *err)
{
	/* Both do it, so that it is done whoever is first. */
	if (!p->tty)
		setpgid(child, child);
	fds_close_from(STDERR_FILENO + 1);

	int status;
	int ret = wait_for(p, child, &status);

	/*
	 * The terminal's guard died with its namespace, maybe too early. Where
	 * a shell has taken the terminal back it has a mode of its own for it.
	 */
	if (p->tty && term_fd_foreground(STDIN_FILENO))
		tcsetattr(STDIN_FILENO, TCSANOW, &p->mode);
	if (ret < 0)
		return error_host(err, ret,
				  "--jail: cannot tell how the monitor ended: "
				  "%s",
				  strerror(-ret));
	if (WIFEXITED(status)) {
		*out = WEXITSTATUS(status);
		return 1;
	}
	return error_host(err, -ECHILD,
			  "the monitor was killed by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static int be_child(const struct parent *p, struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_host(err, -errno,
				  "--jail: cannot make the monitor end with "
				  "its parent: %s",
				  strerror(errno));
	if (!p->tty)
		setpgid(0, 0);
	/*
	 * Those that end a process are ignored for process 1 until there is
	 * somebody to take them: they wait for signals_init().
	 */
	sigset_t wait = p->old;
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		if (passed_on[i].taken && sigismember(&p->set, passed_on[i].nr))
			sigaddset(&wait, passed_on[i].nr);
	}
	sigprocmask(SIG_SETMASK, &wait, NULL);
	return 0;
}

/*
 * Before anything else.
 */

static int join_cgroup(const char *folder, struct error *err)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	int ret = -ENAMETOOLONG;

	if (len > 0 && (size_t)len < sizeof(path)) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		ret = fd < 0 || write(fd, "0", 1) < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	if (ret < 0)
		return error_host(err, ret,
				  "--cgroup %s: cannot join: %s; name a folder "
				  "of the version 2 hierarchy that this user "
				  "may write to",
				  folder, strerror(-ret));
	return 0;
}

static int leave_namespaces(struct error *err)
{
	const int flags =
		CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

	/* What is mounted from here on concerns nobody else. */
	if (unshare(flags) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_host(err, -errno,
				  "--jail: cannot make namespaces: %s; it "
				  "takes root's rights and a kernel with them",
				  strerror(errno));
	return 0;
}

int jail_start(const struct jail_config *cfg, int *status, struct error *err)
{
	struct parent parent;
	int ret = 0;

	if (cfg->user != NULL && geteuid() != 0)
		return no_rights("--user", err);
	if (cfg->folder != NULL && geteuid() != 0)
		return no_rights("--jail", err);
	if (cfg->cgroup != NULL)
		ret = join_cgroup(cfg->cgroup, err);
	if (ret < 0 || cfg->folder == NULL)
		return ret;
	ret = leave_namespaces(err);
	if (ret < 0)
		return ret;

	parent_init(&parent);
	pid_t child = fork();
	if (child < 0)
		return error_host(err, -errno, "--jail: cannot fork: %s",
				  strerror(errno));
	if (child > 0)
		return be_parent(&parent, child, status, err);
	return be_child(&parent, err);
}

/*
 * When everything is open.
 */

/*
 * Not getpwnam(): it needs shared libraries, which this program has not.
 *
 * Return: 0; -ENOENT: there is none, or no file; another negative errno: that
 * cannot be told.
 */
static int find_user(const char *name, struct jail *jail)
{
	FILE *in = fopen(USERS, "re");
	const struct passwd *entry;
	int ret = -ENOENT;

	if (in == NULL)
		return -errno;
	do {
		errno = 0;
		/* cppcheck-suppress fgetpwentCalled ; there is one thread */
		entry = fgetpwent(in);
	} while (entry != NULL && strcmp(entry->pw_name, name) != 0);
	if (entry != NULL) {
		jail->uid = entry->pw_uid;
		jail->gid = entry->pw_gid;
		ret = 0;
	} else if (errno != 0) {
		ret = -errno;
	}
	fclose(in);
	return ret;
}

/* Return: as find_user(). */
static int find_group(const char *name, gid_t *gid)
{
	FILE *in = fopen(GROUPS, "re");
	const struct group *entry;
	int ret = -ENOENT;

	if (in == NULL)
		return -errno;
	do {
		errno = 0;
		/* cppcheck-suppress fgetgrentCalled ; there is one thread */
		entry = fgetgrent(in);
	} while (entry != NULL && strcmp(entry->gr_name, name) != 0);
	if (entry != NULL) {
		*gid = entry->gr_gid;
		ret = 0;
	} else if (errno != 0) {
		ret = -errno;
	}
	fclose(in);
	return ret;
}

static bool parse_id(const char *text, unsigned *id)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	*id = (unsigned)value;
	/* The last one means "leave it as it is". */
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	       value < UINT_MAX;
}

/* Return: as find_user(). */
static int look_up(struct jail *jail, const char *text)
{
	char name[128];
	const char *colon = strchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
	int ret = 0;

	if (len >= sizeof(name))
		return -ENOENT;
	memcpy(name, text, len);
	name[len] = '\0';
	if (!parse_id(name, &jail->uid))
		ret = find_user(name, jail);
	else if (colon == NULL)
		ret = -ENOENT;
	if (ret == 0 && colon != NULL && !parse_id(colon + 1, &jail->gid))
		ret = find_group(colon + 1, &jail->gid);
	return ret;
}

static int set_user(struct jail *jail, const char *text, struct error *err)
{
	int ret = look_up(jail, text);

	if (ret == -ENOENT)
		return error_usage(err,
				   "--user %s: there is no such user or group; "
				   "give USER, USER:GROUP or UID:GID",
				   text);
	if (ret < 0)
		return error_host(err, ret,
				  "--user %s: cannot look into " USERS
				  " and " GROUPS ": %s; UID:GID needs neither",
				  text, strerror(-ret));
	if (jail->uid == 0 || jail->gid == 0)
		return error_usage(err,
				   "--user %s: that is root, or its group; "
				   "give one without rights",
				   text);
	jail->has_user = true;
	return 0;
}

/*
 * Only one thread leaves for the new network, and comes back: taps are open,
 * but what is opened later, before the jail is closed, is meant for the old.
 */
static int make_network(struct jail *jail, struct error *err)
{
	int old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int ret = old < 0 || unshare(CLONE_NEWNET) < 0 ? -errno : 0;

	if (ret == 0) {
		jail->net_fd =
			open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (jail->net_fd < 0 || setns(old, CLONE_NEWNET) < 0)
			ret = -errno;
	}
	if (old >= 0)
		close(old);
	if (ret < 0)
		return error_host(err, ret,
				  "--jail: cannot make an empty network: %s; "
				  "is /proc mounted?",
				  strerror(-ret));
	return 0;
}

int jail_create(const struct jail_config *cfg, struct jail **out,
		struct error *err)
{
	*out = NULL;
	if (cfg->user == NULL && cfg->folder == NULL)
		return 0;

	struct jail *jail = calloc(1, sizeof(*jail));
	if (jail == NULL)
		return error_nomem(err, "the jail");

	int ret = 0;
	jail->folder = cfg->folder;
	jail->net_fd = -1;
	if (cfg->user != NULL)
		ret = set_user(jail, cfg->user, err);
	if (ret == 0 && cfg->folder != NULL)
		ret = make_network(jail, err);
	if (ret < 0) {
		jail_destroy(jail);
		return ret;
	}
	*out = jail;
	return 0;
}

void jail_destroy(struct jail *jail)
{
	if (jail == NULL)
		return;
	if (jail->net_fd >= 0)
		close(jail->net_fd);
	free(jail);
}

/*
 * A mount of its own, of the folder alone, from which ".." leads nowhere. What
 * was opened by a path would keep the mount alive that it was found in, and
 * with it the way to all else there.
 */
int jail_keep_folder(const struct jail *jail, int folder, struct error *err)
{
	const unsigned flags =
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

	if (jail == NULL || jail->folder == NULL)
		return 0;

	int tree = (int)syscall(SYS_open_tree, folder, "", flags);
	int ret = tree < 0 || dup3(tree, folder, O_CLOEXEC) < 0 ? -errno : 0;
	if (tree >= 0)
		close(tree);
	if (ret < 0)
		return error_host(err, ret,
				  "--jail: cannot keep the folder of a "
				  "console's name: %s; give the console as "
				  "fd=N",
				  strerror(-ret));
	return 0;
}

static int close_root(const char *folder)
{
	const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY |
				    MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(folder, folder, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, folder, NULL, flags, NULL) < 0 || chdir(folder) < 0)
		return -errno;
	/* The old root ends up on top of the new one, and is let go. */
	if (syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int jail_close_root(struct jail *jail, struct error *err)
{
	if (jail == NULL || jail->folder == NULL)
		return 0;

	int ret = close_root(jail->folder);
	if (ret < 0)
		return error_host(err, ret,
				  "--jail %s: cannot make it the root: %s; "
				  "name an empty folder%s",
				  jail->folder, strerror(-ret),
				  ret == -EINVAL ? "; an initramfs as root "
						   "cannot be left"
						 : "");
	return 0;
}

static int change_identity(uid_t uid, gid_t gid)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0 ||
	    syscall(SYS_setresgid, gid, gid, gid) < 0 ||
	    syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

int jail_enter_thread(const struct jail *jail)
{
	int ret = 0;

	if (jail == NULL)
		return 0;
	if (jail->net_fd >= 0 && setns(jail->net_fd, CLONE_NEWNET) < 0)
		return -errno;
	if (jail->has_user)
		ret = change_identity(jail->uid, jail->gid);
	if (ret < 0)
		return ret;
	/* A change of identity has taken these back. */
	if (jail->folder != NULL && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}
