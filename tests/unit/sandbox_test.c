/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: each role may do what it has to, and nothing else. Each case
 * runs in a child, as there is no way out of a sandbox.
 *
 * The children make system calls as they are, by number: the C library and
 * the sanitizers have needs of their own.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/skip.h"
#include "vmm/arch.h"
#include "vmm/log.h"
#include "vmm/sandbox.h"

#define NR_ROLES SANDBOX_GUARD

/** struct call - A system call and what it should come to */
struct call {
	const char *name;
	long nr;
	long args[6];
};

/** struct outcome - Of a child: its end, and what it printed */
struct outcome {
	int status;
	char text[512];
};

static struct log test_log(void)
{
	return (struct log){ .fd = STDERR_FILENO,
			     .level = LOG_ERROR,
			     .name = "test" };
}

/* What a child does in its sandbox: its exit status. */
typedef int action_fn(const void *arg);

static _Noreturn void be_child(enum sandbox_role role, int out,
			       action_fn *action, const void *arg)
{
	struct log log = test_log();
	struct error err = { 0 };
	struct sandbox *sb = NULL;

	dup2(out, STDERR_FILENO);
	prctl(PR_SET_NAME, "tested");
	if (sandbox_create(arch_sandbox_rules, &log, &sb, &err) < 0 ||
	    sandbox_enter(sb, role, &err) < 0) {
		dprintf(STDERR_FILENO, "%s", err.text);
		syscall(SYS_exit_group, 1);
	}
	syscall(SYS_exit_group, action(arg));
	__builtin_unreachable();
}

static struct outcome run(enum sandbox_role role, action_fn *action,
			  const void *arg)
{
	struct outcome o = { 0 };
	size_t len = 0;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_child(role, fds[1], action, arg);
	close(fds[1]);
	for (;;) {
		ssize_t n =
			read(fds[0], o.text + len, sizeof(o.text) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &o.status, 0), pid);
	return o;
}

static int make_call(const void *arg)
{
	const struct call *c = arg;

	syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3],
		c->args[4], c->args[5]);
	return 0;
}

static void assert_allowed(enum sandbox_role role, const struct call *call)
{
	struct outcome o = run(role, make_call, call);

	if (!WIFEXITED(o.status) || WEXITSTATUS(o.status) != 0)
		fail_msg("%s: %s is refused: %s", sandbox_role_name(role),
			 call->name, o.text);
}

static void assert_refused(enum sandbox_role role, const struct call *call)
{
	struct outcome o = run(role, make_call, call);
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "thread tested made system call %s,",
		 call->name);
	if (!WIFEXITED(o.status) ||
	    WEXITSTATUS(o.status) != EXIT_STATUS_SANDBOX ||
	    strstr(o.text, wanted) == NULL ||
	    o.text[strlen(o.text) - 1] != '\n')
		fail_msg("%s: %s: status %x, \"%s\"", sandbox_role_name(role),
			 call->name, (unsigned)o.status, o.text);
}

static bool no_seccomp(void)
{
	if (sandbox_layers() & SANDBOX_SECCOMP &&
	    getenv("UNDER_QEMU_USER") == NULL)
		return false;
	skip_because("there is no seccomp here");
	return true;
}

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static const struct call for_all[] = {
	{ "mmap", SYS_mmap, { 0, 4096, RW, ANON, -1, 0 } },
	{ "mprotect", SYS_mprotect, { 0, 0, RW } },
	{ "munmap", SYS_munmap, { 0, 4096 } },
	{ "futex", SYS_futex, { 0 } },
	{ "write", SYS_write, { -1, 0, 0 } },
	/* Its table is nowhere: it does not wait. */
	{ "ppoll", SYS_ppoll, { 0, 1, 0 } },
	{ "clock_gettime", SYS_clock_gettime, { 0 } },
};

static void test_what_all_need(void **state)
{
	(void)state;
	if (no_seccomp())
		return;
	for (unsigned role = 0; role < NR_ROLES; role++) {
		for (size_t i = 0; i < ARRAY_SIZE(for_all); i++)
			assert_allowed(role, &for_all[i]);
	}
}

