# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# riscv64 hosts: aia
# ppc64le hosts: p9
# ppc64le more hosts: p10
# options: --tap
#
# A monitor that root starts, with --user, --jail and --cgroup: what it has left
# once the guest runs, and after a reboot.

# The root of this host is an initramfs, which nobody can leave for good: the
# monitor gets a mount of it as its root.
mkdir -p /new /t/empty /t/names /cg
mount -t cgroup2 cgroup /cg
mkdir /cg/vm
mount --bind / /new
for folder in proc dev cg; do
	mount --rbind "/$folder" "/new/$folder"
done
chown 1234 /t/names
# As many a host has it: who changes its identity is open to debuggers again.
echo 1 > /proc/sys/fs/suid_dumpable

initrd_with 'if [ "$(dd if=/dev/vda bs=1 count=1 2> /dev/null)" = 1 ]; then
	ping -c 1 -w 20 192.0.2.1 > /dev/null && echo network
	echo started
	sleep 300
fi
printf 1 | dd of=/dev/vda bs=1 conv=notrunc 2> /dev/null; sync
reboot -f; sleep 60'
truncate -s 1M /t/disk
chroot /new timeout 200 /t/privet run -k "$kernel" -m "$mem" -p "$params" \
	-i /t/run/initrd --console serial,file=/t/run/console --timeout 180 \
	--port org.privet.out,file=/t/run/out --port org.privet.status,null \
	--port org.privet.sock,socket=/t/names/socket --disk fd=8 \
	--network tapif=tap0 --status-file /t/run/status \
	--user 1234:5678 --jail /t/empty --cgroup /cg/vm \
	< /dev/null 2> /t/run/messages 8<> /t/disk 9< /t/peer &
wrapper=$!

started() {
	! kill -0 "$wrapper" 2> /dev/null || grep -qs started /t/run/out
}
wait_for "the guest's command, after its reboot" started
has /t/run/out network 'its tap still works'

# The monitor has threads, its parent has not.
for process in $(pidof privet); do
	if [ -e "/proc/$process/task/$process" ] &&
		[ "$(find "/proc/$process/task" -maxdepth 1 | wc -l)" -gt 3 ]
	then
		pid=$process
	else
		parent=$process
	fi
done

# of_all FIELD: what the status files of all threads say, each once.
of_all() {
	cat /proc/"$pid"/task/*/status | grep "^$1:" | sort -u |
		tr -s '\t ' ' '
}
is "$(of_all Uid)" 'Uid: 1234 1234 1234 1234' 'all threads are the user'
is "$(of_all Gid)" 'Gid: 5678 5678 5678 5678' 'and of the group'
is "$(of_all Groups)" 'Groups: ' 'and of no other'
is "$(of_all CapPrm)" 'CapPrm: 0000000000000000' 'no capability is left'
is "$(of_all CapBnd)" 'CapBnd: 0000000000000000' 'none can be gained'
is "$(of_all NSpid | awk '{ print NF, $NF }' | sort -u | head -n 1)" '3 1' \
	'it is process 1 of its own'
for namespace in mnt pid ipc uts net; do
	[ "$(readlink "/proc/$pid/ns/$namespace")" != \
		"$(readlink "/proc/self/ns/$namespace")" ]
	ok $? "namespace $namespace is its own"
done
is "$(for task in /proc/"$pid"/task/*; do readlink "$task/ns/net"; done |
	sort -u | wc -l)" 1 'all threads are in the same network'
is "$(ls -A "/proc/$pid/root/")" '' 'its root is the empty folder'
# Its folders' names, and where ".." leads from there.
folders=0 ways=''
for fd in /proc/"$pid"/fd/*; do
	[ -d "$fd/" ] || continue
	folders=$((folders + 1))
	[ "$(stat -c %i "$fd/.")" = "$(stat -c %i "$fd/..")" ] ||
		ways="$ways $(readlink "$fd")"
done
is "$folders $ways" '1 ' 'no way leads out of a folder that it has open'
# times_open FILE: how many of its descriptors are of FILE.
times_open() {
	for fd in /proc/"$pid"/fd/*; do
		readlink "$fd"
	done | grep -c "$1\$"
}
is "$(times_open /t/disk)" 1 'it has once what it was given'
is "$(times_open /t/peer)" 0 'it has nothing that nobody named'
is "$(for fd in /proc/"$parent"/fd/*; do printf '%s ' "${fd##*/}"; done)" \
	'0 1 2 ' 'its parent has none'
is "$(wc -l < "/proc/$pid/mountinfo")" 1 'nothing else is mounted'
has "/proc/$pid/mountinfo" ' / ro,nosuid,nodev,noexec' 'it is read-only'
is "$(stat -c %u "/proc/$pid/mem")" 0 'its own user cannot look into it'
is "$(cat "/proc/$pid/cgroup")" '0::/vm' 'it is in the control group'

kill -TERM "$parent"
wait "$wrapper"
is "$?" 0 "the parent passes SIGTERM on, and the monitor's status"
is "$(cat /t/run/messages)" '' 'nothing was said'
has /t/run/status '"reboots": 1' 'there was one reboot'
[ ! -e /t/names/socket ]
ok $? "a socket's name is removed from inside"

# A guest that starts all the same ends with another status.
for wrong in '118 --user 0:0' '118 --user nobody-there' '118 --user 1' \
	'118 --user 1:1 --sandbox off' '125 --jail /t/none'; do
	option=${wrong#* }
	# shellcheck disable=SC2086
	tool run -k /t/kernel --console serial,null $option
	is "$status $(wc -l < /t/run/messages)" "${wrong%% *} 1" \
		"$option is refused"
	has /t/run/messages "error: ${option%% *} " "$option: and why"
done
