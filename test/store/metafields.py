"""Metafields of products, variants, brands, categories and customers.

One table for each kind of parent; ids are those of the kind.  A batch that
has bad items saves the others, and says so with 422.
"""

import exactjson
import fields
import listing
import query
from replies import Refused, Reply, counters, detail, error, nothing, one
from tables import Kind, Table

CLIENT = "ours"
_PERMISSIONS = ("app_only", "read", "write", "read_and_sf_access",
                "write_and_sf_access")

# kind -> the path of its parents, and the table that has these
PARENTS = {"product": ("/catalog/products", "products"),
           "variant": ("/catalog/variants", "variants"),
           "brand": ("/catalog/brands", "brands"),
           "category": ("/catalog/categories", "categories"),
           "customer": ("/customers", "customers")}

KINDS = {name: Kind(name + "_metafield", "id", {
    "id": 0, "key": "", "value": "", "namespace": "", "permission_set": "",
    "resource_type": name, "resource_id": 0, "description": "",
    "date_created": "", "date_modified": "", "owner_client_id": CLIENT})
    for name in PARENTS}

CHECKS = {
    "namespace": fields.string(1, 64),
    "key": fields.string(1, 64),
    "value": fields.string(1, 65535),
    "permission_set": fields.choice(*_PERMISSIONS),
    "description": fields.string(0, 255),
}
_NEW = dict(CHECKS, resource_id=fields.integer(1, 10 ** 10))
READ_ONLY = ("id", "resource_type", "date_created", "date_modified",
             "owner_client_id")
_REQUIRED = ("permission_set", "namespace", "key", "value")
# what only the app that made a metafield may change
_OWN = ("namespace", "key", "permission_set")

_FILTERS = {
    "key": (query.TEXT, listing.equals("key")),
    "key:in": (query.TEXTS, listing.one_of("key")),
    "namespace": (query.TEXT, listing.equals("namespace")),
    "namespace:in": (query.TEXTS, listing.one_of("namespace")),
    **listing.date_range("date_created"),
    **listing.date_range("date_modified"),
}
LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)
LIST_PARAMS["direction"] = query.one_of("asc", "desc")
LIST_PARAMS["include_fields"] = query.TEXTS
BELOW_PARAMS = dict(listing.PAGING, key=query.TEXT, namespace=query.TEXT)


def new_tables():
    return {name: Table(kind, {"key": _key_of},
                        {"parent": lambda r: (r["resource_id"],)},
                        first_id=3001)
            for name, kind in KINDS.items()}


def _key_of(record):
    return (record.get("owner_client_id", CLIENT), record["resource_id"],
            record["namespace"], record["key"])


def parents_of(store, name):
    return store.tables()[PARENTS[name][1]].rows


# -- changes, also used by the control interface -----------------------------

def conflicts(store, name, record, own=None):
    """Why a record cannot be there, as (status, field, text), or None."""
    table = store.metafields[name]
    if record["resource_id"] not in parents_of(store, name):
        return 422, "resource_id", "there is no %s %d" % (
            name, record["resource_id"])
    if table.find("key", _key_of(record)) not in (None, own):
        return 409, "key", "%s.%s exists already" % (
            record["namespace"], record["key"])
    mine = [key for key in table.members("parent", record["resource_id"])
            if table.rows[key].get("owner_client_id", CLIENT) == CLIENT]
    if own is None and len(mine) >= store.settings["most_metafields"]:
        return 422, "resource_id", "a %s can have at most %d metafields" % (
            name, store.settings["most_metafields"])
    return None


def create(store, name, clean, key=None):
    table = store.metafields[name]
    record = dict(clean)
    record["id"] = table.take_id() if key is None else key
    record["date_created"] = record["date_modified"] = store.stamp()
    table.add(record)
    return record


def update(store, name, key, clean):
    return store.metafields[name].put(
        key, dict(clean, date_modified=store.stamp()))


def remove(store, name, key):
    store.metafields[name].remove(key)


def remove_parent(store, name, parent):
    """What is removed takes its metafields along."""
    table = store.metafields[name]
    for key in sorted(table.members("parent", parent)):
        table.remove(key)


# -- one item, single or of a batch -------------------------------------------

class Bad(Exception):
    """One item that cannot be saved."""

    def __init__(self, status, errors):
        super().__init__(status)
        self.status, self.errors = status, errors


def _clean(call, item, checks, required):
    errors = {}
    clean = call.validate(item, checks, errors, READ_ONLY, required)
    if errors:
        raise Bad(422, errors)
    return clean


def _add(call, name, item):
    record = _clean(call, item, _NEW, _REQUIRED + ("resource_id",))
    found = conflicts(call.store, name, record)
    if found:
        raise Bad(found[0], {found[1]: found[2]})
    key = create(call.store, name, record)["id"]
    call.created(name + "_metafield", key)
    return key


def _row(call, name, key):
    row = call.store.metafields[name].rows.get(
        key if type(key) is int else None)
    if row is None:
        raise Bad(404, {"id": "there is no such metafield"})
    return row


def _change(call, name, item):
    row = _row(call, name, item.get("id"))
    clean = _clean(call, {f: v for f, v in item.items() if f != "id"},
                   CHECKS, ())
    if row.get("owner_client_id", CLIENT) != CLIENT and set(clean) & set(_OWN):
        raise Bad(403, {f: "belongs to another app" for f in _OWN})
    found = conflicts(call.store, name, dict(row, **clean), row["id"])
    if found:
        raise Bad(found[0], {found[1]: found[2]})
    update(call.store, name, row["id"], clean)
    call.changed(name + "_metafield", row["id"])
    return row["id"]


