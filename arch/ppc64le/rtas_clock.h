/* SPDX-License-Identifier: Apache-2.0 */
/* Time of day: the clock of the machine, in UTC. */
#ifndef PRIVET_ARCH_PPC64LE_RTAS_CLOCK_H
#define PRIVET_ARCH_PPC64LE_RTAS_CLOCK_H

#include "vmm/device.h"

/**
 * struct rtas_clock - The machine's clock
 * @now: the host's time in nanoseconds since 1970; tests put their own here
 * @offset: of the guest's clock to it in nanoseconds, modulo 2^64; atomic
 */
struct rtas_clock {
	struct device dev;
	uint64_t (*now)(void);
	uint64_t offset;
};

/** struct rtas_date - A moment in UTC, as RTAS has it */
struct rtas_date {
	uint32_t year;
	uint32_t month;
	uint32_t day;
	uint32_t hour;
	uint32_t minute;
	uint32_t second;
	uint32_t ns;
};

/**
 * rtas_clock_now() - The guest's time
 * @clock: NULL: 1970 began just now
 *
 * Return: nanoseconds since 1970.
 * Context: any thread, any lock held.
 */
uint64_t rtas_clock_now(const struct rtas_clock *clock);

/** rtas_date_of() - The date of a time */
struct rtas_date rtas_date_of(uint64_t ns);

/**
 * rtas_date_ns() - The time of a date
 *
 * Return: false when there is no such day or hour, or when it is before 1970 or
 * after 2553, beyond which nanoseconds do not fit 64 bits.
 */
bool rtas_date_ns(const struct rtas_date *date, uint64_t *ns);

#endif
