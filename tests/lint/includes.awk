# SPDX-License-Identifier: Apache-2.0
#
# Checks the include direction: arch -> vmm and devices/pci*, devices -> vmm,
# vmm -> itself. Tests include what they like; only they include a .c file.
# Conditions on an architecture are for arch/ and the guests of the tests.

function complain(text) {
	print FILENAME ":" FNR ": " text
	bad = 1
}

function allowed(from, to) {
	if (from ~ /^tests\//)
		return 1
	if (to ~ /\.c$/ || to !~ /^(arch|devices|vmm)\//)
		return 0
	if (to ~ /^vmm\//)
		return 1
	if (from ~ /^devices\//)
		return to ~ /^devices\//
	if (from ~ /^arch\/[^\/]+\//)
		return to ~ /^devices\/pci[^\/]*$/ || folder(from) == folder(to)
	return 0
}

# The first two folders of a path.
function folder(path, part) {
	split(path, part, "/")
	return part[1] "/" part[2]
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	to = quoted[2]
	# A file beside the one that includes it has no folder in its name.
	if (to !~ /\//) {
		to = FILENAME
		sub(/[^\/]*$/, quoted[2], to)
	}
	if (!allowed(FILENAME, to))
		complain("may not include " to)
}

/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)[ \t].*(__riscv|__powerpc|__PPC|_ARCH_PPC)/ {
	if (FILENAME !~ /^(arch|tests\/guest)\//)
		complain("a condition on the architecture outside arch/")
}

END { exit bad }
