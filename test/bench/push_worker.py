"""What the worker costs: the parts cpu and memory of test/bench/push."""

import json
import os
import re
import statistics
import subprocess
import threading
import time
from collections import Counter

from counter import Counter as Instructions
from fixtures import Products, Session, Store, say, table

TICK = os.sysconf("SC_CLK_TCK")


def cpu_ms(pid):
    """Processor time of a process so far, in user mode and in the kernel."""
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000.0 / TICK


def resident(pid):
    """MiB of its own, and of the server's shared memory."""
    sizes = {}
    with open("/proc/%d/status" % pid) as status:
        for line in status:
            if line.startswith("Rss"):
                sizes[line.split(":")[0]] = int(line.split()[1]) / 1024
    return sizes["RssAnon"] + sizes["RssFile"], sizes["RssShmem"]


# ---- processor time -------------------------------------------------------------


def write_requests(bench, store):
    """What the worker has sent, for the bare client to send again."""
    name = os.path.join(bench.options.tmp, "requests")
    n = 0
    with open(name, "wb") as out:
        for entry in store.control.journal():
            body = b"" if entry["body"] is None else json.dumps(
                entry["body"], default=float, separators=(", ", ": "), ensure_ascii=False).encode()
            path = entry["path"] + ("?" + entry["query"] if entry["query"] else "")
            out.write(("%s %d %s\n" % (entry["method"], len(body), path)).encode() + body + b"\n")
            n += 1
    return name, n


