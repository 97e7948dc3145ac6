/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: what is left to the process once the guest runs.
 *
 * Everything is opened first. Then each thread, before it touches anything
 * that the guest can influence, gives up its capabilities, all of the file
 * system (Landlock) and all system calls but those of its role (seccomp), with
 * arguments checked. A thread that breaks its rules ends the process at once
 * with a line that names the thread and the call, and EXIT_STATUS_SANDBOX.
 *
 * A layer that the host lacks is left out, the others still apply:
 * `privet host` says which are in force. One that something else forbids, such
 * as a container's filter, is left out with a warning.
 */
#ifndef PRIVET_VMM_SANDBOX_H
#define PRIVET_VMM_SANDBOX_H

#include <stdio.h>
#include "vmm/error.h"

struct jail;
struct log;
struct sock_filter;

/**
 * enum sandbox_role - What a thread is there for
 * @SANDBOX_GUARD: the process that restores the terminal, see vmm/term.c
 */
enum sandbox_role {
	SANDBOX_MAIN,
	SANDBOX_VCPU,
	SANDBOX_IO,
	SANDBOX_DISK,
	SANDBOX_GUARD,
	SANDBOX_NR_ROLES,
};

#define SANDBOX_BIT(role) (1U << (role))

/**
 * enum sandbox_check - Which calls of a system call a rule allows
 * @SANDBOX_ANY: all
 * @SANDBOX_ARG0: those whose first argument is @value; ARG1, ARG3 in the same
 *	way. 32 bits are compared: the kernel looks at no more of them
 * @SANDBOX_NO_EXEC: those that ask for no executable memory (third argument)
 * @SANDBOX_SELF: those whose first argument is this process
 * @SANDBOX_THREAD: those that make a thread, not a process (flags first)
 * @SANDBOX_NOSYS: none: the kernel says that it does not have it
 */
enum sandbox_check {
	SANDBOX_ANY,
	SANDBOX_ARG0,
	SANDBOX_ARG1,
	SANDBOX_ARG3,
	SANDBOX_NO_EXEC,
	SANDBOX_SELF,
	SANDBOX_THREAD,
	SANDBOX_NOSYS,
};

/**
 * struct sandbox_rule - An allowed system call
 * @name: its name; one that an architecture lacks is skipped there
 * @roles: SANDBOX_BIT()s of the threads that may
 * @check, @value: which calls
 */
struct sandbox_rule {
	const char *name;
	unsigned roles;
	enum sandbox_check check;
	uint64_t value;
};

/** sandbox_rules[] - For any architecture; ends with a NULL @name */
extern const struct sandbox_rule sandbox_rules[];

/**
 * struct sandbox_filter - Compiled rules of a role
 * @insns: owned
 * @len: instructions
 */
struct sandbox_filter {
	struct sock_filter *insns;
	unsigned short len;
};

/**
 * sandbox_filter_compile() - Make the filter of a role
 * @arch_rules: rules of the architecture, ends with a NULL @name
 *
 * It names this process: a child needs one of its own.
 *
 * Return: 0 or negative errno.
 */
int sandbox_filter_compile(enum sandbox_role role,
			   const struct sandbox_rule *arch_rules,
			   struct sandbox_filter *out);

/**
 * sandbox_filter_load() - The calling thread is held to the filter
 *
 * Context: any, a child of fork() too. no_new_privs is set.
 * Return: 0 or negative errno.
 */
int sandbox_filter_load(const struct sandbox_filter *filter);
void sandbox_filter_free(struct sandbox_filter *filter);

/** enum sandbox_layer - What may be in force; bits */
enum sandbox_layer {
	SANDBOX_NO_NEW_PRIVS = 1,
	SANDBOX_CAPABILITIES = 2,
	SANDBOX_LANDLOCK = 4,
	SANDBOX_SECCOMP = 8,
};

struct sandbox;

/**
 * sandbox_create() - Compile the rules, find out what the host has
 * @arch_rules: rules of the architecture, ends with a NULL @name
 *
 * Installs the handler of SIGSYS. Nothing is restricted yet.
 */
int sandbox_create(const struct sandbox_rule *arch_rules, struct log *log,
		   struct sandbox **out, struct error *err);
void sandbox_destroy(struct sandbox *sb);

/**
 * sandbox_enter() - The calling thread gives up what its role does not need
 * @sb: NULL does nothing: the user asked for no sandbox
 *
 * A thread that is created afterwards by this one inherits its rules: rules
 * of SANDBOX_MAIN include those of SANDBOX_VCPU.
 *
 * Return: 0, or negative errno with @err: the guest must not run then.
 */
int sandbox_enter(struct sandbox *sb, enum sandbox_role role,
		  struct error *err);

/**
 * sandbox_enter_process() - What is a matter of the process, not of a thread
 *
 * Not dumpable, no core files, no more descriptors than there is use for.
 * Context: main thread, before its sandbox_enter().
 */
int sandbox_enter_process(struct sandbox *sb, struct error *err);

/**
 * sandbox_may_remove() - Main may remove files from this folder
 * @folder: any descriptor of it
 *
 * Context: main thread, before its sandbox_enter().
 */
int sandbox_may_remove(struct sandbox *sb, int folder, struct error *err);

/**
 * sandbox_set_jail() - Threads enter this jail, too
 * @jail: not owned; may be NULL
 *
 * Return: 0, or -EPERM with @err: whoever asks for a jail gets no machine
 * without seccomp.
 */
int sandbox_set_jail(struct sandbox *sb, struct jail *jail, struct error *err);

/** sandbox_drop_capabilities() - Of the calling thread; 0 or negative errno */
int sandbox_drop_capabilities(void);

/** sandbox_layers() - SANDBOX_* layers that this host's kernel offers */
unsigned sandbox_layers(void);

/**
 * sandbox_syscall_number() - In this architecture
 *
 * libseccomp tells another number for calls that socketcall() has as well.
 *
 * Return: -1: there is none.
 */
int sandbox_syscall_number(const char *name);

/** sandbox_role_name() - "main", "vcpu", "io", "disk" */
const char *sandbox_role_name(enum sandbox_role role);

#endif
