"""The control path, the command line, and the end of the process."""

import json
import os
import signal
import socket
import subprocess
import sys
import unittest
from email.utils import parsedate_to_datetime

from control import ControlError
from exactjson import JsonError, loads, text
from harness import HERE, TIMEOUT, Client, Process, StoreCase, until

BRANDS = "/catalog/brands"


class Looking(StoreCase):
    def test_state(self):
        brand, category = self.brand(), self.category()
        made = self.product(brand_id=brand["id"], price=1.25)
        state = self.control.state()
        self.assertEqual(state["brands"], [brand])
        self.assertEqual(state["categories"], [category])
        self.assertEqual(state["products"][0]["name"], made["name"])
        self.assertEqual(state["trees"][0]["id"], 1)
        self.assertEqual(self.control.state("brands"), [brand])

    def test_part_of_the_state(self):
        keys = [self.product(n)["id"] for n in "abc"]
        self.assertEqual(
            self.control.state("products", ids="%d,99999" % keys[1],
                               fields="name"),
            [{"id": keys[1], "name": "b"}])

    def test_counts(self):
        self.brand()
        self.api("POST", BRANDS, {"name": "Nordic"})
        self.api("GET", BRANDS + "/99")
        self.api("GET", "/nothing")
        counts = self.control.counts()
        self.assertEqual(counts["requests"], {
            "POST /catalog/brands": {"200": 1, "409": 1},
            "GET /catalog/brands/{id}": {"404": 1},
            "GET (no resource)": {"404": 1}})
        self.assertEqual(counts["statuses"], {"200": 1, "409": 1, "404": 2})
        self.assertEqual((counts["total"], counts["server"]["bugs"]), (4, 0))
        self.assertEqual({name: n for name, n in counts["records"].items()
                          if n}, {"brands": 1})

    def test_journal(self):
        self.product(price=1)
        self.api("PUT", "/catalog/products/77?include_fields=price",
                 '{"price":1.50000}')
        self.api("POST", BRANDS, '{"name')
        first, second, third = self.control.journal()
        self.assertEqual([e["n"] for e in (first, second, third)],
                         [first["n"] + i for i in range(3)])
        self.assertLessEqual(first["t"], first["t_end"])
        self.assertLessEqual(first["t_end"], second["t"])
        self.assertEqual(second["method"], "PUT")
        self.assertEqual(second["path"], "/catalog/products/77")
        self.assertEqual(second["query"], "include_fields=price")
        self.assertEqual(second["endpoint"], "PUT /catalog/products/{id}")
        self.assertEqual(second["body"], {"price": 1.5})
        self.assertEqual((second["status"], second["changed"],
                          second["delivered"]), (200, [["product", 77]],
                                                 True))
        self.assertEqual((third["body"], third["body_text"]),
                         (None, '{"name'))

    def test_journal_selection(self):
        for name in "abc":
            self.brand(name)
        self.api("GET", BRANDS)
        entries = self.control.journal()
        self.assertEqual(self.control.journal(since=entries[1]["n"]),
                         entries[2:])
        self.assertEqual(self.control.journal(method="GET"), entries[3:])
        self.assertEqual(self.control.journal(path="^/v2"), [])

    def test_journal_is_forgotten(self):
        self.brand()
        self.control.clear()
        self.assertEqual(self.control.journal(), [])
        self.assertEqual(self.control.counts()["total"], 0)
        self.brand("other")
        self.assertEqual(len(self.control.journal()), 1)

    def test_journal_without_bodies(self):
        self.set(journal_bodies=False)
        self.brand()
        entry = self.control.journal()[-1]
        self.assertEqual((entry["body"], entry["body_dropped"]),
                         (None, True))

    def test_journal_has_a_size(self):
        self.set(journal_bytes=30, journal_limit=3)
        for name in "abcd":
            self.brand(name)
        entries = self.control.journal()
        self.assertEqual([e["body"] for e in entries],
                         [None, {"name": "c"}, {"name": "d"}])
        self.assertEqual(
            self.control.call("GET", "/journal")["forgotten"], 1)

    def test_control_leaves_no_trace(self):
        self.set(quota=3, latency_ms=60000)
        for _ in range(5):
            self.control.state()
        self.assertEqual(self.control.journal(), [])
        self.assertEqual(self.control.counts()["window"]["used"], 0)


