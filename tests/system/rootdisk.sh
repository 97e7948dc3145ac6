# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# A Debian root disk with systemd to its login prompt, a login, a shutdown; the
# disk is a block device of the host.
# riscv64 hosts: aia plic+pci
# ppc64le hosts: p10
# ppc64le more hosts: p9
# parts: initrd-root.cpio
# disks: rootdisk
# limit: 420

mem=384
params="quiet console=$guest_console root=/dev/vda"
rm -rf /t/run
mkdir -p /t/run
privet -i /t/initrd-root.cpio --disk /dev/vda --timeout 300 \
	--console serial,socket=/t/socket < /dev/null 2> /t/run/messages &
pid=$!
wait_for 'the socket' test -S /t/socket
/t/peer --until 'login: ' --timeout 240 /t/socket < /dev/null > /t/run/console
ok $? 'a login prompt'
printf 'root\n' | /t/peer --until '# ' --timeout 90 /t/socket > /t/run/console
ok $? 'root logs in'
printf 'systemctl is-system-running --wait; systemctl --failed; echo do""ne\n' |
	/t/peer --until 'done' --timeout 120 /t/socket > /t/run/console
ok $? 'and has a shell'
# What was typed is there, too; before the first answer there is a return only.
tr '\r' '\n' < /t/run/console > /t/run/out
has /t/run/out '^running$' 'systemd is up'
has /t/run/out '^0 loaded units listed' 'and nothing has failed'
printf 'systemctl poweroff\n' |
	/t/peer --until-eof --timeout 120 /t/socket >> /t/run/console
wait "$pid"
is "$?" 0 'shutdown by systemd'
