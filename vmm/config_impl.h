/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: what its parts share. */
#ifndef PRIVET_VMM_CONFIG_IMPL_H
#define PRIVET_VMM_CONFIG_IMPL_H

#include <stddef.h>
#include "vmm/config.h"

/**
 * config_add_console() - Read the argument of --console or --port
 * @port: it is --port
 *
 * Return: 0, or negative errno with one line in @err.
 */
int config_add_console(struct vm_config *cfg, bool port, const char *arg,
		       struct error *err);

/**
 * struct core_option - An option that belongs to no device
 * @arg: the argument's name in the help text; NULL: the option is a switch
 * @set: reads the argument (NULL for a switch) into the configuration
 * @offset: of the field that a generic setter fills
 *
 * A setter returns 0, or negative errno with one line in @err.
 */
struct core_option {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
	int (*set)(struct vm_config *cfg, const struct core_option *opt,
		   const char *arg, struct error *err);
	size_t offset;
};

/** core_options[] - All of them; a name that is NULL ends the table */
extern const struct core_option core_options[];

/**
 * config_set_kernel() - As --kernel does, for the argument without an option
 *
 * Return: 0, or negative errno with one line in @err.
 */
int config_set_kernel(struct vm_config *cfg, const char *arg,
		      struct error *err);

#endif
