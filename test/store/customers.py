"""Customers; addresses and attributes can be nested in new ones."""

import re

import addresses
import attributes
import exactjson
import fields
import formfields
import listing
import metafields
import query
from replies import Refused, Reply, error, nothing
from tables import Kind, Table

_MOST = 2 ** 31 - 1
_EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+\Z")

# What a customer has that was never given one.  The others come last.
KIND = Kind("customer", "id", {
    "id": 0, "email": "", "first_name": "", "last_name": "", "company": "",
    "phone": "", "notes": "", "tax_exempt_category": "",
    "customer_group_id": 0, "address_count": 0, "attribute_count": 0,
    "accepts_product_review_abandoned_cart_emails": False,
    "channel_ids": None, "origin_channel_id": 1,
    "registration_ip_address": "", "date_created": "", "date_modified": ""},
    optional=("form_fields", "store_credit_amounts"))

_channels = fields.distinct(fields.list_of(fields.integer(1, _MOST)))


def _channel_ids(value):
    """Channels that a customer can sign in to; null: all of them."""
    if value is None:
        return None
    value = _channels(value)
    if not value:
        raise fields.Bad("must not be empty; null means all channels")
    return value


CHECKS = {
    "email": fields.string(3, 250, _EMAIL),
    "first_name": fields.string(1, 100),
    "last_name": fields.string(1, 100),
    "company": fields.string(0, 255),
    "phone": fields.string(0, 50),
    "notes": fields.string(),
    "tax_exempt_category": fields.string(0, 255),
    "customer_group_id": fields.integer(0, _MOST),
    "accepts_product_review_abandoned_cart_emails": fields.boolean,
    "channel_ids": _channel_ids,
    "form_fields": formfields.check,
    "store_credit_amounts": fields.list_of(
        fields.obj({"amount": fields.number(0)}, ("amount",)), 1),
}
# Records below, which are checked where the call is known.
_BELOW = {"addresses": (addresses, fields.list_of(lambda item: item, 10)),
          "attributes": (attributes, fields.list_of(lambda item: item, 10))}
_NEW_CHECKS = dict(CHECKS, trigger_account_created_notification=fields.boolean,
                   origin_channel_id=fields.integer(1, _MOST),
                   **{name: check for name, (_, check) in _BELOW.items()})
READ_ONLY = ("id", "date_created", "date_modified", "address_count",
             "attribute_count", "registration_ip_address",
             "origin_channel_id")
_REQUIRED = ("email", "first_name", "last_name")


def _full_name(record):
    return "%s %s" % (record["first_name"], record["last_name"])


def _name_in(store, table, values):
    wanted = {value.casefold() for value in values}
    return listing.Filter(lambda r: _full_name(r).casefold() in wanted)


def _name_like(store, table, values):
    parts = [value.casefold() for value in values]
    return listing.Filter(lambda r: any(
        part in _full_name(r).casefold() for part in parts))


def _emails(store, table, values):
    return listing.group_in("email")(
        store, table, [value.casefold() for value in values])


_FILTERS = {
    "id:in": listing.BY_ID["id:in"],
    "email:in": (query.TEXTS, _emails),
    "name:in": (query.TEXTS, _name_in),
    "name:like": (query.TEXTS, _name_like),
    "company:in": (query.TEXTS, listing.one_of("company")),
    "phone:in": (query.TEXTS, listing.one_of("phone")),
    "customer_group_id:in": (query.INTEGERS,
                             listing.one_of("customer_group_id")),
    **listing.date_range("date_created"),
    **listing.date_range("date_modified"),
}
LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)
LIST_PARAMS["include"] = query.some_of(
    "addresses", "storecredit", "attributes", "formfields")
LIST_PARAMS["sort"] = query.one_of(*(
    "%s:%s" % (field, direction) for direction in ("asc", "desc")
    for field in ("date_created", "last_name", "date_modified")))
DELETE_PARAMS = {"id:in": query.INTEGERS}


def new_table(store):
    return Table(KIND, {}, {"email": lambda r: (r["email"].casefold(),)},
                 first_id=7001)


# -- changes, also used by the control interface -----------------------------

def conflicts(store, clean, own=None, origin=1):
    """Which fields clash with another record: field -> text."""
    group = clean.get("customer_group_id", 0)
    if group and group not in store.customer_groups.rows:
        return {"customer_group_id": "There is no group %d" % group}
    if "email" not in clean:
        return {}
    table = store.customers
    for key in table.members("email", clean["email"].casefold()):
        apart = store.settings["email_unique"] == "channel" and (
            KIND.value(table.rows[key], "origin_channel_id") != origin)
        if key != own and not apart:
            return {"email": "%s is in use by a customer" % clean["email"]}
    return {}


def origin_of(clean):
    """The channel that a new customer comes from."""
    return clean.get("origin_channel_id") or (
        clean.get("channel_ids") or [1])[0]


