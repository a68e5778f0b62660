"""Faults on purpose, and requests held back until they are released."""

import re
from random import Random

_DO = {
    "status": int, "headers": dict, "body": (str, dict, list),
    "rate_headers": bool, "delay_ms": int, "lose": str, "cut": int,
    "malformed": bool, "empty": bool, "huge": int, "deep": int, "html": bool,
    "drop_item": int, "partial": dict, "reorder": bool, "redirect": str,
    "set": dict, "endless": int,
    "close": bool, "process": bool}
_MATCH = ("method", "path", "query", "body")

# Replies that come instead of processing, unless "process" says otherwise.
_INSTEAD = ("status", "html", "redirect")


class FaultError(ValueError):
    """A fault or hold that cannot be understood."""


class Match:
    """Which requests are meant; a missing part means any."""

    def __init__(self, spec):
        if not isinstance(spec, dict):
            raise FaultError("match must be an object")
        for name in spec:
            if name not in _MATCH:
                raise FaultError("match has no part %s" % name)
        self.spec = spec
        self.method = spec.get("method")
        try:
            self.path = re.compile(spec.get("path", ""))
            self.query = re.compile(spec.get("query", ""))
            self.body = re.compile(spec.get("body", "").encode("utf-8"))
        except (re.error, TypeError, AttributeError) as problem:
            raise FaultError("bad expression: %s" % problem) from None

    def fits(self, call):
        return ((self.method is None or self.method == call.method)
                and bool(self.path.search(call.path))
                and bool(self.query.search(call.query_text))
                and bool(self.body.search(call.body)))


class Fault:
    def __init__(self, number, spec, seeds):
        if not isinstance(spec, dict) or not isinstance(spec.get("do"), dict):
            raise FaultError("a fault needs match and do")
        for name in spec:
            if name not in ("match", "do", "times", "skip", "probability",
                            "seed", "name"):
                raise FaultError("a fault has no %s" % name)
        _check_numbers(spec)
        self.match = Match(spec.get("match", {}))
        self.do = _check_do(spec["do"])
        self.times = spec.get("times")
        self.skip = spec.get("skip", 0)
        self.probability = spec.get("probability", 1)
        seed = spec.get("seed")
        self.random = Random(seeds.random() if seed is None else seed)
        self.number = number
        self.name = spec.get("name") or "%d:%s" % (
            number, "+".join(sorted(self.do)))
        self.applied = 0

    def takes(self, call):
        """True when this request gets the fault; counts it."""
        if self.times is not None and self.applied >= self.times:
            return False
        if not self.match.fits(call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.applied += 1
        return True

    def processes(self):
        """Does the request change the store before the fault shows?"""
        if "process" in self.do:
            return self.do["process"]
        if self.do.get("lose") == "before":
            return False
        return not any(name in self.do for name in _INSTEAD)

    def show(self):
        return {"id": self.number, "name": self.name,
                "match": self.match.spec, "do": self.do, "times": self.times,
                "skip": self.skip, "probability": self.probability,
                "applied": self.applied}


def _check_numbers(spec):
    times, skip = spec.get("times"), spec.get("skip", 0)
    chance = spec.get("probability", 1)
    if (times is not None and type(times) is not int
            or type(skip) is not int
            or isinstance(chance, (str, bool)) or not 0 <= chance <= 1):
        raise FaultError("times, skip or probability is not a fit number")


def _check_do(do):
    for name, value in do.items():
        if name not in _DO:
            raise FaultError("do has no %s" % name)
        if not isinstance(value, _DO[name]):
            raise FaultError("do.%s has the wrong type" % name)
    if do.get("lose", "after") not in ("before", "after"):
        raise FaultError("do.lose must be before or after")
    if not do:
        raise FaultError("do is empty")
    for name in do.get("partial", ()):
        if name not in ("fail", "save", "status", "fields", "errors"):
            raise FaultError("do.partial has no %s" % name)
    return do


class Faults:
    """The faults of a store; the first one that fits is applied."""

    def __init__(self, store):
        self.store = store
        self.faults = []
        self._next = 1

    def add(self, spec):
        fault = Fault(self._next, spec, self.store.random)
        self._next += 1
        self.faults.append(fault)
        return fault

    def remove(self, number=None):
        before = len(self.faults)
        self.faults = [f for f in self.faults
                       if number is not None and f.number != number]
        return before - len(self.faults)

    def pick(self, call):
        for fault in self.faults:
            if fault.takes(call):
                return fault
        return None


class Hold:
    """Requests that fit are kept waiting.

    process: "now" changes the store on arrival, "release" when released,
    "never" not at all (the connection is then lost).
    """

    def __init__(self, number, spec):
        for name in spec:
            if name not in ("match", "times", "process"):
                raise FaultError("a hold has no %s" % name)
        self.match = Match(spec.get("match", {}))
        self.times = spec.get("times")
        self.process = spec.get("process", "now")
        if self.process not in ("now", "release", "never"):
            raise FaultError("process must be now, release or never")
        self.number = number
        self.held = 0

    def takes(self, call):
        if self.times is not None and self.held >= self.times:
            return False
        if not self.match.fits(call):
            return False
        self.held += 1
        return True

    def show(self):
        return {"id": self.number, "match": self.match.spec,
                "times": self.times, "process": self.process,
                "held": self.held}


class Holds:
    def __init__(self):
        self.holds = []
        self.waiting = []           # (hold, call), in order of arrival
        self._next = 1

    def add(self, spec):
        hold = Hold(self._next, spec)
        self._next += 1
        self.holds.append(hold)
        return hold

    def pick(self, call):
        for hold in self.holds:
            if hold.takes(call):
                return hold
        return None

    def keep(self, hold, call):
        self.waiting.append((hold, call))

    def release(self, number=None, entry=None, most=None, stay=False):
        """Take out the calls to go on with, oldest first.

        number: of one hold; entry: one request by its number in the journal;
        most: so many at once.  The hold itself ends unless stay is true.
        """
        chosen, rest = [], []
        for hold, call in self.waiting:
            fits = ((number is None or hold.number == number)
                    and (entry is None or call.entry.n == entry)
                    and (most is None or len(chosen) < most))
            (chosen if fits else rest).append((hold, call))
        self.waiting = rest
        if not stay and entry is None and most is None:
            self.holds = [h for h in self.holds
                          if number is not None and h.number != number]
        return chosen
