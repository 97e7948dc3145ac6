/* SPDX-License-Identifier: Apache-2.0 */
/* Files that this host has not: see fake_files.h. */
#include "tests/fakes/fake_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 8

static struct file {
	const char *path;
	int fd;
	mode_t type;
	int flags;
	dev_t dev;
	ino_t ino;
} files[MAX_FILES];

static unsigned nr_files;

/* Not fstat(), which ends up here. */
static void identity(int fd, struct stat *st)
{
	if (fstatat(fd, "", st, AT_EMPTY_PATH) < 0)
		memset(st, 0, sizeof(*st));
}

static struct file *find(const char *path)
{
	for (unsigned i = 0; i < nr_files; i++) {
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	}
	return NULL;
}

void fake_files_add(const char *path, int fd, mode_t type)
{
	struct stat st;

	if (nr_files == MAX_FILES)
		abort();
	identity(fd, &st);
	files[nr_files++] = (struct file){
		.path = path,
		.fd = fd,
		.type = type,
		.dev = st.st_dev,
		.ino = st.st_ino,
	};
}

void fake_files_reset(void)
{
	nr_files = 0;
}

int fake_files_flags(const char *path)
{
	const struct file *file = find(path);

	return file != NULL ? file->flags : 0;
}

bool fake_files_is(int fd, const char *path)
{
	const struct file *file = find(path);
	struct stat st;

	identity(fd, &st);
	return file != NULL && file->ino == st.st_ino && file->dev == st.st_dev;
}

const char *fake_files_path(const char *path, int flags, char *buf)
{
	struct file *file = find(path);

	if (file == NULL)
		return path;
	file->flags = flags;
	snprintf(buf, FAKE_PATH, "/proc/self/fd/%d", file->fd);
	return buf;
}

void fake_files_pretend(struct stat *st)
{
	for (unsigned i = 0; i < nr_files; i++) {
		const struct file *file = &files[i];

		if (file->type != 0 && file->ino == st->st_ino &&
		    file->dev == st->st_dev)
			st->st_mode =
				(st->st_mode & ~(mode_t)S_IFMT) | file->type;
	}
}
