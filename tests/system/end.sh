# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# How guests end: statuses, reboots, panic, signals, time limit.
# riscv64 hosts: aia plic
# ppc64le hosts: p10
# ppc64le more hosts: p9
# limit: 400

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
guest 'echo c > /proc/sysrq-trigger; sleep 60' --no-reboot
has /t/run/console 'Kernel panic' 'a panic is on the console'
case $(uname -m) in
ppc64le)
	is "$status $(told)" '120 panic 120' 'the firmware is told of a panic'
	has /t/run/messages 'sysrq triggered crash' 'and says of which'
	;;
*)
	is "$status" 121 'a panic that reboots ends with --no-reboot'
	guest 'echo warm > /sys/kernel/reboot/mode; reboot -f; sleep 60' \
		--no-reboot
	is "$status $(told)" '121 warm-reboot 121' '--no-reboot, warm'
	;;
esac

params="$params privet.mark"
guest 'sleep 300' --timeout 8
is "$status $(told)" '124 timeout 124' 'time limit'

# running COMMAND [ARG...]: a guest that has started COMMAND and says so. Sets
# pid.
running() {
	initrd_with "$1; echo up; sleep 300"
	shift
	privet -i /t/run/initrd --console serial,file=/t/run/console \
		--port org.privet.out,file=/t/run/out \
		--status-file /t/run/status "$@" 2> /t/run/messages &
	pid=$!
	wait_for 'the guest to be up' grep -qs up /t/run/out
}

# signal NAME: to the monitor, not to the timeout around it.
signal() {
	kill "-$1" "$(pidof privet)"
}

# ended: waits for the guest. Sets status.
ended() {
	status=0
	wait "$pid" || status=$?
}

running :
signal TERM
ended
is "$status $(told)" '0 poweroff 0' 'SIGTERM presses the power button'

deaf='echo "#!/bin/sh" > /sbin/poweroff'
running "$deaf" --grace 3
before=$(date +%s)
signal TERM
ended
took=$(($(date +%s) - before))
is "$status" 123 'a guest that does not shut down is ended'
has /t/run/messages 'ended 3 s after .*--grace' 'and --grace is told'
[ "$took" -ge 2 ] && [ "$took" -lt 20 ]
ok $? "after the time of --grace ($took s)"

running "$deaf" --loglevel info
signal TERM
wait_for 'the button' grep -qs SIGTERM /t/run/messages
signal TERM
ended
is "$status" 123 'a second SIGTERM'
has /t/run/messages 'second SIGTERM' 'a second SIGTERM is told'

# In the background a shell has its children ignore SIGINT.
running :
signal HUP
ended
is "$status" 123 'SIGHUP'
has /t/run/messages 'signal 1 ' 'SIGHUP is told'

tool run -k /t/run/none --status-file /t/status.json
cp /t/status.json /t/run/status
is "$status $(told)" '118 error 118' 'a missing kernel is in the status file'
tool run -k /t/kernel --kvm /dev/null --status-file /t/status.json
cp /t/status.json /t/run/status
is "$status $(told)" '77 error 77' 'so is a host without KVM'
has /t/run/status '"text": "cannot use /dev/null: ' 'with the reason'
/t/privet --version > /dev/full 2> /t/run/messages
is "$?" 125 'output that does not get out is an error'
