# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2054
# What the lab must know of ppc64le: the emulator, the stock kernels, and the
# machines that serve as KVM hosts. To be sourced; riscv64.sh tells what each
# name means.

qemu_package=qemu-system-ppc
qemu_program=qemu-system-ppc64

kernel_package=linux-image-powerpc64le
kernel_variants=(64k bookworm)
kernel_file='boot/vmlinux-*'

host_modules=(arch/powerpc/kvm/kvm arch/powerpc/kvm/kvm-hv drivers/net/tun
	drivers/block/virtio_blk fs/configfs/configfs
	drivers/block/null_blk/null_blk)

guest_console=hvc0

# hvc0 is the host's own console.
host_params=console=hvc0
host_tty=hvc1

# A host has no device that takes a status. A guest's finisher is MMIO, which
# a status of 0 does without.
host_off=:
# shellcheck disable=SC2016
guest_off='[ "$code" != 0 ] || poweroff -f
devmem 0x200100100000 32 $((0x3333 | code << 16))'

firmware_end='^Booting Linux via|INIT: Starting kernel'

hosts=(p9 p10 p9-64k powernv9 powernv10)
guest_level_hosts=(p9 p10 powernv10)

# A host with pages of 4 KiB takes no larger ones.
bench_machine='-M pseries,x-vof=on,cap-hpt-max-page-size=4096'
bench_tiny=power-off

# The pseries kinds are partitions, where KVM nests by hypercalls. When the time
# at which a nested guest has to stop is over before QEMU enters it, as on a
# busy machine, QEMU forgets to stop it: a guest that spins would take the host
# along for good, one that does not for a while. Any interrupt ends that.
#
# The powernv kinds are bare metal. They need a BMC for switching off, which
# only comes with the default devices, and each of their buses takes one device.
host_machine() {
	local cpu=POWER9
	case $1 in
	p9) ;;
	p10) cpu=POWER10 ;;
	p9-64k) host_variant=64k ;;
	powernv9 | powernv10)
		machine_args=(-machine "$1" -nic none -vga none)
		host_buses=(pcie.0 pcie.1 pcie.2 pcie.3)
		return
		;;
	*) return 1 ;;
	esac
	machine_args=(-nodefaults -machine pseries,x-vof=on,cap-nested-hv=on
		-cpu "$cpu")
	host_heartbeat=1
}
