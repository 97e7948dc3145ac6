# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Power cuts at random moments of a guest that writes all the time: the disk
# holds every write whose flush the guest saw. Once the monitor is killed and
# its file is looked at; once the disk loses what was not flushed, as well.
# riscv64 hosts: aia
# ppc64le hosts: p9
# ppc64le more hosts: p10

# Records in order, one a block, and the number of each when its flush is done;
# another writes all the while, elsewhere on the disk.
writer='while :; do
	dd if=/dev/urandom of=/dev/vda bs=64k count=32 seek=64 \
		conv=notrunc 2> /dev/null
done &
n=0
while [ $n -lt 1000 ]; do
	n=$((n + 1))
	echo "record $n" | dd of=/dev/vda bs=4096 seek=$n \
		conv=notrunc,fsync 2> /dev/null || exit 1
	echo $n
done'

# random BYTES: a number.
random() {
	od -An -N"$1" -tu"$1" /dev/urandom | tr -d ' '
}

seen() {
	grep -c . /t/run/out
}

flushed() {
	[ "$(seen)" -ge "$1" ] || ! pidof privet > /dev/null
}

# cut DISK: kills the monitor of a guest that writes to DISK.
cut() {
	moment=$(($(random 1) % 16 + 2))
	rm -f /t/run/out
	guest "$writer" --disk "$1" &
	guest=$!
	wait_for 'the guest to start' [ -e /t/run/out ]
	wait_for "record $moment" flushed "$moment"
	usleep "$(random 2)"
	kill -KILL "$(pidof privet)"
	wait "$guest"
	[ "$(seen)" -ge "$moment" ]
	ok $? "$1: power is cut after record $moment"
}

# holds DISK: whether DISK has all records that the guest saw flushed.
holds() {
	i=0
	while [ "$i" -lt "$(seen)" ]; do
		i=$((i + 1))
		echo "record $i"
	done > /t/wanted
	head -c 1048576 "$1" | tr '\0' '\n' | grep . |
		head -n "$(seen)" > /t/got
	cmp /t/wanted /t/got
	ok $? "$1: it holds all $(seen) records that were flushed"
}

for i in 1 2; do
	truncate -s 16M "/t/disk$i"
	cut "/t/disk$i"
	holds "/t/disk$i"
done

# A disk in memory with a volatile cache, which is lost when it is switched off.
insmod /lab/modules/configfs.ko
insmod /lab/modules/null_blk.ko nr_devices=0
mount -t configfs config /sys/kernel/config
disk=/dev/nullb0
null=/sys/kernel/config/nullb/nullb0
mkdir "$null"
echo 1 > $null/memory_backed
echo 64 > $null/size
echo 32 > $null/cache_size
echo 1 > $null/power
[ -b $disk ]
ok $? 'a disk with a volatile cache'
echo unflushed > $disk
echo 0 > $null/power
echo 1 > $null/power
is "$(head -c 9 $disk | tr -d '\0')" '' 'it loses what was not flushed'
for i in 1 2; do
	cut $disk
	echo 0 > $null/power
	echo 1 > $null/power
	holds $disk
done
