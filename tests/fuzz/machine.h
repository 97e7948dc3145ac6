/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of one architecture on a fake KVM, whose guest does what the input
 * says: for what the monitor answers on vCPU threads, and for saved state.
 */
#ifndef PRIVET_TESTS_FUZZ_MACHINE_H
#define PRIVET_TESTS_FUZZ_MACHINE_H

#include <errno.h>
#include <libfdt.h>

#include "devices/table.h"
#include "tests/fuzz/chardev_stub.h"
#include "tests/fuzz/input.h"
#include "tests/unit/vcpu_fixture.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/irqchip.h"
#include "vmm/snapshot.h"

#define MACHINE_RAM MIB(1)

/** machine_gpa() - Mostly in RAM, aligned, away from the ends */
static inline uint64_t machine_gpa(struct input *in)
{
	uint8_t kind = take_u8(in);

	if (kind < 200)
		return arch_info.ram_base + 0x1000 + take_u16(in) % 0x8000U;
	if (kind < 232)
		return arch_info.ram_base + MACHINE_RAM - kind % 32U;
	return take_number(in);
}

/** machine_access() - A vCPU touches @size bytes at @gpa */
static inline void machine_access(struct vcpu *vcpu, uint64_t gpa,
				  unsigned size, bool write, uint64_t value)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = size;
	run->mmio.is_write = write;
	le64_store(run->mmio.data, write ? value : 0);
	FUZZ_CHECK(arch_handle_exit(vcpu) == EXIT_RESUME || write);
}

/** machine_exit_mmio() - A vCPU touches something at @gpa */
static inline void machine_exit_mmio(struct input *in, struct vcpu *vcpu,
				     uint64_t gpa)
{
	static const uint8_t sizes[] = { 4, 4, 4, 1, 2, 8, 4, 1 };
	uint8_t kind = take_u8(in);
	bool write = kind >= 128;

	machine_access(vcpu, gpa, sizes[kind & 7], write,
		       write ? take_number(in) : 0);
}

/** machine_fail() - KVM_RUN fails; what it was about is in vcpu->run */
static inline void machine_fail(struct input *in, struct vcpu *vcpu)
{
	static const uint8_t errors[] = { EINVAL,     EFAULT, ENOMEM, EIO,
					  EOPNOTSUPP, ENODEV, EBADF };

	arch_run_failed(vcpu, -errors[take_below(in, ARRAY_SIZE(errors))]);
}

/* Up to three bytes of it are others. */
static inline void machine_damage(struct input *in, struct snap_writer *w)
{
	for (unsigned n = take_below(in, 4); n > 0 && w->len > 0; n--) {
		size_t at = take_u16(in) % w->len;

		w->data[at] = (uint8_t)take_number(in);
	}
	if (take_rarely(in, 16) && w->len > 0)
		w->len -= take_u16(in) % w->len;
}

static inline void machine_restore_device(struct input *in, struct device *dev)
{
	struct snap_writer w = { 0 };

	pthread_mutex_lock(&dev->lock);
	dev->type->quiesce(dev);
	FUZZ_CHECK(dev->type->save(dev, &w) == 0 && w.error == 0);
	machine_damage(in, &w);
	dev->type->reset(dev);
	pthread_mutex_unlock(&dev->lock);
	struct snap_reader r = { .data = w.data, .len = w.len, .end = w.len };
	int ret = device_restore(dev, &r, dev->type->state_version);

	pthread_mutex_lock(&dev->lock);
	if (ret < 0)
		dev->type->reset(dev);
	dev->type->resume(dev);
	pthread_mutex_unlock(&dev->lock);
	snap_writer_free(&w);
}

static inline void machine_restore_irqchip(struct input *in, struct vm *vm)
{
	struct irqchip *chip = vm->irqchip;
	struct snap_writer w = { 0 };

	FUZZ_CHECK(chip->ops->save(chip, &w) == 0 && w.error == 0);
	machine_damage(in, &w);
	struct snap_reader r = { .data = w.data, .len = w.len, .end = w.len };

	chip->ops->restore(chip, &r, chip->ops->state_version);
	snap_writer_free(&w);
}