def create(store, clean, key=None, origin=None):
    record = dict(clean)
    below = {name: record.pop(name, ()) for name in _BELOW}
    record["id"] = store.customers.take_id() if key is None else key
    record["origin_channel_id"] = origin or origin_of(clean)
    record["date_created"] = record["date_modified"] = store.stamp()
    if record.pop("trigger_account_created_notification", False):
        store.welcomed.append(record["email"])
    store.customers.add(record)
    for name, (module, _) in _BELOW.items():
        module.add_nested(store, record["id"], below[name])
    return record


def update(store, key, clean):
    changes = formfields.merged(store, store.customers.rows[key], clean)
    return store.customers.put(key, dict(changes, date_modified=store.stamp()))


def remove(store, key):
    """With all that is below it."""
    for module, _ in _BELOW.values():
        module.remove_of(store, key)
    metafields.remove_parent(store, "customer", key)
    store.customers.remove(key)


# -- the API -----------------------------------------------------------------

_PARTS = {"formfields": ("form_fields", []),
          "storecredit": ("store_credit_amounts", [{"amount": 0}])}


def _show(store, include=()):
    """How a customer looks: with the parts that were asked for."""
    def show(record):
        record, key = dict(record), record["id"]
        for name, (field, blank) in _PARTS.items():
            if name in include:
                record.setdefault(field, blank)
            else:
                record.pop(field, None)
        record["address_count"] = len(
            store.addresses.members("customer", key))
        record["attribute_count"] = len(
            store.attribute_values.members("customer", key))
        shown = KIND.show(store.customers, record)
        below = "".join(",%s:[%s]" % (
            exactjson.quote(name), ",".join(module.of_customer(store, key)))
            for name, (module, _) in _BELOW.items() if name in include)
        return shown[:-1] + below + "}"
    return show


def list_all(call):
    values = call.params(LIST_PARAMS)
    table = call.store.customers
    filters = [build(call.store, table, values[name])
               for name, (_, build) in _FILTERS.items() if name in values]
    sort, _, direction = values.get("sort", "id:asc").partition(":")
    found = listing.order(table, listing.select(table, filters), sort,
                          direction)
    return listing.paged(call, table, found, values,
                         _show(call.store, values.get("include", ())))


def _refuse(what, errors):
    """Nothing says which of the customers is meant: the key is the verb."""
    raise Refused(error(422, "%s customers failed: %s" % (
        what.capitalize(), "; ".join(errors.values())), {
            ".customer_%s" % what: "Error: " + "; ".join(errors.values())}))


def _items(call):
    call.params({})
    items = call.json_array()
    most = call.store.settings["customer_batch"]
    if len(items) > most:
        raise Refused(error(413, "The request payload is too large. The "
                            "maximum number of items allowed in the array "
                            "is %d." % most))
    return items


def _new(call, item):
    errors = {}
    clean = call.validate(item, _NEW_CHECKS, errors, READ_ONLY, _REQUIRED)
    errors = errors or conflicts(call.store, clean, None, origin_of(clean))
    errors = errors or formfields.problem(call.store, clean)
    for name, (module, _) in _BELOW.items():
        try:
            if name in clean and not errors:
                clean[name] = module.nested(call, clean[name])
        except fields.Bad as problem:
            errors[name] = "%s %s" % (name, problem)
    if errors:
        _refuse("create", errors)
    key = create(call.store, clean)["id"]
    call.created("customer", key)
    return key


def _change(call, item):
    table, key, errors = call.store.customers, item.get("id"), {}
    if type(key) is not int or key not in table.rows:
        _refuse("update", {"id": "there is no customer with that id"})
    if any(one == ["customer", key] for one in call.entry.changed):
        _refuse("update", {"id": "a customer is in the batch twice"})
    rest = {name: value for name, value in item.items() if name != "id"}
    clean = call.validate(rest, CHECKS, errors, READ_ONLY)
    errors = errors or conflicts(
        call.store, clean, key, table.rows[key]["origin_channel_id"])
    errors = errors or formfields.problem(call.store, clean)
    if errors:
        _refuse("update", errors)
    call.before(key, update(call.store, key, clean))
    call.changed("customer", key)
    return key


def _run(call, items, save):
    """Save them in their order; a bad one undoes those before it, or not."""
    table, saved = call.store.customers, []
    welcomed = len(call.store.welcomed)
    try:
        for item in items:
            saved.append(save(call, item))
    except Refused:
        if call.store.settings["customer_mode"] == "atomic":
            for _, key in call.entry.created:
                remove(call.store, key)
            del call.store.welcomed[welcomed:]
            call.undo(table.restore)
        raise
    show = _show(call.store)
    return Reply(200, items=[show(table.rows[key]) for key in saved])


def post(call):
    return _run(call, _items(call), _new)


def put(call):
    return _run(call, _items(call), _change)


def delete(call):
    """Without ids: still 204, but nothing is deleted."""
    wanted = call.params(DELETE_PARAMS).get("id:in", ())
    most = call.store.settings["customer_delete_batch"]
    if len(wanted) > most:
        raise Refused(error(422, "At most %d customers can be deleted at one "
                                 "time." % most))
    if not wanted:
        call.violates("unfiltered_delete")
    for key in wanted:
        if key in call.store.customers.rows:
            remove(call.store, key)
            call.deleted("customer", key)
    return nothing()
