"""Groups of customers and tax classes: V2, bare records and bare lists."""

import re

import exactjson
import fields
import listing
import query
from replies import Refused, Reply, nothing, raw_json, v2_error
from tables import Kind, Table

_MOST = 2 ** 31 - 1
_AMOUNT = re.compile(r"\d{1,16}(\.\d{1,4})?\Z")

KIND = Kind("customer_group", "id", {
    "id": 0, "name": "", "is_default": False,
    "category_access": {"type": "all"}, "discount_rules": [],
    "date_created": "", "date_modified": "", "is_group_for_guests": False})

_ids = fields.list_of(fields.integer(1, _MOST))
_ACCESS = fields.obj({"type": fields.choice("all", "specific", "none"),
                      "categories": _ids}, ("type",))
_KINDS = ("price_list", "category", "product", "all")
_RULE = fields.obj({
    "type": fields.choice(*_KINDS),
    "method": fields.choice("percent", "fixed", "price"),
    "amount": fields.string(1, None, _AMOUNT),
    "price_list_id": fields.integer(1, _MOST),
    "category_id": fields.integer(1, _MOST),
    "product_id": fields.integer(1, _MOST)}, ("type",))


def _access(value):
    value = _ACCESS(value)
    if ("categories" in value) != (value["type"] == "specific"):
        raise fields.Bad("has categories if, and only if, its type is "
                         "specific")
    return value


def _members(rule):
    """What a rule of its type must have, and may have."""
    if rule["type"] == "price_list":
        return {"type", "price_list_id"}
    more = {rule["type"] + "_id"} if rule["type"] != "all" else set()
    return {"type", "method", "amount"} | more


def _rules(value):
    value = fields.list_of(_RULE)(value)
    for rule in value:
        if set(rule) != _members(rule):
            raise fields.Bad("has a rule of type %s that needs %s"
                             % (rule["type"], ", ".join(_members(rule))))
    kinds = [rule["type"] for rule in value]
    if "price_list" in kinds and len(kinds) > 1:
        raise fields.Bad("has a price list beside other rules")
    targets = [(rule["type"], rule.get(rule["type"] + "_id"))
               for rule in value]
    if len(set(targets)) < len(targets):
        raise fields.Bad("has two rules for the same")
    return value


CHECKS = {
    "name": fields.string(1), "is_default": fields.boolean,
    "is_group_for_guests": fields.boolean, "category_access": _access,
    "discount_rules": _rules,
}
READ_ONLY = ("id", "date_created", "date_modified")

_FILTERS = {
    "name": (query.TEXT, listing.equals("name")),
    "name:like": (query.TEXT, listing.like("name")),
    "is_default": (query.BOOLEAN, listing.equals("is_default")),
    "is_group_for_guests": (query.BOOLEAN,
                            listing.equals("is_group_for_guests")),
    **listing.date_range("date_created"),
    **listing.date_range("date_modified"),
}
LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)


def new_table(store):
    return Table(KIND, {}, {"name": lambda r: (r["name"],)}, first_id=1)


# -- changes, also used by the control interface -----------------------------

def conflicts(store, clean, own=None):
    """Why a group cannot be as it is: field -> text."""
    table, found = store.customer_groups, {}
    if store.settings["group_names"] == "unique" and any(
            key != own for key in table.members("name", clean.get("name"))):
        found["name"] = "The name %s is in use" % clean["name"]
    if clean.get("is_group_for_guests") and any(
            KIND.value(record, "is_group_for_guests") and key != own
            for key, record in table.rows.items()):
        found["is_group_for_guests"] = "There is a group for guests already"
    for rule in clean.get("discount_rules", ()):
        _check_target(store, rule, found)
    for key in clean.get("category_access", {}).get("categories", ()):
        if key not in store.categories.rows:
            found["category_access"] = "There is no category %d" % key
    return found


def _check_target(store, rule, found):
    rows = {"price_list": store.price_lists, "category": store.categories,
            "product": store.products}.get(rule["type"])
    key = rule.get(rule["type"] + "_id")
    if rows is not None and key not in rows.rows:
        found["discount_rules"] = "There is no %s %d" % (rule["type"], key)


