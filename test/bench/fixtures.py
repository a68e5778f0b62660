"""What the measurements stand on: a session, simulated stores, tracked tables."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STORE = os.path.join(HERE, "..", "store")
sys.path.insert(0, STORE)

from control import Control  # noqa: E402

MARK = "--done--"


# ---- sessions -------------------------------------------------------------------


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
        return self.pushed("'%s'%s" % (feed, extra))

    def push_all(self, server):
        """The same for all feeds of a server."""
        return self.pushed("server => '%s'" % server)

    def pushed(self, arguments):
        row = json.loads(self.run("SELECT to_json(r) FROM bcdelta.push(%s) AS r" % arguments))
        if row["state"] != "succeeded" or row["failed"] or row["deferred"]:
            raise SystemExit("a push did not succeed: %s" % row)
        return row


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

    def __init__(self, store, rows, size=0, linked=True, on_delete="ignore", stock=False):
        self.store, self.rows, self.sql = store, rows, store.bench.sql
        self.fields = LARGE if size else SMALL
        if stock:
            self.fields = dict(self.fields, inventory_level="stock", inventory_tracking="'product'")
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
        self.sql.run("INSERT INTO bcdelta.link (feed, key, store_id, address, payload)"
                     " SELECT 'item', id::text, id, id::text, jsonb_build_object(%s) FROM item" % values)

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
