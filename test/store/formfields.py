"""Form fields of customers and addresses: the control panel defines them."""

from decimal import Decimal

import fields

_TEXT = fields.string(0, 65535)


def _value(value):
    """A text, a number, or several texts: what was ticked."""
    if type(value) is list:
        return [_TEXT(one) for one in value]
    if type(value) in (int, Decimal):
        return value
    return _TEXT(value)


_LIST = fields.list_of(fields.obj({"name": fields.string(1, 255),
                                   "value": _value}, ("name", "value")))


def check(value):
    value = _LIST(value)
    names = [one["name"] for one in value]
    if len(set(names)) < len(names):
        raise fields.Bad("has a name twice")
    return value


def problem(store, clean):
    """What an unknown name means is not documented: it is refused."""
    for one in clean.get("form_fields", ()):
        if one["name"] not in store.settings["form_fields"]:
            return {"form_fields": "there is no form field %s" % one["name"]}
    return {}


def merged(store, before, changes):
    """The changes with the fields that they leave out; or not, see there."""
    if "form_fields" not in changes or (
            store.settings["form_field_update"] == "replace"):
        return changes
    kept = {one["name"]: one for one in before.get("form_fields", ())}
    kept.update((one["name"], one) for one in changes["form_fields"])
    return dict(changes, form_fields=list(kept.values()))
