"""Records put in, edited and removed behind the API's back.

Seeding is the first load of a migration, an edit is what an administrator
does in the control panel.  Both are checked lightly and journaled nowhere.
"""

import addresses
import attributes
import brands
import categories
import customergroups
import customers
import elements
import exactjson
import fields
import metafields
import pricelists
import productfields
import products
import redirects
import stock
import variants
from replies import Refused


class SeedError(ValueError):
    """A record that cannot be stored."""


_CHECKS = {"product": productfields.CHECKS, "brand": brands.CHECKS,
           "category": categories.CHECKS, "customer": customers.CHECKS,
           "variant": variants.SINGLE, "redirect": redirects.CHECKS,
           "price_list": pricelists.CHECKS,
           "address": addresses.CHECKS, "attribute": attributes.CHECKS,
           "attribute_value": attributes.VALUE_CHECKS,
           "customer_group": customergroups.CHECKS}
_DATES = ("date_created", "date_modified")
_PLURAL = {"products": "product", "brands": "brand",
           "categories": "category", "trees": "tree",
           "customers": "customer", "variants": "variant",
           "redirects": "redirect", "price_lists": "price_list",
           "addresses": "address", "attributes": "attribute",
           "attribute_values": "attribute_value",
           "customer_groups": "customer_group"}
_PLURAL.update((name + "_metafields", name + "_metafield")
               for name in metafields.PARENTS)
_CHECKS.update((name + "_metafield", metafields.CHECKS)
               for name in metafields.PARENTS)
_UNKEYED = ("tree", "stock")


def _kind(name):
    kind = _PLURAL.get(name, name)
    if kind not in _CHECKS and kind not in _UNKEYED:
        raise SeedError("there is no kind %r" % (name,))
    return kind


def _table(store, kind):
    return {"product": store.products, "brand": store.brands,
            "category": store.categories, "customer": store.customers,
            "variant": store.variants, "redirect": store.redirects,
            "price_list": store.price_lists, "address": store.addresses,
            "attribute": store.attributes,
            "attribute_value": store.attribute_values,
            "customer_group": store.customer_groups,
            **{name + "_metafield": table for name, table
               in store.metafields.items()}}[kind]


def _clean(kind, record):
    """The fields of a record, checked one by one."""
    if not isinstance(record, dict):
        raise SeedError("a record must be an object")
    if kind == "product":
        try:
            record = products.read_money(record)
        except fields.Bad as problem:
            raise SeedError(str(problem)) from None
    errors = {}
    clean = fields.validate(record, _CHECKS[kind], errors)
    if errors:
        raise SeedError("; ".join(errors.values()))
    return clean


def _split(record, *names):
    """A copy of the record without some fields, and these."""
    if not isinstance(record, dict):
        raise SeedError("a record must be an object")
    rest = dict(record)
    return rest, [rest.pop(name, None) for name in names]


# -- seed --------------------------------------------------------------------

def _seed_product(store, record):
    rest, (key, created, modified) = _split(record, "id", *_DATES)
    below = {name: rest.pop(name) for name in list(rest)
             if name in elements.NESTED}
    clean = _clean("product", rest)
    if "name" not in clean:
        raise SeedError("a product needs a name")
    if created is not None or modified is not None:
        created, modified = _seed_dates(store, created, modified)
    key = products.create(store, clean, key, created, modified)["id"]
    try:
        store.products.put(key, elements.nested(store, below), touch=False)
    except Refused as refusal:
        raise SeedError(exactjson.loads(refusal.reply.raw)["title"]) from None
    return key


def _seed_dates(store, created, modified):
    store.products.recent_sorted = False
    try:
        shown = [fields.iso(fields.parse_moment(value)) if value else None
                 for value in (created, modified)]
    except (fields.Bad, TypeError) as problem:
        raise SeedError("date: %s" % problem) from None
    return shown[0] or shown[1], shown[1] or shown[0]


def _seed_brand(store, record):
    rest, (key,) = _split(record, "id")
    clean = _clean("brand", rest)
    if "name" not in clean:
        raise SeedError("a brand needs a name")
    return brands.create(store, clean, key)["id"]


def _seed_category(store, record):
    rest, (key, alias) = _split(record, "category_id", "id")
    clean = _clean("category", rest)
    clean.setdefault("tree_id", None)
    if clean["tree_id"] is None:
        del clean["tree_id"]
        if not clean.get("parent_id"):
            clean["tree_id"] = 1
    if "name" not in clean:
        raise SeedError("a category needs a name")
    errors = {}
    where = categories.place(store, clean, None, errors)
    if errors:
        raise SeedError("; ".join(errors.values()))
    return categories.create(store, clean, where, key or alias)["category_id"]


