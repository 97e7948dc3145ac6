/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues while the guest's other CPUs are at work, and by chance. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "tests/unit/virtq_fixture.h"
#include "vmm/fence.h"

/* Another vCPU changes descriptors while we look. */
struct flipper {
	_Atomic bool stop;
	_Atomic uint64_t *words;
	uint64_t values[2][2];
};

static void *flip(void *arg)
{
	struct flipper *f = arg;

	for (unsigned i = 0; !atomic_load(&f->stop); i ^= 1) {
		atomic_store(&f->words[0], f->values[i][0]);
		atomic_store(&f->words[1], f->values[i][1]);
	}
	return NULL;
}

static void flip_start(struct flipper *f, struct fx *fx, uint64_t at,
		       pthread_t *thread)
{
	f->words = gmem_range(&fx->gmem, at, 16);
	assert_non_null(f->words);
	assert_int_equal(pthread_create(thread, NULL, flip, f), 0);
}

static void flip_stop(struct flipper *f, pthread_t thread)
{
	atomic_store(&f->stop, true);
	pthread_join(thread, NULL);
}

/* As after a reset, but the descriptors stay as they are. */
static void start_again(struct fx *fx)
{
	virtq_disable(&fx->vq);
	fake_queue_set_avail_idx(&fx->q, 0);
	assert_int_equal(virtq_enable(&fx->vq), 0);
}

/* Address and length are both good or both bad, in any combination. */
static void test_changing_descriptor(void **state)
{
	struct fx *fx = *state;
	struct flipper f = { .values = {
				     { htole64(RAM_BASE), htole64(64) },
				     { htole64(RAM_END - 16), htole64(16) },
			     } };
	uint8_t *host = fx->gmem.regions[0].host;
	unsigned good = 0, bad = 0;
	pthread_t thread;

	fake_queue_set_desc(&fx->q, 0, RAM_BASE, 64, 0, 0);
	flip_start(&f, fx, fx->q.desc, &thread);
	for (unsigned i = 0; i < 200000; i++) {
		fake_queue_publish(&fx->q, 0);
		int ret = virtq_pop(&fx->vq, &fx->chain);

		if (ret == 1) {
			const struct iovec *v = &fx->chain.iov[0];

			assert_true(v->iov_len == 64 || v->iov_len == 16);
			assert_int_equal(fx->chain.out_len, v->iov_len);
			assert_true(v->iov_base == host ||
				    (v->iov_base == host + RAM_SIZE - 16 &&
				     v->iov_len == 16));
			virtq_push(&fx->vq, 0, 0);
			good++;
		} else {
			/* The end of RAM with the length of the other. */
			assert_int_equal(ret, -EPROTO);
			start_again(fx);
			bad++;
		}
	}
	flip_stop(&f, thread);
	assert_true(good + bad == 200000 && good > 0);
}

/* A table that now and then refers to itself, or beyond its end. */
static void test_changing_table(void **state)
{
	struct fx *fx = *state;
	uint64_t gpa = table(fx, 4, 0, 0);
	struct flipper f = { .values = {
				     { htole64(RAM_BASE),
				       htole64(1 | 1ULL << 32 | 2ULL << 48) },
				     { htole64(gpa),
				       htole64(64 | 5ULL << 32 | 9ULL << 48) },
			     } };
	pthread_t thread;

	flip_start(&f, fx, gpa + 16, &thread);
	for (unsigned i = 0; i < 50000; i++) {
		one(fx, gpa, 64, FAKE_DESC_INDIRECT);
		int ret = virtq_pop(&fx->vq, &fx->chain);

		if (ret == 1) {
			assert_int_equal(fx->chain.nr_out, 4);
			virtq_push(&fx->vq, 0, 0);
		} else {
			assert_int_equal(ret, -EPROTO);
			start_again(fx);
		}
	}
	flip_stop(&f, thread);
}

/*
 * Doorbells and interrupts are never lost: driver and device on two threads,
 * each sleeps when it has nothing to do and is woken by the other only as
 * often as VIRTIO_F_EVENT_IDX (or the flags) ask for.
 */
