# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# How initramfs images are put together, for the emulated host and for its
# guests. To be sourced after lib.sh and arch/ARCH.sh.

# Drivers of a guest's devices, and what its root disk needs, below the
# kernel's module folder in the order of loading. Some are built into some of
# the kernels.
# shellcheck disable=SC2034
guest_modules=(
	drivers/virtio/virtio
	drivers/virtio/virtio_ring
	drivers/virtio/virtio_mmio
	drivers/virtio/virtio_pci_modern_dev
	drivers/virtio/virtio_pci_legacy_dev
	drivers/virtio/virtio_pci
	drivers/char/virtio_console
	drivers/block/virtio_blk
	net/core/failover
	drivers/net/net_failover
	drivers/net/virtio_net
	drivers/char/hw_random/virtio-rng
	drivers/input/evdev
	drivers/virtio/virtio_input
)
# shellcheck disable=SC2034
ext4_modules=(fs/mbcache lib/crc16 crypto/crc32c_generic fs/jbd2/jbd2
	fs/ext4/ext4)

# fresh PRODUCT SOURCE...: true if PRODUCT exists and is younger than all
# of its sources.
fresh() {
	local product=$1 source
	shift
	[ -e "$product" ] || return 1
	for source; do
		[ ! "$source" -nt "$product" ] || return 1
	done
}

# make_once PRODUCT FUNCTION [SOURCE...]: calls FUNCTION with the name of the
# file that it must make, unless PRODUCT is fresh. Several scripts may want
# the same thing at the same time: one makes it, the others wait.
make_once() {
	local product=$1 function=$2 lock
	shift 2
	! fresh "$product" "$@" || return 0
	mkdir -p "$(dirname "$product")"
	exec {lock}> "$product.lock"
	flock "$lock"
	if ! fresh "$product" "$@"; then
		rm -rf "$product.new"
		"$function" "$product.new"
		touch "$product.new"
		mv -T "$product.new" "$product"
	fi
	exec {lock}>&-
}

# kernel_tree [VARIANT]: unpacks the stock kernel of $arch and a busybox, once,
# and leaves the folder in $tree. A variant is one of kernel_variants: another
# kernel of the release, or the usual one of another release.
kernel_tree() {
	local package variant=${1:-} flavour='' suite=trixie
	case $variant in
	bookworm) suite=$variant ;;
	?*) flavour=-$variant ;;
	esac
	tree=$build/lab/$arch/kernel${variant:+-$variant}
	if [ -e "$tree.packages" ] && [ "${PRIVET_REFRESH:-0}" != 1 ]; then
		return
	fi
	package=$("$lab/packages" meta --suite "$suite" "$arch" \
		"$kernel_package$flavour")
	"$lab/packages" unpack --suite "$suite" "$arch" "$tree" "$package" \
		busybox-static
}

# kernel_path: sets $kernel to the kernel's file in $tree.
kernel_path() {
	kernel=$(compgen -G "$tree/$kernel_file" | head -n 1)
	[ -f "$kernel" ] || die "find the kernel" "there is no $kernel" \
		"remove $tree and its .packages"
}

# module_file MODULE: prints the file of a module of the kernel in $tree, or
# nothing where it is built in.
module_file() {
	local modules file
	modules=$(compgen -G "$tree/lib/modules/*")
	for file in "$modules/kernel/$1.ko"{,.xz}; do
		if [ -e "$file" ]; then
			printf '%s\n' "$file"
			return
		fi
	done
	grep -qx "kernel/$1.ko" "$modules/modules.builtin" ||
		die "find the module $1" "it is not in $modules"
}

# put_modules DIR MODULE...: unpacks modules into DIR, and writes their order of
# loading into DIR/order.
put_modules() {
	local dir=$1 module name file
	shift
	mkdir -p "$dir"
	for module; do
		name=${module##*/}
		file=$(module_file "$module")
		case $file in
		'') continue ;;
		*.xz) xz -dc "$file" > "$dir/$name.ko" ;;
		*) cp "$file" "$dir" ;;
		esac
		printf '%s\n' "$name" >> "$dir/order"
	done
}

# put_busybox DIR: the skeleton of a root file system around busybox.
put_busybox() {
	mkdir -p "$1"/{bin,dev,etc,lab,proc,root,run,sys,tmp}
	cp "$tree/usr/bin/busybox" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
}

# pack DIR: writes the folder as a cpio archive to stdout. All files belong to
# root; symbolic links are followed if FOLLOW is "-L".
pack() {
	local dir=$1 follow=${2:-}
	(
		cd "$dir" || exit
		# No word at all if it is empty.
		# shellcheck disable=SC2086
		find $follow . -print0 | LC_ALL=C sort -z |
			cpio --null --create --format=newc --quiet \
				--reproducible --owner=+0:+0 $follow
	)
}
