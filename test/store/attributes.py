"""Attributes of customers and their values, written by customer and attribute."""

import re
from datetime import date

import fields
import listing
import query
from replies import Refused, Reply, error, nothing
from tables import Kind, Table

_MOST = 2 ** 31 - 1
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,10})?\Z")

KIND = Kind("customer_attribute", "id", {
    "id": 0, "name": "", "type": "string", "date_created": "",
    "date_modified": ""})
VALUE_KIND = Kind("attribute_value", "id", {
    "id": 0, "attribute_id": 0, "attribute_value": "", "customer_id": 0,
    "date_created": "", "date_modified": ""})

CHECKS = {"name": fields.string(1, 255),
          "type": fields.choice("string", "number", "date")}
VALUE_CHECKS = {"attribute_value": fields.string(0, 255)}
_CHANGES = {"name": CHECKS["name"]}
_VALUE = {"attribute_id": fields.integer(1, _MOST),
          "customer_id": fields.integer(1, _MOST),
          "value": fields.string(0, 255), "id": fields.integer(1, _MOST)}
_DATES = ("date_created", "date_modified")


def _value_named(store, table, value):
    attributes = store.attributes.rows
    return listing.Filter(
        lambda r: attributes[r["attribute_id"]]["name"] == value)


_FILTERS = {"name": (query.TEXT, listing.equals("name")),
            "name:like": (query.TEXT, listing.like("name")),
            "type": (query.TEXT, listing.equals("type")),
            **listing.date_range("date_created"),
            **listing.date_range("date_modified")}
_VALUE_FILTERS = {
    "customer_id:in": (query.INTEGERS, listing.group_in("customer")),
    "attribute_id:in": (query.INTEGERS, listing.one_of("attribute_id")),
    "name": (query.TEXT, _value_named),
    **listing.date_range("date_created"),
    **listing.date_range("date_modified")}
DELETE_PARAMS = {"id:in": query.INTEGERS}


def new_table(store):
    return Table(KIND, {"name": lambda r: r["name"].casefold()}, {},
                 first_id=21)


def new_values(store):
    return Table(VALUE_KIND,
                 {"place": lambda r: (r["customer_id"], r["attribute_id"])},
                 {"customer": lambda r: (r["customer_id"],)}, first_id=31001)


# -- changes, also used by the control interface -----------------------------

def conflicts(store, clean, own=None):
    held = store.attributes.find("name", clean.get("name", "").casefold())
    if held is not None and held != own:
        return {"name": "%s is in use by an attribute" % clean["name"]}
    if own is None and len(store.attributes) >= (
            store.settings["most_attributes"]):
        return {"name": "There are too many attributes"}
    return {}


def create(store, clean, key=None):
    record = dict(clean, id=store.attributes.take_id() if key is None else key)
    record["date_created"] = record["date_modified"] = store.stamp()
    store.attributes.add(record)
    return record


def update(store, key, clean):
    return store.attributes.put(key, dict(clean, date_modified=store.stamp()))


def remove(store, key):
    """With all values of customers."""
    for value in [value for value, record in store.attribute_values.rows.items()
                  if record["attribute_id"] == key]:
        store.attribute_values.remove(value)
    store.attributes.remove(key)


def fits(kind, value):
    if kind == "number":
        return _NUMBER.match(value) is not None
    if kind == "date":
        try:
            return len(value) == 10 and bool(date.fromisoformat(value))
        except ValueError:
            return False
    return True


def problem(store, clean):
    """Why a value cannot be: field -> text."""
    attribute = store.attributes.rows.get(clean["attribute_id"])
    if attribute is None:
        return {"attribute_id": "there is no such attribute"}
    if not fits(attribute["type"], clean["value"]):
        return {"value": "is not a %s" % attribute["type"]}
    return {}


def put_value(store, customer, attribute, value):
    """The id of the value, new or overwritten, and as it was."""
    table = store.attribute_values
    held = table.find("place", (customer, attribute))
    if held is not None:
        return held, table.put(held, {"attribute_value": value,
                                      "date_modified": store.stamp()})
    record = {"id": table.take_id(), "customer_id": customer,
              "attribute_id": attribute, "attribute_value": value,
              "date_created": store.stamp(), "date_modified": store.stamp()}
    table.add(record)
    return record["id"], None


def remove_of(store, customer):
    for key in sorted(store.attribute_values.members("customer", customer)):
        store.attribute_values.remove(key)


# -- the API -----------------------------------------------------------------

def _lister(table_of, kind, filters):
    known = {name: param for name, (param, _) in filters.items()}
    known.update(listing.PAGING)

    def list_all(call):
        values, table = call.params(known), table_of(call.store)
        chosen = [build(call.store, table, values[name])
                  for name, (_, build) in filters.items() if name in values]
        return listing.paged(call, table, listing.select(table, chosen),
                             values, lambda r: kind.show(table, r))
    return list_all


