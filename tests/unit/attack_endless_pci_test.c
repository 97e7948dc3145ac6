/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that are never done, over PCI. */
#include "tests/fakes/fake_vm.h"

#define fake_vm_create fake_vm_create_pci

#include "tests/unit/attack_endless_test.c"