def _seed_customer(store, record):
    """Of two customers with one address, nothing is said."""
    rest, (key, origin) = _split(record, "id", "origin_channel_id")
    clean = _clean("customer", rest)
    for name in ("email", "first_name", "last_name"):
        if name not in clean:
            raise SeedError("a customer needs %s" % name)
    return customers.create(store, clean, key, origin)["id"]


def _seed_address(store, record):
    """Not checked for twins."""
    rest, (key, customer) = _split(record, "id", "customer_id")
    clean = _clean("address", rest)
    if customer not in store.customers.rows or any(
            name not in clean for name in addresses.NESTED):
        raise SeedError("an address needs a customer and %s"
                        % ", ".join(addresses.NESTED))
    return addresses.create(
        store, dict(clean, customer_id=customer), key)["id"]


def _seed_attribute(store, record):
    rest, (key,) = _split(record, "id")
    clean = _clean("attribute", rest)
    if len(clean) < 2:
        raise SeedError("an attribute needs name and type")
    _refuse(attributes.conflicts(store, clean))
    return attributes.create(store, clean, key)["id"]


def _seed_attribute_value(store, record):
    rest, (customer, attribute) = _split(
        record, "customer_id", "attribute_id")
    clean = _clean("attribute_value", rest)
    if customer not in store.customers.rows or (
            attribute not in store.attributes.rows):
        raise SeedError("a value needs a customer and an attribute")
    return attributes.put_value(store, customer, attribute,
                                clean.get("attribute_value", ""))[0]


def _seed_variant(store, record):
    """option_values by name; what is missing of them is made."""
    rest, (key, product, choices) = _split(
        record, "id", "product_id", "option_values")
    clean = _clean("variant", rest)
    if product not in store.products.rows or "sku" not in clean:
        raise SeedError("a variant needs a product and a sku")
    return variants.create(store, product, clean, variants.by_names(
        store, product, choices or []), key)["id"]


def _seed_redirect(store, record):
    rest, (key,) = _split(record, "id")
    clean = _clean("redirect", rest)
    _refuse(redirects.conflicts(store, clean))
    return redirects.put_one(store, clean, key)[0]


def _seed_price_list(store, record):
    rest, (key,) = _split(record, "id")
    clean = _clean("price_list", rest)
    if "name" not in clean:
        raise SeedError("a price list needs a name")
    return pricelists.create(store, clean, key)["id"]


def _seed_group(store, record):
    """Of two groups with one name, nothing is said."""
    rest, (key,) = _split(record, "id")
    clean = _clean("customer_group", rest)
    if "name" not in clean:
        raise SeedError("a group needs a name")
    return customergroups.create(store, clean, key)["id"]


def _seed_tree(store, record):
    key = record.get("id", max(store.trees) + 1)
    store.trees[key] = {
        "id": key, "name": record.get("name", "Tree %d" % key),
        "channels": record.get("channels", [key])}
    return key


def _seed_stock(store, record):
    """{"product_id": 7, "location_id": 2, "quantity": 5, "safety_stock": 1},
    the last one optional; known from now on."""
    rest, (key, location, quantity, safety) = _split(
        record, "product_id", "location_id", "quantity", "safety_stock")
    if rest:
        raise SeedError("stock has no %s" % ", ".join(rest))
    if key not in store.products.rows:
        raise SeedError("there is no product %r" % (key,))
    if location not in store.stock.places:
        raise SeedError("there is no location %r" % (location,))
    for number in (quantity, 0 if safety is None else safety):
        if type(number) is not int or not 0 <= number <= stock.MOST:
            raise SeedError("stock cannot be %r" % (number,))
    store.stock.set_now(key, location, quantity, safety=safety)
    return key


_SEED = {"product": _seed_product, "brand": _seed_brand,
         "category": _seed_category, "tree": _seed_tree,
         "stock": _seed_stock, "customer": _seed_customer,
         "variant": _seed_variant, "redirect": _seed_redirect,
         "price_list": _seed_price_list, "address": _seed_address,
         "attribute": _seed_attribute,
         "attribute_value": _seed_attribute_value,
         "customer_group": _seed_group}


