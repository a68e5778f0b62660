"""What the tests of the simulated store share: processes and clients."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
import unittest
from decimal import Decimal

from control import Control

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 30

ABSOLUTE = "/inventory/adjustments/absolute"
RELATIVE = "/inventory/adjustments/relative"


class Process:
    """A store process; it ends with its standard input."""

    def __init__(self, *options):
        command = [sys.executable, os.path.join(HERE, "bcstore.py"),
                   "--watch-stdin"] + list(options)
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        # The port on a line, then the end: nothing else is ever printed.
        printed = self.popen.stdout.read()
        if not printed.strip().isdigit():
            raise AssertionError("no port: %r %r" % (
                printed, self.popen.stderr.read()))
        self.port = int(printed)
        self.url = "http://127.0.0.1:%d" % self.port

    def stop(self):
        """End it through its standard input; what it wrote to stderr."""
        self.popen.stdin.close()
        complaints = self.popen.stderr.read().decode()
        self.popen.wait(TIMEOUT)
        self.popen.stdout.close()
        self.popen.stderr.close()
        return complaints


class Answer:
    """A reply: status, headers (lower-case names), raw body."""

    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def json(self):
        return json.loads(self.raw, parse_float=Decimal)

    @property
    def data(self):
        return self.json["data"]

    @property
    def meta(self):
        return self.json["meta"]


class Client:
    """One keep-alive connection to a store."""

    def __init__(self, port, hash_="demo", token="secret", version="v3"):
        self.base = "/stores/%s/%s" % (hash_, version)
        self.token = token
        self.http = http.client.HTTPConnection("127.0.0.1", port,
                                               timeout=TIMEOUT)

    def send(self, method, path, body=None, headers=None):
        """Send a request without waiting for its reply."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        sent = {"X-Auth-Token": self.token, "Accept": "application/json"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items()
                if value is not None}
        self.http.request(method, self.base + path, body, sent)

    def receive(self):
        reply = self.http.getresponse()
        raw = reply.read()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, headers, raw)

    def __call__(self, method, path, body=None, headers=None):
        self.send(method, path, body, headers)
        return self.receive()

    def close(self):
        self.http.close()


def exchange(port, data, close=True):
    """Send raw bytes, return all that comes back until the end."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(data)
        if close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                return received
            received += piece


def until(test, what="a condition"):
    """Poll until test() is true, and return its value."""
    end = time.monotonic() + TIMEOUT
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited for %s in vain" % what)
        time.sleep(0.002)


class StoreCase(unittest.TestCase):
    """Tests that share one store process; each begins with an empty store."""

    OPTIONS = ("--quota", "0")

    @classmethod
    def setUpClass(cls):
        cls.process = Process(*cls.OPTIONS)
        cls.control = Control(cls.process.url)

    @classmethod
    def tearDownClass(cls):
        complaints = cls.process.stop()
        if complaints:
            raise AssertionError("the store complained:\n" + complaints)

    def setUp(self):
        self.control.reset()
        self.control.settings({"category_place": "either"})
        self.api = self.client()

    def client(self, **options):
        made = Client(self.process.port, **options)
        self.addCleanup(made.close)
        return made

    def set(self, **changes):
        self.control.settings(changes)

    def ok(self, method, path, body=None, status=200):
        answer = self.api(method, path, body)
        self.assertEqual(answer.status, status, answer.raw)
        return answer

    def refused(self, status, method, path, body=None, headers=None):
        """The call is refused; the names in the error's map come back."""
        answer = self.api(method, path, body, headers)
        self.assertEqual(answer.status, status, answer.raw)
        return sorted(self.errors_of(answer))

    def errors_of(self, answer):
        found = answer.json
        if isinstance(found.get("errors"), dict) and "status" in found[
                "errors"]:
            found = found["errors"]
        self.assertEqual(found["status"], answer.status)
        self.assertTrue(found["title"])
        self.assertIn("type", found)
        return found["errors"]

    # -- records for tests that are about something else ----------------------

    def product(self, name="Stool", **fields):
        body = dict({"name": name, "type": "physical", "price": 1,
                     "weight": 1}, **fields)
        return self.ok("POST", "/catalog/products", body).data

    def brand(self, name="Nordic", **fields):
        return self.ok("POST", "/catalog/brands",
                       dict(fields, name=name)).data

    def category(self, name="Stools", **fields):
        if "parent_id" not in fields:
            fields.setdefault("tree_id", 1)
        body = [dict(fields, name=name)]
        return self.ok("POST", "/catalog/trees/categories", body,
                       status=201).data[0]

    def ids(self, query, path="/catalog/products", key="id"):
        """Ids of the records that a list query returns."""
        return [item[key] for item in self.ok("GET", path + query).data]


class InventoryCase(StoreCase):
    """Three products that are tracked, and adjustments of their stock."""

    def setUp(self):
        super().setUp()
        self.keys = [self.product("p%d" % n, sku="s%d" % n,
                                  inventory_tracking="product")["id"]
                     for n in range(3)]

    def item(self, which=0, quantity=5, location=1, **more):
        return dict({"location_id": location, "quantity": quantity,
                     "product_id": self.keys[which]}, **more)

    def put(self, *items):
        return self.ok("PUT", ABSOLUTE, {"items": list(items)})

    def add(self, *items):
        return self.ok("POST", RELATIVE, {"items": list(items)})

    def no(self, *items, path=ABSOLUTE, status=422):
        """The adjustment is refused; the title says why."""
        method = "PUT" if path == ABSOLUTE else "POST"
        answer = self.api(method, path, {"items": list(items)})
        self.assertEqual(answer.status, status, answer.raw)
        self.assertEqual(answer.headers["content-type"],
                         "application/problem+json")
        self.errors_of(answer)
        return answer.json["title"]

    def levels(self, which=None):
        shown = self.control.state("stock")
        if which is not None:
            return shown[which]["levels"]
        return [one["levels"].get("1", 0) for one in shown]

    def catalog_level(self, which=0):
        return self.ok("GET", "/catalog/products/%d" % self.keys[which]).data[
            "inventory_level"]
