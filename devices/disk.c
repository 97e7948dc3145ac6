/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: opening, locking and measuring what is on the host.
 *
 * A disk belongs to one machine. An advisory lock on the open file
 * description says so to other monitors, and for block devices an exclusive
 * open says so to the kernel, which then neither mounts it nor lets us have
 * it while it is mounted.
 */
#include "devices/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/fds.h"
#include "vmm/params.h"

static const struct {
	int code;
	const char *hint;
} open_hints[] = {
	{ ENOENT, "check the path, or make an empty image with "
		  "'truncate -s 8G FILE'" },
	{ ENOTDIR, "check the path" },
	{ EISDIR, "name an image file or a block device" },
	{ EROFS, "add ,ro to use it for reading only" },
	{ ETXTBSY, "add ,ro to use it for reading only" },
	{ EBUSY, "it is mounted or another program has it; add ,ro to use it "
		 "for reading only" },
	{ ENXIO, "no such device is present" },
	{ ENOMEDIUM, "put a medium into the drive" },
	{ EMFILE, "raise the limit on open files" },
};

static const char *open_hint(int code, bool read_only)
{
	if (code == EACCES || code == EPERM)
		return read_only ? "give this user the right to read it"
				 : "give this user the right to write it, or "
				   "add ,ro to use it for reading only";
	for (size_t i = 0; i < ARRAY_SIZE(open_hints); i++) {
		if (open_hints[i].code == code)
			return open_hints[i].hint;
	}
	return "check the path";
}

/* A wrong path or a missing right is for the user to mend, the rest is not. */
static enum exit_status open_status(int code)
{
	static const int users[] = { EACCES, EISDIR, ELOOP,   ENAMETOOLONG,
				     ENOENT, EPERM,  ENOTDIR, EROFS };

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		if (users[i] == code)
			return EXIT_STATUS_USAGE;
	}
	return EXIT_STATUS_ERROR;
}

static int path_error(const struct disk_config *cfg, int code,
		      struct error *err)
{
	return error_set(err, -code, open_status(code),
			 "cannot open disk '%s'%s: %s; %s", cfg->path,
			 cfg->read_only ? "" : " for reading and writing",
			 strerror(code), open_hint(code, cfg->read_only));
}

static int open_path(const struct disk_config *cfg, struct error *err)
{
	/* O_NONBLOCK: a FIFO without a writer must not hold us up. */
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	bool alone = !cfg->read_only && !cfg->share;
	struct stat st;

	/* What cannot be looked at might be a device that is mounted. */
	if (alone && stat(cfg->path, &st) < 0)
		return path_error(cfg, errno, err);
	flags |= cfg->read_only ? O_RDONLY : O_RDWR;
	if (alone && S_ISBLK(st.st_mode))
		flags |= O_EXCL;

	int fd = open(cfg->path, flags);
	if (fd < 0)
		return path_error(cfg, errno, err);
	return fd;
}

/* Ways to open a descriptor in which it is of no use here. */
static const struct {
	int mask;
	int value;
	bool only_writable;
	const char *text;
} bad_flags[] = {
	{ O_PATH, O_PATH, false, "with O_PATH; open it for reading" },
	{ O_ACCMODE, O_WRONLY, false,
	  "for writing only; open it for reading too, as in '7<>FILE'" },
	{ O_ACCMODE, O_RDONLY, true,
	  "for reading only; add ,ro or open it for writing too, as in "
	  "'7<>FILE'" },
	{ O_APPEND, O_APPEND, true, "for appending; open it as in '7<>FILE'" },
	{ O_DIRECT, O_DIRECT, false, "with O_DIRECT; open it without" },
};

