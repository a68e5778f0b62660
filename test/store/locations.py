"""Locations: arrays of them, written later, with a transaction id as reply."""

import time
import uuid

import exactjson
import fields
import listing
import query
import stock
from exactjson import text
from replies import Refused, raw_json

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
         "saturday")
_ALWAYS_OPEN = {day: {"open": True, "opening": "00:00", "closing": "00:00"}
                for day in _DAYS}

_HOURS = fields.obj({"open": fields.boolean, "opening": fields.string(),
                     "closing": fields.string()})
_ADDRESS = {
    "address1": fields.string(1), "address2": fields.string(),
    "city": fields.string(1), "state": fields.string(1),
    "zip": fields.string(1), "email": fields.string(3),
    "phone": fields.string(), "country_code": fields.string(2, 2),
    "geo_coordinates": fields.obj({"latitude": fields.number(-90, 90),
                                   "longitude": fields.number(-180, 180)},
                                  ("latitude", "longitude")),
}
_NEEDED = ("address1", "city", "state", "zip", "email", "country_code",
           "geo_coordinates")
_SPECIAL = fields.obj({
    "label": fields.string(1), "date": fields.string(10, 10),
    "open": fields.boolean, "opening": fields.string(),
    "closing": fields.string(), "all_day": fields.boolean,
    "annual": fields.boolean}, ("label", "date", "open"))

_CHECKS = {
    "code": fields.string(1), "label": fields.string(1),
    "description": fields.string(),
    "managed_by_external_source": fields.boolean,
    "type_id": fields.choice("PHYSICAL", "VIRTUAL"),
    "enabled": fields.boolean, "time_zone": fields.string(1),
    "operating_hours": fields.obj({day: _HOURS for day in _DAYS}),
    "special_hours": fields.list_of(_SPECIAL),
    "storefront_visibility": fields.boolean,
}
_NEW = dict(_CHECKS, address=fields.obj(_ADDRESS, _NEEDED))
_CHANGE = dict(_CHECKS, id=fields.integer(1, 2 ** 31 - 1), address=fields.obj(
    _ADDRESS, ("country_code", "geo_coordinates")))
_REQUIRED = ("code", "label", "managed_by_external_source", "type_id",
             "time_zone")
_READ_ONLY = ("id", "created_at", "updated_at")

_PARAMS = dict(listing.PAGING, **{
    "location_id:in": query.INTEGERS, "location_code:in": query.TEXTS,
    "is_default": query.BOOLEAN, "is_active": query.BOOLEAN,
    "type_id:in": query.TEXTS, "managed_by_external_source": query.BOOLEAN,
    "storefront_visibility": query.BOOLEAN})


def _whole(location):
    """A location with what it was never given."""
    return dict({
        "description": "", "managed_by_external_source": False,
        "type_id": "PHYSICAL", "operating_hours": _ALWAYS_OPEN,
        "time_zone": "Etc/UTC", "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-01T00:00:00Z", "address": {
            "address1": "1 Main Street", "address2": "", "city": "Austin",
            "state": "TX", "zip": "78701", "email": "stock@example.com",
            "phone": "", "geo_coordinates": {
                "latitude": exactjson.ZERO, "longitude": exactjson.ZERO},
            "country_code": "US"},
        "storefront_visibility": True, "special_hours": []}, **location)


# -- lists -------------------------------------------------------------------

def _flags_fit(location, values):
    # Nothing in a location says that it is the default one.
    flags = {"is_default": location["id"] == stock.DEFAULT_LOCATION,
             "is_active": location["enabled"],
             "managed_by_external_source":
                 location["managed_by_external_source"],
             "storefront_visibility": location["storefront_visibility"]}
    return (all(values.get(name, flag) == flag
                for name, flag in flags.items())
            and location["type_id"] in values.get(
                "type_id:in", ("PHYSICAL", "VIRTUAL")))


def _is_listed(store, location):
    return store.stock.listed_at.get(location["id"], 0) <= time.monotonic()


