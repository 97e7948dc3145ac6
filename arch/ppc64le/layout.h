/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address map and interrupt sources of the ppc64le machine (sPAPR).
 *
 * Guest-physical addresses:
 *
 *	0x0000_0000_0000 +--------------------------------+
 *	                 | RAM                            |
 *	                 +--------------------------------+
 *	                 |                                |
 *	0x2000_0000_0000 | reserved: PCI port window      | 64 KiB
 *	0x2000_8000_0000 | PCI memory window, 32 bits     | 2 GiB
 *	0x2001_0010_0000 | finisher (guest's exit status) | 64 KiB
 *	0x2002_0000_0000 | virtio-mmio slots 0 to 23      | 64 KiB each
 *	                 |                                |
 *	0x2100_0000_0000 | PCI memory window, 64 bits     | 1 TiB
 *	                 +--------------------------------+
 *
 * Every window is aligned to 64 KiB, the largest page of a guest's kernel.
 *
 * Interrupt sources:
 *
 *	0x0000 to 0x000f   reserved (2: inter-processor interrupts)
 *	0x1000             EPOW events
 *	0x1100             vty
 *	0x1200 to 0x1203   PCI INTA to INTD
 *	0x1240 to 0x1257   virtio-mmio slots
 *	0x1300 to 0x1fff   MSIs
 */
#ifndef PRIVET_ARCH_PPC64LE_LAYOUT_H
#define PRIVET_ARCH_PPC64LE_LAYOUT_H

#include "vmm/util.h"

#define LAYOUT_PCI_IO_BASE    UINT64_C(0x200000000000)
#define LAYOUT_PCI_IO_SIZE    UINT64_C(0x10000)
#define LAYOUT_PCI_MEM32_BASE UINT64_C(0x200080000000)
#define LAYOUT_PCI_MEM32_PCI  UINT64_C(0x80000000)
#define LAYOUT_PCI_MEM32_SIZE UINT64_C(0x80000000)
#define LAYOUT_FINISHER_BASE  UINT64_C(0x200100100000)
#define LAYOUT_FINISHER_SIZE  UINT64_C(0x10000)
#define LAYOUT_VIRTIO_BASE    UINT64_C(0x200200000000)
#define LAYOUT_VIRTIO_STRIDE  UINT64_C(0x10000)
#define LAYOUT_VIRTIO_SIZE    UINT64_C(0x1000)
#define LAYOUT_PCI_MEM64_BASE UINT64_C(0x210000000000)
#define LAYOUT_PCI_MEM64_SIZE UINT64_C(0x10000000000)

/** RAM ends below the first window */
#define LAYOUT_RAM_LIMIT    LAYOUT_PCI_IO_BASE

#define LAYOUT_VIRTIO_SLOTS 24U

/** The host bridge's bus unit id, in its node's name and in RTAS calls */
#define LAYOUT_PHB_BUID  UINT64_C(0x800000020000000)
#define LAYOUT_PHB_LIOBN 0x80000000U

/** Unit addresses below /vdevice; also the terminal's number */
#define LAYOUT_VTY_UNIT   0x71000000U
#define LAYOUT_NVRAM_UNIT 0x71000001U

#define LAYOUT_IRQ_EPOW   0x1000U
#define LAYOUT_IRQ_VTY    0x1100U
#define LAYOUT_IRQ_LSI    0x1200U
#define LAYOUT_IRQ_VIRTIO 0x1240U
#define LAYOUT_IRQ_MSI    0x1300U
#define LAYOUT_NR_MSI     0xd00U

/** Sources are numbered from here; all of them are below the limit */
#define LAYOUT_IRQ_BASE  0x1000U
#define LAYOUT_IRQ_LIMIT 0x2000U

/** KVM takes up to 2048 vCPUs; more than fit a guest's tables are no use */
#define LAYOUT_MAX_CPUS 1024U

#endif
