/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advanced Interrupt Architecture in the kernel: an APLIC that turns wired
 * interrupts into messages, and an IMSIC for each hart that receives them.
 *
 * The KVM device belongs to one KVM VM: it is made anew for every power-on,
 * after all vCPUs, and initialised before any of them runs. Kernels up to 6.19
 * dereference a null pointer otherwise (Linux, arch/riscv/kvm/aia_device.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arch/riscv64/aia.h"
#include "arch/riscv64/irqchips.h"
#include "arch/riscv64/layout.h"
#include "arch/riscv64/tree.h"
#include "vmm/fdt.h"
#include "vmm/kvm.h"
#include "vmm/kvm_sys.h"
#include "vmm/vm.h"

/* More identities than any machine of ours uses; hosts may have fewer. */
#define AIA_MAX_IDS 255U

/* Device tree: interrupt specifiers of the APLIC. */
#define FDT_EDGE_RISING 1U
#define FDT_LEVEL_HIGH  4U

static struct aia *to_aia(struct irqchip *chip)
{
	return container_of(chip, struct aia, chip);
}

/*
 * Whether KVM lets go of the device shows only when one is made, for which it
 * takes a VM.
 */
static int probe_device(const struct kvm *kvm)
{
	struct kvm scratch = {
		.fd = kvm->fd,
		.vm_fd = -1,
		.run_size = kvm->run_size,
	};
	int ret = kvm_create_vm(&scratch, 0, NULL);

	if (ret < 0)
		return ret;
	ret = kvm_create_device(&scratch, KVM_DEV_TYPE_RISCV_AIA);
	if (ret >= 0)
		kvm_sys_close(ret);
	kvm_destroy_vm(&scratch);
	return ret;
}

static int aia_probe(const struct kvm *kvm, const char **why)
{
	if (kvm_check_extension(kvm, KVM_CAP_IRQCHIP) == 0) {
		*why = "this host has no AIA, or its kernel does not offer it";
		return 0;
	}
	if (probe_device(kvm) < 0) {
		*why = "KVM names the AIA, but does not create one";
		return 0;
	}
	return 1;
}

static int aia_create(struct vm *vm, struct irqchip **out, struct error *err)
{
	struct aia *aia = calloc(1, sizeof(*aia));

	if (aia == NULL)
		return error_nomem(err, "the interrupt controller");
	aia->chip = (struct irqchip){ .ops = &aia_ops, .vm = vm };
	atomic_init(&aia->fd, -1);
	/* What the tree would say of a machine that is never powered on. */
	aia->nr_ids = AIA_MAX_IDS;
	aia->nr_sources = LAYOUT_NR_SOURCES;
	*out = &aia->chip;
	return 0;
}

static void aia_power_off(struct irqchip *chip)
{
	int fd = atomic_exchange(&to_aia(chip)->fd, -1);

	if (fd >= 0)
		kvm_sys_close(fd);
}

static void aia_destroy(struct irqchip *chip)
{
	aia_power_off(chip);
	free(to_aia(chip));
}

/*
 * As many identities as the host has, up to our limit. Their number has all
 * of its low six bits set.
 */
static int config_ids(struct aia *aia, int fd)
{
	uint32_t ids = 0;
	int ret = kvm_device_get(fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
				 KVM_DEV_RISCV_AIA_CONFIG_IDS, &ids);

	if (ret < 0)
		return ret;
	if (ids < KVM_DEV_RISCV_AIA_IDS_MIN)
		return -ENODEV;
	ids = ((ids + 1) & ~(uint32_t)KVM_DEV_RISCV_AIA_IDS_MIN) - 1;
	aia->nr_ids = ids < AIA_MAX_IDS ? ids : AIA_MAX_IDS;
	aia->nr_sources = aia->nr_ids < LAYOUT_NR_SOURCES ? aia->nr_ids
							  : LAYOUT_NR_SOURCES;
	return kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
			      KVM_DEV_RISCV_AIA_CONFIG_IDS, &aia->nr_ids);
}

/*
 * AUTO uses the host's guest interrupt files as far as they go round. A host
 * without any refuses it; EMUL always works.
 */
