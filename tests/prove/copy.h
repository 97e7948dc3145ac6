/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of any length: both ranges are checked, and what is copied may be
 * anything. That is more than can happen, so a proof with it holds without it,
 * and it says that a guest may change its memory at any time.
 */
#ifndef PRIVET_TESTS_PROVE_COPY_H
#define PRIVET_TESTS_PROVE_COPY_H

#include <string.h>
#include "tests/prove/prove.h"

static inline void *prove_memcpy(void *to, const void *from, size_t len)
{
	prove(__CPROVER_r_ok(from, len));
	prove(__CPROVER_w_ok(to, len));
#ifdef PROVE_COPY_CHECKS_ONLY
	/* Nobody looks at what was copied. */
	return to;
#endif
	/* Numbers are what most copies are of: these forms cost little. */
	if (len == sizeof(uint16_t))
		*(uint16_t *)to = nondet_u16();
	else if (len == sizeof(uint32_t))
		*(uint32_t *)to = nondet_u32();
	else if (len == sizeof(uint64_t))
		*(uint64_t *)to = nondet_u64();
	else if (len > 0)
		__CPROVER_havoc_slice(to, len);
	return to;
}

#define memcpy prove_memcpy

#endif
