"""Counts calls, and moves from one file to another, for one changed row.

Run by test/moves, with a server to connect to that writes down every call.

A move is a call of a function in another file, or the return from it.  What
counts is everything from the claim of the row to the end of its settling: also
what the worker does while it waits for the reply, the pacing, what libcurl and
PostgreSQL call back, and all calls of small functions, SQL functions and
accessors.  Functions that a header defines count as those of the file with the
same name; macros are not calls.  Nothing is left out, and each repetition
counts.
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
# where the parts of that begin
PHASES = [("claim", CLAIM), ("plan and send", "dispatch"), ("show, wait for the reply", "show"), ("reply", "replied"),
          ("settle", RESULT)]
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
        self.begun = {}                 # function: how many moves there were when it was called first
        self.entries = Counter()        # (caller's file, function, its file): calls from another file
        stack, here = [], None
        for (function, path), end in events:
            if not stack and here is None and (function != first or end):
                continue
            if not end:
                self.calls.append((function, path, len(stack)))
                self.begun.setdefault(function, len(self.moves))
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
        files = {path for _, path, _ in self.calls}
        return [self.name] + [str(len(x)) for x in (self.calls, files, self.moves, set(self.moves))]

    def phases(self):
        """[(name, moves)] of the parts of the way, in their order."""
        begins = [(self.begun[function], name) for name, function in PHASES] + [(len(self.moves), None)]
        return [(name, end - begin) for (begin, name), (end, _) in zip(begins, begins[1:])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--most", type=int)
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
    table("One changed price of a linked product", ["", "calls", "files", "moves between files", "different moves"],
          [trigger.row(), leg.row()],
          "Of %d rows, one is changed, and pushed in one request. A move is a call of a function in another file, or the "
          "return from it. Pacing, libcurl and what the worker does while it waits are included." % ROWS)
    table("From the claim to the result", ["part", "moves"], [[name, str(n)] for name, n in leg.phases()])
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
    if options.most is not None and len(leg.moves) > options.most:
        raise SystemExit("There are %d moves, and should be %d at most." % (len(leg.moves), options.most))


main()