static int config_mode(int fd)
{
	uint32_t mode = KVM_DEV_RISCV_AIA_MODE_AUTO;
	int ret = kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
				 KVM_DEV_RISCV_AIA_CONFIG_MODE, &mode);

	if (ret >= 0)
		return 0;
	mode = KVM_DEV_RISCV_AIA_MODE_EMUL;
	return kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
			      KVM_DEV_RISCV_AIA_CONFIG_MODE, &mode);
}

/* Bits that number harts 0 to @cpus - 1. */
static uint32_t hart_bits(unsigned cpus)
{
	uint32_t bits = 0;

	while ((1U << bits) < cpus)
		bits++;
	return bits;
}

static int config_rest(const struct aia *aia, int fd)
{
	uint32_t bits = hart_bits(aia->chip.vm->cfg->cpus);
	int ret =
		kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
			       KVM_DEV_RISCV_AIA_CONFIG_SRCS, &aia->nr_sources);

	if (ret < 0)
		return ret;
	return kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
			      KVM_DEV_RISCV_AIA_CONFIG_HART_BITS, &bits);
}

static int config_addresses(const struct aia *aia, int fd)
{
	uint64_t addr = LAYOUT_APLIC_BASE;
	int ret = kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_ADDR,
				 KVM_DEV_RISCV_AIA_ADDR_APLIC, &addr);

	for (unsigned i = 0; i < aia->chip.vm->cfg->cpus && ret >= 0; i++) {
		addr = LAYOUT_IMSIC_BASE + i * LAYOUT_IMSIC_SIZE;
		ret = kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_ADDR,
				     KVM_DEV_RISCV_AIA_ADDR_IMSIC(i), &addr);
	}
	return ret;
}

/* Return: 0, or negative errno and in @step what failed. */
static int setup(struct aia *aia, int fd, const char **step)
{
	*step = "mode";
	int ret = config_mode(fd);
	if (ret < 0)
		return ret;

	*step = "identities";
	ret = config_ids(aia, fd);
	if (ret < 0)
		return ret;

	*step = "sources and harts";
	ret = config_rest(aia, fd);
	if (ret < 0)
		return ret;

	*step = "addresses";
	ret = config_addresses(aia, fd);
	if (ret < 0)
		return ret;

	*step = "initialisation";
	return kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_CTRL,
			      KVM_DEV_RISCV_AIA_CTRL_INIT, NULL);
}

static int aplic_set(int fd, uint32_t reg, uint32_t value)
{
	return kvm_device_set(fd, KVM_DEV_RISCV_AIA_GRP_APLIC, reg, &value);
}

/* Return: 1 or 0 as the input is after a signal, or negative errno. */
static int input_after_signal(const struct kvm *kvm, int fd, unsigned irq,
			      int event)
{
	const uint64_t one = 1;
	uint32_t inputs = 0;

	if (write(event, &one, sizeof(one)) != sizeof(one))
		return -errno;

	int ret = kvm_device_get(fd, KVM_DEV_RISCV_AIA_GRP_APLIC,
				 APLIC_INPUT(irq / 32), &inputs);
	kvm_irq_line(kvm, irq, false);
	return ret < 0 ? ret : (int)(inputs >> (irq % 32) & 1);
}

/*
 * Whether a signal of an irqfd is a pulse. Kernels up to 6.12 at least raise
 * the input and leave it so: they deliver the first signal and no other. It
 * is tried on an input that no device has, while nothing can be delivered.
 */
static bool irqfd_pulses(const struct aia *aia, int fd)
{
	const struct kvm *kvm = &aia->chip.vm->kvm;
	unsigned irq = aia->nr_sources - 1;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int input = -ENODEV;

	if (event < 0)
		return false;
	aplic_set(fd, APLIC_SOURCECFG(irq), APLIC_SM_EDGE_RISING);
	if (kvm_irqfd(kvm, event, irq, true) == 0) {
		input = input_after_signal(kvm, fd, irq, event);
		kvm_irqfd(kvm, event, irq, false);
	}
	aplic_set(fd, APLIC_CLRIPNUM, irq);
	aplic_set(fd, APLIC_SOURCECFG(irq), 0);
	close(event);
	return input == 0;
}