class Seeding(StoreCase):
    def test_records_with_and_without_ids(self):
        loaded = self.control.seed("products", [
            {"id": 500, "name": "a", "sku": "s", "price": "1.25"},
            {"name": "b"}, {"id": 3, "name": "c", "price": 7,
                            "date_created": "2020-01-01T00:00:00Z",
                            "date_modified": "2021-01-01T00:00:00Z"}])
        self.assertEqual(loaded["ids"], [500, 501, 3])
        self.assertEqual(self.ids(""), [3, 500, 501])
        first = self.control.state("products")[0]
        self.assertEqual((first["date_created"], first["date_modified"]),
                         ("2020-01-01T00:00:00+00:00",
                          "2021-01-01T00:00:00+00:00"))
        self.assertEqual(self.ids("?sku=s"), [500])
        self.assertEqual(self.product("d")["id"], 502)

    def test_other_kinds(self):
        self.control.seed("brands", [{"id": 9, "name": "b"}])
        self.control.seed("categories", [
            {"category_id": 5, "name": "top"},
            {"id": 6, "name": "below", "parent_id": 5}])
        self.assertEqual(self.control.state("categories")[1]["parent_id"], 5)
        self.control.seed("brands", [{"id": 90, "name": "c"}])
        self.assertEqual(self.brand("d")["id"], 91)

    def test_template(self):
        loaded = self.control.post("/seed", {
            "kind": "products", "count": 1000, "template": {
                "name": "P {n}", "sku": "S{n}", "price": "9.99"}})
        self.assertEqual((loaded["loaded"], loaded["first"],
                          loaded["last"]), (1000, 77, 1076))
        self.assertEqual(self.ids("?sku:in=s1,S1000,S1001"), [77, 1076])

    def test_light_checks(self):
        for kind, record in (("products", {"sku": "a"}), ("products", 5),
                             ("products", {"name": 5}),
                             ("products", {"name": "a", "price": "x"}),
                             ("products", {"name": "a", "colour": "x"}),
                             ("products", {"name": "a",
                                           "date_modified": "soon"}),
                             ("categories", {"name": "a", "parent_id": 9}),
                             ("orders", {})):
            self.assertRaises(ControlError, self.control.seed, kind,
                              [record])


class Editing(StoreCase):
    def test_edit_of_a_product(self):
        made = self.product(sku="a")
        self.set(clock_offset_s=60)
        self.control.edit("product", made["id"], price="1.25", sku="b")
        now = self.control.state("products")[0]
        self.assertEqual((now["price"], now["sku"]), (1.25, "b"))
        self.assertGreater(now["date_modified"], made["date_modified"])
        self.assertEqual(self.ids("?sku=b"), [made["id"]])
        self.control.edit("product", made["id"],
                          date_modified="2031-01-01T00:00:00Z")
        self.assertEqual(self.control.state("products")[0]["date_modified"],
                         "2031-01-01T00:00:00+00:00")
        self.assertEqual(len(self.control.journal()), 2)

    def test_edit_of_a_brand_and_a_category(self):
        self.control.edit("brand", self.brand()["id"], name="Other")
        top = self.category("top")["category_id"]
        key = self.category("c")["category_id"]
        self.control.edit("category", key, name="d", parent_id=top)
        state = self.control.state()
        self.assertEqual(state["brands"][0]["name"], "Other")
        self.assertEqual((state["categories"][1]["name"],
                          state["categories"][1]["parent_id"]), ("d", top))

    def test_an_edit_obeys_the_rules(self):
        self.product("a")
        key = self.product("b")["id"]
        for changes in ({"name": "a"}, {"brand_id": 9}, {"price": -1},
                        {"id": 5}):
            self.assertRaises(ControlError, self.control.edit, "product",
                              key, **changes)
        self.assertRaises(ControlError, self.control.edit, "product", 9,
                          price=1)

    def test_remove(self):
        brand = self.brand()["id"]
        category = self.category()["category_id"]
        key = self.product(brand_id=brand, categories=[category])["id"]
        self.control.remove("brand", brand)
        self.control.remove("category", category)
        now = self.control.state("products")[0]
        self.assertEqual((now["brand_id"], now["categories"]), (0, []))
        self.control.remove("product", key)
        self.assertFalse(any(self.control.counts()["records"].values()))


