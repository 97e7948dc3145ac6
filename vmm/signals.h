/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals to the process: the user's wishes while a machine runs.
 *
 * The first SIGTERM presses the guest's power button. A second one, or the
 * end of the time of --grace, ends the machine; so does the first where
 * nothing in the guest listens. SIGINT, SIGHUP and SIGQUIT always end it.
 * SIGWINCH and SIGCONT say that the terminal may have changed.
 */
#ifndef PRIVET_VMM_SIGNALS_H
#define PRIVET_VMM_SIGNALS_H

#include "vmm/evloop.h"

struct vm;

/**
 * struct signals - Signals that are taken on the I/O thread
 * @src: the signalfd; owned; -1 when there is none
 * @grace: runs while a guest that was asked to shut down may take its time
 * @vm: the machine; not owned
 * @asked: the guest was asked to shut down
 */
struct signals {
	struct ev_source src;
	struct ev_timer grace;
	struct vm *vm;
	bool asked;
};

/**
 * signals_init() - Block the signals, and set up the one that kicks vCPUs
 *
 * Context: before any thread exists: all inherit the mask, so that the signals
 * arrive at the descriptor only. Not undone: they stay blocked.
 */
int signals_init(struct signals *s, struct error *err);

/** signals_watch() - Serve @vm from now on; Context: main thread */
int signals_watch(struct signals *s, struct vm *vm, struct error *err);

/**
 * signals_fini() - Release everything; accepts what was only zeroed
 *
 * Context: main thread, after vm_run(), before vm_destroy().
 */
void signals_fini(struct signals *s);

#endif
