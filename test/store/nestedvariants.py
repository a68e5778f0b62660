"""Variants inside the body of a new product, and in its replies.

There they give the names of their options and values, which are made with
them: ids cannot exist yet.  The body is checked as a whole before anything is
made of it.
"""

import fields
import variants
from exactjson import loads
from productfields import base_variant_id, calculated_price
from replies import Refused, error

_NAMES = {"option_display_name": fields.string(1, 255),
          "label": fields.string(1, 255)}
_READ_ONLY = ("id", "product_id", "sku_id", "calculated_price",
              "calculated_weight")


def _chosen(call, wanted, bad):
    """{option: label} of a variant, both folded, and the names as they are."""
    found = {}
    if type(wanted) is not list or not wanted:
        bad["option_values"] = "option_values must be a list of values"
        return []
    for item in wanted:
        errors = {}
        if type(item) is not dict:
            bad["option_values"] = "an option value must be an object"
            continue
        clean = call.validate(item, _NAMES, errors, (), tuple(_NAMES))
        if errors:
            bad["option_values"] = "; ".join(errors.values())
            continue
        name = clean["option_display_name"].strip().casefold()
        if name in found:
            bad["option_values"] = "The option %s is there twice" % name
        found[name] = clean
    return [found[name] for name in sorted(found)]


def _one(call, position, item, errors):
    bad = {}
    if type(item) is not dict:
        errors["variants.%d" % position] = "a variant must be an object"
        return None
    rest = {name: value for name, value in item.items()
            if name != "option_values"}
    clean = call.validate(rest, variants.SINGLE, bad, _READ_ONLY, ("sku",))
    variants.check_sku(call.store, clean, bad)
    chosen = _chosen(call, item.get("option_values"), bad)
    errors.update(("variants.%d.%s" % (position, name), words)
                  for name, words in bad.items())
    return clean, chosen


def _key(chosen):
    return tuple((one["option_display_name"].strip().casefold(),
                  one["label"].strip().casefold()) for one in chosen)


def _check_options(call, checked):
    """Every variant has a value of every option; no option has too many."""
    names = {tuple(name for name, _ in _key(chosen)) for _, chosen in checked}
    if len(names) > 1:
        raise Refused(error(422, "Every variant needs a value of each option",
                            {"variants": "Every variant needs a value of "
                                         "each option of the product"}))
    for position in range(len(next(iter(names)))):
        labels = {_key(chosen)[position][1] for _, chosen in checked}
        if len(labels) > call.store.settings["most_values"]:
            raise Refused(error(422, "An option has at most %d values"
                                % call.store.settings["most_values"]))


def _check_twins(call, product, checked):
    skus, choices = set(), set()
    if product.get("sku"):
        skus.add(product["sku"].casefold())
    for clean, chosen in checked:
        sku = clean["sku"].casefold()
        if sku in skus or variants.sku_holder(call.store, clean["sku"]):
            raise Refused(error(409, "The sku %s is a duplicate"
                                % clean["sku"], {"variants.sku": clean["sku"]}))
        if _key(chosen) in choices:
            raise Refused(error(409, "Two variants have the same option "
                                "values", {"variants.option_values": "twice"}))
        skus.add(sku)
        choices.add(_key(chosen))


def check(call, product, items):
    """The variants of a new product, or the refusal."""
    errors = {}
    if type(items) is not list:
        raise Refused(error(422, "variants must be an array"))
    if len(items) > call.store.settings["most_variants"]:
        raise Refused(error(422, "A product has at most %d variants."
                            % call.store.settings["most_variants"]))
    checked = [_one(call, position, item, errors)
               for position, item in enumerate(items)]
    if errors:
        raise Refused(call.invalid(errors))
    if checked:
        _check_options(call, checked)
        _check_twins(call, product, checked)
    return checked


def create(call, product, checked):
    """Makes them, with the names in the spelling that came first."""
    spelt = {}
    for clean, chosen in checked:
        names = []
        for one in chosen:
            name, label = (one[field].strip() for field in _NAMES)
            name = spelt.setdefault(name.casefold(), name)
            label = spelt.setdefault((name, label.casefold()), label)
            names.append({"option_display_name": name, "label": label})
        key = variants.create(
            call.store, product, clean,
            variants.by_names(call.store, product, names))["id"]
        call.created("variant", key)


def shown(store, record):
    """The variants of a product, as include=variants has them."""
    keys = sorted(store.variants.members("product", record["id"]))
    if keys:
        return [loads(variants.KIND.show(
            store.variants, store.variants.rows[key]).encode())
                for key in keys]
    return [{"id": base_variant_id(record["id"]),
             "product_id": record["id"], "sku": record.get("sku", ""),
             "sku_id": None, "price": None, "option_values": [],
             "calculated_price": calculated_price(record),
             "inventory_level": record.get("inventory_level", 0)}]
