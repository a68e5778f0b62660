"""Connections, and the delivery of replies over them."""

import asyncio
import gzip
import socket
import struct
import sys
import time
import traceback
from collections import Counter
from email.utils import formatdate

import api
import control_api
import effects
import replies
from http11 import MAX_BODY, HttpError, Parser
from replies import Reply

# The control interface may be handed a whole catalog.
MAX_CONTROL_BODY = 1024 * 1024 * 1024
_PAUSE_AT = 1024 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection: takes a request, waits for its reply, goes on."""

    def __init__(self, server):
        self.server = server
        self.parser = None
        self.transport = None
        self.busy = False
        self.ending = False
        self.local = False
        self.is_control = False
        self._advancing = False
        self._undelivered = None
        self._continued = False

    # -- events --------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")
        self.local = bool(peer) and (
            peer[0].startswith("127.") or peer[0] == "::1")
        self.parser = Parser(self._body_limit)
        self.server.connections.add(self)
        self.server.counts["connections"] += 1

    def _body_limit(self, target):
        if self.local and target.startswith("/_control"):
            return MAX_CONTROL_BODY
        return MAX_BODY

    def connection_lost(self, problem):
        self.ending = True
        self.transport = None
        self.server.connections.discard(self)
        if self._undelivered is not None:
            self._undelivered.delivered = False
            self._undelivered = None

    def data_received(self, data):
        self.parser.feed(data)
        if not self.busy:
            self.advance()
        elif len(self.parser.buffer) > _PAUSE_AT:
            self.transport.pause_reading()

    def resume_writing(self):
        if self._undelivered is not None:
            self._undelivered.delivered = True
            self._undelivered = None

    # -- requests ------------------------------------------------------------

    def advance(self):
        """Work through the requests that have arrived, one at a time."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while not self.busy and not self.ending:
                request = self.parser.next()
                if request is None:
                    self._continue_if_expected()
                    break
                self._continued = False
                self.busy = True
                self.server.handle(self, request)
        except HttpError as problem:
            self._refuse(problem)
        finally:
            self._advancing = False

    def _continue_if_expected(self):
        if (self.parser.in_body() and not self._continued
                and self.parser.expects_continue()):
            self._continued = True
            self.transport.write(_CONTINUE)

    def _refuse(self, problem):
        self.server.counts["http_%d" % problem.status] += 1
        reply = replies.html(problem.status)
        self.send(reply, "", effects.Delivery({"close": True}))

    # -- replies -------------------------------------------------------------

    def send(self, reply, rate="", delivery=effects.NORMAL, entry=None,
             request=None, store=None):
        """Write a reply; entry is told whether it could be delivered."""
        if self.transport is None or self.transport.is_closing():
            self._not_delivered(entry, sent=False)
            return
        if delivery.lose:
            self._not_delivered(entry, sent=False)
            self.reset()
            return
        close = delivery.close or bool(request and request.close)
        head, body = self.server.render(reply, rate, request, store, close,
                                        entry)
        if delivery.cut is not None:
            self.transport.write(head + body[:delivery.cut])
            self._not_delivered(entry)
            self._end()
            return
        self.transport.write(head + body)
        self._note_delivery(entry)
        if close:
            self._end()
        else:
            self.done()

    def _not_delivered(self, entry, sent=True):
        if entry is not None:
            entry.delivered = False
            if not sent:
                entry.status = None

    def _note_delivery(self, entry):
        if entry is None:
            return
        if self.transport.get_write_buffer_size() == 0:
            entry.delivered = True
        else:
            self._undelivered = entry

    def _end(self):
        self.ending = True
        self.transport.close()

    def done(self):
        """The reply is out: the next request may come."""
        self.busy = False
        if self.transport is not None:
            self.transport.resume_reading()
        self.advance()

    def reset(self):
        """End the connection so that the client gets a reset."""
        self.ending = True
        if self.transport is None:
            return
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
        self.transport.abort()


