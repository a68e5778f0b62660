"""The API of inventory: adjustments, levels, locations."""

import exactjson
import fields
import listing
import query
import stock
from exactjson import text
from fields import Bad
from productfields import base_variant_id
from replies import Refused, raw_json

IDENTITIES = ("sku", "variant_id", "product_id")
_ID = fields.integer(1, 2 ** 63 - 1)
_FIRST_TRANSACTION = 180150837653573888


def _whole(value):
    if type(value) is not int:
        raise Bad("must be an integer")
    return value


def _not_negative(value):
    if _whole(value) < 0:
        raise Bad("must not be less than 0")
    return value


_BODY = {"reason": fields.string(), "items": fields.list_of(lambda v: v)}
_ITEM = {"location_id": _ID, "sku": fields.string(1, 255), "variant_id": _ID,
         "product_id": _ID}
_ABSOLUTE = dict(_ITEM, quantity=_not_negative)
_RELATIVE = dict(_ITEM, quantity=_whole)


# -- the body of an adjustment -----------------------------------------------

def _checked_item(call, item, checks, prefix, errors):
    if type(item) is not dict:
        errors[prefix[:-1]] = "an item must be an object"
        return None
    bad = {}
    clean = call.validate(item, checks, bad,
                          required=("location_id", "quantity"))
    named = [name for name in IDENTITIES if name in item]
    if len(named) != 1:
        bad["identity"] = ("exactly one of sku, variant_id and product_id is "
                           "required")
    errors.update((prefix + name, why) for name, why in bad.items())
    return clean


def _items(call, checks):
    """The items of the body, each with a fit form."""
    errors = {}
    body = call.validate(call.json_object(), _BODY, errors,
                         required=("items",))
    items = body.get("items", ())
    settings = call.store.settings
    if len(items) > settings["adjustment_batch"]:
        raise Refused(call.error(
            settings["adjustment_batch_status"],
            "The request payload is too large. The maximum items allowed in "
            "the array is %d." % settings["adjustment_batch"]))
    if not items and not errors:
        errors["items"] = "items is empty"
    clean = [_checked_item(call, item, checks, "items.%d." % position, errors)
             for position, item in enumerate(items)]
    if errors:
        if settings["adjustment_errors"] == "none":
            errors = {}
        raise Refused(call.error(422, "Payload contains invalid fields",
                                 errors))
    return clean


# -- what an item means ------------------------------------------------------

class _Unfit(Exception):
    """An item that has a fit form and cannot be stored; says why."""


_OTHER = {"product": "by product, please update stock by product id",
          "variant": "by variant, please update stock by variant id"}


def _named(item):
    name = next(name for name in IDENTITIES if name in item)
    return name, "%s %s" % (name, item[name])


def _product_of(store, item):
    """The product that an item names, and is to be named in this way."""
    identity, words = _named(item)
    value = item[identity]
    if identity == "sku":
        key = (store.variants.find("sku", value.casefold())
               or store.products.find("sku", value.casefold()))
    elif identity == "variant_id":
        key = (value if value in store.variants.rows
               else stock.product_of_variant(store, value))
    else:
        key = value if value in store.products.rows else None
    if key is None:
        raise _Unfit("Item with %s was not found" % words)
    tracking = stock.tracking(store.products.rows[
        store.variants.rows.get(key, {"product_id": key})["product_id"]])
    if tracking == "none":
        raise _Unfit("Item with %s is not tracked" % words)
    if (tracking == "product") != (identity == "product_id"):
        raise _Unfit("Item with %s is tracked %s" % (words, _OTHER[tracking]))
    return key


def _resolve(call, position, item, seen):
    store = call.store
    key = _product_of(store, item)
    location, words = item["location_id"], _named(item)[1]
    if location not in store.stock.places:
        raise _Unfit("Location of item with %s was not found" % words)
    if not store.stock.places[location]["enabled"] and (
            store.settings["disabled_locations"] == "refuse"):
        raise _Unfit("Location of item with %s is not enabled" % words)
    if (key, location) in seen:
        raise _Unfit("Item with %s is given twice" % words)
    seen.add((key, location))
    if call.fails_item(position):
        raise _Unfit("Item with %s could not be updated" % words)
    return key, location


