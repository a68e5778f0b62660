#!/usr/bin/env python3
"""The control path of a simulated store: a module, and a command.

    control.py URL state [products|brands|categories|customers|redirects|price_lists|stock|locations]
    control.py URL counts | journal [SINCE] | settings | faults | holds
    control.py URL clear | reset [WHAT,...] | window | settle | disconnect
    control.py URL settings JSON | fault JSON | seed JSON | edit JSON
    control.py URL remove JSON | hold JSON | release [JSON] | use N
    control.py URL unfault [ID] | stores [JSON]
    control.py URL wait SECONDS COUNTS-PATH VALUE

URL is http://127.0.0.1:PORT, with ?store=HASH when there are several stores.
The answer is printed as JSON, one item a line, with all digits of its numbers.
"""

import json
import signal
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal

import exactjson


class ControlError(Exception):
    """The store refused a control call."""


class Control:
    """Talks to the control path; answers are Python values."""

    def __init__(self, url, store=None):
        parts = urllib.parse.urlsplit(url)
        self.base = "%s://%s/_control" % (parts.scheme, parts.netloc)
        named = urllib.parse.parse_qs(parts.query).get("store")
        self.store = store or (named[0] if named else None)
        handlers = [urllib.request.ProxyHandler({})]
        if parts.scheme == "https":
            # The certificate is made by the test that started the store.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def call(self, method, path, body=None, params=None):
        params = {name: value for name, value in (params or {}).items()
                  if value is not None}
        if self.store is not None:
            params["store"] = self.store
        url = self.base + path
        if params:
            url += "?" + urllib.parse.urlencode(params)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        try:
            with self._opener.open(request) as reply:
                return json.loads(reply.read(), parse_float=Decimal)
        except urllib.error.HTTPError as problem:
            with problem:
                text = problem.read().decode("utf-8", "replace")
            raise ControlError(text) from None

    def state(self, kind=None, **params):
        return self.call("GET", "/state" + ("/" + kind if kind else ""),
                         params=params)

    def counts(self):
        return self.call("GET", "/counts")

    def journal(self, since=0, method=None, path=None):
        return self.call("GET", "/journal", params={
            "since": since, "method": method, "path": path})["entries"]

    def clear(self):
        return self.call("DELETE", "/journal")

    def fault(self, spec):
        return self.call("POST", "/faults", spec)

    def unfault(self, number=None):
        return self.call("DELETE", "/faults", params={"id": number})

    def settings(self, changes=None):
        if changes is None:
            return self.call("GET", "/settings")
        return self.call("POST", "/settings", changes)

    def post(self, path, body=None):
        return self.call("POST", path, body or {})

    def seed(self, kind, records):
        return self.post("/seed", {"kind": kind, "records": records})

    def edit(self, resource, key, **changes):
        return self.post("/edit", {"resource": resource, "id": key,
                                   "set": changes})

    def remove(self, resource, key):
        return self.post("/remove", {"resource": resource, "id": key})

    def use(self, calls):
        return self.post("/use", {"calls": calls})

    def hold(self, spec):
        return self.post("/hold", spec)

    def release(self, spec=None):
        return self.post("/release", spec)

    def reset(self, what=None):
        return self.post("/reset", {"what": what} if what else {})

    def wait(self, seconds, test):
        """Poll until test(self) is true; its value, or ControlError."""
        end = time.monotonic() + seconds
        while True:
            value = test(self)
            if value:
                return value
            if time.monotonic() > end:
                raise ControlError("waited %s seconds in vain" % seconds)
            time.sleep(0.01)


def _wait_for_count(control, seconds, path, wanted):
    def reached(control):
        value = control.counts()
        for name in path.split("."):
            value = value.get(name, 0)
        return value >= int(wanted)
    return control.wait(float(seconds), reached)


_COMMANDS = {
    "state": lambda c, kind=None: c.state(kind),
    "counts": lambda c: c.counts(),
    "journal": lambda c, since=0: c.journal(since),
    "clear": lambda c: c.clear(),
    "faults": lambda c: c.call("GET", "/faults"),
    "fault": lambda c, spec: c.fault(json.loads(spec)),
    "unfault": lambda c, number=None: c.unfault(number),
    "settings": lambda c, changes=None: c.settings(
        changes and json.loads(changes)),
    "seed": lambda c, spec: c.post("/seed", json.loads(spec)),
    "edit": lambda c, spec: c.post("/edit", json.loads(spec)),
    "remove": lambda c, spec: c.post("/remove", json.loads(spec)),
    "use": lambda c, calls: c.use(int(calls)),
    "window": lambda c: c.post("/window"),
    "settle": lambda c: c.post("/settle"),
    "disconnect": lambda c: c.post("/disconnect"),
    "hold": lambda c, spec: c.hold(json.loads(spec)),
    "holds": lambda c: c.call("GET", "/hold"),
    "release": lambda c, spec="{}": c.release(json.loads(spec)),
    "reset": lambda c, what=None: c.reset(what and what.split(",")),
    "stores": lambda c, spec=None: c.post("/stores", json.loads(spec))
    if spec else c.call("GET", "/stores"),
    "wait": _wait_for_count,
}


def _lines(value):
    """JSON text with each item of the outermost level on its own line."""
    if isinstance(value, dict) and value:
        return "{%s}" % ",\n ".join(
            "%s: %s" % (exactjson.text(name), exactjson.text(item))
            for name, item in value.items())
    if isinstance(value, list) and value:
        return "[%s]" % ",\n ".join(map(exactjson.text, value))
    return exactjson.text(value)


def main(arguments):
    if len(arguments) < 2 or arguments[1] not in _COMMANDS:
        sys.stderr.write(__doc__)
        return 2
    try:
        answer = _COMMANDS[arguments[1]](Control(arguments[0]),
                                         *arguments[2:])
    except TypeError as problem:
        sys.stderr.write("%s\n%s" % (problem, __doc__))
        return 2
    except (ControlError, OSError, ValueError) as problem:
        sys.stderr.write("%s\n" % problem)
        return 1
    sys.stdout.buffer.write(exactjson.to_bytes(_lines(answer) + "\n"))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
