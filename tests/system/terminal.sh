# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2154
# A user at a terminal, with the sandbox closed: keys and output, the escape
# key, and a terminal that is as before whatever happens.
# riscv64 hosts: aia
# ppc64le hosts: p9
# ppc64le more hosts: p10

# at_terminal: privet with a terminal of its own, whose keys come from
# descriptor 7 and whose screen goes to /t/run/screen.
at_terminal() {
	rm -rf /t/run
	mkdir -p /t/run
	mkfifo /t/run/keys
	exec 7<> /t/run/keys
	/t/peer --timeout 120 --spawn /t/privet run -k /t/kernel -m "$mem" \
		-p "$params" -i /t/initrd.cpio \
		< /t/run/keys > /t/run/screen 2> /t/run/messages &
	peer=$!
	wait_for 'a prompt' grep -qs 'guest.*#' /t/run/screen
}

# on_screen TEXT: waits for it.
on_screen() {
	wait_for "'$1' on the screen" grep -qs -- "$1" /t/run/screen
}

# ended STATUS NAME: how privet ended; the terminal is as it was.
ended() {
	wait "$peer"
	is "$?" "$1" "$2"
	exec 7<&-
}

params="quiet panic=-1 console=$guest_console"

at_terminal
printf 'echo $((6 * 7))-is-it\n' >&7
on_screen 42-is-it
ok $? 'keys arrive, and what they cause'
printf '\001h' >&7
on_screen 'Ctrl-A x  *end the virtual machine'
ok $? 'Ctrl-A h shows the keys'
# While the shell still edits the line, Ctrl-C would be a key like others.
printf 'echo $((40 + 1))-runs; sleep 600\n' >&7
on_screen 41-runs
printf '\003echo $((40 + 3))-still-here\n' >&7
on_screen 43-still-here
ok $? "Ctrl-C is the guest's"
printf '\001x' >&7
ended 123 'Ctrl-A x ends the machine, the terminal is as it was'

at_terminal
kill -KILL "$(monitor_pid)"
ended 137 'the terminal is as it was after SIGKILL'