#define PINGS 10000U

struct ping {
	struct fx *fx;
	int doorbell;
	int irq;
	_Atomic bool lost;
};

static bool wait_for(struct ping *p, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&pfd, 1, 20000) != 1) {
		atomic_store(&p->lost, true);
		return false;
	}
	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void wake(int fd)
{
	uint64_t n = 1;

	assert_int_equal(write(fd, &n, sizeof(n)), sizeof(n));
}

static void *ping_device(void *arg)
{
	struct ping *p = arg;
	struct virtq *vq = &p->fx->vq;
	unsigned done = 0;

	while (done < PINGS && wait_for(p, p->doorbell)) {
		do {
			virtq_disable_notify(vq);
			while (virtq_pop(vq, &p->fx->chain) == 1) {
				virtq_push(vq, p->fx->chain.head, done++);
				if (virtq_must_signal(vq))
					wake(p->irq);
			}
		} while (virtq_enable_notify(vq));
	}
	return NULL;
}

static void ping_driver(struct ping *p)
{
	struct fake_queue *q = &p->fx->q;
	struct fake_buf buf = { .gpa = RAM_BASE, .len = 1 };
	struct fake_used used;
	unsigned sent = 0, seen = 0;

	while (seen < PINGS) {
		while (sent < PINGS && q->nr_free > 0) {
			fake_queue_add(q, &buf, 1, false);
			sent++;
			if (fake_queue_wants_kick(q))
				wake(p->doorbell);
		}
		while (fake_queue_used(q, &used)) {
			assert_int_equal(used.len, seen);
			seen++;
		}
		/* used_event was written: the last look before sleeping. */
		full_fence();
		if (fake_queue_used_idx(q) == q->used_seen && seen < PINGS &&
		    q->nr_free == 0 && !wait_for(p, p->irq))
			return;
		if (seen == sent && sent == PINGS)
			return;
	}
}

static void test_no_lost_wakeup(void **state)
{
	struct fx *fx = *state;

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct ping p = {
			.fx = fx,
			.doorbell = eventfd(0, EFD_CLOEXEC),
			.irq = eventfd(0, EFD_CLOEXEC),
		};
		pthread_t thread;

		connect(fx, 2);
		fx->vq.event_idx = event_idx == 1;
		fx->q.event_idx = event_idx == 1;
		assert_int_equal(pthread_create(&thread, NULL, ping_device, &p),
				 0);
		ping_driver(&p);
		pthread_join(thread, NULL);
		assert_false(atomic_load(&p.lost));
		close(p.doorbell);
		close(p.irq);
	}
}

/*
 * The same, move against move: both sides write first and then look at the
 * same moment, and one of them has to see the other. Without the full fences
 * both miss each other every so often, on any processor with store buffers.
 */
#define DUELS 100000U

/* On a busy machine they take turns of the scheduler's: fewer have to do. */
#define DUEL_NS (2 * NSEC_PER_SEC)

/**
 * struct duel - Two threads that meet before and after each move
 * @over: this round is the last; set by the device before the moves, read by
 *	the driver before the round's end
 */
