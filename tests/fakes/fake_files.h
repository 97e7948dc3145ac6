/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that this host has not: open(), fopen(), stat() and fstat() find them,
 * in the tests that FAIL_TESTS in the Makefile names.
 */
#ifndef PRIVET_TESTS_FAKE_FILES_H
#define PRIVET_TESTS_FAKE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/** FAKE_PATH - Bytes of a path that fake_files_path() may write */
#define FAKE_PATH 32

/**
 * fake_files_add() - Let there be a file
 * @path: its name, not copied
 * @fd: which file it is; stays open as long as there is the name
 * @type: what it looks like, as S_IFBLK; 0: what it is
 */
void fake_files_add(const char *path, int fd, mode_t type);

/** fake_files_reset() - There are none any more */
void fake_files_reset(void);

/** fake_files_flags() - What @path was last opened with */
int fake_files_flags(const char *path);

/** fake_files_is() - Whether @fd is the file that has this name */
bool fake_files_is(int fd, const char *path);

/**
 * fake_files_path() - For open(): what to open instead
 * @buf: FAKE_PATH bytes, where it may be written to
 */
const char *fake_files_path(const char *path, int flags, char *buf);

/** fake_files_pretend() - For fstat(): what it looks like */
void fake_files_pretend(struct stat *st);

#endif
