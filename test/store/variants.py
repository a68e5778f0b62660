"""Variants of products and the options that they choose from.

A product without variants has one all the same, the product itself, which is
not stored: its id is made from the product's.
"""

import fields
from productfields import SKU_CHARSET, base_variant_id
import metafields
from tables import Kind, Table

_INT32 = 2 ** 31 - 1
_FIRST_VARIANT = 500000001      # no id of a product or of a base variant


def or_null(check):
    return lambda value: None if value is None else check(value)


_MONEY = or_null(fields.number(0))
_SIZE = or_null(fields.number(0))
_LEVEL = fields.clamped(0, _INT32)

# What the batch takes, and with the others what a single write takes.
BATCH = {
    "price": _MONEY, "sale_price": _MONEY, "retail_price": _MONEY,
    "cost_price": _MONEY, "fixed_cost_shipping_price": _MONEY,
    "weight": _SIZE, "width": _SIZE, "height": _SIZE, "depth": _SIZE,
    "is_free_shipping": fields.boolean, "purchasing_disabled": fields.boolean,
    "purchasing_disabled_message": fields.string(0, 255),
    "upc": or_null(fields.string(0, 14)), "inventory_level": _LEVEL,
    "inventory_warning_level": _LEVEL,
    "bin_picking_number": fields.string(0, 255)}
SINGLE = dict(BATCH, **{
    "sku": fields.string(1, 255), "mpn": or_null(fields.string()),
    "gtin": or_null(fields.string(0, 14)),
    "image_url": fields.string()})

# What the batch takes of a new variant.
CREATED = dict(BATCH, sku=SINGLE["sku"])

KIND = Kind("variant", "id", {
    "id": 0, "product_id": 0, "sku": "", "sku_id": None, "price": None,
    "calculated_price": None, "sale_price": None, "retail_price": None,
    "cost_price": None, "fixed_cost_shipping_price": None, "weight": None,
    "calculated_weight": None, "width": None, "height": None, "depth": None,
    "is_free_shipping": False, "purchasing_disabled": False,
    "purchasing_disabled_message": "", "image_url": "", "upc": "", "mpn": "",
    "gtin": "", "inventory_level": 0, "inventory_warning_level": 0,
    "bin_picking_number": "", "option_values": []})


def new_table(store):
    return Table(KIND, {"sku": lambda r: r["sku"].casefold()},
                 {"product": lambda r: (r["product_id"],),
                  "choice": lambda r: (choice_key(r),)},
                 first_id=_FIRST_VARIANT)


def choice_key(record):
    return (record["product_id"], frozenset(
        (one["option_id"], one["id"]) for one in record["option_values"]))


def sku_holder(store, sku, own=None):
    """What has this SKU, which products and variants share: words or None."""
    key = store.variants.find("sku", sku.casefold())
    if key not in (None, own):
        return "variant %d" % key
    key = store.products.find("sku", sku.casefold())
    return None if key is None else "product %d" % key


def check_sku(store, clean, errors):
    if store.settings["sku_charset"] and not SKU_CHARSET.match(
            clean.get("sku", "")):
        errors["sku"] = "sku has a character that is not allowed"


def create(store, product, clean, choices, key=None):
    record = dict(clean, product_id=product, option_values=choices)
    record["id"] = store.variants.take_id() if key is None else key
    record["sku_id"] = record["id"] - _FIRST_VARIANT + 1
    store.variants.add(record)
    store.products.put(product, {"has_variants": True}, touch=False)
    return record


def update(store, key, clean):
    """Apply the clean fields; returns the record as it was."""
    store.stock.flush(key)
    changes = dict(clean)
    store.stock.catalog_write(store.variants.rows[key], changes)
    return store.variants.put(key, changes)


def _remove_prices(store, keys):
    """A variant goes with its records in price lists."""
    for record in [record for record in store.price_records if record[1] in keys]:
        del store.price_records[record], store.price_dates[record]


def remove(store, key):
    metafields.remove_parent(store, "variant", key)
    product = store.variants.remove(key)["product_id"]
    _remove_prices(store, {key})
    if not store.variants.members("product", product):
        store.products.put(product, {"has_variants": False}, touch=False)


def remove_product(store, product):
    """A product takes its variants and options along."""
    keys = set(store.variants.members("product", product))
    for key in sorted(keys):
        metafields.remove_parent(store, "variant", key)
        store.variants.remove(key)
    _remove_prices(store, keys | {base_variant_id(product)})
    store.options.pop(product, None)


# -- options -----------------------------------------------------------------

class OptionError(ValueError):
    """An option or a value that cannot be; status and words."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


def options_of(store, product):
    return store.options.setdefault(product, [])


def find_option(store, product, key):
    return next((one for one in options_of(store, product)
                 if one["id"] == key), None)


def _take(store):
    store.last_option += 1
    return store.last_option


def add_option(store, product, name, kind, values):
    """values: what each has for label, sort_order and is_default."""
    options = options_of(store, product)
    if any(one["display_name"].casefold() == name.casefold()
           for one in options):
        raise OptionError(409, "The option %s exists already" % name)
    option = {"id": _take(store), "product_id": product, "display_name": name,
              "name": "%s-%d-%d" % (name, product, store.last_option),
              "type": kind, "sort_order": len(options), "option_values": [],
              "config": []}
    for value in values:
        _append_value(store, option, value)
    options.append(option)
    _renumber(store, product)
    return option


def _append_value(store, option, value):
    labels = [one["label"].casefold() for one in option["option_values"]]
    if value["label"].casefold() in labels:
        raise OptionError(422, "The label %s is there twice" % value["label"])
    if len(labels) >= store.settings["most_values"]:
        raise OptionError(422, "An option has at most %d values"
                          % store.settings["most_values"])
    made = {"id": _take(store), "label": value["label"],
            "sort_order": value["sort_order"],
            "value_data": value.get("value_data"),
            "is_default": value.get("is_default", False)}
    option["option_values"].append(made)
    return made


def add_value(store, product, option, value):
    made = _append_value(store, option, value)
    _renumber(store, product)
    return made


def _renumber(store, product):
    """Whether a write gives all values of the product new ids is a setting."""
    if store.settings["value_ids"] != "change":
        return
    new = {}
    for option in options_of(store, product):
        for value in option["option_values"]:
            new[value["id"]] = value["id"] = _take(store)
    fresh = {}
    for option in options_of(store, product):
        for value in option["option_values"]:
            fresh[option["id"], value["label"]] = value["id"]
    for key in list(store.variants.members("product", product)):
        record = store.variants.rows[key]
        store.variants.put(key, {"option_values": [
            dict(one, id=fresh[one["option_id"], one["label"]])
            for one in record["option_values"]]})


def choice(option, value):
    return {"id": value["id"], "label": value["label"],
            "option_id": option["id"],
            "option_display_name": option["display_name"]}


def by_names(store, product, wanted):
    """Choices by name, made as needed: for records that are seeded."""
    found = []
    for one in wanted:
        name, label = one["option_display_name"], one["label"]
        option = next((o for o in options_of(store, product)
                       if o["display_name"] == name), None)
        if option is None:
            option = add_option(store, product, name, "rectangles", [])
        value = next((v for v in option["option_values"]
                      if v["label"] == label), None)
        if value is None:
            value = add_value(store, product, option, {
                "label": label, "sort_order": len(option["option_values"])})
        found.append(choice(option, value))
    return found
