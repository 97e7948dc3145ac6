/* SPDX-License-Identifier: Apache-2.0 */
/* A host bridge with functions behind it that record what is done to them. */
#ifndef PRIVET_TESTS_PHB_FIXTURE_H
#define PRIVET_TESTS_PHB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/phb.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/xics_core.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define FIX_RAM       MIB(1)
#define FIX_FUNCTIONS 3U
#define FIX_VECTORS   2048U

/** Source that a vector has when nobody programmed it */
#define FIX_UNTOUCHED 0xdeadbeefU

/**
 * struct fix_function - A function
 * @nr_vectors: size of its MSI-X table; 0: it has no operations for it
 * @on_program: called once, within the next msix_program()
 */
struct fix_function {
	struct pci_function fn;
	struct pci_function_ops ops;
	pthread_mutex_t lock;
	uint8_t config[PCI_CONFIG_SIZE];
	unsigned nr_vectors;
	uint64_t addr[FIX_VECTORS];
	uint32_t data[FIX_VECTORS];
	void (*on_program)(void *arg);
	void *arg;
};

/**
 * struct phb_fixture - The machine
 * @racing: several threads call, so that anybody may hold the bridge's lock
 */
struct phb_fixture {
	bool racing;
	struct vm vm;
	struct vm_config cfg;
	struct vcpu vcpu;
	struct machine machine;
	struct device *dev;
	struct fix_function functions[FIX_FUNCTIONS];
};

static inline struct phb *fix_phb(struct phb_fixture *f)
{
	return f->machine.phb;
}

static inline struct fix_function *to_fix(struct pci_function *fn)
{
	return container_of(fn, struct fix_function, fn);
}

/* The function's lock is held, the bridge's is not. */
static inline void fix_assert_locks(struct pci_function *fn)
{
	struct phb_fixture *f =
		container_of(fn->bus->vm, struct phb_fixture, vm);
	struct phb *phb = fix_phb(f);

	assert_int_equal(pthread_mutex_trylock(fn->lock), EBUSY);
	if (f->racing)
		return;
	assert_int_equal(pthread_mutex_trylock(&phb->dev.lock), 0);
	pthread_mutex_unlock(&phb->dev.lock);
}

static inline uint32_t fix_config_read(struct pci_function *fn, unsigned off,
				       unsigned size)
{
	uint8_t raw[4] = { 0 };

	fix_assert_locks(fn);
	memcpy(raw, &to_fix(fn)->config[off], size);
	return le32_load(raw);
}

static inline void fix_config_write(struct pci_function *fn, unsigned off,
				    unsigned size, uint32_t value)
{
	uint8_t raw[4];

	fix_assert_locks(fn);
	le32_store(raw, value);
	memcpy(&to_fix(fn)->config[off], raw, size);
}

static inline unsigned fix_msix_vectors(struct pci_function *fn)
{
	assert_int_equal(pthread_mutex_trylock(fn->lock), EBUSY);
	return to_fix(fn)->nr_vectors;
}

static inline void fix_msix_program(struct pci_function *fn, unsigned vector,
				    uint64_t addr, uint32_t data)
{
	struct fix_function *fix = to_fix(fn);

	fix_assert_locks(fn);
	assert_true(vector < fix->nr_vectors);
	fix->addr[vector] = addr;
	fix->data[vector] = data;
	if (fix->on_program != NULL) {
		void (*call)(void *arg) = fix->on_program;

		fix->on_program = NULL;
		call(fix->arg);
	}
}

static inline void fix_add_function(struct phb_fixture *f, unsigned i,
				    const char *name, unsigned vectors)
{
	struct fix_function *fix = &f->functions[i];
	struct error err = { 0 };

	fix->ops = (struct pci_function_ops){
		.config_read = fix_config_read,
		.config_write = fix_config_write,
		.msix_vectors = vectors != 0 ? fix_msix_vectors : NULL,
		.msix_program = vectors != 0 ? fix_msix_program : NULL,
	};
	fix->nr_vectors = vectors;
	for (unsigned v = 0; v < FIX_VECTORS; v++)
		fix->data[v] = FIX_UNTOUCHED;
	pthread_mutex_init(&fix->lock, NULL);
	fix->fn.ops = &fix->ops;
	fix->fn.name = name;
	fix->fn.lock = &fix->lock;
	assert_int_equal(pci_bus_add(f->vm.pci, &fix->fn, &err), 0);
	assert_int_equal(fix->fn.slot, i);
}