def _attributes(store):
    return store.attributes


def _values(store):
    return store.attribute_values


list_all = _lister(_attributes, KIND, _FILTERS)
list_values = _lister(_values, VALUE_KIND, _VALUE_FILTERS)


def _refuse(errors):
    raise Refused(error(422, "Failed: %s" % "; ".join(errors.values()),
                        {".attribute": "; ".join(errors.values())}))


def _run(call, table, kind, items, save):
    """Save them in their order; a bad one undoes those before it, or not."""
    saved = []
    try:
        for item in items:
            saved.append(save(call, item))
    except Refused:
        if call.store.settings["customer_mode"] == "atomic":
            for _, key in call.entry.created:
                table.remove(key)
            call.undo(table.restore)
        raise
    return Reply(200, items=[kind.show(table, table.rows[key])
                             for key in saved])


def _items(call):
    call.params({})
    items = call.json_array()
    most = call.store.settings["customer_batch"]
    if len(items) > most:
        raise Refused(error(413, "At most %d attributes at a time." % most))
    return items


def _new(call, item):
    errors = {}
    clean = call.validate(item, CHECKS, errors, ("id",) + _DATES,
                          tuple(CHECKS))
    errors = errors or conflicts(call.store, clean)
    if errors:
        _refuse(errors)
    key = create(call.store, clean)["id"]
    call.created("customer_attribute", key)
    return key


def _change(call, item):
    table, key, errors = call.store.attributes, item.get("id"), {}
    if type(key) is not int or key not in table.rows:
        _refuse({"id": "there is no attribute with that id"})
    rest = {name: value for name, value in item.items() if name != "id"}
    clean = call.validate(rest, _CHANGES, errors, ("type",) + _DATES,
                          ("name",))
    errors = errors or conflicts(call.store, clean, key)
    if errors:
        _refuse(errors)
    call.before(key, update(call.store, key, clean))
    call.changed("customer_attribute", key)
    return key


def post(call):
    return _run(call, call.store.attributes, KIND, _items(call), _new)


def put(call):
    return _run(call, call.store.attributes, KIND, _items(call), _change)


def _put_one(call, item, seen):
    store, errors = call.store, {}
    clean = call.validate(item, _VALUE, errors, _DATES,
                          ("attribute_id", "customer_id", "value"))
    if not errors and clean["customer_id"] not in store.customers.rows:
        errors = {"customer_id": "there is no such customer"}
    errors = errors or problem(store, clean)
    place = clean.get("customer_id"), clean.get("attribute_id")
    if not errors and place in seen:
        errors = {"value": "A value is in the batch twice"}
    if errors:
        _refuse(errors)
    seen.add(place)
    key, before = put_value(store, *place, clean["value"])
    if before is None:
        call.created("attribute_value", key)
    else:
        call.before(key, before)
        call.changed("attribute_value", key)
    return key


def put_values(call):
    call.params({})
    items, seen = call.json_array(), set()
    most = call.store.settings["customer_batch"]
    if len({item.get("customer_id") for item in items}) > most:
        raise Refused(error(413, "At most %d customers at a time." % most))
    return _run(call, call.store.attribute_values, VALUE_KIND, items,
                lambda call, item: _put_one(call, item, seen))


def _deleter(table_of, name, remove_one):
    def delete(call):
        wanted = call.params(DELETE_PARAMS).get("id:in", ())
        most = call.store.settings["customer_delete_batch"]
        if len(wanted) > most:
            raise Refused(error(422, "At most %d at a time." % most))
        if not wanted:
            call.violates("unfiltered_delete")
            raise Refused(error(422, "id:in is required."))
        for key in wanted:
            if key in table_of(call.store).rows:
                remove_one(call.store, key)
                call.deleted(name, key)
        return nothing()
    return delete


delete = _deleter(_attributes, "customer_attribute", remove)
delete_values = _deleter(_values, "attribute_value",
                         lambda store, key: store.attribute_values.remove(key))


# -- below a new customer ----------------------------------------------------

_NESTED = {"attribute_id": fields.integer(1, _MOST),
           "attribute_value": fields.string(0, 255)}


def nested(call, items):
    kept = []
    for item in items:
        errors = {}
        if type(item) is not dict:
            raise fields.Bad("must be an array of objects")
        clean = call.validate(item, _NESTED, errors, (), tuple(_NESTED))
        errors = errors or problem(call.store, {
            "attribute_id": clean["attribute_id"],
            "value": clean["attribute_value"]})
        if errors:
            raise fields.Bad("; ".join(errors.values()))
        kept.append(clean)
    return kept


def add_nested(store, customer, items):
    for item in items:
        put_value(store, customer, item["attribute_id"],
                  item["attribute_value"])


def of_customer(store, customer):
    table = store.attribute_values
    return [VALUE_KIND.show(table, table.rows[key]) for key in sorted(
        table.members("customer", customer))]
