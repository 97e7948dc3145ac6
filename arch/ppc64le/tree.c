/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree: one function for each node that is not a device's own.
 *
 * It is what Open Firmware and its client would leave to the kernel, which is
 * entered directly: the RTAS properties and the option vector in /chosen are
 * the firmware's answers to questions that nobody asked.
 */
#include "arch/ppc64le/tree.h"

#include <stdio.h>

#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/rtas.h"
#include "vmm/boot_files.h"
#include "vmm/device.h"
#include "vmm/fdt.h"

#define RNG_SEED_SIZE 32

/* Linux, arch/powerpc/include/uapi/asm/setup.h, less the NUL at the end. */
#define LINUX_PARAMS_MAX 2047U

/* PAPR, 7.3.3.2: of what check-exception writes */
#define ERROR_LOG_MAX 2048U

static void tree_memory(const struct vm *vm, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "memory@0");
	fdt_prop_string(fdt, "device_type", "memory");
	fdt_prop_reg(fdt, 0, vm->cfg->mem);
	fdt_end(fdt);
}

/*
 * /chosen.
 */

/*
 * Option vector 5 (PAPR, B.6.2.3), as if agreed upon: its length less one, then
 * its bytes from 1 on. What is not named here is 0, such as XICS in byte 23.
 */
static void tree_vector_5(struct fdt_builder *fdt)
{
	static const uint8_t vector[27] = {
		[0] = sizeof(vector) - 2,
		/* Associativity, should there be any, is of form 1. */
		[5] = 0x80,
		/* Radix MMU, where the guest may invalidate translations. */
		[24] = 0x40,
		[26] = 0x40,
	};

	fdt_prop_bytes(fdt, "ibm,architecture-vec-5", vector, sizeof(vector));
}

/*
 * Kernels have other consoles built into their own command lines. The terminal
 * and virtio consoles alike are hvc0 if they are the first.
 */
static int tree_console(const struct vm *vm, struct fdt_builder *fdt)
{
	bool any = config_main_console(vm->cfg) >= 0;

	if (vm_machine(vm)->vty != NULL) {
		char path[32];

		snprintf(path, sizeof(path), "/vdevice/vty@%x",
			 LAYOUT_VTY_UNIT);
		fdt_prop_string(fdt, "stdout-path", path);
		fdt_prop_string(fdt, "linux,stdout-path", path);
	}
	return boot_fdt_params(vm, any ? "hvc0" : NULL, LINUX_PARAMS_MAX, fdt);
}

static int tree_chosen(const struct vm *vm, const struct boot_layout *layout,
		       struct fdt_builder *fdt)
{
	fdt_begin(fdt, "chosen");
	int ret = tree_console(vm, fdt);
	if (layout->initrd_end > layout->initrd_start) {
		fdt_prop_u64(fdt, "linux,initrd-start", layout->initrd_start);
		fdt_prop_u64(fdt, "linux,initrd-end", layout->initrd_end);
	}
	if (ret == 0)
		ret = boot_fdt_seed("rng-seed", RNG_SEED_SIZE, fdt);
	tree_vector_5(fdt);
	/* The guest places the BARs. */
	fdt_prop_u32(fdt, "linux,pci-probe-only", 0);
	fdt_end(fdt);
	return ret;
}

/*
 * /rtas.
 */

/**
 * struct hypertas - A group of hypercalls, by PAPR's name (14.5.1)
 * @offered: whether this machine has it; NULL: every one has
 */
struct hypertas {
	const char *name;
	bool (*offered)(const struct machine *machine);
};

static bool has_vty(const struct machine *machine)
{
	return machine->vty != NULL;
}

static bool has_phb(const struct machine *machine)
{
	return machine->phb != NULL;
}

static bool has_rpt_invalidate(const struct machine *machine)
{
	return machine->caps.rpt_invalidate;
}

static const struct hypertas hypertas[] = {
	{ "hcall-dabr", NULL },
	{ "hcall-interrupt", NULL },
	{ "hcall-splpar", NULL },
	{ "hcall-set-mode", NULL },
	{ "hcall-copy", NULL },
	{ "hcall-debug", NULL },
	{ "hcall-join", NULL },
	{ "hcall-term", has_vty },
	{ "hcall-vio", has_vty },
	{ "hcall-tce", has_phb },
	{ "hcall-multi-tce", has_phb },
	{ "hcall-rpt-invalidate", has_rpt_invalidate },
};

static void tree_hypertas(const struct vm *vm, struct fdt_builder *fdt)
{
	const char *names[ARRAY_SIZE(hypertas)];
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(hypertas); i++) {
		const struct hypertas *h = &hypertas[i];

		if (h->offered == NULL || h->offered(vm_machine(vm)))
			names[count++] = h->name;
	}
	fdt_prop_strings(fdt, "ibm,hypertas-functions", names, count);
}

