/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XICS in the kernel.
 *
 * The same KVM device is a XICS of KVM's own, or one that it plays on the
 * host's XIVE: nothing here needs to know which. There is no table between an
 * irqfd or KVM_IRQ_LINE and the controller: the number is the source's.
 *
 * The device belongs to one KVM VM: it is made anew for every power-on, after
 * all vCPUs, which are then connected to it. KVM answers the presentation
 * hypercalls from then on, and the calls of firmware that it was given tokens
 * for.
 */
#include "arch/ppc64le/xics_kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ppc64le/irqchips.h"
#include "arch/ppc64le/kvm_ppc.h"
#include "arch/ppc64le/rtas.h"
#include "vmm/arch.h"
#include "vmm/kvm_sys.h"
#include "vmm/vm.h"

static struct xics_kvm *to_xics(struct irqchip *chip)
{
	return container_of(chip, struct xics_kvm, chip);
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
	int ret = kvm_create_vm(&scratch, arch_kvm_type(kvm), NULL);

	if (ret < 0)
		return ret;
	ret = kvm_create_device(&scratch, KVM_DEV_TYPE_XICS);
	if (ret >= 0)
		kvm_sys_close(ret);
	kvm_destroy_vm(&scratch);
	return ret;
}

static int xics_kvm_probe(const struct kvm *kvm, const char **why)
{
	if (kvm_check_extension(kvm, KVM_CAP_IRQ_XICS) == 0) {
		*why = "this host's KVM has no XICS";
		return 0;
	}
	if (probe_device(kvm) < 0) {
		*why = "KVM names the XICS, but does not create one";
		return 0;
	}
	return 1;
}

static int xics_kvm_create(struct vm *vm, struct irqchip **out,
			   struct error *err)
{
	struct xics_kvm *xics = calloc(1, sizeof(*xics));

	if (xics == NULL)
		return error_nomem(err, "the interrupt controller");
	xics->chip = (struct irqchip){ .ops = &xics_kvm_ops, .vm = vm };
	atomic_init(&xics->fd, -1);
	pthread_mutex_init(&xics->lock, NULL);
	*out = &xics->chip;
	return 0;
}

static void xics_kvm_power_off(struct irqchip *chip)
{
	struct xics_kvm *xics = to_xics(chip);
	int fd = atomic_exchange(&xics->fd, -1);

	if (fd >= 0)
		kvm_sys_close(fd);
	for (unsigned i = 0; i < XICS_NR_SOURCES; i++)
		atomic_store(&xics->kinds[i], XICS_KIND_NONE);
}

static void xics_kvm_destroy(struct irqchip *chip)
{
	struct xics_kvm *xics = to_xics(chip);

	xics_kvm_power_off(chip);
	pthread_mutex_destroy(&xics->lock);
	free(xics);
}

int xics_kvm_set_source(int fd, unsigned irq, uint64_t state)
{
	return kvm_device_set(fd, KVM_DEV_XICS_GRP_SOURCES, irq, &state);
}

/* The lock is held, or nobody else knows of the device yet. */
static int create_source(struct xics_kvm *xics, int fd, unsigned irq,
			 bool level)
{
	uint64_t state = KVM_XICS_MASKED | (uint64_t)XICS_MASKED_PRIORITY
						   << KVM_XICS_PRIORITY_SHIFT;

	if (level)
		state |= KVM_XICS_LEVEL_SENSITIVE;

	int ret = xics_kvm_set_source(fd, irq, state);
	if (ret == 0)
		atomic_store(&xics->kinds[irq - LAYOUT_IRQ_BASE],
			     level ? XICS_KIND_LEVEL : XICS_KIND_EDGE);
	return ret;
}

int xics_kvm_source_create(struct irqchip *chip, unsigned irq, bool edge)
{
	struct xics_kvm *xics = to_xics(chip);
	uint8_t want = edge ? XICS_KIND_EDGE : XICS_KIND_LEVEL;
	int fd = atomic_load(&xics->fd);
	int ret = 0;

	if (fd < 0)
		return -ENODEV;
	pthread_mutex_lock(&xics->lock);
	uint8_t kind = atomic_load(&xics->kinds[irq - LAYOUT_IRQ_BASE]);
	if (kind == XICS_KIND_NONE)
		ret = create_source(xics, fd, irq, !edge);
	else if (kind != want)
		ret = -EINVAL;
	pthread_mutex_unlock(&xics->lock);
	return ret;
}

/*
 * KVM reserves interrupts of the host for every server number that there may
 * be, unless it is told how many there are. Only a XICS on XIVE knows of this.
 */
static int limit_servers(int fd, uint32_t servers)
{
	if (!kvm_device_has(fd, KVM_DEV_XICS_GRP_CTRL, KVM_DEV_XICS_NR_SERVERS))
		return 0;
	return kvm_device_set(fd, KVM_DEV_XICS_GRP_CTRL,
			      KVM_DEV_XICS_NR_SERVERS, &servers);
}

