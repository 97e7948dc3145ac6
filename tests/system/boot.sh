# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Debian's kernel to userspace with 1 and with 4 vCPUs, and what it finds.
# riscv64 hosts: aia plic plic-bare aia+pci plic+pci
# ppc64le hosts: p9 p10 p9+mmio
# parts: demo.img
# options: --cpus 2

report='uname -m; nproc; cat /proc/interrupts; dmesg > /tmp/log
grep -iE "warn|bug:|oops|call trace|unable to" /tmp/log >&2
dd if=/dev/vda bs=1M count=8 2> /dev/null | sha256sum
cat /sys/block/vda/serial; echo; date +%s
head -c 64 /dev/hwrng | wc -c'

# What the interrupts of virtio devices are in /proc/interrupts.
case $host+$transport in
aia+pci) line='PCI-MSI.*virtio' ;;
aia+*) line='APLIC-MSI.*virtio' ;;
plic*) line='SiFive PLIC.*virtio' ;;
*+mmio) line='XICS.*virtio' ;;
*) line='pSeries-PCI-MSI.*virtio' ;;
esac

for cpus in 1 4; do
	before=$(date +%s)
	guest "$report" --cpus "$cpus" --disk /t/demo.img,ro,serial=demo-1
	is "$status" 0 "$cpus CPUs: guest ends well"
	is "$(sed -n 1p /t/run/out)" "$(uname -m)" "$cpus CPUs: uname"
	is "$(sed -n 2p /t/run/out)" "$cpus" "$cpus CPUs: all are up"
	has /t/run/out "$line" "$cpus CPUs: interrupts"
	has /t/run/out "^$(sha256sum < /t/demo.img | cut -c 1-64)" \
		"$cpus CPUs: disk content"
	has /t/run/out '^demo-1$' "$cpus CPUs: serial number of the disk"
	is "$(tail -n 1 /t/run/out)" 64 "$cpus CPUs: entropy"
	now=$(tail -n 2 /t/run/out | head -n 1)
	[ "$now" -ge "$before" ] && [ "$now" -le "$(date +%s)" ]
	ok $? "$cpus CPUs: the guest's clock is the host's"
	is "$(cat /t/run/err)" '' "$cpus CPUs: no complaints of the kernel"
	is "$(cat /t/run/messages)" '' "$cpus CPUs: privet is silent"
done

guest 'cd /sys/devices/system/cpu
for i in 1 2 3 4; do
	echo 0 > cpu1/online; echo 0 > cpu2/online; cat online
	echo 1 > cpu2/online; echo 1 > cpu1/online; cat online
done
taskset 2 echo here' --cpus 3
is "$status" 0 'CPUs go down and up'
is "$(tr '\n' ' ' < /t/run/out)" '0 0-2 0 0-2 0 0-2 0 0-2 here ' \
	'the right CPUs go down and up'

for path in '--no-ioeventfd' '--no-irqfd' '--no-ioeventfd --no-irqfd'; do
	# shellcheck disable=SC2086
	guest 'dd if=/dev/vda bs=1M count=8 2> /dev/null | sha256sum' \
		--disk /t/demo.img,ro $path
	is "$(cut -c 1-64 /t/run/out)" "$(sha256sum < /t/demo.img |
		cut -c 1-64)" "disk content with $path"
done

case $host in
aia)
	guest 'grep -c PLIC /proc/interrupts' --irqchip plic
	is "$status" 0 'a PLIC on a host with AIA'
	;;
plic*)
	tool run -k /t/kernel --irqchip aia
	is "$status" 77 'an AIA on a host without it is refused'
	;;
esac