/** struct allowed - Calls of single roles, as SANDBOX_BIT()s */
static const struct allowed {
	unsigned roles;
	struct call call;
} for_some[] = {
	{ SANDBOX_BIT(SANDBOX_MAIN) | SANDBOX_BIT(SANDBOX_VCPU),
	  { "ioctl", SYS_ioctl, { -1, KVM_RUN, 0 } } },
	{ SANDBOX_BIT(SANDBOX_MAIN) | SANDBOX_BIT(SANDBOX_VCPU) |
		  SANDBOX_BIT(SANDBOX_IO),
	  { "ioctl", SYS_ioctl, { -1, KVM_SIGNAL_MSI, 0 } } },
	{ SANDBOX_BIT(SANDBOX_MAIN),
	  { "ioctl", SYS_ioctl, { -1, KVM_CREATE_VM, 0 } } },
	{ SANDBOX_BIT(SANDBOX_MAIN),
	  { "pread64", SYS_pread64, { -1, 0, 0, 0 } } },
	{ SANDBOX_BIT(SANDBOX_MAIN),
	  { "unlinkat", SYS_unlinkat, { -1, 0, 0 } } },
	{ SANDBOX_BIT(SANDBOX_IO), { "read", SYS_read, { -1, 0, 0 } } },
	{ SANDBOX_BIT(SANDBOX_IO),
	  { "accept4", SYS_accept4, { -1, 0, 0, 0 } } },
	{ SANDBOX_BIT(SANDBOX_IO),
	  { "fcntl", SYS_fcntl, { -1, F_DUPFD_CLOEXEC, 3 } } },
	{ SANDBOX_BIT(SANDBOX_IO), { "getsid", SYS_getsid, { 0 } } },
	{ SANDBOX_BIT(SANDBOX_DISK),
	  { "preadv", SYS_preadv, { -1, 0, 0, 0 } } },
	{ SANDBOX_BIT(SANDBOX_DISK),
	  { "fallocate", SYS_fallocate, { -1, 0, 0, 0 } } },
};

static void test_what_some_need(void **state)
{
	(void)state;
	if (no_seccomp())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(for_some); i++) {
		for (unsigned role = 0; role < NR_ROLES; role++) {
			if (for_some[i].roles & SANDBOX_BIT(role))
				assert_allowed(role, &for_some[i].call);
			else
				assert_refused(role, &for_some[i].call);
		}
	}
}

static const struct call for_nobody[] = {
	{ "openat", SYS_openat, { AT_FDCWD, (long)"/", O_RDONLY } },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "connect", SYS_connect, { -1, 0, 0 } },
	{ "execve", SYS_execve, { (long)"/bin/true", 0, 0 } },
	{ "ptrace", SYS_ptrace, { 0 } },
	{ "process_vm_readv", SYS_process_vm_readv, { 1 } },
	{ "kill", SYS_kill, { 0, 0 } },
	{ "setns", SYS_setns, { -1, 0 } },
	{ "mount", SYS_mount, { 0 } },
	{ "memfd_create", SYS_memfd_create, { 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 0 } },
	{ "bpf", SYS_bpf, { 0 } },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "clone", SYS_clone, { SIGCHLD, 0 } },
	{ "mmap", SYS_mmap, { 0, 4096, RW | PROT_EXEC, ANON, -1, 0 } },
	{ "mmap", SYS_mmap, { 0, 4096, PROT_EXEC, ANON, -1, 0 } },
	{ "mprotect", SYS_mprotect, { 0, 0, PROT_READ | PROT_EXEC } },
	{ "ioctl", SYS_ioctl, { -1, TIOCSTI, 0 } },
	{ "ioctl", SYS_ioctl, { -1, KVM_SET_GSI_ROUTING, 0 } },
	{ "ioctl", SYS_ioctl, { -1, 0, 0 } },
	{ "fcntl", SYS_fcntl, { -1, F_SETFL, 0 } },
};

static void test_what_nobody_needs(void **state)
{
	(void)state;
	if (no_seccomp())
		return;
	for (unsigned role = 0; role < NR_ROLES; role++) {
		for (size_t i = 0; i < ARRAY_SIZE(for_nobody); i++)
			assert_refused(role, &for_nobody[i]);
	}
}

/* The kernel looks at 32 bits of a request: so has a rule. */
static void test_wide_arguments(void **state)
{
	const long wide = (long)(1ULL << 40);
	const struct call good = { "ioctl",
				   SYS_ioctl,
				   { -1, wide | (long)KVM_RUN, 0 } };
	const struct call bad = { "ioctl", SYS_ioctl, { -1, wide | TIOCSTI } };

	(void)state;
	if (no_seccomp())
		return;
	assert_allowed(SANDBOX_VCPU, &good);
	assert_refused(SANDBOX_VCPU, &bad);
}

