# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Disks: what was written is there after power-off; several; read-only; errors.
# riscv64 hosts: aia plic aia+pci
# ppc64le hosts: p9 p10+mmio
# ppc64le more hosts: p10 p9+mmio

sum() {
	sha256sum < "$1" | cut -c 1-64
}

truncate -s 64M /t/a
guest 'head -c 33554432 /dev/urandom > /tmp/data
dd if=/tmp/data of=/dev/vda bs=64k seek=16 conv=fsync 2> /dev/null || exit 1
sha256sum < /tmp/data' --disk /t/a --cpus 2
is "$status" 0 'the guest writes 32 MiB'
dd if=/t/a bs=1M skip=1 count=32 2> /dev/null > /t/copy
is "$(sum /t/copy)" "$(cut -c 1-64 /t/run/out)" 'all of it is in the file'
is "$(head -c 1048576 /t/a | tr -d '\0' | wc -c)" 0 'nothing before it'
is "$(stat -c %s /t/a)" 67108864 'the file has its size still'

# A filesystem that is written in parallel, checked after a second power-on.
guest 'i=0; while [ $i -lt 8 ]; do
dd if=/dev/urandom of=/tmp/$i bs=1M count=2 2> /dev/null
dd if=/tmp/$i of=/dev/vda bs=128k seek=$((i * 16)) conv=notrunc \
	2> /dev/null &
i=$((i + 1)); done; wait; sync; cat /tmp/[0-7] | sha256sum' \
	--disk /t/a --cpus 2
is "$status" 0 'the guest writes in parallel'
before=$(cut -c 1-64 /t/run/out)
guest 'dd if=/dev/vda bs=1M count=16 2> /dev/null | sha256sum' --disk /t/a,ro
is "$status" 0 'the guest reads after a second power-on'
is "$(cut -c 1-64 /t/run/out)" "$before" 'parallel writes are read again'

truncate -s 1M /t/b
printf second | dd of=/t/b conv=notrunc 2> /dev/null
exec 8< /t/b
guest 'cat /sys/block/vda/serial; echo; head -c 6 /dev/vdb; echo
cat /sys/block/vdb/ro /sys/block/vda/size /sys/block/vdb/size
echo x > /dev/vdb && exit 3; exit 0' \
	--disk /t/a,serial=0123456789abcdefghij --disk fd=8,ro
exec 8<&-
is "$status" 0 'two disks, the second read-only by descriptor'
is "$(tr '\n' ' ' < /t/run/out)" \
	'0123456789abcdefghij second 1 131072 2048 ' \
	'and they are the right ones'
is "$(head -c 6 /t/b)" second 'the read-only one is as it was'

guest 'cd /sys/block/vda/queue
[ "$(cat discard_max_bytes)" -gt 0 ] &&
	[ "$(cat write_zeroes_max_bytes)" -gt 0 ]
echo $?; blkdiscard /dev/vda && echo discarded
head -c 65536 /dev/vda | tr -d "\0" | wc -c' --disk /t/a
is "$(tr '\n' ' ' < /t/run/out)" '0 discarded 0 ' 'discard'
[ "$(stat -c %b /t/a)" -lt 1000 ]
ok $? 'discard gives the space back'

# A disk that fills up: the guest gets an error, the log one line.
mkdir -p /t/small
mount -t tmpfs -o size=2m small /t/small
truncate -s 16M /t/small/c
guest 'dd if=/dev/urandom of=/dev/vda bs=64k count=160 conv=fsync 2> /dev/null
echo $?; dmesg | grep -c "I/O error, dev vda"' --disk /t/small/c
is "$status" 0 'the guest survives a full disk'
is "$(sed -n 1p /t/run/out)" 1 'and is told of it'
[ "$(sed -n 2p /t/run/out)" -gt 0 ]
ok $? 'as an I/O error'
is "$(grep -c 'No space' /t/run/messages)" 1 'the log has one line of it'
umount /t/small

# A file that is cut off under the guest: what is gone gives EIO.
truncate -s 4M /t/cut
guest 'echo ready; until [ "$(head -c 2 /dev/vda)" = go ]; do
	blockdev --flushbufs /dev/vda; usleep 20000
done
dd if=/dev/vda of=/dev/null bs=64k skip=32 count=4 2> /dev/null; echo $?
dd if=/dev/vda of=/dev/null bs=64k skip=48 count=4 2> /dev/null; echo $?
dd if=/dev/vda of=/dev/null bs=64k count=4 2> /dev/null; echo $?' \
	--disk /t/cut,ro &
pid=$!
wait_for 'the guest to start' grep -qs ready /t/run/out
truncate -s 1M /t/cut
printf go | dd of=/t/cut conv=notrunc 2> /dev/null
wait "$pid"
is "$(tr '\n' ' ' < /t/run/out)" 'ready 1 1 0 ' 'EIO where the file was cut off'
is "$(grep -c 'error' /t/run/messages)" 1 'which is logged once'
