/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: the life cycle that all share.
 *
 * A device is one file with one `const struct device_type`, and one line in
 * devices/table.c. It lives as long as the struct vm: a reboot resets it, it
 * is not created again, and its backends stay open.
 *
 * Order: create (all devices), freeze, power_on, run, reset, power_off, and
 * from power_on again for a reboot; at last destroy, in reverse order of
 * creation.
 */
#ifndef PRIVET_VMM_DEVICE_H
#define PRIVET_VMM_DEVICE_H

#include <pthread.h>
#include "vmm/error.h"
#include "vmm/params.h"

struct device;
struct fdt_builder;
struct snap_reader;
struct snap_writer;
struct vm;

/**
 * struct device_option - How a device is asked for on the command line
 * @name: long option without dashes
 * @letter: short option, or 0
 * @arg: the argument's name in the help text; NULL: the option is a switch
 * @help: one line
 * @params: keys of the argument
 * @size: bytes of the struct that @params fill; a copy is made per option
 * @defaults: initial value of that struct, or NULL for zeros
 * @check: verify a filled struct by itself, without opening anything; may be
 *	NULL
 * @none: argument value that asks for no device ("none"), or NULL
 */
struct device_option {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
	const struct param *params;
	size_t size;
	const void *defaults;
	int (*check)(void *opts, struct error *err);
	const char *none;
};

/**
 * struct device_config - One device to be created
 * @type: what
 * @opts: struct described by @type->option; owned; NULL for an implied one
 * @index: 0 for the first of its type, and so on
 */
struct device_config {
	const struct device_type *type;
	void *opts;
	unsigned index;
};

/**
 * struct device_type - A kind of device
 * @name: such as "virtio-blk"; also its tag in saved state
 * @state_version: raised when save() writes something else
 * @option: how it is asked for; NULL when it is only implied
 * @max: how many there may be
 * @implied: whether the machine has one without being asked. `nodefaults` is
 *	--nodefaults. NULL: never. Called with the complete configuration
 * @create: open backends, claim MMIO and interrupts
 * @destroy: release everything; the device was reset and the loop stopped
 * @power_on: bind to a fresh KVM VM (ioeventfd, irqfd); may be NULL
 * @power_off: unbind, before that VM goes away; may be NULL
 * @reset: to the state after power-on. When it returns, none of the device's
 *	threads touches guest memory any more
 * @quiesce: finish or hold back requests; afterwards none of our threads
 *	touches guest memory until @resume
 * @resume: go on
 * @save: write the state; only while quiesced and all vCPUs parked
 * @restore: read it into a fresh device; values are untrusted
 * @fdt: emit the device-tree node into the machine's node for devices; may be
 *	NULL
 * @lock_down: the device's own threads enter vm->sandbox; returns when all of
 *	them have. NULL: it has none
 * @power_button: tell the guest that the power button was pressed. Return:
 *	whether anything in the guest listens. May be NULL
 *
 * Context: create, destroy, power_on, power_off, lock_down, fdt: main thread,
 *no lock. reset, quiesce, resume, save, restore, power_button: @lock held by
 *the caller (who may be the main thread or, for a reset by the guest, a vCPU,
 *and for power_button the I/O thread); all but power_button may wait on a
 *condition variable of that lock.
 */
struct device_type {
	const char *name;
	uint32_t state_version;
	const struct device_option *option;
	unsigned max;
	bool (*implied)(const struct vm *vm, bool nodefaults);
	int (*create)(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err);
	void (*destroy)(struct device *dev);
	int (*power_on)(struct device *dev, struct error *err);
	void (*power_off)(struct device *dev);
	void (*reset)(struct device *dev);
	void (*quiesce)(struct device *dev);
	void (*resume)(struct device *dev);
	int (*save)(struct device *dev, struct snap_writer *w);
	int (*restore)(struct device *dev, struct snap_reader *r,
		       uint32_t version);
	void (*fdt)(struct device *dev, struct fdt_builder *fdt);
	int (*lock_down)(struct device *dev, struct error *err);
	bool (*power_button)(struct device *dev);
};

/**
 * struct device - What every device's own struct begins with
 * @type: its kind
 * @vm: the machine; not owned
 * @id: unique name, "virtio-blk0"; for messages and saved state
 * @lock: the one lock; taken by the framework (MMIO bus, event loop, life
 *	cycle), not by the device
 */
struct device {
	const struct device_type *type;
	struct vm *vm;
	char id[32];
	pthread_mutex_t lock;
};

/**
 * device_types[] - Kinds for any machine, NULL-terminated, in order of creation
 *
 * An architecture's own (vmm/arch.h, arch_device_types[]) come before them.
 */
extern const struct device_type *const device_types[];

/**
 * device_init() - Fill the common part
 * @index: as in struct device_config
 */
void device_init(struct device *dev, const struct device_type *type,
		 struct vm *vm, unsigned index);
void device_fini(struct device *dev);

/** device_save() - A section with the device's state; Context: quiesced */
int device_save(struct device *dev, struct snap_writer *w);

/** device_restore() - Read the body of a section of @version */
int device_restore(struct device *dev, struct snap_reader *r, uint32_t version);

#endif
