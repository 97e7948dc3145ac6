/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exits of a vCPU have in common on all architectures: the table that they
 * are handled by, those that mean the same everywhere, and a guest's death.
 *
 * Context of all: the vCPU's own thread.
 */
#ifndef PRIVET_EXIT_H
#define PRIVET_EXIT_H

#include <stddef.h>

#include "vmm/arch.h"

/** exit_fn - Handles one KVM_EXIT_* reason; vcpu->run has its details */
typedef enum exit_action exit_fn(struct vcpu *vcpu);

/**
 * exit_dispatch() - Call the handler of vcpu->run->exit_reason
 * @handlers: by reason; one that is NULL is exit_unknown()
 * @count: elements of @handlers
 */
enum exit_action exit_dispatch(struct vcpu *vcpu, exit_fn *const *handlers,
			       size_t count);

/* Accesses to devices; without one it reads as zero. */
exit_fn exit_mmio;
/* A signal: the thread looks for itself what it is wanted for. */
exit_fn exit_intr;
/* The rest ends the guest: KVM does not go on. */
exit_fn exit_debug;
exit_fn exit_internal_error;
exit_fn exit_fail_entry;
exit_fn exit_unknown;

/**
 * exit_crash() - End the guest, with status 122
 * @why: follows "guest vCPU N died: "; its registers are added
 *
 * Return: EXIT_STOP
 */
enum exit_action exit_crash(struct vcpu *vcpu, const char *why);

/** struct exit_error - What an error of KVM_RUN means to an architecture */
struct exit_error {
	int code;
	const char *text;
};

/**
 * exit_run_failed() - End the guest because KVM_RUN failed
 * @error: negative errno
 * @known: @count of them; others are told by strerror()
 *
 * Return: EXIT_STOP
 */
enum exit_action exit_run_failed(struct vcpu *vcpu, int error,
				 const struct exit_error *known, size_t count);

#endif