static void fill(int fd)
{
	static const char zeroes[4096];
	int flags = fcntl(fd, F_GETFL);

	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	while (write(fd, zeroes, sizeof(zeroes)) > 0)
		;
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

/* A violation ends the process, even when nobody reads what it was. */
static void test_end_does_not_wait(void **state)
{
	static const struct call refused = { "setns", SYS_setns, { -1, 0 } };
	int status, out[2], alive[2];

	(void)state;
	if (no_seccomp())
		return;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
	fill(out[1]);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_child(SANDBOX_VCPU, out[1], make_call, &refused);

	struct pollfd pfd = { .fd = alive[0] };
	close(alive[1]);
	if (poll(&pfd, 1, 60000) != 1)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_STATUS_SANDBOX);
	close(alive[0]);
	close(out[0]);
	close(out[1]);
}

static int kick_others(const void *arg)
{
	pid_t parent = getppid();

	(void)arg;
	/* Not this process: never mind that the signal is none. */
	syscall(SYS_tgkill, parent, parent, 0);
	return 0;
}

static int kick_self(const void *arg)
{
	(void)arg;
	return syscall(SYS_tgkill, getpid(), getpid(), 0) < 0;
}

static void test_kicks_stay_inside(void **state)
{
	(void)state;
	if (no_seccomp())
		return;

	struct outcome o = run(SANDBOX_VCPU, kick_self, NULL);
	assert_int_equal(o.status, 0);
	/* getppid() is no call of this role, nor is the kick. */
	o = run(SANDBOX_VCPU, kick_others, NULL);
	assert_int_equal(WEXITSTATUS(o.status), EXIT_STATUS_SANDBOX);
}

static int clone3_is_unknown(const void *arg)
{
	(void)arg;
	return syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0 : 2;
}

/* The C library then makes threads by clone(), whose flags can be checked. */
static void test_clone3(void **state)
{
	(void)state;
	if (no_seccomp())
		return;

	struct outcome o = run(SANDBOX_MAIN, clone3_is_unknown, NULL);
	assert_int_equal(o.status, 0);
}

/*
 * A vCPU's thread, made by main in its sandbox, gives up the rest.
 */

static void *vcpu_thread(void *arg)
{
	struct error err = { 0 };

	if (sandbox_enter(arg, SANDBOX_VCPU, &err) < 0)
		syscall(SYS_exit_group, 3);
	syscall(SYS_ioctl, -1, KVM_RUN, 0);
	syscall(SYS_pread64, -1, 0, 0, 0);
	return NULL;
}

static void *no_thread(void *arg)
{
	return arg;
}

static _Noreturn void be_main(int out)
{
	struct log log = test_log();
	struct error err = { 0 };
	struct sandbox *sb = NULL;
	pthread_t thread;

	dup2(out, STDERR_FILENO);
	/* As in the monitor, this is not the first thread. */
	if (pthread_create(&thread, NULL, no_thread, NULL) == 0)
		pthread_join(thread, NULL);
	if (sandbox_create(arch_sandbox_rules, &log, &sb, &err) < 0 ||
	    sandbox_enter_process(sb, &err) < 0 ||
	    sandbox_enter(sb, SANDBOX_MAIN, &err) < 0)
		syscall(SYS_exit_group, 1);
	syscall(SYS_pread64, -1, 0, 0, 0);
	if (pthread_create(&thread, NULL, vcpu_thread, sb) == 0)
		pthread_join(thread, NULL);
	syscall(SYS_exit_group, 0);
	__builtin_unreachable();
}

static void test_vcpu_of_main(void **state)
{
	/* cppcheck-suppress unreadVariable ; only the sanitizer's build ends */
	char text[512] = { 0 };
	int status, fds[2];

	(void)state;
	if (no_seccomp())
		return;
#ifdef __SANITIZE_ADDRESS__
	/* The sanitizer makes a thread with calls of its own. */
	skip_because("threads of the sanitizer need more than ours");
	return;
#endif
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_main(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), EXIT_STATUS_SANDBOX);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, " made system call pread64, "));
	assert_int_equal(text[strlen(text) - 1], '\n');
	close(fds[0]);
	close(fds[1]);
}

/*
 * Files: what seccomp would not stop, Landlock does.
 */

struct files {
	int mine;
	int other;
};

static int remove_files(const void *arg)
{
	const struct files *f = arg;

	if (syscall(SYS_unlinkat, f->other, "name", 0) == 0)
		return 4;
	return syscall(SYS_unlinkat, f->mine, "name", 0) == 0 ? 0 : 5;
}

