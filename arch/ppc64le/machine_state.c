/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest told the machine as a whole, as a device without registers:
 * where its process table is and in which mode interrupts are taken.
 *
 * It is in struct machine, guarded by machine->lock, since hypercalls of any
 * vCPU change it; the device only resets, saves and restores it.
 */
#include <stdlib.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/machine.h"
#include "vmm/device.h"
#include "vmm/snapshot.h"

static bool is_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return true;
}

static int create(struct vm *vm, const struct device_config *cfg,
		  struct device **out, struct error *err)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (dev == NULL)
		return error_nomem(err, "the machine's state");
	device_init(dev, &machine_device, vm, cfg->index);
	*out = dev;
	return 0;
}

static void destroy(struct device *dev)
{
	device_fini(dev);
	free(dev);
}

static void reset(struct device *dev)
{
	struct machine *machine = vm_machine(dev->vm);

	pthread_mutex_lock(&machine->lock);
	machine->process_table = 0;
	machine->ile = false;
	machine->ail = 0;
	machine->nr_joined = 0;
	pthread_mutex_unlock(&machine->lock);
}

static void do_nothing(struct device *dev)
{
	(void)dev;
}

static int save(struct device *dev, struct snap_writer *w)
{
	(void)dev;
	(void)w;
	return 0;
}

static int restore(struct device *dev, struct snap_reader *r, uint32_t version)
{
	(void)dev;
	(void)r;
	(void)version;
	return 0;
}

const struct device_type machine_device = {
	.name = "machine",
	.state_version = 1,
	.max = 1,
	.implied = is_implied,
	.create = create,
	.destroy = destroy,
	.reset = reset,
	.quiesce = do_nothing,
	.resume = do_nothing,
	.save = save,
	.restore = restore,
};
