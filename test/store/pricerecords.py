"""Records of price lists: upserted by list, variant and currency.

The price lists themselves are a setting.  A record has no id.
"""

import fields
import listing
import query
import stock
from exactjson import text
from productfields import base_variant_id
from replies import Refused, error, nothing, raw_json

_ID = fields.integer(1, 2 ** 63 - 1)
_PRICE = fields.number(0)
_NAMES = ("price", "sale_price", "retail_price", "map_price")
_TIER = fields.obj({
    "quantity_min": fields.integer(0, 2 ** 31 - 1),
    "quantity_max": lambda v: None if v is None else
    fields.integer(0, 2 ** 31 - 1)(v),
    "type": fields.choice("fixed", "price", "percent"), "amount": _PRICE},
    ("quantity_min", "type", "amount"))
_CHECKS = dict({name: _PRICE for name in _NAMES}, **{
    "price_list_id": _ID, "variant_id": _ID, "sku": fields.string(1, 255),
    "currency": fields.string(3, 3),
    "bulk_pricing_tiers": fields.list_of(_TIER)})
_OMITTED = _NAMES[1:] + ("bulk_pricing_tiers",)


def variant_of(store, item):
    """The id of the variant that an item names, or None."""
    if "variant_id" in item:
        key = item["variant_id"]
        if key in store.variants.rows:
            return key
        product = stock.product_of_variant(store, key)
    else:
        key = store.variants.find("sku", item["sku"].casefold())
        if key is not None:
            return key
        product = store.products.find("sku", item["sku"].casefold())
    if product is None or store.products.rows[product].get("has_variants"):
        return None                 # its variants have records, it has none
    return base_variant_id(product)


def _product_and_sku(store, variant):
    record = store.variants.rows.get(variant)
    if record is not None:
        return record["product_id"], record["sku"]
    product = stock.product_of_variant(store, variant)
    row = store.products.rows.get(product, {})
    return product, row.get("sku", "")


def price_list_exists(store, key):
    return key in store.settings["price_lists"] or key in store.price_lists.rows


def forget_list(store, price_list):
    """What a price list that is removed takes along."""
    store.price_records = {key: record for key, record
                           in store.price_records.items()
                           if key[0] != price_list}


def _list_id(call):
    key = call.ids[0]
    if not price_list_exists(call.store, key):
        raise Refused(error(404, "The price list %d was not found." % key))
    return key


# -- upsert ------------------------------------------------------------------

def _checked(call, list_id, item, seen):
    """The key and the fields of an item, or what is wrong with it."""
    bad, store = {}, call.store
    clean = call.validate(item, _CHECKS, bad, required=("currency", "price"))
    if len({"variant_id", "sku"} & set(item)) != 1:
        bad["variant_id"] = "either variant_id or sku is required"
    if item.get("price_list_id", list_id) != list_id:
        bad["price_list_id"] = "must be that of the path"
    if bad:
        return None, bad
    currency = clean.pop("currency").lower()
    if currency not in store.settings["currencies"]:
        return None, {"currency": "%s is no currency of the store" % currency}
    variant = variant_of(store, clean)
    if variant is None:
        return None, {"variant_id": "there is no such variant"}
    key = (list_id, variant, currency)
    if key in seen:
        return None, {"variant_id": "the record is given twice"}
    seen.add(key)
    for name in ("price_list_id", "variant_id", "sku"):
        clean.pop(name, None)
    return key, clean


def _echo(list_id, item, bad):
    return {"data": dict({
        name: item[name] for name in ("variant_id", "sku", "currency")
        if name in item}, price_list_id=list_id), "field_errors": bad}


def put(call):
    call.params({})
    store, settings, list_id = call.store, call.store.settings, _list_id(call)
    items = call.json_array()
    if len(items) > settings["price_batch"]:
        raise Refused(error(422, "At most %d records can be written at one "
                            "time." % settings["price_batch"]))
    good, errors, seen = [], [], set()
    for position, item in enumerate(items):
        key, found = _checked(call, list_id, item, seen)
        if key is not None and call.fails_item(position):
            key, found = None, {"price": "could not be saved"}
        if key is None:
            errors.append(_echo(list_id, item, found))
        else:
            good.append((key, found))
    if errors and settings["price_mode"] == "atomic":
        good = []
    for key, found in good:
        was = store.price_records.get(key, {})
        kept = {name: was[name] for name in _OMITTED if name in was} if (
            settings["price_omitted"] == "keep") else {}
        store.price_records[key] = dict(kept, **found)
        store.price_dates[key] = (store.price_dates.get(key, [store.stamp()])[0],
                                  store.stamp())
        call.changed("price_record", list(key))
    if errors:
        if settings["price_errors"] == "one":
            errors = errors[:1]
        raise Refused(raw_json({"batch_errors": errors}, 422))
    return raw_json({"data": {}, "meta": {}})


# -- delete ------------------------------------------------------------------

_WHICH = {"variant_id:in": query.INTEGERS, "sku:in": query.TEXTS,
          "currency": query.TEXT}


def _fits(store, key, values):
    _, variant, currency = key
    if "currency" in values and values["currency"].lower() != currency:
        return False
    if "variant_id:in" in values and variant not in values["variant_id:in"]:
        return False
    return "sku:in" not in values or _product_and_sku(store, variant)[
        1].casefold() in {one.casefold() for one in values["sku:in"]}


def delete(call):
    """Without a filter all records of the list go, and that is noted."""
    list_id, values = _list_id(call), call.params(_WHICH)
    if not {"variant_id:in", "sku:in"} & set(values):
        call.violates("unfiltered_delete")
    for name in ("variant_id:in", "sku:in"):
        if len(values.get(name, ())) > call.store.settings["delete_batch"]:
            raise Refused(error(422, "%s has too many values" % name))
    for key in [key for key in call.store.price_records
                if key[0] == list_id and _fits(call.store, key, values)]:
        del call.store.price_records[key], call.store.price_dates[key]
        call.deleted("price_record", list(key))
    return nothing()


# -- list --------------------------------------------------------------------

_LIST = dict(_WHICH, include=query.some_of("bulk_pricing_tiers", "sku"),
             **listing.PAGING)


class _Rows:
    def __init__(self, keys):
        self.rows = {position: key for position, key in enumerate(keys)}
        self.ids = list(self.rows)


def list_all(call):
    list_id, values = _list_id(call), call.params(_LIST)
    store, include = call.store, values.get("include", ())

    def show(key):
        record = store.price_records[key]
        product, sku = _product_and_sku(store, key[1])
        shown = {"price_list_id": key[0], "variant_id": key[1],
                 "currency": key[2], "product_id": product,
                 "calculated_price": record["price"],
                 "date_created": store.price_dates[key][0],
                 "date_modified": store.price_dates[key][1]}
        shown.update({name: record.get(name) for name in _NAMES})
        if "sku" in include:
            shown["sku"] = sku
        if "bulk_pricing_tiers" in include:
            shown["bulk_pricing_tiers"] = record.get("bulk_pricing_tiers", [])
        return text(shown)
    table = _Rows(sorted(key for key in store.price_records
                         if key[0] == list_id and _fits(store, key, values)))
    return listing.paged(call, table, table.ids, values, show)


def state(store):
    """All records, for the control interface."""
    return [dict(record, price_list_id=key[0], variant_id=key[1],
                 currency=key[2], sku=_product_and_sku(store, key[1])[1])
            for key, record in sorted(store.price_records.items())]