def _drop(call, name, key):
    row = _row(call, name, key)
    if row.get("owner_client_id", CLIENT) != CLIENT:
        raise Bad(403, {"id": "belongs to another app"})
    remove(call.store, name, row["id"])
    call.deleted(name + "_metafield", row["id"])
    return row["id"]


# -- batches ------------------------------------------------------------------

def _shown(call, name, key):
    table = call.store.metafields[name]
    return table.kind.show(table, table.rows[key])


def _texts(problem):
    return "; ".join(str(text) for text in problem.errors.values())


def _batch(call, name, items, save, show):
    """Save what can be saved; the others are named by position or not."""
    settings = call.store.settings
    if len(items) > settings["metafield_batch"]:
        raise Refused(error(413, "At most %d metafields can be written at "
                                 "one time." % settings["metafield_batch"]))
    saved, errors = [], {}
    for position, item in enumerate(items):
        try:
            if call.fails_item(position):
                raise Bad(422, {"value": "could not be saved"})
            saved.append(save(call, name, item))
        except Bad as problem:
            at = position
            if settings["metafield_errors"] == "id":
                at = item.get("id", item.get("resource_id")) if isinstance(
                    item, dict) else item
            errors[str(at)] = _texts(problem)
    meta = exactjson.text(counters(len(items), len(items) - len(saved)))
    if not errors:
        return Reply(200, items=[show(call, name, key) for key in saved],
                     errors="[]", meta=meta)
    return Reply(422, items=[show(call, name, key) for key in saved],
                 errors=exactjson.text([detail(
                     422, "Bulk operation has failed", errors)]), meta=meta)


def _list_all(name):
    def answer(call):
        values = call.params(LIST_PARAMS)
        table = call.store.metafields[name]
        choose = listing.chooser(call, table.kind, values)
        filters = [build(call.store, table, values[field])
                   for field, (_, build) in _FILTERS.items()
                   if field in values]
        found = listing.order(table, listing.select(table, filters), None,
                              values.get("direction"))
        return listing.paged(call, table, found, values,
                             lambda r: table.kind.show(table, r, choose))
    return answer


def _post_all(name):
    def answer(call):
        call.params({})
        return _batch(call, name, call.json_array(), _add, _shown)
    return answer


def _put_all(name):
    def answer(call):
        call.params({})
        items = call.json_array()
        ids = [item.get("id") for item in items]
        if len(set(ids)) < len(ids):
            raise Refused(error(422, "An id is in the batch twice."))
        return _batch(call, name, items, _change, _shown)
    return answer


def _delete_all(name):
    def answer(call):
        """The ids are the body; without any, everything might go."""
        call.params({})
        try:
            ids = exactjson.loads(call.body)
        except exactjson.JsonError:
            ids = None
        if (type(ids) is not list or not ids or
                not all(type(key) is int for key in ids)):
            call.violates("unfiltered_delete")
            raise Refused(error(400, "The body must be an array of ids."))
        return _batch(call, name, ids, _drop, lambda call, name, key: str(key))
    return answer


# -- below one parent ---------------------------------------------------------

def _parent(call, name):
    if call.ids[0] not in parents_of(call.store, name):
        raise Refused(error(404, "The %s %d was not found."
                            % (name, call.ids[0])))
    return call.ids[0]


def _single(call, save):
    try:
        return save()
    except Bad as problem:
        raise Refused(error(problem.status, _texts(problem),
                            problem.errors)) from None


def _list_below(name):
    def answer(call):
        values = call.params(BELOW_PARAMS)
        table = call.store.metafields[name]
        filters = [listing.group_is("parent")(call.store, table,
                                              _parent(call, name))]
        filters += [listing.equals(field)(call.store, table, values[field])
                    for field in ("key", "namespace") if field in values]
        return listing.paged(call, table, listing.select(table, filters),
                             values, lambda r: table.kind.show(table, r))
    return answer


def _post_below(name):
    def answer(call):
        call.params({})
        item = dict(call.json_object(), resource_id=_parent(call, name))
        key = _single(call, lambda: _add(call, name, item))
        return one(_shown(call, name, key))
    return answer


def _one(call, name):
    """The id of the metafield of this parent."""
    key, table = call.ids[1], call.store.metafields[name]
    if table.rows.get(key, {}).get("resource_id") != _parent(call, name):
        raise Refused(error(404, "The metafield %d was not found." % key))
    return key


def _get_one(name):
    def answer(call):
        call.params({})
        return one(_shown(call, name, _one(call, name)))
    return answer


def _put_one(name):
    def answer(call):
        call.params({})
        key = _one(call, name)
        item = dict(call.json_object(), id=key)
        _single(call, lambda: _clean(call, {
            f: v for f, v in item.items() if f != "id"}, CHECKS, _REQUIRED))
        return one(_shown(call, name, _single(
            call, lambda: _change(call, name, item))))
    return answer


def _delete_one(name):
    def answer(call):
        call.params({})
        key = _one(call, name)
        _single(call, lambda: _drop(call, name, key))
        return nothing()
    return answer


def all_of(name):
    """The methods of the path of all metafields of a kind.

    That of customers documents no ids for its DELETE.
    """
    methods = {"GET": _list_all(name), "POST": _post_all(name),
               "PUT": _put_all(name)}
    if name != "customer":
        methods["DELETE"] = _delete_all(name)
    return methods


def below(name):
    return {"GET": _list_below(name), "POST": _post_below(name)}


def single(name):
    return {"GET": _get_one(name), "PUT": _put_one(name),
            "DELETE": _delete_one(name)}
