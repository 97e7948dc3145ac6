/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail: --user, --jail and --cgroup, for a monitor that root starts.
 *
 * Nothing of it is needed by a user without rights: the sandbox does without.
 * In this order: jail_start() before there is any thread, jail_create() when
 * everything is open, jail_keep_folder() and jail_close_root(), and then, in
 * each thread, jail_enter_thread() before the guest runs.
 */
#ifndef PRIVET_VMM_JAIL_H
#define PRIVET_VMM_JAIL_H

#include <stdbool.h>
#include "vmm/error.h"

struct jail;

/**
 * struct jail_config - What the user asked for; NULL: not asked for
 * @user: "USER", "USER:GROUP", names or numbers
 * @folder: what is to be the root of all files
 * @cgroup: folder of a version 2 control group to join
 */
struct jail_config {
	char *user;
	char *folder;
	char *cgroup;
};

/**
 * jail_start() - Join the control group; with a folder, go on in a child
 *
 * The child has mount, PID, IPC and UTS namespaces of its own. The parent
 * passes signals on to it, waits for its end, and restores the terminal.
 *
 * Return: 0 in the process that is to be the monitor; 1 in the parent, with
 * @status; negative errno with @err.
 * Context: there is one thread.
 */
int jail_start(const struct jail_config *cfg, int *status, struct error *err);

/**
 * jail_create() - Look up the user, make an empty network namespace
 *
 * Return: 0 with *@out, NULL if nothing was asked for; negative errno with
 * @err.
 * Context: main thread.
 */
int jail_create(const struct jail_config *cfg, struct jail **out,
		struct error *err);
void jail_destroy(struct jail *jail);

/**
 * jail_keep_folder() - A folder that is needed later becomes one without ".."
 * @folder: any descriptor of it; is replaced by one of the folder alone
 *
 * Return: 0, also where no root is to be closed; negative errno with @err.
 * Context: main thread, before jail_close_root() and before Landlock is told
 * of the folder.
 */
int jail_keep_folder(const struct jail *jail, int folder, struct error *err);

/**
 * jail_close_root() - The folder becomes the root of all files
 *
 * Read-only, without devices, programs and set-user-ID. What is open stays.
 *
 * Context: main thread.
 */
int jail_close_root(struct jail *jail, struct error *err);

/**
 * jail_enter_thread() - The calling thread gets the network and the identity
 * @jail: NULL does nothing
 *
 * A thread that it makes later inherits both.
 *
 * Return: 0 or negative errno.
 */
int jail_enter_thread(const struct jail *jail);

#endif