class Steering(StoreCase):
    def test_reset_of_parts(self):
        self.set(quota=7)
        self.brand()
        self.control.reset(["settings"])
        self.assertEqual(self.control.settings()["quota"], 0)
        self.assertEqual(len(self.control.state("brands")), 1)
        self.control.reset()
        self.assertEqual(self.control.state("brands"), [])
        self.assertEqual(self.brand()["id"], 35)

    def test_bad_calls(self):
        for method, path, body in (
                ("GET", "/nothing", None), ("POST", "/settings", {"x": 1}),
                ("POST", "/settings", {"quota": "1"}),
                ("POST", "/settings", {"quota": -1}),
                ("POST", "/settings", {"batch_mode": "x"}),
                ("POST", "/settings", {"retry_after": "x"}),
                ("POST", "/settings", {"other_app": {"n": 1}}),
                ("POST", "/settings", {"concurrency": [{"path": "("}]}),
                ("POST", "/faults", {}), ("POST", "/faults", {"do": {}}),
                ("POST", "/faults", {"do": {"explode": 1}}),
                ("POST", "/faults", {"do": {"status": "500"}}),
                ("POST", "/faults", {"do": {"lose": "x"}}),
                ("POST", "/faults", {"do": {"partial": {"x": 1}}}),
                ("POST", "/faults", {"match": {"path": "("},
                                     "do": {"status": 500}}),
                ("POST", "/faults", {"match": {"x": 1},
                                     "do": {"status": 500}}),
                ("POST", "/hold", {"process": "x"}),
                ("POST", "/hold", {"x": 1}), ("POST", "/release", {"x": 1}),
                ("POST", "/use", {"calls": "x"}),
                ("POST", "/reset", {"what": ["x"]}),
                ("POST", "/stores", {"hash": "a b", "token": "x"}),
                ("GET", "/state", {"store": "nowhere"})):
            self.assertRaises(ControlError, self.control.call, method, path,
                              body)
        self.assertEqual(self.control.counts()["server"]["bugs"], 0)

    def test_clients_are_disconnected(self):
        self.brand()
        self.assertEqual(self.control.post("/disconnect")["reset"], 1)
        self.assertRaises((ConnectionError, OSError), self.api, "GET",
                          BRANDS)

    def test_clock(self):
        self.set(clock_offset_s=-86400)
        then = self.client(version="v2")("GET", "/time").json["time"]
        self.set(clock_offset_s=0)
        now = self.client(version="v2")("GET", "/time").json["time"]
        self.assertGreaterEqual(now - then, 86400)

    def test_replies_have_the_date_of_that_clock(self):
        dates = []
        for offset in (3600, 0):
            self.set(clock_offset_s=offset)
            reply = self.client(version="v2")("GET", "/time")
            date = parsedate_to_datetime(reply.headers["date"]).timestamp()
            self.assertLessEqual(abs(date - reply.json["time"]), 1)
            dates.append(date)
        self.assertGreaterEqual(dates[0] - dates[1], 3590)

    def command(self, *arguments):
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "control.py")]
            + list(arguments), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=TIMEOUT)
        return done.returncode, done.stdout.decode()

    def test_command(self):
        url = self.process.url
        code, out = self.command(url, "seed", json.dumps({
            "kind": "brands", "records": [{"name": "\u00c4"}]}))
        self.assertEqual((code, json.loads(out)["loaded"]), (0, 1))
        code, out = self.command(url, "state", "brands")
        self.assertEqual(json.loads(out)[0]["name"], "\u00c4")
        self.product(price=1)
        self.control.edit("product", 77, price="9007199254740993.0001")
        self.assertIn('"price":9007199254740993.0001,',
                      self.command(url, "state", "products")[1])
        self.brand()
        code, out = self.command(url, "wait", "9", "records.brands", "2")
        self.assertEqual((code, out.strip()), (0, "true"))
        self.assertEqual(self.command(url, "use", "x")[0], 1)
        self.assertEqual(self.command(url, "nothing")[0], 2)
        self.assertEqual(self.command(url)[0], 2)


