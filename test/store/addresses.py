"""Addresses of customers: no two of a customer's are the same."""

import re

import fields
import formfields
import listing
import query
from replies import Refused, Reply, error, nothing, raw_json
from tables import Kind, Table

_MOST = 2 ** 31 - 1
_COUNTRIES = {"US": "United States", "DE": "Germany", "NO": "Norway",
              "FR": "France", "GB": "United Kingdom"}
# What makes an address, besides its customer.
_CORE = {"first_name": "", "last_name": "", "company": "", "phone": "",
         "address_type": "residential", "address1": "", "address2": "",
         "city": "", "country_code": "", "state_or_province": "",
         "postal_code": ""}


def _finish(table, record, parts):
    parts["country"] = KIND.part("country", _COUNTRIES.get(
        record["country_code"].upper(), ""))


KIND = Kind("address", "id", dict(
    {"id": 0, "customer_id": 0}, country="", **_CORE), _finish,
    optional=("form_fields",))

_code = fields.string(2, 2, re.compile(r"[A-Za-z]{2}\Z"))


def _state(value):
    """Names are to be spelled out."""
    value = fields.string(0, 100)(value)
    if re.match(r"[A-Z]{2}\Z", value):
        raise fields.Bad("must be the full name of a state")
    return value


CHECKS = {
    "first_name": fields.string(1, 255), "last_name": fields.string(1, 255),
    "company": fields.string(0, 255), "address1": fields.string(1),
    "address2": fields.string(), "city": fields.string(1, 100),
    "state_or_province": _state, "postal_code": fields.string(0, 30),
    "country_code": _code, "phone": fields.string(0, 50),
    "address_type": fields.choice("residential", "commercial"),
    "form_fields": formfields.check,
}
_NEW_CHECKS = dict(CHECKS, customer_id=fields.integer(1, _MOST))
READ_ONLY = ("id", "country")
NESTED = ("first_name", "last_name", "address1", "city", "country_code")
REQUIRED = NESTED + ("customer_id", "state_or_province", "postal_code")

_FILTERS = {
    "id:in": listing.BY_ID["id:in"],
    "customer_id:in": (query.INTEGERS, listing.group_in("customer")),
    "company:in": (query.TEXTS, listing.one_of("company")),
}
LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)
LIST_PARAMS["include"] = query.some_of("formfields")
DELETE_PARAMS = {"id:in": query.INTEGERS}


def core(store, record):
    """What no two addresses have in common."""
    texts = [KIND.value(record, name).strip() for name in _CORE]
    if store.settings["address_twins"] == "fold":
        texts = [text.casefold() for text in texts]
    return (record["customer_id"],) + tuple(texts)


def new_table(store):
    return Table(KIND, {"core": lambda r: core(store, r)},
                 {"customer": lambda r: (r["customer_id"],)}, first_id=11001)


# -- changes, also used by the control interface -----------------------------

def create(store, clean, key=None):
    record = dict(clean, id=store.addresses.take_id() if key is None else key)
    store.addresses.add(record)
    return record


def update(store, key, clean):
    return store.addresses.put(key, formfields.merged(
        store, store.addresses.rows[key], clean))


def remove(store, key):
    store.addresses.remove(key)


def twin_of(store, record, own=None):
    """The id of another address that is the same, or None."""
    found = store.addresses.find("core", core(store, record))
    return None if found == own else found


# -- the API -----------------------------------------------------------------

def _show(store, values=None):
    with_fields = values and "formfields" in values.get("include", ())

    def show(record):
        record = dict(record)
        if with_fields:
            record.setdefault("form_fields", [])
        else:
            record.pop("form_fields", None)
        return KIND.show(store.addresses, record)
    return show


def list_all(call):
    values = call.params(LIST_PARAMS)
    table = call.store.addresses
    filters = [build(call.store, table, values[name])
               for name, (_, build) in _FILTERS.items() if name in values]
    return listing.paged(call, table, listing.select(table, filters), values,
                         _show(call.store, values))