/* Functions in slots 0, 1 and 2 with 3, 2048 and no vectors. */
static inline int fix_setup(void **state)
{
	struct phb_fixture *f = calloc(1, sizeof(*f));
	struct device_config dc = { .type = &phb_device };
	struct error err = { 0 };

	assert_non_null(f);
	f->vm.cfg = &f->cfg;
	f->vm.vcpus = &f->vcpu;
	f->vm.arch = &f->machine;
	f->vm.kvm = (struct kvm){ .fd = -1, .vm_fd = -1 };
	f->vcpu = (struct vcpu){ .vm = &f->vm, .fd = -1 };
	f->cfg.cpus = 1;
	assert_int_equal(xics_ops.create(&f->vm, &f->vm.irqchip, &err), 0);
	assert_int_equal(gmem_add(&f->vm.gmem, 0, FIX_RAM, &err), 0);
	assert_int_equal(phb_device.create(&f->vm, &dc, &f->dev, &err), 0);
	fix_add_function(f, 0, "virtio-blk0", 3);
	fix_add_function(f, 1, "virtio-net0", FIX_VECTORS);
	fix_add_function(f, 2, "virtio-odd0", 0);
	mmio_freeze(&f->vm.mmio);
	assert_int_equal(xics_ops.power_on(f->vm.irqchip, &err), 0);
	assert_int_equal(f->dev->type->power_on(f->dev, &err), 0);
	*state = f;
	return 0;
}

static inline int fix_teardown(void **state)
{
	struct phb_fixture *f = *state;

	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->reset(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
	f->dev->type->power_off(f->dev);
	xics_ops.power_off(f->vm.irqchip);
	for (unsigned i = 0; i < FIX_FUNCTIONS; i++) {
		pci_bus_remove(&f->functions[i].fn);
		pthread_mutex_destroy(&f->functions[i].lock);
	}
	f->dev->type->destroy(f->dev);
	assert_null(f->vm.pci);
	assert_null(f->machine.phb);
	xics_ops.destroy(f->vm.irqchip);
	gmem_destroy(&f->vm.gmem);
	free(f);
	return 0;
}

/** struct fix_rets - Status and values of a firmware call */
struct fix_rets {
	int32_t status;
	uint32_t rets[RTAS_MAX_ARGS];
};

static inline const struct rtas_entry *fix_rtas_entry(uint32_t token)
{
	for (const struct rtas_entry *e = rtas_pci_calls; e->name; e++) {
		if (e->token == token)
			return e;
	}
	fail_msg("no firmware call 0x%x", token);
	return NULL;
}

#define FIX_UNSET 0xa5a5a5a5U

static inline struct fix_rets fix_rtas(struct phb_fixture *f, uint32_t token,
				       const uint32_t *args)
{
	const struct rtas_entry *entry = fix_rtas_entry(token);
	struct rtas_call call = {
		.vcpu = &f->vcpu,
		.token = token,
		.nargs = entry->nargs,
		.nret = entry->max_nret != 0 ? entry->max_nret : entry->nret,
	};
	struct fix_rets out;

	memcpy(call.args, args, entry->nargs * sizeof(args[0]));
	memset(call.rets, 0xa5, sizeof(call.rets));
	out.status = entry->fn(&call);
	memcpy(out.rets, call.rets, sizeof(out.rets));
	assert_int_equal(call.action, EXIT_RESUME);
	return out;
}

#define BUID_HI 0x8000000U
#define BUID_LO 0x20000000U

/* ibm,change-msi; with all values that it returns. */
static inline struct fix_rets fix_change(struct phb_fixture *f, uint32_t addr,
					 uint32_t what, uint32_t count)
{
	const uint32_t args[] = { addr, BUID_HI, BUID_LO, what, count, 1 };

	return fix_rtas(f, RTAS_IBM_CHANGE_MSI, args);
}

/* Saves the bridge into @w, as vm_save() does. */
static inline void fix_save(struct phb_fixture *f, struct snap_writer *w)
{
	snap_writer_init(w, "ppc64le");
	assert_int_equal(device_save(f->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

/* Restores what one section of @data has; @version as the section says. */
static inline int fix_restore(struct phb_fixture *f, const void *data,
			      size_t len)
{
	struct snap_reader r;
	struct snap_section section;
	struct error err = { 0 };

	assert_int_equal(snap_reader_init(&r, data, len, "ppc64le", &err), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	return device_restore(f->dev, &r, section.version);
}

#endif
