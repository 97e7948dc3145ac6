/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: sources, timers, posted work, removal, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "vmm/evloop.h"

struct probe {
	struct ev_source src;
	struct ev_work work;
	struct ev_timer timer;
	struct evloop *loop;
	struct probe *victim;
	unsigned calls;
	pthread_t thread;
	bool was_locked;
};

static int setup(void **state)
{
	struct evloop *loop;

	assert_int_equal(evloop_create(&loop, NULL), 0);
	*state = loop;
	return 0;
}

static int teardown(void **state)
{
	evloop_destroy(*state);
	return 0;
}

static void on_source(struct ev_source *src, uint32_t events)
{
	struct probe *p = container_of(src, struct probe, src);

	assert_true((events & EPOLLIN) != 0);
	p->calls++;
	p->thread = pthread_self();
	if (src->lock != NULL)
		p->was_locked = pthread_mutex_trylock(src->lock) != 0;
	if (p->victim != NULL) {
		evloop_remove(p->loop, &p->victim->src);
		p->victim = NULL;
	}
}

static void add_probe(struct evloop *loop, struct probe *p)
{
	p->loop = loop;
	p->src.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	p->src.events = EPOLLIN;
	p->src.fn = on_source;
	assert_int_equal(evloop_add(loop, &p->src), 0);
}

static void test_source_is_called_under_its_lock(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct probe p = { .src.lock = &lock };

	add_probe(*state, &p);
	assert_int_equal(evloop_run_once(*state, 0), 1);
	assert_int_equal(p.calls, 1);
	assert_true(p.was_locked);
	assert_int_equal(pthread_mutex_trylock(&lock), 0);
	pthread_mutex_unlock(&lock);

	assert_int_equal(evloop_modify(*state, &p.src, 0), 0);
	assert_int_equal(evloop_run_once(*state, 0), 0);
	evloop_remove(*state, &p.src);
	close(p.src.fd);
}

/* Whichever of the two comes first takes the other out of the batch. */
static void test_removed_source_is_not_called(void **state)
{
	struct probe a = { 0 }, b = { 0 };

	add_probe(*state, &a);
	add_probe(*state, &b);
	a.victim = &b;
	b.victim = &a;
	assert_int_equal(evloop_run_once(*state, 0), 1);
	assert_int_equal(a.calls + b.calls, 1);
	evloop_remove(*state, &a.src);
	evloop_remove(*state, &b.src);
	close(a.src.fd);
	close(b.src.fd);
}

static void on_work(struct ev_work *work)
{
	struct probe *p = container_of(work, struct probe, work);

	p->thread = pthread_self();
	if (++p->calls < 3)
		evloop_post(p->loop, work);
}

static void test_work_is_queued_once_and_may_repost(void **state)
{
	struct probe p = { .work.fn = on_work, .loop = *state };

	evloop_post(*state, &p.work);
	evloop_post(*state, &p.work);
	assert_int_equal(evloop_run_once(*state, 0), 1);
	assert_int_equal(p.calls, 1);
	/* Posted again by its own call: the next turn, without waiting. */
	assert_int_equal(evloop_run_once(*state, -1), 1);
	assert_int_equal(evloop_run_once(*state, -1), 1);
	assert_int_equal(p.calls, 3);
	assert_int_equal(evloop_run_once(*state, 0), 0);
}

/* First and last of the queue, and the only one in it. */
static void test_cancelled_work_is_not_called(void **state)
{
	struct probe p[4];

	for (unsigned victim = 0; victim < 4; victim++) {
		for (unsigned i = 0; i < 4; i++) {
			/* Three calls: it does not post itself again. */
			p[i] = (struct probe){ .work.fn = on_work,
					       .loop = *state,
					       .calls = 2 };
			evloop_post(*state, &p[i].work);
		}
		evloop_cancel(*state, &p[victim].work);
		evloop_cancel(*state, &p[victim].work);
		assert_int_equal(evloop_run_once(*state, 0), 3);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(p[i].calls, i == victim ? 2 : 3);
	}
	evloop_post(*state, &p[0].work);
	evloop_cancel(*state, &p[0].work);
	assert_int_equal(evloop_run_once(*state, 0), 0);
	/* And it may be posted again. */
	evloop_post(*state, &p[0].work);
	assert_int_equal(evloop_run_once(*state, 0), 1);
	evloop_cancel(*state, &p[0].work);
}

static void on_cancelling_work(struct ev_work *work)
{
	struct probe *p = container_of(work, struct probe, work);

	p->calls++;
	evloop_cancel(p->loop, &p->victim->work);
	/* What was posted just now is no part of this turn either. */
	evloop_post(p->loop, &p->victim->work);
	evloop_cancel(p->loop, &p->victim->work);
}

/* Both are due in the same turn; the first to be called stops the other. */
static void test_work_may_cancel_work(void **state)
{
	struct probe a = { .work.fn = on_cancelling_work, .loop = *state };
	struct probe b = { .work.fn = on_cancelling_work, .loop = *state };
	struct probe c = { .work.fn = on_work, .loop = *state, .calls = 2 };

	a.victim = &b;
	b.victim = &a;
	evloop_post(*state, &a.work);
	evloop_post(*state, &b.work);
	evloop_post(*state, &c.work);
	assert_int_equal(evloop_run_once(*state, 0), 2);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	assert_int_equal(c.calls, 3);
	assert_int_equal(evloop_run_once(*state, 0), 0);
}

static void on_timer(struct ev_timer *timer)
{
	container_of(timer, struct probe, timer)->calls++;
}

static void test_timer(void **state)
{
	struct probe p = { 0 };

	assert_int_equal(ev_timer_init(&p.timer, *state, on_timer, NULL), 0);
	assert_int_equal(evloop_run_once(*state, 0), 0);
	ev_timer_set(&p.timer, 0);
	assert_int_equal(evloop_run_once(*state, 10000), 1);
	assert_int_equal(p.calls, 1);
	/* One shot. */
	assert_int_equal(evloop_run_once(*state, 0), 0);

	ev_timer_set(&p.timer, UINT64_MAX);
	assert_int_equal(evloop_run_once(*state, 0), 0);
	ev_timer_set(&p.timer, 0);
	ev_timer_cancel(&p.timer);
	assert_int_equal(evloop_run_once(*state, 0), 0);
	assert_int_equal(p.calls, 1);
	ev_timer_destroy(&p.timer);
	ev_timer_destroy(&p.timer);
}

static void note_thread(void *arg)
{
	((struct probe *)arg)->thread = pthread_self();
	((struct probe *)arg)->calls++;
}

static void test_call_runs_on_the_io_thread(void **state)
{
	struct probe p = { 0 };

	evloop_call(*state, note_thread, &p);
	assert_true(pthread_equal(p.thread, pthread_self()));

	assert_int_equal(evloop_start(*state, NULL), 0);
	evloop_call(*state, note_thread, &p);
	assert_int_equal(p.calls, 2);
	assert_false(pthread_equal(p.thread, pthread_self()));
	evloop_stop(*state);
}

static void test_stop_runs_what_was_posted(void **state)
{
	struct probe p = { .work.fn = on_work, .loop = *state };

	assert_int_equal(evloop_start(*state, NULL), 0);
	evloop_post(*state, &p.work);
	evloop_stop(*state);
	assert_int_equal(p.calls, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_source_is_called_under_its_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_removed_source_is_not_called, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_work_is_queued_once_and_may_repost, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_cancelled_work_is_not_called, setup, teardown),
		cmocka_unit_test_setup_teardown(test_work_may_cancel_work,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_call_runs_on_the_io_thread,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_runs_what_was_posted,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