struct duel {
	struct fx *fx;
	_Atomic bool over;
	_Atomic unsigned turn[2];
	bool seen[2];
	void (*driver)(struct duel *d);
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void meet(struct duel *d, int me, unsigned turn)
{
	atomic_store(&d->turn[me], turn);
	for (unsigned spins = 0; atomic_load(&d->turn[!me]) < turn; spins++)
		if (spins % 1024 == 1023)
			sched_yield();
}

static void *duel_driver(void *arg)
{
	struct duel *d = arg;

	for (unsigned i = 0; i < DUELS; i++) {
		meet(d, 1, 2 * i + 1);
		d->driver(d);

		bool over = atomic_load(&d->over);
		meet(d, 1, 2 * i + 2);
		if (over)
			break;
	}
	return NULL;
}

static void driver_publishes(struct duel *d)
{
	fake_queue_publish(&d->fx->q, 0);
	d->seen[1] = fake_queue_wants_kick(&d->fx->q);
}

static void driver_wants_irq(struct duel *d)
{
	struct fake_queue *q = &d->fx->q;

	if (q->event_idx)
		fake_queue_set_used_event(q, q->used_seen);
	else
		fake_queue_set_avail_flags(q, 0);
	full_fence();
	d->seen[1] = fake_queue_used_idx(q) != q->used_seen;
}

/* The device asks for doorbells while the driver publishes a chain. */
static void duel_for_doorbell(struct duel *d, unsigned i)
{
	struct virtq *vq = &d->fx->vq;

	virtq_disable_notify(vq);
	meet(d, 0, 2 * i + 1);
	d->seen[0] = virtq_enable_notify(vq);
	meet(d, 0, 2 * i + 2);
	expect_pop(d->fx, 0);
	virtq_push(vq, 0, 0);
}

/* The device pushes a chain while the driver asks for interrupts. */
static void duel_for_irq(struct duel *d, unsigned i)
{
	struct fx *fx = d->fx;

	fake_queue_publish(&fx->q, 0);
	expect_pop(fx, 0);
	fake_queue_set_avail_flags(&fx->q, FAKE_AVAIL_NO_IRQ);
	meet(d, 0, 2 * i + 1);
	virtq_push(&fx->vq, 0, 0);
	d->seen[0] = virtq_must_signal(&fx->vq);
	meet(d, 0, 2 * i + 2);
	fx->q.used_seen++;
}

static void duel(struct fx *fx, bool event_idx, bool irq)
{
	struct duel d = {
		.fx = fx,
		.driver = irq ? driver_wants_irq : driver_publishes,
	};
	unsigned missed = 0;
	pthread_t thread;

	connect(fx, QUEUE_SIZE);
	fx->vq.event_idx = event_idx;
	fx->q.event_idx = event_idx;
	fake_queue_set_desc(&fx->q, 0, RAM_BASE, 1, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, duel_driver, &d), 0);
	uint64_t end = now_ns() + DUEL_NS;
	for (unsigned i = 0; i < DUELS && !atomic_load(&d.over); i++) {
		if (now_ns() >= end)
			atomic_store(&d.over, true);
		if (irq)
			duel_for_irq(&d, i);
		else
			duel_for_doorbell(&d, i);
		missed += !d.seen[0] && !d.seen[1];
	}
	pthread_join(thread, NULL);
	assert_int_equal(missed, 0);
}

static void test_fences(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		duel(*state, i & 1, i & 2);
}

/*
 * A driver that does everything that is allowed, by chance (with a fixed
 * seed): chains of any shape, several in flight, given back in any order.
 * Every byte arrives.
 */
struct request {
	bool used;
	unsigned nr_in;
	uint64_t out_len;
	uint64_t in_len;
	uint64_t in_gpa[8];
	uint32_t in_buf_len[8];
	uint8_t seed;
};

struct randomiser {
	uint64_t state;
};

