/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of the block device, over PCI. */
#include "tests/fakes/fake_vm.h"

#define fake_vm_create fake_vm_create_pci

#include "tests/unit/virtio_blk_flight_test.c"
