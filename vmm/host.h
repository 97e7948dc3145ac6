/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `privet host`: what this host can do, and why something is missing.
 */
#ifndef PRIVET_VMM_HOST_H
#define PRIVET_VMM_HOST_H

#include <stdio.h>
#include "vmm/error.h"

#define HOST_MAX_ITEMS 48

/**
 * struct host_item - One fact
 * @key: stable name for machines, such as "irqchip.aia"
 * @value: "yes", "no", a number or a list
 * @note: why not and what to do, or an explanation; may be empty
 */
struct host_item {
	char key[32];
	char value[320];
	char note[256];
};

/**
 * struct host_report - All of them
 * @usable: whether a machine can run here at all
 */
struct host_report {
	struct host_item items[HOST_MAX_ITEMS];
	unsigned nr_items;
	bool usable;
};

/**
 * host_add() - Add a fact; dropped when the report is full
 * @note: NULL for none
 * @value: printf-like
 */
void host_add(struct host_report *report, const char *key, const char *note,
	      const char *value, ...) PRINTF_LIKE(4, 5);

/**
 * host_probe() - Find out everything
 * @kvm_path: NULL for the usual one
 *
 * Leaves nothing behind on the host.
 */
void host_probe(struct host_report *report, const char *kvm_path);

void host_print_text(const struct host_report *report, FILE *out);
void host_print_json(const struct host_report *report, FILE *out);

#endif
