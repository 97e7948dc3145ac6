/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-console: a console, two named ports and the control queues. */
#include "devices/table.h"
#include "devices/virtio_console.h"
#include "tests/fuzz/chardev_stub.h"
#include "tests/fuzz/guest.h"

static void put_message(struct guest *g, uint64_t gpa)
{
	uint8_t raw[8], byte = take_u8(&g->in);

	le32_store(raw, byte < 240 ? byte % 4 : take_u32(&g->in));
	le16_store(raw + 4, byte < 224 ? byte / 4 % 8 : take_u16(&g->in));
	le16_store(raw + 6, byte & 1);
	guest_write(g, gpa, raw, sizeof(raw));
}

static unsigned request(struct guest *g, unsigned queue, struct fake_buf *bufs,
			unsigned max)
{
	bool rx = queue % 2 == 0;

	if (queue == CONSOLE_QUEUE_CTRL_TX && !take_rarely(&g->in, 8)) {
		uint64_t gpa = g->arena + 8U * take_u8(&g->in);

		put_message(g, gpa);
		bufs[0] = (struct fake_buf){ gpa, 8, false };
		return 1;
	}
	if (queue == CONSOLE_QUEUE_CTRL_RX && !take_rarely(&g->in, 8)) {
		bufs[0] = (struct fake_buf){ guest_gpa(g), 64, true };
		return 1;
	}
	return guest_bufs(g, bufs, max, rx);
}

static void host(struct guest *g)
{
	unsigned nr = g->vm->cfg->nr_consoles;

	if (nr > 0)
		stub_chardev_host(&g->in,
				  g->vm->consoles[take_below(&g->in, nr)]);
}

static const struct guest_target target = {
	.request = request,
	.host = host,
};

static void add_consoles(struct guest *g)
{
	struct vm_config *cfg = fake_vm_config(g->vm);
	uint8_t kind = take_u8(&g->in);

	cfg->nr_consoles = kind % 4;
	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		struct console_config *c = &cfg->consoles[i];
		bool port = (kind >> (2 + i) & 1) != 0;

		c->kind = port ? CONSOLE_PORT : CONSOLE_VIRTIO;
		c->name = port ? strdup("port") : NULL;
		chardev_open(NULL, "", NULL, &g->vm->consoles[i], NULL);
		if ((kind & 0x40) != 0) {
			g->vm->consoles[i]->cols = 80;
			g->vm->consoles[i]->rows = 25;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct chardev *consoles[CONFIG_MAX_CONSOLES];
	struct guest *g = guest_begin(data, len);

	add_consoles(g);
	unsigned nr = g->vm->cfg->nr_consoles;

	memcpy(consoles, g->vm->consoles, sizeof(consoles));
	guest_run(g, fake_vm_add(g->vm, &virtio_console_device, NULL), &target);
	guest_end(g);
	for (unsigned i = 0; i < nr; i++)
		chardev_close(consoles[i]);
	return 0;
}
