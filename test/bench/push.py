"""How fast, how thrifty and how small the push engine is.

Run by test/bench/push, with a server to connect to and a bare client built.
"""

import argparse
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
STORE = os.path.join(HERE, "..", "store")
sys.path.insert(0, STORE)

from control import Control  # noqa: E402
from counter import Counter as Instructions, processor_counts  # noqa: E402

MARK = "--done--"
TICK = os.sysconf("SC_CLK_TCK")


# ---- sessions and the worker ----------------------------------------------------


class Session:
    """A psql that takes one statement after the other."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["psql", "-XAtq", "-F", "\t"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            bufsize=1)
        self.run("SET client_min_messages = warning")

    def run(self, sql):
        self.process.stdin.write("%s\n;\n\\echo %s\n" % (sql, MARK))
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == MARK:
                break
            if line.startswith(("ERROR:", "FATAL:", "psql:")):
                raise SystemExit("%s\n%s" % (sql[:300], line))
            lines.append(line)
        return "\n".join(lines)

    def number(self, sql):
        return int(self.run(sql))

    def push(self, feed, extra=""):
        """Pushes, and returns the run's row."""
        row = json.loads(self.run("SELECT to_json(r) FROM bcdelta.push('%s'%s) AS r" % (feed, extra)))
        if row["state"] != "succeeded" or row["failed"]:
            raise SystemExit("a push did not succeed: %s" % row)
        return row


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


# ---- stores ---------------------------------------------------------------------


class Store:
    """A simulated store, and the foreign server that leads to it."""

    serial = 0

    def __init__(self, bench, bodies=False, tls=False, concurrency=8, **settings):
        Store.serial += 1
        self.bench = bench
        self.name = "shop%d" % Store.serial
        self.ca = None
        command = [sys.executable, os.path.join(STORE, "bcstore.py"), "--watch-stdin"]
        if not bodies:
            command.append("--no-journal-bodies")
        for name, value in dict({"quota": 0}, **settings).items():
            command += ["--set", "%s=%s" % (name, json.dumps(value))]
        if tls:
            self.ca = os.path.join(bench.options.tmp, "cert.pem")
            key = os.path.join(bench.options.tmp, "key.pem")
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost", "-days", "1", "-keyout", key,
                 "-out", self.ca], check=True, stderr=subprocess.DEVNULL)
            os.chmod(self.ca, 0o644)
            command += ["--tls-cert", self.ca, "--tls-key", key]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = "%s:%d" % ("https://localhost" if tls else "http://127.0.0.1",
                              int(self.process.stdout.readline()))
        self.control = Control(self.url)
        bench.sql.run("CREATE SERVER %s FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'demo',"
                      " api_url '%s', quota_share '1', max_concurrency '%d'%s);"
                      "CREATE USER MAPPING FOR CURRENT_USER SERVER %s OPTIONS (access_token 'secret')"
                      % (self.name, self.url, concurrency, ", ca_file '%s'" % self.ca if tls else "", self.name))

    def set(self, **settings):
        self.control.settings(settings)

    def seed_products(self, rows, about):
        """As many products as rows, with the rows' keys for ids."""
        for first in range(1, rows + 1, 1000):
            records = [
                {"id": n, "name": "Product number %d" % n, "sku": "S%d" % n, "type": "physical",
                 "price": 1, "weight": 1} for n in range(first, min(first + 1000, rows + 1))]
            for record in records if about else ():
                record["description"] = about
            self.control.seed("products", records)

    def end(self):
        self.bench.sql.run("DROP SERVER %s CASCADE" % self.name)
        self.process.stdin.close()
        self.process.wait()


# ---- tables and feeds -----------------------------------------------------------

SMALL = {"name": "title", "sku": "sku", "type": "'physical'", "weight": "1", "price": "price"}
LARGE = dict(SMALL, description="about", is_visible="true", search_keywords="title || ' ' || sku",
             condition="'New'", inventory_level="stock", mpn="'M' || id")