static inline void machine_restore_vcpu(struct input *in, struct vcpu *vcpu)
{
	struct snap_writer w = { 0 };

	if (arch_vcpu_save(vcpu, &w) == 0) {
		machine_damage(in, &w);
		struct snap_reader r = { .data = w.data,
					 .len = w.len,
					 .end = w.len };

		arch_vcpu_restore(vcpu, &r, ARCH_VCPU_STATE_VERSION);
	}
	snap_writer_free(&w);
}

/* A section as it was or changed, missing, twice, newer, or another's. */
static inline void machine_section(struct input *in, struct snap_reader *r,
				   struct snap_section *section,
				   struct snap_writer *w)
{
	uint8_t kind = take_u8(in);
	size_t len = snap_left(r);
	uint8_t *body = malloc(len + 1);

	FUZZ_CHECK(body != NULL);
	snap_get_bytes(r, body, len);
	body[len] = kind;
	for (unsigned n = kind < 128 ? 0 : kind % 4U; n > 0 && len > 0; n--)
		body[take_u16(in) % len] = (uint8_t)take_number(in);
	if (kind == 252)
		section->version += take_u8(in);
	if (kind == 253)
		section->id[0] ^= 1;
	/* One too many, or none. */
	if (kind == 254)
		len = take_u8(in) & 1 ? len + 1 : 0;
	for (unsigned i = kind == 255 ? 0 : kind == 251 ? 2 : 1; i > 0; i--) {
		snap_begin(w, section->name, section->id, section->version);
		snap_put_bytes(w, body, len);
		snap_end(w);
	}
	free(body);
}

/* The state again, with the right check sums. */
static inline void machine_rewrite(struct input *in, struct snap_writer *w)
{
	struct snap_writer old = *w;
	struct snap_reader r;
	struct snap_section section;
	struct error err = { 0 };

	FUZZ_CHECK(snap_reader_init(&r, old.data, old.len, arch_info.name,
				    &err) == 0);
	snap_writer_init(w, arch_info.name);
	while (snap_next(&r, &section) == 1)
		machine_section(in, &r, &section, w);
	FUZZ_CHECK(snap_finish(w) == 0);
	snap_writer_free(&old);
}

/* The whole file, with sections that may be damaged, missing or foreign. */
static inline void machine_restore_all(struct input *in, struct vm *vm)
{
	struct error err = { 0 };
	struct snap_writer w;
	struct snap_reader r;

	snap_writer_init(&w, arch_info.name);
	if (vm_save(vm, &w) == 0) {
		if (take_u8(in) & 3)
			machine_rewrite(in, &w);
		else
			machine_damage(in, &w);
		if (snap_reader_init(&r, w.data, w.len, arch_info.name, &err) ==
		    0)
			vm_restore(vm, &r, &err);
	}
	snap_writer_free(&w);
}

/** machine_state() - Save something and restore it, damaged or not */
static inline void machine_state(struct input *in, struct vm *vm)
{
	unsigned what = take_below(in, vm->nr_devices + 3);

	if (what < vm->nr_devices)
		machine_restore_device(in, vm->devices[what]);
	else if (what == vm->nr_devices)
		machine_restore_irqchip(in, vm);
	else if (what == vm->nr_devices + 1)
		machine_restore_vcpu(in, &vm->vcpus[0]);
	else
		machine_restore_all(in, vm);
}

/** machine_reset() - All devices, as a reboot does */
static inline void machine_reset(struct vm *vm)
{
	for (unsigned i = vm->nr_devices; i-- > 0;) {
		struct device *dev = vm->devices[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->reset(dev);
		pthread_mutex_unlock(&dev->lock);
	}
	vm->stop = VM_STOP_NONE;
}

/** machine_tree() - A tree that was built is one */
static inline void machine_tree(struct fdt_builder *fdt)
{
	const void *blob;
	size_t len;
	struct error err = { 0 };

	FUZZ_CHECK(fdt_builder_finish(fdt, &blob, &len, &err) == 0);
	FUZZ_CHECK(fdt_check_full(blob, len) == 0);
	fdt_builder_free(fdt);
}

/** machine_serve() - What the vCPUs' threads do before they go on */
static inline void machine_serve(struct vm *vm)
{
	for (unsigned i = 0; i < vm->cfg->cpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		unsigned requests = vcpu->requests;

		vcpu->requests = 0;
		if (requests != 0 && vcpu->serve != NULL)
			vcpu->serve(vcpu, requests);
	}
}

#endif
