# SPDX-License-Identifier: Apache-2.0
#
# Prints the functions that have more than max lines between their braces.
# In this tree's format a function's braces, and only they, stand alone in
# the first column; what precedes is its head.

FNR == 1 { start = 0; head = "" }
/^\{$/ { start = FNR; next }
/^\}/ && start {
	if (FNR - start - 1 > max) {
		print FILENAME ":" start ": " FNR - start - 1 \
			" lines in " head
		bad = 1
	}
	start = 0
	next
}
!start && /^[a-zA-Z_].*\(/ { head = $0 }
END { exit bad }
