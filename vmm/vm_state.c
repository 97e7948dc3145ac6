/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: saving and restoring all state but RAM. */
#include "vmm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/snapshot.h"

#define VCPU_SECTION    "vcpu"
#define IRQCHIP_SECTION "irqchip"

static void vcpu_id_text(unsigned id, char text[SNAP_NAME_MAX])
{
	snprintf(text, SNAP_NAME_MAX, "vcpu%u", id);
}

static int save_vcpu(struct vcpu *vcpu, struct snap_writer *w)
{
	char id[SNAP_NAME_MAX];

	vcpu_id_text(vcpu->id, id);
	snap_begin(w, VCPU_SECTION, id, ARCH_VCPU_STATE_VERSION);
	int ret = arch_vcpu_save(vcpu, w);
	snap_end(w);
	return ret;
}

static int save_irqchip(struct irqchip *chip, struct snap_writer *w)
{
	snap_begin(w, IRQCHIP_SECTION, chip->ops->name,
		   chip->ops->state_version);
	int ret = chip->ops->save(chip, w);
	snap_end(w);
	return ret;
}

int vm_save(struct vm *vm, struct snap_writer *w)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < vm->cfg->cpus; i++)
		ret = save_vcpu(&vm->vcpus[i], w);
	if (ret == 0)
		ret = save_irqchip(vm->irqchip, w);
	for (unsigned i = 0; ret == 0 && i < vm->nr_devices; i++)
		ret = device_save(vm->devices[i], w);
	if (ret == 0)
		ret = snap_finish(w);
	return ret;
}

/**
 * struct target - Something that a section may belong to
 * @number: its place in the file
 */
struct target {
	struct vcpu *vcpu;
	struct irqchip *irqchip;
	struct device *device;
	unsigned number;
};

static unsigned nr_parts(const struct vm *vm)
{
	return vm->cfg->cpus + 1 + vm->nr_devices;
}

static bool find_target(struct vm *vm, const struct snap_section *section,
			struct target *out)
{
	char id[SNAP_NAME_MAX];

	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		vcpu_id_text(i, id);
		if (strcmp(section->name, VCPU_SECTION) == 0 &&
		    strcmp(section->id, id) == 0) {
			*out = (struct target){ .vcpu = &vm->vcpus[i],
						.number = i };
			return true;
		}
	}
	if (strcmp(section->name, IRQCHIP_SECTION) == 0 &&
	    strcmp(section->id, vm->irqchip->ops->name) == 0) {
		*out = (struct target){ .irqchip = vm->irqchip,
					.number = vm->cfg->cpus };
		return true;
	}
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		if (strcmp(section->name, dev->type->name) == 0 &&
		    strcmp(section->id, dev->id) == 0) {
			*out = (struct target){ .device = dev,
						.number =
							vm->cfg->cpus + 1 + i };
			return true;
		}
	}
	return false;
}

static int restore_target(const struct target *t, struct snap_reader *r,
			  uint32_t version)
{
	int ret;

	if (t->device != NULL)
		return device_restore(t->device, r, version);
	if (t->vcpu != NULL) {
		if (version > ARCH_VCPU_STATE_VERSION)
			return -ENOTSUP;
		ret = arch_vcpu_restore(t->vcpu, r, version);
	} else if (t->irqchip != NULL) {
		if (version > t->irqchip->ops->state_version)
			return -ENOTSUP;
		ret = t->irqchip->ops->restore(t->irqchip, r, version);
	} else {
		return -EINVAL;
	}
	if (ret == 0)
		ret = snap_reader_error(r);
	if (ret == 0 && snap_left(r) != 0)
		ret = -EBADMSG;
	return ret;
}

static const char *restore_failure(int error)
{
	switch (error) {
	case -ENOTSUP:
		return "a newer privet wrote it";
	case -ENXIO:
		return "this host's CPUs or its KVM lack what the guest had";
	case -EBADMSG:
		return "it is damaged";
	default:
		return strerror(-error);
	}
}

/* What is wrong with the file, or with this machine for it. */
static bool is_mismatch(int error)
{
	return error == -ENOTSUP || error == -ENXIO || error == -EBADMSG ||
	       error == -EINVAL;
}

static int missing(const struct vm *vm, unsigned number, struct error *err)
{
	return error_usage(err,
			   "saved state: part %u of %u of this machine is "
			   "missing in its place; start it with the options "
			   "that it was saved with",
			   number + 1, nr_parts(vm));
}

/*
 * The order is vm_save()'s: some parts rely on those before them.
 *
 * @next: number of the part whose turn it is
 */
static int check_order(const struct vm *vm, const struct snap_section *section,
		       unsigned number, unsigned next, struct error *err)
{
	if (number > next)
		return missing(vm, next, err);
	if (number < next)
		return error_usage(err,
				   "saved state: section '%s' is there twice "
				   "or too late; the file is damaged",
				   section->id);
	return 0;
}

static int restore_section(struct vm *vm, struct snap_reader *r,
			   const struct snap_section *section, unsigned next,
			   struct error *err)
{
	struct target target = { 0 };

	if (!find_target(vm, section, &target))
		return error_usage(err,
				   "saved state: it has a section '%s' (%s) "
				   "that this machine lacks; start it with the "
				   "options that it was saved with",
				   section->id, section->name);

	int ret = check_order(vm, section, target.number, next, err);
	if (ret < 0)
		return ret;

	ret = restore_target(&target, r, section->version);
	if (ret < 0)
		return error_set(err, ret,
				 is_mismatch(ret) ? EXIT_STATUS_USAGE
						  : EXIT_STATUS_ERROR,
				 "saved state: section '%s' version %u cannot "
				 "be restored: %s",
				 section->id, section->version,
				 restore_failure(ret));
	return 0;
}

int vm_restore(struct vm *vm, struct snap_reader *r, struct error *err)
{
	struct snap_section section;
	unsigned next = 0;
	int ret;

	while ((ret = snap_next(r, &section)) == 1) {
		ret = restore_section(vm, r, &section, next++, err);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return error_usage(err, "saved state: the file is damaged");
	return next < nr_parts(vm) ? missing(vm, next, err) : 0;
}
