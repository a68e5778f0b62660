"""The API of variants and of the options of products."""

import fields
import listing
import query
import variants
from exactjson import text
from productfields import base_variant_id, calculated_price
from replies import Refused, Reply, detail, error, nothing, one, raw_json
from variants import KIND, OptionError

_READ_ONLY = ("id", "sku_id", "calculated_price", "calculated_weight")
_TYPES = ("radio_buttons", "rectangles", "dropdown", "product_list",
          "product_list_with_images", "swatch")
_INT32 = 2 ** 31 - 1
_SORT_ORDER = fields.integer(-_INT32 - 1, _INT32)
_VALUE = {"label": fields.string(1, 255), "sort_order": _SORT_ORDER,
          "is_default": fields.boolean, "value_data": lambda value: value}
_CHOICE = {"id": fields.integer(1, _INT32),
           "option_id": fields.integer(1, _INT32),
           "label": fields.string(1, 255),
           "option_display_name": fields.string(1, 255)}


# -- reads -------------------------------------------------------------------

class _Rows:
    """All variants, those that are the products themselves included."""

    def __init__(self, store, products):
        self.rows, self.ids = {}, []
        for product in products:
            if product not in store.products.rows:
                continue
            own = sorted(store.variants.members("product", product))
            for key in own:
                self.rows[key] = store.variants.rows[key]
            if not own:
                record = store.products.rows[product]
                own = [base_variant_id(product)]
                self.rows[own[0]] = {
                    "id": own[0], "product_id": product,
                    "sku": record.get("sku", ""),
                    "calculated_price": calculated_price(record),
                    "inventory_level": record.get("inventory_level", 0)}
            self.ids.extend(own)


_LIST_PARAMS = dict(listing.PAGING, **listing.CHOICE)
_LIST_PARAMS.update({
    "id": query.INTEGER, "sku": query.TEXT, "upc": query.TEXT,
    "product_id:in": query.INTEGERS})


def _found(call, rows, values):
    exact = call.store.settings["variant_sku_exact"]

    def fits(record):
        if "id" in values and record["id"] != values["id"]:
            return False
        if "upc" in values and record.get("upc", "") != values["upc"]:
            return False
        if "sku" not in values:
            return True
        if exact:
            return record["sku"] == values["sku"]
        return record["sku"].casefold() == values["sku"].casefold()
    return [key for key in rows.ids if fits(rows.rows[key])]


def _paged(call, rows, values):
    choose = listing.chooser(call, KIND, values)
    return listing.paged(call, rows, _found(call, rows, values), values,
                         lambda r: KIND.show(call.store.variants, r, choose))


def list_all(call):
    values = call.params(_LIST_PARAMS)
    wanted = values.get("product_id:in")
    products = call.store.products.ids if wanted is None else sorted(
        set(wanted))
    return _paged(call, _Rows(call.store, products), values)


def list_of(call):
    values = call.params(dict(listing.PAGING, **listing.CHOICE))
    return _paged(call, _Rows(call.store, [_product(call)]), values)


def _product(call):
    key = call.ids[0]
    if key not in call.store.products.rows:
        raise Refused(error(404, "The product %d was not found." % key))
    return key


def _existing(call):
    """A variant, below its product; the product itself is none here."""
    key = call.ids[1]
    record = call.store.variants.rows.get(key)
    if record is None or record["product_id"] != _product(call):
        raise Refused(error(404, "The variant %d was not found." % key))
    return key


def _shown(call, key):
    return KIND.show(call.store.variants, call.store.variants.rows[key])


def get_one(call):
    call.params({})
    return one(_shown(call, _existing(call)))


# -- writes ------------------------------------------------------------------

class _Bad(Exception):
    """A variant that is refused: status, title and errors."""

    def __init__(self, status, title, errors=None):
        super().__init__(title)
        self.status, self.title, self.errors = status, title, errors


def _invalid(errors):
    return _Bad(422, "The request is not valid: %s" % "; ".join(
        str(words) for words in errors.values()), errors)


def _clash(call, clean, own=None):
    if "sku" not in clean:
        return
    holder = variants.sku_holder(call.store, clean["sku"], own)
    if holder:
        raise _Bad(call.store.settings["variant_twin_status"],
                   "The variant conflicts with another one.",
                   {"sku": "The sku %s is in use by %s"
                           % (clean["sku"], holder)})


