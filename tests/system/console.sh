# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Consoles: serial and virtio; stdio, pty, socket with reconnect, file; floods.
# riscv64 hosts: aia plic
# ppc64le hosts: p9
# ppc64le more hosts: p10
# limit: 480

# A shell of the guest on its console: what it is told, it does.
shell() {
	rm -rf /t/run
	mkdir -p /t/run
	privet -i "$shell" "$@" 2> /t/run/messages &
	pid=$!
}

ended() {
	wait "$pid"
	is "$?" "$1" "$2"
}

params="quiet panic=-1 console=$guest_console"
# The next free one.
virtio_console=hvc0
[ "$guest_console" != hvc0 ] || virtio_console=hvc1

for kind in serial virtio; do
	console=$guest_console shell=/t/initrd.cpio
	set --
	if [ "$kind" = virtio ]; then
		# It is no console of the kernel: a shell is started on it.
		console=$virtio_console shell=/t/virtio.cpio
		set -- --console serial,null
		initrd_with "PS1='guest # ' setsid -c \
			sh -i < /dev/$console > /dev/$console 2>&1"
		mv /t/run/initrd "$shell"
	fi

	# stdio through pipes, which is what a CI job has.
	rm -rf /t/run
	mkdir -p /t/run
	mkfifo /t/in
	exec 7<> /t/in
	privet -i "$shell" "$@" --console "$kind,stdio" \
		< /t/in > /t/run/console 2> /t/run/messages &
	pid=$!
	wait_for 'a prompt' grep -qs 'guest.*#' /t/run/console
	echo 'echo $((6 * 7))-is-it; exit' >&7
	ended 0 "$kind: stdio, guest ends well"
	has /t/run/console '42-is-it' "$kind: stdio both ways"
	exec 7<&-
	rm /t/in

	# A socket: without a client nothing blocks, clients come and go.
	shell "$@" --console "$kind,socket=/t/socket" < /dev/null
	wait_for 'the socket' test -S /t/socket
	/t/peer --until '# ' --timeout 60 /t/socket < /dev/null > /t/run/one
	ok $? "$kind: socket, first client gets the prompt"
	printf 'echo $((40 + 2))-again\n' |
		/t/peer --until '42-again' --timeout 30 /t/socket > /t/run/two
	ok $? "$kind: socket, second client"
	printf 'exit\n' | /t/peer --until-eof --timeout 60 /t/socket > /dev/null
	ended 0 "$kind: socket, guest ends well"
	[ ! -e /t/socket ]
	ok $? "$kind: socket file is gone"

	# A pty.
	shell "$@" --console "$kind,pty,link=/t/pty" < /dev/null
	wait_for 'the pty' test -e /t/pty
	/t/peer --until '# ' --timeout 60 /t/pty < /dev/null > /t/run/one
	ok $? "$kind: pty gives the prompt"
	printf 'echo $((40 + 2))-pty; exit\n' |
		/t/peer --until '42-pty' --timeout 30 /t/pty > /t/run/two
	ok $? "$kind: pty both ways"
	ended 0 "$kind: pty, guest ends well"
	[ ! -L /t/pty ]
	ok $? "$kind: link to the pty is gone"

	# A file: all of a flood, in order, up to the last line before the end.
	# A serial port takes an exit for each byte, hvc0 waits for every 16.
	initrd_with "seq 1 4000 > /dev/$console"
	privet -i /t/run/initrd "$@" --console "$kind,file=/t/run/console" \
		2> /t/run/messages < /dev/null
	is "$?" 0 "$kind: file, guest ends well"
	tr -d '\r' < /t/run/console | grep -E '^[0-9]+$' > /t/run/lines
	seq 1 4000 | cmp -s - /t/run/lines
	ok $? "$kind: every byte of a flood is in the file"
done

set --
# Readers that never read: the guest goes on, the monitor does not grow. Of the
# serial port comes little in that time, of the port a lot.
initrd_with "p=\$(grep -l org.test.stuck /sys/class/virtio-ports/*/name)
p=\${p%/name}
yes > /dev/\${p##*/} &
seq 1 400000 > /dev/$guest_console & sleep 5; echo alive; sleep 60"
privet -i /t/run/initrd --console serial,pty,link=/t/pty \
	--console virtio,null --port org.privet.out,file=/t/run/out \
	--port org.test.stuck,socket=/t/stuck \
	2> /t/run/messages < /dev/null &
pid=$!
wait_for 'the pty' test -e /t/pty
wait_for 'the socket' test -S /t/stuck
/t/peer --hold --timeout 60 /t/pty > /dev/null &
holder=$!
/t/peer --hold --timeout 60 /t/stuck > /dev/null &
other=$!
wait_for 'the guest to get on' grep -qs alive /t/run/out
ok $? 'stuck readers do not stop the guest'
# Its memory beside the guest's.
own=$(awk -v ram=$((mem * 1024)) '/^Size:/ { size = $2 }
	/^Anonymous:/ && size == ram { found = 1 }
	/^Anonymous:/ && size != ram { n += $2 }
	END { if (found) print n }' "/proc/$(monitor_pid)/smaps")
[ "${own:-0}" -gt 0 ] && [ "$own" -lt 2048 ]
ok $? "the monitor has not grown ($own kB of its own)"
kill -HUP "$(monitor_pid)"
ended 123 'it ends in spite of stuck readers'
kill "$holder" "$other"
wait "$holder" "$other"

# Ports: data both ways, and their names.
printf 'from the host\n' > /t/in
guest 'cat /sys/class/virtio-ports/*/name | sort
p=/dev/$(basename $(dirname $(grep -l org.test.sock \
	/sys/class/virtio-ports/*/name)))
read -r line < $p; echo "got $line"; echo "to the host" > $p' \
	--port org.test.sock,socket=/t/socket &
pid=$!
wait_for 'the socket' test -S /t/socket
/t/peer --until 'to the host' --timeout 60 /t/socket < /t/in > /t/two
wait "$pid"
has /t/run/out '^org.test.sock$' 'ports have names'
has /t/run/out '^got from the host$' 'a port reads'
has /t/two '^to the host' 'a port writes'
