/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character backends: rings, callbacks and the stall rule.
 *
 * Theory of operation: chardev_write() and chardev_read() touch the rings
 * under cd->lock and post cd->kick; everything else happens on the I/O
 * thread. There, the pumps move bytes between the rings and the two ends of
 * the current peer until a ring is empty or full, or the host says EAGAIN;
 * then they wait for epoll, or for the next kick.
 *
 * A serial port writes byte by byte. To wake the I/O thread for each would cost
 * many times the byte itself, so single bytes are gathered for a moment.
 *
 * Output is copied out of the ring, written without the lock, and taken out
 * of the ring afterwards by position: meanwhile newer bytes may have pushed it
 * out. Callbacks are made without cd->lock and with the frontend's.
 *
 * A reader may hold the guest back as long as it takes something every
 * CHARDEV_STALL_MS. After that, and while there is none, the newest bytes
 * push the oldest out of the ring.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "vmm/log.h"

#define PUMP_CHUNK 4096U
/* Bytes after which other sources of the loop get their turn. */
#define PUMP_MAX 65536U

/*
 * Rings.
 */

static size_t ring_used(const struct chardev_ring *ring)
{
	return (size_t)(ring->head - ring->tail);
}

static size_t ring_free(const struct chardev_ring *ring)
{
	return ring->size - ring_used(ring);
}

/* @len: at most what is free */
static void ring_put(struct chardev_ring *ring, const uint8_t *buf, size_t len)
{
	size_t at = ring->head & (ring->size - 1);
	size_t first = min_size(len, ring->size - at);

	memcpy(ring->data + at, buf, first);
	memcpy(ring->data, buf + first, len - first);
	ring->head += len;
}

/* Puts all of @buf, pushing out the oldest; returns whether bytes were lost. */
static bool ring_push(struct chardev_ring *ring, const uint8_t *buf, size_t len)
{
	size_t room = ring_free(ring);
	bool lost = len > room;

	if (len > ring->size) {
		buf += len - ring->size;
		len = ring->size;
	}
	if (len > room)
		ring->tail += len - room;
	ring_put(ring, buf, len);
	return lost;
}

static size_t ring_peek(const struct chardev_ring *ring, uint8_t *buf,
			size_t len)
{
	size_t at = ring->tail & (ring->size - 1);

	len = min_size(len, ring_used(ring));
	size_t first = min_size(len, ring->size - at);
	memcpy(buf, ring->data + at, first);
	memcpy(buf + first, ring->data, len - first);
	return len;
}

uint64_t chardev_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/*
 * Callbacks.
 */

static void call_fe(struct chardev *cd, void (*fn)(struct chardev_frontend *fe))
{
	struct chardev_frontend *fe = cd->fe;

	if (fn == NULL)
		return;
	if (fe->lock != NULL)
		pthread_mutex_lock(fe->lock);
	fn(fe);
	if (fe->lock != NULL)
		pthread_mutex_unlock(fe->lock);
}

void chardev_event(struct chardev *cd, enum chardev_event event)
{
	struct chardev_frontend *fe = cd->fe;

	if (fe == NULL || fe->event == NULL)
		return;
	if (fe->lock != NULL)
		pthread_mutex_lock(fe->lock);
	fe->event(fe, event);
	if (fe->lock != NULL)
		pthread_mutex_unlock(fe->lock);
}

/* Whether the next chardev_write() is sure to take something. */
static bool takes_output(const struct chardev *cd)
{
	return !cd->reader || cd->stalled || ring_free(&cd->tx) > 0;
}

static void wake_writer(struct chardev *cd)
{
	pthread_mutex_lock(&cd->lock);
	bool wake = cd->tx_short && takes_output(cd);
	if (wake)
		cd->tx_short = false;
	pthread_cond_broadcast(&cd->moved);
	pthread_mutex_unlock(&cd->lock);
	if (wake && cd->fe != NULL)
		call_fe(cd, cd->fe->tx_ready);
}

/*
 * Output.
 */

static void log_loss(struct chardev *cd)
{
	pthread_mutex_lock(&cd->lock);
	bool lost = cd->lost;
	pthread_mutex_unlock(&cd->lock);
	if (!lost || cd->loss_logged)
		return;
	cd->loss_logged = true;
	log_warning(cd->env.log,
		    "%s: nobody reads: old output makes room for new; this is "
		    "said only once",
		    cd->name);
}

void chardev_on_stall(struct ev_timer *timer)
{
	struct chardev *cd = container_of(timer, struct chardev, stall);
	uint64_t limit = cd->stall_ms * NSEC_PER_MSEC;

	pthread_mutex_lock(&cd->lock);
	uint64_t waited = chardev_now_ns() - cd->progress_ns;
	bool blocked = cd->reader && cd->blocked;
	/* Nothing but this timer tells that a file takes more. */
	bool retry = blocked && waited >= limit && cd->out.mode == END_DIRECT;
	if (blocked && waited >= limit)
		cd->stalled = true;
	if (retry)
		cd->blocked = false;
	pthread_mutex_unlock(&cd->lock);

	if (blocked && waited < limit)
		ev_timer_set(timer, limit - waited);
	wake_writer(cd);
	if (retry)
		chardev_pump(cd);
}

