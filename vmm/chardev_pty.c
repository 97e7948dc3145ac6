/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pty backend: a pseudo-terminal that terminal programs open.
 *
 * We keep no descriptor of the slave: only so does the kernel tell when its
 * last user went away (EIO, EPOLLHUP) and can output be kept for the next one
 * instead of filling a buffer that nobody reads. The price is that the kernel
 * does not tell when one comes: epoll would report the hang-up without end, so
 * the master is out of the event loop meanwhile and a slow timer looks whether
 * the hang-up is over. A slave that was never opened does not count as hung
 * up, hence it is opened once, which also is the chance to make it raw: an
 * echo would send the guest its own output.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "vmm/log.h"

#define CHECK_MS 200U

/**
 * struct chardev_pty - State of the backend
 * @slave: path of the slave
 * @linked: cd.path is a symbolic link to it that we made
 * @check: looks whether somebody opened the slave
 */
struct chardev_pty {
	struct chardev cd;
	char slave[64];
	bool linked;
	struct ev_timer check;
};

static struct chardev_pty *to_pty(struct chardev *cd)
{
	return container_of(cd, struct chardev_pty, cd);
}

static void check_later(struct chardev_pty *p)
{
	ev_timer_set(&p->check, CHECK_MS * NSEC_PER_MSEC);
}

static void on_check(struct ev_timer *timer)
{
	struct chardev_pty *p = container_of(timer, struct chardev_pty, check);

	if (chardev_end_hung_up(&p->cd.in)) {
		check_later(p);
		return;
	}
	chardev_set_link(&p->cd, true, true);
	chardev_pump(&p->cd);
}

static void pty_ended(struct chardev *cd, struct chardev_end *end, int error)
{
	(void)end;
	(void)error;
	chardev_end_unwatch(&cd->in);
	chardev_end_unwatch(&cd->out);
	chardev_set_link(cd, false, false);
	check_later(to_pty(cd));
}

static int prepare_slave(struct chardev_pty *p, int master)
{
	struct termios tio;

	if (grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	int ret = ptsname_r(master, p->slave, sizeof(p->slave));
	if (ret != 0)
		return -ret;
	int fd = open(p->slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = tcgetattr(fd, &tio);
	if (ret == 0) {
		cfmakeraw(&tio);
		ret = tcsetattr(fd, TCSANOW, &tio);
	}
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int cannot_link(struct chardev *cd, int ret, struct error *err)
{
	return error_host(err, ret,
			  "%s: cannot make \"%s\" a link to a terminal: %s; "
			  "use another path",
			  cd->name, cd->path, strerror(-ret));
}

/* What a monitor that was killed left behind may be replaced. */
static bool is_old_link(const char *path)
{
	static const char prefix[] = "/dev/pts/";
	char target[64];

	ssize_t len = readlink(path, target, sizeof(target));
	return len >= (ssize_t)sizeof(prefix) - 1 &&
	       memcmp(target, prefix, sizeof(prefix) - 1) == 0;
}

/* Whether the link can be made, as far as can be told beforehand. */
static int check_link(struct chardev *cd, struct error *err)
{
	struct stat st;

	if (lstat(cd->path, &st) == 0 && !is_old_link(cd->path))
		return cannot_link(cd, -EEXIST, err);
	return chardev_check_new(cd, err);
}

static int pty_make(struct chardev *cd, struct error *err)
{
	struct chardev_pty *p = to_pty(cd);

	if (cd->path == NULL)
		return 0;

	int ret = chardev_open_folder(cd);
	if (ret == 0 && symlink(p->slave, cd->path) < 0)
		ret = -errno;
	if (ret == -EEXIST && is_old_link(cd->path)) {
		unlink(cd->path);
		ret = symlink(p->slave, cd->path) < 0 ? -errno : 0;
	}
	if (ret < 0)
		return cannot_link(cd, ret, err);
	p->linked = true;
	return 0;
}

static void remove_link(struct chardev_pty *p)
{
	char target[sizeof(p->slave)] = { 0 };
	int folder = p->cd.folder;

	if (!p->linked || folder < 0)
		return;
	/* Another monitor may have taken the path over. */
	const char *leaf = chardev_leaf(&p->cd);
	if (readlinkat(folder, leaf, target, sizeof(target) - 1) > 0 &&
	    strcmp(target, p->slave) == 0)
		unlinkat(folder, leaf, 0);
}

static int open_master(struct chardev_pty *p, struct error *err)
{
	struct chardev *cd = &p->cd;

	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_host(err, -errno,
				  "%s: cannot make a pseudo-terminal: %s; is "
				  "/dev/pts mounted?",
				  cd->name, strerror(errno));
	int ret = prepare_slave(p, fd);
	if (ret == 0)
		ret = chardev_end_open(&cd->in, fd, END_OURS);
	if (ret == 0)
		ret = chardev_end_open(&cd->out, fd, END_OURS);
	close(fd);
	if (ret < 0)
		return error_host(err, ret,
				  "%s: cannot set up the pseudo-terminal: %s; "
				  "is /dev/pts mounted?",
				  cd->name, strerror(-ret));
	return 0;
}

static int pty_open(struct chardev *cd, const struct chardev_config *cfg,
		    struct error *err)
{
	struct chardev_pty *p = to_pty(cd);
	int ret = 0;

	(void)cfg;
	if (cd->path != NULL)
		ret = check_link(cd, err);
	if (ret == 0)
		ret = open_master(p, err);
	if (ret < 0)
		return ret;
	ret = ev_timer_init(&p->check, cd->env.loop, on_check, NULL);
	if (ret < 0)
		return error_host(err, ret, "%s: cannot make a timer: %s",
				  cd->name, strerror(-ret));
	return 0;
}

static int pty_start(struct chardev *cd, struct error *err)
{
	struct chardev_pty *p = to_pty(cd);

	(void)err;
	/* Without a link, this line is the only way to learn its name. */
	log_write(cd->env.log, p->linked ? LOG_INFO : LOG_WARNING,
		  "%s: the terminal is %s", cd->name, p->slave);
	check_later(p);
	return 0;
}

static void pty_close(struct chardev *cd)
{
	struct chardev_pty *p = to_pty(cd);

	remove_link(p);
	ev_timer_destroy(&p->check);
}

const struct chardev_ops chardev_pty_ops = {
	.size = sizeof(struct chardev_pty),
	.open = pty_open,
	.make = pty_make,
	.start = pty_start,
	.ended = pty_ended,
	.close = pty_close,
};
