/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: its layers, and what happens when a rule is broken.
 *
 * The handler of SIGSYS may run anywhere, in the middle of
 * malloc() too: it uses a table of names made beforehand, poll() and write().
 */
#include "vmm/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/jail.h"
#include "vmm/log.h"

/* Descriptors beyond those that are open: new KVM objects and clients. */
#define SPARE_FDS 256U

/* Landlock's rights of its first version; each later one only adds some. */
#define LANDLOCK_FS_V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/**
 * struct sandbox - What was found out, and made, beforehand
 * @layers: SANDBOX_* that are in force
 * @landlock: what the kernel said to the question; as landlock_version()
 * @seccomp: the same; as ask_seccomp()
 */
struct sandbox {
	struct log *log;
	unsigned layers;
	int landlock;
	int seccomp;
	int ruleset_fd;
	int main_ruleset_fd;
	struct sandbox_filter filters[SANDBOX_GUARD];
	struct jail *jail;
};

const char *sandbox_role_name(enum sandbox_role role)
{
	static const char *const names[SANDBOX_NR_ROLES] = {
		[SANDBOX_MAIN] = "main",   [SANDBOX_VCPU] = "vcpu",
		[SANDBOX_IO] = "io",       [SANDBOX_DISK] = "disk",
		[SANDBOX_GUARD] = "guard",
	};

	return names[role];
}

/*
 * Violations.
 */

/* Made by the Makefile from the C library's header: this architecture's all. */
static const char *const syscall_names[] = {
#include "syscall_names.inc"
};

int sandbox_syscall_number(const char *name)
{
	for (size_t nr = 0; nr < ARRAY_SIZE(syscall_names); nr++) {
		if (syscall_names[nr] != NULL &&
		    strcmp(syscall_names[nr], name) == 0)
			return (int)nr;
	}
	return -1;
}

static void put(char *line, size_t size, size_t *len, const char *text)
{
	while (*text != '\0' && *len < size)
		line[(*len)++] = *text++;
}

static void put_number(char *line, size_t size, size_t *len, unsigned value)
{
	char digits[12];
	unsigned n = sizeof(digits);

	digits[--n] = '\0';
	do {
		digits[--n] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	put(line, size, len, digits + n);
}

static _Noreturn void on_violation(int signal, siginfo_t *info, void *context)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	unsigned nr = (unsigned)info->si_syscall;
	char thread[16] = "?";
	char line[256];
	size_t len = 0;

	(void)signal;
	(void)context;
	prctl(PR_GET_NAME, thread);
	put(line, sizeof(line), &len, "privet: error: sandbox: thread ");
	put(line, sizeof(line), &len, thread);
	put(line, sizeof(line), &len, " made system call ");
	if (nr < ARRAY_SIZE(syscall_names) && syscall_names[nr] != NULL)
		put(line, sizeof(line), &len, syscall_names[nr]);
	else
		put_number(line, sizeof(line), &len, nr);
	put(line, sizeof(line), &len,
	    ", which it has no business with: the machine is ended; report "
	    "this, --sandbox off is for finding out more\n");
	/* Whoever is to read it may have stalled; the end does not wait. */
	if (poll(&out, 1, 0) > 0)
		syscall(SYS_write, STDERR_FILENO, line, len);
	syscall(SYS_exit_group, EXIT_STATUS_SANDBOX);
	__builtin_unreachable();
}

static int catch_violations(struct error *err)
{
	struct sigaction action = {
		.sa_sigaction = on_violation,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	sigfillset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL) < 0)
		return error_host(err, -errno,
				  "sandbox: cannot handle SIGSYS: %s",
				  strerror(errno));
	return 0;
}

/*
 * The layers.
 */

static int compile_all(struct sandbox *sb,
		       const struct sandbox_rule *arch_rules, struct error *err)
{
	for (unsigned role = 0; role < ARRAY_SIZE(sb->filters); role++) {
		int ret = sandbox_filter_compile(role, arch_rules,
						 &sb->filters[role]);

		if (ret < 0)
			return error_host(err, ret,
					  "sandbox: cannot compile the rules "
					  "of role %s: %s",
					  sandbox_role_name(role),
					  strerror(-ret));
	}
	return 0;
}

/* Return: the version of Landlock's interface, or negative errno. */
static int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : (int)version;
}

/* Return: 0 or negative errno. */
static int ask_seccomp(void)
{
	const uint32_t trap = SECCOMP_RET_TRAP;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap) < 0)
		return -errno;
	return 0;
}

