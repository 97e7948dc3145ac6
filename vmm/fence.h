/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full fence, and the only place that has one.
 *
 * ThreadSanitizer does not follow fences: data that one thread hands to another
 * by a fence would be reported, and gcc warns of every fence (-Wtsan). This one
 * hands over nothing. It stands between a store and a load of two atomic
 * variables, so that of two threads that do so the other way round one at least
 * sees the other's store; what the variables guard is ordered by their own
 * acquire and release, which ThreadSanitizer does follow. So it sees all there
 * is to see without the fence, and only here is gcc's warning turned off.
 */
#ifndef PRIVET_VMM_FENCE_H
#define PRIVET_VMM_FENCE_H

#include <stdatomic.h>

#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/**
 * full_fence() - The atomic stores before it, then the atomic loads after it
 *
 * Not a way to hand over data: for that there are acquire and release.
 */
static inline void full_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif
