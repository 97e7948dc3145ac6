/* SPDX-License-Identifier: Apache-2.0 */
/* What the sandbox and the jail ask of the host: see fake_rights.h. */
#include "tests/fakes/fake_rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/filter.h>

/* Fewer than any kernel has: each takes two calls in each thread. */
#define NR_CAPS      3

#define LANDLOCK_ABI 5

static struct {
	unsigned calls;
	unsigned nth;
	int code;
	const char *failed;
	bool rules;
	bool no_processes;
	unsigned given[FAKE_NR_RIGHTS];
	unsigned ruleset_rights;
} fake;

static __thread bool no_new_privs;

void fake_rights_reset(void)
{
	memset(fake.given, 0, sizeof(fake.given));
	no_new_privs = false;
}

void fake_rights_fail_nth(unsigned nth, int code)
{
	__atomic_store_n(&fake.nth, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake.calls, 0, __ATOMIC_SEQ_CST);
	if (nth == 0)
		return;
	fake.code = code;
	__atomic_store_n(&fake.failed, NULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake.nth, nth, __ATOMIC_SEQ_CST);
}

const char *fake_rights_failed(void)
{
	return __atomic_load_n(&fake.failed, __ATOMIC_SEQ_CST);
}

void fake_rights_count_rules(bool count)
{
	fake.rules = count;
}

void fake_rights_refuse_fork(bool refuse)
{
	fake.no_processes = refuse;
}

int fake_rights_code(void)
{
	return fake.code;
}

unsigned fake_rights_given(enum fake_right right)
{
	return __atomic_load_n(&fake.given[right], __ATOMIC_SEQ_CST);
}

const char *fake_rights_name(enum fake_right right)
{
	static const char *const names[FAKE_NR_RIGHTS] = {
		[FAKE_NO_NEW_PRIVS] = "no_new_privs",
		[FAKE_BOUNDING_SET] = "the bounding set",
		[FAKE_CAPABILITIES] = "capabilities",
		[FAKE_LANDLOCK] = "Landlock",
		[FAKE_SECCOMP] = "seccomp",
		[FAKE_DUMPABLE] = "dumpable",
		[FAKE_LIMITS] = "limits",
		[FAKE_SIGSYS] = "the handler of SIGSYS",
		[FAKE_FOLDERS] = "folders",
		[FAKE_IDENTITY] = "identity",
		[FAKE_NETWORK] = "network",
		[FAKE_NAMESPACES] = "namespaces",
		[FAKE_ROOT] = "root",
		[FAKE_PARENT] = "the parent",
	};

	return names[right];
}

static bool fails(const char *what)
{
	unsigned nth = __atomic_load_n(&fake.nth, __ATOMIC_SEQ_CST);
	unsigned call = __atomic_add_fetch(&fake.calls, 1, __ATOMIC_SEQ_CST);

	if (nth == 0 || call != nth)
		return false;
	__atomic_store_n(&fake.failed, what, __ATOMIC_SEQ_CST);
	errno = fake.code;
	return true;
}

static int give_up(enum fake_right right, unsigned count)
{
	__atomic_add_fetch(&fake.given[right], count, __ATOMIC_SEQ_CST);
	return 0;
}

static int refuse(int code)
{
	errno = code;
	return -1;
}

/*
 * prctl().
 */

static int set_no_new_privs(unsigned long value)
{
	if (value != 1)
		return refuse(EINVAL);
	no_new_privs = true;
	return give_up(FAKE_NO_NEW_PRIVS, 1);
}

static int get_no_new_privs(unsigned long none)
{
	(void)none;
	return no_new_privs;
}

static int read_bound(unsigned long cap)
{
	return cap < NR_CAPS ? 1 : refuse(EINVAL);
}

static int drop_bound(unsigned long cap)
{
	return cap < NR_CAPS ? give_up(FAKE_BOUNDING_SET, 1) : refuse(EINVAL);
}

static int set_dumpable(unsigned long value)
{
	return value == 0 ? give_up(FAKE_DUMPABLE, 1) : refuse(EINVAL);
}

static int set_death(unsigned long signal)
{
	return signal == SIGKILL ? give_up(FAKE_PARENT, 1) : refuse(EINVAL);
}

/* Dropping the capabilities does the same. */
static int change_ambient(unsigned long what)
{
	return what == PR_CAP_AMBIENT_CLEAR_ALL ? 0 : refuse(EINVAL);
}