static unsigned layers_of(int landlock, int seccomp)
{
	unsigned layers = SANDBOX_NO_NEW_PRIVS | SANDBOX_CAPABILITIES;

	if (landlock > 0)
		layers |= SANDBOX_LANDLOCK;
	if (seccomp == 0)
		layers |= SANDBOX_SECCOMP;
	return layers;
}

unsigned sandbox_layers(void)
{
	return layers_of(landlock_version(), ask_seccomp());
}

static uint64_t known_rights(int version)
{
	/* What each version added; its headers may be older than the kernel. */
	static const struct {
		int version;
		uint64_t right;
	} added[] = {
		{ 2, 1ULL << 13 /* refer */ },
		{ 3, 1ULL << 14 /* truncate */ },
		{ 5, 1ULL << 15 /* ioctl of a device */ },
	};
	uint64_t rights = LANDLOCK_FS_V1 | LANDLOCK_ACCESS_FS_MAKE_SYM;

	for (size_t i = 0; i < ARRAY_SIZE(added); i++) {
		if (version >= added[i].version)
			rights |= added[i].right;
	}
	return rights;
}

/* Every right of the file system that is known is denied everywhere. */
static int make_ruleset(int version, int *fd, struct error *err)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = known_rights(version),
	};

	*fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (*fd < 0)
		return error_host(err, -errno,
				  "sandbox: cannot create a Landlock ruleset: "
				  "%s",
				  strerror(errno));
	return 0;
}

static int make_rulesets(struct sandbox *sb, struct error *err)
{
	if (!(sb->layers & SANDBOX_LANDLOCK))
		return 0;

	int ret = make_ruleset(sb->landlock, &sb->ruleset_fd, err);
	if (ret == 0)
		ret = make_ruleset(sb->landlock, &sb->main_ruleset_fd, err);
	return ret;
}

