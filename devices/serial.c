/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns16550a: the serial port of the machine.
 *
 * It has the first console that asks for a serial port as its line. The
 * registers have the width of a byte and lie side by side; a wider access is
 * one to the register that it begins at, as where only the low lanes of a bus
 * are connected. What they do is in uart.c.
 */
#include "devices/table.h"

#include <stdlib.h>
#include "devices/uart.h"
#include "vmm/arch.h"
#include "vmm/chardev.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/mmio.h"
#include "vmm/vm.h"

#define SERIAL_CLOCK 3686400U

/**
 * struct serial - A serial port
 * @fe: frontend of the chardev that uart.cd is
 */
struct serial {
	struct device dev;
	struct irq_line irq;
	struct chardev_frontend fe;
	struct uart uart;
};

static struct serial *to_serial(struct device *dev)
{
	return container_of(dev, struct serial, dev);
}

static uint64_t serial_read(void *opaque, uint64_t off, unsigned size)
{
	struct serial *s = opaque;

	(void)size;
	return off < NR_UART_REGS ? uart_read(&s->uart, (unsigned)off) : 0;
}

static void serial_write(void *opaque, uint64_t off, unsigned size,
			 uint64_t value)
{
	struct serial *s = opaque;

	(void)size;
	if (off < NR_UART_REGS)
		uart_write(&s->uart, (unsigned)off, (uint8_t)value);
}

static const struct mmio_ops serial_mmio = {
	.read = serial_read,
	.write = serial_write,
	.min_size = 1,
	.max_size = 4,
};

/*
 * The host's side; the chardev takes the device's lock.
 */

static void on_rx_ready(struct chardev_frontend *fe)
{
	uart_rx_ready(&container_of(fe, struct serial, fe)->uart);
}

static void on_tx_ready(struct chardev_frontend *fe)
{
	uart_tx_ready(&container_of(fe, struct serial, fe)->uart);
}

static void on_event(struct chardev_frontend *fe, enum chardev_event event)
{
	if (event == CHARDEV_BREAK)
		uart_break(&container_of(fe, struct serial, fe)->uart);
}

/*
 * Life cycle.
 */

static void serial_reset(struct device *dev)
{
	uart_reset(&to_serial(dev)->uart);
}

/* The port touches no guest memory: there is nothing to hold back. */
static void serial_quiesce(struct device *dev)
{
	(void)dev;
}

static void serial_resume(struct device *dev)
{
	struct serial *s = to_serial(dev);

	uart_rx_ready(&s->uart);
	uart_tx_ready(&s->uart);
}

static int serial_save(struct device *dev, struct snap_writer *w)
{
	uart_save(&to_serial(dev)->uart, w);
	return 0;
}

static int serial_restore(struct device *dev, struct snap_reader *r,
			  uint32_t version)
{
	(void)version;
	return uart_restore(&to_serial(dev)->uart, r);
}

static int serial_power_on(struct device *dev, struct error *err)
{
	return irq_line_power_on(&to_serial(dev)->irq, err);
}

static void serial_power_off(struct device *dev)
{
	irq_line_power_off(&to_serial(dev)->irq);
}

static void serial_fdt(struct device *dev, struct fdt_builder *fdt)
{
	const struct arch_device *where = &arch_info.serial;

	fdt_begin(fdt, "serial@%llx", (unsigned long long)where->base);
	fdt_prop_string(fdt, "compatible", "ns16550a");
	fdt_prop_reg(fdt, where->base, where->size);
	fdt_prop_u32(fdt, "clock-frequency", SERIAL_CLOCK);
	irq_line_fdt(&to_serial(dev)->irq, fdt);
	fdt_end(fdt);
}

/* The first serial console's backend; NULL when there is none. */
static struct chardev *serial_backend(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++) {
		if (vm->cfg->consoles[i].kind == CONSOLE_SERIAL)
			return vm->consoles[i];
	}
	return NULL;
}

static bool serial_implied(const struct vm *vm, bool nodefaults)
{
	(void)nodefaults;
	if (arch_info.serial.size == 0)
		return false;
	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++) {
		if (vm->cfg->consoles[i].kind == CONSOLE_SERIAL)
			return true;
	}
	return false;
}

static int serial_create(struct vm *vm, const struct device_config *cfg,
			 struct device **out, struct error *err)
{
	struct chardev *cd = serial_backend(vm);
	if (cd == NULL)
		return error_usage(err, "a serial port needs a serial "
					"console: add --console serial");

	struct serial *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return error_nomem(err, "the serial port");
	device_init(&s->dev, &serial_device, vm, cfg->index);

	int ret = irq_line_init(&s->irq, vm, arch_info.serial.irq, IRQ_LEVEL,
				err);
	if (ret < 0)
		goto err_free;
	const struct mmio_region region = {
		.name = s->dev.id,
		.base = arch_info.serial.base,
		.size = arch_info.serial.size,
		.ops = &serial_mmio,
		.lock = &s->dev.lock,
		.opaque = s,
	};
	ret = mmio_add(&vm->mmio, &region, err);
	if (ret < 0)
		goto err_irq;

	s->uart.cd = cd;
	s->uart.irq = &s->irq;
	s->fe = (struct chardev_frontend){
		.rx_ready = on_rx_ready,
		.tx_ready = on_tx_ready,
		.event = on_event,
		.lock = &s->dev.lock,
	};
	chardev_attach(cd, &s->fe);
	*out = &s->dev;
	return 0;

err_irq:
	irq_line_destroy(&s->irq);
err_free:
	device_fini(&s->dev);
	free(s);
	return ret;
}

static void serial_destroy(struct device *dev)
{
	struct serial *s = to_serial(dev);

	chardev_attach(s->uart.cd, NULL);
	irq_line_destroy(&s->irq);
	device_fini(&s->dev);
	free(s);
}

const struct device_type serial_device = {
	.name = "serial",
	.state_version = 1,
	.max = 1,
	.implied = serial_implied,
	.create = serial_create,
	.destroy = serial_destroy,
	.power_on = serial_power_on,
	.power_off = serial_power_off,
	.reset = serial_reset,
	.quiesce = serial_quiesce,
	.resume = serial_resume,
	.save = serial_save,
	.restore = serial_restore,
	.fdt = serial_fdt,
};
