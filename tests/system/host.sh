# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2034
# Library of the system tests: runs in the emulated host, sourced by
# tests/system/run's script before the test itself.
#
# Everything is under /t: privet, peer (tests/system/peer.c), the kernel, the
# initrds. Each guest writes to files in /t/run, which is new for each. host is
# the kind of host, transport that of virtio where it is not the usual one,
# guest_console the name of the guest's first console.

n=0

# ok STATUS NAME: one result, in TAP.
ok() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
		return
	fi
	echo "not ok $n - $2"
	for file in messages console out err; do
		[ -s "/t/run/$file" ] || continue
		echo "# the end of $file:"
		tail -n 15 "/t/run/$file" | tr -d '\r\033' | sed 's/^/#   /'
		# The last line may have no end.
		echo
	done
}

# is GOT WANTED NAME: compares two strings.
is() {
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		printf '%s\n' "$1" | head -n 5 | sed 's/^/#   got    /'
		printf '%s\n' "$2" | head -n 5 | sed 's/^/#   wanted /'
	fi
}

# has FILE REGEX NAME: whether a line matches.
has() {
	grep -qE -- "$2" "$1"
	ok $? "$3"
}

# lacks FILE REGEX NAME: there is such a file, and no line matches.
lacks() {
	[ -e "$1" ] && ! grep -qE -- "$2" "$1"
	ok $? "$3"
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# wait_for WHAT COMMAND...: up to 60 s until COMMAND succeeds, which is a
# failure if it does not.
wait_for() {
	what=$1
	shift
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ "$tries" -gt 1200 ]; then
			ok 1 "waited 60 s in vain for $what"
			return 1
		fi
		usleep 50000
	done
}

# monitor_pid: of privet, and not of its terminal's guard, which has the same
# program.
monitor_pid() {
	for pid in $(pidof privet); do
		[ "$(cat "/proc/$pid/comm")" != privet ] || echo "$pid"
	done
}

kernel=/t/kernel
initrd=/t/initrd.cpio

# initrd_with COMMAND: an initrd of which the guest runs COMMAND.
initrd_with() {
	rm -rf /t/run /t/own
	mkdir -p /t/run /t/own/privet
	printf '%s\n' "$1" > /t/own/privet/cmd
	(cd /t/own && find . | cpio -o -H newc 2> /dev/null) > /t/own.cpio
	cat "$initrd" /t/own.cpio > /t/run/initrd
}

# A busy emulated host may keep one of the guest's CPUs waiting for longer than
# Linux's watchdogs suffer, which then panic: what hangs meets a limit of ours.
# shellcheck disable=SC2154
params="quiet panic=-1 nowatchdog console=$guest_console privet.ip=192.0.2.2/24"
mem=192

# privet ARG...: the monitor, with the limits that every run has, and a port
# that the guest's init waits for.
privet() {
	timeout 150 /t/privet run -k "$kernel" -m "$mem" -p "$params" \
		${transport:+--virtio-transport "$transport"} \
		--timeout 120 --port org.privet.status,null "$@"
}

# guest COMMAND [ARG...]: runs COMMAND in a guest, with ARGs for privet. Sets
# status: privet's exit status. /t/run gets out, err (the command's), console,
# messages (privet's) and status (JSON).
guest() {
	initrd_with "$1"
	shift
	status=0
	privet -i /t/run/initrd --console serial,file=/t/run/console \
		--port org.privet.out,file=/t/run/out \
		--port org.privet.err,file=/t/run/err \
		--status-file /t/run/status "$@" \
		< /dev/null 2> /t/run/messages || status=$?
}

# tool ARG...: privet on its own, for options that are refused. Sets status
# and leaves what it says in /t/run/messages.
tool() {
	rm -rf /t/run
	mkdir -p /t/run
	status=0
	timeout 30 /t/privet "$@" < /dev/null > /t/run/out \
		2> /t/run/messages || status=$?
}
