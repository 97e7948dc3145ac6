# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Less usual ways: CPUs that go down and up, notifications without eventfds, a
# choice of interrupt controllers.
# riscv64 hosts: aia plic
# ppc64le hosts: p10
# ppc64le more hosts: p9
# parts: demo.img
# ppc64le parts: kernel-bookworm initrd-bookworm.cpio
# options: --cpus 2

# Linux 6.12 deadlocks on POWER when CPUs come and go again and again, under
# QEMU as well: rcutree_report_cpu_dead() waits in swake_up_one_online(), with
# RCU's ofl_lock, for a CPU that waits for this lock with its interrupts off.
# Linux 6.1 and 7.2 do not.
if [ "$(uname -m)" = ppc64le ]; then
	kernel=/t/kernel-bookworm
	initrd=/t/initrd-bookworm.cpio
fi
guest 'cd /sys/devices/system/cpu
for i in 1 2 3 4; do
	echo 0 > cpu1/online; echo 0 > cpu2/online; cat online
	echo 1 > cpu2/online; echo 1 > cpu1/online; cat online
done
taskset 2 echo here' --cpus 3
is "$status" 0 'CPUs go down and up'
is "$(tr '\n' ' ' < /t/run/out)" '0 0-2 0 0-2 0 0-2 0 0-2 here ' \
	'the right CPUs go down and up'
kernel=/t/kernel
initrd=/t/initrd.cpio

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
