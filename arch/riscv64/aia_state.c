/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and restoring the AIA.
 *
 * Saved state is what the device's register attributes give. It is untrusted:
 * the shape has to be that of this machine, and KVM masks the values. What
 * the inputs of the APLIC are driven to is not part of it: devices drive
 * their lines again when they are restored.
 */
#include "arch/riscv64/aia.h"

#include <errno.h>

#include "vmm/kvm.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

/**
 * struct aia_stream - Registers on their way between KVM and a stream
 * @w, @r: one of them is set
 * @error: the first failure sticks
 */
struct aia_stream {
	int fd;
	struct snap_writer *w;
	struct snap_reader *r;
	int error;
};

static void move_aplic(struct aia_stream *s, uint32_t off)
{
	uint32_t value = 0;

	if (s->error < 0)
		return;
	if (s->w != NULL) {
		s->error = kvm_device_get(s->fd, KVM_DEV_RISCV_AIA_GRP_APLIC,
					  off, &value);
		snap_put_u32(s->w, value);
		return;
	}
	value = snap_get_u32(s->r);
	s->error = snap_reader_error(s->r);
	if (s->error == 0)
		s->error = kvm_device_set(s->fd, KVM_DEV_RISCV_AIA_GRP_APLIC,
					  off, &value);
}

static void move_imsic(struct aia_stream *s, unsigned hart, uint32_t isel)
{
	uint64_t attr = KVM_DEV_RISCV_AIA_IMSIC_MKATTR((uint64_t)hart, isel);
	uint64_t value = 0;

	if (s->error < 0)
		return;
	if (s->w != NULL) {
		s->error = kvm_device_get(s->fd, KVM_DEV_RISCV_AIA_GRP_IMSIC,
					  attr, &value);
		snap_put_u64(s->w, value);
		return;
	}
	value = snap_get_u64(s->r);
	s->error = snap_reader_error(s->r);
	if (s->error == 0)
		s->error = kvm_device_set(s->fd, KVM_DEV_RISCV_AIA_GRP_IMSIC,
					  attr, &value);
}

/*
 * Delivery comes last on each level, so that nothing moves on the way back
 * before everything is in place.
 */
static void move_registers(const struct aia *aia, struct aia_stream *s)
{
	for (unsigned hart = 0; hart < aia->chip.vm->cfg->cpus; hart++) {
		for (uint32_t i = 0; i < (aia->nr_ids + 1) / 64; i++) {
			move_imsic(s, hart, IMSIC_EIE(i));
			move_imsic(s, hart, IMSIC_EIP(i));
		}
		move_imsic(s, hart, IMSIC_EITHRESHOLD);
		move_imsic(s, hart, IMSIC_EIDELIVERY);
	}
	/* A pending bit can be set only in a source that is not inactive. */
	for (uint32_t i = 1; i <= aia->nr_sources; i++) {
		move_aplic(s, APLIC_SOURCECFG(i));
		move_aplic(s, APLIC_TARGET(i));
	}
	for (uint32_t i = 0; i <= aia->nr_sources / 32; i++) {
		move_aplic(s, APLIC_SETIE(i));
		move_aplic(s, APLIC_SETIP(i));
	}
	move_aplic(s, APLIC_DOMAINCFG);
}

int aia_save(struct irqchip *chip, struct snap_writer *w)
{
	struct aia *aia = container_of(chip, struct aia, chip);
	struct aia_stream s = { .fd = atomic_load(&aia->fd), .w = w };

	if (s.fd < 0)
		return -ENODEV;
	snap_put_u32(w, chip->vm->cfg->cpus);
	snap_put_u32(w, aia->nr_ids);
	snap_put_u32(w, aia->nr_sources);
	move_registers(aia, &s);
	return s.error;
}

int aia_restore(struct irqchip *chip, struct snap_reader *r, uint32_t version)
{
	struct aia *aia = container_of(chip, struct aia, chip);
	struct aia_stream s = { .fd = atomic_load(&aia->fd), .r = r };

	if (s.fd < 0)
		return -ENODEV;
	if (version != chip->ops->state_version)
		return -ENOTSUP;

	uint32_t cpus = snap_get_u32(r);
	uint32_t nr_ids = snap_get_u32(r);
	uint32_t nr_sources = snap_get_u32(r);
	if (cpus != chip->vm->cfg->cpus || nr_ids != aia->nr_ids ||
	    nr_sources != aia->nr_sources)
		snap_reader_fail(r);
	s.error = snap_reader_error(r);
	move_registers(aia, &s);
	return s.error;
}