static uint32_t draw(struct randomiser *r, uint32_t below)
{
	/* xorshift64*; good enough, and the same everywhere. */
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (uint32_t)((r->state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static uint8_t pattern(uint8_t seed, uint64_t i)
{
	return (uint8_t)(seed + i * 31 + (i >> 8) * 7);
}

static uint16_t send_random(struct fx *fx, struct randomiser *r,
			    struct request *requests, uint64_t heap)
{
	struct fake_buf bufs[8];
	unsigned n = 1 + draw(r, 8);
	unsigned nr_out = draw(r, n + 1);
	struct request req = { .used = true, .seed = (uint8_t)draw(r, 256) };

	fx->drv.next = heap;
	for (unsigned i = 0; i < n; i++) {
		uint32_t len = draw(r, 4) ? draw(r, 600) : draw(r, 2);
		uint64_t gpa = fake_alloc(&fx->drv, len, 1U << draw(r, 4));

		bufs[i] = (struct fake_buf){ gpa, len, i >= nr_out };
		for (uint32_t k = 0; k < len && i < nr_out; k++) {
			uint8_t byte = pattern(req.seed, req.out_len + k);

			fake_write(&fx->drv, gpa + k, &byte, 1);
		}
		if (i < nr_out) {
			req.out_len += len;
			continue;
		}
		req.in_gpa[req.nr_in] = gpa;
		req.in_buf_len[req.nr_in++] = len;
		req.in_len += len;
	}
	bool indirect = fx->q.nr_free < n || draw(r, 2);
	uint16_t head = fake_queue_add(&fx->q, bufs, n, indirect);

	requests[head] = req;
	return head;
}

static uint32_t serve(struct fx *fx, const struct request *req,
		      struct randomiser *r)
{
	uint8_t buf[8 * 600];
	uint32_t written = draw(r, (uint32_t)req->in_len + 1);

	assert_int_equal(fx->chain.out_len, req->out_len);
	assert_int_equal(fx->chain.in_len, req->in_len);
	assert_int_equal(virtq_chain_read(&fx->chain, 0, buf, sizeof(buf)),
			 req->out_len);
	for (uint64_t i = 0; i < req->out_len; i++)
		assert_int_equal(buf[i], pattern(req->seed, i));
	for (uint32_t i = 0; i < written; i++)
		buf[i] = (uint8_t)~pattern(req->seed, i);
	assert_int_equal(
		virtq_chain_write(&fx->vq, &fx->chain, 0, buf, written),
		written);
	return written;
}

static void check_reply(struct fx *fx, const struct request *req,
			uint32_t written)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < req->nr_in; i++) {
		for (uint32_t k = 0; k < req->in_buf_len[i]; k++, done++) {
			uint8_t byte;

			if (done == written)
				return;
			fake_read(&fx->drv, req->in_gpa[i] + k, &byte, 1);
			assert_int_equal(byte,
					 (uint8_t)~pattern(req->seed, done));
		}
	}
}

struct served {
	uint16_t head;
	uint32_t written;
};

/* Give back a random one of those that were popped. */
static unsigned give_back(struct fx *fx, struct randomiser *r,
			  struct served *served, unsigned count)
{
	unsigned pick = draw(r, count);

	virtq_push(&fx->vq, served[pick].head, served[pick].written);
	served[pick] = served[count - 1];
	return count - 1;
}

static void test_random(void **state)
{
	struct fx *fx = *state;
	struct randomiser r = { .state = 0x5eed0fca11ab1e };
	struct request *requests = calloc(32, sizeof(*requests));
	struct served served[32];
	unsigned nr_served = 0, finished = 0;

	assert_non_null(requests);
	connect(fx, 32);
	/* Each request has memory of its own, by its turn. */
	uint64_t heap = align_up(fx->drv.next, 4096);

	for (unsigned turn = 0; turn < 60000; turn++) {
		uint32_t what = draw(&r, 4);
		struct fake_used used;

		if (what <= 1 && fx->q.nr_free >= 8) {
			send_random(fx, &r, requests,
				    heap + turn % 256 * 8192ULL);
		} else if (what == 2 && virtq_pop(&fx->vq, &fx->chain) == 1) {
			uint16_t head = fx->chain.head;

			assert_true(requests[head].used);
			served[nr_served++] = (struct served){
				head, serve(fx, &requests[head], &r)
			};
		} else if (what == 3 && nr_served > 0) {
			nr_served = give_back(fx, &r, served, nr_served);
		}
		if (!fake_queue_used(&fx->q, &used))
			continue;
		assert_true(requests[used.id].used);
		check_reply(fx, &requests[used.id], used.len);
		requests[used.id].used = false;
		finished++;
	}
	assert_true(finished > 10000);
	assert_false(fx->vq.broken);
	free(requests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_changing_descriptor),
		TEST(test_changing_table),
		TEST(test_no_lost_wakeup),
		TEST(test_fences),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
