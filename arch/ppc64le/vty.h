/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal, for firmware calls that print. */
#ifndef PRIVET_ARCH_PPC64LE_VTY_H
#define PRIVET_ARCH_PPC64LE_VTY_H

#include "vmm/util.h"

struct vty;

/** VTY_MAX - Most bytes of one call, either way */
#define VTY_MAX 16U

/**
 * vty_put() - Print
 * @len: bytes, at most VTY_MAX
 *
 * Return: whether all was taken; else nothing was, and the guest may try again.
 * Context: any thread; takes the device's lock, never blocks.
 */
bool vty_put(struct vty *vty, const void *buf, size_t len);

#endif
