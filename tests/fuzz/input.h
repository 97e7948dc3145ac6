/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target reads its input with: the input is a program, and each
 * operation takes what it needs from the front. At the end all values are 0.
 *
 * A target is one file with LLVMFuzzerTestOneInput(). It builds everything
 * anew for each input and releases it, uses no thread and no clock, so that
 * an input always does the same.
 */
#ifndef PRIVET_TESTS_FUZZ_INPUT_H
#define PRIVET_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Operations of one input: more make it slow, and hard to read. */
#define FUZZ_MAX_OPS 128U

/** struct input - What is left; @data is not owned */
struct input {
	const uint8_t *data;
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What has to hold for every input: else the target has found something. */
#define FUZZ_CHECK(cond)                                                   \
	do {                                                               \
		if (!(cond)) {                                             \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, \
				__LINE__, #cond);                          \
			abort();                                           \
		}                                                          \
	} while (0)

/** take_bytes() - Copy @len bytes out; zeroes where there are no more */
static inline void take_bytes(struct input *in, void *out, size_t len)
{
	size_t n = len < in->len ? len : in->len;

	if (n > 0)
		memcpy(out, in->data, n);
	memset((uint8_t *)out + n, 0, len - n);
	in->data += n;
	in->len -= n;
}

static inline uint8_t take_u8(struct input *in)
{
	uint8_t value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint16_t take_u16(struct input *in)
{
	uint8_t low = take_u8(in);

	return (uint16_t)(low | take_u8(in) << 8);
}

static inline uint32_t take_u32(struct input *in)
{
	uint32_t low = take_u16(in);

	return low | (uint32_t)take_u16(in) << 16;
}

static inline uint64_t take_u64(struct input *in)
{
	uint64_t low = take_u32(in);

	return low | (uint64_t)take_u32(in) << 32;
}

/** take_below() - 0 to @limit - 1; @limit: 1 to 65536 */
static inline unsigned take_below(struct input *in, unsigned limit)
{
	return (limit <= 256 ? take_u8(in) : take_u16(in)) % limit;
}

/** take_rarely() - True for one byte in @n */
static inline bool take_rarely(struct input *in, unsigned n)
{
	return take_u8(in) % n == n - 1;
}

/** take_pick() - One of the @weights, each as often as it says */
static inline unsigned take_pick(struct input *in, const uint8_t *weights,
				 unsigned count)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += weights[i];
	unsigned at = take_below(in, sum);

	for (unsigned i = 0; i < count; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
	return 0;
}

/** take_number() - Small ones mostly, powers of two and neighbours, any */
static inline uint64_t take_number(struct input *in)
{
	uint8_t kind = take_u8(in);

	if (kind < 160)
		return kind % 40;
	if (kind < 192)
		return take_u16(in);
	if (kind < 208)
		return take_u32(in);
	if (kind < 216)
		return take_u64(in);
	if (kind < 224)
		return UINT64_MAX - take_u8(in);
	return (UINT64_C(1) << take_below(in, 64)) + kind % 3 - 1;
}

/** take_rest() - All that is left; @len receives how much */
static inline const uint8_t *take_rest(struct input *in, size_t *len)
{
	const uint8_t *data = in->data;

	*len = in->len;
	in->data += in->len;
	in->len = 0;
	return data;
}

#endif