static _Noreturn void be_remover(const struct files *f)
{
	struct log log = test_log();
	struct error err = { 0 };
	struct sandbox *sb = NULL;

	if (sandbox_create(arch_sandbox_rules, &log, &sb, &err) < 0 ||
	    sandbox_may_remove(sb, f->mine, &err) < 0 ||
	    sandbox_enter(sb, SANDBOX_MAIN, &err) < 0)
		syscall(SYS_exit_group, 1);
	syscall(SYS_exit_group, remove_files(f));
	__builtin_unreachable();
}

static int make_folder(char *template)
{
	char path[64];

	assert_non_null(mkdtemp(template));
	snprintf(path, sizeof(path), "%s/name", template);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	fd = open(template, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void test_removing(void **state)
{
	char mine[] = "/tmp/sandbox-XXXXXX", other[] = "/tmp/sandbox-XXXXXX";
	int status;

	(void)state;
	if (no_seccomp())
		return;
	if (!(sandbox_layers() & SANDBOX_LANDLOCK)) {
		skip_because("there is no Landlock here");
		return;
	}

	struct files f = { make_folder(mine), make_folder(other) };
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_remover(&f);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(faccessat(f.mine, "name", F_OK, 0), -1);
	assert_int_equal(unlinkat(f.other, "name", 0), 0);
	close(f.mine);
	close(f.other);
	rmdir(mine);
	rmdir(other);
}

/*
 * The process.
 */

static int look_at_process(const void *arg)
{
	struct error err = { 0 };
	struct log log = test_log();
	struct sandbox *sb = NULL;
	struct rlimit files, core;

	(void)arg;
	if (sandbox_create(arch_sandbox_rules, &log, &sb, &err) < 0 ||
	    sandbox_enter_process(sb, &err) < 0)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 ||
	    getrlimit(RLIMIT_CORE, &core) < 0)
		return 2;
	if (core.rlim_max != 0 || files.rlim_max > 1024)
		return 3;
	return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 4;
}

static void test_process(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(look_at_process(NULL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/*
 * Layers that cannot be used: a filter around the test stands in for kernels
 * without them, and for containers that forbid them.
 */

/** struct lack - What asking for the layers comes to, and what is said of it */
struct lack {
	int seccomp;
	int landlock;
	const char *said;
	bool jailed;
};

static int refuse(int seccomp, int landlock)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int ret = ctx == NULL ? -ENOMEM : 0;

	if (ret == 0 && landlock != 0)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((unsigned)landlock),
				       SYS_landlock_create_ruleset, 0);
	if (ret == 0 && seccomp != 0)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((unsigned)seccomp),
				       SYS_seccomp, 0);
	if (ret == 0)
		ret = seccomp_load(ctx);
	return ret;
}

static _Noreturn void be_without(const struct lack *lack, int out)
{
	struct log log = test_log();
	struct error err = { 0 };
	struct sandbox *sb = NULL;
	/* Nothing looks into it. */
	struct jail *jail = lack->jailed ? (struct jail *)&log : NULL;

	log.level = LOG_INFO;
	dup2(out, STDERR_FILENO);
	if (refuse(lack->seccomp, lack->landlock) < 0)
		syscall(SYS_exit_group, 9);
	if (sandbox_create(arch_sandbox_rules, &log, &sb, &err) < 0)
		syscall(SYS_exit_group, 1);
	if (sandbox_set_jail(sb, jail, &err) < 0) {
		dprintf(STDERR_FILENO, "%s\n", err.text);
		syscall(SYS_exit_group, 2);
	}
	/* This would need what is refused, if it were thought to be there. */
	sandbox_set_jail(sb, NULL, &err);
	syscall(SYS_exit_group,
		sandbox_enter(sb, SANDBOX_DISK, &err) < 0 ? 3 : 0);
	__builtin_unreachable();
}

static struct outcome run_without(const struct lack *lack)
{
	struct outcome o = { 0 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_without(lack, fds[1]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &o.status, 0), pid);
	assert_true(read(fds[0], o.text, sizeof(o.text) - 1) >= 0);
	close(fds[0]);
	assert_true(WIFEXITED(o.status));
	return o;
}

static const struct lack lacks[] = {
	{ 0, ENOSYS, "info: sandbox: this host's kernel has no Landlock", 0 },
	{ 0, EOPNOTSUPP, "info: sandbox: this host's kernel has no Landlock",
	  0 },
	{ 0, EPERM, "warning: sandbox: Landlock cannot be used: Operation not",
	  0 },
	{ ENOSYS, 0, "warning: sandbox: this host's kernel has no seccomp", 0 },
	{ EINVAL, 0, "warning: sandbox: this host's kernel has no seccomp", 0 },
	{ EPERM, 0, "warning: sandbox: seccomp cannot be used: Operation not",
	  0 },
	{ EACCES, 0, "warning: sandbox: seccomp cannot be used: Permission",
	  0 },
	{ ENOSYS, 0, "--user and --jail need seccomp", true },
	{ EPERM, 0, "--user and --jail need seccomp", true },
	{ 0, EPERM, "Landlock cannot be used", true },
};

static void test_missing_layers(void **state)
{
	(void)state;
	if (no_seccomp())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(lacks); i++) {
		const struct lack *lack = &lacks[i];
		struct outcome o = run_without(lack);
		int wanted = lack->jailed && lack->seccomp != 0 ? 2 : 0;

		if (WEXITSTATUS(o.status) != wanted ||
		    strstr(o.text, lack->said) == NULL)
			fail_msg("%zu: status %d, \"%s\"", i,
				 WEXITSTATUS(o.status), o.text);
	}
}

