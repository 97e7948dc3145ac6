/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors while the machine is built: one line for the user.
 *
 * Functions that build something take a `struct error *` as their last
 * argument and fill it once, where the cause is known: what was tried, on
 * what, why it failed and what the user can do. The line travels up
 * unchanged and main.c prints it. Nothing else prints on a failing path.
 */
#ifndef PRIVET_VMM_ERROR_H
#define PRIVET_VMM_ERROR_H

#include <errno.h>
#include "vmm/util.h"

/**
 * enum exit_status - How the process ends; documented in privet(1)
 *
 * A status that the guest itself gives (see vm_stop_guest_status()) is passed
 * through unchanged unless it equals one of these: then EXIT_STATUS_RESERVED
 * is returned and the line on stderr and --status-file have the true one.
 */
enum exit_status {
	EXIT_STATUS_POWEROFF = 0,
	EXIT_STATUS_NO_KVM = 77,
	EXIT_STATUS_SANDBOX = 117,
	EXIT_STATUS_USAGE = 118,
	EXIT_STATUS_RESERVED = 119,
	EXIT_STATUS_PANIC = 120,
	EXIT_STATUS_REBOOT = 121,
	EXIT_STATUS_CRASH = 122,
	EXIT_STATUS_STOPPED = 123,
	EXIT_STATUS_TIMEOUT = 124,
	EXIT_STATUS_ERROR = 125,
};

/**
 * struct error - A failure on its way to the user
 * @code: negative errno
 * @status: how the process should end because of it
 * @text: one line without a newline and without the program's name
 */
struct error {
	int code;
	enum exit_status status;
	char text[512];
};

/**
 * error_set() - Fill an error
 * @err: error to fill; NULL when the caller does not want the text
 * @code: negative errno
 * @status: exit status of the process
 * @fmt: the line
 *
 * Return: @code, so that `return error_set(...)` reads well.
 * Context: any thread; @err belongs to the caller.
 */
int error_set(struct error *err, int code, enum exit_status status,
	      const char *fmt, ...) PRINTF_LIKE(4, 5);

static inline int error_einval(int code)
{
	(void)code;
	return -EINVAL;
}

/**
 * error_usage() - error_set() for input that makes no sense
 *
 * Return: -EINVAL, in a way that the compiler can see.
 */
#define error_usage(err, ...) \
	error_einval(error_set(err, -EINVAL, EXIT_STATUS_USAGE, __VA_ARGS__))

/** error_host() - error_set() for something that the host refused */
#define error_host(err, code, ...) \
	error_set(err, code, EXIT_STATUS_ERROR, __VA_ARGS__)

/** error_nomem() - error_set() for memory that could not be allocated */
int error_nomem(struct error *err, const char *what);

#endif