def _choices(call, product, wanted, errors):
    """The values that a new variant has, one of each option."""
    found = []
    if type(wanted) is not list or not wanted:
        errors["option_values"] = "option_values must be a list of values"
        return found
    for item in wanted:
        bad = {}
        if type(item) is not dict:
            errors["option_values"] = "an option value must be an object"
            continue
        clean = call.validate(item, _CHOICE, bad, (), ("id", "option_id"))
        if bad:
            errors["option_values"] = "; ".join(bad.values())
            continue
        found.append(_choice(call, product, clean, errors))
    options = variants.options_of(call.store, product)
    if not errors and sorted(c["option_id"] for c in found) != sorted(
            o["id"] for o in options):
        errors["option_values"] = ("A value is required for each option of "
                                   "the product: %s" % ", ".join(
                                       o["display_name"] for o in options))
    return found


def _choice(call, product, clean, errors):
    option = variants.find_option(call.store, product, clean["option_id"])
    value = option and next((v for v in option["option_values"]
                             if v["id"] == clean["id"]), None)
    if value is None:
        errors["option_values"] = (
            "The product has no option %d with value %d"
            % (clean["option_id"], clean["id"]))
        return None
    chosen = variants.choice(option, value)
    if any(clean[name] != chosen[name] for name in clean):
        errors["option_values"] = "names and ids do not fit each other"
    return chosen


def _check_new(call, product, item, checks):
    store, errors = call.store, {}
    rest = {name: value for name, value in item.items()
            if name not in ("product_id", "option_values")}
    clean = call.validate(rest, checks, errors, _READ_ONLY, ("sku",))
    variants.check_sku(store, clean, errors)
    if item.get("product_id", product) != product:
        errors["product_id"] = "product_id is not that of the path"
    if store.settings["variant_needs_product"] and "product_id" not in item:
        errors["product_id"] = "product_id is required"
    choices = _choices(call, product, item.get("option_values"), errors)
    if errors:
        raise _invalid(errors)
    if len(store.variants.members("product", product)) >= store.settings[
            "most_variants"]:
        raise _Bad(422, "A product has at most %d variants."
                   % store.settings["most_variants"])
    _clash(call, clean)
    key = variants.choice_key({"product_id": product,
                               "option_values": choices})
    if store.variants.members("choice", key):
        raise _Bad(store.settings["variant_twin_status"],
                   "A variant with these option values exists already.")
    return clean, choices


def _saved(call, key, lost):
    reply = one(_shown(call, key))
    if lost:
        reply.status = 207
        reply.errors = text(detail(207, "The variant was saved in part.",
                                   lost))
    return reply


def _lost(call, clean):
    """Fields that a fault keeps from being saved."""
    lost = {}
    for name in call.lost_fields():
        if name in clean:
            del clean[name]
            lost[name] = "%s could not be saved" % name
    return lost


def post(call):
    call.params({})
    product = _product(call)
    try:
        clean, choices = _check_new(call, product, call.json_object(),
                                    variants.SINGLE)
    except _Bad as bad:
        raise Refused(error(bad.status, bad.title, bad.errors)) from None
    lost = _lost(call, clean)
    key = variants.create(call.store, product, clean, choices)["id"]
    call.created("variant", key)
    return _saved(call, key, lost)


def put(call):
    call.params({})
    key, errors = _existing(call), {}
    item = dict(call.json_object())
    if item.pop("product_id", call.ids[0]) != call.ids[0]:
        errors["product_id"] = "a variant cannot move to another product"
    clean = call.validate(item, variants.SINGLE, errors,
                          _READ_ONLY + ("option_values",))
    variants.check_sku(call.store, clean, errors)
    if errors:
        raise Refused(call.invalid(errors))
    try:
        _clash(call, clean, key)
    except _Bad as bad:
        raise Refused(error(bad.status, bad.title, bad.errors)) from None
    lost = _lost(call, clean)
    variants.update(call.store, key, clean)
    call.changed("variant", key)
    return _saved(call, key, lost)


def delete_one(call):
    call.params({})
    key = _existing(call)
    variants.remove(call.store, key)
    call.deleted("variant", key)
    return nothing()


# -- the batch ---------------------------------------------------------------

def _batch_error(status, words, errors):
    return Refused(raw_json({"batch_errors": [
        detail(status, words, errors)]}, status))


