# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# How guests end: statuses, reboots, panic, signals, time limit.
# riscv64 hosts: aia plic
# ppc64le hosts: p9

told() {
	sed 's/.*"stop": "\([a-z-]*\)", "status": \([0-9]*\).*/\1 \2/' \
		/t/run/status
}

guest 'exit 0'
is "$status $(told)" '0 poweroff 0' 'status 0'
guest 'exit 42'
is "$status $(told)" '42 guest-status 42' 'a status of its own'
guest 'exit 77'
is "$status $(told)" '119 guest-status 119' 'a status that is reserved'
has /t/run/status '"guest_status": 77' 'the true one is in the status file'
guest 'poweroff -f; sleep 60'
is "$status $(told)" '0 poweroff 0' 'power-off by the kernel'

truncate -s 1M /t/count
again='x=$(dd if=/dev/vda bs=1 count=1 2> /dev/null)
case $x in 2) exit 7 ;; 1) x=2 ;; *) x=1 ;; esac
printf $x | dd of=/dev/vda bs=1 conv=notrunc 2> /dev/null; sync
reboot -f; sleep 60'
guest "$again" --disk /t/count --cpus 2
is "$status" 7 'two reboots, then an end'
has /t/run/status '"reboots": 2' 'reboots are counted'

guest 'reboot -f; sleep 60' --no-reboot
is "$status $(told)" '121 cold-reboot 121' '--no-reboot, cold'
guest 'echo warm > /sys/kernel/reboot/mode; reboot -f; sleep 60' --no-reboot
is "$status $(told)" '121 warm-reboot 121' '--no-reboot, warm'
guest 'echo c > /proc/sysrq-trigger; sleep 60' --no-reboot
is "$status" 121 'a panic that reboots ends with --no-reboot'
has /t/run/console 'Kernel panic' 'the panic is on the console'

params="$params privet.mark"
guest 'sleep 300' --timeout 8
is "$status $(told)" '124 timeout 124' 'time limit'

initrd_with 'echo up; sleep 300'
privet -i /t/run/initrd --console serial,file=/t/run/console \
	--port org.privet.out,file=/t/run/out 2> /t/run/messages &
pid=$!
wait_for 'the guest to be up' grep -qs up /t/run/out
# The monitor, not the timeout around it.
kill -TERM "$(pidof privet)"
wait "$pid"
is "$?" 123 'SIGTERM'
has /t/run/messages 'signal 15' 'SIGTERM is told'

tool run -k /t/run/none --status-file /t/status.json
cp /t/status.json /t/run/status
is "$status $(told)" '118 error 118' 'a missing kernel is in the status file'
tool run -k /t/kernel --kvm /dev/null --status-file /t/status.json
cp /t/status.json /t/run/status
is "$status $(told)" '77 error 77' 'so is a host without KVM'
has /t/run/status '"text": "cannot use /dev/null: ' 'with the reason'
/t/privet --version > /dev/full 2> /t/run/messages
is "$?" 125 'output that does not get out is an error'
