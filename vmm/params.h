/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option arguments of the form `value,key=value,flag`.
 *
 * A table says which keys an option takes and where they go in its struct, so
 * that every option rejects unknown keys, bad numbers and missing values with
 * the same words. A literal comma in a value is written twice.
 */
#ifndef PRIVET_VMM_PARAMS_H
#define PRIVET_VMM_PARAMS_H

#include "vmm/error.h"

/**
 * enum param_type - How a value is read and what the field must be
 * @PARAM_STRING: `char *`, allocated; freed by params_free()
 * @PARAM_UINT: `uint64_t`, decimal or 0x, within [min, max]
 * @PARAM_SIZE: `uint64_t` bytes; suffix B, K, M, G or T, within [min, max];
 *	without a suffix it counts bytes
 * @PARAM_FLAG: `bool`; key alone, or key=on / key=off
 * @PARAM_FD: `int`; an open descriptor of this process, 0 or more
 * @PARAM_MAC: `uint8_t[6]`, aa:bb:cc:dd:ee:ff, unicast and not zero
 * @PARAM_CHOICE: `int`; index into @choices
 */
enum param_type {
	PARAM_STRING,
	PARAM_UINT,
	PARAM_SIZE,
	PARAM_FLAG,
	PARAM_FD,
	PARAM_MAC,
	PARAM_CHOICE,
};

/**
 * struct param - One key
 * @key: its name; for the first entry of a table the key may be left out on
 *	the command line when @positional is set
 * @offset: of the field in the option's struct
 * @choices: NULL-terminated, for PARAM_CHOICE
 * @seen_offset: of a `bool` that is set when the key was given, or 0
 */
struct param {
	const char *key;
	enum param_type type;
	size_t offset;
	uint64_t min, max;
	const char *const *choices;
	bool positional;
	size_t seen_offset;
};

/**
 * params_parse() - Read an option's argument into its struct
 * @option: for messages, such as "--disk"
 * @params: table, ending with a NULL key
 * @arg: the argument
 * @out: struct with the defaults filled in
 *
 * A key given twice is an error.
 *
 * Return: 0 or -EINVAL with one line in @err.
 */
int params_parse(const char *option, const struct param *params,
		 const char *arg, void *out, struct error *err);

/** params_free() - Free the strings of @out */
void params_free(const struct param *params, void *out);

/**
 * parse_uint() - A whole number, decimal or 0x..., nothing after it
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/**
 * parse_size() - A number of bytes with an optional suffix
 * @unit: bytes that a number without a suffix counts
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_size(const char *text, uint64_t unit, uint64_t min, uint64_t max,
	       uint64_t *out);

#endif
