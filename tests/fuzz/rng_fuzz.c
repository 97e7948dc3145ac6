/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng: requests of all shapes. */
#include <sys/random.h>

#include "devices/table.h"
#include "tests/fuzz/guest.h"

/* The same numbers in every run, and now and then fewer. */
ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	memset(buf, 0x3c, len);
	return (ssize_t)(len > 256 ? 256 : len);
}

static unsigned request(struct guest *g, unsigned queue, struct fake_buf *bufs,
			unsigned max)
{
	bool write = !take_rarely(&g->in, 16);

	(void)queue;
	return guest_bufs(g, bufs, max, write);
}

static const struct guest_target target = { .request = request };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guest *g = guest_begin(data, len);

	guest_run(g, fake_vm_add(g->vm, &virtio_rng_device, NULL), &target);
	guest_end(g);
	return 0;
}
