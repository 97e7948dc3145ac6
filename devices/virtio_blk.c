/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk (virtio 1.2, 5.2): a disk of the host as a disk of the guest. */
#include "devices/virtio_blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/table.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

/* Configuration space, virtio 1.2, 5.2.4 */
enum {
	CFG_CAPACITY = 0,
	CFG_SEG_MAX = 12,
	CFG_BLK_SIZE = 20,
	CFG_PHYSICAL_EXP = 24,
	CFG_MIN_IO = 26,
	CFG_OPT_IO = 28,
	CFG_NUM_QUEUES = 34,
	CFG_DISCARD_SECTORS = 36,
	CFG_DISCARD_SEG = 40,
	CFG_DISCARD_ALIGN = 44,
	CFG_ZEROES_SECTORS = 48,
	CFG_ZEROES_SEG = 52,
	CFG_ZEROES_UNMAP = 56,
};

/* With header and status a chain of this many buffers fills a queue. */
#define SEG_MAX (BLK_QUEUE_SIZE - 2)
/* How many queues there are without being asked. */
#define AUTO_QUEUES 4U

/**
 * struct blk_opts - The option's argument
 * @fd: -1 when there is a path
 * @block_size: 0: see struct disk_config
 * @queues: 0: one for each CPU, up to AUTO_QUEUES
 * @discard_given: the user said so: the host must be able to
 */
struct blk_opts {
	char *path;
	int fd;
	bool ro;
	bool share;
	char *serial;
	bool discard;
	bool discard_given;
	uint64_t queues;
	uint64_t block_size;
};

static const struct param blk_params[] = {
	{ .key = "path",
	  .type = PARAM_STRING,
	  .offset = offsetof(struct blk_opts, path),
	  .positional = true },
	{ .key = "fd",
	  .type = PARAM_FD,
	  .offset = offsetof(struct blk_opts, fd) },
	{ .key = "ro",
	  .type = PARAM_FLAG,
	  .offset = offsetof(struct blk_opts, ro) },
	{ .key = "share",
	  .type = PARAM_FLAG,
	  .offset = offsetof(struct blk_opts, share) },
	{ .key = "serial",
	  .type = PARAM_STRING,
	  .offset = offsetof(struct blk_opts, serial) },
	{ .key = "discard",
	  .type = PARAM_FLAG,
	  .offset = offsetof(struct blk_opts, discard),
	  .seen_offset = offsetof(struct blk_opts, discard_given) },
	{ .key = "queues",
	  .type = PARAM_UINT,
	  .offset = offsetof(struct blk_opts, queues),
	  .min = 1,
	  .max = BLK_MAX_QUEUES },
	{ .key = "block-size",
	  .type = PARAM_UINT,
	  .offset = offsetof(struct blk_opts, block_size),
	  .min = DISK_SECTOR,
	  .max = DISK_BLOCK_MAX },
	{ 0 },
};

static const struct blk_opts blk_defaults = { .fd = -1, .discard = true };

static int blk_check(void *data, struct error *err)
{
	const struct blk_opts *opts = data;

	if (opts->path == NULL && opts->fd < 0)
		return error_usage(err, "--disk: which disk? give a path, or "
					"fd=N");
	if (opts->path != NULL && opts->fd >= 0)
		return error_usage(err,
				   "--disk: '%s' and fd=%d are two disks; give "
				   "one of them, the other as another --disk",
				   opts->path, opts->fd);
	if (opts->serial != NULL && strlen(opts->serial) > BLK_ID_SIZE)
		return error_usage(err,
				   "--disk: serial '%s' is too long; use up to "
				   "%u bytes",
				   opts->serial, BLK_ID_SIZE);
	if (opts->block_size != 0 && !is_power_of_two(opts->block_size))
		return error_usage(
			err,
			"--disk: block-size %llu is no power of two; "
			"use 512 or 4096",
			(unsigned long long)opts->block_size);
	if (opts->ro && opts->discard_given && opts->discard)
		return error_usage(err, "--disk: a read-only disk cannot "
					"discard; take ro or discard out");
	return 0;
}

static const struct device_option blk_option = {
	.name = "disk",
	.letter = 'd',
	.arg = "PATH[,KEY=VALUE...]",
	.help = "a disk: a raw image or a block device; ,ro for reading only",
	.params = blk_params,
	.size = sizeof(struct blk_opts),
	.defaults = &blk_defaults,
	.check = blk_check,
};