class Stores(unittest.TestCase):
    def test_stores_do_not_know_each_other(self):
        process = Process("--store-hash", "a", "--token", "ta",
                          "--store-hash", "b", "--token", "tb",
                          "--quota", "10")
        self.addCleanup(process.stop)
        from control import Control
        control = {h: Control(process.url, h) for h in "abc"}
        control["a"].post("/stores", {"hash": "c", "token": "tc"})
        control["b"].fault({"match": {}, "do": {"status": 503}})
        clients = {h: Client(process.port, h, "t" + h) for h in "abc"}
        for client in clients.values():
            self.addCleanup(client.close)
        answers = {h: client("POST", BRANDS, {"name": h}).status
                   for h, client in clients.items()}
        self.assertEqual(answers, {"a": 200, "b": 503, "c": 200})
        clients["a"].token = "tb"
        self.assertEqual(clients["a"]("GET", BRANDS).status, 401)
        for hash_, names in (("a", ["a"]), ("b", []), ("c", ["c"])):
            self.assertEqual(
                [b["name"] for b in control[hash_].state("brands")], names)
            self.assertEqual(control[hash_].counts()["window"]["used"], 1)
        self.assertEqual(len(control["a"].journal()), 2)
        self.assertEqual(len(Control(process.url + "?store=b").journal()), 1)


class CommandLine(unittest.TestCase):
    def start(self, *options):
        process = Process(*options)
        self.addCleanup(process.stop)
        return process

    def test_settings(self):
        from control import Control
        process = self.start("--quota", "7", "--window-ms", "50", "--set",
                             "gzip=false", "--no-journal-bodies")
        settings = Control(process.url).settings()
        self.assertEqual([settings[n] for n in (
            "quota", "window_ms", "gzip", "journal_bodies")],
            [7, 50, False, False])

    def test_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.assertEqual(self.start("--port", str(port)).port, port)

    def test_bad_options(self):
        for options in (["--set", "x=1"], ["--set", "quota=x"],
                        ["--quota", "x"], ["--tls-cert", "x"],
                        ["--store-hash", "a", "--token", "b", "--token",
                         "c"]):
            done = subprocess.run(
                [sys.executable, os.path.join(HERE, "bcstore.py")] + options,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, timeout=TIMEOUT)
            self.assertEqual((done.returncode, done.stdout), (2, b""))

    def test_ends_with_its_standard_input(self):
        process = Process()
        process.popen.stdin.close()
        self.assertEqual(process.popen.wait(TIMEOUT), 0)
        process.popen.stdout.close()
        process.popen.stderr.close()

    def test_ends_on_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = Process()
            process.popen.send_signal(number)
            self.assertEqual(process.popen.wait(TIMEOUT), 0)
            self.assertEqual(process.stop(), "")

    def test_ends_with_requests_in_flight(self):
        from control import Control
        process = Process()
        control = Control(process.url)
        control.hold({})
        client = Client(process.port)
        self.addCleanup(client.close)
        client.send("GET", BRANDS)
        until(lambda: control.counts()["held"] == 1)
        self.assertEqual(process.stop(), "")
        self.assertRaises((ConnectionError, OSError), client.receive)


class Json(unittest.TestCase):
    def test_numbers_keep_their_digits(self):
        for digits in ("1", "-1", "0.1", "1.10", "123456789012345678901",
                       "0.30000000000000004", "1E-7"):
            self.assertEqual(text(loads(digits.encode())),
                             {"1E-7": "0.0000001"}.get(digits, digits))

    def test_text(self):
        value = {"a\"\n": [None, True, False, {"\u20ac": []}, "\ud800"]}
        self.assertEqual(json.loads(text(value)), value)

    def test_refusals(self):
        for raw in (b"", b"{", b"NaN", b"-Infinity", b"\xff", b"[1,]",
                    b"01", b"1.", b".5", b"'a'", b'{"a":1,"a":2}'):
            self.assertRaises(JsonError, loads, raw)


if __name__ == "__main__":
    unittest.main()
