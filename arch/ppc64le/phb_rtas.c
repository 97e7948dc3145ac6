/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware calls of the PCI host bridge (PAPR, 7.3). */
#include "arch/ppc64le/rtas.h"

const struct rtas_entry rtas_pci_calls[] = {
	{ 0 },
};
