"""What was asked, in order, and what became of it."""

import time
from collections import deque

import exactjson


class Entry:
    """One request from its arrival to the end of its reply."""

    __slots__ = ("n", "t", "t_end", "method", "path", "query", "body",
                 "status", "fault", "created", "changed", "deleted",
                 "delivered", "throttled", "quota_left", "endpoint",
                 "dropped_body", "correlation_id", "violations")

    def __init__(self, n, method, path, query):
        self.n = n
        self.t = time.monotonic()
        self.t_end = None
        self.method = method
        self.path = path
        self.query = query
        self.body = None
        self.status = None
        self.fault = None
        self.created = []
        self.changed = []
        self.deleted = []
        self.delivered = None       # None while the request is in flight
        self.throttled = None
        self.quota_left = None
        self.endpoint = None
        self.dropped_body = False
        self.correlation_id = None
        self.violations = []

    def show(self):
        body, as_text = self._body()
        shown = {
            "n": self.n, "t": self.t, "t_end": self.t_end,
            "method": self.method, "path": self.path, "query": self.query,
            "endpoint": self.endpoint, "body": body, "body_text": as_text,
            "status": self.status, "fault": self.fault,
            "correlation_id": self.correlation_id,
            "throttled": self.throttled, "quota_left": self.quota_left,
            "created": self.created, "changed": self.changed,
            "deleted": self.deleted, "violations": self.violations,
            "delivered": self.delivered}
        if self.dropped_body:
            shown["body_dropped"] = True
        return shown

    def _body(self):
        if not self.body:
            return None, None
        text = self.body.decode("utf-8", "replace")
        try:
            return exactjson.loads(self.body), text
        except exactjson.JsonError:
            return None, text


class Journal:
    """Entries in order of arrival; the oldest go when there are too many.

    Bodies have a budget of their own: a benchmark may send gigabytes.
    """

    def __init__(self, settings):
        self.settings = settings
        self.entries = deque()
        self._with_body = deque()
        self._bytes = 0
        self.next_n = 1
        self.forgotten = 0

    def open(self, method, path, query):
        entry = Entry(self.next_n, method, path, query)
        self.next_n += 1
        self.entries.append(entry)
        if len(self.entries) > self.settings["journal_limit"]:
            self.entries.popleft()
            self.forgotten += 1
        return entry

    def keep_body(self, entry, body):
        if not body:
            return
        if not self.settings["journal_bodies"]:
            entry.dropped_body = True
            return
        entry.body = body
        self._with_body.append(entry)
        self._bytes += len(body)
        while self._bytes > self.settings["journal_bytes"]:
            oldest = self._with_body.popleft()
            self._bytes -= len(oldest.body)
            oldest.body = None
            oldest.dropped_body = True

    def clear(self):
        """Forget what ended; what is in flight stays to be watched."""
        self.entries = deque(e for e in self.entries if e.t_end is None)
        self._with_body = deque(e for e in self.entries if e.body)
        self._bytes = sum(len(e.body) for e in self._with_body)
        self.forgotten = 0

    def select(self, since=0, method=None, path=None):
        """Entries after number since; path is a compiled expression."""
        return [e for e in self.entries
                if e.n > since and (method is None or e.method == method)
                and (path is None or path.search(e.path))]
