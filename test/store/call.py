"""One API call on its way through the store."""

import time

import exactjson
import fields
import query
from replies import (PROBLEM, Refused, detail, error, plain, tree_bad_request,
                     tree_error, v2_error)


class Call:
    __slots__ = ("server", "connection", "request", "store", "method",
                 "path", "query_text", "body", "endpoint", "ids", "entry",
                 "fault", "key", "kind", "reply", "rate", "was")

    def __init__(self, server, connection, request, store, path, query_text):
        self.server = server
        self.connection = connection
        self.request = request
        self.store = store
        self.method = request.method
        self.path = path
        self.query_text = query_text
        self.body = request.body
        self.endpoint = None
        self.ids = ()
        self.entry = None
        self.fault = None
        self.key = None             # under which it counts as in flight
        self.kind = None            # "adjustment", "catalog": what it writes
        self.reply = None
        self.rate = ""              # the rate header lines of the reply
        self.was = {}               # id -> record before this call

    # -- the request ---------------------------------------------------------

    def params(self, known):
        """The typed query parameters; refuses what the endpoint lacks."""
        if not self.query_text:
            return {}
        try:
            raw, twice = query.split(self.query_text)
            errors = {name: "%s is given twice" % name for name in twice}
            values = query.read(raw, known, errors,
                                self.store.settings["comma_escape"])
        except query.BadQuery as problem:
            raise Refused(self.bad_request(str(problem), text=True)) from None
        if errors:
            raise Refused(self.invalid(errors))
        return values

    def _json(self):
        try:
            return exactjson.loads(self.body)
        except exactjson.JsonError as problem:
            raise Refused(self.bad_request(str(problem))) from None

    def json_object(self):
        value = self._json()
        if type(value) is not dict:
            raise Refused(self.bad_request("the body must be an object"))
        return value

    def json_array(self):
        """A batch: an array of objects with at least one item."""
        value = self._json()
        if type(value) is not list:
            raise Refused(self.bad_request("the body must be an array"))
        if not all(type(item) is dict for item in value):
            raise Refused(self.bad_request("every item must be an object"))
        if not value:
            raise Refused(self.invalid({"body": "the array is empty"}))
        return value

    def validate(self, item, checks, errors, read_only=(), required=()):
        if self.store.settings["unknown_fields"] == "ignore":
            item = {name: value for name, value in item.items()
                    if name in checks}
        return fields.validate(item, checks, errors, read_only, required)

    # -- refusals, in the family of the endpoint -----------------------------

    def error(self, status, title, errors=None):
        if self.endpoint.bare:
            return v2_error(status, title)
        reply = error(status, title, errors)
        if self.endpoint.problem:
            reply.ctype = PROBLEM
        return reply

    def invalid(self, errors):
        title = "The request is not valid: %s" % "; ".join(
            str(text) for text in errors.values())
        if self.endpoint.tree:
            return tree_error(422, title, errors)
        return self.error(400 if self.endpoint.bare else 422, title, errors)

    def bad_request(self, title, text=False):
        if not self.endpoint.tree:
            return self.error(400, title)
        # The list of categories documents a text, the writes an array.
        return plain(400, title) if text else tree_bad_request(title)

    # -- what it did ---------------------------------------------------------

    def created(self, kind, key):
        self.entry.created.append([kind, key])
        delay = self.store.settings["list_delay_ms"]
        if delay:
            self.store.unlisted[kind, key] = time.monotonic() + delay / 1000.0

    def changed(self, kind, key):
        self.entry.changed.append([kind, key])

    def deleted(self, kind, key):
        self.entry.deleted.append([kind, key])

    def violates(self, name):
        """Count something that a well-behaved client does not do."""
        self.entry.violations.append(name)
        self.store.violations[name] += 1

    def before(self, key, record):
        self.was.setdefault(key, record)

    def undo(self, restore):
        for key, record in reversed(list(self.was.items())):
            restore(key, record)
        self.forget_changes()

    def forget_changes(self):
        self.entry.created.clear()
        self.entry.changed.clear()

    # -- partial success on demand -------------------------------------------

    def _partial(self):
        return self.fault.do.get("partial") if self.fault else None

    def is_partial(self):
        return self._partial() is not None

    def fails_item(self, position):
        partial = self._partial()
        if partial is None:
            return False
        if "save" in partial:
            return position >= partial["save"]
        return position in partial.get("fail", ())

    def lost_fields(self):
        partial = self._partial()
        return partial.get("fields", ()) if partial else ()

    def partial_status(self, usual):
        partial = self._partial()
        return partial.get("status", usual) if partial else usual

    def partial_batch(self, reply, count):
        """Make a batch reply say that some items were not saved."""
        partial = self._partial()
        if partial is None or len(reply.items) == count and not partial.get(
                "fields"):
            return reply
        status = partial.get("status", 207)
        errors = partial.get("errors", {"name": "could not be saved"})
        if status != 207:
            return error(status, "The products were not valid.", errors)
        reply.status = 207
        if reply.errors is None or "errors" in partial:
            reply.errors = exactjson.text(detail(
                207, "Some products were not saved.", errors))
        return reply
