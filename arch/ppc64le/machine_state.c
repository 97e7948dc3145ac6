/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest told the machine as a whole, as a device without registers:
 * where its process table is and in which mode interrupts are taken.
 *
 * It is in struct machine, guarded by machine->lock, since hypercalls of any
 * vCPU change it; the device only resets, saves and restores it.
 */
#include <errno.h>
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
	machine->process_table = MACHINE_RADIX;
	machine->gtse = false;
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
	struct machine *machine = vm_machine(dev->vm);

	pthread_mutex_lock(&machine->lock);
	snap_put_u64(w, machine->process_table);
	snap_put_u8(w, machine->gtse);
	snap_put_u8(w, machine->ile);
	snap_put_u8(w, (uint8_t)machine->ail);
	pthread_mutex_unlock(&machine->lock);
	return 0;
}

/*
 * How many vCPUs are joined shows in the vCPUs, which are restored by now and
 * have no threads yet.
 */
static unsigned count_joined(const struct vm *vm)
{
	unsigned count = 0;

	for (unsigned i = 0; i < vm->cfg->cpus; i++)
		count += vm->vcpus[i].power == VCPU_WAITING;
	return count;
}

/* What KVM has to be told once more, as the guest told it before. */
static int tell_kvm(const struct vm *vm, const struct machine *machine)
{
	uint64_t flags =
		KVM_PPC_MMUV3_RADIX | (machine->gtse ? KVM_PPC_MMUV3_GTSE : 0);
	int ret =
		kvm_ppc_configure_mmu(&vm->kvm, flags, machine->process_table);

	if (ret == 0 && machine->nr_joined > 0)
		ret = kvm_ppc_enable_hcall(&vm->kvm, HCALL_PROD, false);
	return ret;
}

static int restore(struct device *dev, struct snap_reader *r, uint32_t version)
{
	struct machine *machine = vm_machine(dev->vm);
	uint64_t process_table = snap_get_u64(r);
	uint8_t gtse = snap_get_u8(r);
	uint8_t ile = snap_get_u8(r);
	uint8_t ail = snap_get_u8(r);

	(void)version;
	if ((process_table & MACHINE_RADIX) == 0 || gtse > 1 || ile > 1 ||
	    (ail != 0 && ail != 3))
		snap_reader_fail(r);
	if (snap_reader_error(r) < 0)
		return snap_reader_error(r);
	if (ail == 3 && !machine->caps.ail3)
		return -ENXIO;

	unsigned nr_joined = count_joined(dev->vm);
	pthread_mutex_lock(&machine->lock);
	machine->process_table = process_table;
	machine->gtse = gtse != 0;
	machine->ile = ile != 0;
	machine->ail = ail;
	machine->nr_joined = nr_joined;
	int ret = tell_kvm(dev->vm, machine);
	pthread_mutex_unlock(&machine->lock);
	return ret == -EINVAL ? -EBADMSG : ret;
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