/* The host takes no more: wait for it, but not for ever. */
static void tx_blocked(struct chardev *cd)
{
	pthread_mutex_lock(&cd->lock);
	bool first = !cd->blocked;
	cd->blocked = true;
	if (first)
		cd->progress_ns = chardev_now_ns();
	pthread_mutex_unlock(&cd->lock);

	if (first)
		ev_timer_set(&cd->stall, cd->stall_ms * NSEC_PER_MSEC);
	chardev_end_watch(&cd->out);
}

/* @pos: where the ring's tail was when @len bytes were copied out. */
static void tx_taken(struct chardev *cd, uint64_t pos, size_t len)
{
	pthread_mutex_lock(&cd->lock);
	cd->tx.tail = max_u64(cd->tx.tail, pos + len);
	cd->progress_ns = chardev_now_ns();
	cd->stalled = false;
	cd->blocked = false;
	pthread_mutex_unlock(&cd->lock);
}

static size_t tx_peek(struct chardev *cd, uint8_t *buf, size_t len,
		      uint64_t *pos)
{
	pthread_mutex_lock(&cd->lock);
	*pos = cd->tx.tail;
	len = ring_peek(&cd->tx, buf, len);
	pthread_mutex_unlock(&cd->lock);
	return len;
}

ssize_t chardev_send_some(struct chardev *cd)
{
	uint8_t buf[PUMP_CHUNK];
	uint64_t pos;

	size_t len = tx_peek(cd, buf, sizeof(buf), &pos);
	if (len == 0)
		return 0;
	ssize_t done = chardev_end_write(&cd->out, buf, len);
	if (done > 0)
		tx_taken(cd, pos, (size_t)done);
	return done;
}

static void tx_pump(struct chardev *cd)
{
	size_t total = 0;

	while (cd->reader && cd->out.fd >= 0) {
		if (total >= PUMP_MAX) {
			evloop_post(cd->env.loop, &cd->kick);
			break;
		}
		ssize_t done = chardev_send_some(cd);
		if (done == 0) {
			chardev_end_unwatch(&cd->out);
			break;
		}
		if (done == -EAGAIN) {
			tx_blocked(cd);
			break;
		}
		if (done < 0)
			cd->ops->ended(cd, &cd->out, (int)done);
		else
			total += (size_t)done;
	}
	wake_writer(cd);
}

size_t chardev_write(struct chardev *cd, const void *buf, size_t len)
{
	if (cd->ops == NULL || len == 0)
		return len;

	pthread_mutex_lock(&cd->lock);
	bool hold = cd->reader && !cd->stalled;
	bool newly_lost = false;
	size_t done = len;
	if (hold) {
		done = min_size(len, ring_free(&cd->tx));
		ring_put(&cd->tx, buf, done);
		cd->tx_short |= done < len;
	} else if (ring_push(&cd->tx, buf, len)) {
		newly_lost = !cd->lost;
		cd->lost = true;
	}
	/* A blocked reader is waited for by epoll and the timer. */
	bool kick = newly_lost || (cd->reader && !cd->blocked);
	bool wait = len == 1 && cd->gather_ns > 0 && !newly_lost &&
		    ring_used(&cd->tx) < PUMP_CHUNK;
	bool arm = kick && wait && !cd->gathering;
	if (arm)
		cd->gathering = true;
	pthread_mutex_unlock(&cd->lock);

	if (arm)
		ev_timer_set(&cd->gather, cd->gather_ns);
	else if (kick && !wait)
		evloop_post(cd->env.loop, &cd->kick);
	return done;
}

void chardev_on_gather(struct ev_timer *timer)
{
	struct chardev *cd = container_of(timer, struct chardev, gather);

	pthread_mutex_lock(&cd->lock);
	cd->gathering = false;
	pthread_mutex_unlock(&cd->lock);
	chardev_pump(cd);
}

void chardev_say(struct chardev *cd, const char *text)
{
	pthread_mutex_lock(&cd->lock);
	ring_push(&cd->tx, (const uint8_t *)text, strlen(text));
	pthread_mutex_unlock(&cd->lock);
	evloop_post(cd->env.loop, &cd->kick);
}

/*
 * Input.
 */

void chardev_deliver(struct chardev *cd, const uint8_t *buf, size_t len)
{
	pthread_mutex_lock(&cd->lock);
	len = min_size(len, ring_free(&cd->rx));
	ring_put(&cd->rx, buf, len);
	pthread_mutex_unlock(&cd->lock);
	if (len > 0 && cd->fe != NULL)
		call_fe(cd, cd->fe->rx_ready);
}

/*
 * How many bytes may be read from the host; 0: wait for chardev_read(). One
 * byte of room stays free: an escape key that was held back may follow.
 */
