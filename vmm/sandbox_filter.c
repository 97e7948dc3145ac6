/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: filters of system calls, made from the tables of rules.
 *
 * They are compiled once, by libseccomp, and loaded by each thread with one
 * system call.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/sandbox.h"

/* A filter of more instructions than the kernel takes is not written. */
#define MAX_FILTER 4096U

/* The comparison of a rule; @arg is filled when there is one. */
static bool compares(const struct sandbox_rule *rule, struct scmp_arg_cmp *arg)
{
	static const struct scmp_arg_cmp compare[] = {
		[SANDBOX_ARG0] = { 0, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_ARG1] = { 1, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_ARG3] = { 3, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_NO_EXEC] = { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
		[SANDBOX_SELF] = { 0, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0 },
		[SANDBOX_THREAD] = { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD,
				     CLONE_THREAD },
	};

	if (rule->check == SANDBOX_ANY || rule->check == SANDBOX_NOSYS)
		return false;
	*arg = compare[rule->check];
	if (rule->check == SANDBOX_SELF)
		arg->datum_b = (uint32_t)getpid();
	else if (rule->check != SANDBOX_THREAD)
		arg->datum_b = rule->value;
	return true;
}

static int add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	int nr = sandbox_syscall_number(rule->name);
	struct scmp_arg_cmp arg;

	/* Another architecture's. */
	if (nr < 0)
		return 0;
	if (rule->check == SANDBOX_NOSYS)
		return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(ENOSYS), nr,
					      0, NULL);
	if (!compares(rule, &arg))
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 0, NULL);
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &arg);
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
static int export_filter(scmp_filter_ctx ctx, struct sandbox_filter *out)
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

int sandbox_filter_compile(enum sandbox_role role,
			   const struct sandbox_rule *arch_rules,
			   struct sandbox_filter *out)
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
		ret = export_filter(ctx, out);
	seccomp_release(ctx);
	return ret;
}

int sandbox_filter_load(const struct sandbox_filter *filter)
{
	struct sock_fprog program = {
		.len = filter->len,
		.filter = filter->insns,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return 0;
}

void sandbox_filter_free(struct sandbox_filter *filter)
{
	free(filter->insns);
	filter->insns = NULL;
}
