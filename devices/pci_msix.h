/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration space of a PCI function asks of its MSI-X part. */
#ifndef PRIVET_DEVICES_PCI_MSIX_H
#define PRIVET_DEVICES_PCI_MSIX_H

#include "devices/pci.h"

/** pci_msix_update() - Message control changed: send what it held back */
void pci_msix_update(struct pci_dev *pd);

/** pci_msix_reset() - All vectors masked, no messages, nothing pending */
void pci_msix_reset(struct pci_dev *pd);

void pci_msix_save(const struct pci_dev *pd, struct snap_writer *w);
void pci_msix_restore(struct pci_dev *pd, struct snap_reader *r);

#endif
