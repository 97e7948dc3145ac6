/* SPDX-License-Identifier: Apache-2.0 */
/* A device of the machine. */
#include "arch/ppc64le/machine.h"

#include <stdlib.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/tree.h"

struct vty {
	struct device dev;
};

const struct hcall_entry hcalls_vty[] = {
	{ .fn = NULL },
};

void vty_fdt(const struct vm *vm, struct fdt_builder *fdt)
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
	struct vty *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return error_nomem(err, "the vty");
	device_init(&s->dev, &vty_device, vm, cfg->index);
	vm_machine(vm)->vty = s;
	*out = &s->dev;
	return 0;
}

static void dev_destroy(struct device *dev)
{
	struct vty *s = container_of(dev, struct vty, dev);

	vm_machine(dev->vm)->vty = NULL;
	device_fini(dev);
	free(s);
}

const struct device_type vty_device = {
	.name = "vty",
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
