/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTAS: time of day (PAPR, chapter 7).
 *
 * The clock is the host's CLOCK_REALTIME plus an offset, which is zero until
 * the guest sets the clock; the host's own clock is never touched. As with a
 * battery behind it, the offset outlives a reset.
 *
 * Dates are computed here: the C library's functions read the host's time zone
 * from files, which no vCPU thread may do.
 */
#include "arch/ppc64le/rtas_clock.h"

#include <stdlib.h>
#include <time.h>
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/rtas.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu.h"

#define SECONDS_PER_DAY 86400U
#define FIRST_YEAR      1970U
#define LAST_YEAR       2553U
#define MONTHS          12U

static struct rtas_clock *to_clock(struct device *dev)
{
	return container_of(dev, struct rtas_clock, dev);
}

/*
 * Calendar.
 */

static bool is_leap(uint32_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_of_year(uint32_t year)
{
	return is_leap(year) ? 366 : 365;
}

static uint32_t days_of_month(uint32_t year, uint32_t month)
{
	static const uint8_t days[MONTHS] = { 31, 28, 31, 30, 31, 30,
					      31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

struct rtas_date rtas_date_of(uint64_t ns)
{
	uint64_t seconds = ns / NSEC_PER_SEC;
	uint32_t days = (uint32_t)(seconds / SECONDS_PER_DAY);
	uint32_t of_day = (uint32_t)(seconds % SECONDS_PER_DAY);
	struct rtas_date date = {
		.year = FIRST_YEAR,
		.month = 1,
		.hour = of_day / 3600,
		.minute = of_day / 60 % 60,
		.second = of_day % 60,
		.ns = (uint32_t)(ns % NSEC_PER_SEC),
	};

	/* 64 bits of nanoseconds are 584 years. */
	while (days >= days_of_year(date.year))
		days -= days_of_year(date.year++);
	while (days >= days_of_month(date.year, date.month))
		days -= days_of_month(date.year, date.month++);
	date.day = days + 1;
	return date;
}

static bool date_is_valid(const struct rtas_date *date)
{
	return date->year >= FIRST_YEAR && date->year <= LAST_YEAR &&
	       date->month >= 1 && date->month <= MONTHS && date->day >= 1 &&
	       date->day <= days_of_month(date->year, date->month) &&
	       date->hour < 24 && date->minute < 60 && date->second < 60 &&
	       date->ns < NSEC_PER_SEC;
}

bool rtas_date_ns(const struct rtas_date *date, uint64_t *ns)
{
	uint64_t days = 0;

	if (!date_is_valid(date))
		return false;
	for (uint32_t year = FIRST_YEAR; year < date->year; year++)
		days += days_of_year(year);
	for (uint32_t month = 1; month < date->month; month++)
		days += days_of_month(date->year, month);
	days += date->day - 1;

	uint64_t seconds = days * SECONDS_PER_DAY +
			   UINT64_C(3600) * date->hour +
			   UINT64_C(60) * date->minute + date->second;
	*ns = seconds * NSEC_PER_SEC + date->ns;
	return true;
}

/*
 * Calls.
 */

static uint64_t host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void set_offset(struct rtas_clock *clock, uint64_t offset)
{
	__atomic_store_n(&clock->offset, offset, __ATOMIC_RELAXED);
}

uint64_t rtas_clock_now(const struct rtas_clock *clock)
{
	if (clock == NULL)
		return 0;
	return clock->now() + __atomic_load_n(&clock->offset, __ATOMIC_RELAXED);
}

static bool has_clock(const struct vm *vm)
{
	return vm_machine(vm)->clock != NULL;
}

static int32_t get_time_of_day(struct rtas_call *rc)
{
	const struct rtas_clock *clock = vm_machine(rc->vcpu->vm)->clock;
	struct rtas_date date = rtas_date_of(rtas_clock_now(clock));
	const uint32_t values[] = { date.year, date.month,  date.day,
				    date.hour, date.minute, date.second,
				    date.ns };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		rc->rets[i] = values[i];
	return RTAS_SUCCESS;
}

static int32_t set_time_of_day(struct rtas_call *rc)
{
	struct rtas_clock *clock = vm_machine(rc->vcpu->vm)->clock;
	const struct rtas_date date = {
		.year = rc->args[0],
		.month = rc->args[1],
		.day = rc->args[2],
		.hour = rc->args[3],
		.minute = rc->args[4],
		.second = rc->args[5],
		.ns = rc->args[6],
	};
	uint64_t time;

	if (!rtas_date_ns(&date, &time))
		return RTAS_PARAM_ERROR;
	set_offset(clock, time - clock->now());
	return RTAS_SUCCESS;
}

const struct rtas_entry rtas_clock_calls[] = {
	{
		.token = RTAS_GET_TIME_OF_DAY,
		.name = "get-time-of-day",
		.nargs = 0,
		.nret = 8,
		.fn = get_time_of_day,
		.offered = has_clock,
	},
	{
		.token = RTAS_SET_TIME_OF_DAY,
		.name = "set-time-of-day",
		.nargs = 7,
		.nret = 1,
		.fn = set_time_of_day,
		.offered = has_clock,
	},
	{ .name = NULL },
};

/*
 * Life cycle. The machine always has it, also with --nodefaults: without a
 * clock a guest believes to be in 1970.
 */

static bool clock_implied(const struct vm *vm, bool nodefaults)
{
	(void)vm;
	(void)nodefaults;
	return true;
}

/* Nothing but the offset is there, and that stays. */
static void clock_nothing(struct device *dev)
{
	(void)dev;
}

static int clock_save(struct device *dev, struct snap_writer *w)
{
	snap_put_u64(w, to_clock(dev)->offset);
	return 0;
}

static int clock_restore(struct device *dev, struct snap_reader *r,
			 uint32_t version)
{
	uint64_t offset = snap_get_u64(r);

	(void)version;
	if (snap_reader_error(r) == 0)
		set_offset(to_clock(dev), offset);
	return snap_reader_error(r);
}

static int clock_create(struct vm *vm, const struct device_config *cfg,
			struct device **out, struct error *err)
{
	struct rtas_clock *clock = calloc(1, sizeof(*clock));
	if (clock == NULL)
		return error_nomem(err, "the clock");
	device_init(&clock->dev, &rtas_clock_device, vm, cfg->index);
	clock->now = host_now;
	vm_machine(vm)->clock = clock;
	*out = &clock->dev;
	return 0;
}

static void clock_destroy(struct device *dev)
{
	vm_machine(dev->vm)->clock = NULL;
	device_fini(dev);
	free(to_clock(dev));
}

const struct device_type rtas_clock_device = {
	.name = "rtas-clock",
	.state_version = 1,
	.max = 1,
	.implied = clock_implied,
	.create = clock_create,
	.destroy = clock_destroy,
	.reset = clock_nothing,
	.quiesce = clock_nothing,
	.resume = clock_nothing,
	.save = clock_save,
	.restore = clock_restore,
};
