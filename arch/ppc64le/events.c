/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: the power button, by way of EPOW (PAPR, chapter 10).
 *
 * A press leaves an event and pulses an interrupt; the guest fetches the event
 * with check-exception, as an error log that asks for an orderly shutdown.
 * There is one event at most: a press that finds one waiting only pulses once
 * more.
 *
 * event-scan never has anything to tell. It looks for what came without an
 * interrupt; a guest that got the event there would only note it down.
 */
#include <stdlib.h>
#include <string.h>
#include "arch/ppc64le/layout.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/rtas.h"
#include "arch/ppc64le/rtas_clock.h"
#include "arch/ppc64le/tree.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/gmem.h"
#include "vmm/irq.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu.h"

/* check-exception's mask of event classes. */
#define EVENT_MASK_EPOW 0x40000000U

/* Version 6, an event, not recovered, extended part present, EPOW. */
#define LOG_SUMMARY 0x06340040U

/* Offsets and sizes of the log's parts. */
#define LOG_SIZE    116U
#define LOG_HEADER  8U
#define LOG_V6      8U
#define LOG_PH      24U
#define LOG_PH_SIZE 48U
#define LOG_UH      72U
#define LOG_UH_SIZE 24U
#define LOG_EP      96U
#define LOG_EP_SIZE 20U

/* Section names: two letters. */
#define SECTION_PH 0x5048U
#define SECTION_UH 0x5548U
#define SECTION_EP 0x4550U

/**
 * struct events - What the guest is to be told
 * @pending: a press of the power button
 * @pulse: the interrupt has to be raised again, see events_resume()
 * @time: when it was pressed, by the guest's clock in nanoseconds
 * @log_id: of the last log that was made
 */
struct events {
	struct device dev;
	struct irq_line irq;
	bool pending;
	bool pulse;
	uint64_t time;
	uint32_t log_id;
};

static struct events *to_events(struct device *dev)
{
	return container_of(dev, struct events, dev);
}

/*
 * The log.
 */

/* Two decimal digits. */
static uint32_t bcd(uint32_t value)
{
	return value / 10 % 10 << 4 | value % 10;
}

static uint32_t bcd_date(const struct rtas_date *date)
{
	return bcd(date->year / 100) << 24 | bcd(date->year) << 16 |
	       bcd(date->month) << 8 | bcd(date->day);
}

static uint32_t bcd_time(const struct rtas_date *date)
{
	return bcd(date->hour) << 24 | bcd(date->minute) << 16 |
	       bcd(date->second) << 8;
}

static uint8_t *put_section(uint8_t *at, uint16_t name, uint16_t size,
			    uint8_t version)
{
	be16_store(at, name);
	be16_store(at + 2, size);
	at[4] = version;
	return at;
}

/* Who made the log, and when. */
static void put_main_a(uint8_t *log, const struct events *ev)
{
	struct rtas_date date = rtas_date_of(ev->time);
	uint8_t *s = put_section(log + LOG_PH, SECTION_PH, LOG_PH_SIZE, 0);

	be32_store(s + 8, bcd_date(&date));
	be32_store(s + 12, bcd_time(&date));
	/* Created by the hypervisor; three sections. */
	s[24] = 'H';
	s[27] = 3;
	be32_store(s + 40, ev->log_id);
}

/* From external environment, informational, a normal shutdown. */
static void put_main_b(uint8_t *log)
{
	uint8_t *s = put_section(log + LOG_UH, SECTION_UH, LOG_UH_SIZE, 0);

	s[8] = 0xa0;
	s[11] = 0xd0;
}

/* System shutdown, normal, of the partition alone. */
static void put_epow(uint8_t *log)
{
	uint8_t *s = put_section(log + LOG_EP, SECTION_EP, LOG_EP_SIZE, 2);

	s[8] = 3;
	s[9] = 1;
	s[10] = 1;
}

static void make_log(const struct events *ev, uint8_t log[LOG_SIZE])
{
	memset(log, 0, LOG_SIZE);
	be32_store(log, LOG_SUMMARY);
	be32_store(log + 4, LOG_SIZE - LOG_HEADER);
	/* Valid, new, big-endian; a platform event log. */
	log[LOG_V6] = 0x86;
	log[LOG_V6 + 2] = 0x8e;
	memcpy(log + LOG_V6 + 12, "IBM", 4);
	put_main_a(log, ev);
	put_main_b(log);
	put_epow(log);
}

/*
 * Calls.
 */

static bool has_events(const struct vm *vm)
{
	return vm_machine(vm)->events != NULL;
}

/* A short buffer gets as much of the log as it holds. */
static int32_t take_event(struct events *ev, uint64_t addr, uint32_t size)
{
	uint8_t log[LOG_SIZE];

	if (!ev->pending)
		return RTAS_NO_ERRORS_FOUND;
	make_log(ev, log);
	if (gmem_write(&ev->dev.vm->gmem, addr, log,
		       min_size(size, sizeof(log))) < 0)
		return RTAS_PARAM_ERROR;
	ev->pending = false;
	return RTAS_SUCCESS;
}

/*
 * Arguments: vector, interrupt, mask, time critical, buffer, its size, upper
 * half of the second one. The interrupt does not matter, the mask does.
 */
