# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# Debian's kernel to userspace on a machine that has nothing but a console.
# riscv64 hosts: aia
# ppc64le hosts: powernv9 powernv10

for cpus in 1 4; do
	initrd_with 'echo "$(uname -m) $(nproc) CPUs"
	ls /sys/bus/virtio/devices | wc -l; echo "the end"'
	timeout 150 /t/privet run --nodefaults -k /t/kernel -m "$mem" \
		-p "$params" -i /t/run/initrd --cpus "$cpus" --timeout 120 \
		--console serial,file=/t/run/console \
		--status-file /t/run/status < /dev/null 2> /t/run/messages
	is "$?" 0 "$cpus CPUs: guest ends well"
	tr -d '\r' < /t/run/console > /t/run/out
	has /t/run/out "^$(uname -m) $cpus CPUs$" "$cpus CPUs: all are up"
	has /t/run/out '^0$' "$cpus CPUs: no virtio device"
	has /t/run/out '^the end$' "$cpus CPUs: all of the console's output"
	is "$(cat /t/run/messages)" '' "$cpus CPUs: privet is silent"
done
