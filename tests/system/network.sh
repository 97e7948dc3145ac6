# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Network over a tap, both ways: ping, bulk data, by name and by descriptor.
# riscv64 hosts: aia plic aia+pci
# ppc64le hosts: p9 p9+mmio
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

# A tap that nobody reads is flooded; the guest is up and well meanwhile.
guest 'ip link set eth0 down; echo down; sleep 3; ip link set eth0 up
ping -c 1 -W 5 -q 192.0.2.1 > /dev/null; echo $?' --network tapif=tap0 &
pid=$!
wait_for 'the link to be down' grep -qs down /t/run/out
ping -f -c 3000 -W 1 -q 192.0.2.2 > /dev/null 2>&1
wait "$pid"
is "$(tail -n 1 /t/run/out)" 0 'a flood while the guest does not read'

tool run -k /t/kernel --network tapif=nosuchtap0,fd=3
is "$status" 118 'name and descriptor together are refused'
