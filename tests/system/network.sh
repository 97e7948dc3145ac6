# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Network over a tap, both ways: ping, bulk data, by name and by descriptor.
# riscv64 hosts: aia plic aia+pci
# ppc64le hosts: p9 p10+mmio
# ppc64le more hosts: p10 p9+mmio
# options: --tap

head -c 4194304 /dev/urandom > /t/data
want=$(sha256sum < /t/data | cut -c 1-64)

# nc ends as soon as its peer has nothing more to say: an input that never ends
# keeps it talking.
mkfifo /t/silence
exec 9<> /t/silence
nc -l -p 5001 < /t/data > /dev/null 2>&1 &
server=$!
nc -l -p 5002 <&9 > /t/back 2> /dev/null &
sink=$!
guest 'cat /sys/class/net/eth0/address
ping -c 3 -W 5 -q 192.0.2.1 > /dev/null; echo $?
mkfifo /tmp/silence; exec 9<> /tmp/silence
nc 192.0.2.1 5001 <&9 > /tmp/data; sha256sum < /tmp/data
nc 192.0.2.1 5002 < /tmp/data
cat /sys/class/net/eth0/carrier /sys/class/net/eth0/mtu' \
	--network tapif=tap0,guest_mac=02:00:00:00:00:42 --cpus 2
is "$status" 0 'guest with a network ends well'
is "$(sed -n 1p /t/run/out)" 02:00:00:00:00:42 'MAC address'
is "$(sed -n 2p /t/run/out)" 0 'the guest reaches the host'
is "$(sed -n 3p /t/run/out | cut -c 1-64)" "$want" '4 MiB into the guest'
wait_for 'the data to be back' sh -c '[ $(stat -c %s /t/back) = 4194304 ]'
is "$(sha256sum < /t/back | cut -c 1-64)" "$want" '4 MiB out of the guest'
is "$(tail -n 2 /t/run/out | tr '\n' ' ')" '1 1500 ' 'link and MTU'
kill "$server" "$sink" 2> /dev/null
wait "$server" "$sink"

# The host reaches the guest.
initrd_with 'echo up; nc -l -p 5003 > /tmp/got; cat /tmp/got'
privet -i /t/run/initrd --console serial,file=/t/run/console \
	--port org.privet.out,file=/t/run/out --network tapif=tap0 \
	2> /t/run/messages < /dev/null &
pid=$!
wait_for 'the guest to be up' grep -qs up /t/run/out
wait_for 'an answer to a ping' ping -c 1 -W 1 -q 192.0.2.2 > /dev/null
ok $? 'the host reaches the guest'
echo hello | wait_for 'a connection' nc 192.0.2.2 5003
wait "$pid"
is "$?" 0 'guest that serves ends well'
has /t/run/out '^hello$' 'TCP from the host to the guest'

# A guest whose interface is down is flooded: its queue fills up, the host drops
# the rest, and privet does not look at the tap again and again. Then the guest
# reads on. The host must not ask for an address that nobody tells.
dropped() {
	cat /sys/class/net/tap0/statistics/tx_dropped
}

# reads PID: how many times a process has read.
reads() {
	sed -n 's/^syscr: //p' "/proc/$1/io"
}

arp -s 192.0.2.2 02:00:00:00:00:42
initrd_with 'ip link set eth0 down
p=/dev/$(basename $(dirname $(grep -l org.test.sock \
	/sys/class/virtio-ports/*/name)))
echo down > $p; read -r line < $p; ip link set eth0 up
ping -c 1 -W 10 -q 192.0.2.1 > /dev/null; echo "ping $?"'
privet -i /t/run/initrd --console serial,file=/t/run/console \
	--port org.privet.out,file=/t/run/out --status-file /t/run/status \
	--port org.test.sock,socket=/t/socket \
	--network tapif=tap0,guest_mac=02:00:00:00:00:42 \
	2> /t/run/messages < /dev/null &
pid=$!
wait_for 'the socket' test -S /t/socket
mkfifo /t/in
exec 8<> /t/in
/t/peer --until-eof --timeout 100 /t/socket < /t/in > /t/run/said &
wait_for 'the interface to be down' grep -qs down /t/run/said
monitor=$(monitor_pid)
before=$(reads "$monitor")
/t/flood 24000 192.0.2.2
# The tap keeps 1000 packets, the guest's queue has room for 256.
[ "$(dropped)" -gt 20000 ]
ok $? "the host drops what the guest does not read ($(dropped) packets)"
count=$(($(reads "$monitor") - before))
[ "$count" -gt 0 ] && [ "$count" -le 400 ]
ok $? "a full queue is not polled ($count reads)"
echo up >&8
wait "$pid"
is "$? $(cat /t/run/out)" '0 ping 0' 'the guest reads on after a flood'
is "$(cat /t/run/messages)" '' 'a flood is not in the log'
arp -d 192.0.2.2

tool run -k /t/kernel --network tapif=nosuchtap0,fd=3
is "$status" 118 'name and descriptor together are refused'