/* No thread is to have a disk writable that the guest may only read. */
static int open_for_reading(int given, struct error *err)
{
	int fd = fd_reopen(given, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return error_host(err, fd,
				  "cannot open fd %d anew for reading only: "
				  "%s; open it so before the start, as in "
				  "'%d<FILE'",
				  given, strerror(-fd), given);
	return fd;
}

static int open_fd(const struct disk_config *cfg, struct error *err)
{
	int flags = fcntl(cfg->fd, F_GETFL);
	if (flags < 0)
		return error_set(err, -errno, EXIT_STATUS_USAGE,
				 "cannot use fd %d as a disk: %s; open it "
				 "before the start, as in '%d<>FILE'",
				 cfg->fd, strerror(errno), cfg->fd);

	for (size_t i = 0; i < ARRAY_SIZE(bad_flags); i++) {
		if (bad_flags[i].only_writable && cfg->read_only)
			continue;
		if ((flags & bad_flags[i].mask) == bad_flags[i].value)
			return error_set(err, -EBADF, EXIT_STATUS_USAGE,
					 "cannot use fd %d as a disk: it is "
					 "open %s",
					 cfg->fd, bad_flags[i].text);
	}

	if (cfg->read_only && (flags & O_ACCMODE) == O_RDWR)
		return open_for_reading(cfg->fd, err);

	/* A copy of our own: who started us may go on with theirs. */
	int fd = fcntl(cfg->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_host(err, -errno,
				  "cannot duplicate fd %d: %s; raise the limit "
				  "on open files",
				  cfg->fd, strerror(errno));
	return fd;
}

static int lock_file(struct disk *disk, const struct disk_config *cfg,
		     struct error *err)
{
	bool shared = cfg->read_only || cfg->share;
	struct flock lock = {
		.l_type = shared ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(disk->fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return error_host(err, -EBUSY,
				  "disk '%s' is in use: another process has it "
				  "locked%s; stop that one%s",
				  disk->name, shared ? " for writing" : "",
				  shared ? ""
					 : ", or open it with ,ro or ,share "
					   "in both");

	/* Without knowing better, the user is believed. */
	log_warning(disk->log,
		    "disk '%s' cannot be locked (%s): make sure that nothing "
		    "else writes to it",
		    disk->name, strerror(errno));
	return 0;
}

static uint32_t block_size(uint64_t value, uint64_t min, uint64_t max)
{
	if (!is_power_of_two(value))
		value = max;
	return (uint32_t)min_u64(max_u64(value, min), max);
}

/*
 * Looks for support without doing anything: nothing lies behind the end.
 */
static bool file_can_discard(int fd, uint64_t size)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)size, DISK_BLOCK_MAX) == 0;
}

static void measure_file(struct disk *disk, const struct stat *st)
{
	struct disk_info *info = &disk->info;

	info->size = (uint64_t)st->st_size;
	disk->host_block = DISK_SECTOR;
	info->physical = block_size((uint64_t)st->st_blksize, DISK_SECTOR,
				    DISK_BLOCK_MAX);
	info->io_min = info->physical;
	info->discard_align = info->physical;
	info->can_discard = !info->read_only && info->size > 0 &&
			    file_can_discard(disk->fd, info->size);
}

/*
 * A range that is never valid: the kernel says first whether the device can
 * discard at all.
 */
static bool device_can_discard(int fd)
{
	uint64_t range[2] = { 1, 1 };

	return ioctl(fd, BLKDISCARD, range) < 0 && errno == EINVAL;
}

static uint64_t read_number(const char *path)
{
	char line[32] = "";
	uint64_t value = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (parse_uint(line, 0, UINT32_MAX, &value) < 0)
			value = 0;
	}
	fclose(f);
	return value;
}

/* A partition has no queue folder of its own, its disk has. */
static uint32_t discard_granularity(dev_t dev, uint32_t otherwise)
{
	static const char *const where[] = { "queue", "../queue" };

	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		char path[96];

		snprintf(path, sizeof(path),
			 "/sys/dev/block/%u:%u/%s/discard_granularity",
			 major(dev), minor(dev), where[i]);

		uint64_t value = read_number(path);
		if (value != 0)
			return (uint32_t)value;
	}
	return otherwise;
}

static int measure_device(struct disk *disk, const struct stat *st,
			  struct error *err)
{
	struct disk_info *info = &disk->info;
	int logical = 0;
	unsigned physical = 0, io_min = 0, io_opt = 0;

	if (ioctl(disk->fd, BLKGETSIZE64, &info->size) < 0 ||
	    ioctl(disk->fd, BLKSSZGET, &logical) < 0)
		return error_host(err, -errno,
				  "cannot read the size of disk '%s': %s; "
				  "check the device",
				  disk->name, strerror(errno));

	int protected = 0;
	if (!info->read_only && ioctl(disk->fd, BLKROGET, &protected) == 0 &&
	    protected != 0)
		return error_set(err, -EROFS, EXIT_STATUS_USAGE,
				 "cannot open disk '%s' for reading and "
				 "writing: the device is read-only; add ,ro to "
				 "use it for reading only",
				 disk->name);

	/* Good to know, but no reason to give up. */
	if (ioctl(disk->fd, BLKPBSZGET, &physical) < 0)
		physical = (unsigned)logical;
	if (ioctl(disk->fd, BLKIOMIN, &io_min) < 0)
		io_min = 0;
	if (ioctl(disk->fd, BLKIOOPT, &io_opt) < 0)
		io_opt = 0;

