/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character backends: open, start and close.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Too short for anybody to notice, long enough for a line of output. */
#define GATHER_MS 2U

static const struct chardev_ops *const backends[] = {
	[CHARDEV_NULL] = NULL,
	[CHARDEV_STDIO] = &chardev_stdio_ops,
	[CHARDEV_PTY] = &chardev_pty_ops,
	[CHARDEV_SOCKET] = &chardev_socket_ops,
	[CHARDEV_FILE] = &chardev_file_ops,
	[CHARDEV_FD] = &chardev_fd_ops,
};

static int make_rings(struct chardev *cd)
{
	cd->tx.size = CHARDEV_TX_RING;
	cd->rx.size = CHARDEV_RX_RING;
	cd->tx.data = malloc(cd->tx.size);
	cd->rx.data = malloc(cd->rx.size);
	return cd->tx.data != NULL && cd->rx.data != NULL ? 0 : -ENOMEM;
}

static void free_chardev(struct chardev *cd)
{
	pthread_cond_destroy(&cd->moved);
	pthread_mutex_destroy(&cd->lock);
	free(cd->tx.data);
	free(cd->rx.data);
	free(cd->name);
	free(cd->path);
	if (cd->folder >= 0)
		close(cd->folder);
	free(cd);
}

static void init_sync(struct chardev *cd)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&cd->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cd->moved, &attr);
	pthread_condattr_destroy(&attr);
}

static int copy_names(struct chardev *cd, const char *name, const char *path)
{
	cd->name = strdup(name);
	if (cd->name == NULL)
		return -ENOMEM;
	if (path != NULL) {
		cd->path = strdup(path);
		if (cd->path == NULL)
			return -ENOMEM;
	}
	return 0;
}

static struct chardev *alloc_chardev(const struct chardev_env *env,
				     const char *name,
				     const struct chardev_config *cfg)
{
	const struct chardev_ops *ops = backends[cfg->kind];
	struct chardev *cd = calloc(1, ops ? ops->size : sizeof(*cd));

	if (cd == NULL)
		return NULL;
	init_sync(cd);
	cd->folder = -1;
	cd->ops = ops;
	cd->env = *env;
	cd->kick.fn = chardev_on_kick;
	cd->stall_ms = CHARDEV_STALL_MS;
	cd->gather_ns = GATHER_MS * NSEC_PER_MSEC;
	chardev_end_init(&cd->in, cd, EPOLLIN);
	chardev_end_init(&cd->out, cd, EPOLLOUT);
	cd->append = cfg->append;
	if (copy_names(cd, name, cfg->path) < 0 ||
	    (ops != NULL && make_rings(cd) < 0)) {
		free_chardev(cd);
		return NULL;
	}
	return cd;
}

int chardev_open(const struct chardev_env *env, const char *name,
		 const struct chardev_config *cfg, struct chardev **out,
		 struct error *err)
{
	if ((size_t)cfg->kind >= ARRAY_SIZE(backends))
		return error_usage(err, "%s: no such backend", name);

	struct chardev *cd = alloc_chardev(env, name, cfg);
	if (cd == NULL)
		return error_nomem(err, name);
	if (cd->ops == NULL) {
		/* Like /dev/null: always there, so a guest's port is open. */
		cd->connected = true;
		*out = cd;
		return 0;
	}

	int ret = ev_timer_init(&cd->stall, env->loop, chardev_on_stall, NULL);
	if (ret == 0)
		ret = ev_timer_init(&cd->gather, env->loop, chardev_on_gather,
				    NULL);
	if (ret < 0) {
		error_host(err, ret, "%s: cannot make a timer: %s", name,
			   strerror(-ret));
		goto err_timer;
	}
	ret = cd->ops->open(cd, cfg, err);
	if (ret < 0)
		goto err_timer;
	*out = cd;
	return 0;

err_timer:
	chardev_end_close(&cd->in);
	chardev_end_close(&cd->out);
	ev_timer_destroy(&cd->gather);
	ev_timer_destroy(&cd->stall);
	free_chardev(cd);
	return ret;
}

const char *chardev_leaf(const struct chardev *cd)
{
	const char *slash = strrchr(cd->path, '/');

	return slash == NULL ? cd->path : slash + 1;
}

/* The caller frees it. With its slash: that is right for the root, too. */
static char *folder_of(const struct chardev *cd)
{
	size_t len = (size_t)(chardev_leaf(cd) - cd->path);

	return len == 0 ? strdup(".") : strndup(cd->path, len);
}

int chardev_open_folder(struct chardev *cd)
{
	char *folder = folder_of(cd);
	if (folder == NULL)
		return -ENOMEM;

	cd->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret = cd->folder < 0 ? -errno : 0;
	free(folder);
	return ret;
}

int chardev_folder(const struct chardev *cd)
{
	return cd->folder;
}

/* What access() says of the folder. */
static int check_folder(const struct chardev *cd)
{
	char *folder = folder_of(cd);
	if (folder == NULL)
		return -ENOMEM;

	int ret = access(folder, W_OK | X_OK) < 0 ? -errno : 0;
	free(folder);
	return ret;
}

int chardev_check_new(struct chardev *cd, struct error *err)
{
	int ret = check_folder(cd);

	if (ret < 0)
		return error_host(err, ret,
				  "%s: cannot make \"%s\": %s; check the path "
				  "and its permissions",
				  cd->name, cd->path, strerror(-ret));
	return 0;
}

struct start_call {
	struct chardev *cd;
	struct error *err;
	int ret;
};

static void start_on_loop(void *arg)
{
	struct start_call *call = arg;
	struct chardev *cd = call->cd;

	if (cd->ops->start != NULL)
		call->ret = cd->ops->start(cd, call->err);
	if (call->ret < 0)
		return;
	cd->started = true;
	chardev_pump(cd);
}

int chardev_start(struct chardev *cd, struct error *err)
{
	if (cd->ops == NULL || cd->started)
		return 0;

	int ret = cd->ops->make != NULL ? cd->ops->make(cd, err) : 0;
	if (ret < 0)
		return ret;

	struct start_call call = { .cd = cd, .err = err };

	evloop_call(cd->env.loop, start_on_loop, &call);
	return call.ret;
}

void chardev_close(struct chardev *cd)
{
	if (cd == NULL)
		return;
	cd->fe = NULL;
	if (cd->ops != NULL) {
		chardev_flush(cd);
		if (cd->ops->close != NULL)
			cd->ops->close(cd);
		chardev_end_close(&cd->in);
		chardev_end_close(&cd->out);
		ev_timer_destroy(&cd->gather);
		ev_timer_destroy(&cd->stall);
		evloop_cancel(cd->env.loop, &cd->kick);
	}
	free_chardev(cd);
}
