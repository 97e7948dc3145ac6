# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2054
# What the lab must know of riscv64: the emulator, the stock kernel, and the
# machines that serve as KVM hosts. To be sourced.

qemu_package=qemu-system-riscv
qemu_program=qemu-system-riscv64

# The kernel's package, and the endings of its other variants' names.
kernel_package=linux-image-riscv64
kernel_variants=()
# Debian calls the file vmlinux, but it is a raw Image.
kernel_file='boot/vmlinux-*'

# Below the kernel's module folder, in the order of loading; the last word is
# the file's name without .ko.
host_modules=(arch/riscv/kvm/kvm drivers/net/tun drivers/block/virtio_blk
	fs/configfs/configfs drivers/block/null_blk/null_blk)

# The console that a guest has from its start, by its name in the guest.
guest_console=ttyS0

# More arguments for the host's kernel, and the virtio console's name there.
host_params=
host_tty=hvc0

# Shell commands that end the machine: the host at once, and a guest with
# the exit status $code. Both write to the test finisher.
host_off='devmem 0x100000 32 0x5555'
# shellcheck disable=SC2016
guest_off='devmem 0x100000 32 $((code ? 0x3333 | code << 16 : 0x5555))'

# The last line that the host's firmware prints, as an extended expression.
firmware_end='^Boot HART MEDELEG'

# The kinds of host, the usual one first, and those that the bare-metal guests
# are run on by tests/check.
hosts=(aia plic aia-soft plic-bare)
guest_level_hosts=(aia plic)

# tests/bench: the machine of QEMU in the host, and the guest that ends at once.
bench_machine='-M virt,aia=aplic-imsic -bios none'
bench_tiny=shutdown

# host_machine KIND: QEMU's arguments, in the array machine_args. It may also
# set host_variant, the kernel's variant, host_buses, where the devices are put
# one by one, and host_heartbeat=1, by which it is interrupted now and then.
#
# Vectors are off because QEMU 10 loses writes to mstatus.MPV: an illegal
# instruction of a nested guest, such as the first use of a vector, would
# kill that guest. The bare host has no extension that KVM can do without.
host_machine() {
	local type=virt cpu=rva23s64,v=off
	case $1 in
	aia) type=virt,aia=aplic-imsic,aia-guests=4 ;;
	aia-soft) type=virt,aia=aplic-imsic,aia-guests=0 ;;
	plic) ;;
	plic-bare)
		cpu=rv64,h=on,v=off,sstc=off,zicbom=off,zicboz=off,zicbop=off
		cpu+=,zawrs=off,zfa=off,zba=off,zbb=off,zbc=off,zbs=off
		cpu+=,svadu=off,zicond=off
		;;
	*) return 1 ;;
	esac
	machine_args=(-nodefaults -machine "$type" -cpu "$cpu")
}
