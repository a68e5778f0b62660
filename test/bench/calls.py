"""How many calls changes of every kind take, beside the least that the API's documentation allows."""

import json
from collections import Counter

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


def requests(rows, size):
    """So many rows in requests of this size."""
    return -(-rows // size)


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
    """A table t, tracked as feed t, below products p, which are in the store.

    The rows have the columns id, parent (of one of n / per products) and v.
    """

    def __init__(self, bench, resource, n, fields, per=1, product=None, **settings):
        self.store, self.sql = Store(bench, **settings), bench.sql
        track = "SELECT bcdelta.track('%s', '" + self.store.name + "', '%s', '%s', on_delete => 'delete');"
        if per:
            self.sql.run("CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(1, %d);" % (n // per)
                         + track % ("p", "product", json.dumps(dict(
                             {"name": "'Product ' || id", "sku": "'P' || id", "type": "'physical'", "weight": "1", "price": "1"},
                             **product or {})).replace("'", "''"))
                         + "SELECT bcdelta.mark_all('p')")
            self.sql.push("p")
        self.sql.run("CREATE TABLE t (id int PRIMARY KEY, parent int, v int);"
                     "INSERT INTO t SELECT n, (n - 1) / %d + 1, 1 FROM generate_series(1, %d) AS n;" % (per or 1, n)
                     + track % ("t", resource, json.dumps(fields).replace("'", "''"))
                     + "SELECT bcdelta.mark_all('t')")
        self.feeds = ["t"] + ["p"] * bool(per)

    def push(self):
        return self.sql.push("t")

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


# What it is, the resource, how to make the rows, and then: a change, what to do
# (NULL: verify), the least number of calls by the number of rows, and why.
CHANGED, GONE, VERIFY = "UPDATE t SET v = v + 1", "DELETE FROM t", None
NEW = ""
KINDS = (
    ("brands", "brand", dict(per=0, fields={"name": "'Brand ' || id", "page_title": "v::text"}), (
        ("new", NEW, lambda n: n + 1, "list by 250 (none), create by 1"),
        ("changed", CHANGED, lambda n: n, "update by 1"),
        ("verify", VERIFY, lambda n: n // 250 + 1, "list by 250, count"),
        ("deleted", GONE, lambda n: n, "delete by 1"))),
    ("variants of new products", "variant", dict(per=10, product={"inventory_tracking": "'variant'"}, fields={
        "product_id": "bcdelta.ref('p', parent)", "sku": "'V' || id", "price": "v", "option_values":
        "jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', 'S' || id % 10))"}), (
            ("new", NEW, lambda n: n // 10 * 2 + n // 50, "options of a product by 1, create by 50 (described in text only)"),
            ("price", CHANGED, lambda n: n // 50, "update by 50"),
            ("verify", VERIFY, lambda n: n // 250, "list by 250"),
            ("deleted", GONE, lambda n: n, "delete by 1"))),
    ("stock of two locations", "inventory", dict(
        per=2, locations=[{"id": 1}, {"id": 2}], product={"inventory_tracking": "'product'"},
        fields={"location_id": "id % 2 + 1", "product_id": "bcdelta.ref('p', parent)", "quantity": "v"}), (
            ("new", NEW, lambda n: requests(n, 2000), "absolute by 2,000"),
            ("changed", CHANGED, lambda n: requests(n, 2000), "absolute by 2,000"),
            ("verify", VERIFY, lambda n: requests(n, 1000), "items by 1,000"))),
    ("price records", "price_record", dict(
        per=1, price_lists=[1], fields={"price_list_id": "1", "currency": "'usd'", "sku": "'P' || parent", "price": "v"}), (
            ("new", NEW, lambda n: requests(n, 1000), "upsert by 1,000"),
            ("changed", CHANGED, lambda n: requests(n, 1000), "upsert by 1,000"),
            ("verify", VERIFY, lambda n: n // 250, "list by 250"),
            ("deleted", GONE, lambda n: n // 250, "delete by 250"))),
    ("channels of products", "channel_assignment", dict(
        per=1, fields={"product_id": "bcdelta.ref('p', parent)", "channel_id": "1"}), (
            ("new", NEW, lambda n: n // 50, "put by 50"),
            ("verify", VERIFY, lambda n: n // 250, "list by 250"),
            ("deleted", GONE, lambda n: n // 250, "delete by 250 of a channel"))),
    ("custom field of products", "product", dict(
        per=0, fields={"name": "'Product ' || id", "sku": "'S' || id", "type": "'physical'", "weight": "1", "price": "1",
                       "custom_fields": "jsonb_build_array(jsonb_build_object('name', 'A', 'value', v::text))"}), (
            ("new", NEW, lambda n: n + n // 250, "look-up by 250, in the create"),
            ("changed", CHANGED, lambda n: n // 10, "update by 10"),
            ("verify", VERIFY, lambda n: n // 250 + 1, "read by 250, count"))),
    ("channels of products, in their mapping", "product", dict(
        per=0, fields={"name": "'Product ' || id", "sku": "'S' || id", "type": "'physical'", "weight": "1", "price": "1",
                       "channels": "ARRAY[1]"}), (
            ("new", NEW, lambda n: n + n // 250 * 2 + n // 50, "look-up by 250, create by 1, read by 250, put by 50"),
            ("verify", VERIFY, lambda n: n // 250 + 1, "read by 250, count"))),
    ("modifier with two values", "product", dict(
        per=0, fields={"name": "'Product ' || id", "sku": "'S' || id", "type": "'physical'", "weight": "1", "price": "1",
                       "modifiers": "jsonb_build_array(jsonb_build_object('type', 'dropdown', 'display_name', 'M', 'required', true,"
                       " 'option_values', jsonb_build_array(jsonb_build_object('label', 'A', 'sort_order', v),"
                       " jsonb_build_object('label', 'B', 'sort_order', 0))))"}), (
            ("new", NEW, lambda n: 2 * n + n // 250, "look-up by 250, create by 1, modifier by 1"),
            ("changed", CHANGED, lambda n: n, "value by 1"),
            ("verify", VERIFY, lambda n: n // 10 + 1, "read by 10, count"))),
    ("customers", "customer", dict(
        per=0, fields={"email": "'c' || id || '@example.org'", "first_name": "'F' || v", "last_name": "'L'"}), (
            ("new", NEW, lambda n: n // 10 + n // 10, "look-up by 10 addresses (assumed), create by 10"),
            ("changed", CHANGED, lambda n: n // 10, "update by 10"),
            ("verify", VERIFY, lambda n: n // 250 + 1, "list by 250, count"),
            ("deleted", GONE, lambda n: n // 100, "delete by 100 (assumed)"))),
    ("redirects", "redirect", dict(
        per=0, fields={"site_id": "1000", "from_path": "'/old/' || id",
                       "to": "jsonb_build_object('type', 'url', 'url', '/new/' || v)"}), (
            ("new", NEW, lambda n: n // 50, "put by 50"),
            ("changed", CHANGED, lambda n: n // 50, "put by 50"),
            ("verify", VERIFY, lambda n: n // 250 + 1, "list by 250, count"),
            ("deleted", GONE, lambda n: n // 250, "delete by 250"))),
)


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
    products(calls, bench, n)
    categories(calls, bench, n)
    for kind, resource, making, steps in KINDS:
        rows = Rows(bench, resource, n, **making)
        for what, change, least, why in steps:
            calls.add("%s: %s" % (kind, what), least(n), why, rows.store,
                      rows.verify if change is VERIFY else rows.after(change) if change else rows.push)
        rows.end()
    table("Calls per %s rows" % format(n, ","),
          ["change", "calls", "documented least", "ratio", "which is", "calls made"], calls.rows)