class Products:
    """A source table of products, tracked."""

    def __init__(self, store, rows, size=0, linked=True, on_delete="ignore"):
        self.store, self.rows, self.sql = store, rows, store.bench.sql
        self.fields = LARGE if size else SMALL
        # the other fields take some 250 bytes
        about = "A sentence of a description, 50 bytes long & so.. " * (max(size - 250, 0) // 50)
        self.sql.run("CREATE TABLE item (id int PRIMARY KEY, sku text, title text, price numeric(12,2),"
                     " stock int, about text)")
        self.sql.run("INSERT INTO item SELECT n, 'S' || n, 'Product number ' || n, 1, 5, nullif('%s', '')"
                     " FROM generate_series(1, %d) AS n" % (about, rows))
        self.sql.run("SELECT bcdelta.track('item', '%s', 'product', '%s', on_delete => '%s')"
                     % (store.name, json.dumps(self.fields).replace("'", "''"), on_delete))
        if linked:
            store.seed_products(rows, about)
            self.link()
        self.sql.run("VACUUM ANALYZE item")
        self.sql.run("VACUUM ANALYZE bcdelta.link")

    def link(self):
        """As if all rows had been pushed as they are."""
        values = ", ".join("'%s', %s" % item for item in self.fields.items())
        self.sql.run("INSERT INTO bcdelta.link (feed, key, store_id, payload)"
                     " SELECT 'item', id::text, id, jsonb_build_object(%s) FROM item" % values)

    def change(self, what):
        self.sql.run("UPDATE item SET %s" % what)

    def push(self):
        return self.sql.push("item")

    def end(self):
        self.sql.run("SELECT bcdelta.untrack('item')")
        self.sql.run("DROP TABLE item")
        self.sql.run("TRUNCATE bcdelta.result")
        for name in "pending", "link":
            self.sql.run("VACUUM bcdelta." + name)
        self.store.end()


# ---- output ---------------------------------------------------------------------


def table(title, heads, rows, note=""):
    print("\n### %s\n" % title)
    if note:
        print("%s\n" % note)
    print("| %s |" % " | ".join(heads))
    print("|%s" % ("---|" * len(heads)))
    for row in rows:
        print("| %s |" % " | ".join(row))
    sys.stdout.flush()


def say(text):
    sys.stderr.write(text + "\n")


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
    least = calls / quota * bench.window_ms / 1000
    whole = counts["windows"]
    starts = [float(w["start"]) for w in whole + [counts["window"]]]
    pauses = [b - a - bench.window_ms / 1000 for a, b in zip(starts, starts[1:])]
    return [str(quota), str(latency), str(calls), str(run["api_calls"]), "%.1f s" % least,
            "%.1f s" % took, "%.3f" % (took / least), "%.3f" % ((last - starts[0]) / least),
            "%.0f ms" % (1000 * (starts[0] - begun)), str(sum(counts["throttled"].values())),
            str(counts["max_in_flight"]), "%.1f %%" % (100 * sum(w["own"] for w in whole) / quota / len(whole)),
            "%.0f ms" % (1000 * statistics.mean(pauses))]


class OtherApp(threading.Thread):
    """Uses a part of the quota in bursts at random instants."""

    def __init__(self, store, quota, part):
        super().__init__(daemon=True)
        self.store, self.mean = store, quota * part / (store.bench.window_ms / 1000)
        self.random = random.Random(quota)
        self.over = threading.Event()

    def run(self):
        pause = 0.0
        while not self.over.wait(pause):
            pause = self.random.uniform(0.4, 1.6)
            self.store.control.use(round(self.mean * pause))


def drain_shared(bench, quota, latency, windows, regular):
    """The same with another app, which takes 40 % of the quota."""
    store = Store(bench, concurrency=concurrency(bench, quota, latency), window_ms=bench.window_ms)
    calls = int(quota * windows * 0.6)
    products = Products(store, calls * 10)
    store.set(quota=quota, latency_ms=latency)
    app = None
    if regular:
        store.set(other_app={"calls": quota * 4 // 30, "at_ms": [0, bench.window_ms // 3, bench.window_ms * 2 // 3]})
    else:
        app = OtherApp(store, quota, 0.4)
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
    return [str(quota), str(latency), "at thirds of the window" if regular else "at random", str(run["api_calls"]),
            "%.0f %%" % (100 * sum(w["other"] for w in whole) / sum(w["quota"] for w in whole)),
            str(refused), "%.2f %%" % (100 * refused / (refused + run["api_calls"])),
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
          "Least time: calls needed / quota. quota_share is 1. max_concurrency is twice what rate and latency take "
          "(at least 8): a window of 3 s takes ten times as many requests in flight as a real one of 30 s, for which "
          "8 are enough up to 500 ms. A window of the store begins with the first call after the last one's end.")
    rows = []
    for quota in 150, 450:
        for regular in True, False:
            say("drain: %d, shared" % quota)
            rows.append(drain_shared(bench, quota, 150, windows, regular))
    table("Drain, another app takes 40 % in bursts",
          ["quota per %d s" % (bench.window_ms // 1000), "latency ms", "bursts", "our calls", "the other app's part", "429s",
           "429s / our calls", "used of what was left"], rows,
          "Without the last window, which is not used up.")


# ---- calls ----------------------------------------------------------------------


def calls_of(store, action):
    store.control.clear()
    run = action()
    counts = store.control.counts()
    by_method = Counter()
    for endpoint, statuses in counts["requests"].items():
        by_method[endpoint] += sum(statuses.values())
    return run, counts["total"], ", ".join("%d %s" % (n, e) for e, n in by_method.most_common())


def link_or_verify(sql, what):
    row = json.loads(sql.run("SELECT to_json(r) FROM bcdelta.%s('item') AS r" % what))
    if row["state"] != "succeeded" or row["conflicts"]:
        raise SystemExit("%s did not succeed: %s" % (what, row))
    return row


def part_calls(bench):
    n = 10000 // bench.scale
    sql = bench.sql
    rows = []

    def add(what, least, source, store, action):
        say("calls: " + what)
        run, total, how = calls_of(store, action)
        rows.append([what, str(total), str(least), "%.3f" % (total / least) if least else "-", source, how])
        return run

    store = Store(bench)
    products = Products(store, n, linked=False, on_delete="delete")
    sql.run("SELECT bcdelta.mark_all('item')")
    add("new products", n + n // 250, "look-up by 250 SKUs, create by 1", store, products.push)
    products.change("price = price + 1")
    add("price of products", n // 10, "update by 10", store, products.push)
    sql.run("SELECT bcdelta.mark_all('item')")
    add("unchanged products", 0, "none", store, products.push)
    sql.run("DELETE FROM bcdelta.link")
    add("link of products", n // 250, "look-up by 250 SKUs", store, lambda: link_or_verify(sql, "link"))
    add("verify of products", n // 250 + 1, "read by 250, count", store, lambda: link_or_verify(sql, "verify"))
    sql.run("DELETE FROM item")
    add("products deleted", n // 250, "delete by 250", store, products.push)
    products.end()

    store = Store(bench)
    sql.run("CREATE TABLE maker (id int PRIMARY KEY, title text, about text);"
            "INSERT INTO maker SELECT n, 'Brand ' || n, 'a' FROM generate_series(1, %d) AS n;"
            "SELECT bcdelta.track('maker', '%s', 'brand', '{\"name\": \"title\", \"page_title\": \"about\"}',"
            " on_delete => 'delete');"
            "SELECT bcdelta.mark_all('maker')" % (n, store.name))
    add("new brands", n + 1, "list by 250 (none), create by 1", store, lambda: sql.push("maker"))
    sql.run("UPDATE maker SET about = 'b'")
    add("brands changed", n, "update by 1", store, lambda: sql.push("maker"))
    sql.run("DELETE FROM maker")
    add("brands deleted", n, "delete by 1", store, lambda: sql.push("maker"))
    sql.run("SELECT bcdelta.untrack('maker'); DROP TABLE maker; TRUNCATE bcdelta.result")
    store.end()

    store = Store(bench)
    tops = n // 100
    sql.run("CREATE TABLE groups (id int PRIMARY KEY, title text, above int);"
            "INSERT INTO groups SELECT n, 'Category ' || n, CASE WHEN n > %d THEN n %% %d + 1 END"
            " FROM generate_series(1, %d) AS n;"
            "SELECT bcdelta.track('groups', '%s', 'category', '{\"name\": \"title\","
            " \"parent_id\": \"CASE WHEN above IS NULL THEN 0 ELSE bcdelta.ref(''groups'', above) END\"}',"
            " on_delete => 'delete');"
            "SELECT bcdelta.mark_all('groups')" % (tops, tops, n, store.name))
    add("new categories, two levels", n // 10 + 2, "tree, list by 250 (none), create by 10", store,
        lambda: sql.push("groups"))
    sql.run("UPDATE groups SET title = title || 'b'")
    add("categories renamed", n // 10, "update by 10", store, lambda: sql.push("groups"))
    sql.run("DELETE FROM groups WHERE id > %d" % tops)
    add("categories deleted", -(-(n - tops) // 50), "delete by 50 (assumed)", store, lambda: sql.push("groups"))
    sql.run("SELECT bcdelta.untrack('groups'); DROP TABLE groups; TRUNCATE bcdelta.result")
    store.end()

    table("Calls per %s rows" % format(n, ","),
          ["change", "calls", "documented least", "ratio", "which is", "calls made"], rows)


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
    "bcd_feed_row": "read the source row", "decide_found": "difference",
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
    rows = [case.run() for case in cases]
    table("Processor time of the worker, no quota, no latency",
          ["a request is", "payload KB", "requests", "ms / row", "1000 instructions / row", "ms / request", "bare client ms / request",
           "ratio", "connections / requests"], rows,
          "Folding, reading the source, difference, request, links and results; medians of %d alternating runs. The "
          "bare client sends the same requests one by one over a kept connection, and looks at nothing but the status."
          % bench.options.repeat)


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


PARTS = {"drain": part_drain, "calls": part_calls, "cpu": part_cpu, "latency": part_latency,
         "memory": part_memory}


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
