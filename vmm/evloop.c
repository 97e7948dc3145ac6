/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread.
 *
 * Theory of operation: one epoll set; its entries point to the embedded
 * ev_source. Posted work sits in a list under a lock, and an eventfd wakes
 * the loop. A source that is removed, or work that is cancelled, while a batch
 * of them is being dispatched is taken out of the batch, so its callback cannot
 * come later.
 */
#include "vmm/evloop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVLOOP_BATCH 32

struct work_list {
	struct ev_work *first;
	struct ev_work *last;
};

/**
 * struct evloop - An event loop
 * @queued: posted since the last turn began its work
 * @batched: what is left of that turn's work
 */
struct evloop {
	int epoll_fd;
	struct ev_source wake;
	pthread_t thread;
	bool started;

	/* Guards the lists and @stop. */
	pthread_mutex_t lock;
	struct work_list queued;
	struct work_list batched;
	bool stop;

	/* Only the dispatching thread touches these. */
	struct epoll_event batch[EVLOOP_BATCH];
	int batch_len;
	int batch_pos;
};

static void wake_up(struct evloop *loop)
{
	uint64_t one = 1;

	/* A full counter wakes the loop as well: the result is of no use. */
	while (write(loop->wake.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void on_wake(struct ev_source *src, uint32_t events)
{
	uint64_t count;

	(void)events;
	while (read(src->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

int evloop_create(struct evloop **out, struct error *err)
{
	struct evloop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL)
		return error_nomem(err, "the event loop");

	int ret;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		ret = error_host(err, -errno,
				 "cannot create an epoll set: %s; raise the "
				 "limit on open files",
				 strerror(errno));
		goto err_free;
	}
	loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake.fd < 0) {
		ret = error_host(
			err, -errno,
			"cannot create an eventfd: %s; raise the limit "
			"on open files",
			strerror(errno));
		goto err_epoll;
	}
	loop->wake.events = EPOLLIN;
	loop->wake.fn = on_wake;
	ret = evloop_add(loop, &loop->wake);
	if (ret < 0) {
		error_host(err, ret, "cannot watch an eventfd: %s",
			   strerror(-ret));
		goto err_wake;
	}
	pthread_mutex_init(&loop->lock, NULL);
	*out = loop;
	return 0;

err_wake:
	close(loop->wake.fd);
err_epoll:
	close(loop->epoll_fd);
err_free:
	free(loop);
	return ret;
}

void evloop_destroy(struct evloop *loop)
{
	if (loop == NULL)
		return;
	evloop_stop(loop);
	close(loop->wake.fd);
	close(loop->epoll_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

static void call_locked(pthread_mutex_t *lock, void (*fn)(void *), void *arg)
{
	if (lock != NULL)
		pthread_mutex_lock(lock);
	fn(arg);
	if (lock != NULL)
		pthread_mutex_unlock(lock);
}

/*
 * Lists of posted work; the loop's lock is held.
 */

static void append_work(struct work_list *list, struct ev_work *work)
{
	work->next = NULL;
	if (list->last != NULL)
		list->last->next = work;
	else
		list->first = work;
	list->last = work;
}

static bool remove_work(struct work_list *list, const struct ev_work *work)
{
	struct ev_work *before = NULL, *w = list->first;

	while (w != NULL && w != work) {
		before = w;
		w = w->next;
	}
	if (w == NULL)
		return false;
	if (before != NULL)
		before->next = w->next;
	else
		list->first = w->next;
	if (list->last == w)
		list->last = before;
	return true;
}

static void batch_work(struct evloop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->batched = loop->queued;
	loop->queued = (struct work_list){ 0 };
	pthread_mutex_unlock(&loop->lock);
}

/* From then on it may be posted again, or freed by its call. */
static struct ev_work *take_work(struct evloop *loop)
{
	pthread_mutex_lock(&loop->lock);
	struct ev_work *work = loop->batched.first;
	if (work != NULL) {
		remove_work(&loop->batched, work);
		work->pending = false;
	}
	pthread_mutex_unlock(&loop->lock);
	return work;
}

static void run_work_fn(void *arg)
{
	struct ev_work *work = arg;

	work->fn(work);
}

/*
 * Runs what was queued when it began: work that posts itself again waits for
 * the next turn, so descriptors get theirs.
 */
static int run_work(struct evloop *loop)
{
	struct ev_work *work;
	int calls = 0;

	batch_work(loop);
	while ((work = take_work(loop)) != NULL) {
		call_locked(work->lock, run_work_fn, work);
		calls++;
	}
	return calls;
}

struct source_call {
	struct ev_source *src;
	uint32_t events;
};

static void run_source_fn(void *arg)
{
	struct source_call *call = arg;

	call->src->fn(call->src, call->events);
}

int evloop_run_once(struct evloop *loop, int timeout_ms)
{
	pthread_mutex_lock(&loop->lock);
	if (loop->queued.first != NULL)
		timeout_ms = 0;
	pthread_mutex_unlock(&loop->lock);

	int n = epoll_wait(loop->epoll_fd, loop->batch, EVLOOP_BATCH,
			   timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;

	int calls = 0;
	loop->batch_len = n < 0 ? 0 : n;
	for (loop->batch_pos = 0; loop->batch_pos < loop->batch_len;
	     loop->batch_pos++) {
		struct epoll_event *ev = &loop->batch[loop->batch_pos];
		struct source_call call = { ev->data.ptr, ev->events };

		if (call.src == NULL)
			continue;
		call_locked(call.src->lock, run_source_fn, &call);
		if (call.src != &loop->wake)
			calls++;
	}
	loop->batch_len = 0;
	return calls + run_work(loop);
}

static bool must_stop(struct evloop *loop)
{
	pthread_mutex_lock(&loop->lock);
	bool stop = loop->stop && loop->queued.first == NULL;
	pthread_mutex_unlock(&loop->lock);
	return stop;
}

static void *loop_thread(void *arg)
{
	struct evloop *loop = arg;

	while (!must_stop(loop)) {
		if (evloop_run_once(loop, -1) < 0)
			break;
	}
	return NULL;
}

int evloop_start(struct evloop *loop, struct error *err)
{
	loop->stop = false;

	int ret = pthread_create(&loop->thread, NULL, loop_thread, loop);
	if (ret != 0)
		return error_host(err, -ret,
				  "cannot start the I/O thread: %s; raise the "
				  "limit on processes",
				  strerror(ret));
	pthread_setname_np(loop->thread, "io");
	loop->started = true;
	return 0;
}

void evloop_stop(struct evloop *loop)
{
	if (!loop->started)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	pthread_mutex_unlock(&loop->lock);
	wake_up(loop);
	pthread_join(loop->thread, NULL);
	loop->started = false;
}

int evloop_add(struct evloop *loop, struct ev_source *src)
{
	struct epoll_event ev = { .events = src->events, .data.ptr = src };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, src->fd, &ev) < 0)
		return -errno;
	return 0;
}

int evloop_modify(struct evloop *loop, struct ev_source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, src->fd, &ev) < 0)
		return -errno;
	src->events = events;
	return 0;
}

void evloop_remove(struct evloop *loop, struct ev_source *src)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
	for (int i = 0; i < loop->batch_len; i++) {
		if (loop->batch[i].data.ptr == src)
			loop->batch[i].data.ptr = NULL;
	}
}

void evloop_post(struct evloop *loop, struct ev_work *work)
{
	pthread_mutex_lock(&loop->lock);
	bool queued = work->pending;
	if (!queued) {
		work->pending = true;
		append_work(&loop->queued, work);
	}
	pthread_mutex_unlock(&loop->lock);
	if (!queued)
		wake_up(loop);
}

void evloop_cancel(struct evloop *loop, struct ev_work *work)
{
	pthread_mutex_lock(&loop->lock);
	if (work->pending && !remove_work(&loop->queued, work))
		remove_work(&loop->batched, work);
	work->pending = false;
	pthread_mutex_unlock(&loop->lock);
}

struct call {
	struct ev_work work;
	void (*fn)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void run_call(struct ev_work *work)
{
	struct call *call = container_of(work, struct call, work);

	call->fn(call->arg);
	pthread_mutex_lock(&call->lock);
	call->done = true;
	pthread_cond_signal(&call->cond);
	pthread_mutex_unlock(&call->lock);
}

void evloop_call(struct evloop *loop, void (*fn)(void *arg), void *arg)
{
	if (!loop->started || pthread_equal(pthread_self(), loop->thread)) {
		fn(arg);
		return;
	}

	struct call call = {
		.work.fn = run_call,
		.fn = fn,
		.arg = arg,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
	};

	evloop_post(loop, &call.work);
	pthread_mutex_lock(&call.lock);
	while (!call.done)
		pthread_cond_wait(&call.cond, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_cond_destroy(&call.cond);
	pthread_mutex_destroy(&call.lock);
}

static void on_timer(struct ev_source *src, uint32_t events)
{
	struct ev_timer *timer = container_of(src, struct ev_timer, src);
	uint64_t count;

	(void)events;
	/* Nothing to read: it was cancelled or set anew since it expired. */
	if (read(src->fd, &count, sizeof(count)) == sizeof(count))
		timer->fn(timer);
}

int ev_timer_init(struct ev_timer *timer, struct evloop *loop,
		  void (*fn)(struct ev_timer *timer), pthread_mutex_t *lock)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;

	*timer = (struct ev_timer){
		.src = { .fd = fd,
			 .events = EPOLLIN,
			 .fn = on_timer,
			 .lock = lock },
		.loop = loop,
		.fn = fn,
	};

	int ret = evloop_add(loop, &timer->src);
	if (ret < 0) {
		close(fd);
		timer->src.fd = -1;
		timer->loop = NULL;
	}
	return ret;
}

static void set_timer(struct ev_timer *timer, uint64_t delay_ns)
{
	struct itimerspec spec = {
		.it_value.tv_sec =
			(time_t)min_u64(delay_ns / NSEC_PER_SEC, INT32_MAX),
		.it_value.tv_nsec = (long)(delay_ns % NSEC_PER_SEC),
	};

	timerfd_settime(timer->src.fd, 0, &spec, NULL);
}

void ev_timer_set(struct ev_timer *timer, uint64_t delay_ns)
{
	/* Zero would disarm it. */
	set_timer(timer, max_u64(delay_ns, 1));
}

void ev_timer_cancel(struct ev_timer *timer)
{
	set_timer(timer, 0);
}

void ev_timer_destroy(struct ev_timer *timer)
{
	if (timer->loop == NULL)
		return;
	evloop_remove(timer->loop, &timer->src);
	close(timer->src.fd);
	timer->loop = NULL;
}
