/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng (virtio 1.2, 5.4): random bytes of the host for the guest. */
#include "devices/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "devices/virtio.h"
#include "vmm/vm.h"

#define RNG_QUEUE_SIZE 64U
/*
 * Bytes for one request, and for one turn of the I/O thread. A chain may name
 * the same memory many times over, so its length says nothing of its cost.
 */
#define RNG_MAX_REQUEST KIB(64)
#define RNG_MAX_TURN    KIB(256)
#define RNG_PIECE       1024U

/**
 * struct virtio_rng - The device
 * @chain: the request at hand; requests are served at once
 */
struct virtio_rng {
	struct virtio_device vdev;
	struct virtq_chain chain;
};

static const struct device_option rng_option = {
	.name = "rng",
	.help = "a source of random bytes; there is one without asking",
};

static struct virtio_rng *to_rng(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_rng, vdev);
}

/*
 * Return: bytes written. What the chain cannot get now it gets less of: the
 * driver asks again (virtio 1.2, 5.4.6.2).
 */
static uint32_t fill(struct virtio_rng *rng, struct virtq *vq)
{
	uint64_t want = min_u64(rng->chain.in_len, RNG_MAX_REQUEST);
	uint64_t done = 0;

	while (done < want) {
		uint8_t piece[RNG_PIECE];
		ssize_t n = getrandom(
			piece, (size_t)min_u64(want - done, sizeof(piece)),
			GRND_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_guest(rng->vdev.dev.vm->log, &rng->vdev.guest_log,
				  LOG_ERROR,
				  "%s: the host gives no random bytes: %s",
				  rng->vdev.dev.id, strerror(errno));
			break;
		}
		virtq_chain_write(vq, &rng->chain, done, piece, (size_t)n);
		done += (uint64_t)n;
	}
	return (uint32_t)done;
}

/*
 * Serves requests while @*budget bytes last; each takes at least one piece's
 * worth of it. False: the queue broke or the budget is used up.
 */
static bool serve(struct virtio_rng *rng, struct virtq *vq, uint64_t *budget)
{
	while (*budget > 0) {
		int ret = virtq_pop(vq, &rng->chain);

		if (ret < 0)
			virtio_fail(&rng->vdev, "bad descriptor chain");
		if (ret <= 0)
			return ret == 0;

		uint32_t written = fill(rng, vq);
		virtq_push(vq, rng->chain.head, written);
		*budget -= min_u64(*budget, max_u64(written, RNG_PIECE));
	}
	/* The rest after other devices had their turn. */
	virtio_kick(&rng->vdev, 0);
	return false;
}

static void rng_notify(struct virtio_device *vdev, unsigned queue)
{
	struct virtq *vq = &vdev->queues[queue].vq;
	uint64_t budget = RNG_MAX_TURN;

	virtq_disable_notify(vq);
	while (serve(to_rng(vdev), vq, &budget)) {
		if (!virtq_enable_notify(vq))
			break;
		virtq_disable_notify(vq);
	}
	virtio_signal(vdev, queue);
}

/* Nothing outlives a call of notify(): there is nothing to stop. */
static const struct virtio_type rng_vtype = {
	.device_id = VIRTIO_ID_ENTROPY,
	.notify = rng_notify,
};

static bool rng_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	return !nodefaults;
}

/*
 * Waits until the host has seeded its generator: from then on it always has
 * bytes, so no guest's request finds it empty.
 */
static int wait_seeded(struct error *err)
{
	uint8_t byte;
	ssize_t n;

	do
		n = getrandom(&byte, sizeof(byte), 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	return error_host(err, -errno,
			  "the host gives no random bytes: getrandom: %s; use "
			  "--nodefaults to go without virtio-rng",
			  strerror(errno));
}

static int rng_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	static const uint16_t sizes[] = { RNG_QUEUE_SIZE };
	int ret = wait_seeded(err);
	if (ret < 0)
		return ret;

	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	if (rng == NULL)
		return error_nomem(err, "a source of random bytes");
	ret = virtio_init(&rng->vdev, &virtio_rng_device, &rng_vtype, vm,
			  cfg->index, 0, sizes, ARRAY_SIZE(sizes), err);
	if (ret < 0) {
		free(rng);
		return ret;
	}
	*out = &rng->vdev.dev;
	return 0;
}

static struct virtio_rng *dev_rng(struct device *dev)
{
	return to_rng(container_of(dev, struct virtio_device, dev));
}

static void rng_destroy(struct device *dev)
{
	struct virtio_rng *rng = dev_rng(dev);

	virtio_fini(&rng->vdev);
	free(rng);
}

static int rng_save(struct device *dev, struct snap_writer *w)
{
	return virtio_save(&dev_rng(dev)->vdev, w);
}

static int rng_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	(void)version;
	return virtio_restore(&dev_rng(dev)->vdev, r);
}

const struct device_type virtio_rng_device = {
	.name = "virtio-rng",
	.state_version = 1,
	.option = &rng_option,
	.max = 1,
	.implied = rng_implied,
	.create = rng_create,
	.destroy = rng_destroy,
	.power_on = virtio_dev_power_on,
	.power_off = virtio_dev_power_off,
	.reset = virtio_dev_reset,
	.quiesce = virtio_dev_quiesce,
	.resume = virtio_dev_resume,
	.save = rng_save,
	.restore = rng_restore,
	.fdt = virtio_dev_fdt,
};
