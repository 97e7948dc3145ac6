/* SPDX-License-Identifier: Apache-2.0 */
/* A device of the machine. */
#include "arch/ppc64le/machine.h"

#include <stdlib.h>

#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/tree.h"

struct nvram {
	struct device dev;
};

const struct rtas_entry rtas_nvram_calls[] = {
	{ .name = NULL },
};

void nvram_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	(void)vm;
	(void)fdt;
}

static void dev_nothing(struct device *dev)
{
	(void)dev;
}

static int dev_save(struct device *dev, struct snap_writer *w)
{
	(void)dev;
	(void)w;
	return 0;
}

static int dev_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	(void)dev;
	(void)r;
	(void)version;
	return 0;
}

static bool dev_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return true;
}

static int dev_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	struct nvram *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return error_nomem(err, "the nvram");
	device_init(&s->dev, &nvram_device, vm, cfg->index);
	vm_machine(vm)->nvram = s;
	*out = &s->dev;
	return 0;
}

static void dev_destroy(struct device *dev)
{
	struct nvram *s = container_of(dev, struct nvram, dev);

	vm_machine(dev->vm)->nvram = NULL;
	device_fini(dev);
	free(s);
}

const struct device_type nvram_device = {
	.name = "nvram",
	.state_version = 1,
	.max = 1,
	.implied = dev_implied,
	.create = dev_create,
	.destroy = dev_destroy,
	.reset = dev_nothing,
	.quiesce = dev_nothing,
	.resume = dev_nothing,
	.save = dev_save,
	.restore = dev_restore,
};