class Server:
    """All stores of this process."""

    def __init__(self, loop):
        self.loop = loop
        self.stores = {}
        self.connections = set()
        self.counts = Counter()
        self.started = time.monotonic()
        self._date = (0, "")

    # -- requests ------------------------------------------------------------

    def handle(self, connection, request):
        if request.target.startswith("/_control"):
            self._control(connection, request)
            return
        call = api.open_call(self, connection, request)
        if isinstance(call, Reply):
            self.counts["no_store"] += 1
            connection.send(call, request=request)
            return
        try:
            self._start(call)
        except Exception:
            self._failed(call)

    def _control(self, connection, request):
        connection.is_control = True
        if not connection.local:
            connection.send(replies.error(403, "only from this machine"),
                            request=request)
            return
        try:
            reply = control_api.answer(self, request)
        except Exception:
            self.counts["bugs"] += 1
            traceback.print_exc(file=sys.stderr)
            reply = replies.plain(500, traceback.format_exc())
        connection.send(reply, request=request)

    def _start(self, call):
        refusal = api.gate(call)
        if refusal is not None:
            self._later(call, refusal, effects.NORMAL)
            return
        call.fault = call.store.faults.pick(call)
        if call.fault is not None:
            call.entry.fault = call.fault.name
        hold = call.store.holds.pick(call)
        if hold is None:
            self._proceed(call)
            return
        if hold.process == "now":
            call.reply = self._process(call)
        call.store.holds.keep(hold, call)

    def release(self, hold, call, drop):
        """Go on with a call that was held."""
        if drop or hold.process == "never":
            self._finish(call, replies.nothing(),
                         effects.Delivery({"lose": True}))
            return
        try:
            self._proceed(call)
        except Exception:
            self._failed(call)

    def _process(self, call):
        fault = call.fault
        if fault is None:
            return api.execute(call)
        if not fault.processes():
            return effects.instead(call, fault)
        return effects.after(call, fault, api.execute(call))

    def _proceed(self, call):
        if call.reply is None:
            call.reply = self._process(call)
        do = call.fault.do if call.fault else None
        delivery = effects.Delivery(do) if do else effects.NORMAL
        self._later(call, call.reply, delivery,
                    do.get("delay_ms", 0) if do else 0)

    def _later(self, call, reply, delivery, delay=0):
        delay += call.store.settings["latency_ms"]
        if delay:
            self.loop.call_later(delay / 1000.0, self._finish, call, reply,
                                 delivery)
        else:
            self._finish(call, reply, delivery)

    def _finish(self, call, reply, delivery):
        """Send the reply of a call and close its books."""
        if call.key is not None:
            call.store.concurrency.leave(call.key)
            call.store.neighbours.leave(call.kind)
            call.key = None
        entry = call.entry
        entry.status = reply.status
        call.store.count(entry, reply.status, delivery.lose)
        entry.t_end = time.monotonic()
        call.connection.send(reply, call.rate, delivery, entry, call.request,
                             call.store)

    def _failed(self, call):
        """A bug of the simulated store: loud, and visible to tests."""
        self.counts["bugs"] += 1
        traceback.print_exc(file=sys.stderr)
        call.entry.fault = "bug"
        self._finish(call, replies.plain(500, traceback.format_exc()),
                     effects.Delivery({"close": True}))

    # -- bytes ---------------------------------------------------------------

    def date(self, store):
        """The time of the reply, by the clock of its store."""
        now = int(time.time() if store is None else store.now())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True))
        return self._date[1]

    def render(self, reply, rate, request, store, close, entry):
        """Head and body of a reply as bytes."""
        body = reply.body()
        status = reply.status
        lines = ["HTTP/1.1 %d %s\r\nDate: %s\r\n" % (
            status, replies.REASONS.get(status, "Status"), self.date(store)), rate]
        if body is not None:
            body = self._packed(lines, body, request, store)
            lines.append("Content-Type: %s\r\nContent-Length: %d\r\n"
                         % (reply.ctype, len(body)))
        for name, value in reply.headers:
            lines.append("%s: %s\r\n" % (name, value))
        if entry is not None and store.settings["request_id"]:
            lines.append("X-Request-Id: %s-%d\r\n" % (store.hash, entry.n))
        if close:
            lines.append("Connection: close\r\n")
        lines.append("\r\n")
        if body is None or request is not None and request.method == "HEAD":
            body = b""
        return "".join(lines).encode("latin-1", "replace"), body

    def _packed(self, lines, body, request, store):
        settings = store.settings if store is not None else None
        if (settings is None or not settings["gzip"]
                or len(body) < settings["gzip_min"]
                or "gzip" not in request.headers.get("accept-encoding", "")):
            return body
        lines.append("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n")
        return gzip.compress(body, 1)
