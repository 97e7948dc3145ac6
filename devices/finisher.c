/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive test finisher: one register that ends the machine.
 *
 * The low 16 bits of a write say how, the high 16 bits are a code:
 *
 *	0x5555	power off; the code is ignored
 *	0x3333	end with the code as the guest's status. A status has 8 bits:
 *		of a larger code the low 8 are used, and 255 where those are
 *		zero, so that a failure never looks like success
 *	0x7777	reboot
 *
 * The machine always has it, also with --nodefaults: it is how a test without
 * an operating system reports a status.
 *
 * Its node has no syscon-poweroff and syscon-reboot beside it: a kernel that
 * finds those prefers them to the SBI system reset call, which tells a
 * shutdown from a crash, and cold from warm.
 */
#include "devices/table.h"

#include <stdlib.h>
#include "vmm/arch.h"
#include "vmm/fdt.h"
#include "vmm/log.h"
#include "vmm/mmio.h"
#include "vmm/vm.h"

#define FINISH_PASS  0x5555U
#define FINISH_FAIL  0x3333U
#define FINISH_RESET 0x7777U

/**
 * struct finisher - A test finisher; it has no state
 * @unknown: bounds what is said of other values
 */
struct finisher {
	struct device dev;
	struct log_limit unknown;
};

static unsigned status_of(unsigned code)
{
	unsigned status = code & 0xff;

	return code != 0 && status == 0 ? 255 : status;
}

static uint64_t finisher_read(void *opaque, uint64_t off, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)size;
	return 0;
}

static void finisher_write(void *opaque, uint64_t off, unsigned size,
			   uint64_t value)
{
	struct finisher *f = opaque;
	struct vm *vm = f->dev.vm;
	unsigned code = (unsigned)(value >> 16) & 0xffff;

	(void)size;
	if (off != 0)
		return;
	switch (value & 0xffff) {
	case FINISH_PASS:
		vm_request_stop(vm, VM_STOP_POWEROFF, 0,
				"the guest powered off (test finisher)");
		break;
	case FINISH_FAIL:
		vm_request_stop(vm, VM_STOP_GUEST_STATUS, status_of(code),
				"the guest ended with code %u (test finisher)",
				code);
		break;
	case FINISH_RESET:
		vm_request_stop(vm, VM_STOP_COLD_REBOOT, 0,
				"the guest rebooted (test finisher)");
		break;
	default:
		log_guest(vm->log, &f->unknown, LOG_DEBUG,
			  "%s: unknown value 0x%x", f->dev.id, (unsigned)value);
		break;
	}
}

static const struct mmio_ops finisher_mmio = {
	.read = finisher_read,
	.write = finisher_write,
	.min_size = 2,
	.max_size = 4,
};

static void finisher_nothing(struct device *dev)
{
	(void)dev;
}

static int finisher_save(struct device *dev, struct snap_writer *w)
{
	(void)dev;
	(void)w;
	return 0;
}

static int finisher_restore(struct device *dev, struct snap_reader *r,
			    uint32_t version)
{
	(void)dev;
	(void)r;
	(void)version;
	return 0;
}

static void finisher_fdt(struct device *dev, struct fdt_builder *fdt)
{
	static const char *const compatible[] = { "sifive,test1",
						  "sifive,test0", "syscon" };
	const struct arch_device *where = &arch_info.finisher;

	(void)dev;
	fdt_begin(fdt, "test@%llx", (unsigned long long)where->base);
	fdt_prop_strings(fdt, "compatible", compatible, ARRAY_SIZE(compatible));
	fdt_prop_reg(fdt, where->base, where->size);
	fdt_end(fdt);
}

static bool finisher_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return arch_info.finisher.size != 0;
}

static int finisher_create(struct vm *vm, const struct device_config *cfg,
			   struct device **out, struct error *err)
{
	struct finisher *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return error_nomem(err, "the test finisher");
	device_init(&f->dev, &finisher_device, vm, cfg->index);

	/* No lock: vm_request_stop() takes one that comes before ours. */
	const struct mmio_region region = {
		.name = f->dev.id,
		.base = arch_info.finisher.base,
		.size = arch_info.finisher.size,
		.ops = &finisher_mmio,
		.opaque = f,
	};
	int ret = mmio_add(&vm->mmio, &region, err);
	if (ret < 0) {
		device_fini(&f->dev);
		free(f);
		return ret;
	}
	*out = &f->dev;
	return 0;
}

static void finisher_destroy(struct device *dev)
{
	struct finisher *f = container_of(dev, struct finisher, dev);

	device_fini(dev);
	free(f);
}

const struct device_type finisher_device = {
	.name = "finisher",
	.state_version = 1,
	.max = 1,
	.implied = finisher_implied,
	.create = finisher_create,
	.destroy = finisher_destroy,
	.reset = finisher_nothing,
	.quiesce = finisher_nothing,
	.resume = finisher_nothing,
	.save = finisher_save,
	.restore = finisher_restore,
	.fdt = finisher_fdt,
};
