/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: from submission to completion.
 *
 * Theory of operation: requests wait in a list for a worker; finished ones
 * wait in another for delivery, which is work posted to the I/O thread. Every
 * delivery happens under the client's lock, so whoever holds it and sees
 * nothing in flight knows that no callback is under way either.
 */
#include "devices/disk.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "vmm/sandbox.h"

static const char *const op_names[DISK_NR_OPS] = {
	[DISK_READ] = "read",
	[DISK_WRITE] = "write",
	[DISK_FLUSH] = "flush",
	[DISK_DISCARD] = "discard",
	[DISK_WRITE_ZEROES] = "write of zeroes",
};

static bool is_full(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -EFBIG;
}

/*
 * Once for each operation and kind: a full or broken disk fails every request
 * that a guest tries, and it never stops trying.
 */
static void report(struct disk *disk, const struct disk_request *req)
{
	if (req->result == 0 || req->result == -EOPNOTSUPP ||
	    req->result == -ECANCELED)
		return;

	uint32_t bit = 1U << (2 * (unsigned)req->op + is_full(req->result));

	pthread_mutex_lock(&disk->lock);
	bool known = (disk->reported & bit) != 0;
	disk->reported |= bit;
	pthread_mutex_unlock(&disk->lock);
	if (known)
		return;
	log_error(disk->log,
		  "disk '%s': %s of %llu bytes at %llu failed: %s; the guest "
		  "got an I/O error, and more of this kind are not reported%s",
		  disk->name, op_names[req->op],
		  (unsigned long long)req->length,
		  (unsigned long long)req->offset, strerror(-req->result),
		  is_full(req->result) ? "; make room for the image" : "");
}

/* The lock is held in the three functions below. */

static void finish(struct disk *disk, struct disk_request *req, int result)
{
	req->result = result;
	req->next = NULL;
	*disk->done_tail = req;
	disk->done_tail = &req->next;
	disk->completed++;
	pthread_cond_broadcast(&disk->done_cond);
	evloop_post(disk->loop, &disk->delivery);
}

static struct disk_request *take_queued(struct disk *disk)
{
	struct disk_request *req = disk->queue;

	if (req == NULL)
		return NULL;
	disk->queue = req->next;
	if (disk->queue == NULL)
		disk->queue_tail = &disk->queue;
	return req;
}

static void wait_work(struct disk *disk)
{
	disk->idle++;
	pthread_cond_wait(&disk->work_cond, &disk->lock);
	disk->idle--;
}

static struct disk_request *wait_queued(struct disk *disk)
{
	while (disk->queue == NULL && !disk->closing)
		wait_work(disk);
	return take_queued(disk);
}

/*
 * Before anything else, each worker waits until everything that the monitor
 * uses is open, and gives up its rights. Nothing is submitted before that.
 */
static void enter_sandbox(struct disk *disk)
{
	struct error error = { 0 };

	while (!disk->lock_down && disk->queue == NULL && !disk->closing)
		wait_work(disk);
	if (!disk->lock_down)
		return;
	pthread_mutex_unlock(&disk->lock);
	int ret = sandbox_enter(disk->sandbox, SANDBOX_DISK, &error);
	pthread_mutex_lock(&disk->lock);
	if (ret < 0 && disk->sandbox_error.code == 0)
		disk->sandbox_error = error;
	disk->nr_sandboxed++;
	pthread_cond_broadcast(&disk->done_cond);
}

int disk_lock_down(struct disk *disk, struct sandbox *sandbox,
		   struct error *err)
{
	pthread_mutex_lock(&disk->lock);
	disk->sandbox = sandbox;
	disk->lock_down = true;
	pthread_cond_broadcast(&disk->work_cond);
	while (disk->nr_sandboxed < disk->nr_threads)
		pthread_cond_wait(&disk->done_cond, &disk->lock);

	int ret = disk->sandbox_error.code;
	if (ret < 0)
		*err = disk->sandbox_error;
	pthread_mutex_unlock(&disk->lock);
	return ret;
}

