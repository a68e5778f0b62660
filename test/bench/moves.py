"""Counts calls, and moves from one file to another, for one changed row.

Run by test/moves, with a server to connect to that writes down every call.
"""

import argparse
import array
import os
import subprocess
from collections import Counter

from fixtures import Products, Session, Store, table

ROWS = 30
CLAIM = "push_claim"
RESULT = "bcd_settle"
CAPTURE = "bcdelta_capture"


class Calls:
    """What the server's processes have called, and how far that was read."""

    def __init__(self, options):
        self.options, self.names = options, {}

    def resolve(self, offsets):
        """Functions and their files, without suffix: a header's functions count as its module's."""
        new = sorted(set(offsets) - set(self.names))
        lines = subprocess.run(["addr2line", "-f", "-e", self.options.library], input="".join("%x\n" % o for o in new),
                               check=True, capture_output=True, text=True).stdout.splitlines()
        for offset, name, place in zip(new, lines[::2], lines[1::2]):
            # a compiler cache may name the directory of an earlier run
            path = place.rsplit(":", 1)[0].rsplit("/src/", 1)[-1]
            self.names[offset] = (name.split(".")[0], os.path.splitext(path)[0])

    def read(self, pid):
        """[((function, file), end)] in the order of the calls and of their ends."""
        words = array.array("Q")
        with open(os.path.join(self.options.calls, str(pid)), "rb") as f:
            words.frombytes(f.read())
        self.resolve(word >> 1 for word in words)
        return [(self.names[word >> 1], word & 1) for word in words]


class Leg:
    """What is called from the first call of one function to the end of another."""

    def __init__(self, name, events, first, last):
        self.name = name
        self.calls = []                 # (function, file, depth)
        self.moves = []                 # (from, to): from one file to another, by a call or a return
        self.entries = Counter()        # (caller's file, function, its file): calls from another file
        stack, here = [], None
        for (function, path), end in events:
            if not stack and here is None and (function != first or end):
                continue
            if not end:
                self.calls.append((function, path, len(stack)))
                if stack and stack[-1] != path:
                    self.entries[stack[-1], function, path] += 1
                stack.append(path)
            elif stack:
                stack.pop()
            # whoever called the first of them is not known
            there = stack[-1] if stack else here
            if here not in (None, there):
                self.moves.append((here, there))
            here = there
            if end and function == last:
                return
        raise SystemExit("no call of %s that ended was found after one of %s" % (last, first))

    def row(self):
        return [self.name] + [str(len(x)) for x in (self.calls, {path for _, path, _ in self.calls}, self.moves)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()

    class Bench:
        sql = Session()
    bench = Bench()
    bench.options = options
    recorder = Calls(options)
    products = Products(Store(bench), ROWS)
    session = bench.sql.number("SELECT pg_backend_pid()")
    worker = bench.sql.number("SELECT pid FROM pg_stat_activity WHERE backend_type = 'bcdelta worker'"
                              " AND datname = current_database()")
    before = [len(recorder.read(pid)) for pid in (session, worker)]
    products.change("price = price + 1 WHERE id = 7")
    captured = recorder.read(session)[before[0]:]
    run = products.push()
    pushed = recorder.read(worker)[before[1]:]
    if (run["updated"], run["api_calls"]) != (1, 1):
        raise SystemExit("the push did not update one row in one request: %s" % run)
    products.end()

    trigger = Leg("in the trigger", captured, CAPTURE, CAPTURE)
    leg = Leg("from the claim to the result", pushed, CLAIM, RESULT)
    table("One changed price of a linked product", ["", "calls", "files", "moves between files"],
          [trigger.row(), leg.row()],
          "Of %d rows, one is changed, and pushed in one request. A move is a call of a function in another file, or the "
          "return from it. Pacing, libcurl and the second claim, which finds nothing, are included." % ROWS)
    pairs = Counter(frozenset(pair) for pair in leg.moves)
    table("Pairs of files, by moves between them", ["files", "moves"],
          [[" - ".join("`%s`" % name for name in sorted(pair)), str(n)] for pair, n in pairs.most_common(options.pairs)])
    table("Functions, by calls from one other file", ["from", "function", "calls"],
          [["`%s`" % caller, "`%s` (`%s`)" % (function, path), str(n)]
           for (caller, function, path), n in leg.entries.most_common(options.pairs)])
    if options.trace:
        print()
        for function, path, depth in leg.calls:
            print("%s%s  %s" % ("  " * depth, function, path))


main()
