"""The API of products: lists, single writes, batches, deletes."""

import brands
import elements
import exactjson
import listing
import nestedvariants
import products
import query
from exactjson import text
from productfields import KIND, calculated_price
from productfilters import FILTERS
from replies import Refused, Reply, detail, error, nothing, one

_INCLUDES = ("bulk_pricing_rules", "channels", "custom_fields", "images",
             "modifiers", "options", "parent_relations", "primary_image",
             "reviews", "variants", "videos")
_SORTS = ("id", "name", "sku", "price", "date_modified",
          "date_last_imported", "inventory_level", "is_visible",
          "total_sold", "calculated_price")


# -- parameters --------------------------------------------------------------

_DELETE_BY = (
    "name", "sku", "price", "weight", "condition", "brand_id",
    "date_modified", "date_last_imported", "is_visible", "is_featured",
    "id:in", "inventory_level", "total_sold", "type", "categories", "keyword")

_INCLUDE = {"include": query.some_of(*_INCLUDES)}
_WRITE_PARAMS = {"include_fields": query.TEXTS}
_ONE_PARAMS = dict(listing.CHOICE, **_INCLUDE)
_PUT_PARAMS = dict(_WRITE_PARAMS, **_INCLUDE)
_LIST_PARAMS = {name: param for name, (param, _) in FILTERS.items()}
_LIST_PARAMS.update(listing.PAGING)
_LIST_PARAMS.update(_ONE_PARAMS)
_LIST_PARAMS["sort"] = query.one_of(*_SORTS)
_LIST_PARAMS["direction"] = query.one_of("asc", "desc")
_DELETE_PARAMS = {name: FILTERS[name][0] for name in _DELETE_BY}


# -- showing -----------------------------------------------------------------

def _show_options(store, record, shown):
    """As documented, or less than that."""
    options = store.options.get(record["id"], [])
    how = store.settings["options_shown"]
    if how == "none":
        del shown["options"]
        return
    if how == "bare":
        options = [{name: value for name, value in option.items()
                    if name != "option_values"} for option in options]
    elif how == "some":
        options = [dict(option, option_values=option["option_values"][:1])
                   for option in options]
    shown["options"] = options


def _sub_resources(store, record, include):
    """Those that are not simulated are there, and empty."""
    shown = {name: [] for name in include}
    shown.update(elements.show_all(record, include))
    if "channels" in shown:
        shown["channels"] = sorted(
            channel for product, channel in store.product_channels
            if product == record["id"])
    if "primary_image" in shown:
        images = elements.show_all(record, ("images",))["images"]
        shown["primary_image"] = next(
            (one for one in images if one.get("is_thumbnail")), None)
    if "options" in shown:
        _show_options(store, record, shown)
    if "variants" in shown:
        shown["variants"] = nestedvariants.shown(store, record)
    return shown


def _shower(call, values):
    """A function from a record to its JSON text."""
    table = call.store.products
    choose = listing.chooser(call, KIND, values)
    include = values.get("include")
    if not include:
        return lambda record: KIND.show(table, record, choose)

    def show(record):
        shown = _sub_resources(call.store, record, include)
        record = KIND.show(table, record, choose)
        return record[:-1] + "," + text(shown)[1:] if shown else record
    return show


# -- reads -------------------------------------------------------------------

def list_all(call):
    values = call.params(_LIST_PARAMS)
    if {"options", "modifiers"} & set(values.get("include", ())):
        settings = call.store.settings
        if ("options" in values["include"]
                and settings["options_shown"] == "refuse"):
            raise Refused(error(422, "include does not have options"))
        limit = values.get("limit", settings["default_limit"])
        values["limit"] = min(limit, settings["options_page"])
    table = call.store.products
    show = _shower(call, values)
    filters = [build(call.store, table, values[name])
               for name, (_, build) in FILTERS.items() if name in values]
    sort = values.get("sort")
    if sort == "calculated_price":
        sort = calculated_price
    found = listing.order(table, listing.select(table, filters), sort,
                          values.get("direction"))
    return listing.paged(call, table, found, values, show)


def _existing(call):
    key = call.ids[0]
    if key not in call.store.products.rows:
        raise Refused(error(404, "The product %d was not found." % key))
    return key


def get_one(call):
    show = _shower(call, call.params(_ONE_PARAMS))
    return one(show(call.store.products.rows[_existing(call)]))


