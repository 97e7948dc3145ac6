/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of a failing tap, over PCI. */
#include "tests/fakes/fake_vm.h"

#define fake_vm_create fake_vm_create_pci

#include "tests/unit/fault_net_test.c"