static int aia_power_on(struct irqchip *chip, struct error *err)
{
	struct aia *aia = to_aia(chip);
	const char *step = "device";
	int fd = kvm_create_device(&chip->vm->kvm, KVM_DEV_TYPE_RISCV_AIA);
	int ret = fd;

	if (fd >= 0)
		ret = setup(aia, fd, &step);
	if (ret >= 0) {
		atomic_store(&aia->fd, fd);
		chip->irqfd = irqfd_pulses(aia, fd);
		if (!chip->irqfd && vm_first_life(chip->vm))
			log_info(chip->vm->log,
				 "interrupts are raised by ioctl: this "
				 "kernel's irqfd does not pulse APLIC inputs");
		return 0;
	}
	if (fd >= 0)
		kvm_sys_close(fd);
	return error_host(err, ret,
			  "cannot set up the AIA interrupt controller: %s: "
			  "%s; try --irqchip plic",
			  step, strerror(-ret));
}

static void aia_set_level(struct irqchip *chip, unsigned irq, bool level)
{
	if (atomic_load(&to_aia(chip)->fd) >= 0)
		kvm_irq_line(&chip->vm->kvm, irq, level);
}

/*
 * A message to an address that is no hart's IMSIC, or of an identity that it
 * lacks, goes nowhere: KVM sees to that.
 */
static void aia_send_msi(struct irqchip *chip, uint64_t addr, uint32_t data)
{
	if (atomic_load(&to_aia(chip)->fd) >= 0)
		kvm_signal_msi(&chip->vm->kvm, addr, data);
}

static void fdt_imsic(const struct aia *aia, struct fdt_builder *fdt)
{
	unsigned cpus = aia->chip.vm->cfg->cpus;

	fdt_begin(fdt, "imsics@%x", (unsigned)LAYOUT_IMSIC_BASE);
	fdt_prop_string(fdt, "compatible", "riscv,imsics");
	fdt_prop_reg(fdt, LAYOUT_IMSIC_BASE, cpus * LAYOUT_IMSIC_SIZE);
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 0);
	fdt_prop_empty(fdt, "msi-controller");
	fdt_prop_u32(fdt, "#msi-cells", 0);
	tree_interrupts_extended(cpus, fdt);
	fdt_prop_u32(fdt, "riscv,num-ids", aia->nr_ids);
	fdt_prop_u32(fdt, "phandle", PHANDLE_IMSIC);
	fdt_end(fdt);
}

static void fdt_aplic(const struct aia *aia, struct fdt_builder *fdt)
{
	fdt_begin(fdt, "aplic@%x", (unsigned)LAYOUT_APLIC_BASE);
	fdt_prop_string(fdt, "compatible", "riscv,aplic");
	fdt_prop_reg(fdt, LAYOUT_APLIC_BASE, LAYOUT_APLIC_SIZE);
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 2);
	fdt_prop_u32(fdt, "#address-cells", 0);
	fdt_prop_u32(fdt, "riscv,num-sources", aia->nr_sources);
	fdt_prop_u32(fdt, "msi-parent", PHANDLE_IMSIC);
	fdt_prop_u32(fdt, "phandle", PHANDLE_APLIC);
	fdt_end(fdt);
}

static void aia_fdt(struct irqchip *chip, struct fdt_builder *fdt)
{
	fdt_imsic(to_aia(chip), fdt);
	fdt_aplic(to_aia(chip), fdt);
}

static uint32_t aia_fdt_phandle(struct irqchip *chip)
{
	(void)chip;
	return PHANDLE_APLIC;
}

static unsigned aia_fdt_cells(struct irqchip *chip, unsigned irq, bool edge,
			      uint32_t cells[3])
{
	(void)chip;
	cells[0] = irq;
	cells[1] = edge ? FDT_EDGE_RISING : FDT_LEVEL_HIGH;
	return 2;
}

const struct irqchip_ops aia_ops = {
	.name = "aia",
	.in_kernel = true,
	.max_vcpus = LAYOUT_MAX_HARTS,
	.state_version = 1,
	.probe = aia_probe,
	.create = aia_create,
	.destroy = aia_destroy,
	.power_on = aia_power_on,
	.power_off = aia_power_off,
	.set_level = aia_set_level,
	.send_msi = aia_send_msi,
	.fdt = aia_fdt,
	.fdt_phandle = aia_fdt_phandle,
	.fdt_cells = aia_fdt_cells,
	.save = aia_save,
	.restore = aia_restore,
};
