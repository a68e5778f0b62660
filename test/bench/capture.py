"""What capture costs the source, and what folding costs the worker.

Run by test/bench/capture, with a server to connect to.
"""

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from counter import Counter, processor_counts

MARK = "--done--"


# ---- sessions -------------------------------------------------------------------


class Session:
    """A psql that takes one statement after the other."""

    def __init__(self, database=None):
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=0"]
        if database:
            command += ["-d", database]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.pid = int(self.run("SELECT pg_backend_pid()"))

    def run(self, sql):
        self.process.stdin.write(f"{sql}\n;\n\\echo {MARK}\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == MARK:
                break
            if line.startswith(("ERROR:", "FATAL:", "psql:")):
                raise SystemExit(f"{sql[:200]}\n{line}\n" + "".join(self.process.stdout.readline() for _ in range(1)))
            lines.append(line)
        return "\n".join(lines)

    def number(self, sql):
        return int(self.run(sql))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# ---- counting instructions ------------------------------------------------------

class Callgrind:
    """Instructions of a statement in a single-user server under valgrind.

    Takes the server down for each.  What the server does besides is counted
    with what comes before the statements, and taken off.
    """

    def __init__(self, datadir, log):
        self.datadir = datadir
        self.log = log
        self.user = os.stat(datadir).st_uid
        self.idle = {}

    def ctl(self, *args):
        subprocess.run(["pg_ctl", "-D", self.datadir, "-w", "-s", *args], check=True,
                       user=self.user, cwd="/", stdout=subprocess.DEVNULL)

    def single(self, text):
        with tempfile.NamedTemporaryFile("r", dir=self.log) as out:
            os.chmod(out.name, 0o666)
            subprocess.run(
                ["valgrind", "--tool=none" if text is None else "--tool=callgrind",
                 "--callgrind-out-file=" + out.name, "postgres", "--single", "-j", "-D", self.datadir,
                 "-c", "shared_preload_libraries=", os.environ["PGDATABASE"]],
                input=text, text=True, check=True, user=self.user, cwd=self.log,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for line in out:
                if line.startswith(("summary:", "totals:")):
                    return int(line.split()[1])
        raise SystemExit("callgrind gave no total")

    def count(self, before, statements):
        self.ctl("-m", "fast", "stop")
        if before not in self.idle:
            self.idle[before] = self.single("".join(s + ";\n\n" for s in before))
        total = self.single("".join(s + ";\n\n" for s in [*before, *statements]))
        self.ctl("-l", os.path.join(self.log, "bench.log"), "start")
        return total - self.idle[before]


# ---- the tables -----------------------------------------------------------------

COLUMNS = "id int PRIMARY KEY, sku text UNIQUE, name text, price numeric(12,2), updated_at timestamptz DEFAULT now()"
ROW = "g, 'sku-' || g, 'Product number ' || g, g % 1000 + 0.99, now()"

# What people write by hand, in PL/pgSQL: one that only appends the keys, one
# that upserts them, by statement and by row.
SETUP = f"""
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'x');
CREATE TABLE appended (feed int, key text, at timestamptz);
CREATE TABLE upserted (feed int, key text, at timestamptz, PRIMARY KEY (feed, key));
CREATE TABLE t_none ({COLUMNS});
CREATE TABLE t_bcdelta ({COLUMNS});
CREATE TABLE t_bcdelta_row ({COLUMNS});
CREATE TABLE t_append ({COLUMNS});
CREATE TABLE t_upsert ({COLUMNS});
CREATE TABLE t_upsert_row ({COLUMNS});
SELECT bcdelta.track('t_bcdelta', 'shop', 'product', '{{"name": "name", "sku": "sku", "price": "price",
    "type": "''physical''", "weight": "1"}}');
SELECT bcdelta.track('t_bcdelta_row', 'shop', 'product', '{{"name": "name", "sku": "sku", "price": "price",
    "type": "''physical''", "weight": "1"}}', capture => 'row');
CREATE FUNCTION append() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO appended SELECT 1, id::text, now() FROM new_rows; RETURN NULL; END $$;
CREATE FUNCTION upsert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO upserted SELECT 1, id::text, now() FROM new_rows
    ON CONFLICT (feed, key) DO UPDATE SET at = excluded.at; RETURN NULL; END $$;
CREATE FUNCTION upsert_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO upserted VALUES (1, NEW.id::text, now())
    ON CONFLICT (feed, key) DO UPDATE SET at = excluded.at; RETURN NULL; END $$;
CREATE TRIGGER i AFTER INSERT ON t_append REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION append();
CREATE TRIGGER u AFTER UPDATE ON t_append REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION append();
CREATE TRIGGER i AFTER INSERT ON t_upsert REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION upsert();
CREATE TRIGGER u AFTER UPDATE ON t_upsert REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION upsert();
CREATE TRIGGER r AFTER INSERT OR UPDATE ON t_upsert_row FOR EACH ROW EXECUTE FUNCTION upsert_row();
CREATE FUNCTION fold(bigint) RETURNS bigint LANGUAGE c AS '$libdir/bcdelta', 'bcdelta_fold';
"""

TABLES = ["t_none", "t_bcdelta", "t_append", "t_upsert", "t_bcdelta_row", "t_upsert_row"]
NAMES = ["bare, instructions", "bcdelta", "PL/pgSQL append", "PL/pgSQL upsert", "bcdelta, rows", "PL/pgSQL upsert, rows"]


def prepare(session, table, rows):
    session.run("TRUNCATE bcdelta.change, bcdelta.pending, appended, upserted")
    session.run(f"TRUNCATE {table}")
    if rows:
        session.run(f"INSERT INTO {table} SELECT {ROW} FROM generate_series(1, {rows}) AS g")
        session.run(f"VACUUM ANALYZE {table}")
        session.run("TRUNCATE bcdelta.change, appended")
    session.run("CHECKPOINT")


def workloads(rows, copy_file):
    """Name, rows before, statements, rows that the statements touch."""
    singles = max(rows // 50, 10)
    ids = [i * 7919 % rows + 1 for i in range(singles)]
    return [
        (f"UPDATE of {rows:,} rows", rows, ["UPDATE {t} SET price = price + 1"], rows),
        (f"INSERT of {rows:,} rows", 0, [f"INSERT INTO {{t}} SELECT {ROW} FROM generate_series(1, {rows}) AS g"], rows),
        (f"COPY of {rows:,} rows", 0, [f"COPY {{t}} FROM '{copy_file}'"], rows),
        ("UPDATE of one row by key", rows,
         [f"UPDATE {{t}} SET price = price + 1 WHERE id = {i}" for i in ids], singles),
        ("the same, prepared", rows, [f"EXECUTE price ({i})" for i in ids], singles),
        (f"UPDATE of {rows:,} rows, a column not mapped", rows, ["UPDATE {t} SET updated_at = clock_timestamp()"], rows),
        ("UPDATE of one row, a column not mapped", rows,
         [f"UPDATE {{t}} SET updated_at = now() WHERE id = {i}" for i in ids], singles),
        ("the same, prepared", rows, [f"EXECUTE touch ({i})" for i in ids], singles),
    ]


def plans(table):
    """Prepares statements on a table, and runs them until their plans are kept."""
    return ("DEALLOCATE ALL",
            f"PREPARE price (int) AS UPDATE {table} SET price = price + 1 WHERE id = $1",
            f"PREPARE touch (int) AS UPDATE {table} SET updated_at = now() WHERE id = $1",
            *["EXECUTE price (0)"] * 7, *["EXECUTE touch (0)"] * 7)


def count(session, callgrind, before, statements):
    if callgrind:
        return callgrind.count(before, statements), Session()
    for statement in before:
        session.run(statement)
    with Counter(session.pid) as counter:
        for statement in statements:
            session.run(statement)
    return counter.count, session


def measure_cost(args):
    callgrind = None if processor_counts() else Callgrind(args.datadir, args.log)
    session = Session()
    copy_file = os.path.join(args.datadir, "copy.dat")
    session.run(f"COPY (SELECT {ROW} FROM generate_series(1, {args.rows}) AS g) TO '{copy_file}'")
    print(f"## Cost of capture\n\nInstructions of the backend in user mode per row, as a ratio to the table without a trigger; counted by "
          f"{'valgrind' if callgrind else 'the processor'}, medians of {args.repeat} alternating runs.\n")
    print("| workload | " + " | ".join(NAMES) + " |")
    print("|---|" + "---:|" * len(NAMES))
    for name, before, statements, n in workloads(args.rows, copy_file):
        counts = {table: [] for table in TABLES}
        for _ in range(args.repeat):
            for table in TABLES:
                prepare(session, table, before)
                session.run(f"SELECT count(*) FROM {table} WHERE id = 1")
                result, session = count(session, callgrind, plans(table), [s.format(t=table) for s in statements])
                counts[table].append(result)
        medians = [statistics.median(counts[table]) for table in TABLES]
        print(f"| {name} | {medians[0] / n:,.0f} | " +
              " | ".join(f"{m / medians[0]:.3f}" for m in medians[1:]) + " |", flush=True)
    session.close()
    os.unlink(copy_file)
    print()


# ---- single rows, with time -------------------------------------------------------


def pgbench(table, args, seconds, directory):
    script = os.path.join(directory, "script.sql")
    with open(script, "w", encoding="ascii") as f:
        f.write(f"\\set id random(1, {args.rows})\nUPDATE {table} SET price = price + 1 WHERE id = :id;\n")
    for name in os.listdir(directory):
        if name.startswith("log"):
            os.unlink(os.path.join(directory, name))
    subprocess.run(["pgbench", "-n", "-c", "2", "-j", "2", "-T", str(seconds), "-M", "prepared", "-f", script,
                    "-l", "--log-prefix", os.path.join(directory, "log")],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    latencies = []
    for name in os.listdir(directory):
        if name.startswith("log"):
            with open(os.path.join(directory, name), encoding="ascii") as f:
                latencies += [int(line.split()[2]) for line in f]
    return latencies


def measure_latency(args):
    session = Session()
    tables = ["t_none", "t_bcdelta", "t_append", "t_upsert"]
    latencies = {table: [] for table in tables}
    rates = {table: [] for table in tables}
    # short runs: whatever else the machine does hits all tables alike
    seconds = max(args.seconds // 5, 1)
    runs = args.seconds * args.repeat // seconds
    for table in tables:
        prepare(session, table, args.rows)
    with tempfile.TemporaryDirectory() as directory:
        for i in range(runs):
            for table in tables[i % 4:] + tables[:i % 4]:
                values = pgbench(table, args, seconds, directory)
                latencies[table] += values
                rates[table].append(len(values) / seconds)
    session.close()
    print("## Latency\n\npgbench, 2 clients, UPDATE of one row by key, fsync on, "
          f"{runs} alternating runs of {seconds} s; transactions/s: the median run.\n")
    print("| | transactions/s | median ms | 95 % | 99 % | 99.9 % |\n|---|---:|---:|---:|---:|---:|")
    for table, name in zip(tables, ["bare"] + NAMES[1:]):
        values = sorted(latencies[table])
        marks = [values[min(int(len(values) * p), len(values) - 1)] / 1000 for p in (0.5, 0.95, 0.99, 0.999)]
        print(f"| {name} | {statistics.median(rates[table]):,.0f} | " + " | ".join(f"{m:.3f}" for m in marks) + " |")
    print()


# ---- folding ----------------------------------------------------------------------


# The table of changes is three, see src/capture/change.h.
SIZE = "SELECT sum(pg_relation_size(oid))::bigint FROM pg_class WHERE oid IN " \
    "('bcdelta.change'::regclass, 'bcdelta.change_1'::regclass, 'bcdelta.change_2'::regclass)"


def memory(pid):
    """Private memory of a process now, and at most so far, in kB."""
    values = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            name, _, rest = line.partition(":")
            if name in ("RssAnon", "VmHWM", "VmRSS"):
                values[name] = int(rest.split()[0])
    return values["RssAnon"]


def serve(session, databases):
    """Lets a worker serve these databases; returns its pid when there is one."""
    session.run(f"ALTER SYSTEM SET bcdelta.databases = '{databases}'")
    session.run("SELECT pg_reload_conf()")
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'bcdelta worker' AND datname = current_database()"
    while True:
        pid = session.run(query)
        if bool(pid) == bool(databases):
            return int(pid) if pid else 0
        time.sleep(0.05)


def measure_backlog(args):
    session = Session()
    rows = args.rows * 10
    prepare(session, "t_bcdelta", 0)
    session.run("ALTER SYSTEM SET bcdelta.naptime = 1")
    serve(session, "")
    session.run(f"INSERT INTO t_bcdelta SELECT {ROW} FROM generate_series(1, {rows}) AS g")
    size = session.number(SIZE)
    pid = serve(session, os.environ["PGDATABASE"])
    start, start_memory = time.monotonic(), memory(pid)
    peak = start_memory
    while session.number("SELECT count(*) FROM (SELECT 1 FROM bcdelta.change LIMIT 1) AS c") > 0:
        peak = max(peak, memory(pid))
        time.sleep(0.02)
    seconds = time.monotonic() - start
    # the table is truncated at the next occasion
    end = time.monotonic() + 15
    while session.number(SIZE) > 0 and time.monotonic() < end:
        time.sleep(0.1)
    after = session.number(SIZE)
    serve(session, "")
    session.close()
    print("## Backlog\n")
    print("| changes | MB | folded by the worker in s | changes/s | its memory at start, MB | most above that, MB | size of the table after, MB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    print(f"| {rows:,} | {size / 1e6:.0f} | {seconds:.1f} | {rows / seconds:,.0f} | {start_memory / 1024:.1f} | "
          f"{(peak - start_memory) / 1024:.1f} | {after / 1e6:.1f} |\n")


def fold_all(folder):
    """Folds what there is; returns instructions (0: not counted) and seconds."""
    start = time.monotonic()
    if processor_counts():
        with Counter(folder.pid) as counter:
            while folder.number("SELECT fold(20000)") > 0:
                pass
        return counter.count, time.monotonic() - start
    while folder.number("SELECT fold(20000)") > 0:
        pass
    return 0, time.monotonic() - start


def held(args, pushed):
    """Folds, under a held snapshot, five changes of every row of the table.

    Returns the costs at the start and at the end, the changes, the table's size.
    """
    writer, folder, holder = Session(), Session(), Session()
    keys, step = args.rows * 10, args.rows // 10
    rounds = 5 * keys // step
    prepare(writer, "t_bcdelta", 0)
    writer.run(f"INSERT INTO t_bcdelta SELECT {ROW} FROM generate_series(1, {keys}) AS g")
    folder.run("SET synchronous_commit = off")
    writer.run("SET synchronous_commit = off")
    fold_all(folder)
    if pushed:
        writer.run("TRUNCATE bcdelta.pending")
    writer.run("VACUUM ANALYZE t_bcdelta")
    writer.run("VACUUM ANALYZE bcdelta.pending")
    writer.run("CHECKPOINT")

    def one(i):
        low = i * step % keys
        writer.run(f"UPDATE t_bcdelta SET price = price + 1 WHERE id > {low} AND id <= {low + step}")
        result = fold_all(folder)
        if pushed:
            writer.run("DELETE FROM bcdelta.pending")
        return result

    # like pg_dump: a lock on the table as well, so it is not truncated
    holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.run("SELECT count(*) FROM bcdelta.change")
    one(0)
    first = [one(i) for i in range(1, 6)]
    for i in range(6, rounds):
        one(i)
    last = [one(i) for i in range(rounds, rounds + 5)]
    size = writer.number(SIZE)
    if writer.number(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {holder.pid} AND backend_xmin IS NOT NULL") != 1:
        raise SystemExit("the snapshot was not held")
    for session in (writer, folder, holder):
        session.close()
    return first, last, rounds * step, size


def measure_held(args):
    session = Session()
    serve(session, "")
    session.close()
    step = args.rows // 10
    print(f"## A held snapshot\n\nFolding {step:,} changes while another session holds a snapshot and a lock on the table of changes: "
          f"at the start, and after five changes of each of {args.rows * 10:,} rows.\n")
    print("| | instructions per change | then | ratio | ms | then | ratio | table, MB |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, pushed in (("nothing is pushed meanwhile", False), ("all is pushed in between", True)):
        first, last, _, size = held(args, pushed)
        instructions = [statistics.median(r[0] for r in results) / step for results in (first, last)]
        ms = [statistics.median(r[1] for r in results) * 1000 for results in (first, last)]
        print(f"| {name} | {instructions[0]:,.0f} | {instructions[1]:,.0f} | {instructions[1] / max(instructions[0], 1):.2f} | "
              f"{ms[0]:.0f} | {ms[1]:.0f} | {ms[1] / ms[0]:.2f} | {size / 1e6:.0f} |", flush=True)
    print()


# ---- WAL --------------------------------------------------------------------------


def measure_wal(args):
    session = Session()

    def wal(statement):
        before = session.run("SELECT pg_current_wal_insert_lsn()")
        session.run(statement)
        return session.number(f"SELECT pg_current_wal_insert_lsn() - '{before}'::pg_lsn")

    def settings(full_page_writes, autovacuum):
        session.run(f"ALTER SYSTEM SET full_page_writes = {full_page_writes}")
        session.run(f"ALTER SYSTEM SET autovacuum = {autovacuum}")
        session.run("SELECT pg_reload_conf()")
        while session.run("SHOW full_page_writes") + session.run("SHOW autovacuum") != full_page_writes + autovacuum:
            time.sleep(0.05)

    print("## WAL\n\nBytes per captured row, beyond what the statement writes anyway, without full-page images.\n")
    print("| | " + " | ".join(NAMES[1:4]) + " |\n|---|---:|---:|---:|")
    settings("off", "off")
    for name, statement, n in (
            (f"INSERT of {args.rows:,} rows", f"INSERT INTO {{t}} SELECT {args.rows} + {ROW.replace('sku-', 'new-')} FROM generate_series(1, {args.rows}) AS g", args.rows),
            (f"UPDATE of {args.rows:,} rows", "UPDATE {t} SET price = price + 1", args.rows),
            ("1,000 UPDATEs of one row",
             "DO $$BEGIN FOR i IN 1..1000 LOOP UPDATE {t} SET price = price + 1 WHERE id = i; END LOOP; END$$", 1000)):
        bytes_ = {}
        for table in TABLES[:4]:
            results = []
            for _ in range(args.repeat):
                prepare(session, table, args.rows)
                results.append(wal(statement.format(t=table)))
            bytes_[table] = statistics.median(results)
        print(f"| {name} | " + " | ".join(f"{(bytes_[t] - bytes_['t_none']) / n:.0f}" for t in TABLES[1:4]) + " |")
    settings("on", "on")
    session.close()
    print()


# ---- push: immediate ----------------------------------------------------------------


class LiveCallgrind(Callgrind):
    """The whole server under valgrind, with its worker: what a commit tells it
    is in memory that both share.  Each backend leaves a file with its number."""

    def __enter__(self):
        self.files = tempfile.mkdtemp(dir=self.log)
        os.chmod(self.files, 0o777)
        self.ctl("-m", "fast", "stop")
        self.server = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.files}/%p", "postgres", "-D", self.datadir,
             "-c", "bcdelta.naptime=1h", "-c", "bcdelta.gather_time=1min", "-c", "max_worker_processes=4",
             "-c", "bcdelta.databases=" + os.environ["PGDATABASE"]],
            user=self.user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ask = ["psql", "-XAtc", "SELECT bcdelta.worker_state()"]
        while subprocess.run(ask, capture_output=True, text=True, check=False).stdout != "running\n":
            time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.ctl("-m", "fast", "stop", "-t", "600")
        self.server.wait()
        self.ctl("-l", os.path.join(self.log, "bench.log"), "start")

    def total(self, statements):
        text = "SELECT pg_backend_pid();\n" + "".join(s + ";\n" for s in statements)
        out = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], input=text, capture_output=True, text=True, check=True).stdout
        name = os.path.join(self.files, out.split("\n", 1)[0])
        while True:
            try:
                with open(name, encoding="utf-8") as f:
                    for line in f:
                        if line.startswith(("summary:", "totals:")):
                            return int(line.split()[1])
            except FileNotFoundError:
                pass
            time.sleep(0.1)


def measure_immediate(args):
    session = Session()
    session.run("ALTER SERVER shop OPTIONS (api_url 'http://127.0.0.1:1')")
    session.run(f"CREATE TABLE t_now ({COLUMNS})")
    session.run("""SELECT bcdelta.track('t_now', 'shop', 'product', '{"name": "name", "sku": "sku", "price": "price",
        "type": "''physical''", "weight": "1"}', options => '{"push": "immediate"}')""")
    for table in ("t_none", "t_bcdelta", "t_now"):
        prepare(session, table, 2000)
    session.run("TRUNCATE bcdelta.change, bcdelta.pending")
    session.close()
    n = 400
    counts = {}
    with LiveCallgrind(args.datadir, args.log) as callgrind:
        for _ in range(args.repeat):
            for table in ("t_none", "t_bcdelta", "t_now"):
                before = ["SET synchronous_commit = off", *plans(table), "EXECUTE price (1999)"]
                statements = [f"EXECUTE price ({i * 7 % 1900 + 1})" for i in range(n)]
                counts.setdefault(table, []).append((callgrind.total([*before, *statements]) - callgrind.total(before)) / n)
        session = Session()
        woken = session.number("SELECT n FROM bcdelta.worker_wake_ups() WHERE cause = 'commit'")
        session.close()
    session = Session()
    session.run("SELECT bcdelta.untrack('t_now')")
    session.run("ALTER SERVER shop OPTIONS (DROP api_url)")
    session.close()
    print(f"## push: immediate\n\nInstructions of a prepared UPDATE of one row by key, with a worker, counted by valgrind: the least and the most of "
          f"{args.repeat} alternating runs of {n}. {args.repeat * (n + 2):,} commits have changed rows of the feed with push immediate, and woken the worker {woken} times.\n")
    print("| feed | instructions |\n|---|---:|")
    for table, name in (("t_none", "none"), ("t_bcdelta", "bcdelta"), ("t_now", "bcdelta, push: immediate")):
        print(f"| {name} | {min(counts[table]):,.0f} to {max(counts[table]):,.0f} |")
    print()


# ---- everything -------------------------------------------------------------------

PARTS = {"cost": measure_cost, "latency": measure_latency, "backlog": measure_backlog,
         "held": measure_held, "wal": measure_wal, "immediate": measure_immediate}


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            names = [line.partition(":")[2].strip() for line in f if line.startswith("model name")]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.machine()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--datadir", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("parts", nargs="*")
    args = parser.parse_args()
    if args.small:
        args.rows //= 10
        args.repeat = min(args.repeat, 2)
        args.seconds = 2
    session = Session()
    session.run(SETUP)
    version = session.run("SHOW server_version").split()[0]
    session.close()
    print(f"# Bench: capture\n\n{datetime.date.today().isoformat()}, PostgreSQL {version}, {platform.system()} on "
          f"{os.cpu_count()} × {processor()}, a table of id, unique sku, name, price, updated_at.\n", flush=True)
    for name in args.parts or PARTS:
        PARTS[name](args)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
