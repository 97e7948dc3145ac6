/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-mmio and virtio-pci as sequences of register accesses, with devices
 * behind them that need nothing of the host. Mostly without a driver's order.
 */
#include "devices/table.h"
#include "tests/fuzz/guest.h"

static const struct device_type *const types[] = {
	&virtio_rng_device,
	&virtio_input_device,
};

static unsigned request(struct guest *g, unsigned queue, struct fake_buf *bufs,
			unsigned max)
{
	bool write = take_u8(&g->in) & 1;

	(void)queue;
	return guest_bufs(g, bufs, max, write);
}

static const struct guest_target target = { .request = request };

/* A register that drivers write, as fake_mmio_set() knows it. */
static void set_register(struct guest *g)
{
	static const uint8_t regs[] = { 0x14, 0x20, 0x24, 0x30, 0x38, 0x44,
					0x50, 0x64, 0x70, 0x80, 0x84, 0x90,
					0x94, 0xa0, 0xa4, 0x70 };
	uint8_t reg = regs[take_below(&g->in, ARRAY_SIZE(regs))];
	uint8_t kind = take_u8(&g->in);
	uint64_t value = take_number(&g->in);

	if (reg >= 0x80 && (reg & 4) == 0 && kind < 200)
		value = guest_gpa(g) & ~15U;
	else if (reg >= 0x80 && kind < 200)
		value = arch_info.ram_base >> 32;
	else if (reg == 0x70 && kind < 200)
		value = kind % 16U;
	fake_mmio_set(&g->m, reg, (uint32_t)value);
}

static void get_register(struct guest *g)
{
	static const uint8_t regs[] = { 0x10, 0x34, 0x44, 0x60, 0x70, 0xfc };

	fake_mmio_get(&g->m, regs[take_below(&g->in, ARRAY_SIZE(regs))]);
}

static void run(struct guest *g)
{
	static const uint8_t weights[] = { 30, 12, 16, 8, 12, 8 };

	for (unsigned op = 0; op < 2 * FUZZ_MAX_OPS && g->in.len > 0; op++) {
		switch (take_pick(&g->in, weights, ARRAY_SIZE(weights))) {
		case 0:
			set_register(g);
			break;
		case 1:
			get_register(g);
			break;
		case 2:
			guest_access(g);
			break;
		case 3:
			guest_pci(g);
			break;
		case 4:
			guest_op(g, &target);
			break;
		default:
			fake_vm_io(g->vm);
		}
	}
	fake_vm_io(g->vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guest *g = guest_begin(data, len);

	const struct device_type *type =
		types[take_below(&g->in, ARRAY_SIZE(types))];

	g->dev = fake_vm_add(g->vm, type, NULL);
	fake_vm_freeze(g->vm);
	fake_mmio_init(&g->m, g->vm, 0);
	fake_driver_init(&g->m.drv, &g->vm->gmem);
	g->arena = arch_info.ram_base + MIB(1) / 2;
	run(g);
	guest_end(g);
	return 0;
}