def _only_default(store, key, clean):
    """The store has one default group."""
    if clean.get("is_default"):
        for other in list(store.customer_groups.rows):
            if other != key:
                store.customer_groups.put(other, {"is_default": False})


def _padded(store, clean):
    """Amounts as the store shows them."""
    rules = clean.get("discount_rules")
    if rules is None or store.settings["group_amounts"] == "as_sent":
        return clean
    return dict(clean, discount_rules=[
        dict(rule, amount="%.4f" % float(rule["amount"]))
        if "amount" in rule else rule for rule in rules])


def create(store, clean, key=None):
    record = dict(_padded(store, clean))
    record["id"] = store.customer_groups.take_id() if key is None else key
    record["date_created"] = record["date_modified"] = store.stamp()
    store.customer_groups.add(record)
    _only_default(store, record["id"], clean)
    return record


def update(store, key, clean):
    _only_default(store, key, clean)
    return store.customer_groups.put(
        key, dict(_padded(store, clean), date_modified=store.stamp()))


def remove(store, key):
    """Its customers are left without a group."""
    store.customer_groups.remove(key)
    for customer, record in list(store.customers.rows.items()):
        if record.get("customer_group_id") == key:
            store.customers.put(customer, {"customer_group_id": 0})


# -- the API -----------------------------------------------------------------

def bare_list(call, items):
    """A bare array; an empty one may be no body at all."""
    if not items and call.store.settings["v2_empty"] == 204:
        return nothing()
    return Reply(200, raw=exactjson.to_bytes("[%s]" % ",".join(items)))


def bare_page(call, values, items):
    page, limit = listing.page_of(call, values,
                                  call.store.settings["max_limit"])
    return bare_list(call, items[(page - 1) * limit:page * limit])


def _show(store, key):
    return KIND.show(store.customer_groups, store.customer_groups.rows[key])


def _one(call, key):
    return Reply(200, raw=exactjson.to_bytes(_show(call.store, key)))


def _existing(call):
    key = call.ids[0]
    if key not in call.store.customer_groups.rows:
        raise Refused(v2_error(call.store.settings["group_missing"],
                               "The group %d was not found." % key))
    return key


def _check(call, required=(), own=None):
    call.params({})
    errors = {}
    clean = call.validate(call.json_object(), CHECKS, errors, READ_ONLY,
                          required)
    errors = errors or conflicts(call.store, clean, own)
    if errors:
        raise Refused(call.invalid(errors))
    return clean


def _written(call, key):
    """207: the group was saved, its discount was not."""
    if "discount_rules" in call.lost_fields():
        return raw_json({"status": 207, "message":
                         "The group was saved, its discount was not."}, 207)
    return _one(call, key)


def _kept(call, clean):
    return {name: value for name, value in clean.items()
            if name not in call.lost_fields()}


def list_all(call):
    values = call.params(LIST_PARAMS)
    table = call.store.customer_groups
    found = listing.select(table, [
        build(call.store, table, values[name])
        for name, (_, build) in _FILTERS.items() if name in values])
    found = listing.listed(call.store, table, found)
    if isinstance(found, range):
        found = [table.ids[position] for position in found]
    return bare_page(call, values, [_show(call.store, key) for key in found])


def count(call):
    call.params({})
    return raw_json({"count": len(call.store.customer_groups)})


def get_one(call):
    call.params({})
    return _one(call, _existing(call))


def post(call):
    clean = _kept(call, _check(call, ("name",)))
    key = create(call.store, clean)["id"]
    call.created("customer_group", key)
    return _written(call, key)


def put(call):
    key = _existing(call)
    update(call.store, key, _kept(call, _check(call, own=key)))
    call.changed("customer_group", key)
    return _written(call, key)


def delete_one(call):
    call.params({})
    key = _existing(call)
    remove(call.store, key)
    call.deleted("customer_group", key)
    return nothing()


def tax_classes(call):
    """Read only; ids are texts."""
    values = call.params(listing.PAGING)
    names = call.store.settings["tax_classes"]
    return bare_page(call, values, [exactjson.text(
        {"id": str(number), "name": name}) for number, name
        in enumerate(names)])
