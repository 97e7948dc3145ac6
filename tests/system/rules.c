/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the sandbox's rules, for the system test that holds them against what
 * threads did: one line for each rule and role, with the number of the system
 * call in this kernel, the argument that is compared, and its value.
 */
#include <inttypes.h>
#include <stdio.h>

#include "vmm/arch.h"
#include "vmm/sandbox.h"

/* Return: the argument that has to be @value; -1: none. */
static int compared(enum sandbox_check check)
{
	static const int args[] = {
		[SANDBOX_ANY] = -1,     [SANDBOX_ARG0] = 0,
		[SANDBOX_ARG1] = 1,     [SANDBOX_ARG3] = 3,
		[SANDBOX_NO_EXEC] = -1, [SANDBOX_SELF] = -1,
		[SANDBOX_THREAD] = -1,  [SANDBOX_NOSYS] = -1,
	};

	return args[check];
}

static void print_table(const struct sandbox_rule *rules)
{
	for (const struct sandbox_rule *r = rules; r->name != NULL; r++) {
		int nr = sandbox_syscall_number(r->name);

		for (unsigned role = 0; nr >= 0 && role < SANDBOX_NR_ROLES;
		     role++) {
			if (r->roles & SANDBOX_BIT(role))
				printf("%s %s %d %d %" PRIx64 "\n",
				       sandbox_role_name(role), r->name, nr,
				       compared(r->check),
				       r->value & UINT32_MAX);
		}
	}
}

int main(void)
{
	print_table(sandbox_rules);
	print_table(arch_sandbox_rules);
	return 0;
}
