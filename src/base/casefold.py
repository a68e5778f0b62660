#!/usr/bin/env python3
"""Prints src/base/casefold.inc: the simple case folding of the Unicode standard.

The list is the one of the Unicode Character Database, as in Debian's package
unicode-data. To make the file anew:

    python3 src/base/casefold.py /usr/share/unicode/CaseFolding.txt > src/base/casefold.inc
"""

import sys

HEAD = """\
/*
 * casefold.inc
 *		Simple case folding, by {name} of the Unicode
 *		Character Database (statuses C and S), without ASCII; written by
 *		casefold.py.
 *
 * Every step-th character from first to last becomes the one that is delta
 * further on.  In order of the characters.
 */
static const struct
{{
	uint32		first;
	uint32		last;
	int			step;
	int			delta;
}}			foldings[] = {{"""

TAIL = """\
};"""

WIDTH = 100


def read(path):
    """The file's name with its version, and character -> folded character."""
    foldings = {}
    with open(path, encoding="utf-8") as lines:
        name = next(lines).strip("# \n")
        for line in lines:
            code, status, mapping = (line.split("#")[0].split(";") + ["", ""])[:3]
            if status.strip() in ("C", "S") and int(code, 16) >= 0x80:
                foldings[int(code, 16)] = int(mapping, 16)
    return name, foldings


def ranges(foldings):
    """[first, last, step, delta] of characters that go the same way."""
    result = []
    for code, folded in sorted(foldings.items()):
        delta = folded - code
        if result and result[-1][3] == delta:
            first, last, step, _ = result[-1]
            gap = code - last
            if gap == step or (first == last and gap <= 2):
                result[-1][1:3] = code, gap
                continue
        result.append([code, code, 1, delta])
    return result


def main():
    name, foldings = read(sys.argv[1])
    print(HEAD.format(name=name))
    entries = ["{0x%04X, 0x%04X, %d, %d}," % tuple(r) for r in ranges(foldings)]
    entries[-1] = entries[-1].rstrip(",")
    line = ""
    for entry in entries:
        if line and len(line) + 1 + len(entry) > WIDTH:
            print(f"\t{line}")
            line = ""
        line += f" {entry}" if line else entry
    print(f"\t{line}\n{TAIL}")


main()
