/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C11 atomics for proofs, in place of the compiler's: a load gives any value,
 * as the guest may change what is loaded at any time.
 */
#ifndef PRIVET_TESTS_PROVE_STDATOMIC_H
#define PRIVET_TESTS_PROVE_STDATOMIC_H

typedef enum {
	memory_order_relaxed,
	memory_order_acquire,
	memory_order_release,
	memory_order_seq_cst,
} memory_order;

/* It is read, so that the address is checked, and then forgotten. */
#define atomic_load_explicit(at, order)                         \
	({                                                      \
		__typeof__(*(at)) value_ = *(at);               \
		(void)(order);                                  \
		__CPROVER_havoc_slice(&value_, sizeof(value_)); \
		value_;                                         \
	})

#define atomic_store_explicit(at, value, order) \
	((void)(order), (void)(*(at) = (value)))

#define atomic_thread_fence(order) ((void)(order))
#define atomic_signal_fence(order) ((void)(order))

#endif
