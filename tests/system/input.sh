# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Input that makes no sense, and kernels in every wrapping.
# riscv64 hosts: aia
# ppc64le hosts: p9
# ppc64le more hosts: p10
# parts: kernel.gz

# refused STATUS REGEX NAME ARG...: ends with STATUS and one line that matches;
# nothing is created, nothing that exists is changed.
refused() {
	want=$1 regex=$2 name=$3
	shift 3
	rm -rf /t/area
	mkdir -p /t/area
	echo precious > /t/area/log
	tool "$@"
	is "$status" "$want" "$name: status"
	is "$(wc -l < /t/run/messages)" 1 "$name: one line"
	has /t/run/messages "$regex" "$name: says why"
	is "$(ls /t/area) $(cat /t/area/log)" 'log precious' \
		"$name: nothing is touched"
}

log=--console=serial,file=/t/area/log
head -c 1000000 /t/kernel > /t/cut
head -c 100000 /t/kernel.gz > /t/cut.gz
head -c 4096 /dev/urandom > /t/noise
: > /t/empty
# An ELF file of another architecture: its header is enough.
printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\002\0\076\0\001\0\0\0' > /t/x86
head -c 1000 /dev/zero >> /t/x86
truncate -s 1000 /t/odd.img
truncate -s 1M /t/good.img
# As large as the memory, of which every architecture takes that much.
truncate -s 128M /t/big
mkdir /t/folder

refused 118 'cut.*truncated|truncated.*cut' 'truncated kernel' \
	run -k /t/cut "$log"
refused 118 'cut.gz.*truncated' 'truncated gzip' run -k /t/cut.gz "$log"
refused 118 'noise is not an? ' 'no kernel at all' run -k /t/noise "$log"
refused 118 'empty is empty' 'empty kernel' run -k /t/empty "$log"
refused 118 'folder is not a regular file' 'folder as a kernel' run \
	-k /t/folder "$log"
refused 118 'x86.*x86-64|x86-64.*x86' 'kernel of x86' run -k /t/x86 "$log"
refused 118 'nosuch.*No such file' 'no such kernel' run -k /t/nosuch "$log"
refused 118 'initrd.*nosuch.*No such file' 'no such initrd' run \
	-k /t/kernel -i /t/nosuch "$log"
refused 118 'kernel.*no room|mem.* too few' 'too little memory' run \
	-k /t/kernel -m 16M "$log"
refused 118 'initrd.*no room: give --mem' 'initrd does not fit' run \
	-k /t/kernel -i /t/big -m 128M "$log"
refused 118 'cpus.*at most' 'too many CPUs' run -k /t/kernel -c 4000 "$log"
refused 118 'odd.img.*512' 'odd size of a disk' run -k /t/kernel \
	-d /t/odd.img "$log"
refused 118 'nosuch.*No such file' 'no such disk' run -k /t/kernel \
	-d /t/nosuch "$log"
refused 125 'good.img.*in use' 'the same disk twice' run -k /t/kernel \
	-d /t/good.img -d /t/good.img "$log"
refused 118 'serial.*too long' 'long serial number' run -k /t/kernel \
	-d /t/good.img,serial=012345678901234567890 "$log"
refused 118 'fd=99: no such descriptor' 'descriptor that is not open' run \
	-k fd=99 "$log"
refused 118 'unknown option .--frob' 'unknown option' run \
	-k /t/kernel --frob "$log"
refused 77 '/t/nosuch.*no such device' 'no KVM' run -k /t/kernel \
	--kvm /t/nosuch "$log"
refused 118 'gic: no such interrupt' 'unknown interrupt controller' run \
	-k /t/kernel --irqchip gic "$log"
tool run -k /t/kernel --network tapif=nosuch0/x
is "$status" 118 'bad name of a tap'
is "$(wc -l < /t/run/messages)" 1 'bad name of a tap: one line'

tool frob
is "$status" 118 'unknown command'
tool --version
is "$status" 0 'version'
has /t/run/out '^privet [0-9]' 'version is told'
tool host
is "$status" 0 'host'
has /t/run/out '^kvm +yes' 'host: KVM'
tool host --json
has /t/run/out '"irqchip\.[a-z]+": \{ "value": "yes"' 'host: JSON'

initrd_with 'uname -m'
timeout 100 /t/privet run -k /t/kernel.gz -i /t/run/initrd -m 192 \
	-p "quiet console=$guest_console" --timeout 90 \
	--console serial,file=/t/run/console < /dev/null 2> /t/run/messages
is "$?" 0 'kernel.gz boots'
has /t/run/console "$(uname -m)" 'kernel.gz: output'

tool run -k /t/kernel --dump-dtb /t/run/dtb --timeout 1 --console serial,null
is "$(head -c 4 /t/run/dtb | od -An -tx1 | tr -d ' ')" d00dfeed 'device tree'
