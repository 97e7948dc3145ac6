/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address map and interrupt inputs of the riscv64 machine.
 *
 * Compatible with QEMU's "virt" machine where that has the same device, so
 * that firmware built for it (U-Boot, EDK2) runs. Guest-physical addresses:
 *
 *	0x0000_0000 +--------------------------------+
 *	            |                                |
 *	0x0010_0000 | finisher (power off, reset)    | 4 KiB
 *	0x0010_1000 | goldfish RTC                   | 4 KiB
 *	            |                                |
 *	0x0300_0000 | reserved: PCI port window      | 64 KiB
 *	            |                                |
 *	0x0c00_0000 | PLIC (hosts without AIA)       | 64 MiB
 *	0x0d00_0000 | APLIC (hosts with AIA)         | 16 KiB
 *	            |                                |
 *	0x1000_0000 | ns16550a serial port           | 256 bytes
 *	0x1000_1000 | virtio-mmio slots 0 to 7       | 4 KiB each
 *	0x1000_9000 | virtio-mmio slots 8 to 23      | 4 KiB each
 *	            |                                |
 *	0x1010_0000 | reserved: fw_cfg               | 24 bytes
 *	            |                                |
 *	0x2000_0000 | reserved: flash                | 64 MiB
 *	            |                                |
 *	0x2800_0000 | IMSICs, one page for each hart | 128 MiB
 *	0x3000_0000 | PCI configuration              | 256 MiB
 *	0x4000_0000 | PCI memory window, 32 bits     | 1 GiB
 *	0x8000_0000 +--------------------------------+
 *	            | RAM                            |
 *	            +--------------------------------+
 *	            |                                |
 *	next 16 GiB | PCI memory window, 64 bits     | 2 GiB
 *	            +--------------------------------+
 *
 * The last one is there where the host gives guests enough address bits. Linux
 * warns of one of 4 GiB or more that is not prefetchable.
 *
 * Interrupt inputs (APLIC and PLIC alike):
 *
 *	 1 to  8    virtio-mmio slots 0 to 7
 *	10          serial port
 *	11          RTC
 *	32 to 35    PCI INTA to INTD
 *	36 to 51    virtio-mmio slots 8 to 23
 *
 * All of them are below 64, because a host's IMSIC may have only 63
 * identities, and KVM wants no more APLIC sources than that.
 */
#ifndef PRIVET_ARCH_RISCV64_LAYOUT_H
#define PRIVET_ARCH_RISCV64_LAYOUT_H

#include "vmm/util.h"

#define LAYOUT_FINISHER_BASE    UINT64_C(0x00100000)
#define LAYOUT_FINISHER_SIZE    UINT64_C(0x1000)
#define LAYOUT_RTC_BASE         UINT64_C(0x00101000)
#define LAYOUT_RTC_SIZE         UINT64_C(0x1000)
#define LAYOUT_PLIC_BASE        UINT64_C(0x0c000000)
#define LAYOUT_PLIC_SIZE        UINT64_C(0x04000000)
#define LAYOUT_APLIC_BASE       UINT64_C(0x0d000000)
#define LAYOUT_APLIC_SIZE       UINT64_C(0x4000)
#define LAYOUT_SERIAL_BASE      UINT64_C(0x10000000)
#define LAYOUT_SERIAL_SIZE      UINT64_C(0x100)
#define LAYOUT_VIRTIO_BASE      UINT64_C(0x10001000)
#define LAYOUT_VIRTIO_SIZE      UINT64_C(0x1000)
#define LAYOUT_IMSIC_BASE       UINT64_C(0x28000000)
#define LAYOUT_IMSIC_SIZE       UINT64_C(0x1000)
#define LAYOUT_ECAM_BASE        UINT64_C(0x30000000)
#define LAYOUT_ECAM_SIZE        UINT64_C(0x10000000)
#define LAYOUT_PCI_MEM32_BASE   UINT64_C(0x40000000)
#define LAYOUT_PCI_MEM32_SIZE   UINT64_C(0x40000000)
#define LAYOUT_PCI_MEM64_ALIGN  UINT64_C(0x400000000)
#define LAYOUT_PCI_MEM64_SIZE   UINT64_C(0x80000000)
#define LAYOUT_RAM_BASE         UINT64_C(0x80000000)

#define LAYOUT_VIRTIO_SLOTS     24U
#define LAYOUT_VIRTIO_LOW_SLOTS 8U

#define LAYOUT_IRQ_VIRTIO(slot)           \
	((slot) < LAYOUT_VIRTIO_LOW_SLOTS \
		 ? 1U + (slot)            \
		 : 36U + (slot)-LAYOUT_VIRTIO_LOW_SLOTS)
#define LAYOUT_IRQ_SERIAL 10U
#define LAYOUT_IRQ_RTC    11U
#define LAYOUT_IRQ_PCI    32U

/** Interrupt inputs are 1 to this */
#define LAYOUT_NR_SOURCES 96U

/** The IMSIC and PLIC windows have room for many more than a host has CPUs */
#define LAYOUT_MAX_HARTS 512U

#endif
