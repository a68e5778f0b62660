"""The rate window of a store and the limits on parallel requests."""

import math
import re
import time
from collections import Counter, deque

KEPT_WINDOWS = 2000


class Window:
    """Calls per window, shared by all clients of the store.

    A window begins with the first call after the last one ended, or, with
    window_align, follows the last one at once.
    """

    def __init__(self, settings, clock=time.monotonic):
        self.settings = settings
        self.clock = clock
        self.start = None
        self.used = 0               # by everyone
        self.other = 0              # by "another app"
        self.refused = 0
        self.bursts = []
        self.closed = deque(maxlen=KEPT_WINDOWS)
        self.configure()

    def configure(self):
        """Take over changed settings; a running window goes on."""
        other = self.settings["other_app"]
        self._plan = []
        if other:
            self._plan = [(at / 1000.0, other["calls"])
                          for at in sorted(other.get("at_ms", [0]))]
        passed = 0 if self.start is None else self.clock() - self.start
        self.bursts = [b for b in self._plan if b[0] > passed]
        if self.start is None:
            self.bursts = list(self._plan)

    def length(self):
        return self.settings["window_ms"] / 1000.0

    def roll(self):
        """Bring the window up to now."""
        now = self.clock()
        length = self.length()
        if self.start is None:
            self._open(now)
        elif now - self.start >= length:
            self.end()
            aligned = self.start + (now - self.start) // length * length
            self._open(aligned if self.settings["window_align"] else now)
        while self.bursts and now - self.start >= self.bursts[0][0]:
            self.use(self.bursts.pop(0)[1])

    def _open(self, start):
        self.start = start
        self.used = self.other = self.refused = 0
        self.bursts = list(self._plan)

    def end(self):
        """File the current window away."""
        if self.start is not None:
            self.closed.append(self.show())

    def forget(self):
        """As new: the next call opens the first window."""
        self.start = None
        self.used = self.other = self.refused = 0
        self.closed.clear()
        self.configure()

    def renew(self):
        """End the window now and open the next one."""
        self.end()
        self._open(self.clock())

    def use(self, calls):
        """Another app makes calls."""
        quota = self.settings["quota"]
        room = max(0, quota - self.used) if quota else calls
        taken = min(calls, room)
        self.used += taken
        self.other += taken

    def admit(self):
        """Count one call; False when the quota is used up."""
        self.roll()
        quota = self.settings["quota"]
        if quota and self.used >= quota:
            self.refused += 1
            return False
        self.used += 1
        return True

    def left(self):
        return max(0, self.settings["quota"] - self.used)

    def reset_ms(self):
        if self.start is None:
            return self.settings["window_ms"]
        passed = self.clock() - self.start
        return max(0, math.ceil((self.length() - passed) * 1000))

    def headers(self):
        """The header lines of every reply; none when there is no quota."""
        quota = self.settings["quota"]
        if not quota:
            return ""
        return ("X-Rate-Limit-Time-Window-Ms: %d\r\n"
                "X-Rate-Limit-Time-Reset-Ms: %d\r\n"
                "X-Rate-Limit-Requests-Quota: %d\r\n"
                "X-Rate-Limit-Requests-Left: %d\r\n"
                % (self.settings["window_ms"], self.reset_ms(), quota,
                   self.left()))

    def retry_after(self):
        """Seconds for X-Retry-After, or None when it is not sent."""
        setting = self.settings["retry_after"]
        if setting is False or setting is None:
            return None
        if setting is True:
            return max(1, math.ceil(self.reset_ms() / 1000))
        return setting

    def show(self):
        return {"start": self.start, "used": self.used, "other": self.other,
                "own": self.used - self.other, "refused": self.refused,
                "quota": self.settings["quota"], "left": self.left()}


class Neighbours:
    """What must not happen side by side: an adjustment of stock waits for
    the one before it, and is never beside a write of the catalog."""

    def __init__(self, settings):
        self.settings = settings
        self.now = Counter()        # "adjustment", "catalog" -> in flight

    def violations(self, kind):
        """(violation, what is done about it) of a call about to begin."""
        found = []
        if kind == "adjustment" and self.now["adjustment"]:
            found.append(("beside_adjustment",
                          self.settings["beside_adjustment"]))
        other = {"adjustment": "catalog", "catalog": "adjustment"}.get(kind)
        if other is not None and self.now[other]:
            found.append(("beside_catalog", self.settings["beside_catalog"]))
        return found

    def enter(self, kind):
        self.now[kind] += 1

    def leave(self, kind):
        self.now[kind] -= 1


class Concurrency:
    """Requests in flight, in all and per endpoint, and the most there were."""

    def __init__(self, settings):
        self.settings = settings
        self.now = Counter()
        self.most = {}
        self.total = 0
        self.most_total = 0
        self._rules = []
        self._limits = {}
        self.configure()

    def configure(self):
        self._rules = [(rule.get("method"), re.compile(rule["path"]),
                        rule["limit"])
                       for rule in self.settings["concurrency"]]

    def _limit(self, method, path):
        return min((limit for m, pattern, limit in self._rules
                    if (m is None or m == method) and pattern.search(path)),
                   default=0)

    def enter(self, key, method, path):
        """Count a request in; False when one limit is reached."""
        limit = self._limit(method, path) if self._rules else 0
        most = self.settings["max_in_flight"]
        if limit and self.now[key] >= limit or most and self.total >= most:
            return False
        self.now[key] += 1
        self.total += 1
        if self.now[key] > self.most.get(key, 0):
            self.most[key] = self.now[key]
        self.most_total = max(self.most_total, self.total)
        return True

    def leave(self, key):
        self.now[key] -= 1
        self.total -= 1

    def forget(self):
        self.most = {key: n for key, n in self.now.items() if n}
        self.most_total = self.total