def summary(call):
    call.params({})
    store = call.store
    version, shown = store.summary_cache
    if version != store.products.version:
        shown = _summary(store)
        store.summary_cache = (store.products.version, shown)
    return one(shown)


def _summary(store):
    rows = store.products.rows.values()
    prices = [calculated_price(r) for r in rows]
    dates = [r["date_created"] for r in rows]
    groups = store.products.groups["category"]
    primary = max(groups, key=lambda c: (len(groups[c]), -c), default=None)
    name = store.categories.rows[primary]["name"] if primary else None
    average = sum(prices) / len(prices) if prices else exactjson.ZERO
    return text({
        "inventory_count": sum(r.get("inventory_level", 0) for r in rows),
        "inventory_value": sum((r.get("inventory_level", 0)
                                * calculated_price(r) for r in rows),
                               exactjson.ZERO),
        "primary_category_id": primary, "primary_category_name": name,
        "variant_count": len(prices),
        "highest_variant_price": max(prices, default=exactjson.ZERO),
        "average_variant_price": exactjson.rounded(average, 8),
        # The specification makes this one a string.
        "lowest_variant_price": text(min(prices, default=exactjson.ZERO)),
        "oldest_variant_date": min(dates, default=""),
        "newest_variant_date": max(dates, default="")})


# -- writes ------------------------------------------------------------------

_CONFLICT = "The product conflicts with another one or refers to none."
_PARTIAL = "The product was saved in part."


def _checked(call, record, item, create=False):
    errors = {}
    clean = products.check(call, item, errors, create)
    if not errors:
        products.check_together(record, clean, errors)
    return clean, errors


def _partial_fields(call, clean):
    """Fields that a fault keeps from being saved."""
    lost = {}
    for name in call.lost_fields():
        if name in clean:
            del clean[name]
            lost[name] = "%s could not be saved" % name
    return lost


def _one_saved(call, key, show, lost, as_list):
    reply = one(show(call.store.products.rows[key]))
    if lost:
        reply.status = 207
        reply.single = not as_list
        reply.errors = text(detail(207, _PARTIAL, lost))
    return reply


def post(call):
    values = call.params(_WRITE_PARAMS)
    store = call.store
    item = dict(call.json_object())
    nested = {name: item.pop(name) for name in list(item)
              if name in elements.NESTED}
    below = item.pop("variants", None)
    if nested and "include_fields" not in values:
        values["include"] = list(nested)
    if below is not None and store.settings["variants_in_reply"]:
        values["include"] = values.get("include", []) + ["variants"]
    show = _shower(call, values)
    clean, errors = _checked(call, {}, item, create=True)
    if errors:
        raise Refused(call.invalid(errors))
    nested = elements.nested(store, nested)
    lost = products.bad_url(clean)
    found = products.conflicts(store, clean)
    if found:
        raise Refused(error(409, _CONFLICT, found))
    checked = below is not None and nestedvariants.check(call, clean, below)
    lost.update(_partial_fields(call, clean))
    next_brand = store.brands.next_id
    key = products.create(store, clean)["id"]
    store.products.put(key, nested, touch=False)
    nestedvariants.create(call, key, checked or [])
    _note_brand(call, next_brand)
    call.created("product", key)
    # The 207 of this call is documented with an array.
    return _one_saved(call, key, show, lost, as_list=True)


def put(call):
    show = _shower(call, call.params(_PUT_PARAMS))
    key = _existing(call)
    record = call.store.products.rows[key]
    item = dict(call.json_object())
    below = elements.nested_update(call.store, record, item)
    clean, errors = _checked(call, record, item)
    if errors:
        raise Refused(call.invalid(errors))
    lost = _update(call, key, clean, below)
    return _one_saved(call, key, show, lost, as_list=False)


def _update(call, key, clean, below):
    """One update after its checks; returns fields that were not saved."""
    store = call.store
    lost = products.bad_url(clean)
    found = products.conflicts(store, clean, key)
    if store.settings["url_clash_on_put"] == 207 and "custom_url" in found:
        lost["custom_url"] = found.pop("custom_url")
        del clean["custom_url"]
    if found:
        raise Refused(error(409, _CONFLICT, found))
    lost.update(_partial_fields(call, clean))
    next_brand = store.brands.next_id
    call.before(key, products.update(store, key, clean))
    store.products.put(key, below, touch=False)
    _note_brand(call, next_brand)
    call.changed("product", key)
    for name in below:
        call.changed(name, key)
    return lost


