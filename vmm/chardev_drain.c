/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character backends: getting out what is left at the end.
 *
 * While the loop runs, the pumps do the work and somebody may wait for them
 * here; the pumps' wake-up of a writer is a wake-up of that thread as well.
 * After the loop has stopped, the closing thread does the work itself.
 */
#include "vmm/chardev_impl.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

/* Whether waiting is of no use: all is out, or nobody takes it. */
static bool is_quiet(const struct chardev *cd)
{
	return !cd->reader || cd->stalled ||
	       (cd->tx.head == cd->tx.tail && !cd->tx_short);
}

bool chardev_idle(struct chardev *cd)
{
	if (cd->ops == NULL)
		return true;
	pthread_mutex_lock(&cd->lock);
	bool idle = is_quiet(cd) && cd->tx.head == cd->idle_head;
	cd->idle_head = cd->tx.head;
	pthread_mutex_unlock(&cd->lock);
	return idle;
}

void chardev_drain(struct chardev *cd)
{
	if (cd->ops == NULL)
		return;

	uint64_t limit = chardev_now_ns() + cd->stall_ms * NSEC_PER_MSEC;
	const struct timespec until = {
		.tv_sec = (time_t)(limit / NSEC_PER_SEC),
		.tv_nsec = (long)(limit % NSEC_PER_SEC),
	};

	pthread_mutex_lock(&cd->lock);
	while (!is_quiet(cd)) {
		if (pthread_cond_timedwait(&cd->moved, &cd->lock, &until) ==
		    ETIMEDOUT)
			break;
	}
	pthread_mutex_unlock(&cd->lock);
}

void chardev_flush(struct chardev *cd)
{
	uint64_t limit = chardev_now_ns() + cd->stall_ms * NSEC_PER_MSEC;

	while (cd->reader && !cd->stalled && cd->out.fd >= 0) {
		ssize_t done = chardev_send_some(cd);
		if (done == 0 || (done < 0 && done != -EAGAIN))
			return;

		uint64_t now = chardev_now_ns();
		if (now >= limit)
			return;
		if (done > 0)
			continue;

		struct pollfd pfd = { .fd = cd->out.fd, .events = POLLOUT };
		int wait = (int)((limit - now) / NSEC_PER_MSEC) + 1;
		if (poll(&pfd, 1, wait) < 0 && errno != EINTR)
			return;
	}
}