def _new_level(store, key, item, relative):
    """The level that an item leads to; None stores nothing."""
    level = item["quantity"]
    words = _named(item)[1]
    if relative:
        location, change = item["location_id"], level
        if not store.stock.known(key, location):
            raise _Unfit("Items with identity: [%s] requires absolute "
                         "adjustment before relative" % words)
        # What waits to be seen is not there yet for a relative change.
        there = stock.level(store.stock.table(key).rows[key], location)
        level += there.on_hand
        if change < 0 and level < there.safety:
            raise _Unfit("Item with %s has not enough stock" % words)
    if level <= stock.MOST:
        return level
    if store.settings["stock_over_limit"] == "refuse":
        raise _Unfit("Item with %s exceeds the inventory limit" % words)
    return None


def _adjust(call, checks, relative):
    call.params({})
    store, settings = call.store, call.store.settings
    fit, problems, seen = [], [], set()
    for position, item in enumerate(_items(call, checks)):
        try:
            key, location = _resolve(call, position, item, seen)
            level = _new_level(store, key, item, relative)
        except _Unfit as problem:
            problems.append(str(problem))
            if settings["adjustment_mode"] == "prefix":
                break
            continue
        if level is None:
            call.violates("stock_over_limit")
        else:
            fit.append((key, location, level))
    if problems and settings["adjustment_mode"] == "atomic" and (
            not call.is_partial()):
        fit = []
    for key, location, level in fit:
        store.stock.adjust(key, location, level)
        call.changed("stock", key)
    if problems:
        raise Refused(call.error(call.partial_status(422),
                                 _title(settings, problems)))
    return raw_json({"transaction_id": str(_FIRST_TRANSACTION
                                           + call.entry.n)})


def _title(settings, problems):
    told = {"one": problems[:1], "all": problems,
            "none": ["Items are not valid"]}[settings["adjustment_errors"]]
    return "[%s]" % ", ".join(told)


def absolute(call):
    return _adjust(call, _ABSOLUTE, relative=False)


def relative(call):
    return _adjust(call, _RELATIVE, relative=True)


# -- settings ----------------------------------------------------------------

_NUMBER = fields.integer(0, stock.MOST)
_SETTINGS = {"safety_stock": _NUMBER, "warning_level": _NUMBER,
             "is_in_stock": fields.boolean,
             "bin_picking_number": fields.string(0, 255)}
_SETTING = dict(_SETTINGS, identity=fields.obj({
    "sku": fields.string(1, 255), "variant_id": _ID, "product_id": _ID}))


def _setting(call, item):
    """The product and its settings, or what is wrong with them."""
    bad = {}
    clean = call.validate(item if type(item) is dict else {}, _SETTING, bad,
                          required=("identity",))
    if not bad and len(clean["identity"]) != 1:
        bad["identity"] = "exactly one identity is required"
    if not bad and not set(clean) & {"safety_stock", "warning_level",
                                     "is_in_stock"}:
        bad["settings"] = "a setting is required"
    if bad:
        return None, "; ".join(bad.values())
    try:
        return _product_of(call.store, clean.pop("identity")), clean
    except _Unfit as problem:
        return None, str(problem)


