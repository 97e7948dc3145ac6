/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree: one function for each node that is not a device's own.
 *
 * What the guest needs of each property is in the kernel's
 * Documentation/devicetree/bindings.
 */
#include "arch/riscv64/tree.h"

#include <stdio.h>

#include "arch/riscv64/boot.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/machine.h"
#include "vmm/boot_files.h"
#include "vmm/device.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

#define RNG_SEED_SIZE 32

/* Linux, arch/riscv/include/uapi/asm/setup.h, less the NUL at the end. */
#define LINUX_PARAMS_MAX 1023U

/* Cause of a hart's own interrupt controller. */
#define S_EXTERNAL 9U

static void tree_isa(const struct isa *isa, struct fdt_builder *fdt)
{
	char string[ISA_STRING_SIZE];
	const char *names[ISA_MAX_NAMES];
	unsigned count = isa_names(isa, names);

	isa_string(isa, string);
	fdt_prop_string(fdt, "riscv,isa", string);
	fdt_prop_string(fdt, "riscv,isa-base", "rv64i");
	fdt_prop_strings(fdt, "riscv,isa-extensions", names, count);
	if (isa_mmu_type(isa) != NULL)
		fdt_prop_string(fdt, "mmu-type", isa_mmu_type(isa));
	if (isa->cbom_block_size != 0)
		fdt_prop_u32(fdt, "riscv,cbom-block-size",
			     (uint32_t)isa->cbom_block_size);
	if (isa->cboz_block_size != 0)
		fdt_prop_u32(fdt, "riscv,cboz-block-size",
			     (uint32_t)isa->cboz_block_size);
}

static void tree_cpu_intc(unsigned hart, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "interrupt-controller");
	fdt_prop_string(fdt, "compatible", "riscv,cpu-intc");
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 1);
	fdt_prop_u32(fdt, "phandle", PHANDLE_CPU_INTC(hart));
	fdt_end(fdt);
}

static void tree_cpu(const struct isa *isa, unsigned hart,
		     struct fdt_builder *fdt)
{
	fdt_begin(fdt, "cpu@%x", hart);
	fdt_prop_string(fdt, "device_type", "cpu");
	fdt_prop_u32(fdt, "reg", hart);
	fdt_prop_string(fdt, "status", "okay");
	fdt_prop_string(fdt, "compatible", "riscv");
	tree_isa(isa, fdt);
	tree_cpu_intc(hart, fdt);
	fdt_end(fdt);
}

static void tree_cpus(const struct vm *vm, struct fdt_builder *fdt)
{
	const struct machine *machine = vm->arch;

	fdt_begin(fdt, "cpus");
	fdt_prop_u32(fdt, "#address-cells", 1);
	fdt_prop_u32(fdt, "#size-cells", 0);
	fdt_prop_u32(fdt, "timebase-frequency",
		     (uint32_t)machine->isa.timebase);
	for (unsigned hart = 0; hart < vm->cfg->cpus; hart++)
		tree_cpu(&machine->isa, hart, fdt);
	fdt_end(fdt);
}

/* EDK2 wants exactly one pair of address and size for each node. */
static void tree_memory(const struct vm *vm, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "memory@%llx", (unsigned long long)LAYOUT_RAM_BASE);
	fdt_prop_string(fdt, "device_type", "memory");
	fdt_prop_reg(fdt, LAYOUT_RAM_BASE, vm->cfg->mem);
	fdt_end(fdt);
}

static bool has_serial(const struct vm_config *cfg)
{
	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		if (cfg->consoles[i].kind == CONSOLE_SERIAL)
			return true;
	}
	return false;
}

/*
 * The kernel finds a serial console by stdout-path, a virtio console only by
 * its command line.
 */
static int tree_bootargs(const struct vm *vm, struct fdt_builder *fdt)
{
	const struct vm_config *cfg = vm->cfg;
	int console = config_main_console(cfg);
	bool is_virtio =
		console >= 0 && cfg->consoles[console].kind == CONSOLE_VIRTIO;

	return boot_fdt_params(vm, is_virtio ? "hvc0" : NULL, LINUX_PARAMS_MAX,
			       fdt);
}

static int tree_chosen(const struct vm *vm, const struct boot_layout *layout,
		       struct fdt_builder *fdt)
{
	fdt_begin(fdt, "chosen");
	int ret = tree_bootargs(vm, fdt);
	if (has_serial(vm->cfg)) {
		char path[32];

		snprintf(path, sizeof(path), "/soc/serial@%x",
			 (unsigned)LAYOUT_SERIAL_BASE);
		fdt_prop_string(fdt, "stdout-path", path);
	}
	if (layout->initrd_end > layout->initrd_start) {
		fdt_prop_u64(fdt, "linux,initrd-start", layout->initrd_start);
		fdt_prop_u64(fdt, "linux,initrd-end", layout->initrd_end);
	}
	if (ret == 0)
		ret = boot_fdt_seed("rng-seed", RNG_SEED_SIZE, fdt);
	if (ret == 0)
		ret = boot_fdt_seed("kaslr-seed", sizeof(uint64_t), fdt);
	fdt_end(fdt);
	return ret;
}

void tree_interrupts_extended(unsigned harts, struct fdt_builder *fdt)
{
	uint32_t cells[LAYOUT_MAX_HARTS][2];

	for (unsigned i = 0; i < harts; i++) {
		cells[i][0] = PHANDLE_CPU_INTC(i);
		cells[i][1] = S_EXTERNAL;
	}
	fdt_prop_cells(fdt, "interrupts-extended", cells[0], 2 * harts);
}

static void tree_soc(struct vm *vm, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "soc");
	fdt_prop_string(fdt, "compatible", "simple-bus");
	fdt_prop_u32(fdt, "#address-cells", 2);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_empty(fdt, "ranges");
	/* With Zicbom the kernel takes what is not marked for incoherent. */
	fdt_prop_empty(fdt, "dma-coherent");
	vm->irqchip->ops->fdt(vm->irqchip, fdt);
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		if (dev->type->fdt != NULL)
			dev->type->fdt(dev, fdt);
	}
	fdt_end(fdt);
}

int tree_build(struct vm *vm, const struct boot_layout *layout,
	       struct fdt_builder *fdt)
{
	fdt_begin(fdt, "%s", "");
	fdt_prop_string(fdt, "compatible", "riscv-virtio");
	fdt_prop_string(fdt, "model", "Privet riscv64 machine");
	fdt_prop_u32(fdt, "#address-cells", 2);
	fdt_prop_u32(fdt, "#size-cells", 2);
	int ret = tree_chosen(vm, layout, fdt);
	tree_memory(vm, fdt);
	tree_cpus(vm, fdt);
	tree_soc(vm, fdt);
	fdt_end(fdt);
	return ret;
}
