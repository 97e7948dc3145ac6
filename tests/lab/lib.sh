# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by the lab's scripts: messages, timed steps, paths, names of
# architectures. To be sourced; it prints nothing and creates nothing.
#
# Messages go to stderr, so that a script's stdout holds only its answer.

# Paths, all absolute. They are used by the scripts that source this file.
# shellcheck disable=SC2034
{
	root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	build=$(cd "$root" && realpath -m "${O:-build}")
	lab=$root/tests/lab
	cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/privet
}

# say TEXT: one line about what goes on.
say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die WHAT WHY [FIX]: one line, then exit status 1.
die() {
	say "cannot $1: $2${3:+; $3}"
	exit 1
}

# need COMMAND GROUP: die unless COMMAND exists; GROUP of tests/lab/install
# has it.
need() {
	command -v "$1" > /dev/null ||
		die "run $1" "it is not installed" "run: tests/lab/install $2"
}

# Microseconds since the epoch, without starting a process.
now_us() {
	local now=${EPOCHREALTIME/[.,]/}
	printf '%s' "$now"
}

# took START_US: "3.2 s" since START_US.
took() {
	local ds=$((($(now_us) - $1) / 100000))
	printf '%d.%d s' $((ds / 10)) $((ds % 10))
}

# Says that a step still runs, every few seconds, until it is killed. It
# waits in read and not in a child, which would outlive it.
step_ticker() {
	local text=$1 start=$2 every=10 end='\n' never
	if [ -t 2 ]; then
		every=1
		end='\r'
	fi
	exec {never}<> <(:)
	while ! read -r -t "$every" -u "$never" _; do
		# An interrupted script does not get to end it.
		kill -0 $$ 2> /dev/null || return 0
		printf "%s: %s ... %s   $end" \
			"${0##*/}" "$text" "$(took "$start")" >&2
	done
}

# step TEXT LOG COMMAND [ARG...]: runs COMMAND with all its output in the
# file LOG, and says how long it takes; on failure shows the end of LOG.
# Returns COMMAND's status.
step() {
	local text=$1 log=$2 start ticker status=0
	shift 2
	mkdir -p "$(dirname "$log")"
	start=$(now_us)
	say "$text ..."
	step_ticker "$text" "$start" > /dev/null &
	ticker=$!
	"$@" > "$log" 2>&1 < /dev/null || status=$?
	kill "$ticker" 2> /dev/null || true
	wait "$ticker" 2> /dev/null || true
	if [ "$status" = 0 ]; then
		say "$text: done in $(took "$start")"
	else
		say "$text: failed after $(took "$start"), end of $log:"
		tail -n 8 "$log" | sed 's/^/    /' >&2
	fi
	return "$status"
}

# deb_arch ARCH: Debian's name of an architecture, from either spelling.
deb_arch() {
	case $1 in
	riscv64 | amd64) printf '%s' "$1" ;;
	ppc64le | ppc64el) printf ppc64el ;;
	x86_64) printf amd64 ;;
	*) die "use architecture '$1'" "it is not known here" \
		"name riscv64, ppc64le or amd64" ;;
	esac
}

# our_arch ARCH: this project's name of a target, from either spelling.
our_arch() {
	case $1 in
	riscv64) printf '%s' "$1" ;;
	ppc64le | ppc64el) printf ppc64le ;;
	*) die "use architecture '$1'" "it is not a target" \
		"name riscv64 or ppc64le" ;;
	esac
}