static int connect_vcpus(const struct vm *vm, int fd)
{
	int ret = 0;

	for (unsigned i = 0; i < vm->cfg->cpus && ret >= 0; i++)
		ret = kvm_ppc_enable_cap(vm->vcpus[i].fd, KVM_CAP_IRQ_XICS,
					 (uint64_t)fd, vm->vcpus[i].id);
	return ret;
}

static int define_tokens(const struct vm *vm)
{
	static const struct {
		const char *name;
		uint32_t token;
	} calls[] = {
		{ "ibm,set-xive", RTAS_IBM_SET_XIVE },
		{ "ibm,get-xive", RTAS_IBM_GET_XIVE },
		{ "ibm,int-off", RTAS_IBM_INT_OFF },
		{ "ibm,int-on", RTAS_IBM_INT_ON },
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && ret >= 0; i++) {
		struct kvm_rtas_token_args args = { .token = calls[i].token };

		snprintf(args.name, sizeof(args.name), "%s", calls[i].name);
		ret = kvm_sys_ioctl(vm->kvm.vm_fd, KVM_PPC_RTAS_DEFINE_TOKEN,
				    (uintptr_t)&args);
	}
	return ret;
}

static int create_fixed_sources(struct xics_kvm *xics, int fd)
{
	int ret = 0;

	for (const struct xics_range *r = xics_fixed_sources; r->count != 0;
	     r++) {
		for (unsigned i = 0; i < r->count && ret >= 0; i++)
			ret = create_source(xics, fd, r->first + i, r->level);
	}
	return ret;
}

/* Return: 0, or negative errno and in @step what failed. */
static int setup(struct xics_kvm *xics, int fd, const char **step)
{
	struct vm *vm = xics->chip.vm;

	*step = "KVM_DEV_XICS_NR_SERVERS";
	int ret = limit_servers(fd, vm->cfg->cpus);
	if (ret < 0)
		return ret;

	*step = "KVM_ENABLE_CAP";
	ret = connect_vcpus(vm, fd);
	if (ret < 0)
		return ret;

	*step = "KVM_PPC_RTAS_DEFINE_TOKEN";
	ret = define_tokens(vm);
	if (ret < 0)
		return ret;

	*step = "KVM_DEV_XICS_GRP_SOURCES";
	return create_fixed_sources(xics, fd);
}

static int xics_kvm_power_on(struct irqchip *chip, struct error *err)
{
	struct xics_kvm *xics = to_xics(chip);
	const char *step = "KVM_CREATE_DEVICE";
	int ret = kvm_create_device(&chip->vm->kvm, KVM_DEV_TYPE_XICS);

	if (ret >= 0) {
		atomic_store(&xics->fd, ret);
		ret = setup(xics, ret, &step);
	}
	if (ret >= 0) {
		chip->irqfd =
			kvm_check_extension(&chip->vm->kvm, KVM_CAP_IRQFD) > 0;
		return 0;
	}
	xics_kvm_power_off(chip);
	return error_host(err, ret,
			  "cannot set up the XICS interrupt controller: %s: "
			  "%s; try --irqchip xics-emulated",
			  step, strerror(-ret));
}

/* That a pulse is over means nothing to KVM. */
static void xics_kvm_set_level(struct irqchip *chip, unsigned irq, bool level)
{
	struct xics_kvm *xics = to_xics(chip);

	if (!xics_is_source(irq) || atomic_load(&xics->fd) < 0)
		return;

	uint8_t kind = atomic_load(&xics->kinds[irq - LAYOUT_IRQ_BASE]);
	if (kind == XICS_KIND_LEVEL || (kind == XICS_KIND_EDGE && level))
		kvm_irq_line(&chip->vm->kvm, irq, level);
}

/* The message is the source's number; where it is sent to does not matter. */
static void xics_kvm_send_msi(struct irqchip *chip, uint64_t addr,
			      uint32_t data)
{
	(void)addr;
	if (xics_is_msi(data))
		xics_kvm_set_level(chip, data, true);
}

const struct irqchip_ops xics_kvm_ops = {
	.name = "xics",
	.in_kernel = true,
	.max_vcpus = LAYOUT_MAX_CPUS,
	.state_version = 1,
	.probe = xics_kvm_probe,
	.create = xics_kvm_create,
	.destroy = xics_kvm_destroy,
	.power_on = xics_kvm_power_on,
	.power_off = xics_kvm_power_off,
	.set_level = xics_kvm_set_level,
	.send_msi = xics_kvm_send_msi,
	.fdt = xics_fdt,
	.fdt_phandle = xics_fdt_phandle,
	.fdt_cells = xics_fdt_cells,
	.save = xics_kvm_save,
	.restore = xics_kvm_restore,
};