def _batch_create(call, item):
    """An item without an id; what becomes of it is a setting."""
    how = call.store.settings["variant_create"]
    if how == "refuse":
        raise _batch_error(422, "The request is not valid.",
                           {"id": "id is required"})
    if how == "missing":
        raise Refused(error(404, "The variant was not found."))
    if how in ("ignore", "echo"):
        return None if how == "ignore" else dict(item)
    product = item.get("product_id")
    try:
        if product not in call.store.products.rows:
            raise _invalid({"product_id": "there is no product %s"
                                          % (product,)})
        clean, choices = _check_new(call, product, item, variants.CREATED)
    except _Bad as bad:
        raise _batch_error(422, bad.title, bad.errors or {}) from None
    if how == "drop":
        clean = {name: clean[name] for name in ("sku",)}
    key = variants.create(call.store, product, clean, choices)["id"]
    call.before(key, None)
    call.created("variant", key)
    return None if how == "unnamed" else key


def _batch_item(call, item):
    table, key, errors = call.store.variants, item.get("id"), {}
    if "id" not in item:
        return _batch_create(call, item)
    if type(key) is not int or key not in table.rows:
        raise _batch_error(422, "The variant was not found.", {
            "id": "there is no variant %s" % (key,)})
    if any(one == ["variant", key] for one in call.entry.changed):
        raise _batch_error(422, "The request is not valid.", {
            "id": "variant %d is in the batch twice" % key})
    rest = {name: value for name, value in item.items() if name != "id"}
    clean = call.validate(rest, variants.BATCH, errors, _READ_ONLY)
    if errors:
        raise _batch_error(422, "The request is not valid.", errors)
    call.before(key, variants.update(call.store, key, clean))
    call.changed("variant", key)
    return key


def _undone(call, key, record):
    if record is None:
        variants.remove(call.store, key)
    else:
        call.store.variants.restore(key, record)


def put_batch(call):
    call.params({})
    items = call.json_array()
    most = call.store.settings["variant_batch"]
    if len(items) > most:
        raise Refused(error(413, "The request payload is too large. The "
                            "maximum number of items allowed in the array "
                            "is %d." % most))
    saved = []
    try:
        for position, item in enumerate(items):
            if call.fails_item(position):
                raise _batch_error(422, "The variant could not be saved.", {})
            saved.append(_batch_item(call, item))
    except Refused:
        if call.store.settings["variant_mode"] == "atomic":
            call.undo(lambda key, record: _undone(call, key, record))
        raise
    return Reply(200, items=[
        text(key) if type(key) is dict else _shown(call, key)
        for key in saved if key is not None])


# -- options -----------------------------------------------------------------

class _Options:
    """The options of a product as the pages of a list want them."""

    def __init__(self, options):
        self.rows = {option["id"]: option for option in options}
        self.ids = list(self.rows)


def list_options(call):
    values = call.params(listing.PAGING)
    table = _Options(variants.options_of(call.store, _product(call)))
    return listing.paged(call, table, table.ids, values, text)


def _values(call, wanted, errors):
    if type(wanted) is not list or not wanted:
        errors["option_values"] = "option_values must be a list of values"
        return []
    found = []
    for position, item in enumerate(wanted):
        if type(item) is not dict:
            errors["option_values"] = "a value must be an object"
            continue
        bad = {}
        found.append(call.validate(item, _VALUE, bad, ("id",),
                                   ("label", "sort_order")))
        errors.update(("option_values.%d.%s" % (position, name), words)
                      for name, words in bad.items())
    return found


def post_option(call):
    call.params({})
    product, errors = _product(call), {}
    item = dict(call.json_object())
    values = _values(call, item.pop("option_values", None), errors)
    if item.pop("product_id", product) != product:
        errors["product_id"] = "product_id is not that of the path"
    clean = call.validate(item, {
        "display_name": fields.string(1, 255), "type": fields.choice(*_TYPES),
        "sort_order": _SORT_ORDER}, errors, ("id", "name"),
        ("display_name", "type"))
    if errors:
        raise Refused(call.invalid(errors))
    try:
        option = variants.add_option(call.store, product,
                                     clean["display_name"], clean["type"],
                                     values)
    except OptionError as problem:
        raise Refused(error(problem.status, str(problem))) from None
    call.created("option", option["id"])
    return one(text(option))


def post_value(call):
    call.params({})
    product, errors = _product(call), {}
    option = variants.find_option(call.store, product, call.ids[1])
    if option is None:
        raise Refused(error(404, "The option %d was not found."
                            % call.ids[1]))
    clean = call.validate(call.json_object(), _VALUE, errors, ("id",),
                          ("label", "sort_order"))
    if errors:
        raise Refused(call.invalid(errors))
    try:
        value = variants.add_value(call.store, product, option, clean)
    except OptionError as problem:
        raise Refused(error(problem.status, str(problem))) from None
    call.created("option_value", value["id"])
    return one(text(value))
