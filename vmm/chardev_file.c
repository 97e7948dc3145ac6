/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file and descriptor backends: one peer that is there from the start.
 *
 * A descriptor is duplicated and the original left alone. A terminal given as
 * a descriptor is used in the mode that it is in.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot_open(struct chardev *cd, int ret, struct error *err)
{
	return error_host(err, ret,
			  "%s: cannot open \"%s\" for writing: %s; check the "
			  "path and its permissions",
			  cd->name, cd->path, strerror(-ret));
}

/* The file itself is left alone until the machine can start. */
static int file_open(struct chardev *cd, const struct chardev_config *cfg,
		     struct error *err)
{
	struct stat st;
	int ret = 0;

	(void)cfg;
	if (stat(cd->path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return cannot_open(cd, -EISDIR, err);
		if (access(cd->path, W_OK) < 0)
			return cannot_open(cd, -errno, err);
	} else if (errno == ENOENT && lstat(cd->path, &st) < 0) {
		ret = chardev_check_new(cd, err);
	}
	cd->reader = true;
	cd->connected = true;
	return ret;
}

static int file_make(struct chardev *cd, struct error *err)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	int fd =
		open(cd->path, flags | (cd->append ? O_APPEND : O_TRUNC), 0666);
	if (fd < 0)
		return cannot_open(cd, -errno, err);

	int ret = chardev_end_open(&cd->out, fd, END_OURS);
	close(fd);
	if (ret < 0)
		return error_host(err, ret, "%s: cannot use \"%s\": %s",
				  cd->name, cd->path, strerror(-ret));
	return 0;
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static int open_ends(struct chardev *cd, int fd, int access)
{
	int ret = 0;

	if (access != O_WRONLY)
		ret = chardev_end_open(&cd->in, fd, END_OURS);
	if (ret == 0 && access != O_RDONLY)
		ret = chardev_end_open(&cd->out, fd, END_OURS);
	return ret;
}

static int fd_open(struct chardev *cd, const struct chardev_config *cfg,
		   struct error *err)
{
	int flags = fcntl(cfg->fd, F_GETFL);

	if (flags < 0)
		return error_usage(err,
				   "%s: descriptor %d is not open; let the "
				   "program that starts this one pass it on",
				   cd->name, cfg->fd);
	if (is_listening(cfg->fd))
		return error_usage(err,
				   "%s: descriptor %d is a listening socket; "
				   "give it to a socket console instead",
				   cd->name, cfg->fd);
	int ret = open_ends(cd, cfg->fd, flags & O_ACCMODE);
	if (ret < 0)
		return error_host(err, ret, "%s: cannot use descriptor %d: %s",
				  cd->name, cfg->fd, strerror(-ret));
	/* A socket's hang-up is of interest also while nothing is sent. */
	cd->out.keep = cd->out.fd >= 0 && cd->out.mode == END_SOCKET;
	cd->reader = cd->out.fd >= 0;
	cd->connected = true;
	return 0;
}

const struct chardev_ops chardev_file_ops = {
	.size = sizeof(struct chardev),
	.open = file_open,
	.make = file_make,
	.ended = chardev_retire,
};

const struct chardev_ops chardev_fd_ops = {
	.size = sizeof(struct chardev),
	.open = fd_open,
	.ended = chardev_retire,
};
