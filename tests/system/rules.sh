# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# riscv64 hosts: aia
# ppc64le hosts: p9
# ppc64le more hosts: p10
# options: --tap
# limit: 400
#
# Every rule of the sandbox is needed: what the threads of a machine with all
# devices call, by the host kernel's trace, is held against the table of rules
# (tests/system/rules.c). A rule that nothing used is a failure, unless it
# stands below with its reason.

# Role (*: any), system call, value of the argument (-: none), reason.
cat > /t/excused << 'END'
# The handler of violations, and of kicks.
* exit_group - a rule is broken; main ends by returning
* prctl 10 a rule is broken: the thread's name
* rt_sigreturn - a kick outside of KVM_RUN
* restart_syscall - the kernel's, after SIGSTOP and SIGCONT
# Lines of the log.
* ppoll - a line of the log, or a console that is slow at the end
* poll - a line of the log, or a console that is slow at the end
# The C library's.
* clock_gettime - hosts whose vDSO has no clock
* brk - the heap, by whichever thread it has to grow
* mmap - the heap of another thread
* mprotect - the heap of another thread
* munmap - the heap of another thread
* newfstatat 1000 older C libraries make fstat() of it
main clone3 - some try it first, and then clone()
main exit - threads of vCPUs, until they are in their own sandbox
# Inherited by threads of vCPUs until they are in their own sandbox.
main getpid - of vCPUs
main gettid - of vCPUs
main timerfd_settime - of vCPUs
main tgkill - of vCPUs
main ioctl ae80 of vCPUs: KVM_RUN
main ioctl ae61 of vCPUs: KVM_IRQ_LINE
main ioctl ae81 of vCPUs: KVM_GET_REGS
main ioctl ae86 of vCPUs: KVM_INTERRUPT
main ioctl aea5 of vCPUs: KVM_SIGNAL_MSI
main ioctl aeab of vCPUs: KVM_GET_ONE_REG
main ioctl aeaf of vCPUs: KVM_PPC_CONFIGURE_V3_MMU
main ioctl 54d0 of vCPUs: TUNSETOFFLOAD
# Newer C libraries: TCGETS2, TCSETS2.
io ioctl 542a -
io ioctl 542b -
main ioctl 542a -
main ioctl 542b -
# The end.
main sendto - a client that is there at the end
main send - a client that is there at the end
io getpid - kicks, when the user ends the machine
io tgkill - kicks, when the user ends the machine
# The C library of the other architecture.
io getpgid - riscv64: getpgrp()
io epoll_pwait - riscv64: epoll_wait()
io recvfrom - riscv64: recv()
io sendto - riscv64: send()
disk ioctl 127f nothing in the guest asks for zeroes: BLKZEROOUT
# Other machines.
main eventfd2 - interrupt controllers with irqfd
io ioctl ae86 hosts with a PLIC: KVM_INTERRUPT
vcpu ioctl ae86 hosts with a PLIC: KVM_INTERRUPT
io ioctl aea5 PCI without irqfd: KVM_SIGNAL_MSI
vcpu ioctl aea5 PCI without irqfd: KVM_SIGNAL_MSI
vcpu ioctl ae61 a device that signals by a register: KVM_IRQ_LINE
vcpu ioctl ae79 PCI: doorbells move with their BAR
vcpu ioctl ae81 ppc64le: H_JOIN, and what a crash prints: KVM_GET_REGS
vcpu ioctl aea3 ppc64le: H_PROD of a CPU that joined: KVM_ENABLE_CAP
vcpu ioctl aeac an SBI call that has to be repeated
vcpu ioctl 54d0 a driver that resets its network device
vcpu timerfd_settime - the clock chip's alarm
vcpu getrandom - random numbers by a hypercall
END