def put_settings(call):
    call.params({})
    store, location, bad = call.store, call.ids[0], {}
    body = call.validate(call.json_object(), {"settings": fields.list_of(
        lambda v: v)}, bad, required=("settings",))
    if bad:
        raise Refused(call.invalid(bad))
    if location not in store.stock.places:
        raise Refused(call.error(404, "The location was not found."))
    if not 1 <= len(body["settings"]) <= store.settings["adjustment_batch"]:
        raise Refused(call.error(413, "Too many settings, or none."))
    good, errors = [], {}
    for position, item in enumerate(body["settings"]):
        key, found = _setting(call, item)
        if key is None:
            errors["setting.%d.settings" % position] = found
        else:
            good.append((key, found))
    if errors:
        raise Refused(call.error(422, "Settings are not valid", errors))
    for key, found in good:
        store.stock.set_settings(key, location, found)
        call.changed("settings", key)
    return raw_json({"transaction_id": str(_FIRST_TRANSACTION
                                           + call.entry.n)})


# -- levels ------------------------------------------------------------------

def _by_sku(store, values):
    return {table.find("sku", value.casefold()) for value in values
            for table in (store.products, store.variants)}


def _by_variant(store, values):
    return {value if value in store.variants.rows
            else stock.product_of_variant(store, value) for value in values}


def _by_product(store, values):
    found = set(values)
    return found.union(*(store.variants.members("product", value)
                         for value in values))


_BY_ITEM = {
    "sku:in": (query.TEXTS, _by_sku),
    "variant_id:in": (query.INTEGERS, _by_variant),
    "product_id:in": (query.INTEGERS, _by_product),
}
_AT_LOCATION = {name: param for name, (param, _) in _BY_ITEM.items()}
_AT_LOCATION.update(listing.PAGING)
_EVERYWHERE = dict(_AT_LOCATION, **{
    "location_id:in": query.INTEGERS, "location_code:in": query.TEXTS})


class _Items:
    """Products and variants, as one table of items."""

    def __init__(self, store):
        self.rows = self
        self._store = store

    def __getitem__(self, key):
        return self._store.stock.table(key).rows[key]


def _identity(record):
    product = record.get("product_id")
    return {"sku": record.get("sku", ""),
            "variant_id": (base_variant_id(record["id"]) if product is None
                           else record["id"]),
            "product_id": record["id"] if product is None else product}


def _level(record, location):
    """The members about one item at one location."""
    level = stock.level(record, location)
    here = location == stock.DEFAULT_LOCATION
    settings = {"safety_stock": level.safety, "is_in_stock": True,
                "warning_level": record.get(
                    "inventory_warning_level", 0) if here else 0,
                "bin_picking_number": record.get(
                    "bin_picking_number", "") if here else ""}
    settings.update(record.get("stock_settings", {}).get(location, {}))
    return {"available_to_sell": stock.to_sell(level),
            "total_inventory_onhand": level.on_hand, "settings": settings}


def _item_shower(locations):
    def show(record):
        return text({
            "identity": dict(_identity(record), sku_id=None),
            "locations": [dict({
                "location_id": one["id"], "location_code": one["code"],
                "location_name": one["label"],
                "location_enabled": one["enabled"],
            }, **_level(record, one["id"])) for one in locations]})
    return show


def _page(call, values, show):
    store = call.store
    found = store.stock.tracked()
    wanted = [find(store, values[name])
              for name, (_, find) in _BY_ITEM.items() if name in values]
    if wanted:
        found = found.intersection(*wanted)
    return listing.paged(call, _Items(store), sorted(found), values, show,
                         store.settings["inventory_limit"])


def items(call):
    values = call.params(_EVERYWHERE)
    locations = _among(call.store.stock.places.values(), values, "location_")
    if not locations:
        values["product_id:in"] = ()
    return _page(call, values, _item_shower(locations))


def location_items(call):
    values = call.params(_AT_LOCATION)
    location = call.ids[0]
    if location not in call.store.stock.places:
        raise Refused(call.error(404, "The location %d was not found."
                                 % location))
    return _page(call, values, lambda record: text(dict(
        {"identity": _identity(record)}, **_level(record, location))))


def _among(locations, values, prefix):
    """The locations that two filters leave."""
    ids = values.get(prefix + "id:in")
    codes = values.get(prefix + "code:in")
    return [one for one in locations
            if (ids is None or one["id"] in ids)
            and (codes is None or one["code"] in codes)]