def bare(bench, store, name, times):
    """Milliseconds of processor time that the requests take, each so many times."""
    out = subprocess.run(
        [bench.options.bare, store.url + "/stores/demo/v3", "secret", name, str(times)]
        + ([store.ca] if store.ca else []), check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    if out[1] != "0":
        raise SystemExit("the bare client had %s bad replies" % out[1])
    return (int(out[3]) + int(out[4])) / 1000.0 / times


class Case:
    """What a kind of change costs the worker, and the bare client."""

    def __init__(self, bench, what, rows, size, changes, linked=True, tls=False, requests=True):
        self.bench, self.what, self.rows, self.size = bench, what, rows, size
        self.changes, self.linked, self.tls, self.requests = changes, linked, tls, requests

    def prepare(self, i):
        """The same work again, not measured."""
        if not self.linked and i > 0:
            self.store.control.reset(["catalog"])
            self.bench.sql.run("DELETE FROM bcdelta.link")
            self.bench.sql.run("VACUUM bcdelta.link")
        self.bench.sql.run("CHECKPOINT")

    def worker_once(self, i):
        self.prepare(i)
        if self.changes:
            self.products.change(self.changes % i)
        else:
            self.bench.sql.run("SELECT bcdelta.mark_all('item')")
        before = cpu_ms(self.bench.worker)
        if not self.bench.counts:
            run = self.products.push()
        else:
            with Instructions(self.bench.worker) as counter:
                run = self.products.push()
            self.instructions.append(counter.count)
        return cpu_ms(self.bench.worker) - before, run["api_calls"]

    def connections(self):
        return self.store.control.counts()["server"]["connections"]

    def run(self):
        say("cpu: %s of %d bytes%s" % (self.what, self.size, ", TLS" if self.tls else ""))
        self.store = Store(self.bench, bodies=True, tls=self.tls)
        self.products = Products(self.store, self.rows, self.size, self.linked)
        self.instructions = []
        self.worker_once(0)
        self.instructions.clear()
        name, n = write_requests(self.bench, self.store)
        self.store.set(journal_bodies=False)
        self.store.control.clear()
        worker, client = [], []
        made, requests = 0, 0
        for i in range(1, self.bench.options.repeat + 1):
            connections = self.connections()
            used, calls = self.worker_once(i)
            # the control path's own connection for the second look
            made += self.connections() - connections - 1 - (0 if self.linked else 1)
            worker.append(used)
            requests += calls
            if not self.requests:
                continue
            if calls != n:
                raise SystemExit("%d requests, and %d before" % (calls, n))
            if not self.linked:
                self.store.control.reset(["catalog"])
            client.append(bare(self.bench, self.store, name, 4 if self.linked else 1))
        if self.bench.options.profile:
            profile(self.bench, self)
        self.products.end()
        used = statistics.median(worker)
        row = [self.what, "%d" % (self.size // 1000), str(n), "%.3f" % (used / self.rows),
               "%.0f" % (statistics.median(self.instructions) / self.rows / 1000) if self.instructions else "-"]
        if not self.requests:
            return row + ["-", "-", "-", "-"]
        least = statistics.median(client)
        ratios = sorted(w / c for w, c in zip(worker, client))
        return row + ["%.3f" % (used / n), "%.3f" % (least / n),
                      "%.1f (%.1f to %.1f)" % (used / least, ratios[0], ratios[-1]),
                      "%d / %d" % (made, requests)]


# What the worker is at, by the innermost of these functions
PHASES = {
    "bcd_fold_all": "fold changes", "bcd_queue_claim": "claim: pending and link",
    "bcd_feed_try_row": "read the source row", "decide_found": "difference",
    "bcd_plan_next": "build the request", "bcd_http_start": "HTTP, libcurl", "bcd_http_wait": "HTTP, libcurl",
    "bcd_json_parse": "parse the reply", "bcd_settle_read": "match the reply's records",
    "bcd_lookup_read": "match the reply's records", "bcd_job_free": "free request and reply",
    "record_links": "write link", "heap_toast_insert_or_update": "write link: large payloads",
    "record_pending": "delete from pending", "bcd_results_insert": "insert into result",
    "bcd_tx_begin": "transactions", "bcd_tx_commit": "transactions", "bcd_run_begin": "start of the run",
    "bcd_tx_async": "transactions", "bcd_run_step": "other", "take_replies": "other", "turn": "other"}
# Work that is done again for every row, wherever it is done
REPEATED = {
    "standard_ExecutorStart": "start of a statement", "standard_ExecutorEnd": "end of a statement",
    "stringToNode": "of it, reading CHECK constraints", "BeginInternalSubTransaction": "begin of a subtransaction",
    "ReleaseCurrentSubTransaction": "end of a subtransaction", "bcd_become": "change of role and path",
    "bcd_become_again": "and back", "GetCachedPlan": "plan cache", "btinsert": "insertion into indexes",
    "heap_getnextslot": "scans of whole tables", "pglz_compress": "compression of large values",
    "inflate": "decompression of the reply", "XLogInsert": "write-ahead log"}


def profile(bench, case):
    """Where the worker's processor time goes."""
    data = os.path.join(bench.options.tmp, "perf.data")
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-F", "1499", "--call-graph", "dwarf,16384", "-o", data, "-p",
         str(bench.worker)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    for i in range(3):
        case.worker_once(bench.options.repeat + 1 + i)
    recorder.send_signal(2)
    recorder.wait()
    out = subprocess.run(["perf", "script", "-F", "ip,sym,symoff", "-i", data], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True).stdout
    save = os.environ.get("PUSH_STACKS")
    if save:
        with open("%s.%s.%d" % (save, case.what.replace(" ", "_"), case.size), "w") as file:
            file.write(out)
    phases, repeated, total = Counter(), Counter(), 0
    for block in out.split("\n\n"):
        frames = [re.sub(r"\+0x.*", "", line.split(None, 1)[1]) for line in block.splitlines()
                  if len(line.split(None, 1)) == 2]
        if not frames:
            continue
        total += 1
        phases[next((PHASES[f] for f in frames if f in PHASES), "other")] += 1
        repeated.update({REPEATED[f] for f in frames if f in REPEATED})
    table("%s, %d bytes: where the processor time goes (%d samples)" % (case.what, case.size, total),
          ["phase", "%"], [[name, "%.1f" % (100 * n / total)] for name, n in phases.most_common()]
          + [["within these: " + name, "%.1f" % (100 * n / total)] for name, n in repeated.most_common()])


ABOUT = "about = '%d' || substr(about, 2)"
PRICE = "price = price + 1 + 0 * %d"


def part_cpu(bench):
    s = bench.scale
    cases = [
        Case(bench, "unchanged rows", 10000 // s, 1000, None, requests=False),
        Case(bench, "price of ten rows", 5000 // s, 1000, PRICE),
        Case(bench, "description of ten rows", 5000 // s, 1000, ABOUT),
        Case(bench, "description of ten rows, TLS", 5000 // s, 1000, ABOUT, tls=True),
        Case(bench, "price of ten rows", 2000 // s, 20000, PRICE),
        Case(bench, "description of ten rows", 2000 // s, 20000, ABOUT),
        Case(bench, "a created row", 2000 // s, 1000, None, linked=False),
        Case(bench, "a created row, TLS", 2000 // s, 1000, None, linked=False, tls=True),
        Case(bench, "a created row", 500 // s, 20000, None, linked=False)]
    rows = [case.run() for case in cases if bench.options.case in case.what]
    table("Processor time of the worker, no quota, no latency",
          ["a request is", "payload KB", "requests", "ms / row", "1000 instructions / row", "ms / request", "bare client ms / request",
           "ratio", "connections / requests"], rows,
          "Folding, reading the source, difference, request, links and results; medians of %d alternating runs. The "
          "bare client sends the same requests one by one over a kept connection, and looks at nothing but the status."
          % bench.options.repeat)


# ---- memory ---------------------------------------------------------------------


def interpolate(samples, done):
    for (d0, c0), (d1, c1) in zip(samples, samples[1:]):
        if d0 <= done <= d1 and d1 > d0:
            return c0 + (c1 - c0) * (done - d0) / (d1 - d0)
    return samples[-1][1]


class Watcher(threading.Thread):
    """Reads the worker's size and processor time while a push goes on."""

    def __init__(self, bench):
        super().__init__(daemon=True)
        self.bench, self.sql = bench, Session()
        self.samples, self.sizes, self.shared = [], [], []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            done = self.sql.run("SELECT done FROM bcdelta.progress")
            used = cpu_ms(self.bench.worker)
            own, shared = resident(self.bench.worker)
            self.sizes.append(own)
            self.shared.append(shared)
            if done:
                self.samples.append((int(done), used))


def memory_once(bench, n, size=300, changes="price = price + 1"):
    say("memory: %d rows of %d bytes" % (n, size))
    bench.new_worker()
    store = Store(bench, journal_limit=1000)
    products = Products(store, n, size)
    bench.sql.run("CHECKPOINT")
    start, _ = resident(bench.worker)
    products.change(changes)
    bench.sql.run("VACUUM ANALYZE item")
    watcher = Watcher(bench)
    before = cpu_ms(bench.worker)
    watcher.start()
    begun = time.monotonic()
    run = products.push()
    took = time.monotonic() - begun
    after = cpu_ms(bench.worker)
    watcher.over.set()
    watcher.join()
    if run["updated"] != n:
        raise SystemExit("%d rows updated of %d" % (run["updated"], n))
    samples = watcher.samples
    part = min(10000, n // 10)
    first = interpolate(samples, part) - interpolate(samples, samples[0][0])
    # the last rows are done before the run ends
    done, used = next((s for s in samples if s[0] == n), (samples[-1][0], after))
    last = used - interpolate(samples, done - part)
    mid = len(watcher.sizes) // 2
    products.end()
    return [format(n, ","), "%.1f" % (size / 1000), "%.0f s" % took, "%.1f" % start, "%.1f" % watcher.sizes[mid],
            "%.1f" % max(watcher.sizes), "%.1f" % max(watcher.shared),
            "%.4f" % ((samples[0][1] - before) / n), "%.3f" % (first / (part - samples[0][0])),
            "%.3f" % (last / part), "%.2f" % (last / part / (first / (part - samples[0][0]))), "%.0f" % (after - used)]


def part_memory(bench):
    steps = [10000, 100000]
    if bench.options.full:
        steps.append(1000000)
    rows = [memory_once(bench, n // bench.scale) for n in steps]
    rows.append(memory_once(bench, 5000 // bench.scale, 20000, ABOUT % 1))
    table("A backlog: size and processor time of the worker",
          ["rows", "payload KB", "push took", "MiB before", "MiB half-way", "MiB at most", "and shared buffers",
           "fold ms / row", "first rows ms / row", "last rows ms / row", "last / first",
           "end of the run, ms"], rows,
          "Price updates of rows of 300 bytes, updates of descriptions of 20 KB; each with a new worker. MiB resident, without the server's shared memory; first and last: "
          "10,000 rows, or a tenth.")