def _seed_metafield(name):
    """Of another app, with owner_client_id."""
    def seed_one(store, record):
        rest, (key, parent, owner) = _split(
            record, "id", "resource_id", "owner_client_id")
        clean = _clean(name + "_metafield", rest)
        clean["resource_id"] = parent
        if owner is not None:
            clean["owner_client_id"] = owner
        if not {"namespace", "key", "value"} <= set(clean):
            raise SeedError("a metafield needs a namespace, key and value")
        clean.setdefault("permission_set", "read")
        found = metafields.conflicts(store, name, clean)
        _refuse({found[1]: found[2]} if found else {})
        return metafields.create(store, name, clean, key)["id"]
    return seed_one


_SEED.update((name + "_metafield", _seed_metafield(name))
             for name in metafields.PARENTS)


def _numbered(value, number):
    """The template's value with {n} replaced in its texts."""
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    return value


def _generated(body):
    template, count = body.get("template"), body["count"]
    if not isinstance(template, dict) or type(count) is not int:
        raise SeedError("count and template belong together")
    first = body.get("first", 1)
    for number in range(first, first + count):
        yield {name: _numbered(value, number)
               for name, value in template.items()}


def seed(store, body):
    """Load records; either given, or made from a template.

    {"kind": "products", "records": [...]} or
    {"kind": "products", "count": 1000, "template": {"name": "P {n}", ...}}
    """
    kind = _kind(body.get("kind"))
    records = body.get("records")
    if records is None:
        records = _generated(body) if "count" in body else ()
    first = last = None
    number = 0
    ids = [] if not body.get("quiet") else None
    for record in records:
        last = _SEED[kind](store, record)
        first = last if first is None else first
        number += 1
        if ids is not None and "count" not in body:
            ids.append(last)
    return {"loaded": number, "first": first, "last": last, "ids": ids or []}


# -- edit and remove ---------------------------------------------------------

def _target(store, body):
    kind = _kind(body.get("resource"))
    if kind in _UNKEYED:
        raise SeedError("%s cannot be edited" % kind)
    table, key = _table(store, kind), body.get("id")
    if key not in table.rows:
        raise SeedError("there is no %s %r" % (kind, key))
    return kind, key


def edit(store, body):
    """{"resource": "product", "id": 7, "set": {"price": "1.25"}}"""
    kind, key = _target(store, body)
    rest, (modified,) = _split(body.get("set"), "date_modified")
    clean = _clean(kind, rest)
    if kind == "product":
        _edit_product(store, key, clean, modified)
    elif kind == "brand":
        _refuse(brands.conflicts(store, clean, key))
        brands.update(store, key, clean)
    elif kind == "customer":
        _refuse(customers.conflicts(
            store, clean, key, store.customers.rows[key]["origin_channel_id"]))
        customers.update(store, key, clean)
    elif kind == "address":
        addresses.update(store, key, clean)
    elif kind == "attribute":
        attributes.update(store, key, clean)
    elif kind == "attribute_value":
        store.attribute_values.put(key, clean)
    elif kind == "variant":
        variants.update(store, key, clean)
    elif kind == "price_list":
        _refuse(pricelists.conflicts(store, clean, key))
        pricelists.update(store, key, clean)
    elif kind == "customer_group":
        customergroups.update(store, key, clean)
    elif kind == "redirect":
        store.redirects.put(key, clean)
    elif kind.endswith("_metafield"):
        metafields.update(store, kind[:-len("_metafield")], key, clean)
    else:
        errors = {}
        where = categories.check(
            store, clean, store.categories.rows[key], errors)
        _refuse(errors)
        categories.update(store, key, clean, where)
    return {"edited": key}


def _edit_product(store, key, clean, modified):
    _refuse(products.conflicts(store, clean, key))
    if modified is not None:
        _, modified = _seed_dates(store, None, modified)
    products.update(store, key, clean, modified)


def _refuse(problems):
    if problems:
        raise SeedError("; ".join(problems.values()))


def remove(store, body):
    """{"resource": "product", "id": 7}: an administrator deletes it."""
    kind, key = _target(store, body)
    if kind.endswith("_metafield"):
        metafields.remove(store, kind[:-len("_metafield")], key)
        return {"removed": key}
    module = {"product": products, "brand": brands,
              "category": categories, "customer": customers,
              "variant": variants, "redirect": redirects,
              "price_list": pricelists, "address": addresses,
              "attribute": attributes,
              "customer_group": customergroups}[kind]
    module.remove(store, key)
    return {"removed": key}
