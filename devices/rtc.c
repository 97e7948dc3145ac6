/* SPDX-License-Identifier: Apache-2.0 */
/*
 * goldfish RTC: a 64-bit clock in nanoseconds since 1970, with an alarm.
 *
 * The clock is the host's CLOCK_REALTIME plus an offset, which is zero until
 * the guest sets the clock; the host's own clock is never touched. As with a
 * battery behind it, a reset keeps the offset, but not the alarm.
 *
 * The machine always has it, also with --nodefaults: without a clock a guest
 * believes to be in 1970 and refuses certificates and file systems.
 *
 * Reading TIME_LOW latches the high half for TIME_HIGH. Writing TIME_HIGH and
 * then TIME_LOW sets the clock; TIME_HIGH takes effect at once, and once more
 * with TIME_LOW, so that no carry between the two is lost. Writing ALARM_LOW
 * arms the alarm for ALARM_HIGH:ALARM_LOW.
 *
 * An alarm that is reached is no longer running and raises the interrupt
 * until CLEAR_INTERRUPT, if IRQ_ENABLED says so.
 */
#include "devices/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "vmm/arch.h"
#include "vmm/evloop.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/mmio.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

enum {
	TIME_LOW = 0x00,
	TIME_HIGH = 0x04,
	ALARM_LOW = 0x08,
	ALARM_HIGH = 0x0c,
	IRQ_ENABLED = 0x10,
	CLEAR_ALARM = 0x14,
	ALARM_STATUS = 0x18,
	CLEAR_INTERRUPT = 0x1c,
};

/*
 * The timer counts CLOCK_MONOTONIC: by looking again this often, an alarm
 * follows when the host's clock is set.
 */
#define MAX_WAIT_NS (60 * NSEC_PER_SEC)

/**
 * struct rtc - A clock
 * @timer: looks whether the alarm is reached
 * @offset: of the guest's clock to the host's in nanoseconds, modulo 2^64
 * @latched_high: what TIME_HIGH reads
 * @set_high: what TIME_HIGH was written with
 * @setting: a write to TIME_LOW goes with @set_high
 * @alarm: time of the alarm
 * @armed: the alarm is running
 * @irq_enabled: the interrupt may be raised
 * @fired: the alarm was reached and CLEAR_INTERRUPT not written since
 */
struct rtc {
	struct device dev;
	struct irq_line irq;
	struct ev_timer timer;
	uint64_t offset;
	uint32_t latched_high;
	uint32_t set_high;
	bool setting;
	uint64_t alarm;
	bool armed;
	bool irq_enabled;
	bool fired;
};

static struct rtc *to_rtc(struct device *dev)
{
	return container_of(dev, struct rtc, dev);
}

static uint64_t host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static uint64_t guest_now(const struct rtc *rtc)
{
	return host_now() + rtc->offset;
}

static uint32_t low(uint64_t value)
{
	return (uint32_t)value;
}

static uint32_t high(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

static uint64_t join(uint32_t upper, uint32_t lower)
{
	return (uint64_t)upper << 32 | lower;
}

static void update_irq(struct rtc *rtc)
{
	irq_set_level(&rtc->irq, rtc->fired && rtc->irq_enabled);
}

/* Fires an alarm that is reached, or waits for it. */
static void check_alarm(struct rtc *rtc)
{
	uint64_t now = guest_now(rtc);

	if (!rtc->armed) {
		ev_timer_cancel(&rtc->timer);
	} else if (rtc->alarm <= now) {
		ev_timer_cancel(&rtc->timer);
		rtc->armed = false;
		rtc->fired = true;
	} else {
		ev_timer_set(&rtc->timer,
			     min_u64(rtc->alarm - now, MAX_WAIT_NS));
	}
	update_irq(rtc);
}

static void on_timer(struct ev_timer *timer)
{
	check_alarm(container_of(timer, struct rtc, timer));
}

static uint32_t read_time_low(struct rtc *rtc)
{
	uint64_t now = guest_now(rtc);

	rtc->latched_high = high(now);
	return low(now);
}

static uint64_t rtc_read(void *opaque, uint64_t off, unsigned size)
{
	struct rtc *rtc = opaque;

	(void)size;
	switch (off) {
	case TIME_LOW:
		return read_time_low(rtc);
	case TIME_HIGH:
		return rtc->latched_high;
	case ALARM_LOW:
		return low(rtc->alarm);
	case ALARM_HIGH:
		return high(rtc->alarm);
	case IRQ_ENABLED:
		return rtc->irq_enabled;
	case ALARM_STATUS:
		return rtc->armed;
	default:
		return 0;
	}
}

static void set_time(struct rtc *rtc, uint64_t time)
{
	rtc->offset = time - host_now();
	check_alarm(rtc);
}

static void write_time_high(struct rtc *rtc, uint32_t value)
{
	rtc->set_high = value;
	rtc->setting = true;
	set_time(rtc, join(value, low(guest_now(rtc))));
}

static void write_time_low(struct rtc *rtc, uint32_t value)
{
	uint32_t upper = rtc->setting ? rtc->set_high : high(guest_now(rtc));

	rtc->setting = false;
	set_time(rtc, join(upper, value));
}

static void write_alarm_low(struct rtc *rtc, uint32_t value)
{
	rtc->alarm = join(high(rtc->alarm), value);
	rtc->armed = true;
	check_alarm(rtc);
}

static void rtc_write(void *opaque, uint64_t off, unsigned size, uint64_t value)
{
	struct rtc *rtc = opaque;
	uint32_t val = low(value);

	(void)size;
	switch (off) {
	case TIME_LOW:
		write_time_low(rtc, val);
		break;
	case TIME_HIGH:
		write_time_high(rtc, val);
		break;
	case ALARM_LOW:
		write_alarm_low(rtc, val);
		break;
	case ALARM_HIGH:
		rtc->alarm = join(val, low(rtc->alarm));
		break;
	case IRQ_ENABLED:
		rtc->irq_enabled = (val & 1) != 0;
		update_irq(rtc);
		break;
	case CLEAR_ALARM:
		rtc->armed = false;
		check_alarm(rtc);
		break;
	case CLEAR_INTERRUPT:
		rtc->fired = false;
		update_irq(rtc);
		break;
	default:
		break;
	}
}

static const struct mmio_ops rtc_mmio = {
	.read = rtc_read,
	.write = rtc_write,
	.min_size = 4,
	.max_size = 4,
};

/*
 * Life cycle.
 */

static void rtc_reset(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);

	rtc->latched_high = 0;
	rtc->set_high = 0;
	rtc->setting = false;
	rtc->alarm = 0;
	rtc->armed = false;
	rtc->irq_enabled = false;
	rtc->fired = false;
	check_alarm(rtc);
}

