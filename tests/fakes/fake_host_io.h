/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's file calls, for tests: preadv, pwritev, fdatasync and fallocate
 * of the whole program, which can be made to fail, to do less, or to wait.
 *
 * A test that calls any of these functions gets them in place of the C
 * library's. As they are after fake_io_reset(), they do what the real ones do.
 */
#ifndef PRIVET_TESTS_FAKE_HOST_IO_H
#define PRIVET_TESTS_FAKE_HOST_IO_H

#include <stdbool.h>
#include <stddef.h>

enum fake_io_call {
	FAKE_IO_PREADV,
	FAKE_IO_PWRITEV,
	FAKE_IO_FDATASYNC,
	FAKE_IO_FALLOCATE,
	FAKE_IO_NR,
};

/** fake_io_reset() - Forget everything; opens the gate */
void fake_io_reset(void);

/**
 * fake_io_fail() - Make calls fail
 * @nth: first that fails, counted from now; 1: the next one
 * @count: how many fail
 * @code: errno; 0: they return 0 without doing anything
 */
void fake_io_fail(enum fake_io_call call, unsigned nth, unsigned count,
		  int code);

/** fake_io_limit() - Most bytes that a read or write does; 0: no limit */
void fake_io_limit(size_t bytes);

/** fake_io_calls() - Calls since the last fake_io_reset() */
unsigned fake_io_calls(enum fake_io_call call);

/**
 * fake_io_order() - The calls since then, one letter each: r, w, s, f
 *
 * Up to 63 of them; not while calls are made.
 */
const char *fake_io_order(void);

/** fake_io_gate() - Close: calls wait, before they do anything, until open */
void fake_io_gate(bool open);

/** fake_io_await() - Wait until @count calls stand at the closed gate */
void fake_io_await(unsigned count);

#endif
