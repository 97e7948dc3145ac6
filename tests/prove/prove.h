/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every proof has: values that may be anything, and a guest's memory.
 *
 * A proof is a main() that calls the function with all inputs that its
 * comment states. It includes the source file, to get at what is static
 * there. A function that is called nondet_* and has no body returns any value.
 */
#ifndef PRIVET_TESTS_PROVE_H
#define PRIVET_TESTS_PROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

bool nondet_bool(void);
int nondet_int(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);

/* Nothing else is looked at from here on. */
#define suppose(condition) __CPROVER_assume(condition)

/* It holds for all that is looked at. */
#define prove(condition) __CPROVER_assert(condition, #condition)

/*
 * An index that is below a limit. CBMC sees an access beyond an object, but not
 * one from an array into the next member of the same struct: edits in the table
 * "proofs" put this around the indices of such arrays.
 */
#define BELOW(index, limit)                \
	({                                 \
		uint64_t index_ = (index); \
		prove(index_ < (limit));   \
		index_;                    \
	})

/* An object of any content. */
#define any(object) __CPROVER_havoc_slice(&(object), sizeof(object))

/* Memory of @len bytes of any content, which is not changed by others. */
static inline void *any_bytes(size_t len)
{
	void *at = malloc(len);

	suppose(at != NULL);
	return at;
}

#endif
