#!/usr/bin/env python3
"""Measures requests per second of the simulated store; not a test.

    speed.py [--connections 8] [--seconds 3] [--products 100000] [--tls]
"""

import argparse
import os
import random
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from control import Control

HERE = os.path.dirname(os.path.abspath(__file__))


def start(options, directory):
    command = [sys.executable, os.path.join(HERE, "bcstore.py"),
               "--quota", "0", "--no-journal-bodies", "--watch-stdin"]
    if options.tls:
        cert = os.path.join(directory, "cert.pem")
        key = os.path.join(directory, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=localhost", "-days", "1", "-keyout", key,
             "-out", cert], check=True, stderr=subprocess.DEVNULL)
        command += ["--tls-cert", cert, "--tls-key", key]
    process = subprocess.Popen(command, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    return process, int(process.stdout.readline())


def message(method, path, body=b""):
    head = ("%s /stores/demo/v3%s HTTP/1.1\r\nHost: localhost\r\n"
            "X-Auth-Token: secret\r\nAccept: application/json\r\n"
            "Accept-Encoding: gzip\r\n" % (method, path))
    if body:
        head += ("Content-Type: application/json\r\nContent-Length: %d\r\n"
                 % len(body))
    return (head + "\r\n").encode() + body


def connect(options, port):
    plain = socket.create_connection(("127.0.0.1", port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not options.tls:
        return plain
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def read_reply(connection):
    """Reads one reply whole; only its status is looked at."""
    data = connection.recv(262144)
    end = data.find(b"\r\n\r\n")
    while end < 0:
        data += connection.recv(262144)
        end = data.find(b"\r\n\r\n")
    mark = data.find(b"Content-Length: ", 0, end)
    if mark >= 0:
        length = int(data[mark + 16:data.index(b"\r", mark)])
        left = end + 4 + length - len(data)
        while left > 0:
            left -= len(connection.recv(262144))
    return data[9:12]


def measure(options, port, make):
    connections = [connect(options, port) for _ in range(options.connections)]
    for connection in connections:
        connection.sendall(make())
    done, bad = 0, 0
    begin = time.monotonic()
    while time.monotonic() - begin < options.seconds:
        ready, _, _ = select.select(connections, [], [])
        for connection in ready:
            bad += not read_reply(connection).startswith(b"2")
            connection.sendall(make())
            done += 1
    passed = time.monotonic() - begin
    for connection in connections:
        connection.close()
    return done / passed, bad


def batch(options):
    ids = random.sample(range(77, 77 + options.products), 10)
    items = ",".join('{"id":%d,"price":%d.25,"is_visible":true}'
                     % (key, random.randrange(900)) for key in ids)
    return message("PUT", "/catalog/products?include_fields=date_modified",
                   ("[%s]" % items).encode())


def kinds(options):
    last = 77 + options.products
    serial = iter(range(10 ** 9))

    def key():
        return random.randrange(77, last)

    def skus(count):
        return ",".join("S%d" % (key() - 76) for _ in range(count))
    return {
        "GET product (all fields)": lambda: message(
            "GET", "/catalog/products/%d" % key()),
        "GET product (one field)": lambda: message(
            "GET", "/catalog/products/%d?include_fields=price" % key()),
        "GET sku:in of 10": lambda: message(
            "GET", "/catalog/products?sku:in=%s&include_fields=sku"
            % skus(10)),
        "GET sku:in of 250": lambda: message(
            "GET", "/catalog/products?sku:in=%s&limit=250"
            "&include_fields=sku" % skus(250)),
        "GET page of 250, one field": lambda: message(
            "GET", "/catalog/products?limit=250&page=%d&include_fields=price"
            % random.randrange(1, options.products // 250)),
        "GET page of 250, all fields": lambda: message(
            "GET", "/catalog/products?limit=250&page=%d"
            % random.randrange(1, options.products // 250)),
        "PUT product": lambda: message(
            "PUT", "/catalog/products/%d?include_fields=date_modified"
            % key(), b'{"price":12.5}'),
        "PUT batch of 10": lambda: batch(options),
        "POST product": lambda: message(
            "POST", "/catalog/products?include_fields=sku",
            b'{"name":"New %d","type":"physical","weight":1,"price":1.5,'
            b'"sku":"N%d"}' % ((next(serial),) * 2)),
    }


def main():
    parser = argparse.ArgumentParser(description="Speed of the store")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--products", type=int, default=100000)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        process, port = start(options, directory)
        control = Control("%s://127.0.0.1:%d" % (
            "https" if options.tls else "http", port))
        begin = time.monotonic()
        control.post("/seed", {
            "kind": "products", "count": options.products, "template": {
                "name": "Product {n}", "sku": "S{n}", "type": "physical",
                "price": 9.95, "weight": 1}})
        print("%-32s %8.1f s" % ("seeding %d products" % options.products,
                                 time.monotonic() - begin))
        for name, make in kinds(options).items():
            rate, bad = measure(options, port, make)
            print("%-32s %8.0f /s%s" % (
                name, rate, "  %d not 2xx" % bad if bad else ""))
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
