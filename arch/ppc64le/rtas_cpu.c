/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS: calls of this group. */
#include "arch/ppc64le/rtas.h"

const struct rtas_entry rtas_cpu_calls[] = {
	{ .name = NULL },
};
