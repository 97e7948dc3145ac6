/* SPDX-License-Identifier: Apache-2.0 */
/* Device tree nodes of the PCI host bridge and of what is behind it. */
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/tree.h"

void phb_fdt(const struct vm *vm, struct fdt_builder *fdt)
{
	(void)vm;
	(void)fdt;
}