# Reads the rules, the excuses, and the trace. A thread counts from its own
# seccomp() on; what the thread of a vCPU does before is main's.
cat > /t/compare << 'AWK'
function short(hex)
{
	if (length(hex) > 8)
		hex = substr(hex, length(hex) - 7)
	sub(/^0+/, "", hex)
	return hex == "" ? "0" : hex
}
$1 == "guard" {
	# A process of its own, which is not there without a terminal.
	next
}
FILENAME == "/t/rules.txt" {
	if ($4 >= 0)
		arg[$3] = $4
	if ($2 == "seccomp")
		seccomp = $3
	value = $4 >= 0 ? $5 : "-"
	wanted[$1, $3, value] = $1 " " $2 " " value
	next
}
FILENAME == "/t/excused" {
	excused[$1 " " $2 " " $3]
	next
}
/sys_enter: NR / {
	line = $0
	sub(/^ */, "", line)
	sub(/ +\[.*/, "", line)
	tid = line
	sub(/.*-/, "", tid)
	name = substr(line, 1, length(line) - length(tid) - 1)
	call = $0
	sub(/.*sys_enter: NR /, "", call)
	gsub(/[(),]/, " ", call)
	split(call, word, " +")
	nr = word[1]
	if (first == "" && name == "privet")
		first = tid
	if (tid != first && name != "privet")
		names[tid] = name
	value = nr in arg ? short(word[2 + arg[nr]]) : "-"
	# Without a filter it only asks whether there are filters.
	if (nr == seccomp && word[2] == "1" && word[4] != "0") {
		if (first in closed)
			used["main", nr, value]
		closed[tid]
	} else if (tid in closed) {
		calls[tid, nr, value]
	} else if (first in closed) {
		used["main", nr, value]
	}
}
END {
	for (key in calls) {
		split(key, part, SUBSEP)
		role = part[1] == first ? "main" : names[part[1]]
		sub(/\/.*/, "", role)
		used[role, part[2], part[3]]
	}
	for (key in wanted) {
		split(key, part, SUBSEP)
		any = part[1] SUBSEP part[2] SUBSEP "-"
		if (key in used || part[3] == "-" && seen(part[1], part[2]))
			print "used", wanted[key]
		else if (is_excused(wanted[key]))
			print "excused", wanted[key]
		else
			print "unused", wanted[key]
	}
}
# Of an ioctl's request its type and number; the rest is sizes and directions.
function is_excused(rule)
{
	if (rule ~ / ioctl /)
		sub(/ [0-9a-f]+$/, " " substr(rule, length(rule) - 3), rule)
	if (rule in excused)
		return 1
	sub(/^[a-z]+/, "*", rule)
	return rule in excused
}
function seen(role, nr, key, part)
{
	for (key in used) {
		split(key, part, SUBSEP)
		if (part[1] == role && part[2] == nr)
			return 1
	}
	return 0
}
AWK

/t/rules > /t/rules.txt
mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null
cd /sys/kernel/tracing || exit 1
echo 8192 > buffer_size_kb
echo 1 > options/event-fork
echo 1 > events/raw_syscalls/sys_enter/enable
cat trace_pipe > /t/trace &
reader=$!

initrd_with 'blkdiscard -o 0 -l 65536 /dev/vda
blkdiscard -o 0 -l 65536 /dev/vdb
head -c 65536 /dev/urandom | dd of=/dev/vda bs=4096 seek=32 \
	conv=notrunc,fsync 2> /dev/null
if [ "$(dd if=/dev/vda bs=1 skip=70000 count=1 2> /dev/null)" = 1 ]; then
	ping -c 2 -W 5 192.0.2.1; hwclock
	head -c 100 /dev/hwrng | wc -c
	echo started
	port=$(grep -l org.privet.sock /sys/class/virtio-ports/*/name)
	port=${port%/name}
	while :; do
		echo data > "/dev/${port##*/}"
		usleep 100000
	done
fi
printf 1 | dd of=/dev/vda bs=1 seek=70000 conv=notrunc 2> /dev/null
sync
reboot -f; sleep 60'
truncate -s 1M /t/disk
insmod /lab/modules/configfs.ko
insmod /lab/modules/null_blk.ko gb=1 memory_backed=1 discard=1
mkfifo /t/keys
exec 7<> /t/keys
sh -c 'echo $$ > /sys/kernel/tracing/set_event_pid; exec "$@"' - \
	/t/peer --timeout 300 --spawn \
	/t/privet run -k "$kernel" -m "$mem" -p "$params" -i /t/run/initrd \
	--cpus 2 --console serial,pty,link=/t/pty --timeout 300 \
	--console virtio,stdio \
	--port org.privet.out,file=/t/run/out --port org.privet.status,null \
	--port org.privet.sock,socket=/t/socket --disk /t/disk \
	--disk /dev/nullb0 --network tapif=tap0 --rng \
	--status-file /t/run/status < /t/keys > /t/run/screen \
	2> /t/run/messages &
terminal=$!
started() {
	! kill -0 "$terminal" || grep -qs started /t/run/out
}
wait_for 'the pty' test -e /t/pty
printf '\n' | /t/peer --until privet-never --timeout 60 /t/pty \
	> /dev/null 2>&1 &
wait_for "the guest's command, after its reboot" started
grep -qs started /t/run/out
ok $? 'a machine with all devices lives, and reboots'
# Clients that were there before the sandbox closed do not count.
printf '\n' | /t/peer --until data --timeout 60 /t/socket \
	> /dev/null 2>&1
printf 'a key\n' >&7
pid=$(monitor_pid)
for signal in WINCH STOP CONT TERM; do
	kill -$signal "$pid"
done
wait "$terminal"
is "$?" 0 'and is switched off by its button, the terminal as before'
lacks /t/run/screen 'privet: (warning|error)' 'without a word'
sleep 1
kill "$reader"
echo 0 > events/raw_syscalls/sys_enter/enable
is "$(awk '/^overrun/ { n += $2 } END { print n + 0 }' per_cpu/cpu*/stats)" 0 \
	'the trace is whole'

awk -f /t/compare /t/rules.txt /t/excused /t/trace | sort > /t/result
grep -c . /t/trace | sed 's/^/# calls: /'
sed 's/^/# /' /t/result
is "$(grep '^unused' /t/result)" '' 'every rule was used'
