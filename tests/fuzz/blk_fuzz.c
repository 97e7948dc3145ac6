/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk: requests to a small disk, completed in the order of the input. */
#include <sys/mman.h>
#include <unistd.h>

#include "devices/table.h"
#include "devices/virtio_blk.h"
#include "tests/fakes/fake_host_io.h"
#include "tests/fuzz/disk_stub.h"
#include "tests/fuzz/guest.h"

#define SECTORS 64U

static const uint8_t types[] = { 0, 1, 0, 1, 4, 8, 11, 13, 13, 11, 2, 5 };

static uint64_t take_sector(struct guest *g)
{
	uint8_t kind = take_u8(&g->in);

	return kind < 224 ? kind % (SECTORS + 2) : take_number(&g->in);
}

/* Ranges to discard or to write zeroes to, virtio 1.2, 5.2.6. */
static unsigned put_ranges(struct guest *g, struct fake_buf *buf)
{
	unsigned count = 1 + take_below(&g->in, 3);
	uint64_t gpa = g->arena + 64 + 64 * take_below(&g->in, 64);

	for (unsigned i = 0; i < count; i++) {
		uint8_t raw[16];

		le64_store(raw, take_sector(g));
		le32_store(raw + 8, (uint32_t)take_sector(g));
		le32_store(raw + 12, take_u8(&g->in) % 4);
		guest_write(g, gpa + 16 * i, raw, sizeof(raw));
	}
	*buf = (struct fake_buf){ gpa, 16 * count, false };
	return 1;
}

static uint32_t take_data_len(struct guest *g)
{
	uint8_t kind = take_u8(&g->in);

	return kind < 200 ? DISK_SECTOR * (kind % 16U) : guest_len(g);
}

static unsigned request(struct guest *g, unsigned queue, struct fake_buf *bufs,
			unsigned max)
{
	uint8_t raw[16] = { 0 }, byte = take_u8(&g->in);
	uint32_t type = types[byte % ARRAY_SIZE(types)];
	uint64_t gpa = g->arena + 16U * (byte / 16);
	bool in = type == 0 || type == 8;
	unsigned n = 0;

	(void)queue;
	le32_store(raw, byte < 250 ? type : take_u32(&g->in));
	le64_store(raw + 8, take_sector(g));
	guest_write(g, gpa, raw, sizeof(raw));
	bufs[n++] = (struct fake_buf){ gpa, 16, false };
	if (type == 11 || type == 13)
		n += put_ranges(g, bufs + n);
	else if (type == 8)
		bufs[n++] = (struct fake_buf){ guest_gpa(g), 20, true };
	else if (type <= 1)
		for (unsigned k = 1 + take_below(&g->in, max - 3); k > 0; k--)
			bufs[n++] = (struct fake_buf){ guest_gpa(g),
						       take_data_len(g), in };
	if (!take_rarely(&g->in, 32))
		bufs[n++] = (struct fake_buf){ guest_gpa(g), 1, true };
	if (take_rarely(&g->in, 32))
		bufs[take_below(&g->in, n)].len = guest_len(g);
	return n;
}

/* Some requests are carried out, or the host's disk has its moments. */
static void host(struct guest *g)
{
	struct disk *disk =
		container_of(g->dev, struct virtio_blk, vdev.dev)->disk;
	uint8_t kind = take_u8(&g->in);

	fake_io_reset();
	if (kind >= 224)
		fake_io_fail(kind % FAKE_IO_NR, 1 + kind / 8 % 2, 1,
			     kind & 4 ? EIO : ENOSPC);
	else if (kind >= 192)
		fake_io_limit(1 + kind % 32 * 100);
	pthread_mutex_lock(&g->dev->lock);
	stub_disk_run(disk, 1 + kind % 8, 0);
	pthread_mutex_unlock(&g->dev->lock);
	fake_io_reset();
}

static const struct guest_target target = {
	.request = request,
	.host = host,
};

static struct device *add_disk(struct guest *g, int fd)
{
	const struct device_option *opt = virtio_blk_device.option;
	uint8_t kind = take_u8(&g->in);
	void *opts = calloc(1, opt->size);
	struct error err = { 0 };
	char arg[64];

	FUZZ_CHECK(opts != NULL);
	memcpy(opts, opt->defaults, opt->size);
	snprintf(arg, sizeof(arg), "fd=%d,queues=%u%s", fd, 1U + kind % 2,
		 kind >= 224 ? ",ro" : "");
	FUZZ_CHECK(params_parse("--disk", opt->params, arg, opts, &err) == 0);
	FUZZ_CHECK(opt->check(opts, &err) == 0);
	struct device *dev = fake_vm_add(g->vm, &virtio_blk_device, opts);

	params_free(opt->params, opts);
	free(opts);
	return dev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0 && ftruncate(fd, SECTORS * DISK_SECTOR) == 0);
	struct guest *g = guest_begin(data, len);

	fake_io_reset();
	guest_run(g, add_disk(g, fd), &target);
	guest_end(g);

	/* No request made the disk larger. */
	FUZZ_CHECK(lseek(fd, 0, SEEK_END) == SECTORS * DISK_SECTOR);
	close(fd);
	return 0;
}
