"""Modifiers of products, and their values, which have endpoints of their own."""

import re

import fields
import query
from exactjson import text
from replies import Refused, Reply, error, nothing, one

_INT32 = 2 ** 31 - 1
_ORDER = fields.integer(-_INT32 - 1, _INT32)
LISTS = ("radio_buttons", "rectangles", "dropdown", "product_list",
         "product_list_with_images", "swatch")
TYPES = ("date", "checkbox", "file", "text", "multi_line_text",
         "numbers_only_text") + LISTS
_MOST_VALUES = 250


def _object(value):
    if type(value) is not dict:
        raise fields.Bad("must be an object")
    return value


def _nullable(check):
    return lambda value: None if value is None else check(value)


_ADJUSTER = fields.obj({
    "adjuster": _nullable(fields.choice("relative", "percentage")),
    "adjuster_value": _nullable(fields.number())})
# The image of a value is set by an upload.
_ADJUSTERS = {"price": _ADJUSTER, "weight": _ADJUSTER,
              "purchasing_disabled": fields.obj({
                  "status": fields.boolean, "message": fields.string()})}
_VALUE = {"label": fields.string(1), "sort_order": _ORDER,
          "is_default": fields.boolean, "value_data": _object,
          "adjusters": fields.obj(_ADJUSTERS)}
CHECKS = {"type": fields.choice(*TYPES), "required": fields.boolean,
          "display_name": fields.string(1), "sort_order": _ORDER,
          "config": _object, "option_values": fields.list_of(fields.obj(
              dict(_VALUE, id=fields.integer(1, _INT32)),
              ("label", "sort_order")), _MOST_VALUES)}


def clash(others, element):
    """A name twice; a date without limits makes the server fail."""
    name = element["display_name"].casefold()
    if any(o["display_name"].casefold() == name for o in others):
        return 409, "The modifier %s exists already." % element["display_name"]
    if element["type"] == "date" and not element.get("config"):
        return 500, "Internal server error"
    values = element.get("option_values", [])
    if element["type"] in LISTS and not values:
        return 422, "A %s needs option_values." % element["type"]
    if element["type"] == "checkbox" and any("id" not in v for v in values):
        return 422, "A checkbox makes its own option_values."
    return None


def _filled(store, value):
    """A value as the store keeps it."""
    adjusters = dict({"price": None, "weight": None, "image_url": "",
                      "purchasing_disabled": {"status": False, "message": ""}},
                     **value.get("adjusters", {}))
    return {"is_default": False, "value_data": None, **value,
            "adjusters": adjusters,
            "id": value.get("id") or store.take_element_id()}


def _at_first(store, value):
    """What a new modifier says of a value: no adjusters but of the price."""
    adjusters = value.get("adjusters", {})
    if set(adjusters) <= {"price"} or "id" in value:
        return value
    if store.settings["new_adjusters"] == "refused":
        raise Refused(error(422, "These adjusters need a second request."))
    return dict(value, adjusters={k: v for k, v in adjusters.items()
                                  if k == "price"})


def fill(store, others, element):
    values = element.get("option_values", [])
    if element["type"] == "checkbox" and not values:
        values = [{"label": label, "sort_order": n, "is_default": n == 1,
                   "value_data": {"checked_value": n == 0}}
                  for n, label in enumerate(("Yes", "No"))]
    order = max((o["sort_order"] for o in others), default=-1) + 1
    return {"config": {}, "sort_order": order, **element,
            "name": "%s%d" % (element["display_name"], element["id"]),
            "option_values": [_filled(store, _at_first(store, value))
                              for value in values]}


# -- the values ---------------------------------------------------------------

def _modifier(call):
    record = call.store.products.rows.get(call.ids[0])
    for element in (record or {}).get("modifiers", []):
        if element["id"] == call.ids[1]:
            return record, element
    raise Refused(error(404, "There is no such modifier."))


def _value(call, modifier):
    for value in modifier["option_values"]:
        if value["id"] == call.ids[2]:
            return value
    raise Refused(error(404, "There is no such value."))


def _checked(call):
    errors = {}
    clean = fields.validate(call.json_object(), _VALUE, errors, ("id",),
                            ("label", "sort_order"))
    if errors:
        raise Refused(error(422, "The request is not valid: %s" % "; ".join(
            errors.values()), errors))
    return clean


def _put(call, record, modifier, values):
    call.store.products.put(record["id"], {"modifiers": [
        dict(m, option_values=values) if m is modifier else m
        for m in record["modifiers"]]}, touch=False)


def _list(call):
    call.params({"page": query.INTEGER, "limit": query.INTEGER})
    return Reply(200, items=[text(v) for v in _modifier(call)[1][
        "option_values"]])


def _post(call):
    call.params({})
    record, modifier = _modifier(call)
    values = modifier["option_values"]
    if modifier["type"] not in LISTS or len(values) >= _MOST_VALUES:
        raise Refused(error(422, "The modifier can have no more values."))
    made = _filled(call.store, _checked(call))
    _put(call, record, modifier, values + [made])
    call.created("modifier_values", made["id"])
    return one(text(made))


def _get_one(call):
    call.params({})
    return one(text(_value(call, _modifier(call)[1])))


def _put_one(call):
    call.params({})
    record, modifier = _modifier(call)
    before = _value(call, modifier)
    clean = _checked(call)
    after = dict(before, **clean)
    after["adjusters"] = dict(before["adjusters"],
                              **clean.get("adjusters", {}))
    _put(call, record, modifier, [after if v is before else v
                                  for v in modifier["option_values"]])
    call.changed("modifier_values", before["id"])
    return one(text(after))


def _delete(call):
    call.params({})
    record, modifier = _modifier(call)
    gone = _value(call, modifier)
    _put(call, record, modifier, [v for v in modifier["option_values"]
                                  if v is not gone])
    call.deleted("modifier_values", gone["id"])
    return nothing()


_PATH = "/catalog/products/%s/modifiers/%s/values"
_ID = r"([1-9]\d{0,9})"
PATHS = (
    (re.compile(_PATH % (_ID, _ID) + r"\Z"), _PATH % ("{id}", "{id}"),
     {"GET": _list, "POST": _post}),
    (re.compile(_PATH % (_ID, _ID) + "/" + _ID + r"\Z"),
     _PATH % ("{id}", "{id}") + "/{id}",
     {"GET": _get_one, "PUT": _put_one, "DELETE": _delete}))