/*
 * The tables.
 */

static const struct sandbox_rule *const tables[] = { sandbox_rules,
						     arch_sandbox_rules };

static bool same(const struct sandbox_rule *a, const struct sandbox_rule *b)
{
	return strcmp(a->name, b->name) == 0 && a->check == b->check &&
	       a->value == b->value && (a->roles & b->roles) != 0;
}

static void assert_single(const struct sandbox_rule *rule)
{
	unsigned found = 0;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct sandbox_rule *r = tables[t]; r->name; r++)
			found += same(rule, r);
	}
	if (found != 1)
		fail_msg("%s %llx is there %u times", rule->name,
			 (unsigned long long)rule->value, found);
}

/* A call that is allowed as a whole needs no rule with an argument. */
static void assert_not_covered(const struct sandbox_rule *rule)
{
	if (rule->check == SANDBOX_ANY)
		return;
	for (const struct sandbox_rule *r = sandbox_rules; r->name; r++) {
		if (r->check == SANDBOX_ANY && (r->roles & rule->roles) != 0 &&
		    strcmp(r->name, rule->name) == 0)
			fail_msg("%s is checked, and allowed as a whole",
				 rule->name);
	}
}

static bool resolves(const char *name)
{
	static const uint32_t arches[] = { SCMP_ARCH_RISCV64,
					   SCMP_ARCH_PPC64LE };

	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (seccomp_syscall_resolve_name_arch(arches[i], name) !=
		    __NR_SCMP_ERROR)
			return true;
	}
	return false;
}

static void test_tables(void **state)
{
	const unsigned both =
		SANDBOX_BIT(SANDBOX_VCPU) | SANDBOX_BIT(SANDBOX_MAIN);

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct sandbox_rule *r = tables[t]; r->name; r++) {
			assert_true(r->roles != 0 &&
				    r->roles < SANDBOX_BIT(SANDBOX_NR_ROLES));
			if (!resolves(r->name))
				fail_msg("%s is no system call", r->name);
			/* Main's rules hold a vCPU's thread, too. */
			if (r->roles & SANDBOX_BIT(SANDBOX_VCPU))
				assert_int_equal(r->roles & both, both);
			assert_single(r);
			assert_not_covered(r);
		}
	}
}

static void test_roles_have_names(void **state)
{
	(void)state;
	for (unsigned a = 0; a < SANDBOX_NR_ROLES; a++) {
		assert_non_null(sandbox_role_name(a));
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(sandbox_role_name(a),
						sandbox_role_name(b));
	}
}

static void test_off(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(sandbox_enter(NULL, SANDBOX_VCPU, &err), 0);
	assert_int_equal(sandbox_enter_process(NULL, &err), 0);
	assert_int_equal(sandbox_may_remove(NULL, -1, &err), 0);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	sandbox_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_all_need),
		cmocka_unit_test(test_what_some_need),
		cmocka_unit_test(test_what_nobody_needs),
		cmocka_unit_test(test_wide_arguments),
		cmocka_unit_test(test_end_does_not_wait),
		cmocka_unit_test(test_kicks_stay_inside),
		cmocka_unit_test(test_clone3),
		cmocka_unit_test(test_vcpu_of_main),
		cmocka_unit_test(test_removing),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_missing_layers),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_roles_have_names),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
