/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers without state that every module may use. */
#ifndef PRIVET_VMM_UTIL_H
#define PRIVET_VMM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define KIB(n)                 ((uint64_t)(n) << 10)
#define MIB(n)                 ((uint64_t)(n) << 20)
#define GIB(n)                 ((uint64_t)(n) << 30)

#define NSEC_PER_SEC           1000000000ULL
#define NSEC_PER_MSEC          1000000ULL

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/**
 * align_up() - Round up to a multiple of a power of two
 * @value: value to round; the caller makes sure that the result fits
 * @align: a power of two
 */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

static inline bool is_power_of_two(uint64_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/**
 * range_fits() - Whether [start, start + len) lies within [0, limit)
 *
 * Safe for every combination of 64-bit values: nothing in it can wrap.
 */
static inline bool range_fits(uint64_t start, uint64_t len, uint64_t limit)
{
	return len <= limit && start <= limit - len;
}

/** ranges_overlap() - Whether two non-wrapping ranges share a byte */
static inline bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b,
				  uint64_t b_len)
{
	return a_len != 0 && b_len != 0 && a < b + b_len && b < a + a_len;
}

#endif
