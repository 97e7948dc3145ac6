/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap and a block device that this host has not, for tests of what happens
 * when they fail. The linker sends the calls here that DEVICE_CALLS in the
 * Makefile names. The tap carries no packets.
 */
#ifndef PRIVET_TESTS_FAKE_DEVICES_H
#define PRIVET_TESTS_FAKE_DEVICES_H

#include <stdbool.h>

#define FAKE_TUN   "/dev/net/tun"
#define FAKE_TAP   "tap7"
#define FAKE_BLOCK "/dev/privet-block"

/** fake_devices_init() - Let them be there; fails the test if that cannot be */
void fake_devices_init(void);

/** fake_devices_end() - They are gone */
void fake_devices_end(void);

/** fake_devices_tap() - A new descriptor of the tap, attached; caller closes */
int fake_devices_tap(void);

/** fake_devices_fail_nth() - The @nth call from now fails with @code; 0: none
 */
void fake_devices_fail_nth(unsigned nth, int code);

/** fake_devices_failed() - What failed; NULL: that call was not reached */
const char *fake_devices_failed(void);

/** fake_devices_offloads() - What the tap may send, as TUNSETOFFLOAD said */
unsigned fake_devices_offloads(void);

#endif
