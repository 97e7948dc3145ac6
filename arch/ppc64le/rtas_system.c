/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTAS: the end of the machine, its parameters, and small calls that firmware
 * makes (PAPR, chapter 7).
 */
#include "arch/ppc64le/rtas.h"

#include <stdio.h>
#include <string.h>
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/vty.h"
#include "vmm/bytes.h"
#include "vmm/gmem.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* Most of a guest's last words that are told to the user. */
#define OS_TERM_MAX 256U

/* What Linux puts before them; the user sees "guest panicked". */
#define OS_TERM_PREFIX "OS panic: "

/*
 * How far from the argument buffer they may be that were not pointed to, and
 * how much of that is looked at in one piece.
 */
#define OS_TERM_NEAR  KIB(16)
#define OS_TERM_PIECE 1024U

/* System parameters: their values are shorter than this. */
#define PARAM_MAX 512U

/*
 * The end.
 */

static int32_t power_off(struct rtas_call *rc)
{
	vm_request_stop(rc->vcpu->vm, VM_STOP_POWEROFF, 0, "guest powered off");
	rc->action = EXIT_STOP;
	return RTAS_SUCCESS;
}

static int32_t system_reboot(struct rtas_call *rc)
{
	vm_request_stop(rc->vcpu->vm, VM_STOP_COLD_REBOOT, 0,
			"guest asked for a cold reboot");
	rc->action = EXIT_STOP;
	return RTAS_SUCCESS;
}

/*
 * Copies a string of the guest's, or as much of it as there is room and RAM
 * for. Return: its length; negative when not even its first byte is RAM.
 */
static int read_text(const struct vm *vm, uint64_t addr, char *text,
		     unsigned size)
{
	unsigned len = 0;

	if (gmem_range(&vm->gmem, addr, 1) == NULL)
		return -1;
	while (len < size - 1 &&
	       gmem_read(&vm->gmem, addr + len, &text[len], 1) == 0 &&
	       text[len] != '\0')
		len++;
	text[len] = '\0';
	return (int)len;
}

/* One line that does nothing to a terminal. */
static void make_printable(char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
			text[i] = ' ';
		else if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
	}
	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
}

/*
 * Linux 6.12, for one, passes NULL instead of its text, which is in a static
 * buffer beside that of the arguments. Return: its address, or 0.
 */
static uint64_t find_text(const struct vm *vm, uint64_t near)
{
	const size_t len = strlen(OS_TERM_PREFIX);
	char piece[OS_TERM_PIECE + sizeof(OS_TERM_PREFIX)];
	uint64_t at = near - min_u64(near, OS_TERM_NEAR);

	for (; at < near + OS_TERM_NEAR; at += OS_TERM_PIECE) {
		if (gmem_read(&vm->gmem, at, piece, sizeof(piece)) < 0)
			break;

		const char *hit =
			memmem(piece, sizeof(piece), OS_TERM_PREFIX, len);
		if (hit != NULL)
			return at + (uint64_t)(hit - piece);
	}
	return 0;
}

static int32_t read_last_words(const struct rtas_call *rc, char *text,
			       unsigned size)
{
	const struct vm *vm = rc->vcpu->vm;
	uint64_t addr = rc->args[0];

	text[0] = '\0';
	if (addr == 0)
		addr = find_text(vm, rc->addr);
	if (addr != 0 && read_text(vm, addr, text, size) < 0)
		return RTAS_PARAM_ERROR;
	make_printable(text);
	return RTAS_SUCCESS;
}

/*
 * A guest's panic. PAPR leaves it to the platform what becomes of the
 * partition; here it ends, so that nobody waits for a guest that does nothing
 * any more. A guest with a crash kernel enters that before it comes here.
 */
static int32_t os_term(struct rtas_call *rc)
{
	char text[OS_TERM_MAX] = "";
	const char *words = text;
	int32_t status = read_last_words(rc, text, sizeof(text));

	if (status != RTAS_SUCCESS)
		return status;
	if (strncmp(text, OS_TERM_PREFIX, strlen(OS_TERM_PREFIX)) == 0)
		words += strlen(OS_TERM_PREFIX);
	vm_request_stop(rc->vcpu->vm, VM_STOP_PANIC, 0, "guest panicked%s%s",
			words[0] != '\0' ? ": " : "", words);
	rc->action = EXIT_STOP;
	return RTAS_SUCCESS;
}

/*
 * System parameters.
 */