static void *worker(void *arg)
{
	struct disk *disk = arg;
	struct disk_request *req;

	pthread_mutex_lock(&disk->lock);
	enter_sandbox(disk);
	while ((req = wait_queued(disk)) != NULL) {
		pthread_mutex_unlock(&disk->lock);
		req->result = disk_execute(disk, req);
		report(disk, req);
		pthread_mutex_lock(&disk->lock);
		finish(disk, req, req->result);
	}
	pthread_mutex_unlock(&disk->lock);
	return NULL;
}

static struct disk_request *take_done(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	struct disk_request *list = disk->done;
	disk->done = NULL;
	disk->done_tail = &disk->done;
	for (struct disk_request *req = list; req != NULL; req = req->next)
		disk->in_flight--;
	pthread_mutex_unlock(&disk->lock);
	return list;
}

/* Context: client's lock held. */
static void deliver(struct disk *disk)
{
	struct disk_request *req = take_done(disk);
	if (req == NULL)
		return;

	while (req != NULL) {
		/* It is the client's again, who may submit it anew. */
		struct disk_request *next = req->next;

		disk->client->done(disk->client, req);
		req = next;
	}
	if (disk->client->batch != NULL)
		disk->client->batch(disk->client);
}

static void on_delivery(struct ev_work *work)
{
	deliver(container_of(work, struct disk, delivery));
}

void disk_submit(struct disk *disk, struct disk_request *req)
{
	req->next = NULL;
	pthread_mutex_lock(&disk->lock);
	*disk->queue_tail = req;
	disk->queue_tail = &req->next;
	disk->in_flight++;
	bool wake = disk->idle > 0;
	pthread_mutex_unlock(&disk->lock);
	if (wake)
		pthread_cond_signal(&disk->work_cond);
}

void disk_cancel(struct disk *disk)
{
	struct disk_request *req;

	pthread_mutex_lock(&disk->lock);
	disk->cancel = true;
	while ((req = take_queued(disk)) != NULL)
		finish(disk, req, -ECANCELED);
	pthread_mutex_unlock(&disk->lock);
}

/*
 * Waits until something new was completed. The client's lock is given up
 * inside, and taken again without ours, which is the inner one.
 */
static void wait_done(struct disk *disk)
{
	uint64_t seen = disk->completed;

	pthread_mutex_unlock(disk->client->lock);
	while (disk->done == NULL && disk->completed == seen)
		pthread_cond_wait(&disk->done_cond, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
	pthread_mutex_lock(disk->client->lock);
}

void disk_drain(struct disk *disk)
{
	for (;;) {
		deliver(disk);
		pthread_mutex_lock(&disk->lock);
		if (disk->in_flight == 0)
			break;
		wait_done(disk);
	}
	disk->cancel = false;
	pthread_mutex_unlock(&disk->lock);
}

/*
 * Workers take no signals that are meant for the process; what is above all
 * kept out is SIGXFSZ, which a guest's write could raise. Those stay open
 * that a fault of the thread itself raises.
 */
static void worker_mask(sigset_t *mask)
{
	static const int own[] = { SIGSEGV, SIGBUS,  SIGILL,
				   SIGFPE,  SIGABRT, SIGSYS };

	sigfillset(mask);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(mask, own[i]);
}

int disk_start(struct disk *disk, unsigned threads, struct error *err)
{
	sigset_t mask, before;
	int ret = 0;

	disk->delivery.fn = on_delivery;
	disk->delivery.lock = disk->client->lock;
	worker_mask(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, &before);
	while (ret == 0 && disk->nr_threads < threads) {
		pthread_t *thread = &disk->threads[disk->nr_threads];

		ret = pthread_create(thread, NULL, worker, disk);
		if (ret == 0) {
			pthread_setname_np(*thread, "disk");
			disk->nr_threads++;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret == 0)
		return 0;
	disk_join(disk);
	return error_host(err, -ret,
			  "cannot start a thread for disk '%s': %s; raise the "
			  "limit on processes",
			  disk->name, strerror(ret));
}

void disk_join(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	disk->closing = true;
	pthread_mutex_unlock(&disk->lock);
	pthread_cond_broadcast(&disk->work_cond);
	while (disk->nr_threads > 0)
		pthread_join(disk->threads[--disk->nr_threads], NULL);
}
