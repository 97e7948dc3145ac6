# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# The power button: the events that a key gives, guests that cannot hear it,
# and Debian's systemd, which shuts down.
# riscv64 hosts: aia plic+pci
# ppc64le hosts: p10
# ppc64le more hosts: p9
# parts: initrd-root.cpio
# disks: rootdisk
# limit: 420

# running COMMAND [ARG...]: a guest that runs COMMAND. Sets pid.
running() {
	initrd_with "$1"
	shift
	privet -i /t/run/initrd --console serial,file=/t/run/console \
		--port org.privet.out,file=/t/run/out "$@" \
		< /dev/null 2> /t/run/messages &
	pid=$!
	wait_for 'the guest to be up' grep -qs up /t/run/out
}

# term: the signal goes to the monitor, not to the timeout around it. Waits for
# the end. Sets status.
term() {
	kill -TERM "$(pidof privet)"
	status=0
	wait "$pid" || status=$?
}

# Bytes 16 to 23 of what evdev gives for each event.
events='killall acpid; echo "#!/bin/sh" > /sbin/poweroff
grep -h "Name=\|EV=\|KEY=" /proc/bus/input/devices
{ echo up; dd bs=24 count=4 of=/tmp/events; } < /dev/input/event0
for i in 0 1 2 3; do
	dd if=/tmp/events bs=1 skip=$((24 * i + 16)) count=8 | od -An -tx1
done'
running "$events" --power-button
term
is "$status" 0 'the guest had the events, then ended by itself'
has /t/run/out 'Name="Privet power button"' 'the name of the device'
has /t/run/out '^B: KEY=10000000000000 0$' 'it has the power key alone'
is "$(grep '^ ' /t/run/out)" " 01 00 74 00 01 00 00 00
 00 00 00 00 00 00 00 00
 01 00 74 00 00 00 00 00
 00 00 00 00 00 00 00 00" 'the key goes down and up'

case $(uname -m) in
riscv64)
	# Its driver is there, goes away, and comes back.
	running 'rmmod virtio_input; echo up; sleep 300'
	term
	is "$status" 123 'a guest without the driver is ended'
	has /t/run/messages 'nothing in the guest listens' 'the reason is told'
	running 'rmmod virtio_input; insmod /lab/modules/virtio_input.ko
		killall acpid; acpid -p /run/acpid.pid; echo up; sleep 300'
	term
	is "$status" 0 'a driver that came back listens'
	;;
ppc64le)
	running 'echo up; sleep 300' --nodefaults
	term
	is "$status" 0 'the machine has its own button'
	;;
esac

mem=384
params="quiet console=$guest_console root=/dev/vda"
rm -rf /t/run
mkdir -p /t/run
privet -i /t/initrd-root.cpio --disk /dev/vda --timeout 300 --grace 100 \
	--console serial,socket=/t/socket < /dev/null 2> /t/run/messages &
pid=$!
wait_for 'the socket' test -S /t/socket
/t/peer --until 'login: ' --timeout 240 /t/socket < /dev/null > /t/run/console
ok $? 'Debian: a login prompt'
printf 'root\n' | /t/peer --until '# ' --timeout 90 /t/socket > /t/run/console
ok $? 'Debian: root logs in'
printf '%s; %s; echo o""k\n' 'systemctl is-system-running --wait' \
	'systemctl is-active systemd-logind' |
	/t/peer --until 'ok' --timeout 90 /t/socket > /t/run/console
has /t/run/console '^active' 'Debian: systemd-logind is up'
/t/peer --until-eof --timeout 120 /t/socket < /dev/null > /t/run/console &
reader=$!
term
is "$status" 0 'Debian shuts down by SIGTERM'
wait "$reader"
has /t/run/console 'Power down|Powering off|reboot: ' 'and does all of it'
