/* SPDX-License-Identifier: Apache-2.0 */
/* Errors while the machine is built. */
#include "vmm/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, int code, enum exit_status status,
	      const char *fmt, ...)
{
	if (err == NULL)
		return code;

	err->code = code;
	err->status = status;

	va_list args;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return code;
}

int error_nomem(struct error *err, const char *what)
{
	return error_host(err, -ENOMEM,
			  "cannot allocate memory for %s: the host has no "
			  "memory left; free some or raise the limit",
			  what);
}
