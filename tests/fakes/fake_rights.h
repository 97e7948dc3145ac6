/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sandbox and the jail ask of the host: written down, not done.
 *
 * The linker sends the calls here that RIGHTS_CALLS in the Makefile names. A
 * process under test goes through all of it and stays what it is, whoever runs
 * it and on whichever kernel. This host's process is root's, and fork() makes
 * it the child.
 */
#ifndef PRIVET_TESTS_FAKE_RIGHTS_H
#define PRIVET_TESTS_FAKE_RIGHTS_H

#include <stdbool.h>

/**
 * enum fake_right - What is given up, by so many calls
 * @FAKE_SECCOMP: instructions of filters
 * @FAKE_LANDLOCK: rights in rulesets that threads were held to
 * @FAKE_FOLDERS: folders that are told to Landlock, or mounted by themselves
 */
enum fake_right {
	FAKE_NO_NEW_PRIVS,
	FAKE_BOUNDING_SET,
	FAKE_CAPABILITIES,
	FAKE_LANDLOCK,
	FAKE_SECCOMP,
	FAKE_DUMPABLE,
	FAKE_LIMITS,
	FAKE_SIGSYS,
	FAKE_FOLDERS,
	FAKE_IDENTITY,
	FAKE_NETWORK,
	FAKE_NAMESPACES,
	FAKE_ROOT,
	FAKE_PARENT,
	FAKE_NR_RIGHTS,
};

/** fake_rights_reset() - Nothing was given up yet, by the calling thread */
void fake_rights_reset(void);

/** fake_rights_fail_nth() - The @nth call from now fails with @code; 0: none */
void fake_rights_fail_nth(unsigned nth, int code);

/** fake_rights_failed() - What failed; NULL: that call was not reached */
const char *fake_rights_failed(void);

/** fake_rights_code() - What it failed with */
int fake_rights_code(void);

/**
 * fake_rights_count_rules() - Whether adding a rule to a filter counts as a
 * call: there are very many. At first it does not
 */
void fake_rights_count_rules(bool count);

/** fake_rights_refuse_fork() - Every fork() fails with EAGAIN */
void fake_rights_refuse_fork(bool refuse);

/** fake_rights_given() - How much of it was given up by now */
unsigned fake_rights_given(enum fake_right right);

/** fake_rights_name() - For people */
const char *fake_rights_name(enum fake_right right);

#endif