/* While the machine stands still, so does the alarm. */
static void rtc_quiesce(struct device *dev)
{
	ev_timer_cancel(&to_rtc(dev)->timer);
}

static void rtc_resume(struct device *dev)
{
	check_alarm(to_rtc(dev));
}

static int rtc_save(struct device *dev, struct snap_writer *w)
{
	const struct rtc *rtc = to_rtc(dev);

	snap_put_u64(w, rtc->offset);
	snap_put_u32(w, rtc->latched_high);
	snap_put_u32(w, rtc->set_high);
	snap_put_u8(w, rtc->setting);
	snap_put_u64(w, rtc->alarm);
	snap_put_u8(w, rtc->armed);
	snap_put_u8(w, rtc->irq_enabled);
	snap_put_u8(w, rtc->fired);
	return 0;
}

static bool get_bool(struct snap_reader *r)
{
	uint8_t value = snap_get_u8(r);

	if (value > 1)
		snap_reader_fail(r);
	return value == 1;
}

/* The alarm runs, and fires if it was missed, from rtc_resume() on. */
static int rtc_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	struct rtc *rtc = to_rtc(dev);

	(void)version;
	rtc->offset = snap_get_u64(r);
	rtc->latched_high = snap_get_u32(r);
	rtc->set_high = snap_get_u32(r);
	rtc->setting = get_bool(r);
	rtc->alarm = snap_get_u64(r);
	rtc->armed = get_bool(r);
	rtc->irq_enabled = get_bool(r);
	rtc->fired = get_bool(r);
	if (snap_reader_error(r) < 0) {
		rtc->offset = 0;
		rtc_reset(dev);
		return snap_reader_error(r);
	}
	update_irq(rtc);
	return 0;
}

static int rtc_power_on(struct device *dev, struct error *err)
{
	return irq_line_power_on(&to_rtc(dev)->irq, err);
}

static void rtc_power_off(struct device *dev)
{
	irq_line_power_off(&to_rtc(dev)->irq);
}

static void rtc_fdt(struct device *dev, struct fdt_builder *fdt)
{
	const struct arch_device *where = &arch_info.rtc;

	fdt_begin(fdt, "rtc@%llx", (unsigned long long)where->base);
	fdt_prop_string(fdt, "compatible", "google,goldfish-rtc");
	fdt_prop_reg(fdt, where->base, where->size);
	irq_line_fdt(&to_rtc(dev)->irq, fdt);
	fdt_end(fdt);
}

static bool rtc_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return arch_info.rtc.size != 0;
}

static int rtc_add_region(struct rtc *rtc, struct error *err)
{
	const struct mmio_region region = {
		.name = rtc->dev.id,
		.base = arch_info.rtc.base,
		.size = arch_info.rtc.size,
		.ops = &rtc_mmio,
		.lock = &rtc->dev.lock,
		.opaque = rtc,
	};

	return mmio_add(&rtc->dev.vm->mmio, &region, err);
}

static int rtc_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	if (rtc == NULL)
		return error_nomem(err, "the clock");
	device_init(&rtc->dev, &rtc_device, vm, cfg->index);

	int ret =
		irq_line_init(&rtc->irq, vm, arch_info.rtc.irq, IRQ_LEVEL, err);
	if (ret < 0)
		goto err_free;
	ret = ev_timer_init(&rtc->timer, vm->loop, on_timer, &rtc->dev.lock);
	if (ret < 0) {
		error_host(err, ret,
			   "cannot make a timer for the clock: %s; raise the "
			   "limit on open files",
			   strerror(-ret));
		goto err_irq;
	}
	ret = rtc_add_region(rtc, err);
	if (ret < 0)
		goto err_timer;
	*out = &rtc->dev;
	return 0;

err_timer:
	ev_timer_destroy(&rtc->timer);
err_irq:
	irq_line_destroy(&rtc->irq);
err_free:
	device_fini(&rtc->dev);
	free(rtc);
	return ret;
}

static void rtc_destroy(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);

	ev_timer_destroy(&rtc->timer);
	irq_line_destroy(&rtc->irq);
	device_fini(&rtc->dev);
	free(rtc);
}

const struct device_type rtc_device = {
	.name = "rtc",
	.state_version = 1,
	.max = 1,
	.implied = rtc_implied,
	.create = rtc_create,
	.destroy = rtc_destroy,
	.power_on = rtc_power_on,
	.power_off = rtc_power_off,
	.reset = rtc_reset,
	.quiesce = rtc_quiesce,
	.resume = rtc_resume,
	.save = rtc_save,
	.restore = rtc_restore,
	.fdt = rtc_fdt,
};
