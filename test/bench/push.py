"""How fast, how thrifty and how small the push engine is.

Run by test/bench/push, with a server to connect to and a bare client built.
"""

import argparse
import os
import platform
import random
import statistics
import threading
import time

from calls import part_calls
from counter import processor_counts
from fixtures import Products, Session, Store, say, table
from push_worker import part_cpu, part_memory


# ---- drain ----------------------------------------------------------------------

def concurrency(bench, quota, latency):
    """Enough: windows ten times as short as a real store's need ten times the rate."""
    return max(8, quota * latency * 2 // bench.window_ms)


def drain_once(bench, quota, latency, windows):
    """A backlog of so many windows' calls, alone on the store."""
    calls = quota * windows
    store = Store(bench, concurrency=concurrency(bench, quota, latency), window_ms=bench.window_ms)
    products = Products(store, calls * 10)
    store.set(quota=quota, latency_ms=latency)
    products.change("price = price + 1")
    begun = time.monotonic()
    run = products.push()
    took = time.monotonic() - begun
    counts = store.control.counts()
    last = max(float(entry["t_end"]) for entry in store.control.journal(since=calls - quota))
    products.end()
    least = ((windows - 1) * bench.window_ms + (quota / concurrency(bench, quota, latency) + 1) * latency) / 1000
    whole = counts["windows"]
    starts = [float(w["start"]) for w in whole + [counts["window"]]]
    pauses = [b - a - bench.window_ms / 1000 for a, b in zip(starts, starts[1:])]
    return [str(quota), str(latency), str(calls), str(run["api_calls"]), "%.1f s" % least,
            "%.1f s" % took, "%.3f" % (took / least), "%.3f" % ((last - starts[0]) / least),
            "%.0f ms" % (1000 * (starts[0] - begun)), str(sum(counts["throttled"].values())),
            str(counts["max_in_flight"]), "%.1f %%" % (100 * sum(w["own"] for w in whole) / quota / len(whole)),
            "%.0f ms" % (1000 * statistics.mean(pauses))]


# the windows of a real store
EARLY_MS = 30000


def early_once(bench, quota, latency, calls, in_flight=8):
    """So many calls in a fresh window, alone on the store: how long they take, and may take."""
    store = Store(bench, concurrency=in_flight, window_ms=EARLY_MS)
    products = Products(store, calls * 10)
    store.set(quota=quota, latency_ms=latency)
    products.change("price = price + 1")
    begun = time.monotonic()
    run = products.push()
    took = time.monotonic() - begun
    counts = store.control.counts()
    journal = store.control.journal(since=0)
    first = min(float(entry["t"]) for entry in journal)
    last = max(float(entry["t_end"]) for entry in journal)
    products.end()
    full = (calls - 1) // quota
    least = full * EARLY_MS / 1000 + ((calls - full * quota) / in_flight + 1) * latency / 1000
    return [str(latency), str(calls), str(run["api_calls"]), str(full), "%.2f s" % least, "%.2f s" % (last - first),
            "%.3f" % ((last - first) / least), "%.2f s" % took, str(sum(counts["throttled"].values()))]


class OtherApp(threading.Thread):
    """Uses 40 % of the quota in bursts at random: pauses of 0.4 to 1.6 s (at windows of 3 s), or once in each window."""

    def __init__(self, store, quota, once):
        super().__init__(daemon=True)
        self.control, self.calls, self.once = store.control, quota * 0.4, once
        self.window = store.bench.window_ms / 1000
        self.random = random.Random(quota)
        self.over = threading.Event()

    def bursts(self):
        """Instants, in s, and calls."""
        begin = 0.0
        while True:
            if self.once:
                yield begin + self.random.uniform(0, self.window), self.calls
                begin += self.window
            else:
                pause = self.window / 3 * self.random.uniform(0.4, 1.6)
                begin += pause
                yield begin, self.calls * pause / self.window

    def run(self):
        began = time.monotonic()
        for at, calls in self.bursts():
            if self.over.wait(max(0.0, began + at - time.monotonic())):
                return
            self.control.use(round(calls))


BURSTS = ("at thirds of the window", "one in each window, at random", "at random")


def drain_shared(bench, quota, latency, windows, bursts):
    """The same with another app, which takes 40 % of the quota."""
    store = Store(bench, concurrency=concurrency(bench, quota, latency), window_ms=bench.window_ms)
    calls = int(quota * windows * 0.6)
    products = Products(store, calls * 10)
    store.set(quota=quota, latency_ms=latency)
    app = None
    if bursts == BURSTS[0]:
        store.set(other_app={"calls": quota * 4 // 30, "at_ms": [0, bench.window_ms // 3, bench.window_ms * 2 // 3]})
    else:
        app = OtherApp(store, quota, bursts == BURSTS[1])
        app.start()
    products.change("price = price + 1")
    run = products.push()
    if app:
        app.over.set()
        app.join()
    counts = store.control.counts()
    products.end()
    # the last one is not over
    whole = counts["windows"]
    left = sum(w["quota"] - w["other"] for w in whole)
    refused = sum(counts["throttled"].values())
    part = sum(w["other"] for w in whole) / sum(w["quota"] for w in whole)
    return [str(quota), str(latency), bursts, str(run["api_calls"]), "%.0f %%" % (100 * part), str(refused),
            "%.2f %%" % (100 * refused / (refused + run["api_calls"])),
            "-" if bursts == BURSTS[0] else "%.2f %%" % (100 * part / (1 - part) * latency / bench.window_ms),
            "%.1f %%" % (100 * sum(w["own"] for w in whole) / left)]


def part_drain(bench):
    windows = max(bench.options.windows // bench.scale, 2)
    rows = []
    for quota in 150, 450:
        for latency in 20, 150, 400:
            say("drain: %d, %d ms" % (quota, latency))
            rows.append(drain_once(bench, quota, latency, windows))
    table("Drain, alone on the store",
          ["quota per %d s" % (bench.window_ms // 1000), "latency ms", "calls needed", "made", "least time", "took", "ratio",
           "from first call to last reply", "until the first call", "429s",
           "in flight", "used of whole windows", "until the next window begins"], rows,
          "Least time: the windows that have to pass, then as in the table above. quota_share is 1. max_concurrency is twice what rate and latency take "
          "(at least 8): a window of 3 s takes ten times as many requests in flight as a real one of 30 s, for which "
          "8 are enough up to 500 ms. A window of the store begins with the first call after the last one's end.")


def part_early(bench):
    quota, rows = 150, []
    for calls in 20, 100, 4 * quota:
        for latency in 20, 150, 400:
            say("early: %d calls, %d ms" % (calls, latency))
            rows.append(early_once(bench, quota, latency, calls))
    table("Calls in a fresh window, alone on the store",
          ["latency ms", "calls needed", "made", "windows that have to pass", "least time", "from first call to last reply", "ratio",
           "until push() returns", "429s"], rows,
          "%d calls per %d s, 8 in flight, quota_share 1. Least time: the windows that have to pass, and latency * calls / "
          "in flight of the last one, and one round trip." % (quota, EARLY_MS // 1000))


def part_shared(bench):
    windows = max(bench.options.windows // bench.scale, 2)
    rows = []
    for quota in 150, 450:
        for latency in (20, 150) if bench.window_ms < 30000 else (150,):
            for bursts in BURSTS:
                say("shared: %d, %d ms, %s" % (quota, latency, bursts))
                rows.append(drain_shared(bench, quota, latency, windows, bursts))
    table("Drain, another app takes 40 % in bursts",
          ["quota per %d s" % (bench.window_ms // 1000), "latency ms", "bursts", "our calls", "the other app's part", "429s",
           "429s / our calls", "to be expected of bursts that cannot be foretold", "used of what was left"], rows,
          "Without the last window, which is not used up. To be expected: the other app's part / ours * latency / "
          "window, whatever the size of the bursts (see src/pacing/other_clients.c).")


# ---- latency --------------------------------------------------------------------


def part_latency(bench):
    n = 200 // bench.scale
    rows = []
    for kind in "update", "create":
        say("latency: " + kind)
        store = Store(bench)
        products = Products(store, 10 * n, on_delete="delete")
        bench.sql.run("CHECKPOINT")
        first, done = [], []
        for i in range(n):
            if kind == "update":
                bench.sql.run("UPDATE item SET price = price + 1 WHERE id = %d" % (i * 7 % (10 * n) + 1))
            else:
                bench.sql.run("INSERT INTO item VALUES (%d, 'N%d', 'New product %d', 1, 5)"
                              % (1000000 + i, i, i))
            committed = time.monotonic()
            products.push()
            done.append((time.monotonic() - committed) * 1000)
            first.append((committed, kind))
        # one write for each, in order
        method = "PUT" if kind == "update" else "POST"
        arrived = [e["t"] for e in store.control.journal(method=method)]
        if len(arrived) != n:
            raise SystemExit("%d writes for %d changes" % (len(arrived), n))
        waits = sorted((float(t) - c) * 1000 for t, (c, _) in zip(arrived, first))
        done.sort()
        rows.append([kind, str(n)] + ["%.1f" % v[i] for v in (waits, done)
                                      for i in (n // 2, min(int(n * 0.99), n - 1), n - 1)])
        products.end()
    table("From commit to request, ms",
          ["a single", "changes", "median", "99 %", "most", "until push() returns: median", "99 %", "most"],
          rows, "push(wait => true) right after the commit; for a create the look-up comes first.")


# ---- main -----------------------------------------------------------------------


class Bench:
    def __init__(self, options):
        self.options = options
        self.scale = 10 if options.small else 1
        self.window_ms = options.window * 1000
        self.sql = Session()
        self.counts = processor_counts()
        self._pid = None

    @property
    def worker(self):
        return self._pid

    def new_worker(self):
        """Each part has a worker of its own: it shows what it needs by itself."""
        old = self._pid
        if old:
            self.sql.run("SELECT pg_terminate_backend(%d)" % old)
        end = time.monotonic() + 60
        while self._pid == old:
            pid = self.sql.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'bcdelta worker'")
            if pid and int(pid) != old and self.sql.run("SELECT bcdelta.worker_state()") == "running":
                self._pid = int(pid)
            elif time.monotonic() > end:
                raise SystemExit("there is no worker")
            time.sleep(0.1)


PARTS = {"early": part_early, "drain": part_drain, "shared": part_shared, "calls": part_calls, "cpu": part_cpu,
         "latency": part_latency, "memory": part_memory}


def distribution():
    with open("/etc/os-release") as file:
        for line in file:
            if line.startswith("PRETTY_NAME="):
                return line.split("=")[1].strip().strip('"')
    return platform.system()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bare", required=True)
    parser.add_argument("--tmp", required=True)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--window", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--case", default="")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("part", nargs="*", choices=[*PARTS, []])
    options = parser.parse_args()
    bench = Bench(options)
    print("%s; %d cores, %s, PostgreSQL %s" % (
        time.strftime("%Y-%m-%d"), os.cpu_count(), distribution(),
        bench.sql.run("SHOW server_version").split()[0]))
    for name in options.part or PARTS:
        bench.new_worker()
        PARTS[name](bench)


if __name__ == "__main__":
    main()
