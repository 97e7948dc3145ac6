/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines. */
#include "vmm/irq.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/fdt.h"
#include "vmm/vm.h"

static bool want_irqfd(const struct irq_line *line)
{
	const struct vm *vm = line->vm;

	return line->trigger == IRQ_EDGE && vm->irqchip->ops->in_kernel &&
	       !vm->cfg->no_irqfd &&
	       kvm_check_extension(&vm->kvm, KVM_CAP_IRQFD) > 0;
}

int irq_line_init(struct irq_line *line, struct vm *vm, unsigned nr,
		  enum irq_trigger trigger, struct error *err)
{
	*line = (struct irq_line){
		.vm = vm,
		.nr = nr,
		.trigger = trigger,
		.fd = -1,
	};
	if (!want_irqfd(line))
		return 0;

	line->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (line->fd < 0)
		return error_host(err, -errno,
				  "cannot create an eventfd for interrupt %u: "
				  "%s; raise the limit on open files",
				  nr, strerror(errno));
	return 0;
}

void irq_line_destroy(struct irq_line *line)
{
	if (line->vm != NULL && line->fd >= 0)
		close(line->fd);
	line->vm = NULL;
	line->fd = -1;
}

int irq_line_power_on(struct irq_line *line, struct error *err)
{
	if (line->fd < 0 || !line->vm->irqchip->irqfd)
		return 0;

	int ret = kvm_irqfd(&line->vm->kvm, line->fd, line->nr, true);
	if (ret < 0)
		return error_host(err, ret,
				  "cannot bind interrupt %u: KVM_IRQFD: %s; "
				  "--no-irqfd does without",
				  line->nr, strerror(-ret));
	line->bound = true;
	return 0;
}

void irq_line_power_off(struct irq_line *line)
{
	if (line->bound)
		kvm_irqfd(&line->vm->kvm, line->fd, line->nr, false);
	line->bound = false;
	line->level = false;
}

void irq_pulse(struct irq_line *line)
{
	if (line->vm == NULL)
		return;
	if (line->bound) {
		uint64_t one = 1;

		/* EAGAIN: as many are pending as the counter can hold. */
		while (write(line->fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		return;
	}

	struct irqchip *chip = line->vm->irqchip;
	chip->ops->set_level(chip, line->nr, true);
	chip->ops->set_level(chip, line->nr, false);
}

void irq_set_level(struct irq_line *line, bool level)
{
	if (line->vm == NULL || line->level == level)
		return;
	line->level = level;

	struct irqchip *chip = line->vm->irqchip;
	chip->ops->set_level(chip, line->nr, level);
}

void irq_line_fdt(const struct irq_line *line, struct fdt_builder *fdt)
{
	struct irqchip *chip = line->vm->irqchip;
	uint32_t cells[3];
	unsigned n = chip->ops->fdt_cells(chip, line->nr,
					  line->trigger == IRQ_EDGE, cells);

	fdt_prop_cells(fdt, "interrupts", cells, n);
	fdt_prop_u32(fdt, "interrupt-parent", chip->ops->fdt_phandle(chip));
}

bool irq_has_msi(const struct vm *vm)
{
	return vm->irqchip->ops->send_msi != NULL;
}

void irq_send_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct irqchip *chip = vm->irqchip;

	if (chip->ops->send_msi != NULL)
		chip->ops->send_msi(chip, addr, data);
}
