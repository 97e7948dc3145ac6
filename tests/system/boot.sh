# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Debian's kernel to userspace with 1 and with 4 vCPUs, and what it finds.
# riscv64 hosts: aia plic plic-bare aia+pci plic+pci
# riscv64 more hosts: aia-soft aia-soft+pci
# ppc64le hosts: p9 p10 p9+mmio
# parts: demo.img
# options: --cpus 2

report='uname -m; nproc; cat /proc/interrupts; dmesg > /tmp/log
grep -iE "warn|bug:|oops|call trace|unable to" /tmp/log >&2
dd if=/dev/vda bs=1M count=8 2> /dev/null | sha256sum
cat /sys/block/vda/serial; echo; date +%s
head -c 64 /dev/hwrng > /tmp/random
echo $(wc -c < /tmp/random) $(tr -d "\0" < /tmp/random | wc -c)'

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
	# Zeros are no entropy, but one or the other may be there.
	has /t/run/out '^64 (6[0-4]|5[0-9])$' "$cpus CPUs: entropy"
	now=$(tail -n 2 /t/run/out | head -n 1)
	[ "$now" -ge "$before" ] && [ "$now" -le "$(date +%s)" ]
	ok $? "$cpus CPUs: the guest's clock is the host's"
	is "$(cat /t/run/err)" '' "$cpus CPUs: no complaints of the kernel"
	is "$(cat /t/run/messages)" '' "$cpus CPUs: privet is silent"
done
