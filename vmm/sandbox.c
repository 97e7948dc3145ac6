/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox.
 *
 * Filters are compiled once, by libseccomp, and loaded by each thread with one
 * system call. The handler of SIGSYS may run anywhere, in the middle of
 * malloc() too: it uses a table of names made beforehand, and write().
 */
#include "vmm/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/log.h"

/* A filter of more instructions than the kernel takes is not written. */
#define MAX_FILTER 4096U

/* Descriptors beyond those that are open: new KVM objects and clients. */
#define SPARE_FDS 256U

/* Landlock's rights of its first version; each later one only adds some. */
#define LANDLOCK_FS_V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/**
 * struct filter - A compiled filter
 * @insns: owned
 * @len: instructions
 */
struct filter {
	struct sock_filter *insns;
	unsigned short len;
};

struct sandbox {
	struct log *log;
	unsigned layers;
	int ruleset_fd;
	struct filter filters[SANDBOX_NR_ROLES];
};

const char *sandbox_role_name(enum sandbox_role role)
{
	static const char *const names[SANDBOX_NR_ROLES] = {
		[SANDBOX_MAIN] = "main",
		[SANDBOX_VCPU] = "vcpu",
		[SANDBOX_IO] = "io",
		[SANDBOX_DISK] = "disk",
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
	unsigned nr = (unsigned)info->si_syscall;
	char thread[16] = "?";
	char line[160];
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
 * Compiling the rules.
 */

static int add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	static const struct scmp_arg_cmp compare[] = {
		[SANDBOX_ARG0] = { 0, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_ARG1] = { 1, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_ARG3] = { 3, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_NO_EXEC] = { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
	};
	int nr = seccomp_syscall_resolve_name(rule->name);

	/* Negative: another architecture's. */
	if (nr < 0)
		return 0;
	if (rule->check == SANDBOX_ANY)
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 0, NULL);

	struct scmp_arg_cmp cmp = compare[rule->check];

	cmp.datum_b = rule->value;
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &cmp);
}

static int add_rules(scmp_filter_ctx ctx, const struct sandbox_rule *rules,
		     enum sandbox_role role)
{
	int ret = 0;

	for (; ret == 0 && rules->name != NULL; rules++) {
		if (rules->roles & SANDBOX_BIT(role))
			ret = add_rule(ctx, rules);
	}
	return ret;
}

/* libseccomp 2.5 writes a filter to a descriptor only. */
static int export_filter(scmp_filter_ctx ctx, struct filter *out)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;

	int ret = seccomp_export_bpf(ctx, fd);
	off_t size = lseek(fd, 0, SEEK_END);
	if (ret == 0 &&
	    (size <= 0 ||
	     (size_t)size > MAX_FILTER * sizeof(struct sock_filter)))
		ret = -E2BIG;
	if (ret < 0)
		goto out;
	out->insns = malloc((size_t)size);
	if (out->insns == NULL)
		ret = -ENOMEM;
	else if (pread(fd, out->insns, (size_t)size, 0) != size)
		ret = -EIO;
	out->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
out:
	close(fd);
	return ret;
}

static int compile(struct sandbox *sb, enum sandbox_role role,
		   const struct sandbox_rule *arch_rules)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	if (ctx == NULL)
		return -ENOMEM;

	/* A tree: the rules' number then hardly matters for a call's cost. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	int ret = add_rules(ctx, sandbox_rules, role);
	if (ret == 0)
		ret = add_rules(ctx, arch_rules, role);
	if (ret == 0)
		ret = export_filter(ctx, &sb->filters[role]);
	seccomp_release(ctx);
	return ret;
}

static int compile_all(struct sandbox *sb,
		       const struct sandbox_rule *arch_rules, struct error *err)
{
	for (unsigned role = 0; role < SANDBOX_NR_ROLES; role++) {
		int ret = compile(sb, role, arch_rules);

		if (ret < 0)
			return error_host(err, ret,
					  "sandbox: cannot compile the rules "
					  "of role %s: %s",
					  sandbox_role_name(role),
					  strerror(-ret));
	}
	return 0;
}

/*
 * The layers.
 */

/* Return: the version of Landlock's interface; 0 without it. */
static int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (int)version;
}

unsigned sandbox_layers(void)
{
	unsigned layers = SANDBOX_NO_NEW_PRIVS | SANDBOX_CAPABILITIES;
	const uint32_t trap = SECCOMP_RET_TRAP;

	if (landlock_version() > 0)
		layers |= SANDBOX_LANDLOCK;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap) == 0)
		layers |= SANDBOX_SECCOMP;
	return layers;
}

/* Every right of the file system that is known is denied everywhere. */
static int make_ruleset(struct sandbox *sb, struct error *err)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs =
			LANDLOCK_FS_V1 | LANDLOCK_ACCESS_FS_MAKE_SYM,
	};

	if (!(sb->layers & SANDBOX_LANDLOCK))
		return 0;
	if (landlock_version() >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	sb->ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
				      sizeof(attr), 0);
	if (sb->ruleset_fd < 0)
		return error_host(err, -errno,
				  "sandbox: cannot create a Landlock ruleset: "
				  "%s",
				  strerror(errno));
	return 0;
}

static void warn_missing(const struct sandbox *sb)
{
	if (!(sb->layers & SANDBOX_SECCOMP))
		log_warning(sb->log,
			    "sandbox: this host's kernel has no seccomp: the "
			    "monitor runs with all system calls");
	if (!(sb->layers & SANDBOX_LANDLOCK))
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
	sb->layers = sandbox_layers();
	sb->ruleset_fd = -1;
	int ret = catch_violations(err);
	if (ret == 0)
		ret = compile_all(sb, arch_rules, err);
	if (ret == 0)
		ret = make_ruleset(sb, err);
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
	for (unsigned role = 0; role < SANDBOX_NR_ROLES; role++)
		free(sb->filters[role].insns);
	if (sb->ruleset_fd >= 0)
		close(sb->ruleset_fd);
	free(sb);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	/* -EINVAL: a kernel without ambient capabilities. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
	     cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int load_filter(const struct filter *filter)
{
	struct sock_fprog program = {
		.len = filter->len,
		.filter = filter->insns,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return 0;
}

static int restrict_files(const struct sandbox *sb)
{
	if (!(sb->layers & SANDBOX_LANDLOCK))
		return 0;
	if (syscall(SYS_landlock_restrict_self, sb->ruleset_fd, 0) < 0)
		return -errno;
	return 0;
}

/*
 * A vCPU thread of a rebooted machine comes from a restricted main thread: it
 * has nothing left to give up but system calls.
 */
static int enter_layers(const struct sandbox *sb, enum sandbox_role role,
			const char **what)
{
	*what = "no_new_privs";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (role != SANDBOX_VCPU) {
		*what = "capabilities";
		int ret = drop_capabilities();
		if (ret < 0)
			return ret;

		*what = "Landlock";
		ret = restrict_files(sb);
		if (ret < 0)
			return ret;
	}
	*what = "seccomp";
	if (!(sb->layers & SANDBOX_SECCOMP))
		return 0;
	return load_filter(&sb->filters[role]);
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

/* Return: how many descriptors are open below the limit, as poll() sees it. */
static rlim_t highest_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return 0;
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

	rlim_t wanted = highest_fd() + SPARE_FDS;
	if (files.rlim_cur < wanted)
		wanted = files.rlim_cur;
	files = (struct rlimit){ .rlim_cur = wanted, .rlim_max = wanted };
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_host(err, -errno,
				  "sandbox: cannot limit open files: %s",
				  strerror(errno));
	return 0;
}