class _Rows:
    """Locations as the pages of a list want them."""

    def __init__(self, locations):
        self.rows = {one["id"]: one for one in locations}
        self.ids = list(self.rows)


def list_all(call):
    values = call.params(_PARAMS)
    ids, codes = (values.get("location_" + name)
                  for name in ("id:in", "code:in"))
    found = [one for one in map(_whole, call.store.stock.places.values())
             if _is_listed(call.store, one) and _flags_fit(one, values)
             and (ids is None or one["id"] in ids)
             and (codes is None or one["code"] in codes)]
    table = _Rows(found)
    return listing.paged(call, table, table.ids, values, text,
                         call.store.settings["inventory_limit"])


# -- writes ------------------------------------------------------------------

def _accepted():
    return raw_json({"transaction_id": str(uuid.uuid4())})


def _problem(call, status, title):
    return Refused(call.error(status, title))


def _batch(call, checks, required):
    """The checked items of a body; what is wrong is told in words only."""
    items = call.json_array()
    if len(items) > call.store.settings["location_batch"]:
        raise _problem(call, 413, "Too many locations; at most %d."
                       % call.store.settings["location_batch"])
    cleans = []
    for item in items:
        errors = {}
        cleans.append(call.validate(item, checks, errors, _READ_ONLY,
                                    required))
        if errors:
            raise _problem(call, 422, "Location %s is not valid: %s" % (
                item.get("code", item.get("id")), "; ".join(errors.values())))
    return cleans


def _check_code(call, clean, seen, own=None):
    code = clean.get("code")
    holders = {one["code"]: one["id"]
               for one in call.store.stock.places.values()}
    taken = code in seen or holders.get(code, own) != own
    seen.add(code)
    if code is not None and taken and call.store.settings[
            "location_codes"] == "unique":
        raise _problem(call, 422, "The code %s is in use." % code)


def _check_active(call, more):
    active = sum(one["enabled"] for one in call.store.stock.places.values())
    if active + more > call.store.settings["max_locations"]:
        raise _problem(call, 422, "The store has the most active locations "
                                  "that it can have.")


def post(call):
    call.params({})
    cleans = _batch(call, _NEW, _REQUIRED)
    seen = set()
    for clean in cleans:
        _check_code(call, clean, seen)
        if clean["type_id"] == "PHYSICAL" and "address" not in clean:
            raise _problem(call, 422, "Location %s is not valid: address is "
                                      "required" % clean["code"])
    _check_active(call, sum(c.get("enabled", True) for c in cleans))
    for clean in cleans:
        key = call.store.stock.add_place(
            dict({"enabled": True}, **clean),
            call.store.settings["location_delay_ms"])
        call.created("location", key)
    return _accepted()


def put(call):
    call.params({})
    cleans = _batch(call, _CHANGE, ("id",))
    places, seen = call.store.stock.places, set()
    for clean in cleans:
        if clean["id"] not in places:
            raise _problem(call, 422, "The location %d was not found."
                           % clean["id"])
        _check_code(call, clean, seen, clean["id"])
    _check_active(call, sum(
        clean.get("enabled", False) and not places[clean["id"]]["enabled"]
        for clean in cleans))
    for clean in cleans:
        call.store.stock.change_place(clean.pop("id"), clean)
        call.changed("location", clean.get("id"))
    return _accepted()


def delete(call):
    """The default location is the shipping origin and stays."""
    values = call.params({"location_id:in": query.INTEGERS})
    keys = values.get("location_id:in")
    if keys is None:
        raise _problem(call, 422, "location_id:in is required.")
    for key in keys:
        if key not in call.store.stock.places:
            raise _problem(call, 404, "The location %d was not found." % key)
        if key == stock.DEFAULT_LOCATION:
            raise _problem(call, 422, "Location can't be deleted. %s is set "
                           "as a shipping origin for this store."
                           % call.store.stock.places[key]["label"])
    for key in dict.fromkeys(keys):
        call.store.stock.remove_place(key)
        call.deleted("location", key)
    return _accepted()
