"""Redirects: written by site and path, whether they exist or not."""

import fields
import listing
import query
from replies import Refused, Reply, error, nothing
from tables import Kind, Table

_MOST = 2 ** 63 - 1
_TARGETS = {"product": "products", "brand": "brands",
            "category": "categories"}
_TYPES = tuple(_TARGETS) + ("page", "post", "url")

KIND = Kind("redirect", "id", {
    "id": 0, "site_id": 0, "from_path": "", "to": None},
    optional=("to_url",))

_PATH = fields.string(1, 2048)
_TO = fields.obj({"type": fields.choice(*_TYPES),
                  "entity_id": fields.integer(1, _MOST),
                  "url": fields.string(1, 2048)}, ("type",))


def _path(value):
    if not _PATH(value).startswith("/"):
        raise fields.Bad("must begin with /")
    return value


def _to(value):
    """A URL, or the id of a record: what the type says."""
    value = _TO(value)
    wanted = "url" if value["type"] == "url" else "entity_id"
    if set(value) != {"type", wanted}:
        raise fields.Bad("must have %s and nothing else" % wanted)
    return value


CHECKS = {"from_path": _path, "site_id": fields.integer(0, _MOST), "to": _to}
_REQUIRED = ("from_path", "site_id", "to")


def _by_keyword(store, table, value):
    """Only from the beginning of a path: blue finds /blue-shirt."""
    start = "/" + value.lstrip("/").casefold()
    return listing.Filter(lambda r: r["from_path"].casefold().startswith(start))


_FILTERS = {
    "site_id": (query.INTEGER, listing.equals("site_id")),
    "id:in": listing.BY_ID["id:in"],
    "id:min": listing.BY_ID["id:min"],
    "id:max": listing.BY_ID["id:max"],
    "keyword": (query.TEXT, _by_keyword),
}
LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)
LIST_PARAMS["sort"] = query.one_of("from_path", "type", "site_id", "id")
LIST_PARAMS["direction"] = query.one_of("asc", "desc")
LIST_PARAMS["include"] = query.some_of("to_url")
DELETE_PARAMS = {"id:in": query.INTEGERS, "site_id": query.INTEGER}


def key_of(store, record):
    """What makes a redirect one: as it is written, or as browsers see it."""
    path = record["from_path"]
    if store.settings["redirect_paths"] == "fold":
        path = path.casefold().rstrip("/") or "/"
    return record["site_id"], path


def new_table(store):
    return Table(KIND, {"path": lambda r: key_of(store, r)}, {},
                 first_id=9001)


# -- changes, also used by the control interface -----------------------------

def conflicts(store, clean):
    """Why a redirect cannot be: field -> text."""
    to = clean.get("to", {})
    if clean.get("site_id") not in store.settings["sites"]:
        return {"site_id": "There is no such site"}
    if to.get("url") == clean["from_path"]:
        return {"to": "A redirect cannot lead to itself"}
    table = _TARGETS.get(to.get("type"))
    if table and to["entity_id"] not in store.tables()[table].rows:
        return {"to": "The target does not exist"}
    return {}


def put_one(store, clean, key=None):
    """The id of the redirect, which is new or overwritten, and as it was."""
    table = store.redirects
    held = table.find("path", key_of(store, clean))
    if held is not None:
        return held, table.put(held, clean)
    record = dict(clean, id=table.take_id() if key is None else key)
    table.add(record)
    return record["id"], None


def remove(store, key):
    store.redirects.remove(key)


# -- the API -----------------------------------------------------------------

def _show(call, values=None):
    table = call.store.redirects

    def show(record):
        if values and "to_url" in values.get("include", ()):
            to = record["to"]
            record = dict(record, to_url="https://%s.example.com%s" % (
                call.store.hash, to.get("url", "/%s/%s" % (
                    to["type"], to.get("entity_id")))))
        return KIND.show(table, record)
    return show


def list_all(call):
    values = call.params(LIST_PARAMS)
    table = call.store.redirects
    filters = [build(call.store, table, values[name])
               for name, (_, build) in _FILTERS.items() if name in values]
    sort = values.get("sort")
    found = listing.order(
        table, listing.select(table, filters),
        (lambda r: r["to"]["type"]) if sort == "type" else sort,
        values.get("direction"))
    return listing.paged(call, table, found, values, _show(call, values))


def _items(call):
    call.params({})
    items = call.json_array()
    most = call.store.settings["redirect_batch"]
    if len(items) > most:
        raise Refused(error(413, "At most %d redirects at a time." % most))
    return items


def _put(call, item, seen):
    """No error is documented: this one names no redirect."""
    errors = {}
    clean = call.validate(item, CHECKS, errors, ("id", "to_url"), _REQUIRED)
    errors = errors or conflicts(call.store, clean)
    if not errors and key_of(call.store, clean) in seen:
        errors = {"from_path": "A path is in the batch twice"}
    if errors:
        raise Refused(error(422, "The redirects could not be saved."))
    seen.add(key_of(call.store, clean))
    key, before = put_one(call.store, clean)
    if before is None:
        call.created("redirect", key)
    else:
        call.before(key, before)
        call.changed("redirect", key)
    return key


def put(call):
    table, saved, seen = call.store.redirects, [], set()
    try:
        for item in _items(call):
            saved.append(_put(call, item, seen))
    except Refused:
        if call.store.settings["redirect_mode"] == "atomic":
            for _, key in call.entry.created:
                table.remove(key)
            call.undo(table.restore)
        raise
    show = _show(call)
    return Reply(201, items=[show(table.rows[key]) for key in saved])


def delete(call):
    values = call.params(DELETE_PARAMS)
    table = call.store.redirects
    if "site_id" in values:
        # Whether id:in narrows this is not documented: take the worst.
        call.violates("unfiltered_delete")
        wanted = [key for key, record in table.rows.items()
                  if record["site_id"] == values["site_id"]]
    elif "id:in" not in values:
        call.violates("unfiltered_delete")
        raise Refused(error(422, "id:in is required."))
    else:
        wanted = values["id:in"]
    most = call.store.settings["redirect_delete_batch"]
    if len(wanted) > most:
        raise Refused(error(413, "At most %d redirects at a time." % most))
    for key in wanted:
        if key in table.rows:
            remove(call.store, key)
            call.deleted("redirect", key)
    return nothing()