static void tree_rtas(const struct vm *vm, const struct boot_layout *layout,
		      struct fdt_builder *fdt)
{
	fdt_begin(fdt, "rtas");
	tree_hypertas(vm, fdt);
	fdt_prop_u32(fdt, "linux,rtas-base", (uint32_t)layout->rtas_addr);
	fdt_prop_u32(fdt, "linux,rtas-entry", (uint32_t)layout->rtas_addr);
	fdt_prop_u32(fdt, "rtas-size", (uint32_t)layout->rtas_size);
	fdt_prop_u32(fdt, "rtas-version", 1);
	fdt_prop_u32(fdt, "rtas-error-log-max", ERROR_LOG_MAX);
	/* Events come by interrupt: nothing needs to be looked for. */
	fdt_prop_u32(fdt, "rtas-event-scan-rate", 0);
	fdt_prop_empty(fdt, "ibm,change-msix-capable");
	/* Kernels make no ibm,os-term call without. */
	fdt_prop_empty(fdt, "ibm,extended-os-term");
	rtas_fdt_tokens(vm, fdt);
	fdt_end(fdt);
}

/*
 * The rest.
 */

static void tree_vdevice(const struct vm *vm, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "vdevice");
	fdt_prop_string(fdt, "device_type", "vdevice");
	fdt_prop_string(fdt, "compatible", "IBM,vdevice");
	fdt_prop_u32(fdt, "#address-cells", 1);
	fdt_prop_u32(fdt, "#size-cells", 0);
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 2);
	vty_fdt(vm, fdt);
	nvram_fdt(vm, fdt);
	fdt_end(fdt);
}

/*
 * Kernels of this platform populate no bus of memory-mapped devices, except
 * that they look for persistent memory: whatever is below a node of that type
 * becomes a platform device. With nothing for them there the node is left out.
 */
static void tree_mmio(struct vm *vm, struct fdt_builder *fdt)
{
	if (vm->nr_virtio_slots == 0)
		return;
	fdt_begin(fdt, "mmio");
	fdt_prop_string(fdt, "device_type", "ibm,persistent-memory");
	fdt_prop_u32(fdt, "#address-cells", 2);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_empty(fdt, "ranges");
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		if (dev->type->fdt != NULL)
			dev->type->fdt(dev, fdt);
	}
	fdt_end(fdt);
}

static void tree_hypervisor(struct fdt_builder *fdt)
{
	fdt_begin(fdt, "hypervisor");
	fdt_prop_string(fdt, "compatible", "linux,kvm");
	fdt_end(fdt);
}

/* H_RANDOM. */
static void tree_platform_facilities(struct fdt_builder *fdt)
{
	fdt_begin(fdt, "ibm,platform-facilities");
	fdt_prop_string(fdt, "device_type", "ibm,platform-facilities");
	fdt_prop_u32(fdt, "#address-cells", 1);
	fdt_prop_u32(fdt, "#size-cells", 0);
	fdt_begin(fdt, "ibm,random-v1");
	fdt_prop_string(fdt, "device_type", "ibm,random-v1");
	fdt_prop_string(fdt, "compatible", "ibm,random");
	fdt_prop_u32(fdt, "reg", 1);
	fdt_end(fdt);
	fdt_end(fdt);
}

static void tree_root(const struct vm *vm, struct fdt_builder *fdt)
{
	struct irqchip *chip = vm->irqchip;

	/* By this, and by nothing else, kernels know the platform. */
	fdt_prop_string(fdt, "device_type", "chrp");
	fdt_prop_string(fdt, "model", "IBM pSeries (emulated by Privet)");
	fdt_prop_string(fdt, "compatible", "privet,pseries");
	fdt_prop_string(fdt, "ibm,partition-name", vm->cfg->name);
	fdt_prop_u32(fdt, "#address-cells", 2);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_u32(fdt, "interrupt-parent", chip->ops->fdt_phandle(chip));
}

int tree_build(struct vm *vm, const struct boot_layout *layout,
	       struct fdt_builder *fdt)
{
	fdt_reserve(fdt, layout->rtas_addr, layout->rtas_size);
	fdt_begin(fdt, "%s", "");
	tree_root(vm, fdt);
	int ret = tree_chosen(vm, layout, fdt);
	tree_memory(vm, fdt);
	tree_cpus(vm, fdt);
	tree_rtas(vm, layout, fdt);
	vm->irqchip->ops->fdt(vm->irqchip, fdt);
	events_fdt(vm, fdt);
	tree_vdevice(vm, fdt);
	phb_fdt(vm, fdt);
	tree_mmio(vm, fdt);
	tree_hypervisor(fdt);
	tree_platform_facilities(fdt);
	fdt_end(fdt);
	return ret;
}
