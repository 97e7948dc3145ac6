# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Kernels with pages of 4 and of 64 KiB, on hosts with either.
# ppc64le hosts: p10 p9-64k
# ppc64le more hosts: p9
# ppc64le parts: kernel-64k initrd-64k.cpio demo.img
# options: --tap

for pages in 4 64; do
	if [ "$pages" = 64 ]; then
		kernel=/t/kernel-64k
		initrd=/t/initrd-64k.cpio
	fi
	guest 'grep -m 1 KernelPageSize /proc/self/smaps
	dd if=/dev/vda bs=1M count=8 2> /dev/null | sha256sum
	head -c 64 /dev/hwrng | wc -c
	ping -c 1 -W 5 -q 192.0.2.1 > /dev/null; echo $?' --cpus 2 \
		--disk /t/demo.img,ro --network tapif=tap0
	is "$status" 0 "$pages KiB: guest ends well"
	has /t/run/out "^KernelPageSize: *$pages kB" "$pages KiB: its pages"
	has /t/run/out "^$(sha256sum < /t/demo.img | cut -c 1-64)" \
		"$pages KiB: disk content"
	is "$(tail -n 2 /t/run/out | tr '\n' ' ')" '64 0 ' \
		"$pages KiB: entropy and network"
	is "$(cat /t/run/messages)" '' "$pages KiB: privet is silent"
done
