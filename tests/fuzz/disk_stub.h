/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks without threads: takes the place of devices/disk_queue.c. Requests are
 * carried out when they are submitted, or held until stub_disk_run(), and
 * delivered by the loop. Include it once in a target.
 */
#ifndef PRIVET_TESTS_FUZZ_DISK_STUB_H
#define PRIVET_TESTS_FUZZ_DISK_STUB_H

#include <errno.h>

#include "devices/disk.h"

static void stub_deliver(struct disk *disk)
{
	struct disk_request *req = disk->done;

	disk->done = NULL;
	disk->done_tail = &disk->done;
	while (req != NULL) {
		struct disk_request *next = req->next;

		disk->in_flight--;
		disk->client->done(disk->client, req);
		req = next;
	}
	if (disk->client->batch != NULL)
		disk->client->batch(disk->client);
}

static void stub_on_delivery(struct ev_work *work)
{
	stub_deliver(container_of(work, struct disk, delivery));
}

static void stub_finish(struct disk *disk, int code)
{
	struct disk_request *req = disk->queue;

	disk->queue = req->next;
	if (disk->queue == NULL)
		disk->queue_tail = &disk->queue;
	req->result = code != 0 ? code : disk_execute(disk, req);
	req->next = NULL;
	*disk->done_tail = req;
	disk->done_tail = &req->next;
	evloop_post(disk->loop, &disk->delivery);
}

/* The first @count that wait; @code: 0 or what they fail with. */
static void stub_disk_run(struct disk *disk, unsigned count, int code)
{
	while (disk->queue != NULL && count-- > 0)
		stub_finish(disk, code);
}

int disk_start(struct disk *disk, unsigned threads, struct error *err)
{
	(void)threads;
	(void)err;
	disk->delivery.fn = stub_on_delivery;
	disk->delivery.lock = disk->client->lock;
	return 0;
}

void disk_join(struct disk *disk)
{
	(void)disk;
}

void disk_submit(struct disk *disk, struct disk_request *req)
{
	req->next = NULL;
	*disk->queue_tail = req;
	disk->queue_tail = &req->next;
	disk->in_flight++;
}

void disk_cancel(struct disk *disk)
{
	stub_disk_run(disk, UINT32_MAX, -ECANCELED);
}

void disk_drain(struct disk *disk)
{
	while (disk->in_flight > 0) {
		stub_disk_run(disk, UINT32_MAX, 0);
		stub_deliver(disk);
	}
}

int disk_lock_down(struct disk *disk, struct sandbox *sandbox,
		   struct error *err)
{
	(void)disk;
	(void)sandbox;
	(void)err;
	return 0;
}

#endif