/* What lparcfg shows: the whole partition belongs to its guest. */
static size_t splpar_characteristics(const struct vm *vm, char *value)
{
	unsigned cpus = vm->cfg->cpus;

	return (size_t)snprintf(value, PARAM_MAX,
				"MaxEntCap=%u,DesMem=%llu,DesProcs=%u,"
				"MaxPlatProcs=%u",
				cpus, (unsigned long long)(vm->cfg->mem >> 20),
				cpus, cpus) +
	       1;
}

/* Platform diagnostics: disabled. */
static size_t diagnostics_run_mode(const struct vm *vm, char *value)
{
	(void)vm;
	value[0] = 0;
	return 1;
}

static size_t partition_name(const struct vm *vm, char *value)
{
	snprintf(value, PARAM_MAX, "%s", vm->cfg->name);
	return strlen(value) + 1;
}

/**
 * struct sysparm - A system parameter
 * @number: as the guest names it
 * @get: fills up to PARAM_MAX bytes. Return: how many
 */
struct sysparm {
	uint32_t number;
	size_t (*get)(const struct vm *vm, char *value);
};

static const struct sysparm sysparms[] = {
	{ .number = 20, .get = splpar_characteristics },
	{ .number = 42, .get = diagnostics_run_mode },
	{ .number = 55, .get = partition_name },
};

static const struct sysparm *find_sysparm(uint32_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(sysparms); i++) {
		if (sysparms[i].number == number)
			return &sysparms[i];
	}
	return NULL;
}

/* The guest gets a length of two bytes, and so many bytes. */
static int32_t get_system_parameter(struct rtas_call *rc)
{
	struct vm *vm = rc->vcpu->vm;
	const struct sysparm *param = find_sysparm(rc->args[0]);
	uint8_t buf[2 + PARAM_MAX];

	if (param == NULL)
		return RTAS_PARAM_ERROR;

	size_t len = param->get(vm, (char *)buf + 2);
	be16_store(buf, (uint16_t)len);
	len += 2;
	if (len > rc->args[2])
		return RTAS_SYSPARM_ERROR;
	if (gmem_write(&vm->gmem, rc->args[1], buf, len) < 0)
		return RTAS_PARAM_ERROR;
	return RTAS_SUCCESS;
}

static int32_t set_system_parameter(struct rtas_call *rc)
{
	return find_sysparm(rc->args[0]) != NULL ? RTAS_NOT_AUTHORIZED
						 : RTAS_PARAM_ERROR;
}

/*
 * Small calls.
 */

static bool has_vty(const struct vm *vm)
{
	return vm_machine(vm)->vty != NULL;
}

static int32_t display_character(struct rtas_call *rc)
{
	uint8_t byte = (uint8_t)rc->args[0];

	if (!vty_put(vm_machine(rc->vcpu->vm)->vty, &byte, 1))
		return RTAS_BUSY;
	return RTAS_SUCCESS;
}

/* Firmware that hands over to a kernel; there is nothing of ours to do. */
static int32_t accept(struct rtas_call *rc)
{
	(void)rc;
	return RTAS_SUCCESS;
}

const struct rtas_entry rtas_system_calls[] = {
	{
		.token = RTAS_DISPLAY_CHARACTER,
		.name = "display-character",
		.nargs = 1,
		.nret = 1,
		.fn = display_character,
		.offered = has_vty,
	},
	{
		.token = RTAS_POWER_OFF,
		.name = "power-off",
		.nargs = 2,
		.nret = 1,
		.fn = power_off,
	},
	{
		.token = RTAS_SYSTEM_REBOOT,
		.name = "system-reboot",
		.nargs = 0,
		.nret = 1,
		.fn = system_reboot,
	},
	{
		.token = RTAS_IBM_GET_SYSTEM_PARAMETER,
		.name = "ibm,get-system-parameter",
		.nargs = 3,
		.nret = 1,
		.fn = get_system_parameter,
	},
	{
		.token = RTAS_IBM_SET_SYSTEM_PARAMETER,
		.name = "ibm,set-system-parameter",
		.nargs = 2,
		.nret = 1,
		.fn = set_system_parameter,
	},
	{
		.token = RTAS_IBM_SET_TCE_BYPASS,
		.name = "ibm,set-tce-bypass",
		.nargs = 2,
		.nret = 1,
		.fn = accept,
	},
	{
		.token = RTAS_QUIESCE,
		.name = "quiesce",
		.nargs = 0,
		.nret = 1,
		.fn = accept,
	},
	{
		.token = RTAS_IBM_OS_TERM,
		.name = "ibm,os-term",
		.nargs = 1,
		.nret = 1,
		.fn = os_term,
	},
	{ .name = NULL },
};
