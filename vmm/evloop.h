/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread: an epoll loop over descriptors, timers and posted work.
 *
 * Everything that waits for the host runs here: doorbells (ioeventfd), taps,
 * consoles, timers, completions of disk requests. Objects are embedded in
 * their owners and never allocated by the loop. Each may name a lock, which
 * the loop takes around the callback: for a device it is the device's lock.
 *
 * A source may be added from any thread. Removing one is safe on the I/O
 * thread itself (also from a callback), or while the loop does not run, or
 * through evloop_call(); after that its callback is not called again.
 */
#ifndef PRIVET_VMM_EVLOOP_H
#define PRIVET_VMM_EVLOOP_H

#include <pthread.h>
#include "vmm/error.h"

struct evloop;

/**
 * struct ev_source - A descriptor to watch
 * @fd: descriptor, owned by the embedder; -1 when not added
 * @events: EPOLLIN, EPOLLOUT, ...; 0 watches for errors only
 * @fn: called on the I/O thread with the events that happened
 * @lock: held around @fn, or NULL
 */
struct ev_source {
	int fd;
	uint32_t events;
	void (*fn)(struct ev_source *src, uint32_t events);
	pthread_mutex_t *lock;
};

/**
 * struct ev_work - A call to be made on the I/O thread
 * @fn: the call
 * @lock: held around @fn, or NULL
 * @next, @pending: owned by the loop
 */
struct ev_work {
	void (*fn)(struct ev_work *work);
	pthread_mutex_t *lock;
	struct ev_work *next;
	bool pending;
};

/**
 * struct ev_timer - A one-shot timer on CLOCK_MONOTONIC
 * @fn: called on the I/O thread after expiry
 */
struct ev_timer {
	struct ev_source src;
	struct evloop *loop;
	void (*fn)(struct ev_timer *timer);
};

int evloop_create(struct evloop **out, struct error *err);
void evloop_destroy(struct evloop *loop);

/** evloop_start() - Start the I/O thread */
int evloop_start(struct evloop *loop, struct error *err);

/** evloop_stop() - Stop and join it; work still posted is run first */
void evloop_stop(struct evloop *loop);

/**
 * evloop_run_once() - One turn of the loop on the calling thread
 * @timeout_ms: longest wait; 0 polls, -1 waits
 *
 * For unit tests and for the loop's own thread.
 *
 * Return: the number of callbacks made, or negative errno.
 */
int evloop_run_once(struct evloop *loop, int timeout_ms);

int evloop_add(struct evloop *loop, struct ev_source *src);

/** evloop_modify() - Change @events; Context: any thread */
int evloop_modify(struct evloop *loop, struct ev_source *src, uint32_t events);
void evloop_remove(struct evloop *loop, struct ev_source *src);

/**
 * evloop_post() - Queue a call; does nothing when it is queued already
 *
 * Context: any thread, any lock held. Never fails.
 */
void evloop_post(struct evloop *loop, struct ev_work *work);

/**
 * evloop_cancel() - Take a queued call back; does nothing when it is not queued
 *
 * Afterwards @work may be freed, unless another thread posts it again.
 *
 * Context: the I/O thread, also from a callback; or while the loop does not
 * run.
 */
void evloop_cancel(struct evloop *loop, struct ev_work *work);

/**
 * evloop_call() - Run @fn on the I/O thread and wait for it
 *
 * Runs it at once on the calling thread when that is the I/O thread or when
 * the loop has not been started. Callbacks that began before have ended when
 * this returns. No lock may be held that a callback takes.
 */
void evloop_call(struct evloop *loop, void (*fn)(void *arg), void *arg);

/**
 * ev_timer_init() - Make a timer
 * @lock: held around @fn, or NULL
 */
int ev_timer_init(struct ev_timer *timer, struct evloop *loop,
		  void (*fn)(struct ev_timer *timer), pthread_mutex_t *lock);

/** ev_timer_set() - (Re)arm to fire @delay_ns from now; 0 fires at once */
void ev_timer_set(struct ev_timer *timer, uint64_t delay_ns);
void ev_timer_cancel(struct ev_timer *timer);
void ev_timer_destroy(struct ev_timer *timer);

#endif