static size_t rx_room(struct chardev *cd)
{
	pthread_mutex_lock(&cd->lock);
	size_t room = ring_free(&cd->rx);
	if (cd->rx_drop)
		room = CHARDEV_RX_RING;
	else if (room < 2)
		cd->rx_paused = true;
	bool paused = cd->rx_paused;
	pthread_mutex_unlock(&cd->lock);
	return paused ? 0 : room - 1;
}

static bool may_read(struct chardev *cd)
{
	return cd->ops->may_read == NULL || cd->ops->may_read(cd);
}

static void rx_pump(struct chardev *cd)
{
	uint8_t buf[CHARDEV_RX_RING];
	struct chardev_end *in = &cd->in;

	if (in->fd < 0 || !cd->connected)
		return;
	size_t room = rx_room(cd);
	if (room == 0) {
		chardev_end_unwatch(in);
		if (cd->ops->paused != NULL)
			cd->ops->paused(cd);
		return;
	}
	if (!may_read(cd)) {
		chardev_end_unwatch(in);
		return;
	}
	ssize_t len = chardev_end_read(in, buf, room);
	if (len == -EAGAIN) {
		chardev_end_watch(in);
		return;
	}
	/* What a process in the background gets that ignores SIGTTIN. */
	if (len == -EIO && !may_read(cd)) {
		chardev_end_unwatch(in);
		return;
	}
	if (len <= 0) {
		cd->ops->ended(cd, in, (int)len);
		return;
	}
	if (cd->ops->input != NULL)
		cd->ops->input(cd, buf, (size_t)len);
	else
		chardev_deliver(cd, buf, (size_t)len);
	/* Epoll tells of the rest, but for what it refuses. */
	chardev_end_watch(in);
	if (in->mode == END_DIRECT)
		evloop_post(cd->env.loop, &cd->kick);
}

size_t chardev_read(struct chardev *cd, void *buf, size_t len)
{
	if (cd->ops == NULL)
		return 0;

	pthread_mutex_lock(&cd->lock);
	len = ring_peek(&cd->rx, buf, len);
	cd->rx.tail += len;
	bool resume = false;
	if (len > 0) {
		cd->rx_drop = false;
		resume = cd->rx_paused &&
			 ring_free(&cd->rx) >= CHARDEV_RX_RING / 2;
		if (resume)
			cd->rx_paused = false;
	}
	pthread_mutex_unlock(&cd->lock);

	if (resume)
		evloop_post(cd->env.loop, &cd->kick);
	return len;
}

bool chardev_readable(struct chardev *cd)
{
	if (cd->ops == NULL)
		return false;
	pthread_mutex_lock(&cd->lock);
	bool readable = ring_used(&cd->rx) > 0;
	pthread_mutex_unlock(&cd->lock);
	return readable;
}

/*
 * Links.
 */

void chardev_set_link(struct chardev *cd, bool reader, bool connected)
{
	pthread_mutex_lock(&cd->lock);
	bool was = cd->connected;
	cd->reader = reader;
	cd->connected = connected;
	cd->stalled = false;
	cd->blocked = false;
	pthread_mutex_unlock(&cd->lock);

	if (was != connected)
		chardev_event(cd, connected ? CHARDEV_CONNECTED
					    : CHARDEV_DISCONNECTED);
	wake_writer(cd);
}

bool chardev_connected(struct chardev *cd)
{
	pthread_mutex_lock(&cd->lock);
	bool connected = cd->connected;
	pthread_mutex_unlock(&cd->lock);
	return connected;
}

bool chardev_size(struct chardev *cd, uint16_t *cols, uint16_t *rows)
{
	return cd->ops != NULL && cd->ops->winsize != NULL &&
	       cd->ops->winsize(cd, cols, rows);
}

void chardev_refresh(struct chardev *cd)
{
	if (cd->ops != NULL && cd->ops->refresh != NULL)
		cd->ops->refresh(cd);
}

void chardev_pump(struct chardev *cd)
{
	if (!cd->started)
		return;
	tx_pump(cd);
	if (!cd->in.watched)
		rx_pump(cd);
}

void chardev_ready(struct chardev *cd, struct chardev_end *end)
{
	if (end == &cd->in)
		rx_pump(cd);
	else
		tx_pump(cd);
}

void chardev_retire(struct chardev *cd, struct chardev_end *end, int error)
{
	struct chardev_end *in = &cd->in, *out = &cd->out;

	if (end == out)
		log_warning(cd->env.log,
			    "%s: output ends here, the other end %s%s",
			    cd->name, error ? "failed: " : "was closed",
			    error ? strerror(-error) : "");
	chardev_end_close(end);
	if (out->fd >= 0 && out->mode == END_SOCKET && chardev_end_hung_up(out))
		chardev_end_close(out);
	chardev_set_link(cd, out->fd >= 0, in->fd >= 0 || out->fd >= 0);
}

void chardev_on_kick(struct ev_work *work)
{
	struct chardev *cd = container_of(work, struct chardev, kick);

	log_loss(cd);
	chardev_pump(cd);
}

void chardev_attach(struct chardev *cd, struct chardev_frontend *fe)
{
	cd->fe = fe;
}
