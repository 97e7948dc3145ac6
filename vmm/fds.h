/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that this process was started with.
 *
 * Who starts privet may have left some open that have nothing to do with it.
 * None of them is to be there once a guest runs. Those that it was given may be
 * shared with others, who are not to notice.
 */
#ifndef PRIVET_VMM_FDS_H
#define PRIVET_VMM_FDS_H

struct error;
struct vm_config;

/**
 * fds_close_from() - Close all descriptors from @first on
 *
 * Context: any, also what is safe in a signal handler.
 */
void fds_close_from(unsigned first);

/**
 * fd_reopen() - Open anew what a descriptor stands for
 * @flags: of open(); O_CLOEXEC and O_NOCTTY are added
 *
 * Its flags and position are its own, and not shared with @fd.
 *
 * Return: a descriptor, or negative errno: not everything has a name.
 */
int fd_reopen(int fd, int flags);

/**
 * fds_close_unnamed() - Close all above 2 that the command line does not name
 * @argv: ends with NULL; may name some by paths, as in /dev/fd/7
 *
 * Return: 0, or -EBADF with @err: one that is given as fd=N is not open, and
 * its number would be that of something else by the time it is used.
 * Context: nothing else was opened yet.
 */
int fds_close_unnamed(const struct vm_config *cfg, char *const *argv,
		      struct error *err);

/**
 * fds_close_copied() - Close those that were given as fd=N, above 2
 *
 * Context: the machine was made: it has copies, or has closed them itself.
 */
void fds_close_copied(const struct vm_config *cfg);

#endif
