/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's terminal: raw mode, and the way back however we end.
 */
#ifndef PRIVET_VMM_TERM_H
#define PRIVET_VMM_TERM_H

#include "vmm/error.h"

struct term;

/**
 * term_open() - Remember the mode of a terminal and start its guard
 * @fd: a terminal; not owned, has to stay open
 *
 * Context: main thread, early: the guard is a fork of this process, so the
 * less it holds by then the better.
 */
int term_open(int fd, struct term **out, struct error *err);

/**
 * term_fd_foreground() - Whether a terminal is ours to read and to set
 * @fd: a terminal
 *
 * It is not while a shell has this process in the background. One that does
 * not control our session has no such notion.
 */
bool term_fd_foreground(int fd);

/** term_foreground() - term_fd_foreground() of this one */
bool term_foreground(const struct term *term);

/**
 * term_raw() - Enter raw mode; the guard undoes it if this process dies
 *
 * May be called again, after a shell had the terminal: the mode that is found
 * then is the one that is restored.
 */
int term_raw(struct term *term, struct error *err);

/** term_close() - Restore the mode, dismiss and reap the guard, free */
void term_close(struct term *term);

#endif
