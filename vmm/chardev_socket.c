/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket backend: a Unix stream server for one client at a time.
 *
 * A new client takes the place of the one before without the guest noticing.
 * A client may close its sending side and go on reading (`socat` at the end
 * of its input does): only a hang-up of both directions ends it, and what it
 * sent before is still read.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "vmm/log.h"

/* Pause after accept() failed for lack of descriptors or memory. */
#define RETRY_MS 1000U

/**
 * struct chardev_socket - State of the backend
 * @listener: listening socket; its fd is owned
 * @retry: listens again
 * @bound: the socket file is ours and has to be removed
 * @dev, @ino: what was made there: nobody else's file is removed
 */
struct chardev_socket {
	struct chardev cd;
	struct ev_source listener;
	struct ev_timer retry;
	bool bound;
	dev_t dev;
	ino_t ino;
};

static struct chardev_socket *to_socket(struct chardev *cd)
{
	return container_of(cd, struct chardev_socket, cd);
}

static void drop_client(struct chardev *cd)
{
	chardev_end_close(&cd->in);
	chardev_end_close(&cd->out);
	chardev_set_link(cd, false, false);
}

static void socket_ended(struct chardev *cd, struct chardev_end *end, int error)
{
	(void)error;
	if (end == &cd->in && cd->out.fd >= 0 && !chardev_end_hung_up(&cd->out))
		chardev_end_close(end);
	else if (end == &cd->out && cd->in.fd >= 0) {
		/* Read on until the end. */
		chardev_end_close(end);
		chardev_set_link(cd, false, true);
		chardev_pump(cd);
	} else {
		drop_client(cd);
	}
}

static void new_client(struct chardev *cd, int fd)
{
	chardev_end_close(&cd->in);
	chardev_end_close(&cd->out);
	if (chardev_end_open(&cd->in, fd, END_OURS) < 0 ||
	    chardev_end_open(&cd->out, fd, END_OURS) < 0) {
		drop_client(cd);
		return;
	}
	cd->out.keep = true;
	chardev_set_link(cd, true, true);
	chardev_pump(cd);
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void on_connection(struct ev_source *src, uint32_t events)
{
	struct chardev_socket *s =
		container_of(src, struct chardev_socket, listener);
	struct evloop *loop = s->cd.env.loop;

	(void)events;
	/* cppcheck-suppress nullPointer ; nobody has to ask for an address */
	int fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		new_client(&s->cd, fd);
		close(fd);
	} else if (is_shortage(errno)) {
		/* The connection stays queued: do not spin on it. */
		evloop_modify(loop, src, 0);
		ev_timer_set(&s->retry, RETRY_MS * NSEC_PER_MSEC);
	}
}

static void on_retry(struct ev_timer *timer)
{
	struct chardev_socket *s =
		container_of(timer, struct chardev_socket, retry);

	evloop_modify(s->cd.env.loop, &s->listener, EPOLLIN);
}

/*
 * Opening.
 */

static int make_address(struct chardev *cd, struct sockaddr_un *addr,
			struct error *err)
{
	size_t len = strlen(cd->path);

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof(addr->sun_path))
		return error_usage(err,
				   "%s: the path of a socket has 1 to %zu "
				   "bytes, \"%s\" has %zu; use a shorter one",
				   cd->name, sizeof(addr->sun_path) - 1,
				   cd->path, len);
	memcpy(addr->sun_path, cd->path, len + 1);
	return 0;
}

static int new_socket(struct chardev *cd, int type, struct error *err)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_host(err, -errno, "%s: cannot make a socket: %s",
				  cd->name, strerror(errno));
	return fd;
}

/*
 * Whether anybody has the socket file open: 0 nobody, negative errno with the
 * reason in @err. A socket of another type never gets a connection (EPROTOTYPE
 * where somebody is there), so that he does not lose his client to us.
 */
static int check_stale(struct chardev *cd, const struct sockaddr_un *addr,
		       struct error *err)
{
	int fd = new_socket(cd, SOCK_DGRAM, err);
	if (fd < 0)
		return fd;
	int ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	int error = ret < 0 ? errno : 0;
	close(fd);
	if (error == ECONNREFUSED || error == ENOENT)
		return 0;
	if (error == 0 || error == EPROTOTYPE)
		return error_host(err, -EADDRINUSE,
				  "%s: another process listens on \"%s\"; end "
				  "it or use another path",
				  cd->name, cd->path);
	return error_host(err, -error,
			  "%s: \"%s\" exists, and trying it failed: %s; "
			  "remove it or use another path",
			  cd->name, cd->path, strerror(error));
}

/*
 * Whether a socket can be made at the path.
 *
 * Return: 0, 1 when a stale one has to be removed first, or negative errno.
 */
static int check_path(struct chardev *cd, const struct sockaddr_un *addr,
		      struct error *err)
{
	struct stat st;

