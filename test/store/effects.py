"""What a fault does to a reply."""

from urllib.parse import parse_qs

import exactjson
import replies
from replies import Reply


class Delivery:
    """How the bytes of a reply are to be sent."""

    __slots__ = ("lose", "cut", "close")

    def __init__(self, do):
        self.lose = "lose" in do
        self.cut = do.get("cut")
        self.close = bool(do.get("close"))


NORMAL = Delivery({})


def instead(call, fault):
    """The reply of a fault that leaves the store alone."""
    do = fault.do
    if "redirect" in do:
        reply = replies.html(do.get("status", 302))
        reply.headers.append(("Location", do["redirect"]))
    elif do.get("html"):
        reply = replies.html(do.get("status", 503))
    else:
        status = do.get("status", 500)
        reply = _with_body(do, replies.error(
            status, replies.REASONS.get(status, "Error")))
    return decorate(call, fault, reply)


def _with_body(do, reply):
    body = do.get("body")
    if body is None:
        return reply
    if isinstance(body, str):
        reply.raw, reply.ctype = body.encode("utf-8"), replies.PLAIN
    else:
        reply.raw = exactjson.dumps(body)
    return reply


def decorate(call, fault, reply):
    """Headers that a fault asks for."""
    reply.headers.extend(
        (name, str(value)) for name, value in fault.do.get(
            "headers", {}).items())
    for name, value in reply.headers:
        if name.lower() == "content-type":
            reply.ctype = value
    reply.headers = [(name, value) for name, value in reply.headers
                     if name.lower() != "content-type"]
    if fault.do.get("rate_headers") is False:
        call.rate = ""
    return reply


def after(call, fault, reply):
    """Spoil the reply of a call that was processed."""
    do = fault.do
    _spoil_items(do, reply)
    if "endless" in do:
        reply = _endless(call, do["endless"])
    if do.get("malformed"):
        body = (reply.body() or b"{")[:-1] + b',"data":['
        reply = Reply(200, raw=body)
    elif do.get("empty"):
        reply = Reply(200, raw=b"")
    elif "huge" in do:
        reply = Reply(200, raw=_huge(do["huge"]))
    elif "deep" in do:
        depth = do["deep"]
        reply = Reply(200, raw=b'{"data":' + b"[" * depth + b"]" * depth
                      + b',"meta":{}}')
    elif "status" in do and do.get("process"):
        reply = _with_body(do, replies.error(
            do["status"], replies.REASONS.get(do["status"], "Error")))
    elif do.get("html"):
        reply = replies.html(do.get("status", 200))
    return decorate(call, fault, reply)


def _endless(call, size):
    """A page of a list that always has one more; ids grow, so do totals."""
    query = parse_qs(call.query_text)
    after = int(query["id:greater"][0]) if "id:greater" in query else (
        (int(query.get("page", ["1"])[0]) - 1) * size)
    records = [{"id": n, "category_id": n, "name": "Endless %d" % n,
                "parent_id": 0, "tree_id": 1}
               for n in range(after + 1, after + size + 1)]
    total = after + 3 * size
    return Reply(200, raw=exactjson.dumps({
        "data": records, "meta": {"pagination": {
            "total": total, "count": size, "per_page": size,
            "total_pages": total // size}}}))


def _spoil_items(do, reply):
    if reply.items is None:
        return
    if "set" in do:
        reply.items = [_set(item, do["set"]) for item in reply.items]
    if reply.single:
        return
    if "drop_item" in do and do["drop_item"] < len(reply.items):
        del reply.items[do["drop_item"]]
    if do.get("reorder"):
        reply.items.reverse()


def _set(item, changes):
    record = exactjson.loads(item.encode("utf-8"))
    record.update(changes)
    return exactjson.text(record)


def _huge(size):
    """Valid JSON of this size."""
    frame = b'{"data":[],"meta":{"filler":"%s"}}'
    return frame % (b"x" * max(0, size - len(frame) + 2))
