/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: what its parts share. */
#ifndef PRIVET_VMM_CONFIG_IMPL_H
#define PRIVET_VMM_CONFIG_IMPL_H

#include "vmm/config.h"

/**
 * config_add_console() - Read the argument of --console or --port
 * @port: it is --port
 *
 * Return: 0, or negative errno with one line in @err.
 */
int config_add_console(struct vm_config *cfg, bool port, const char *arg,
		       struct error *err);

#endif
