/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON strings. */
#ifndef PRIVET_VMM_JSON_H
#define PRIVET_VMM_JSON_H

#include <stdio.h>

/**
 * json_string() - Write a quoted, escaped JSON string
 * @text: bytes outside ASCII are written as '?'
 */
void json_string(FILE *out, const char *text);

#endif
