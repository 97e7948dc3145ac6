/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Nth call of the C library fails: memory, descriptors, threads, files.
 *
 * The linker sends the calls here that FAIL_CALLS in the Makefile names, for
 * the tests that FAIL_TESTS names. Each fails with an errno that it may have
 * in earnest, and files stay unreadable. A test repeats what it does with the
 * next N until none was reached.
 */
#ifndef PRIVET_TESTS_FAIL_NTH_H
#define PRIVET_TESTS_FAIL_NTH_H

#include <stdbool.h>

/** fail_nth_arm() - The @nth call from now fails; 0: none does */
void fail_nth_arm(unsigned nth);

/** fail_nth_hit() - Whether that call was reached */
bool fail_nth_hit(void);

/** fail_nth_what() - What failed: the name of the function, or "nothing" */
const char *fail_nth_what(void);

#endif
