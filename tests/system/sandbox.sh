# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2034,SC2154
# riscv64 hosts: aia
# ppc64le hosts: p10
# ppc64le more hosts: p9
#
# The sandbox is closed around every thread while a guest runs, and a machine
# with everything in it lives, reboots and ends inside.

# Of each thread: name, capabilities (effective, bounding), no_new_privs,
# seccomp's mode.
threads() {
	for task in /proc/"$pid"/task/*; do
		echo "$(cat "$task/comm")" \
			"$(awk '/^(Cap(Eff|Bnd)|NoNewPrivs|Seccomp):/ {
				printf "%s ", $2 }' "$task/status")"
	done
}

started() {
	[ -s /t/run/out ] && grep -q started /t/run/out
}

tool host
has /t/run/out '^sandbox.seccomp +yes' "host: seccomp is there"

initrd_with 'echo started; until [ -e /dev/vdb ]; do usleep 20000; done'
truncate -s 1M /t/disk
privet -i /t/run/initrd --console serial,file=/t/run/console \
	--port org.privet.out,file=/t/run/out --disk /t/disk --cpus 2 \
	--console virtio,pty,link=/t/run/pty --grace 1 \
	--status-file /t/run/status < /dev/null 2> /t/run/messages &
wait_for "the guest's command" started
pid=$(pidof privet)
threads > /t/run/threads
is "$(sort -u /t/run/threads | cut -d ' ' -f 1 | tr '\n' ' ')" \
	"disk io privet vcpu/0 vcpu/1 " "all threads are there"
is "$(cut -d ' ' -f 2- /t/run/threads | sort -u)" \
	"0000000000000000 0000000000000000 1 2 " \
	"each has no capabilities, no new ones, and a filter"
is "$(awk '/^Max core/ { print $5, $6 } /^Max open/ { print ($4 < 512) }' \
	/proc/"$pid"/limits | tr '\n' ' ')" "0 0 1 " "limits are low"
kill -HUP "$pid"
wait
is "$(cat /t/run/messages)" "privet: warning: ended by signal 1 (Hangup)" \
	"it ends without a violation"
has /t/run/status '"status": 123' "the status file was written from inside"
[ ! -e /t/run/pty ]
ok $? "its pseudo-terminal's name is gone"

# Somebody who is not root, and has nothing but the device.
echo 'user:x:1234:5678::/:/bin/sh' >> /etc/passwd
chmod 666 /dev/kvm
initrd_with 'echo started; sleep 60'
chmod 777 /t/run
privet_of_user="/t/privet run -k $kernel -m $mem -p '$params' -i /t/run/initrd \
	--console serial,file=/t/run/console --timeout 100 \
	--port org.privet.out,file=/t/run/out --port org.privet.status,null"
su user -c "exec $privet_of_user" < /dev/null 2> /t/run/messages &
wait_for "the guest's command" started
pid=$(pidof privet)
is "$(threads | awk '{ print $2, $4, $5 }' | sort -u)" \
	'0000000000000000 1 2' 'a user without privileges has the same'
kill -HUP "$pid"
wait
is "$(cat /t/run/messages)" "privet: warning: ended by signal 1 (Hangup)" \
	"and it ends without a violation"