static int32_t check_exception(struct rtas_call *rc)
{
	struct events *ev = vm_machine(rc->vcpu->vm)->events;

	if ((rc->args[2] & EVENT_MASK_EPOW) == 0)
		return RTAS_NO_ERRORS_FOUND;
	pthread_mutex_lock(&ev->dev.lock);
	int32_t status = take_event(ev, rc->args[4], rc->args[5]);
	pthread_mutex_unlock(&ev->dev.lock);
	return status;
}

static int32_t event_scan(struct rtas_call *rc)
{
	(void)rc;
	return RTAS_NO_ERRORS_FOUND;
}

const struct rtas_entry rtas_event_calls[] = {
	{
		.token = RTAS_CHECK_EXCEPTION,
		.name = "check-exception",
		.nargs = 6,
		.max_nargs = 7,
		.nret = 1,
		.fn = check_exception,
		.offered = has_events,
	},
	{
		.token = RTAS_EVENT_SCAN,
		.name = "event-scan",
		.nargs = 4,
		.nret = 1,
		.fn = event_scan,
		.offered = has_events,
	},
	{ .name = NULL },
};

/*
 * Life cycle.
 */

static bool events_power_button(struct device *dev)
{
	struct events *ev = to_events(dev);

	if (!ev->pending) {
		ev->pending = true;
		ev->log_id++;
		ev->time = rtas_clock_now(vm_machine(dev->vm)->clock);
	}
	irq_pulse(&ev->irq);
	return true;
}

static void events_reset(struct device *dev)
{
	struct events *ev = to_events(dev);

	ev->pending = false;
	ev->pulse = false;
	ev->time = 0;
	ev->log_id = 0;
}

/* Guest memory is touched by the guest's own calls only. */
static void events_quiesce(struct device *dev)
{
	(void)dev;
}

/* Whether the pulse was in the saved interrupt controller is not known. */
static void events_resume(struct device *dev)
{
	struct events *ev = to_events(dev);

	if (ev->pulse && ev->pending)
		irq_pulse(&ev->irq);
	ev->pulse = false;
}

static int events_save(struct device *dev, struct snap_writer *w)
{
	const struct events *ev = to_events(dev);

	snap_put_u8(w, ev->pending);
	snap_put_u64(w, ev->time);
	snap_put_u32(w, ev->log_id);
	return 0;
}

static int events_restore(struct device *dev, struct snap_reader *r,
			  uint32_t version)
{
	struct events *ev = to_events(dev);
	uint8_t pending = snap_get_u8(r);

	(void)version;
	if (pending > 1)
		snap_reader_fail(r);
	ev->pending = pending == 1;
	ev->pulse = ev->pending;
	ev->time = snap_get_u64(r);
	ev->log_id = snap_get_u32(r);
	if (snap_reader_error(r) < 0)
		events_reset(dev);
	return snap_reader_error(r);
}

/* A press that came before, when nobody listened to the line, is not lost. */
static int events_power_on(struct device *dev, struct error *err)
{
	struct events *ev = to_events(dev);

	pthread_mutex_lock(&dev->lock);
	int ret = irq_line_power_on(&ev->irq, err);
	if (ret == 0 && ev->pending)
		irq_pulse(&ev->irq);
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

static void events_power_off(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	irq_line_power_off(&to_events(dev)->irq);
	pthread_mutex_unlock(&dev->lock);
}

void events_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	const struct events *ev = vm_machine(vm)->events;
	const uint32_t ranges[] = { LAYOUT_IRQ_EPOW, 1 };

	if (ev == NULL)
		return;
	fdt_begin(fdt, "event-sources");
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 2);
	fdt_prop_cells(fdt, "interrupt-ranges", ranges, ARRAY_SIZE(ranges));
	fdt_begin(fdt, "epow-events");
	irq_line_fdt(&ev->irq, fdt);
	fdt_end(fdt);
	fdt_end(fdt);
}

/* What SIGTERM does cannot depend on --nodefaults. */
static bool events_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return true;
}

static int events_create(struct vm *vm, const struct device_config *cfg,
			 struct device **out, struct error *err)
{
	struct events *ev = calloc(1, sizeof(*ev));
	if (ev == NULL)
		return error_nomem(err, "the event sources");
	device_init(&ev->dev, &events_device, vm, cfg->index);

	int ret = irq_line_init(&ev->irq, vm, LAYOUT_IRQ_EPOW, IRQ_EDGE, err);
	if (ret < 0) {
		device_fini(&ev->dev);
		free(ev);
		return ret;
	}
	vm_machine(vm)->events = ev;
	*out = &ev->dev;
	return 0;
}

static void events_destroy(struct device *dev)
{
	struct events *ev = to_events(dev);

	vm_machine(dev->vm)->events = NULL;
	irq_line_destroy(&ev->irq);
	device_fini(dev);
	free(ev);
}

const struct device_type events_device = {
	.name = "events",
	.state_version = 1,
	.max = 1,
	.implied = events_implied,
	.create = events_create,
	.destroy = events_destroy,
	.power_on = events_power_on,
	.power_off = events_power_off,
	.reset = events_reset,
	.quiesce = events_quiesce,
	.resume = events_resume,
	.save = events_save,
	.restore = events_restore,
	.power_button = events_power_button,
};
