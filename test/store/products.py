"""Products: what a write does, apart from how it is asked for."""

from decimal import Decimal, InvalidOperation

import brands
import fields
import metafields
import variants
from exactjson import ZERO
from productfields import (
    CHECKS, KIND, MONEY, NUMBERS, READ_ONLY, REQUIRED, SKU_CHARSET, URL_USABLE,
    base_variant_id, calculated_price, default_url, new_table, shown_url,
    url_of)

__all__ = ["new_table", "KIND", "shown_url", "calculated_price",
           "base_variant_id"]

_NOT_SIMULATED = ("custom_fields", "bulk_pricing_rules", "images", "videos",
                  "variants")


def check(call, item, errors, create=False):
    """The clean fields of one product body; problems go to errors."""
    settings = call.store.settings
    if settings["null_prices"]:
        item = {name: ZERO if value is None and name in MONEY else value
                for name, value in item.items()}
    required = REQUIRED if create else ()
    if create and settings["require_categories"]:
        required = required + ("categories",)
    clean = call.validate(item, CHECKS, errors, READ_ONLY, required)
    for name in _NOT_SIMULATED:
        if name in item:
            errors[name] = "%s is not simulated by this store" % name
    if settings["sku_charset"] and not SKU_CHARSET.match(clean.get("sku", "")):
        errors["sku"] = "sku has a character that is not allowed"
    if "brand_id" in clean and "brand_name" in clean:
        errors["brand_name"] = "use either brand_id or brand_name"
    return clean


def check_together(record, clean, errors):
    """Rules between fields, of which some may be stored already."""
    def value(field):
        return clean.get(field, KIND.value(record, field))
    disabled = value("availability") == "disabled"
    if value("is_price_hidden") and not disabled:
        errors["is_price_hidden"] = (
            "is_price_hidden needs availability to be disabled")
    low, high = value("order_quantity_minimum"), value(
        "order_quantity_maximum")
    if high and low > high:
        errors["order_quantity_minimum"] = (
            "order_quantity_minimum is more than order_quantity_maximum")


def conflicts(store, clean, own=None):
    """Clashes with other records and references to none: field -> text."""
    found = {}
    if "name" in clean:
        _clash(found, store, "name", store.fold(clean["name"]), own)
    if clean.get("sku"):
        _clash(found, store, "sku", clean["sku"].casefold(), own)
    brand = clean.get("brand_id")
    if brand and brand not in store.brands.rows:
        found["brand_id"] = "There is no brand %d" % brand
    rows = store.categories.rows
    unknown = [key for key in clean.get("categories", ()) if key not in rows]
    if unknown:
        found["categories"] = "There is no category %s" % ", ".join(
            map(str, unknown))
    url = clean.get("custom_url", {}).get("url")
    if url is not None and store.urls.get(url) not in (
            None, ("product", own)):
        found["custom_url"] = "The URL %s is in use" % url
    return found


def _clash(found, store, field, key, own):
    holder = store.products.find(field, key)
    if holder not in (None, own):
        found[field] = "The product %s is a duplicate of product %d" % (
            field, holder)
    elif field == "sku" and store.variants.find("sku", key) is not None:
        found[field] = "The sku is in use by variant %d" % (
            store.variants.find("sku", key))


def bad_url(clean):
    """Takes an unusable URL out of the fields: saved without it (207)."""
    url = clean.get("custom_url", {}).get("url")
    if url is None or URL_USABLE.match(url):
        return {}
    del clean["custom_url"]
    return {"custom_url": "The URL %s cannot be used" % url}


def _resolve(store, clean):
    """Turn write-only and partial fields into what is stored."""
    changes = {name: value for name, value in clean.items()
               if name not in ("brand_name", "custom_url")}
    if "brand_name" in clean:
        changes["brand_id"] = brands.by_name_any_case(
            store, clean["brand_name"])
    return changes


def create(store, clean, key=None, created=None, modified=None):
    record = {"id": store.products.take_id() if key is None else key}
    record.update(_resolve(store, clean))
    url = clean.get("custom_url", {})
    if "url" in url:
        record["custom_url"] = {
            "url": url["url"], "is_customized": url.get("is_customized", True)}
    else:
        record["custom_url"] = store.take_url(default_url(clean["name"]))
    record["date_created"] = created or store.stamp()
    record["date_modified"] = modified or record["date_created"]
    _obey_tracking(store, record, record)
    store.urls[url_of(record)] = ("product", record["id"])
    store.products.add(record)
    store.product_channels.update(
        (record["id"], channel)
        for channel in store.settings["new_on_channels"])
    return record


def update(store, key, clean, modified=None):
    """Apply the clean fields; returns the record as it was."""
    store.stock.flush(key)
    record = store.products.rows[key]
    changes = _resolve(store, clean)
    changes["date_modified"] = modified or store.stamp()
    _obey_tracking(store, record, changes)
    store.stock.catalog_write(record, changes)
    if "custom_url" in clean:
        changes["custom_url"] = _moved(store, record, clean["custom_url"])
    return store.products.put(key, changes)


def _obey_tracking(store, record, changes):
    tracking = changes.get("inventory_tracking",
                           record.get("inventory_tracking", "none"))
    if store.settings["needs_tracking"] and tracking != "product":
        changes.pop("inventory_level", None)


def _moved(store, record, wanted):
    old = shown_url(record)
    store.urls.pop(old["url"], None)
    url = {"url": wanted.get("url", old["url"]),
           "is_customized": wanted.get("is_customized", True)}
    store.urls[url["url"]] = ("product", record["id"])
    return url


def undo(store, key, before):
    """Take an update back, its URL included."""
    now = store.products.rows[key]
    if url_of(now) != url_of(before):
        store.urls.pop(url_of(now), None)
        store.urls[url_of(before)] = ("product", key)
    store.products.restore(key, before)


def remove(store, key):
    metafields.remove_parent(store, "product", key)
    variants.remove_product(store, key)
    record = store.products.remove(key)
    store.product_channels = {pair for pair in store.product_channels
                              if pair[0] != key}
    store.urls.pop(url_of(record), None)


def read_money(clean):
    """Decimals may come as text over the control interface."""
    read = dict(clean)
    for name in NUMBERS:
        if isinstance(read.get(name), str):
            try:
                read[name] = Decimal(read[name])
            except InvalidOperation:
                raise fields.Bad("%s is not a number" % name) from None
    return read