static void blk_config_read(struct virtio_device *vdev, uint32_t off, void *buf,
			    uint32_t len)
{
	memcpy(buf, to_blk(vdev)->config + off, len);
}

/* What the driver gave us it does not want back any more. */
static void blk_stop(struct virtio_device *vdev)
{
	struct virtio_blk *blk = to_blk(vdev);

	disk_cancel(blk->disk);
	disk_drain(blk->disk);
}

static const struct virtio_type blk_vtype = {
	.device_id = VIRTIO_ID_BLOCK,
	.config_len = BLK_CFG_SIZE,
	.config_read = blk_config_read,
	.stop = blk_stop,
	.notify = blk_notify,
};

static uint64_t blk_features(const struct virtio_blk *blk)
{
	uint64_t features =
		VIRTIO_BIT(BLK_F_SEG_MAX) | VIRTIO_BIT(BLK_F_BLK_SIZE) |
		VIRTIO_BIT(BLK_F_FLUSH) | VIRTIO_BIT(BLK_F_TOPOLOGY);

	if (blk->nr_queues > 1)
		features |= VIRTIO_BIT(BLK_F_MQ);
	if (blk->disk->info.read_only)
		features |= VIRTIO_BIT(BLK_F_RO);
	else
		features |= VIRTIO_BIT(BLK_F_WRITE_ZEROES);
	if (blk->discard)
		features |= VIRTIO_BIT(BLK_F_DISCARD);
	return features;
}

static void fill_config(struct virtio_blk *blk)
{
	const struct disk_info *info = &blk->disk->info;
	uint8_t *config = blk->config;

	blk->sectors = info->size / DISK_SECTOR;
	le64_store(config + CFG_CAPACITY, blk->sectors);
	le32_store(config + CFG_SEG_MAX, SEG_MAX);
	le32_store(config + CFG_BLK_SIZE, info->logical);
	config[CFG_PHYSICAL_EXP] =
		(uint8_t)__builtin_ctz(info->physical / info->logical);
	le16_store(config + CFG_MIN_IO,
		   (uint16_t)min_u64(info->io_min / info->logical, UINT16_MAX));
	le32_store(config + CFG_OPT_IO, info->io_opt / info->logical);
	le16_store(config + CFG_NUM_QUEUES, (uint16_t)blk->nr_queues);
	if (info->read_only)
		return;
	le32_store(config + CFG_ZEROES_SECTORS, BLK_ZEROES_SECTORS);
	le32_store(config + CFG_ZEROES_SEG, BLK_MAX_RANGES);
	config[CFG_ZEROES_UNMAP] = blk->discard;
	if (!blk->discard)
		return;
	le32_store(config + CFG_DISCARD_SECTORS, BLK_DISCARD_SECTORS);
	le32_store(config + CFG_DISCARD_SEG, BLK_MAX_RANGES);
	le32_store(config + CFG_DISCARD_ALIGN,
		   info->discard_align / DISK_SECTOR);
}

static int open_disk(struct virtio_blk *blk, const struct blk_opts *opts,
		     struct vm *vm, struct error *err)
{
	struct disk_config cfg = {
		.path = opts->path,
		.fd = opts->fd,
		.read_only = opts->ro,
		.share = opts->share,
		.block_size = (uint32_t)opts->block_size,
		/* One more than can be asked: a flush holds no read up. */
		.threads = (unsigned)min_u64(vm->cfg->cpus + 1ULL,
					     DISK_MAX_THREADS),
	};

	blk->client.lock = &blk->vdev.dev.lock;
	blk->client.done = blk_done;
	blk->client.batch = blk_batch;

	int ret = disk_open(&cfg, &blk->client, vm->loop, vm->log, &blk->disk,
			    err);
	if (ret < 0)
		return ret;
	if (!opts->discard_given || !opts->discard ||
	    blk->disk->info.can_discard)
		return 0;
	error_host(err, -EOPNOTSUPP,
		   "disk '%s' cannot discard: the host's %s does not support "
		   "it; take discard=on out",
		   blk->disk->name,
		   blk->disk->is_block ? "device" : "file system");
	disk_close(blk->disk);
	return -EOPNOTSUPP;
}

