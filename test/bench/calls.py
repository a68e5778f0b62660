"""How many calls changes of every kind take, beside the least that the API's documentation allows."""

import json
from collections import Counter

from calls_kinds import KINDS, NEW, PRODUCT, VERIFY, requests
from fixtures import Products, Store, say, table


def calls_of(store, action):
    store.control.clear()
    run = action()
    counts = store.control.counts()
    by_method = Counter()
    for endpoint, statuses in counts["requests"].items():
        by_method[endpoint] += sum(statuses.values())
    return run, counts["total"], ", ".join("%d %s" % (n, e) for e, n in by_method.most_common())


class Calls:
    """The table, row by row."""

    def __init__(self):
        self.rows = []

    def add(self, what, least, source, store, action):
        say("calls: " + what)
        run, total, how = calls_of(store, action)
        self.rows.append([what, str(total), str(least), "%.3f" % (total / least) if least else "-", source, how])
        return run


def link_or_verify(sql, feed, what):
    row = json.loads(sql.run("SELECT to_json(r) FROM bcdelta.%s('%s') AS r" % (what, feed)))
    if row["state"] != "succeeded" or row["conflicts"]:
        raise SystemExit("%s did not succeed: %s" % (what, row))
    return row


def products(calls, bench, n):
    sql, store = bench.sql, Store(bench)
    items = Products(store, n, linked=False, on_delete="delete", stock=True)
    sql.run("SELECT bcdelta.mark_all('item')")
    calls.add("new products", n + n // 250, "look-up by 250 SKUs, create by 1", store, items.push)
    items.change("price = price + 1")
    calls.add("price of products", n // 10, "update by 10", store, items.push)
    items.change("stock = stock + 1")
    calls.add("stock of products", requests(n, 2000), "inventory by 2,000", store, items.push)
    items.change("price = price + 1, stock = stock + 1")
    calls.add("price and stock of products", n // 10 + requests(n, 2000), "update by 10, inventory by 2,000", store, items.push)
    sql.run("SELECT bcdelta.mark_all('item')")
    calls.add("unchanged products", 0, "none", store, items.push)
    sql.run("DELETE FROM bcdelta.link")
    calls.add("link of products", n // 250, "look-up by 250 SKUs", store, lambda: link_or_verify(sql, "item", "link"))
    calls.add("verify of products", n // 250 + 1, "read by 250, count", store, lambda: link_or_verify(sql, "item", "verify"))
    sql.run("DELETE FROM item")
    calls.add("products deleted", n // 250, "delete by 250", store, items.push)
    items.end()


class Rows:
    """A table t, tracked as feed t, with rows that belong to others.

    Its rows have the columns id, v and w, and parent: one of n / per rows of
    table p, if there is one, which is tracked as products, or as "above" says
    (resource and fields). Those are pushed before, unless "together"; and so
    are the rows of other tables, "beside": resource and fields of each.

    "first" is for what is asked of a store once: a change of rows (NEW: that they
    are made), their number, the least number of calls, and why.  Those rows are gone
    when the others come.
    """

    def __init__(self, bench, resource, n, fields, per=1, product=None, above=None, beside=(), together=False,
                 options=None, on_delete="delete", first=None, **settings):
        self.first, self.parent = first, n // per + 1 if per else None
        self.store, self.sql, self.together = Store(bench, **settings), bench.sql, together
        self.feeds = []
        for number, (other, others) in enumerate(beside):
            self.table("b%d" % (number + 1), other, others, 1)
            self.sql.push(self.feeds[0])
        if per:
            other, others = above or ("product", dict(PRODUCT, sku="'P' || id", name="'Product ' || id", **product or {}))
            self.table("p", other, others, n // per)
            if not together:
                self.sql.push("p")
        self.table("t", resource, fields, n, per or 1, options, on_delete)

    def table(self, name, resource, fields, n, per=1, options=None, on_delete="delete"):
        self.sql.run("CREATE TABLE %s (id int PRIMARY KEY, parent int, v int DEFAULT 1, w int DEFAULT 1);"
                     "INSERT INTO %s SELECT n, (n - 1) / %d + 1 FROM generate_series(1, %d) AS n;"
                     "SELECT bcdelta.track('%s', '%s', '%s', '%s', on_delete => '%s', options => '%s');"
                     "SELECT bcdelta.mark_all('%s')"
                     % (name, name, per, n, name, self.store.name, resource, json.dumps(fields).replace("'", "''"),
                        on_delete, json.dumps(options or {}), name))
        self.feeds.insert(0, name)

    def count_first(self, calls, kind):
        """Counts what a store is asked once, with rows of its own."""
        change, most, least, why = self.first
        if self.parent:
            self.sql.run("INSERT INTO p VALUES (%d, 0)" % self.parent)
            self.sql.push("p")
        self.sql.run("CREATE TABLE others AS TABLE t; DELETE FROM t; INSERT INTO t SELECT 1 - n, %d FROM generate_series(1, %d) AS n" % (self.parent or 0, most))
        if change != NEW:
            self.push()
        calls.add(kind + ": the first, once per store", least, why, self.store, self.after(change) if change else self.push)
        self.sql.run("DELETE FROM t")
        self.push()
        if self.parent:
            self.sql.run("DELETE FROM p WHERE id = %d" % self.parent)
            self.sql.push("p")
        self.sql.run("INSERT INTO t TABLE others; DROP TABLE others")

    def push(self):
        if not self.together:
            return self.sql.push("t")
        self.together = False
        return self.sql.push_all(self.store.name)

    def verify(self):
        return link_or_verify(self.sql, "t", "verify")

    def after(self, change):
        """A push after a change of the table."""
        def action():
            self.sql.run(change)
            return self.push()
        return action

    def end(self):
        for feed in self.feeds:
            self.sql.run("SELECT bcdelta.untrack('%s'); DROP TABLE %s" % (feed, feed))
        self.sql.run("TRUNCATE bcdelta.result")
        self.store.end()


def categories(calls, bench, n):
    sql, store = bench.sql, Store(bench)
    tops = n // 100
    sql.run("CREATE TABLE groups (id int PRIMARY KEY, title text, above int);"
            "INSERT INTO groups SELECT n, 'Category ' || n, CASE WHEN n > %d THEN n %% %d + 1 END"
            " FROM generate_series(1, %d) AS n;"
            "SELECT bcdelta.track('groups', '%s', 'category', '{\"name\": \"title\","
            " \"parent_id\": \"CASE WHEN above IS NULL THEN 0 ELSE bcdelta.ref(''groups'', above) END\"}',"
            " on_delete => 'delete');"
            "SELECT bcdelta.mark_all('groups')" % (tops, tops, n, store.name))
    calls.add("new categories, two levels", n // 10 + 2, "tree, list by 250 (none), create by 10", store,
              lambda: sql.push("groups"))
    sql.run("UPDATE groups SET title = title || 'b'")
    calls.add("categories renamed", n // 10, "update by 10", store, lambda: sql.push("groups"))
    sql.run("DELETE FROM groups WHERE id > %d" % tops)
    calls.add("categories deleted", requests(n - tops, 50), "delete by 50 (assumed)", store, lambda: sql.push("groups"))
    sql.run("SELECT bcdelta.untrack('groups'); DROP TABLE groups; TRUNCATE bcdelta.result")
    store.end()


def part_calls(bench):
    n = 10000 // bench.scale
    calls = Calls()
    case = bench.options.case
    if case in "flat products":
        products(calls, bench, n)
    if case in "trees of categories":
        categories(calls, bench, n)
    for kind, resource, most, making, steps in KINDS:
        if case not in kind:
            continue
        n = min(10000 // bench.scale, most or 10000)
        rows = Rows(bench, resource, n, **making)
        if rows.first:
            rows.count_first(calls, kind)
        for what, change, least, why in steps:
            calls.add("%s: %s" % (kind, what) if n * bench.scale == 10000 else "%d %s: %s" % (n, kind, what), least(n), why, rows.store,
                      rows.verify if change is VERIFY else rows.after(change) if change else rows.push)
        rows.end()
    table("Calls per %s rows" % format(10000 // bench.scale, ","),
          ["change", "calls", "documented least", "ratio", "which is", "calls made"], calls.rows)
