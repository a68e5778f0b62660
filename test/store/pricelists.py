"""Price lists; their records and assignments go with them."""

import fields
import listing
import pricelistassignments
import pricerecords
import query
from replies import Refused, error, nothing, one
from tables import Kind, Table

KIND = Kind("price_list", "id", {
    "id": 0, "name": "", "active": True, "date_created": "",
    "date_modified": ""})

CHECKS = {"name": fields.string(1), "active": fields.boolean}
READ_ONLY = ("id", "date_created", "date_modified")

_FILTERS = {
    "id:in": listing.BY_ID["id:in"],
    "name": (query.TEXT, listing.unique(
        "name", lambda store, value: store.fold(value))),
    "name:like": (query.TEXT, listing.like("name")),
    **listing.date_range("date_created"),
    **listing.date_range("date_modified"),
}
LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)
DELETE_PARAMS = {"id:in": query.INTEGERS, "name": query.TEXT}


def new_table(store):
    return Table(KIND, {"name": lambda r: store.fold(r["name"])}, {},
                 first_id=3)


# -- changes, also used by the control interface -----------------------------

def conflicts(store, clean, own=None):
    if "name" in clean:
        holder = store.price_lists.find("name", store.fold(clean["name"]))
        if holder not in (None, own):
            return {"name": "The name is in use by price list %d" % holder}
    return {}


def create(store, clean, key=None):
    record = dict(clean)
    record["id"] = store.price_lists.take_id() if key is None else key
    record["date_created"] = record["date_modified"] = store.stamp()
    store.price_lists.add(record)
    return record


def update(store, key, clean):
    return store.price_lists.put(key, dict(clean, date_modified=store.stamp()))


def remove(store, key):
    store.price_lists.remove(key)
    pricerecords.forget_list(store, key)
    pricelistassignments.forget_list(store, key)


# -- the API -----------------------------------------------------------------

def _check(call):
    call.params({})
    errors = {}
    clean = call.validate(call.json_object(), CHECKS, errors, READ_ONLY,
                          ("name",))
    if errors:
        raise Refused(call.invalid(errors))
    return clean


def _refuse_conflicts(found):
    if found:
        raise Refused(error(409, "The price list conflicts with another "
                                 "one.", found))


def _existing(call):
    key = call.ids[0]
    if key not in call.store.price_lists.rows:
        raise Refused(error(404, "The price list %d was not found." % key))
    return key


def _show(store, key):
    return KIND.show(store.price_lists, store.price_lists.rows[key])


def list_all(call):
    values = call.params(LIST_PARAMS)
    table = call.store.price_lists
    filters = [build(call.store, table, values[name])
               for name, (_, build) in _FILTERS.items() if name in values]
    return listing.paged(call, table, listing.select(table, filters), values,
                         lambda r: KIND.show(table, r))


def get_one(call):
    call.params({})
    return one(_show(call.store, _existing(call)))


def post(call):
    clean = _check(call)
    _refuse_conflicts(conflicts(call.store, clean))
    key = create(call.store, clean)["id"]
    call.created("price_list", key)
    return one(_show(call.store, key))


def put(call):
    key = _existing(call)
    clean = _check(call)
    _refuse_conflicts(conflicts(call.store, clean, key))
    update(call.store, key, clean)
    call.changed("price_list", key)
    return one(_show(call.store, key))


def delete_one(call):
    call.params({})
    key = _existing(call)
    remove(call.store, key)
    call.deleted("price_list", key)
    return nothing()


def delete_many(call):
    """Without a filter, every price list goes."""
    values = call.params(DELETE_PARAMS)
    table = call.store.price_lists
    if not values:
        call.violates("unfiltered_delete")
    filters = [_FILTERS[name][1](call.store, table, value)
               for name, value in values.items()]
    keys = listing.select(table, filters)
    if isinstance(keys, range):
        keys = [table.ids[position] for position in keys]
    for key in list(keys):
        remove(call.store, key)
        call.deleted("price_list", key)
    return nothing()
