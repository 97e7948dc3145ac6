/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XICS in the monitor as an interrupt controller: life cycle, locking, KVM.
 *
 * It serves hosts whose KVM has none. The guest's hypercalls and firmware
 * calls for interrupts then come here (xics_hcall.c, xics_rtas.c).
 *
 * A vCPU's external interrupt is a level that KVM keeps until it is told
 * otherwise; it wakes a vCPU that ceded. KVM_INTERRUPT may come from any
 * thread: KVM serves it without the lock that KVM_RUN holds.
 */
#include <errno.h>
#include <stdlib.h>

#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/xics_core.h"
#include "vmm/kvm.h"
#include "vmm/vm.h"

static struct xics_chip *to_xics(struct irqchip *chip)
{
	return container_of(chip, struct xics_chip, chip);
}

struct xics_chip *xics_chip_of(const struct vm *vm)
{
	return vm->irqchip->ops == &xics_ops ? to_xics(vm->irqchip) : NULL;
}

static int drive_vcpu(void *opaque, unsigned server, bool high)
{
	struct xics_chip *xics = opaque;

	if (!xics->on)
		return 0;
	return kvm_interrupt(xics->chip.vm->vcpus[server].fd,
			     high ? KVM_INTERRUPT_SET_LEVEL
				  : KVM_INTERRUPT_UNSET);
}

static int xics_chip_probe(const struct kvm *kvm, const char **why)
{
	if (kvm_check_extension(kvm, KVM_CAP_PPC_UNSET_IRQ) > 0 &&
	    kvm_check_extension(kvm, KVM_CAP_PPC_IRQ_LEVEL) > 0)
		return 1;
	*why = "this host's KVM does not take a vCPU's interrupt as a level";
	return 0;
}

static int xics_chip_create(struct vm *vm, struct irqchip **out,
			    struct error *err)
{
	struct xics_chip *xics = calloc(1, sizeof(*xics));
	struct xics_server *servers =
		calloc(vm->cfg->cpus, sizeof(*xics->core.servers));

	if (xics == NULL || servers == NULL) {
		free(servers);
		free(xics);
		return error_nomem(err, "the interrupt controller");
	}
	xics->chip = (struct irqchip){ .ops = &xics_ops, .vm = vm };
	pthread_mutex_init(&xics->lock, NULL);
	xics->core.drive = drive_vcpu;
	xics->core.opaque = xics;
	xics->core.nr_servers = vm->cfg->cpus;
	xics->core.servers = servers;
	*out = &xics->chip;
	return 0;
}

static void xics_chip_destroy(struct irqchip *chip)
{
	struct xics_chip *xics = to_xics(chip);

	pthread_mutex_destroy(&xics->lock);
	free(xics->core.servers);
	free(xics);
}

static void create_fixed_sources(struct xics_core *core)
{
	for (const struct xics_range *r = xics_fixed_sources; r->count != 0;
	     r++) {
		for (unsigned i = 0; i < r->count; i++)
			xics_core_create(core, r->first + i, r->level);
	}
}

/* Fresh vCPUs have no interrupt, which is what the reset assumes. */
static int xics_chip_power_on(struct irqchip *chip, struct error *err)
{
	struct xics_chip *xics = to_xics(chip);

	(void)err;
	pthread_mutex_lock(&xics->lock);
	xics_core_reset(&xics->core);
	create_fixed_sources(&xics->core);
	xics->on = true;
	pthread_mutex_unlock(&xics->lock);
	return 0;
}

static void xics_chip_power_off(struct irqchip *chip)
{
	struct xics_chip *xics = to_xics(chip);

	pthread_mutex_lock(&xics->lock);
	xics->on = false;
	pthread_mutex_unlock(&xics->lock);
}

int xics_chip_source_create(struct irqchip *chip, unsigned irq, bool edge)
{
	struct xics_chip *xics = to_xics(chip);

	pthread_mutex_lock(&xics->lock);
	int ret =
		xics->on ? xics_core_create(&xics->core, irq, !edge) : -ENODEV;
	pthread_mutex_unlock(&xics->lock);
	return ret;
}

static void xics_chip_set_level(struct irqchip *chip, unsigned irq, bool level)
{
	struct xics_chip *xics = to_xics(chip);

	pthread_mutex_lock(&xics->lock);
	if (xics->on)
		xics_core_input(&xics->core, irq, level);
	pthread_mutex_unlock(&xics->lock);
}

/* The message is the source's number; where it is sent to does not matter. */
static void xics_chip_send_msi(struct irqchip *chip, uint64_t addr,
			       uint32_t data)
{
	(void)addr;
	if (xics_is_msi(data))
		xics_chip_set_level(chip, data, true);
}

const struct irqchip_ops xics_ops = {
	.name = "xics-emulated",
	.max_vcpus = LAYOUT_MAX_CPUS,
	.state_version = 1,
	.probe = xics_chip_probe,
	.create = xics_chip_create,
	.destroy = xics_chip_destroy,
	.power_on = xics_chip_power_on,
	.power_off = xics_chip_power_off,
	.set_level = xics_chip_set_level,
	.send_msi = xics_chip_send_msi,
	.fdt = xics_fdt,
	.fdt_phandle = xics_fdt_phandle,
	.fdt_cells = xics_fdt_cells,
	.save = xics_chip_save,
	.restore = xics_chip_restore,
};