	if (lstat(cd->path, &st) < 0)
		return chardev_check_new(cd, err);
	if (!S_ISSOCK(st.st_mode))
		return error_host(err, -EEXIST,
				  "%s: \"%s\" exists and is not a socket; "
				  "remove it or use another path",
				  cd->name, cd->path);
	int ret = check_stale(cd, addr, err);
	if (ret == 0)
		ret = chardev_check_new(cd, err);
	return ret < 0 ? ret : 1;
}

static int bind_path(struct chardev_socket *s, int fd,
		     const struct sockaddr_un *addr)
{
	const char *path = s->cd.path;
	struct stat st;

	int ret = chardev_open_folder(&s->cd);
	if (ret < 0)
		return ret;
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		return -errno;
	if (lstat(path, &st) < 0 || listen(fd, 4) < 0) {
		ret = -errno;
		unlink(path);
		return ret;
	}
	s->bound = true;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

static int socket_make(struct chardev *cd, struct error *err)
{
	struct chardev_socket *s = to_socket(cd);
	struct sockaddr_un addr;

	/* A descriptor that was handed over listens already. */
	if (s->listener.fd >= 0)
		return 0;
	int ret = make_address(cd, &addr, err);
	if (ret == 0)
		ret = check_path(cd, &addr, err);
	if (ret < 0)
		return ret;
	if (ret > 0)
		unlink(cd->path);
	int fd = new_socket(cd, SOCK_STREAM, err);
	if (fd < 0)
		return fd;
	ret = bind_path(s, fd, &addr);
	if (ret < 0) {
		close(fd);
		return error_host(err, ret,
				  "%s: cannot listen on \"%s\": %s; check the "
				  "path and its permissions",
				  cd->name, cd->path, strerror(-ret));
	}
	s->listener.fd = fd;
	return 0;
}

static int listen_on_fd(struct chardev_socket *s, int given, struct error *err)
{
	struct chardev *cd = &s->cd;
	int listening = 0;
	socklen_t len = sizeof(listening);

	int fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_host(err, -errno,
				  "%s: cannot duplicate descriptor %d: %s; "
				  "raise the limit on open files",
				  cd->name, given, strerror(errno));
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    !listening) {
		close(fd);
		return error_usage(err,
				   "%s: descriptor %d is not a listening "
				   "socket; a connected one needs fd= without "
				   "socket",
				   cd->name, given);
	}
	/* A client may go away between epoll and accept(). */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	s->listener.fd = fd;
	return 0;
}

static void socket_close(struct chardev *cd)
{
	struct chardev_socket *s = to_socket(cd);
	struct stat st;

	if (cd->started)
		evloop_remove(cd->env.loop, &s->listener);
	ev_timer_destroy(&s->retry);
	if (s->listener.fd >= 0)
		close(s->listener.fd);
	if (s->bound && cd->folder >= 0 &&
	    fstatat(cd->folder, chardev_leaf(cd), &st, AT_SYMLINK_NOFOLLOW) ==
		    0 &&
	    st.st_dev == s->dev && st.st_ino == s->ino)
		unlinkat(cd->folder, chardev_leaf(cd), 0);
}

static int socket_check(struct chardev *cd, struct error *err)
{
	struct sockaddr_un addr;

	int ret = make_address(cd, &addr, err);
	if (ret == 0)
		ret = check_path(cd, &addr, err);
	return ret < 0 ? ret : 0;
}

static int socket_open(struct chardev *cd, const struct chardev_config *cfg,
		       struct error *err)
{
	struct chardev_socket *s = to_socket(cd);

	s->listener = (struct ev_source){
		.fd = -1,
		.events = EPOLLIN,
		.fn = on_connection,
	};
	int ret = ev_timer_init(&s->retry, cd->env.loop, on_retry, NULL);
	if (ret < 0)
		return error_host(err, ret, "%s: cannot make a timer: %s",
				  cd->name, strerror(-ret));
	if (cfg->fd >= 0)
		ret = listen_on_fd(s, cfg->fd, err);
	else
		ret = socket_check(cd, err);
	if (ret < 0)
		ev_timer_destroy(&s->retry);
	return ret;
}

static int socket_start(struct chardev *cd, struct error *err)
{
	struct chardev_socket *s = to_socket(cd);

	int ret = evloop_add(cd->env.loop, &s->listener);
	if (ret < 0)
		return error_host(err, ret, "%s: cannot watch the socket: %s",
				  cd->name, strerror(-ret));
	if (s->bound)
		log_info(cd->env.log, "%s: listening on %s", cd->name,
			 cd->path);
	return 0;
}

const struct chardev_ops chardev_socket_ops = {
	.size = sizeof(struct chardev_socket),
	.open = socket_open,
	.make = socket_make,
	.start = socket_start,
	.ended = socket_ended,
	.close = socket_close,
};