static int create_queues(struct virtio_blk *blk, struct error *err)
{
	size_t pool = BLK_POOL * sizeof(struct blk_request);

	blk->pool_size = pool * blk->nr_queues;
	blk->pools = mmap(NULL, blk->pool_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (blk->pools == MAP_FAILED)
		return error_nomem(err, "the requests of a disk");
	for (unsigned i = 0; i < blk->nr_queues; i++) {
		struct blk_queue *q = &blk->queues[i];

		q->blk = blk;
		q->index = i;
		q->pool = (void *)((uint8_t *)blk->pools + i * pool);
	}
	return 0;
}

static unsigned queue_count(const struct blk_opts *opts, const struct vm *vm)
{
	if (opts->queues != 0)
		return (unsigned)opts->queues;
	return (unsigned)min_u64(vm->cfg->cpus, AUTO_QUEUES);
}

static int blk_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	const struct blk_opts *opts = cfg->opts;
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	if (blk == NULL)
		return error_nomem(err, "a disk");

	int ret = open_disk(blk, opts, vm, err);
	if (ret < 0)
		goto err_free;

	blk->discard = opts->discard && blk->disk->info.can_discard;
	blk->nr_queues = queue_count(opts, vm);
	fill_config(blk);
	if (opts->serial != NULL)
		memcpy(blk->serial, opts->serial, strlen(opts->serial));
	ret = create_queues(blk, err);
	if (ret < 0)
		goto err_disk;

	uint16_t sizes[BLK_MAX_QUEUES];
	for (unsigned i = 0; i < blk->nr_queues; i++)
		sizes[i] = BLK_QUEUE_SIZE;
	ret = virtio_init(&blk->vdev, &virtio_blk_device, &blk_vtype, vm,
			  cfg->index, blk_features(blk), sizes, blk->nr_queues,
			  err);
	if (ret < 0)
		goto err_queues;
	*out = &blk->vdev.dev;
	return 0;

err_queues:
	munmap(blk->pools, blk->pool_size);
err_disk:
	disk_close(blk->disk);
err_free:
	free(blk);
	return ret;
}

static struct virtio_blk *dev_blk(struct device *dev)
{
	return to_blk(container_of(dev, struct virtio_device, dev));
}

static void blk_destroy(struct device *dev)
{
	struct virtio_blk *blk = dev_blk(dev);

	/* The workers first: they know the device's lock. */
	disk_close(blk->disk);
	virtio_fini(&blk->vdev);
	munmap(blk->pools, blk->pool_size);
	free(blk);
}

/* Doorbells first: no request comes in while the last ones complete. */
static void blk_quiesce(struct device *dev)
{
	virtio_dev_quiesce(dev);
	disk_drain(dev_blk(dev)->disk);
}

/* Nothing is in flight, so requests need no place in the state. */
static int blk_save(struct device *dev, struct snap_writer *w)
{
	struct virtio_blk *blk = dev_blk(dev);

	snap_put_u64(w, blk->sectors);
	return virtio_save(&blk->vdev, w);
}

static int blk_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	struct virtio_blk *blk = dev_blk(dev);
	uint64_t sectors = snap_get_u64(r);

	(void)version;
	if (snap_reader_error(r) == 0 && sectors != blk->sectors) {
		log_error(dev->vm->log,
			  "%s: the saved machine's disk has %llu sectors, "
			  "'%s' has %llu; give it the disk that it had",
			  dev->id, (unsigned long long)sectors, blk->disk->name,
			  (unsigned long long)blk->sectors);
		return -EINVAL;
	}
	return virtio_restore(&blk->vdev, r);
}

static int blk_lock_down(struct device *dev, struct error *err)
{
	return disk_lock_down(dev_blk(dev)->disk, dev->vm->sandbox, err);
}

const struct device_type virtio_blk_device = {
	.name = "virtio-blk",
	.state_version = 1,
	.option = &blk_option,
	.max = CONFIG_MAX_DEVICES,
	.create = blk_create,
	.destroy = blk_destroy,
	.power_on = virtio_dev_power_on,
	.power_off = virtio_dev_power_off,
	.reset = virtio_dev_reset,
	.quiesce = blk_quiesce,
	.resume = virtio_dev_resume,
	.save = blk_save,
	.restore = blk_restore,
	.fdt = virtio_dev_fdt,
	.lock_down = blk_lock_down,
};