static const struct {
	int option;
	const char *name;
	int (*fn)(unsigned long arg);
} process_calls[] = {
	{ PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS", set_no_new_privs },
	{ PR_GET_NO_NEW_PRIVS, "PR_GET_NO_NEW_PRIVS", get_no_new_privs },
	{ PR_CAPBSET_READ, "PR_CAPBSET_READ", read_bound },
	{ PR_CAPBSET_DROP, "PR_CAPBSET_DROP", drop_bound },
	{ PR_SET_DUMPABLE, "PR_SET_DUMPABLE", set_dumpable },
	{ PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", set_death },
	{ PR_CAP_AMBIENT, "PR_CAP_AMBIENT", change_ambient },
};

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
	va_list args;

	va_start(args, option);
	unsigned long arg = va_arg(args, unsigned long);
	va_end(args);
	for (size_t i = 0; i < sizeof(process_calls) / sizeof(*process_calls);
	     i++) {
		if (process_calls[i].option == option)
			return fails(process_calls[i].name)
				       ? -1
				       : process_calls[i].fn(arg);
	}
	return __real_prctl(option, arg);
}

/*
 * syscall().
 */

static unsigned bits(uint64_t value)
{
	return (unsigned)__builtin_popcountll(value);
}

static long do_seccomp(const unsigned long *a)
{
	const struct sock_fprog *program = (const void *)a[2];

	if ((unsigned)a[0] == SECCOMP_GET_ACTION_AVAIL)
		return 0;
	if ((unsigned)a[0] != SECCOMP_SET_MODE_FILTER ||
	    program->filter == NULL || program->len == 0 || !no_new_privs)
		return refuse(EINVAL);
	return give_up(FAKE_SECCOMP, program->len);
}

static long create_ruleset(const unsigned long *a)
{
	const struct landlock_ruleset_attr *attr = (const void *)a[0];

	if ((unsigned)a[2] == LANDLOCK_CREATE_RULESET_VERSION)
		return LANDLOCK_ABI;
	fake.ruleset_rights = bits(attr->handled_access_fs);
	return eventfd(0, EFD_CLOEXEC);
}

static long restrict_self(const unsigned long *a)
{
	if ((int)a[0] < 0 || !no_new_privs)
		return refuse(EBADFD);
	return give_up(FAKE_LANDLOCK, fake.ruleset_rights);
}

static long add_rule(const unsigned long *a)
{
	return (int)a[0] < 0 ? refuse(EBADFD) : give_up(FAKE_FOLDERS, 1);
}

static long set_capabilities(const unsigned long *a)
{
	static const struct __user_cap_data_struct none[2];

	if (memcmp((const void *)a[1], none, sizeof(none)) != 0)
		return refuse(EINVAL);
	return give_up(FAKE_CAPABILITIES, 1);
}

static long set_groups(const unsigned long *a)
{
	return (unsigned)a[0] == 0 ? give_up(FAKE_IDENTITY, 1) : refuse(EINVAL);
}

static long set_id(const unsigned long *a)
{
	unsigned id = (unsigned)a[0];

	if (id == 0 || (unsigned)a[1] != id || (unsigned)a[2] != id)
		return refuse(EINVAL);
	return give_up(FAKE_IDENTITY, 1);
}

static long pivot_root_here(const unsigned long *a)
{
	(void)a;
	return give_up(FAKE_ROOT, 1);
}

static long open_tree_here(const unsigned long *a)
{
	(void)a;
	return eventfd(0, EFD_CLOEXEC);
}

static const struct {
	long nr;
	const char *name;
	long (*fn)(const unsigned long *a);
} system_calls[] = {
	{ SYS_seccomp, "seccomp", do_seccomp },
	{ SYS_landlock_create_ruleset, "landlock_create_ruleset",
	  create_ruleset },
	{ SYS_landlock_restrict_self, "landlock_restrict_self", restrict_self },
	{ SYS_landlock_add_rule, "landlock_add_rule", add_rule },
	{ SYS_capset, "capset", set_capabilities },
	{ SYS_setgroups, "setgroups", set_groups },
	{ SYS_setresgid, "setresgid", set_id },
	{ SYS_setresuid, "setresuid", set_id },
	{ SYS_pivot_root, "pivot_root", pivot_root_here },
	{ SYS_open_tree, "open_tree", open_tree_here },
};

/*
 * How many arguments there are is known to the caller only: all that there may
 * be are taken, and of an int, only 32 bits mean anything.
 */
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, unsigned long a0, unsigned long a1,
		    unsigned long a2, unsigned long a3, unsigned long a4,
		    unsigned long a5);
