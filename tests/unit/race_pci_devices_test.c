/* SPDX-License-Identifier: Apache-2.0 */
/* The machine at work, with its devices on PCI. */
#include "tests/fakes/fake_vm.h"

#define fake_vm_create fake_vm_create_pci

#include "tests/unit/race_devices_test.c"
