#!/usr/bin/env python3
"""A simulated BigCommerce store.

Prints its port and closes standard output: from then on it can be used.
"""

import argparse
import asyncio
import gc
import os
import signal
import ssl
import sys
import threading

import exactjson
from server import Connection, Server
from store import DEFAULTS, SettingError, Store, check_setting

# Settings that have an option of their own.
_OPTIONS = {"quota": int, "window_ms": int, "latency_ms": int,
            "product_batch": int, "category_batch": int, "max_limit": int,
            "seed": int}


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.strip().splitlines()[0])
    parser.add_argument("--port", type=int, default=0,
                        help="default: any free one")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--store-hash", action="append", metavar="HASH",
                        help="may be repeated; default: demo")
    parser.add_argument("--token", action="append", metavar="TOKEN",
                        help="one per store hash; default: secret")
    for name, kind in _OPTIONS.items():
        parser.add_argument("--" + name.replace("_", "-"), type=kind,
                            metavar="N", help="default: %s" % DEFAULTS[name])
    parser.add_argument("--set", action="append", default=[],
                        metavar="NAME=JSON", help="any other setting")
    parser.add_argument("--journal-bodies", default=True,
                        action=argparse.BooleanOptionalAction,
                        help="keep request bodies in the journal")
    parser.add_argument("--tls-cert", metavar="FILE")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--watch-stdin", action="store_true",
                        help="end when standard input ends")
    options = parser.parse_args(arguments)
    _complete(parser, options)
    return options


def _complete(parser, options):
    options.store_hash = options.store_hash or ["demo"]
    options.token = options.token or ["secret"] * len(options.store_hash)
    if len(options.token) != len(options.store_hash):
        parser.error("give one --token for each --store-hash")
    if bool(options.tls_cert) != bool(options.tls_key):
        parser.error("--tls-cert and --tls-key belong together")
    options.settings = {"journal_bodies": options.journal_bodies}
    for name in _OPTIONS:
        if getattr(options, name) is not None:
            options.settings[name] = getattr(options, name)
    try:
        for text in options.set:
            name, _, value = text.partition("=")
            options.settings[name] = exactjson.loads(value.encode())
        for name, value in options.settings.items():
            check_setting(name, value)
    except (SettingError, exactjson.JsonError) as problem:
        parser.error(str(problem))


def tls_context(options):
    if not options.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(options.tls_cert, options.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def announce(port):
    """Print the port and give standard output back to who waits for it."""
    sys.stdout.write("%d\n" % port)
    sys.stdout.flush()
    # Closing alone would free descriptor 1 for the next connection.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.close(silent)


def end_with_stdin(loop, stop):
    """Call stop once standard input has ended.

    A thread, since the loop cannot wait for a regular file.
    """
    def wait():
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop)
    threading.Thread(target=wait, daemon=True).start()


async def serve(options):
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()

    def stop():
        if not stopped.done():
            stopped.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    server = Server(loop)
    for hash_, token in zip(options.store_hash, options.token):
        server.stores[hash_] = Store(hash_, token, options.settings)
    listener = await loop.create_server(
        lambda: Connection(server), options.bind, options.port,
        ssl=tls_context(options), backlog=1024)
    if options.watch_stdin:
        end_with_stdin(loop, stop)
    announce(listener.sockets[0].getsockname()[1])
    await stopped
    listener.close()
    for connection in list(server.connections):
        connection.reset()


def main():
    options = parse_arguments()
    # A million records are many objects and no cycles: looking for garbage
    # among them would stop the store for a second at a time.
    gc.freeze()
    gc.set_threshold(200000, 50, 1000)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
