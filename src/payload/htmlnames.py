#!/usr/bin/env python3
"""Prints src/payload/htmlnames.inc: the named character references of the HTML standard.

The list is the one that Python's standard library ships. To make the file anew:

    python3 src/payload/htmlnames.py > src/payload/htmlnames.inc
"""

from html.entities import html5

HEAD = """\
/*
 * htmlnames.inc
 *		The named character references of the HTML standard (section 13.5), in
 *		order of their bytes; written by htmlnames.py.
 *
 * Names end with their semicolon.  The few that may go without one are there
 * a second time.
 */
#define BCD_HTML_NAME_BYTES	{longest}	/* of the longest name */
#define BCD_HTML_VALUE_BYTES	{widest}	/* of the longest value, in UTF-8 */

static const struct
{{
	const char *name;
	const char *value;
}}			html_names[] = {{"""

TAIL = """\
};"""

WIDTH = 108


def quoted(text):
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def main():
    print(HEAD.format(longest=max(map(len, html5)), widest=max(len(v.encode()) for v in html5.values())))
    line = ""
    entries = [f'{{"{name}", {quoted(value)}}}' for name, value in sorted(html5.items())]
    for i, entry in enumerate(entries):
        entry += "," if i < len(entries) - 1 else ""
        if line and len(line) + 1 + len(entry) > WIDTH:
            print(f"\t{line}")
            line = ""
        line += f" {entry}" if line else entry
    print(f"\t{line}\n{TAIL}")


main()