long __wrap_syscall(long nr, unsigned long a0, unsigned long a1,
		    unsigned long a2, unsigned long a3, unsigned long a4,
		    unsigned long a5)
{
	const unsigned long a[] = { a0, a1, a2 };

	for (size_t i = 0; i < sizeof(system_calls) / sizeof(*system_calls);
	     i++) {
		if (system_calls[i].nr == nr)
			return fails(system_calls[i].name)
				       ? -1
				       : system_calls[i].fn(a);
	}
	return __real_syscall(nr, a0, a1, a2, a3, a4, a5);
}

/*
 * Calls of the C library.
 */

#define FAKE(type, name, params, result)             \
	type __wrap_##name params;                   \
	type __wrap_##name params                    \
	{                                            \
		return fails(#name) ? -1 : (result); \
	}

FAKE(int, setrlimit, (int which, const struct rlimit *limit),
     ((void)which, (void)limit, give_up(FAKE_LIMITS, 1)))
FAKE(int, getrlimit, (int which, struct rlimit *limit),
     (*limit = (struct rlimit){ 1024, 4096 }, (void)which, 0))
FAKE(int, unshare, (int flags),
     flags == CLONE_NEWNET ? 0
			   : give_up(FAKE_NAMESPACES, bits((unsigned)flags)))
FAKE(int, setns, (int fd, int flags),
     fd >= 0 && flags == CLONE_NEWNET ? give_up(FAKE_NETWORK, 1)
				      : refuse(EBADF))
FAKE(int, mount,
     (const char *source, const char *target, const char *type,
      unsigned long flags, const void *data),
     ((void)source, (void)target, (void)type, (void)data,
      give_up(FAKE_ROOT, bits(flags))))
FAKE(int, umount2, (const char *target, int flags),
     ((void)target, (void)flags, give_up(FAKE_ROOT, 1)))
FAKE(int, chdir, (const char *path), ((void)path, give_up(FAKE_ROOT, 1)))
/* Whoever asks for that of a console's folder goes on with the folder. */
FAKE(int, dup3, (int from, int to, int flags),
     ((void)from, (void)flags, give_up(FAKE_FOLDERS, 1), to))
FAKE(pid_t, fork, (void), fake.no_processes ? refuse(EAGAIN) : 0)

int __wrap_setpgid(pid_t pid, pid_t group);
int __wrap_setpgid(pid_t pid, pid_t group)
{
	(void)pid;
	(void)group;
	return 0;
}

uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
	return 0;
}

int __real_sigaction(int nr, const struct sigaction *new,
		     struct sigaction *old);
int __wrap_sigaction(int nr, const struct sigaction *new,
		     struct sigaction *old);
int __wrap_sigaction(int nr, const struct sigaction *new, struct sigaction *old)
{
	if (nr != SIGSYS)
		return __real_sigaction(nr, new, old);
	return fails("sigaction") ? -1 : give_up(FAKE_SIGSYS, 1);
}

/*
 * Users and groups.
 */

struct passwd *__real_fgetpwent(FILE *in);
struct passwd *__wrap_fgetpwent(FILE *in);
struct passwd *__wrap_fgetpwent(FILE *in)
{
	return fails("fgetpwent") ? NULL : __real_fgetpwent(in);
}

struct group *__real_fgetgrent(FILE *in);
struct group *__wrap_fgetgrent(FILE *in);
struct group *__wrap_fgetgrent(FILE *in)
{
	return fails("fgetgrent") ? NULL : __real_fgetgrent(in);
}

/*
 * libseccomp: it works, unless it is to fail.
 */

scmp_filter_ctx __real_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action)
{
	if (!fails("seccomp_init"))
		return __real_seccomp_init(action);
	/* It does not tell why. */
	fake.code = ENOMEM;
	return NULL;
}

int __real_seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int nr,
				  unsigned count,
				  const struct scmp_arg_cmp *args);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int nr,
				  unsigned count,
				  const struct scmp_arg_cmp *args);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int nr,
				  unsigned count,
				  const struct scmp_arg_cmp *args)
{
	if (fake.rules && fails("seccomp_rule_add_array"))
		return -fake.code;
	return __real_seccomp_rule_add_array(ctx, action, nr, count, args);
}

int __real_seccomp_export_bpf(scmp_filter_ctx ctx, int fd);
int __wrap_seccomp_export_bpf(scmp_filter_ctx ctx, int fd);
int __wrap_seccomp_export_bpf(scmp_filter_ctx ctx, int fd)
{
	return fails("seccomp_export_bpf") ? -fake.code
					   : __real_seccomp_export_bpf(ctx, fd);
}
