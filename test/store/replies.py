"""Replies and the envelopes of the documented error families.

A reply keeps its items apart until it is rendered, so that a fault can drop
one or put them in another order after the request was processed.
"""

import exactjson

TYPE = ("https://developer.bigcommerce.com/api-docs/getting-started/"
        "api-status-codes")

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
    207: "Multi-Status", 301: "Moved Permanently", 302: "Found",
    307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    409: "Conflict", 413: "Request Entity Too Large",
    414: "Request-URI Too Long", 415: "Unsupported Media Type",
    417: "Expectation Failed", 422: "Unprocessable Entity",
    423: "Locked", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}

JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html; charset=UTF-8"
PLAIN = "text/plain; charset=UTF-8"

_PAGE = ("<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n"
         "<center><h1>%d %s</h1></center>\r\n</body>\r\n</html>\r\n")


class Reply:
    """What goes back: either raw bytes, or the parts of an envelope.

    items is a list of JSON texts, one per record; single says that data is
    the only one of them and not an array.  errors and meta are JSON texts.
    """

    __slots__ = ("status", "ctype", "headers", "raw", "items", "single",
                 "errors", "meta")

    def __init__(self, status, raw=None, ctype=JSON, items=None, single=False,
                 errors=None, meta="{}"):
        self.status = status
        self.ctype = ctype
        self.headers = []
        self.raw = raw
        self.items = items
        self.single = single
        self.errors = errors
        self.meta = meta

    def body(self):
        """The body as bytes; None for a reply that has none."""
        if self.status == 204:
            return None
        if self.raw is not None:
            return self.raw
        parts = []
        if self.items is not None:
            parts.append('"data":' + self._data())
        if self.errors is not None:
            parts.append('"errors":' + self.errors)
        parts.append('"meta":' + self.meta)
        return exactjson.to_bytes("{%s}" % ",".join(parts))

    def _data(self):
        if not self.single:
            return "[%s]" % ",".join(self.items)
        return self.items[0] if self.items else "{}"


class Refused(Exception):
    """Ends the processing of a call with the reply it carries."""

    def __init__(self, reply):
        super().__init__(reply.status)
        self.reply = reply


def one(item, status=200):
    return Reply(status, items=[item], single=True)


def raw_json(value, status=200):
    return Reply(status, raw=exactjson.dumps(value))


def nothing():
    return Reply(204)


def detail(status, title, errors=None):
    """The error object that all families have inside."""
    return {"status": status, "title": title, "type": TYPE,
            "errors": errors or {}}


def error(status, title, errors=None):
    """Family A and its like: the error object is the body."""
    return raw_json(detail(status, title, errors), status)


def html(status):
    reason = REASONS.get(status, "Error")
    page = _PAGE % (status, reason, status, reason)
    return Reply(status, raw=page.encode("ascii"), ctype=HTML)


def plain(status, message):
    return Reply(status, raw=message.encode("utf-8"), ctype=PLAIN)


def method_not_allowed(method, allowed):
    reply = raw_json({
        "status": 405, "title": "Method not allowed", "type": TYPE,
        "detail": "%s is not supported by this resource" % method}, 405)
    reply.headers.append(("Allow", ", ".join(sorted(allowed))))
    return reply


def v2_error(status, message):
    return raw_json([{"status": status, "message": message}], status)


def counters(total, failed):
    return {"total": total, "success": total - failed, "failed": failed}


def tree_error(status, title, errors, total=0, failed=0):
    """Families E and F, everything failed: errors and meta, no data."""
    return Reply(status, errors=exactjson.text(detail(status, title, errors)),
                 meta=exactjson.text(counters(total, failed)))


def tree_bad_request(title):
    """Families E and F, the body has the wrong shape: an array of errors."""
    return raw_json(
        {"errors": [{"status": 400, "title": title, "type": TYPE}]}, 400)
