/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of host I/O that never blocks the I/O thread.
 *
 * O_NONBLOCK belongs to a file description, which standard input and output
 * share with the shell and everything else on that terminal or pipe. Where it
 * is not ours, a terminal or pipe is opened a second time through /proc: the
 * new description may have the flag. Where that is refused (a terminal of
 * another user), poll() is asked before every call and no more is written
 * than poll() vouches for. A pty master must not be opened again: that would
 * make a new pair.
 *
 * Each direction has a descriptor of its own, so that each can be in the
 * event loop or out of it: a hang-up, which epoll reports whether it is
 * wanted or not, then cannot spin on a direction that has nothing to do.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/fds.h"

/* What a pipe or terminal takes at least when poll() says POLLOUT. */
#define SHARED_WRITE_MAX 256U

static void on_ready(struct ev_source *src, uint32_t events)
{
	struct chardev_end *end = container_of(src, struct chardev_end, src);
	struct chardev *cd = end->cd;

	(void)events;
	/* Idle: only a hang-up or an error can have come. */
	if ((src->events & end->ready) == 0)
		cd->ops->ended(cd, end, 0);
	else
		chardev_ready(cd, end);
}

void chardev_end_init(struct chardev_end *end, struct chardev *cd,
		      uint32_t ready)
{
	*end = (struct chardev_end){
		.cd = cd,
		.fd = -1,
		.ready = ready,
		.src = { .fd = -1, .fn = on_ready },
	};
}

static bool is_pty_master(int fd)
{
	unsigned number;

	return ioctl(fd, TIOCGPTN, &number) == 0;
}

static enum end_mode mode_of(const struct stat *st, enum end_owner owner)
{
	if (S_ISSOCK(st->st_mode))
		return END_SOCKET;
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return END_DIRECT;
	return owner == END_OURS ? END_NONBLOCK : END_SHARED;
}

int chardev_end_open(struct chardev_end *end, int fd, enum end_owner owner)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;

	end->mode = mode_of(&st, owner);
	if (end->mode == END_SHARED &&
	    (S_ISFIFO(st.st_mode) || (isatty(fd) && !is_pty_master(fd)))) {
		bool writes = end->ready == EPOLLOUT;

		end->fd = fd_reopen(fd, O_NONBLOCK |
						(writes ? O_WRONLY : O_RDONLY));
		if (end->fd >= 0) {
			end->mode = END_NONBLOCK;
			return 0;
		}
	}

	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	if (end->mode == END_NONBLOCK) {
		int flags = fcntl(copy, F_GETFL);
		if (flags < 0 || fcntl(copy, F_SETFL, flags | O_NONBLOCK) < 0)
			end->mode = END_SHARED;
	}
	end->fd = copy;
	return 0;
}

static void forget(struct chardev_end *end)
{
	if (!end->watched)
		return;
	evloop_remove(end->cd->env.loop, &end->src);
	end->src.fd = -1;
	end->watched = false;
}

void chardev_end_close(struct chardev_end *end)
{
	if (end->fd < 0)
		return;
	forget(end);
	close(end->fd);
	end->fd = -1;
	end->keep = false;
}

static void set_events(struct chardev_end *end, uint32_t events)
{
	struct evloop *loop = end->cd->env.loop;

	if (end->fd < 0 || end->mode == END_DIRECT)
		return;
	if (end->watched) {
		if (end->src.events != events)
			evloop_modify(loop, &end->src, events);
		return;
	}
	end->src.fd = end->fd;
	end->src.events = events;
	if (evloop_add(loop, &end->src) == 0) {
		end->watched = true;
		return;
	}
	/* EPERM: it has nothing to wait for, such as /dev/null. */
	end->src.fd = -1;
	end->mode = END_DIRECT;
}

void chardev_end_watch(struct chardev_end *end)
{
	set_events(end, end->ready);
}

void chardev_end_unwatch(struct chardev_end *end)
{
	if (end->keep)
		set_events(end, 0);
	else
		forget(end);
}

static short ask(const struct chardev_end *end, short events)
{
	struct pollfd pfd = { .fd = end->fd, .events = events };

	return poll(&pfd, 1, 0) > 0 ? pfd.revents : 0;
}

bool chardev_end_hung_up(const struct chardev_end *end)
{
	return (ask(end, 0) & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static ssize_t again(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static ssize_t read_once(struct chardev_end *end, void *buf, size_t len)
{
	if (end->mode == END_SOCKET)
		return again(recv(end->fd, buf, len, MSG_DONTWAIT));
	if (end->mode == END_SHARED && ask(end, POLLIN) == 0)
		return -EAGAIN;
	return again(read(end->fd, buf, len));
}

ssize_t chardev_end_read(struct chardev_end *end, void *buf, size_t len)
{
	ssize_t ret;

	do
		ret = read_once(end, buf, len);
	while (ret == -EINTR);
	return ret;
}

/*
 * A pty that nobody has open any more, and whose buffer is full, says EAGAIN
 * for ever, and a hang-up at once: waiting for it would be a spin.
 */
static ssize_t full(const struct chardev_end *end)
{
	return chardev_end_hung_up(end) ? -EIO : -EAGAIN;
}

static ssize_t write_once(struct chardev_end *end, const void *buf, size_t len)
{
	ssize_t ret;

	if (end->mode == END_SOCKET) {
		ret = send(end->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (end->mode == END_SHARED) {
		if ((ask(end, POLLOUT) & POLLOUT) == 0)
			return full(end);
		ret = write(end->fd, buf, min_size(len, SHARED_WRITE_MAX));
	} else {
		ret = write(end->fd, buf, len);
	}
	ret = ret == 0 ? -EAGAIN : again(ret);
	return ret == -EAGAIN ? full(end) : ret;
}

ssize_t chardev_end_write(struct chardev_end *end, const void *buf, size_t len)
{
	ssize_t ret;

	do
		ret = write_once(end, buf, len);
	while (ret == -EINTR);
	return ret;
}
