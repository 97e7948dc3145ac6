/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVRAM: memory that outlives a reboot (PAPR, chapter 8).
 *
 * It is divided into partitions, whose headers are all that the monitor ever
 * writes there: one for firmware's variables, those in which Linux keeps error
 * and panic logs (so that no guest spends its boot making them), and free
 * space. After that the contents are the guest's own. They live as long as the
 * process.
 */
#include <stdlib.h>
#include <string.h>
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/tree.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/gmem.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu.h"

#define NVRAM_SIZE 0x10000U

/* A partition is a number of blocks; its header is the first. */
#define NVRAM_BLOCK  16U
#define PART_NAME    4U
#define PART_NAME_SZ 12U

/**
 * struct nvram - The memory
 * @data: guarded by the device's lock
 */
struct nvram {
	struct device dev;
	uint8_t data[NVRAM_SIZE];
};

static struct nvram *to_nvram(struct device *dev)
{
	return container_of(dev, struct nvram, dev);
}

/*
 * Partitions.
 */

/** struct partition - @size: bytes with the header; 0: all that is left */
struct partition {
	uint8_t signature;
	uint32_t size;
	const char *name;
};

static const struct partition partitions[] = {
	{ .signature = 0x70, .size = 0x800, .name = "common" },
	{ .signature = 0xa0, .size = 0x840, .name = "ibm,rtas-log" },
	{ .signature = 0xa0, .size = 0xfc0, .name = "lnx,oops-log" },
	{ .signature = 0x7f, .size = 0, .name = "wwwwwwwwwwww" },
};

/* All bytes of the header but the sum's own, carries added at the low end. */
static uint8_t header_sum(const uint8_t *header)
{
	unsigned sum = header[0];

	for (unsigned i = 2; i < NVRAM_BLOCK; i++)
		sum += header[i];
	while (sum > 0xff)
		sum = (sum & 0xff) + (sum >> 8);
	return (uint8_t)sum;
}

static void format(struct nvram *nvram)
{
	uint32_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(partitions); i++) {
		const struct partition *p = &partitions[i];
		uint32_t size = p->size != 0 ? p->size : NVRAM_SIZE - at;
		uint8_t *header = nvram->data + at;

		header[0] = p->signature;
		be16_store(header + 2, (uint16_t)(size / NVRAM_BLOCK));
		memcpy(header + PART_NAME, p->name,
		       min_size(strlen(p->name), PART_NAME_SZ));
		header[1] = header_sum(header);
		at += size;
	}
}

/*
 * Calls. Both have as arguments: offset, buffer, length; and return, after the
 * status, how many bytes were moved.
 */

static bool has_nvram(const struct vm *vm)
{
	return vm_machine(vm)->nvram != NULL;
}

static int32_t nvram_fetch(struct rtas_call *rc)
{
	struct vm *vm = rc->vcpu->vm;
	struct nvram *nvram = vm_machine(vm)->nvram;
	uint32_t offset = rc->args[0], len = rc->args[2];

	if (!range_fits(offset, len, NVRAM_SIZE))
		return RTAS_PARAM_ERROR;
	pthread_mutex_lock(&nvram->dev.lock);
	int ret = gmem_write(&vm->gmem, rc->args[1], nvram->data + offset, len);
	pthread_mutex_unlock(&nvram->dev.lock);
	if (ret < 0)
		return RTAS_PARAM_ERROR;
	rc->rets[0] = len;
	return RTAS_SUCCESS;
}

static int32_t nvram_store(struct rtas_call *rc)
{
	struct vm *vm = rc->vcpu->vm;
	struct nvram *nvram = vm_machine(vm)->nvram;
	uint32_t offset = rc->args[0], len = rc->args[2];

	if (!range_fits(offset, len, NVRAM_SIZE))
		return RTAS_PARAM_ERROR;
	pthread_mutex_lock(&nvram->dev.lock);
	int ret = gmem_read(&vm->gmem, rc->args[1], nvram->data + offset, len);
	pthread_mutex_unlock(&nvram->dev.lock);
	if (ret < 0)
		return RTAS_PARAM_ERROR;
	rc->rets[0] = len;
	return RTAS_SUCCESS;
}

const struct rtas_entry rtas_nvram_calls[] = {
	{
		.token = RTAS_NVRAM_FETCH,
		.name = "nvram-fetch",
		.nargs = 3,
		.nret = 2,
		.fn = nvram_fetch,
		.offered = has_nvram,
	},
	{
		.token = RTAS_NVRAM_STORE,
		.name = "nvram-store",
		.nargs = 3,
		.nret = 2,
		.fn = nvram_store,
		.offered = has_nvram,
	},
	{ .name = NULL },
};

void nvram_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	if (!has_nvram(vm))
		return;
	fdt_begin(fdt, "nvram@%x", LAYOUT_NVRAM_UNIT);
	fdt_prop_string(fdt, "device_type", "nvram");
	fdt_prop_string(fdt, "compatible", "qemu,spapr-nvram");
	fdt_prop_u32(fdt, "reg", LAYOUT_NVRAM_UNIT);
	fdt_prop_u32(fdt, "#bytes", NVRAM_SIZE);
	fdt_end(fdt);
}

/*
 * Life cycle.
 */

/* Always: Linux complains on its console about a machine without. */
static bool nvram_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return true;
}

/* What is in it stays, and guest memory is touched by calls only. */
static void nvram_nothing(struct device *dev)
{
	(void)dev;
}

static int nvram_save(struct device *dev, struct snap_writer *w)
{
	snap_put_bytes(w, to_nvram(dev)->data, NVRAM_SIZE);
	return 0;
}

static int nvram_restore(struct device *dev, struct snap_reader *r,
			 uint32_t version)
{
	(void)version;
	/* All or nothing. */
	if (snap_left(r) < NVRAM_SIZE)
		snap_reader_fail(r);
	else
		snap_get_bytes(r, to_nvram(dev)->data, NVRAM_SIZE);
	return snap_reader_error(r);
}

static int nvram_create(struct vm *vm, const struct device_config *cfg,
			struct device **out, struct error *err)
{
	struct nvram *nvram = calloc(1, sizeof(*nvram));
	if (nvram == NULL)
		return error_nomem(err, "the NVRAM");
	device_init(&nvram->dev, &nvram_device, vm, cfg->index);
	format(nvram);
	vm_machine(vm)->nvram = nvram;
	*out = &nvram->dev;
	return 0;
}

static void nvram_destroy(struct device *dev)
{
	vm_machine(dev->vm)->nvram = NULL;
	device_fini(dev);
	free(to_nvram(dev));
}

const struct device_type nvram_device = {
	.name = "nvram",
	.state_version = 1,
	.max = 1,
	.implied = nvram_implied,
	.create = nvram_create,
	.destroy = nvram_destroy,
	.reset = nvram_nothing,
	.quiesce = nvram_nothing,
	.resume = nvram_nothing,
	.save = nvram_save,
	.restore = nvram_restore,
};