int sandbox_may_remove(struct sandbox *sb, int folder, struct error *err)
{
	const struct landlock_path_beneath_attr attr = {
		.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = folder,
	};

	if (sb == NULL || !(sb->layers & SANDBOX_LANDLOCK))
		return 0;
	if (syscall(SYS_landlock_add_rule, sb->main_ruleset_fd,
		    LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0)
		return error_host(err, -errno,
				  "sandbox: cannot keep the right to remove a "
				  "console's name: %s",
				  strerror(errno));
	return 0;
}

int sandbox_set_jail(struct sandbox *sb, struct jail *jail, struct error *err)
{
	sb->jail = jail;
	if (jail == NULL || (sb->layers & SANDBOX_SECCOMP))
		return 0;
	return error_host(err, -EPERM,
			  "--user and --jail need seccomp, which cannot be "
			  "used here: %s; leave them out, or look into "
			  "`privet host`",
			  strerror(-sb->seccomp));
}

/* What a kernel says that does not have it: not built in, off, or old. */
static bool is_absent(int error)
{
	return error == 0 || error == -ENOSYS || error == -EOPNOTSUPP ||
	       error == -EINVAL;
}

/* Somebody forbids it, such as a container's filter. */
static bool is_forbidden(int error)
{
	return error == -EPERM || error == -EACCES;
}

static int check_answer(const char *layer, int answer, struct error *err)
{
	if (is_absent(answer) || is_forbidden(answer))
		return 0;
	return error_host(err, answer,
			  "sandbox: cannot tell whether there is %s: %s; "
			  "--sandbox off runs without",
			  layer, strerror(-answer));
}

/*
 * Once: a second answer might be another one. What is neither missing nor
 * forbidden is there, and nobody is to go without it for want of memory.
 */
static int find_layers(struct sandbox *sb, struct error *err)
{
	int ret = 0;

	sb->landlock = landlock_version();
	sb->seccomp = ask_seccomp();
	sb->layers = layers_of(sb->landlock, sb->seccomp);
	if (!(sb->layers & SANDBOX_LANDLOCK))
		ret = check_answer("Landlock", sb->landlock, err);
	if (ret == 0 && !(sb->layers & SANDBOX_SECCOMP))
		ret = check_answer("seccomp", sb->seccomp, err);
	return ret;
}

static void warn_refused(const struct sandbox *sb, const char *layer, int error)
{
	log_warning(sb->log,
		    "sandbox: %s cannot be used: %s: the monitor runs without "
		    "it; allow it in the container or service",
		    layer, strerror(-error));
}

static void warn_missing(const struct sandbox *sb)
{
	if (is_forbidden(sb->seccomp))
		warn_refused(sb, "seccomp", sb->seccomp);
	else if (sb->seccomp < 0)
		log_warning(sb->log,
			    "sandbox: this host's kernel has no seccomp: the "
			    "monitor runs with all system calls");
	if (is_forbidden(sb->landlock))
		warn_refused(sb, "Landlock", sb->landlock);
	else if (sb->landlock <= 0)
		log_info(sb->log, "sandbox: this host's kernel has no "
				  "Landlock: seccomp has to do");
}

int sandbox_create(const struct sandbox_rule *arch_rules, struct log *log,
		   struct sandbox **out, struct error *err)
{
	struct sandbox *sb = calloc(1, sizeof(*sb));
	if (sb == NULL)
		return error_nomem(err, "the sandbox");

	sb->log = log;
	sb->ruleset_fd = -1;
	sb->main_ruleset_fd = -1;
	int ret = find_layers(sb, err);
	if (ret == 0)
		ret = catch_violations(err);
	if (ret == 0)
		ret = compile_all(sb, arch_rules, err);
	if (ret == 0)
		ret = make_rulesets(sb, err);
	if (ret < 0) {
		sandbox_destroy(sb);
		return ret;
	}
	warn_missing(sb);
	*out = sb;
	return 0;
}

void sandbox_destroy(struct sandbox *sb)
{
	if (sb == NULL)
		return;
	for (unsigned role = 0; role < ARRAY_SIZE(sb->filters); role++)
		sandbox_filter_free(&sb->filters[role]);
	if (sb->ruleset_fd >= 0)
		close(sb->ruleset_fd);
	if (sb->main_ruleset_fd >= 0)
		close(sb->main_ruleset_fd);
	free(sb);
}

int sandbox_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Where this user may: nothing that is executed gets them. */
static int drop_bounding_set(void)
{
	unsigned long cap = 0;

	/* No matter if it fails: they go with the others. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	while (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0 &&
	       prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) >= 0)
		cap++;
	/* Beyond the last one: -EINVAL. */
	return errno == EINVAL || errno == EPERM ? 0 : -errno;
}

static int restrict_files(const struct sandbox *sb, enum sandbox_role role)
{
	int fd = role == SANDBOX_MAIN ? sb->main_ruleset_fd : sb->ruleset_fd;

	if (!(sb->layers & SANDBOX_LANDLOCK))
		return 0;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return 0;
}

/* What a thread inherits: identity, capabilities, the view of files. */
static int enter_inherited(const struct sandbox *sb, enum sandbox_role role,
			   const char **what)
{
	*what = "bounding set";
	int ret = drop_bounding_set();
	if (ret < 0)
		return ret;
	*what = "--jail, --user";
	ret = jail_enter_thread(sb->jail);
	if (ret < 0)
		return ret;
	*what = "capabilities";
	ret = sandbox_drop_capabilities();
	if (ret < 0)
		return ret;
	*what = "Landlock";
	return restrict_files(sb, role);
}

/*
 * The thread of a vCPU comes from main, which has given up all of that: only
 * system calls are left to it.
 */
static int enter_layers(const struct sandbox *sb, enum sandbox_role role,
			const char **what)
{
	*what = "no_new_privs";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (role != SANDBOX_VCPU) {
		int ret = enter_inherited(sb, role, what);
		if (ret < 0)
			return ret;
	}
	*what = "seccomp";
	if (!(sb->layers & SANDBOX_SECCOMP))
		return 0;
	return sandbox_filter_load(&sb->filters[role]);
}

int sandbox_enter(struct sandbox *sb, enum sandbox_role role, struct error *err)
{
	const char *what;

	if (sb == NULL)
		return 0;

	int ret = enter_layers(sb, role, &what);
	if (ret < 0)
		return error_host(err, ret,
				  "sandbox: thread %s cannot give up its "
				  "rights: %s: %s; --sandbox off runs without",
				  sandbox_role_name(role), what,
				  strerror(-ret));
	return 0;
}

/*
 * Return: how many descriptors are open below the limit, as poll() sees it;
 * the limit if all of them are.
 */
static rlim_t highest_fd(rlim_t limit)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return limit;
	close(fd);
	return (rlim_t)fd;
}

int sandbox_enter_process(struct sandbox *sb, struct error *err)
{
	const struct rlimit no_core = { 0 };
	struct rlimit files;

	if (sb == NULL)
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &no_core) < 0 ||
	    getrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_host(err, -errno,
				  "sandbox: cannot limit the process: %s",
				  strerror(errno));

	rlim_t wanted = highest_fd(files.rlim_cur);
	if (files.rlim_cur - wanted > SPARE_FDS)
		wanted += SPARE_FDS;
	else
		wanted = files.rlim_cur;
	files = (struct rlimit){ .rlim_cur = wanted, .rlim_max = wanted };
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_host(err, -errno,
				  "sandbox: cannot limit open files: %s",
				  strerror(errno));
	return 0;
}
