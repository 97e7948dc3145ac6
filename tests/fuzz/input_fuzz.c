/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-input: the power button, its events, and what the driver selects. */
#include "devices/table.h"
#include "tests/fuzz/guest.h"

static unsigned request(struct guest *g, unsigned queue, struct fake_buf *bufs,
			unsigned max)
{
	if (take_rarely(&g->in, 4))
		return guest_bufs(g, bufs, max, queue == 0);
	bufs[0] = (struct fake_buf){ guest_gpa(g), 8, queue == 0 };
	return 1;
}

/* The user presses the button; or the guest asks what kind of button it is. */
static void host(struct guest *g)
{
	uint8_t kind = take_u8(&g->in);

	if (kind >= 128) {
		pthread_mutex_lock(&g->dev->lock);
		g->dev->type->power_button(g->dev);
		pthread_mutex_unlock(&g->dev->lock);
		return;
	}
	fake_mmio_config_write(&g->m, kind & 1, 1, take_u8(&g->in) % 0x24);
	fake_mmio_config(&g->m, take_below(&g->in, 136), 1);
}

static const struct guest_target target = {
	.request = request,
	.host = host,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guest *g = guest_begin(data, len);

	guest_run(g, fake_vm_add(g->vm, &virtio_input_device, NULL), &target);
	guest_end(g);
	return 0;
}