def _refuse(errors):
    """Nothing says which of the addresses is meant."""
    raise Refused(error(422, "Addresses failed: %s" % "; ".join(
        errors.values()), {".address": "; ".join(errors.values())}))


def _items(call):
    call.params({})
    items = call.json_array()
    most = call.store.settings["address_batch"]
    if len(items) > most:
        raise Refused(error(413, "At most %d addresses at a time." % most))
    return items


def _new(call, item):
    errors = {}
    clean = call.validate(item, _NEW_CHECKS, errors, READ_ONLY, REQUIRED)
    errors = errors or formfields.problem(call.store, clean)
    if not errors and clean["customer_id"] not in call.store.customers.rows:
        errors = {"customer_id": "there is no such customer"}
    if errors:
        _refuse(errors)
    if twin_of(call.store, clean) is not None:
        return None
    key = create(call.store, clean)["id"]
    call.created("address", key)
    return key


def _change(call, item):
    store, errors = call.store, {}
    table, key = store.addresses, item.get("id")
    if type(key) is not int or key not in table.rows:
        if type(key) is int and store.settings["address_gone"] == "absent":
            return None
        _refuse({"id": "there is no address with that id"})
    if any(one == ["address", key] for one in call.entry.changed):
        _refuse({"id": "an address is in the batch twice"})
    rest = {name: value for name, value in item.items() if name != "id"}
    clean = call.validate(rest, CHECKS, errors, READ_ONLY)
    errors = errors or formfields.problem(store, clean)
    if errors:
        _refuse(errors)
    if not rest:
        call.violates("empty_update")
    if twin_of(store, dict(table.rows[key], **clean), key) is not None:
        return None
    call.before(key, update(store, key, clean))
    call.changed("address", key)
    return key


def _run(call, items, save):
    """Save them in their order; a bad one undoes those before it, or not."""
    table, saved = call.store.addresses, []
    try:
        for item in items:
            saved.append(save(call, item))
    except Refused:
        if call.store.settings["customer_mode"] == "atomic":
            for _, key in call.entry.created:
                table.remove(key)
            call.undo(table.restore)
        raise
    show = _show(call.store)
    shown = [show(table.rows[key]) for key in saved if key is not None]
    if not shown:
        return raw_json({})
    if len(shown) == 1 and call.store.settings["address_reply"] == "bare":
        return Reply(200, raw=shown[0].encode("utf-8"))
    return Reply(200, items=shown)


def post(call):
    return _run(call, _items(call), _new)


def put(call):
    return _run(call, _items(call), _change)


def delete(call):
    wanted = call.params(DELETE_PARAMS).get("id:in", ())
    most = call.store.settings["customer_delete_batch"]
    if len(wanted) > most:
        raise Refused(error(422, "At most %d addresses can be deleted at one "
                                 "time." % most))
    if not wanted:
        call.violates("unfiltered_delete")
        raise Refused(error(422, "id:in is required."))
    for key in wanted:
        if key in call.store.addresses.rows:
            remove(call.store, key)
            call.deleted("address", key)
    return nothing()


# -- below a new customer ----------------------------------------------------

def nested(call, items):
    """The fields of each, checked; refuses those that cannot be."""
    errors, kept = {}, []
    for item in items:
        if type(item) is not dict:
            raise fields.Bad("must be an array of objects")
        clean = call.validate(item, CHECKS, errors, READ_ONLY, NESTED)
        errors = errors or formfields.problem(call.store, clean)
        if errors:
            raise fields.Bad("; ".join(errors.values()))
        kept.append(clean)
    return kept


def add_nested(store, customer, items):
    for item in items:
        record = dict(item, customer_id=customer)
        if twin_of(store, record) is None:
            create(store, record)


def of_customer(store, customer):
    show = _show(store)
    return [show(store.addresses.rows[key]) for key in sorted(
        store.addresses.members("customer", customer))]


def remove_of(store, customer):
    for key in sorted(store.addresses.members("customer", customer)):
        remove(store, key)
