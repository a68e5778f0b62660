"""The HTTP side: parsing, headers, credentials, compression, TLS."""

import gzip
import os
import socket
import ssl
import subprocess
import tempfile
import unittest

from control import Control
from harness import TIMEOUT, Client, Process, StoreCase, exchange

HEADERS = (b"Host: x\r\nX-Auth-Token: secret\r\n"
           b"Accept: application/json\r\n")
TIME = b"GET /stores/demo/v2/time HTTP/1.1\r\n" + HEADERS
POST = (b"POST /stores/demo/v3/catalog/brands HTTP/1.1\r\n" + HEADERS
        + b"Content-Type: application/json\r\n")


class Parsing(StoreCase):
    def status(self, data):
        """The statuses of the replies to raw bytes, in order."""
        replies = exchange(self.process.port, data)
        return [int(part[:3]) for part in replies.split(b"HTTP/1.1 ")[1:]]

    def refuse(self, status, data):
        # What follows a refused request is never read.
        self.assertEqual(self.status(data + TIME + b"\r\n"), [status], data)

    def test_request_lines(self):
        for line in (b"GET\r\n", b"GET /x\r\n", b"get / HTTP/1.1\r\n",
                     b"GET  / HTTP/1.1\r\n", b"GET / HTTP/1.1 \r\n",
                     b"GET http://x/ HTTP/1.1\r\n", b"GET /\x80 HTTP/1.1\r\n",
                     b"GET /a#b HTTP/1.1\r\n", b"GET /\t HTTP/1.1\r\n",
                     b"\r\nGET / HTTP/1.1\r\n", b"GET / HTTP/1.1\n",
                     b"G\x00T / HTTP/1.1\r\n"):
            self.refuse(400, line + HEADERS + b"\r\n")
        for version in (b"1.0", b"2.0", b"0.9"):
            self.refuse(505, b"GET / HTTP/" + version + b"\r\n" + HEADERS
                        + b"\r\n")

    def test_header_lines(self):
        for line in (b"No colon\r\n", b"Space : x\r\n", b" Folded: x\r\n",
                     b": x\r\n", b"A: b\x00c\r\n", b"A: b\nB: c\r\n",
                     b"A: b\rc\r\n", b"Host: y\r\n", b"A: b\r\n c\r\n",
                     b"X-Auth-Token: other\r\n", b"\xc3\xa4: x\r\n",
                     b"Accept: text/html\r\n"):
            self.refuse(400, TIME + line + b"\r\n")
        self.refuse(400, b"GET / HTTP/1.1\r\nA: b\r\n\r\n")
        self.refuse(400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n")

    def test_header_sizes(self):
        self.refuse(431, TIME + b"A: b\r\n" * 101 + b"\r\n")
        self.refuse(431, TIME + b"A: " + b"x" * 70000 + b"\r\n\r\n")
        self.refuse(414, b"GET /" + b"x" * 70000)

    def test_lengths(self):
        for value in (b"-1", b"+1", b"1.0", b"0x1", b"1 1", b"1,1", b"",
                      b"9" * 20):
            self.refuse(400, POST + b"Content-Length: " + value
                        + b"\r\n\r\n{")
        self.refuse(413, POST + b"Content-Length: 99999999\r\n\r\n{")
        self.refuse(400, POST + b"Content-Length: 2\r\nContent-Length: 2\r\n"
                    b"\r\n{}")
        self.refuse(400, POST + b"Content-Length: 2\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n{}")

    def test_chunks(self):
        chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        good = b'8\r\n{"name":\r\n0004\r\n"x"}\r\n0\r\n\r\n'
        self.assertEqual(
            self.status(chunked + good + TIME + b"\r\n"), [200, 200])
        for body in (b"x\r\n", b"-1\r\n", b"4;a=b\r\n{}{}\r\n0\r\n\r\n",
                     b"4 \r\n{}{}\r\n0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n",
                     b"2\n{}\r\n0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n",
                     b"000000000000000001\r\n"):
            self.refuse(400, chunked + body)
        self.refuse(413, chunked + b"7fffffff\r\n")
        for coding in (b"gzip", b"gzip, chunked", b"identity", b"xchunked"):
            self.refuse(501, POST + b"Transfer-Encoding: " + coding
                        + b"\r\n\r\n")

    def test_expectations(self):
        head = POST + b"Content-Length: 12\r\nExpect: "
        self.assertEqual(self.status(head + b"100-continue\r\n\r\n"
                                     + b'{"name":"a"}'), [200])
        self.refuse(417, head + b"something\r\n\r\n")
        with socket.create_connection(
                ("127.0.0.1", self.process.port), TIMEOUT) as connection:
            connection.sendall(head + b"100-continue\r\n\r\n")
            self.assertEqual(connection.recv(1000),
                             b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b'{"name":"b"}')
            self.assertIn(b"HTTP/1.1 200 ", connection.recv(1000))

    def test_bytes_one_by_one(self):
        with socket.create_connection(
                ("127.0.0.1", self.process.port), TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in (TIME + b"\r\n", POST + b"Transfer-Encoding: "
                            b'chunked\r\n\r\n1\r\n{\r\n9\r\n"name":""\r\n'
                            b"1\r\n}\r\n0\r\n\r\n"):
                for number in range(len(request)):
                    connection.sendall(request[number:number + 1])
                self.assertIn(b"HTTP/1.1 ", connection.recv(4000))

    def test_pipelined_requests_are_answered_in_order(self):
        data = b"".join(
            POST + b'Content-Length: 12\r\n\r\n{"name":"%d"}' % n
            for n in range(5))
        self.assertEqual(self.status(data), [200] * 5)
        self.assertEqual([b["name"] for b in self.control.state("brands")],
                         list("01234"))

    def test_an_unfinished_request_is_not_processed(self):
        for data in (POST, POST + b'Content-Length: 13\r\n\r\n{"name":"a"}',
                     POST + b"Transfer-Encoding: chunked\r\n\r\n"
                     b'c\r\n{"name":"a"}\r\n'):
            exchange(self.process.port, data)
        self.assertEqual(self.control.state("brands"), [])
        self.assertEqual(self.control.journal(), [])

    def test_keep_alive_and_close(self):
        for _ in range(3):
            self.ok("GET", "/catalog/brands")
        self.assertEqual(self.status(TIME + b"Connection: close\r\n\r\n"
                                     + TIME + b"\r\n"), [200])


class Headers(StoreCase):
    def test_credentials(self):
        for token in ("other", "", None, "secret2"):
            answer = self.api("GET", "/catalog/brands",
                              headers={"X-Auth-Token": token})
            self.assertEqual(answer.status, 401)
            self.assertTrue(
                answer.headers["content-type"].startswith("text/plain"))
        self.set(token="fresh")
        self.addCleanup(self.set, token="secret")
        self.assertEqual(self.api("GET", "/catalog/brands").status, 401)

    def test_unknown_store(self):
        other = self.client(hash_="other")
        self.assertEqual(other("GET", "/catalog/brands").status, 403)

    def test_other_tokens(self):
        other = self.client(token="other")
        self.assertEqual(other("GET", "/catalog/brands").status, 401)
        self.set(other_tokens=["other"])
        self.assertEqual(other("GET", "/catalog/brands").status, 200)

    def test_scopes(self):
        self.set(scopes=["store_v2_products_read_only"])
        self.ok("GET", "/catalog/brands")
        self.refused(403, "POST", "/catalog/brands", {"name": "x"})
        self.set(scopes=[])
        self.refused(403, "GET", "/catalog/products")
        other = self.client(version="v2")
        self.assertEqual(other("GET", "/store").status, 403)
        self.assertEqual(other("GET", "/time").status, 200)

    def test_accept(self):
        for accept in (None, "*/*", "text/html", "application/jsonx",
                       "application/*"):
            answer = self.api("GET", "/catalog/brands",
                              headers={"Accept": accept})
            self.assertEqual(answer.status, 406, accept)
            self.assertIn("html", answer.headers["content-type"])
        for accept in ("application/json, */*;q=0.1",
                       "text/html,Application/JSON;q=0.5"):
            self.assertEqual(self.api("GET", "/catalog/brands", headers={
                "Accept": accept}).status, 200)
        self.set(accept_any=True)
        self.assertEqual(self.api("GET", "/catalog/brands", headers={
            "Accept": "*/*"}).status, 200)

    def test_content_type(self):
        for kind in (None, "text/plain", "application/x-www-form-urlencoded",
                     "application/json; charset=latin-1"):
            answer = self.api("POST", "/catalog/brands", {"name": "x"},
                              {"Content-Type": kind})
            self.assertEqual(answer.status, 415, kind)
            self.assertIn("html", answer.headers["content-type"])
        for number, kind in enumerate((
                "application/json; charset=utf-8",
                'Application/JSON;charset="UTF-8"')):
            self.assertEqual(self.api(
                "POST", "/catalog/brands", {"name": "x%d" % number},
                {"Content-Type": kind}).status, 200)

    def test_methods(self):
        for method, path in (("PATCH", "/catalog/products"),
                             ("PUT", "/catalog/brands"),
                             ("POST", "/catalog/products/5"),
                             ("POST", "/catalog/summary"),
                             ("DELETE", "/catalog/trees/1/categories")):
            answer = self.api(method, path)
            self.assertEqual(answer.status, 405)
            self.assertIn("detail", answer.json)
            self.assertIn("GET", answer.headers["allow"])

    def test_paths(self):
        for path in ("/catalog", "/catalog/products/", "/catalog/product",
                     "/catalog/products/5/images", "/catalog/brands/01",
                     "/catalog/brands/x", "/catalog/variants/5",
                     "/catalog/trees/1", "/Catalog/products"):
            self.refused(404, "GET", path)
        answer = self.client(version="v2")("GET", "/orders")
        self.assertEqual((answer.status, answer.json[0]["status"]),
                         (404, 404))
        self.assertEqual(exchange(
            self.process.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")[9:12],
            b"404")

    def test_long_queries(self):
        query = "?id:in=" + ",".join(["1234567"] * 1500)
        answer = self.api("GET", "/catalog/products" + query)
        self.assertEqual(answer.status, 414)
        self.assertIn("html", answer.headers["content-type"])
        self.set(max_query=20000)
        self.ok("GET", "/catalog/products" + query)

    def test_bodies(self):
        path = "/catalog/brands"
        for body in (b"", b"{", b"[1,]", b'{"name":"\xff"}', b"nul",
                     b'{"name":NaN}', b'{"name":"a","name":"b"}',
                     b"\xef\xbb\xbf{}", b"[" * 100000, b'{"a":1}x',
                     b'{"a":"\n"}', b"[]", b'"x"', b'{"a":1e99999999999999'
                     b'999999999}'):
            answer = self.api("POST", path, body)
            self.assertEqual(answer.status, 400, body[:40])
        self.assertEqual(self.api("GET", path, b"{}").status, 400)

    def test_version_2(self):
        other = self.client(version="v2")
        self.assertEqual(list(other("GET", "/time").json), ["time"])
        self.assertEqual(other("GET", "/store").json["currency"], "USD")
        self.assertEqual(other("GET", "/time?x=1").status, 422)

    def test_request_ids(self):
        first = self.ok("GET", "/catalog/brands").headers["x-request-id"]
        entry = self.control.journal()[-1]
        self.assertEqual(first, "demo-%d" % entry["n"])
        self.set(request_id=False)
        self.assertNotIn("x-request-id",
                         self.ok("GET", "/catalog/brands").headers)


class Compression(StoreCase):
    def get(self, accept="gzip, deflate"):
        return self.api("GET", "/catalog/brands",
                        headers={"Accept-Encoding": accept})

    def test_compression(self):
        small = self.get()
        self.assertNotIn("content-encoding", small.headers)
        self.control.seed("brands", [{"name": "Brand %d" % n}
                                     for n in range(20)])
        plain = self.get("identity")
        self.assertNotIn("content-encoding", plain.headers)
        packed = self.get()
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertEqual(int(packed.headers["content-length"]),
                         len(packed.raw))
        self.assertEqual(gzip.decompress(packed.raw), plain.raw)
        self.set(gzip=False)
        self.assertEqual(self.get().raw, plain.raw)


class Tls(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.cert = os.path.join(self.directory.name, "cert.pem")
        key = os.path.join(self.directory.name, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
             "-keyout", key, "-out", self.cert],
            check=True, stderr=subprocess.DEVNULL)
        self.process = Process("--tls-cert", self.cert, "--tls-key", key)
        self.addCleanup(self.process.stop)

    def test_requests_over_tls(self):
        context = ssl.create_default_context(cafile=self.cert)
        client = Client(self.process.port)
        self.addCleanup(client.close)
        client.http.sock = context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.process.port),
                                     TIMEOUT),
            server_hostname="localhost")
        for name in "ab":
            self.assertEqual(client("POST", "/catalog/brands",
                                    {"name": name * 200}).status, 200)
        self.assertEqual(len(client("GET", "/catalog/brands").data), 2)
        control = Control(self.process.url.replace("http", "https"))
        self.assertEqual(len(control.state("brands")), 2)
        self.assertTrue(all(e["delivered"] for e in control.journal()))

    def test_strangers_are_refused(self):
        with socket.create_connection(
                ("127.0.0.1", self.process.port), TIMEOUT) as plain:
            with self.assertRaises(ssl.SSLError):
                ssl.create_default_context().wrap_socket(
                    plain, server_hostname="localhost")
        self.assertNotIn(b"HTTP", exchange(self.process.port,
                                           TIME + b"\r\n"))


if __name__ == "__main__":
    unittest.main()