def _note_brand(call, number):
    """Journal the brand that a brand_name has made, if it has."""
    if call.store.brands.next_id != number:
        call.created("brand", number)


def delete_one(call):
    call.params({})
    key = call.ids[0]
    if key not in call.store.products.rows:
        if call.store.settings["delete_missing"] == 204:
            return nothing()
        raise Refused(error(404, "The product %d was not found." % key))
    products.remove(call.store, key)
    call.deleted("product", key)
    return nothing()


def delete_many(call):
    values = call.params(_DELETE_PARAMS)
    listing.refuse_unfiltered(call, values)
    table = call.store.products
    filters = [FILTERS[name][1](call.store, table, value)
               for name, value in values.items()]
    most = call.store.settings["delete_batch"]
    found = list(listing.select(table, filters))
    if max(len(found), len(values.get("id:in", ()))) > most:
        raise Refused(error(422, "At most %d products can be deleted at one "
                                 "time." % most))
    for key in found:
        products.remove(call.store, key)
        call.deleted("product", key)
    return nothing()


# -- the batch ---------------------------------------------------------------

def _batch_items(call):
    items = call.json_array()
    most = call.store.settings["product_batch"]
    if len(items) > most:
        raise Refused(error(413, "The request payload is too large. The "
                            "maximum items allowed in the array is %d."
                            % most))
    return items


def _check_ids(call, items):
    """Ids of the items; a missing or repeated one refuses the batch."""
    errors, seen = {}, set()
    for item in items:
        key = item.get("id")
        if type(key) is not int or key < 1:
            errors["id"] = "id is required in every item"
        elif key in seen:
            errors["id"] = "id %d is in the batch twice" % key
        seen.add(key if type(key) is int else None)
    if errors:
        raise Refused(call.invalid(errors))


def _put_item(call, item):
    key = item["id"]
    record = call.store.products.rows.get(key)
    if record is None:
        raise Refused(error(404, "The product %d was not found." % key))
    rest = {name: value for name, value in item.items() if name != "id"}
    below = elements.nested_update(call.store, record, rest)
    clean, errors = _checked(call, record, rest)
    if errors:
        raise Refused(call.invalid(errors))
    return _update(call, key, clean, below)


def _check_keys(call, items):
    """No name or SKU of the batch may be another product's before it."""
    for item in items:
        keys = {name: item[name] for name in ("name", "sku")
                if isinstance(item.get(name), str)}
        found = products.conflicts(call.store, keys, item["id"])
        if found:
            raise Refused(error(409, _CONFLICT, found))


def put_batch(call):
    values = call.params(_WRITE_PARAMS)
    items = _batch_items(call)
    nested = {name for item in items for name in item
              if name in elements.NESTED}
    if nested and "include_fields" not in values:
        values["include"] = sorted(nested)
    show = _shower(call, values)
    _check_ids(call, items)
    if not call.store.settings["batch_in_order"]:
        _check_keys(call, items)
    saved, lost, refusals = [], {}, []
    for position, item in enumerate(items):
        if call.fails_item(position):
            continue
        try:
            lost.update(_put_item(call, item))
            saved.append(item["id"])
        except Refused as refusal:
            refusals.append(refusal)
            if call.store.settings["batch_mode"] != "partial":
                break
    return _batch_reply(call, show, items, saved, lost, refusals)


def _undo_batch(call):
    made = [key for kind, key in call.entry.created if kind == "brand"]
    call.undo(lambda key, before: products.undo(call.store, key, before))
    for key in made:
        brands.remove(call.store, key)


def _batch_reply(call, show, items, saved, lost, refusals):
    rows = call.store.products.rows
    mode = call.store.settings["batch_mode"]
    if refusals and (mode != "partial" or not saved):
        if mode == "atomic":
            _undo_batch(call)
        raise refusals[0]
    for refusal in refusals:
        lost.update(exactjson.loads(refusal.reply.raw)["errors"] or {
            "id": "not found"})
    reply = Reply(200, items=[show(rows[key]) for key in saved])
    if lost:
        reply.status = 207
        reply.errors = text(detail(207, _PARTIAL, lost))
    return call.partial_batch(reply, len(items))