	disk->is_block = true;
	disk->host_block = block_size((uint64_t)logical, DISK_SECTOR, MIB(1));
	info->physical = block_size(physical, disk->host_block, MIB(1));
	info->io_min = io_min;
	info->io_opt = io_opt;
	info->discard_align = discard_granularity(st->st_rdev, info->physical);
	info->can_discard = !info->read_only && device_can_discard(disk->fd);
	return 0;
}

static int check_size(const struct disk *disk, struct error *err)
{
	uint64_t size = disk->info.size;
	uint64_t block = disk->info.logical;

	if (size == 0)
		return error_usage(
			err,
			"disk '%s' is empty; give it a size, as with "
			"'truncate -s 8G FILE'",
			disk->name);
	if (size % block == 0)
		return 0;
	return error_usage(err,
			   "disk '%s' has %llu bytes, which is no multiple of "
			   "its block size %llu; is it a raw image? then mend "
			   "it with 'truncate -s %%%llu FILE'",
			   disk->name, (unsigned long long)size,
			   (unsigned long long)block,
			   (unsigned long long)block);
}

static int measure(struct disk *disk, uint32_t logical, struct error *err)
{
	struct disk_info *info = &disk->info;
	struct stat st;
	int ret = 0;

	if (fstat(disk->fd, &st) < 0)
		return error_host(err, -errno, "cannot look at disk '%s': %s",
				  disk->name, strerror(errno));
	if (S_ISREG(st.st_mode))
		measure_file(disk, &st);
	else if (S_ISBLK(st.st_mode))
		ret = measure_device(disk, &st, err);
	else
		ret = error_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
				EXIT_STATUS_USAGE,
				"disk '%s' is %s; name an image file or a "
				"block device",
				disk->name,
				S_ISDIR(st.st_mode) ? "a directory"
						    : "no file and no block "
						      "device");
	if (ret < 0)
		return ret;
	info->logical = logical != 0 ? logical : disk->host_block;
	info->physical = (uint32_t)max_u64(info->physical, info->logical);
	return check_size(disk, err);
}

static char *disk_name(const struct disk_config *cfg)
{
	char text[32];

	if (cfg->path != NULL)
		return strdup(cfg->path);
	snprintf(text, sizeof(text), "fd %d", cfg->fd);
	return strdup(text);
}

static void disk_free(struct disk *disk)
{
	pthread_cond_destroy(&disk->done_cond);
	pthread_cond_destroy(&disk->work_cond);
	pthread_mutex_destroy(&disk->lock);
	pthread_mutex_destroy(&disk->sync_lock);
	if (disk->fd >= 0)
		close(disk->fd);
	free(disk->name);
	free(disk);
}

static struct disk *disk_alloc(const struct disk_config *cfg)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	if (disk == NULL)
		return NULL;

	disk->fd = -1;
	disk->info.read_only = cfg->read_only;
	disk->name = disk_name(cfg);
	disk->queue_tail = &disk->queue;
	disk->done_tail = &disk->done;
	pthread_mutex_init(&disk->sync_lock, NULL);
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->work_cond, NULL);
	pthread_cond_init(&disk->done_cond, NULL);
	if (disk->name == NULL) {
		disk_free(disk);
		return NULL;
	}
	return disk;
}

int disk_open(const struct disk_config *cfg, struct disk_client *client,
	      struct evloop *loop, struct log *log, struct disk **out,
	      struct error *err)
{
	struct disk *disk = disk_alloc(cfg);
	if (disk == NULL)
		return error_nomem(err, "a disk");

	disk->client = client;
	disk->loop = loop;
	disk->log = log;

	int ret = cfg->path != NULL ? open_path(cfg, err) : open_fd(cfg, err);
	if (ret < 0)
		goto err_free;
	disk->fd = ret;

	ret = measure(disk, cfg->block_size, err);
	if (ret < 0)
		goto err_free;
	ret = lock_file(disk, cfg, err);
	if (ret < 0)
		goto err_free;
	ret = disk_start(disk, cfg->threads, err);
	if (ret < 0)
		goto err_free;
	*out = disk;
	return 0;

err_free:
	disk_free(disk);
	return ret;
}

void disk_close(struct disk *disk)
{
	if (disk == NULL)
		return;
	disk_join(disk);
	disk_free(disk);
}
